//! Places in source texts: file, byte span, line and column.

use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

/// A half-open range of byte offsets into a source text.
pub type Span = Range<usize>;

/// A text that places point into: a file as it was read, or rendered output under a name of its own.
#[derive(Debug, PartialEq, Eq)]
pub struct SourceFile {
    /// The path as people know it (relative to where the command was called, where possible).
    pub path: Utf8PathBuf,
    /// The whole text; empty when the file could not be read.
    pub text: String,
}

impl SourceFile {
    /// Wraps a text that was read from `path`. An absolute path below the current folder is shown from there.
    pub fn new(path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> Arc<Self> {
        let path: Utf8PathBuf = path.into();
        let below = path.is_absolute().then(|| below_current_folder(&path)).flatten();
        Arc::new(Self {
            path: below.unwrap_or(path),
            text: text.into(),
        })
    }
}

fn below_current_folder(path: &Utf8Path) -> Option<Utf8PathBuf> {
    let here = Utf8PathBuf::from_path_buf(std::env::current_dir().ok()?).ok()?;
    let below = path.strip_prefix(here).ok()?;
    Some(if below.as_str().is_empty() {
        ".".into()
    } else {
        below.to_owned()
    })
}

/// The byte offset of a line and column, both from 1 and in bytes, as parsers of JSON count (a column of 0 is the line's start).
pub fn offset_of(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let mut at = (start + column.saturating_sub(1)).min(text.len().saturating_sub(1));
    while at > 0 && !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// One place: a span of a source text. Clones share the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    file: Arc<SourceFile>,
    span: Span,
}

impl Place {
    /// A span of a text; clamped to it, so that a wrong span can never panic later.
    pub fn new(file: Arc<SourceFile>, span: Span) -> Self {
        let end = span.end.min(file.text.len());
        let start = span.start.min(end);
        Self { file, span: start..end }
    }

    /// A file as a whole, whose text is of no use (absent, binary, a folder).
    pub fn file_only(path: impl AsRef<Utf8Path>) -> Self {
        Self::new(SourceFile::new(path.as_ref(), ""), 0..0)
    }

    /// The path as people know it.
    pub fn path(&self) -> &Utf8Path {
        &self.file.path
    }

    /// The text it points into; empty for [`Place::file_only`].
    pub fn text(&self) -> &str {
        &self.file.text
    }

    /// The source file it points into.
    pub fn source(&self) -> &Arc<SourceFile> {
        &self.file
    }

    /// The span in bytes.
    pub fn span(&self) -> Span {
        self.span.clone()
    }

    /// Line and column, both from 1; columns count characters. `None` for a place without text.
    pub fn line_column(&self) -> Option<(usize, usize)> {
        if self.file.text.is_empty() {
            return None;
        }
        let bytes = self.file.text.as_bytes();
        let before = bytes.get(..self.span.start).unwrap_or(bytes);
        let line = before.split(|b| *b == b'\n').count();
        let line_start = before.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(before.get(line_start..).unwrap_or_default())
            .chars()
            .count()
            + 1;
        Some((line, column))
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line_column() {
            Some((line, column)) => write!(f, "{}:{line}:{column}", self.file.path),
            None => write!(f, "{}", self.file.path),
        }
    }
}
