//! The files of a chart folder that Helm sees: `.helmignore` honoured, links followed as Helm follows them, bounded.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use super::ignore::Rules;
use crate::archive::Limits;
use crate::fault::{Fault, Place, SourceFile};

/// Folders within folders: more than this is a mistake, or a link that goes round.
const MAX_DEPTH: usize = 64;

/// Name within the chart → path on disk, sorted by name.
pub(super) type Listing = BTreeMap<String, Utf8PathBuf>;

/// Lists the files of a chart folder.
pub(super) fn walk(root: &Utf8Path) -> Result<Listing, Fault> {
    let mut walk = Walk {
        rules: rules(root)?,
        files: Listing::new(),
        total: 0,
        above: Vec::new(),
    };
    walk.folder(root, "")?;
    Ok(walk.files)
}

fn rules(root: &Utf8Path) -> Result<Rules, Fault> {
    let path = root.join(".helmignore");
    let bytes = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(unreadable(&path, &e)),
    };
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Rules::parse(&text).map_err(|bad| {
        let start: usize = text
            .split_inclusive('\n')
            .take(bad.line.saturating_sub(1))
            .map(str::len)
            .sum();
        let length = text.lines().nth(bad.line.saturating_sub(1)).map_or(0, str::len);
        let place = Place::new(
            SourceFile::new(super::shown(&path), text.clone()),
            start..start + length,
        );
        Fault::invalid(format!(".helmignore: {}", bad.reason))
            .at(place)
            .hint("Helm refuses the chart for it as well")
    })
}

struct Walk {
    rules: Rules,
    files: Listing,
    total: u64,
    /// The real paths of the folders that are being walked, outermost first.
    above: Vec<Utf8PathBuf>,
}

impl Walk {
    fn folder(&mut self, folder: &Utf8Path, prefix: &str) -> Result<(), Fault> {
        let real = folder.canonicalize_utf8().map_err(|e| unreadable(folder, &e))?;
        if self.above.contains(&real) || self.above.len() >= MAX_DEPTH {
            return Err(
                Fault::invalid(format!("{}: the folder contains itself", super::shown(folder)))
                    .at(Place::file_only(super::shown(folder)))
                    .hint("a link in the chart leads back to a folder above it: remove the link"),
            );
        }
        self.above.push(real);
        let mut names = Vec::new();
        for entry in folder.read_dir_utf8().map_err(|e| unreadable(folder, &e))? {
            let entry = entry.map_err(|e| match e.kind() {
                std::io::ErrorKind::InvalidData => no_utf8(folder, &e),
                _ => unreadable(folder, &e),
            })?;
            names.push(entry.file_name().to_owned());
        }
        names.sort_unstable();
        for name in names {
            let path = folder.join(&name);
            let logical = if prefix.is_empty() {
                name
            } else {
                format!("{prefix}/{name}")
            };
            self.entry(&path, logical)?;
        }
        self.above.pop();
        Ok(())
    }

    fn entry(&mut self, path: &Utf8Path, logical: String) -> Result<(), Fault> {
        let meta = std::fs::metadata(path).map_err(|e| unreadable(path, &e))?;
        if self.rules.ignores(&logical, meta.is_dir()) || not_loaded(&logical) {
            return Ok(());
        }
        if meta.is_dir() {
            return self.folder(path, &logical);
        }
        if !meta.is_file() {
            return Err(
                Fault::invalid(format!("{}: neither a file nor a folder", super::shown(path)))
                    .at(Place::file_only(super::shown(path)))
                    .hint("Helm refuses such files: remove it or name it in `.helmignore`"),
            );
        }
        self.total = self.total.saturating_add(meta.len());
        if self.total > Limits::CHART.total_size || self.files.len() as u64 >= Limits::CHART.entries {
            return Err(Fault::invalid("chart: more than 100 MiB or 50,000 files")
                .at(Place::file_only(super::shown(path)))
                .hint("Helm takes no more: name what is not part of the chart in `.helmignore`"));
        }
        self.files.insert(logical, path.to_owned());
        Ok(())
    }
}

/// Entries of `charts/` that begin with `_` or `.` are no charts to Helm, at any level, and are left out of packages.
pub(super) fn not_loaded(name: &str) -> bool {
    let mut rest = name;
    while let Some(inner) = rest.strip_prefix("charts/") {
        let (first, after) = inner
            .split_once('/')
            .map_or((inner, ""), |(first, after)| (first, after));
        if first.starts_with(['_', '.']) && Utf8Path::new(name).extension() != Some("prov") {
            return true;
        }
        rest = after;
    }
    false
}

/// Charts are archives of names in UTF-8, and so is everything that names their files.
fn no_utf8(folder: &Utf8Path, error: &std::io::Error) -> Fault {
    let shown = super::shown(folder);
    Fault::invalid(format!("{shown}: a file's name in this folder is not UTF-8"))
        .at(Place::file_only(&shown))
        .because(error)
        .hint("rename the file, or remove it from the chart")
}

fn unreadable(path: &Utf8Path, error: &std::io::Error) -> Fault {
    let shown = super::shown(path);
    let broken_link = error.kind() == std::io::ErrorKind::NotFound && path.is_symlink();
    let fault = if broken_link {
        Fault::invalid(format!("{shown}: a link that leads nowhere"))
            .hint("remove the link, or restore what it leads to")
    } else if path.is_symlink() && std::fs::canonicalize(path).is_err() {
        Fault::invalid(format!("{shown}: a link that leads nowhere"))
            .because(error)
            .hint("remove the link, or restore what it leads to")
    } else {
        Fault::infrastructure(format!("{shown}: cannot be read"))
            .because(error)
            .hint("check that it may be read")
    };
    fault.at(Place::file_only(shown))
}
