//! Where a file is that the list names: the extension writes charts with the path they had on the machine of the build, so a list that
//! has come to another machine names files that are elsewhere.
//!
//! What is found where the list says is taken as it is. What is found elsewhere is taken if there is exactly one such file, and told.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use crate::fault::{Fault, Faults, some_of};
use crate::project::Spanned;
use crate::project::paths::{normalise, relative_to};

/// How deep folders are searched for a file's name.
const MAX_DEPTH: usize = 8;

/// How many entries of folders are looked at for one file.
const MAX_ENTRIES: usize = 20_000;

/// Where files are looked for.
pub(super) struct Finder<'a> {
    /// The folder of the list; absolute.
    folder: &'a Utf8Path,
    /// The current folder; absolute.
    current_dir: &'a Utf8Path,
    /// What was found elsewhere: as it is written, and in words.
    moved: Vec<(Spanned<String>, String)>,
}

/// What a search came to.
enum Found {
    /// Where the list says.
    There(Utf8PathBuf),
    /// In one other place.
    Elsewhere(Utf8PathBuf),
    /// In several.
    Several(Vec<Utf8PathBuf>),
    /// Nowhere; whether all was looked at.
    Nowhere { all: bool },
}

impl<'a> Finder<'a> {
    /// Looks in and around a folder; both absolute.
    pub(super) fn new(folder: &'a Utf8Path, current_dir: &'a Utf8Path) -> Self {
        Self {
            folder,
            current_dir,
            moved: Vec::new(),
        }
    }

    /// One word about all that was found elsewhere: after a build on another machine that is every file.
    pub(super) fn moved(&self) -> Option<Fault> {
        let (first, _) = self.moved.first()?;
        let many = match self.moved.len() {
            1 => "a file is".to_owned(),
            n => format!("{n} files are"),
        };
        let warning = Fault::warning(format!(
            "artifacts.json: {many} not where the list says, and taken from elsewhere"
        ));
        let told = self
            .moved
            .iter()
            .fold(warning.at_opt(first.place.clone()), |fault, (_, words)| {
                fault.because(words)
            });
        Some(told.hint("the build wrote the paths of its own machine; correct `file_path` if another file is meant"))
    }

    /// Finds a file, or says where it is not. `what` names it: `chart`, `template`.
    pub(super) fn find(
        &mut self,
        written: &Spanned<String>,
        what: &str,
        folders_too: bool,
        faults: &mut Faults,
    ) -> Option<Spanned<Utf8PathBuf>> {
        let text = slashes(&written.value);
        let there = |path: &Utf8Path| path.is_file() || (folders_too && path.is_dir());
        // Many a folder may be called like a chart.
        let alike = |path: &Utf8Path| path.is_file() || (folders_too && path.join("Chart.yaml").is_file());
        let found = self.search(&text, &there, &alike);
        let path = match found {
            Found::There(path) => path,
            Found::Elsewhere(path) => {
                let words = format!("{what} {}: taken: {}", written.value, self.show(&path));
                self.moved.push((written.clone(), words));
                path
            }
            Found::Several(paths) => {
                let mut fault = Fault::invalid(format!(
                    "{what} {}: not there, and several files could be meant",
                    written.value
                ))
                .at_opt(written.place.clone());
                for path in &paths {
                    fault = fault.because(self.show(path));
                }
                faults.push(fault.hint("correct `file_path`: relative paths start from the folder that was built"));
                return None;
            }
            Found::Nowhere { all } => {
                faults.push(self.nowhere(written, &text, what, folders_too, all));
                return None;
            }
        };
        Some(Spanned {
            value: path,
            place: written.place.clone(),
        })
    }

    fn search(&self, text: &str, there: &dyn Fn(&Utf8Path) -> bool, fits: &dyn Fn(&Utf8Path) -> bool) -> Found {
        if let Some(path) = self.as_written(text).into_iter().next().filter(|path| there(path)) {
            return Found::There(path);
        }
        if let Some(path) = self.as_written(text).into_iter().skip(1).find(|path| fits(path)) {
            return Found::Elsewhere(path);
        }
        // The end of a path is often the same on both machines: the longest such end is the surest.
        let parts: Vec<&str> = parts(text);
        for at in 1..parts.len().saturating_sub(1) {
            let end: Utf8PathBuf = parts.get(at..).unwrap_or_default().iter().collect();
            let there = self.bases().into_iter().map(|base| normalise(&base.join(&end)));
            match one_of(there.filter(|path| fits(path)).collect()) {
                Found::Nowhere { .. } => {}
                found => return found,
            }
        }
        let Some(name) = parts.last() else {
            return Found::Nowhere { all: true };
        };
        // What is beside the folder holds the folder too.
        let around = self.folder.parent().unwrap_or(self.folder);
        let mut walk = Walk {
            name,
            fits,
            left: MAX_ENTRIES,
            found: Vec::new(),
        };
        walk.folder(self.folder, 0);
        if walk.found.is_empty() {
            walk.folder(around, 0);
            let here = self.current_dir.join(name);
            walk.found.extend(fits(&here).then_some(here));
        }
        let all = walk.left > 0;
        match one_of(walk.found) {
            Found::Nowhere { .. } => Found::Nowhere { all },
            found => found,
        }
    }

    /// The readings of what is written, the list's own first.
    fn as_written(&self, text: &str) -> Vec<Utf8PathBuf> {
        if Utf8Path::new(text).is_absolute() {
            return vec![normalise(Utf8Path::new(text))];
        }
        self.bases()
            .into_iter()
            .map(|base| normalise(&base.join(text)))
            .collect()
    }

    /// Where relative paths may start from.
    fn bases(&self) -> Vec<&Utf8Path> {
        let mut bases = vec![self.folder];
        bases.extend(self.folder.parent());
        if !bases.contains(&self.current_dir) {
            bases.push(self.current_dir);
        }
        bases
    }

    fn nowhere(&self, written: &Spanned<String>, text: &str, what: &str, folders_too: bool, all: bool) -> Fault {
        let mut fault =
            Fault::invalid(format!("{what} {}: there is no such file", written.value)).at_opt(written.place.clone());
        for path in self.as_written(text) {
            let is = if path.is_dir() && !folders_too {
                ", which is a folder"
            } else {
                ""
            };
            fault = fault.because(format!("looked for {}{is}", self.show(&path)));
        }
        let names: BTreeSet<String> = self.bases().iter().map(|base| self.show(base).to_string()).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        if let Some(name) = parts(text).last() {
            let part = if all { "" } else { " (not all of it: there is too much)" };
            fault = fault.because(format!("looked for {name} below and beside {}{part}", some_of(&names)));
        }
        fault.hint("carry the file along with the folder, or correct `file_path`: relative paths start from the folder that was built")
    }

    fn show(&self, path: &Utf8Path) -> Utf8PathBuf {
        relative_to(path, self.current_dir)
    }
}

/// A path of another system with the separators of all.
fn slashes(text: &str) -> String {
    if cfg!(windows) || !text.contains('\\') || Utf8Path::new(text).exists() {
        return text.to_owned();
    }
    text.replace('\\', "/")
}

/// The names of a path; nothing that leads up, and no drive.
fn parts(text: &str) -> Vec<&str> {
    text.split('/')
        .filter(|part| !matches!(*part, "" | "." | "..") && !part.ends_with(':'))
        .collect()
}

/// One file that is there under several names is one.
fn one_of(paths: Vec<Utf8PathBuf>) -> Found {
    let mut seen = BTreeSet::new();
    let mut distinct: Vec<Utf8PathBuf> = paths
        .into_iter()
        .filter(|path| seen.insert(path.canonicalize_utf8().unwrap_or_else(|_| path.clone())))
        .collect();
    match (distinct.pop(), distinct.is_empty()) {
        (None, _) => Found::Nowhere { all: true },
        (Some(path), true) => Found::Elsewhere(path),
        (Some(path), false) => {
            distinct.push(path);
            distinct.sort();
            Found::Several(distinct)
        }
    }
}

struct Walk<'a> {
    name: &'a str,
    fits: &'a dyn Fn(&Utf8Path) -> bool,
    left: usize,
    found: Vec<Utf8PathBuf>,
}

impl Walk<'_> {
    /// Looks below a folder; hidden folders are left out, links are not followed.
    fn folder(&mut self, folder: &Utf8Path, depth: usize) {
        let Ok(entries) = folder.read_dir_utf8() else { return };
        for entry in entries.flatten() {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            let path = entry.path();
            if entry.file_name() == self.name && (self.fits)(path) {
                self.found.push(path.to_owned());
                continue;
            }
            let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
            if is_folder && depth < MAX_DEPTH && !entry.file_name().starts_with('.') {
                self.folder(path, depth + 1);
            }
        }
    }
}
