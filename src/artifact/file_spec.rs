//! One file or folder to be packed, and how people write it: `path[:media/type]`.
//!
//! The last colon separates, as in oras; what follows it must be a media type. A colon in a name is therefore written
//! with another at the end (`a:b:`), unless what follows is no media type anyway and the file is there. A Windows drive
//! letter is no separator, on no system: project files travel.

use camino::{Utf8Path, Utf8PathBuf};

use super::media_type::is_media_type;
use crate::fault::{Fault, Kind};

/// One file or folder of an artifact.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileSpec {
    /// Where it lies; relative ones start from the folder that packing is told.
    pub path: Utf8PathBuf,
    /// Its media type; `None` for the default of files and of folders.
    pub media_type: Option<String>,
    /// The name it gets when it is pulled; `None` for the path (see [`title_of`]).
    pub title: Option<String>,
}

impl FileSpec {
    /// A file with the default type and title.
    pub fn new(path: impl Into<Utf8PathBuf>) -> Self {
        Self {
            path: path.into(),
            ..Self::default()
        }
    }

    /// Reads `path[:media/type]`; relative paths start from `folder`. Fails, naming the argument, for an empty path and
    /// for what is no media type.
    pub fn parse(argument: &str, folder: &Utf8Path) -> Result<Self, Fault> {
        parse(argument, &|path| folder.join(path).exists())
    }
}

fn parse(argument: &str, exists: &dyn Fn(&str) -> bool) -> Result<FileSpec, Fault> {
    let split = match argument.rfind(':') {
        Some(1) if has_drive(argument) => None,
        Some(at) => Some((
            argument.get(..at).unwrap_or_default(),
            argument.get(at + 1..).unwrap_or_default(),
        )),
        None => None,
    };
    let refused = |what: String, hint: &str| Err(Fault::new(Kind::Usage, format!("{argument:?}: {what}")).hint(hint));
    let (path, media_type) = match split {
        None => (argument, None),
        Some((path, "")) => (path, None),
        Some((path, media_type)) if is_media_type(media_type) => (path, Some(media_type.to_owned())),
        Some(_) if exists(argument) => (argument, None),
        Some((path, other)) => {
            let hint = if exists(path) {
                "write file:type/subtype, as in notes.txt:text/plain, or leave the type out"
            } else {
                "write file:type/subtype; a colon in a name needs another one at the end, as in `a:b:`"
            };
            return refused(format!("{other:?} is no media type (RFC 6838)"), hint);
        }
    };
    if path.is_empty() {
        return refused("names no file".to_owned(), "write path or path:type/subtype");
    }
    if path.contains('\0') {
        return refused("holds a NUL byte".to_owned(), "no file can have such a name");
    }
    Ok(FileSpec {
        path: path.into(),
        media_type,
        title: None,
    })
}

/// `C:\…` or `C:/…`.
fn has_drive(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic())
        && chars.next() == Some(':')
        && matches!(chars.next(), Some('\\' | '/'))
}

/// The null device, by which people say "nothing": an empty file, on every system.
pub fn is_null_device(path: &Utf8Path) -> bool {
    path == "/dev/null" || path.as_str().eq_ignore_ascii_case("nul")
}

/// The title a path gets: the path as typed, cleaned and with `/`, when it stays in the folder it starts from; else the
/// name of the file alone. (oras keeps absolute and climbing paths, and refuses to pull what it then pushed.)
pub fn title_of(path: &Utf8Path) -> Option<String> {
    let slashed;
    let text = if cfg!(windows) {
        slashed = path.as_str().replace('\\', "/");
        slashed.as_str()
    } else {
        path.as_str()
    };
    let outside = path.is_absolute() || has_drive(path.as_str());
    let mut parts: Vec<&str> = Vec::new();
    let mut climbed = false;
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." => climbed |= parts.pop().is_none(),
            part => parts.push(part),
        }
    }
    if outside || climbed {
        parts.last().map(|name| {
            // `C:\x\y` typed where backslashes do not separate.
            name.rsplit('\\').next().unwrap_or(name).to_owned()
        })
    } else {
        Some(parts.join("/"))
    }
    .filter(|title| !title.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn parsed(argument: &str, there: &[&str]) -> Result<(String, Option<String>), String> {
        parse(argument, &|path| there.contains(&path))
            .map(|spec| (spec.path.into_string(), spec.media_type))
            .map_err(|fault| fault.to_string())
    }

    #[test]
    fn the_last_colon_separates_path_and_type() {
        let table: &[(&str, &str, Option<&str>)] = &[
            ("hi.txt", "hi.txt", None),
            ("hi.txt:text/plain", "hi.txt", Some("text/plain")),
            ("hi.txt:", "hi.txt", None),
            ("a:b:text/plain", "a:b", Some("text/plain")),
            ("a:b:", "a:b", None),
            ("./x/y.json:application/json", "./x/y.json", Some("application/json")),
            ("C:\\x\\y.txt", "C:\\x\\y.txt", None),
            ("C:\\x\\y.txt:text/plain", "C:\\x\\y.txt", Some("text/plain")),
            ("c:/x/y.txt", "c:/x/y.txt", None),
            ("c:/x/y.txt:a/b", "c:/x/y.txt", Some("a/b")),
            ("/dev/null:a/b", "/dev/null", Some("a/b")),
            ("NUL:a/b", "NUL", Some("a/b")),
            ("::", ":", None),
        ];
        for (argument, path, media_type) in table {
            let expected = ((*path).to_owned(), media_type.map(str::to_owned));
            assert_eq!(parsed(argument, &[]), Ok(expected), "{argument}");
        }
    }

    #[test]
    fn a_name_with_a_colon_is_found_when_the_rest_is_no_media_type() {
        assert_eq!(parsed("12:30.log", &["12:30.log"]), Ok(("12:30.log".into(), None)));
        let error = parsed("12:30.log", &[]).unwrap_err();
        assert_eq!(error, "\"12:30.log\": \"30.log\" is no media type (RFC 6838)");
    }

    #[test]
    fn what_is_no_file_or_no_type_is_refused_with_the_argument() {
        for argument in [
            "",
            ":",
            ":text/plain",
            "hi.txt:text",
            "hi.txt:text/",
            "hi.txt:a b/c",
            "c:x.txt",
            "a\0b",
        ] {
            let error = parsed(argument, &["hi.txt"]).unwrap_err();
            assert!(error.starts_with(&format!("{argument:?}: ")), "{error}");
        }
    }

    #[test]
    fn titles_are_paths_that_stay_inside_else_base_names() {
        let table = [
            ("a.txt", Some("a.txt")),
            ("./a.txt", Some("a.txt")),
            ("x//y/./a.txt", Some("x/y/a.txt")),
            ("x/../a.txt", Some("a.txt")),
            ("../a.txt", Some("a.txt")),
            ("x/../../y/a.txt", Some("a.txt")),
            ("/etc/hosts", Some("hosts")),
            ("C:\\x\\a.txt", Some("a.txt")),
            ("folder/", Some("folder")),
            (".", None),
            ("..", None),
            ("/", None),
        ];
        for (path, title) in table {
            assert_eq!(title_of(Utf8Path::new(path)).as_deref(), title, "{path}");
        }
    }

    #[test]
    fn the_null_device_has_two_names() {
        for (path, null) in [
            ("/dev/null", true),
            ("NUL", true),
            ("nul", true),
            ("null", false),
            ("dev/null", false),
        ] {
            assert_eq!(is_null_device(Utf8Path::new(path)), null, "{path}");
        }
    }
}
