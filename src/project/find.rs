//! Which files a project is read from.

use camino::{Utf8Path, Utf8PathBuf};

use super::paths::{normalise, relative_to};
use crate::fault::{Fault, Place};

/// The name of our own project file.
pub(crate) const PROJECT_FILE: &str = "aosm.toml";

/// Names of the input file, the newest first. The last is what the first versions of the Azure CLI extension wrote;
/// beside an `aosm.toml` it is not taken, as it says too little about what it is.
pub(crate) const INPUT_FILES: [&str; 4] = ["cnf-input.jsonc", "vnf-input.jsonc", "nsd-input.jsonc", "input.json"];

/// How many of them are taken beside an `aosm.toml`.
const BESIDE: usize = 3;

/// The files found; at least one is there.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FoundFiles {
    /// `aosm.toml`, or the file given in its stead.
    pub(crate) settings: Option<Utf8PathBuf>,
    /// The input file beside it, unless `aosm.toml` names another.
    pub(crate) input: Option<Utf8PathBuf>,
    /// Another input file that is there too, and is not read.
    pub(crate) other: Option<Utf8PathBuf>,
}

/// Looks in a folder, or at the file given.
pub(crate) fn find(folder: &Utf8Path, file: Option<&Utf8Path>, current_dir: &Utf8Path) -> Result<FoundFiles, Fault> {
    if let Some(file) = file {
        let path = normalise(&current_dir.join(file));
        return match path.extension() {
            Some("toml") => {
                let folder = path.parent().unwrap_or(folder);
                let (input, other) = inputs(folder, BESIDE);
                Ok(FoundFiles {
                    settings: Some(path),
                    input,
                    other,
                })
            }
            Some("jsonc" | "json") => Ok(FoundFiles {
                settings: None,
                input: Some(path),
                other: None,
            }),
            _ => Err(Fault::invalid(format!("{file}: not a project file"))
                .at(Place::file_only(file))
                .hint("a project file is `aosm.toml` or a `*-input.jsonc`")),
        };
    }
    let settings = Some(folder.join(PROJECT_FILE)).filter(|path| path.exists());
    let (input, other) = inputs(folder, if settings.is_some() { BESIDE } else { INPUT_FILES.len() });
    if settings.is_none() && input.is_none() {
        return Err(nothing(folder, current_dir));
    }
    Ok(FoundFiles { settings, input, other })
}

/// The first input file of a folder, and the next beside it. `input.json` says too little to be missed.
fn inputs(folder: &Utf8Path, names: usize) -> (Option<Utf8PathBuf>, Option<Utf8PathBuf>) {
    let mut there = INPUT_FILES
        .iter()
        .take(names)
        .map(|name| folder.join(name))
        .filter(|path| path.exists());
    let first = there.next();
    let other = there.next().filter(|path| path.extension() == Some("jsonc"));
    (first, other)
}

/// Is there a project file in a folder?
pub fn is_there(folder: &Utf8Path) -> bool {
    std::iter::once(PROJECT_FILE)
        .chain(INPUT_FILES)
        .any(|name| folder.join(name).exists())
}

fn nothing(folder: &Utf8Path, current_dir: &Utf8Path) -> Fault {
    let shown = relative_to(folder, current_dir);
    if !folder.is_dir() {
        return Fault::invalid(format!("{shown}: there is no such folder"))
            .at(Place::file_only(shown))
            .hint("name a folder that is there");
    }
    let fault = if shown == "." {
        Fault::invalid("no `aosm.toml` and no `cnf-input.jsonc` in the current folder")
    } else {
        Fault::invalid(format!(
            "{shown}: no `aosm.toml` and no `cnf-input.jsonc` in this folder"
        ))
        .at(Place::file_only(&shown))
    };
    let other = other_input(folder);
    let above = folder.ancestors().skip(1).find(|above| {
        [PROJECT_FILE]
            .iter()
            .chain(INPUT_FILES.iter().take(BESIDE))
            .any(|name| above.join(name).is_file())
    });
    match (other, above) {
        (Some(other), _) => fault.hint(format!(
            "`--project {}` reads that file",
            relative_to(&folder.join(other), current_dir)
        )),
        // Parents are not searched: a run must not depend on what lies around a checkout.
        (None, Some(above)) => fault.hint(format!(
            "there is a project above: use `-C {}`",
            relative_to(above, current_dir)
        )),
        (None, None) => fault.hint("`aosm-build init` writes an `aosm.toml` from your charts"),
    }
}

fn other_input(folder: &Utf8Path) -> Option<String> {
    let mut names: Vec<String> = folder
        .read_dir_utf8()
        .ok()?
        .take(1000)
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .filter(|name| name.ends_with("-input.jsonc") || name.ends_with("-input.json"))
        .collect();
    names.sort();
    names.into_iter().next()
}
