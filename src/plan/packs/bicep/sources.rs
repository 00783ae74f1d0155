//! Everything on this machine that a build of one Bicep source depends on, with its digests.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::scan::scan;
use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Place};
use crate::project::MAX_TEMPLATE;

/// How many files one source may reach; beyond that it is a whole library.
const MAX_FILES: usize = 2000;

/// The compiler reads settings from the nearest file of this name above a source.
const SETTINGS: &str = "bicepconfig.json";

/// The files of one source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Sources {
    /// Digests by path, from the folder of the source on.
    pub(super) files: BTreeMap<String, Digest>,
    /// Nothing else is read from this machine.
    pub(super) is_whole: bool,
}

impl Sources {
    /// Follows the texts of a source to the files they name, and those of Bicep files among them. Messages show paths from
    /// `root` on.
    pub(super) fn of(main: &Utf8Path, root: &Utf8Path, digests: &dyn FileDigests) -> Result<Self, Fault> {
        let base = main.parent().unwrap_or(Utf8Path::new("/"));
        let mut sources = Self {
            files: BTreeMap::new(),
            is_whole: true,
        };
        let mut seen = BTreeSet::from([main.to_owned()]);
        let mut waiting = vec![main.to_owned()];
        while let Some(path) = waiting.pop() {
            let (digest, _) = digests
                .file_digest(&path)
                .map_err(|error| unreadable(shown(&path, root), &error))?;
            sources.files.insert(relative(&path, base), digest);
            if path.extension() != Some("bicep") {
                continue;
            }
            let folder = path.parent().unwrap_or(base);
            let scan = scan(&text(&path, root)?);
            sources.is_whole &= !scan.reads_others;
            let named = scan.texts.iter().map(|name| plain(&folder.join(name)));
            let settings = folder
                .ancestors()
                .map(|folder| folder.join(SETTINGS))
                .find(|path| path.is_file());
            for found in named.filter(|path| path.is_file()).chain(settings) {
                if seen.insert(found.clone()) {
                    waiting.push(found);
                }
            }
            if seen.len() > MAX_FILES {
                return Err(Fault::invalid(format!(
                    "template {}: reaches more than {MAX_FILES} files",
                    main.file_name().unwrap_or_default()
                ))
                .at(Place::file_only(shown(main, root)))
                .hint("build it by itself, and name the JSON"));
            }
        }
        Ok(sources)
    }
}

fn shown<'a>(path: &'a Utf8Path, root: &Utf8Path) -> &'a Utf8Path {
    path.strip_prefix(root).unwrap_or(path)
}

fn text(path: &Utf8Path, root: &Utf8Path) -> Result<String, Fault> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MAX_TEMPLATE + 1).read_to_end(&mut bytes));
    read.map_err(|error| unreadable(shown(path, root), &error))?;
    if bytes.len() as u64 > MAX_TEMPLATE {
        return Err(Fault::invalid(format!(
            "template {}: larger than {} MiB",
            path.file_name().unwrap_or_default(),
            MAX_TEMPLATE >> 20
        ))
        .at(Place::file_only(shown(path, root)))
        .hint("is this the right file? Azure takes no larger templates"));
    }
    // The compiler says what is wrong with other encodings; paths are found all the same.
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Fault {
    Fault::infrastructure(format!("{path}: cannot be read"))
        .because(error)
        .at(Place::file_only(path))
        .hint("check its permissions")
}

/// Without `.` and `..`, as the compiler reads paths: by their text.
fn plain(path: &Utf8Path) -> Utf8PathBuf {
    let mut out = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            Utf8Component::ParentDir if matches!(out.components().next_back(), Some(Utf8Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other.as_str()),
        }
    }
    out
}

/// A path from a folder on, with `..` as often as needed: the same on every machine with the same checkout.
fn relative(path: &Utf8Path, base: &Utf8Path) -> String {
    let mut up = String::new();
    for folder in base.ancestors() {
        if let Ok(rest) = path.strip_prefix(folder) {
            return format!("{up}{}", rest.as_str().replace('\\', "/"));
        }
        up.push_str("../");
    }
    path.to_string()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use crate::digest::ReadFiles;

    fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, Utf8PathBuf) {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        for (name, text) in files {
            let file = path.join(name);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, text).unwrap();
        }
        (guard, path)
    }

    #[test]
    fn modules_of_modules_loaded_files_and_settings_count() {
        let (_guard, path) = folder(&[
            (
                "src/main.bicep",
                "module a 'net/vnet.bicep' = {}\nvar t = loadTextContent('init.sh')\nmodule r 'br:x.azurecr.io/m:1'",
            ),
            (
                "src/net/vnet.bicep",
                "module s '../../shared/s.bicep' = {}\nmodule again '../main.bicep' = {}",
            ),
            ("shared/s.bicep", "param location string = 'eastus'"),
            ("src/init.sh", "echo 'not.bicep'"),
            ("src/not.bicep", ""),
            ("bicepconfig.json", "{}"),
        ]);
        let sources = Sources::of(&path.join("src/main.bicep"), &path, &ReadFiles).unwrap();
        let names: Vec<&str> = sources.files.keys().map(String::as_str).collect();
        assert_eq!(
            names,
            [
                "../bicepconfig.json",
                "../shared/s.bicep",
                "init.sh",
                "main.bicep",
                "net/vnet.bicep"
            ]
        );
        assert!(sources.is_whole);
    }

    #[test]
    fn a_module_that_reads_folders_makes_the_whole_unsure() {
        let (_guard, path) = folder(&[
            ("main.bicep", "module a 'a.bicep' = {}"),
            ("a.bicep", "var all = loadDirectoryFileInfo('.')"),
        ]);
        assert!(
            !Sources::of(&path.join("main.bicep"), &path, &ReadFiles)
                .unwrap()
                .is_whole
        );
    }

    #[test]
    fn a_file_that_is_gone_is_an_error() {
        let (_guard, path) = folder(&[]);
        let fault = Sources::of(&path.join("main.bicep"), &path, &ReadFiles).unwrap_err();
        assert!(fault.message().contains("cannot be read"), "{fault}");
    }
}
