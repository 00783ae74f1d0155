//! A folder that runs write to: may it be written, how much space is free? Found out without writing.

use camino::{Utf8Path, Utf8PathBuf};

use super::check::State;
use super::words::bytes;

/// Below this runs will fail soon.
const TOO_LITTLE: u64 = 64 << 20;
/// Below this somebody should know.
const LITTLE: u64 = 1 << 30;

/// What is known of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folder {
    /// Is it there?
    pub(super) exists: bool,
    /// Why nothing can be written there, if so.
    pub(super) refused: Option<String>,
    /// Bytes free for us; `None` where the system does not tell.
    pub(super) free: Option<u64>,
}

impl Folder {
    /// Looks at a folder, or at the nearest one above it that is there: that is where it would be made.
    pub(super) fn look(path: &Utf8Path) -> Self {
        let (there, meta) = nearest(path);
        let exists = there == path;
        let refused = match meta {
            None => Some("no folder above it is there".to_owned()),
            Some(meta) if !meta.is_dir() => Some(if exists {
                "it is no folder".to_owned()
            } else {
                format!("{there} is in the way: it is no folder")
            }),
            Some(_) => system::refusal(&there).map(|why| if exists { why } else { format!("{there}: {why}") }),
        };
        Self {
            exists,
            refused,
            free: system::free(&there),
        }
    }

    /// How it is, in words, and what to do.
    pub(super) fn judged(&self) -> (State, String, Option<&'static str>) {
        if let Some(why) = &self.refused {
            return (State::Missing, format!("cannot be written: {why}"), None);
        }
        let made = if self.exists {
            "writable"
        } else {
            "not there yet, can be made"
        };
        let Some(free) = self.free else {
            return (State::Ok, made.to_owned(), None);
        };
        let words = format!("{made}, {} free", bytes(free));
        match free {
            0..TOO_LITTLE => (State::Missing, words, Some("free some space on this disk")),
            TOO_LITTLE..LITTLE => (
                State::Warning,
                words,
                Some("free some space on this disk: images are large"),
            ),
            LITTLE.. => (State::Ok, words, None),
        }
    }
}

/// The path itself or the nearest one above it that is there.
fn nearest(path: &Utf8Path) -> (Utf8PathBuf, Option<std::fs::Metadata>) {
    for above in path.ancestors() {
        if let Ok(meta) = std::fs::metadata(above) {
            return (above.to_owned(), Some(meta));
        }
    }
    (path.to_owned(), None)
}

#[cfg(unix)]
mod system {
    use camino::Utf8Path;
    use rustix::fs::{Access, access, statvfs};

    /// Why the system would refuse writing into a folder (access(2)).
    pub(super) fn refusal(folder: &Utf8Path) -> Option<String> {
        let error = access(folder.as_std_path(), Access::WRITE_OK | Access::EXEC_OK).err()?;
        Some(std::io::Error::from(error).to_string())
    }

    /// Bytes free for those who are not root (statvfs(3)).
    pub(super) fn free(folder: &Utf8Path) -> Option<u64> {
        let found = statvfs(folder.as_std_path()).ok()?;
        Some(found.f_bavail.saturating_mul(found.f_frsize))
    }
}

#[cfg(not(unix))]
mod system {
    use camino::Utf8Path;

    pub(super) fn refusal(folder: &Utf8Path) -> Option<String> {
        let meta = std::fs::metadata(folder).ok()?;
        meta.permissions().readonly().then(|| "it is read-only".to_owned())
    }

    pub(super) fn free(_folder: &Utf8Path) -> Option<u64> {
        None
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    fn folder(refused: Option<&str>, free: Option<u64>) -> Folder {
        Folder {
            exists: true,
            refused: refused.map(str::to_owned),
            free,
        }
    }

    #[test]
    fn a_folder_is_judged_by_rights_and_space() {
        let table = [
            (folder(None, Some(50 << 30)), State::Ok, "writable, 50 GiB free"),
            (folder(None, None), State::Ok, "writable"),
            (
                folder(None, Some(LITTLE - 1)),
                State::Warning,
                "writable, 1023 MiB free",
            ),
            (
                folder(None, Some(TOO_LITTLE - 1)),
                State::Missing,
                "writable, 63 MiB free",
            ),
            (folder(None, Some(0)), State::Missing, "writable, 0 bytes free"),
            (
                folder(Some("no"), Some(50 << 30)),
                State::Missing,
                "cannot be written: no",
            ),
        ];
        for (folder, state, words) in table {
            let (found, said, hint) = folder.judged();
            assert_eq!((found, said.as_str()), (state, words), "{folder:?}");
            assert_eq!(
                hint.is_none(),
                state == State::Ok || folder.refused.is_some(),
                "{folder:?}"
            );
        }
    }

    #[test]
    fn what_is_not_there_is_judged_by_what_is_above_it_and_is_not_made() {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let path = root.join("a/b/c");
        let found = Folder::look(&path);
        assert_eq!((found.exists, found.refused), (false, None));
        assert!(!root.join("a").exists());
        std::fs::write(root.join("a"), "a file").unwrap();
        let found = Folder::look(&path);
        assert!(found.refused.unwrap().contains("in the way"));
        let found = Folder::look(&root.join("a"));
        assert_eq!(found.refused.as_deref(), Some("it is no folder"));
    }
}
