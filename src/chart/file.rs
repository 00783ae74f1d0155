//! One file of a chart, and what its bytes are once line endings are those of the repository.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Place};

/// A file of a chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChartFile {
    /// Path within the chart, `/`-separated.
    pub name: String,
    /// Where it lies on this machine. Never part of a key.
    pub path: Utf8PathBuf,
    /// Digest of its content, line endings made `\n` where it is text.
    pub digest: Digest,
    /// Bytes of that content.
    pub size: u64,
    /// The file on disk has `\r\n` where the content has `\n`.
    pub converted: bool,
}

impl ChartFile {
    /// Looks at a file, reading it only when it changed since last time.
    pub(super) fn new(name: String, path: Utf8PathBuf, digests: &dyn FileDigests) -> io::Result<Self> {
        let known = look(&name, &path, digests)?;
        Ok(Self {
            name,
            path,
            digest: known.digest,
            size: known.size,
            converted: known.converted,
        })
    }

    /// Its content; an error when it is no longer what it was when the chart was read.
    pub fn content(&self) -> Result<Vec<u8>, Fault> {
        let raw = std::fs::read(&self.path).map_err(|e| {
            Fault::infrastructure(format!("{}: cannot be read", self.name))
                .at(Place::file_only(super::shown(&self.path)))
                .because(e)
                .hint("check that it may be read")
        })?;
        let content = if is_text(&self.name) {
            convert(&raw).unwrap_or(raw)
        } else {
            raw
        };
        if Digest::of(&content) == self.digest {
            return Ok(content);
        }
        Err(
            Fault::invalid(format!("{}: changed while it was being read", self.name))
                .at(Place::file_only(super::shown(&self.path)))
                .hint("run the command again"),
        )
    }
}

/// The digest of a file by what it says: a checkout with other line endings gives the same.
pub(super) fn content_digest(path: &Utf8Path, digests: &dyn FileDigests) -> io::Result<Digest> {
    look(path.file_name().unwrap_or_default(), path, digests).map(|known| known.digest)
}

fn look(name: &str, path: &Utf8Path, digests: &dyn FileDigests) -> io::Result<Known> {
    if !is_text(name) {
        let (digest, size) = digests.file_digest(path)?;
        return Ok(Known {
            digest,
            size,
            converted: false,
        });
    }
    if let Some(known) = digests.remembered(path, PURPOSE).and_then(|text| Known::parse(&text)) {
        return Ok(known);
    }
    let raw = std::fs::read(path)?;
    let content = convert(&raw);
    let known = Known {
        digest: Digest::of(content.as_deref().unwrap_or(&raw)),
        size: content.as_ref().map_or(raw.len(), Vec::len) as u64,
        converted: content.is_some(),
    };
    digests.remember(path, PURPOSE, &known.to_text());
    Ok(known)
}

/// What is remembered of a text file; the number changes when the rules below do.
const PURPOSE: &str = "chart-text/1";

struct Known {
    digest: Digest,
    size: u64,
    converted: bool,
}

impl Known {
    fn to_text(&self) -> String {
        format!(
            "{} {} {}",
            self.digest,
            self.size,
            if self.converted { "crlf" } else { "lf" }
        )
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let digest = words.next()?.parse().ok()?;
        let size = words.next()?.parse().ok()?;
        let converted = match words.next()? {
            "crlf" => true,
            "lf" => false,
            _ => return None,
        };
        words.next().is_none().then_some(Self {
            digest,
            size,
            converted,
        })
    }
}

/// Are line endings of this file those of the checkout, and not content? Everything that Helm itself reads as text,
/// and what is text by its name. Scripts of Windows keep their `\r\n`: there it is meant.
pub(super) fn is_text(name: &str) -> bool {
    const SUFFIXES: [&str; 14] = [
        "yaml",
        "yml",
        "tpl",
        "txt",
        "json",
        "md",
        "lock",
        "toml",
        "conf",
        "cfg",
        "properties",
        "sh",
        "adoc",
        "rst",
    ];
    const NAMES: [&str; 7] = [
        ".helmignore",
        "LICENSE",
        "NOTICE",
        "OWNERS",
        "README",
        ".gitignore",
        ".gitattributes",
    ];
    let path = Utf8Path::new(name);
    let last = path.file_name().unwrap_or(name);
    let inside = |folder: &str| name.starts_with(folder) || name.contains(&format!("/{folder}"));
    NAMES.contains(&last)
        || path.extension().is_some_and(|suffix| SUFFIXES.contains(&suffix))
        || inside("templates/")
        || inside("crds/")
}

/// The content with `\n` for every `\r\n`; `None` when there is none, or when a NUL byte says that this is no text.
fn convert(raw: &[u8]) -> Option<Vec<u8>> {
    if raw.contains(&0) || !raw.windows(2).any(|pair| pair == b"\r\n") {
        return None;
    }
    let mut content = Vec::with_capacity(raw.len());
    let mut rest = raw.iter().peekable();
    while let Some(byte) = rest.next() {
        if *byte == b'\r' && rest.peek() == Some(&&b'\n') {
            continue;
        }
        content.push(*byte);
    }
    Some(content)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn only_line_endings_of_texts_are_converted() {
        assert_eq!(convert(b"a\r\nb\r\n").unwrap(), b"a\nb\n");
        assert_eq!(convert(b"a\rb\r\r\n").unwrap(), b"a\rb\r\n");
        assert_eq!(convert(b"a\nb"), None);
        assert_eq!(convert(b"a\r\n\0"), None);
        for text in [
            "Chart.yaml",
            "templates/NOTES.txt",
            "templates/_x",
            "charts/s/templates/a",
            "a/README.md",
            "crds/c",
        ] {
            assert!(is_text(text), "{text}");
        }
        for other in [
            "files/run.bat",
            "logo.png",
            "charts/x-1.0.0.tgz",
            "files/data",
            "mytemplates/x",
        ] {
            assert!(!is_text(other), "{other}");
        }
    }
}
