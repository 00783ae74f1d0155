//! Paths named in project files.
//!
//! A relative path starts from the folder of the file that names it. The Azure CLI extension starts from the current
//! folder instead; where only that finds something it is taken with a warning, and where both do, the file's is taken
//! with a warning.

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::document::Document;
use super::model::Spanned;
use crate::fault::{Fault, Faults};

/// How paths are resolved.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    /// The current folder; absolute.
    pub(crate) current_dir: &'a Utf8Path,
}

impl Resolver<'_> {
    /// A path that must be there. `what` names it in the error: `chart`, `values file`.
    pub(crate) fn existing(
        &self,
        written: &Spanned<String>,
        document: &Document,
        what: &str,
        faults: &mut Faults,
    ) -> Option<Spanned<Utf8PathBuf>> {
        let found = self.resolve(written, document, what, faults);
        if found.is_none() {
            let tried = normalise(&document.folder().join(&written.value));
            let mut fault = Fault::invalid(format!("{what} {}: there is no such file or folder", written.value))
                .at_opt(written.place.clone());
            fault = fault.because(format!("looked for {}", self.show(&tried)));
            faults.push(fault.hint(self.absence_hint(written, document)));
        }
        found.map(|path| Spanned {
            value: path,
            place: written.place.clone(),
        })
    }

    /// A path that may be absent: then it starts from the file's folder.
    pub(crate) fn perhaps(
        &self,
        written: &Spanned<String>,
        document: &Document,
        what: &str,
        faults: &mut Faults,
    ) -> Spanned<Utf8PathBuf> {
        let path = self
            .resolve(written, document, what, faults)
            .unwrap_or_else(|| normalise(&document.folder().join(&written.value)));
        Spanned {
            value: path,
            place: written.place.clone(),
        }
    }

    fn resolve(
        &self,
        written: &Spanned<String>,
        document: &Document,
        what: &str,
        faults: &mut Faults,
    ) -> Option<Utf8PathBuf> {
        let by_file = normalise(&document.folder().join(&written.value));
        let by_folder = normalise(&self.current_dir.join(&written.value));
        match (by_file.exists(), by_folder.exists()) {
            (true, true) if by_file != by_folder && !same(&by_file, &by_folder) => {
                faults.push(
                    warning(what, written, "means two things")
                        .because(format!("taken: {}", self.show(&by_file)))
                        .because(format!("not taken: {}", self.show(&by_folder)))
                        .hint("paths start from the file that names them; the Azure CLI extension starts from the current folder"),
                );
                Some(by_file)
            }
            (true, _) => Some(by_file),
            (false, true) => {
                faults.push(
                    warning(what, written, "found only from the current folder").hint(format!(
                        "paths start from the file that names them: write `{}`",
                        relative_to(&by_folder, document.folder())
                    )),
                );
                Some(by_folder)
            }
            (false, false) => None,
        }
    }

    fn absence_hint(&self, written: &Spanned<String>, document: &Document) -> String {
        if written.value.contains('\\') {
            return "write paths with `/`, which works everywhere".into();
        }
        let path = normalise(&document.folder().join(&written.value));
        let near = path.parent().zip(path.file_name()).and_then(|(parent, name)| {
            let names = file_names(parent);
            super::suggest::nearest(name, names.iter().map(String::as_str)).map(str::to_owned)
        });
        match near {
            Some(name) => format!("did you mean `{name}`, which is in the same folder?"),
            None => format!("paths start from the folder of {}", document.source.path),
        }
    }

    /// A path as people know it.
    pub(crate) fn show(&self, path: &Utf8Path) -> Utf8PathBuf {
        relative_to(path, self.current_dir)
    }
}

fn warning(what: &str, written: &Spanned<String>, text: &str) -> Fault {
    Fault::warning(format!("{what} {}: {text}", written.value)).at_opt(written.place.clone())
}

fn same(one: &Utf8Path, other: &Utf8Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

/// The names in a folder, at most a few hundred: only for "did you mean".
fn file_names(folder: &Utf8Path) -> Vec<String> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    let mut names: Vec<String> = entries
        .take(500)
        .flatten()
        .map(|entry| entry.file_name().to_owned())
        .collect();
    names.sort();
    names
}

/// Without `.` and, where it is safe to say without asking the disk, without `..`.
pub(crate) fn normalise(path: &Utf8Path) -> Utf8PathBuf {
    let mut out = Utf8PathBuf::new();
    for component in path.components() {
        match component {
            Utf8Component::CurDir => {}
            // Through a symbolic link `..` leads elsewhere, so only the rest of a real folder is cut.
            Utf8Component::ParentDir
                if matches!(out.components().next_back(), Some(Utf8Component::Normal(_))) && !out.is_symlink() =>
            {
                out.pop();
            }
            other => out.push(other.as_str()),
        }
    }
    out
}

/// The path from a folder, with at most a few `..`; else as it is.
pub(crate) fn relative_to(path: &Utf8Path, folder: &Utf8Path) -> Utf8PathBuf {
    let mut up = Utf8PathBuf::new();
    for (steps, base) in folder.ancestors().enumerate() {
        // The root in common is no neighbourhood.
        if steps > 3 || base.parent().is_none() {
            break;
        }
        if let Ok(rest) = path.strip_prefix(base) {
            let joined = up.join(rest);
            return if joined.as_str().is_empty() {
                Utf8PathBuf::from(".")
            } else {
                joined
            };
        }
        up.push("..");
    }
    path.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_shown_from_a_folder() {
        let cases = [
            ("/a/b/c", "/a/b", "c"),
            ("/a/b", "/a/b", "."),
            ("/a/x/c", "/a/b", "../x/c"),
            ("/z/c", "/a/b", "/z/c"),
            ("/a/c", "/a/b/c/d/e/f", "/a/c"),
        ];
        for (path, folder, expected) in cases {
            assert_eq!(
                relative_to(path.into(), folder.into()),
                expected,
                "{path} from {folder}"
            );
        }
    }

    #[test]
    fn dots_are_taken_out() {
        for (path, expected) in [
            ("/a/./b", "/a/b"),
            ("/a/../b", "/b"),
            ("/../a", "/../a"),
            ("/a/b/../../c", "/c"),
        ] {
            assert_eq!(normalise(path.into()), expected, "{path}");
        }
    }
}
