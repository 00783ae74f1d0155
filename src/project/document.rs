//! One project file: read within bounds, parsed into the spanned tree, its secrets blanked in what places show.

use std::io::Read as _;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::depth::{self, Format};
use super::node::{Node, Table, Value};
use super::toml_tree::SyntaxError;
use super::{jsonc_tree, mask, toml_tree};
use crate::fault::{Fault, Faults, Place, SourceFile, Span};

/// The largest project file, in bytes; real ones have a few thousand.
pub(crate) const MAX_FILE: u64 = 1024 * 1024;

/// How many syntax errors of one file are told: a binary file has thousands.
const MAX_SYNTAX_ERRORS: usize = 20;

/// A file that was read and parsed.
pub(crate) struct Document {
    /// Where it is; absolute.
    pub(crate) path: Utf8PathBuf,
    /// What places point into: its path as people know it, and its text with secrets blanked.
    pub(crate) source: Arc<SourceFile>,
    /// The tree; the root is a table.
    pub(crate) root: Table,
    /// It had syntax errors, so that absent keys mean nothing.
    pub(crate) damaged: bool,
}

impl Document {
    /// A place in it.
    pub(crate) fn place(&self, span: &Span) -> Place {
        Place::new(Arc::clone(&self.source), span.clone())
    }

    /// The folder that relative paths in it start from.
    pub(crate) fn folder(&self) -> &Utf8Path {
        self.path.parent().unwrap_or(Utf8Path::new("/"))
    }

    /// Reads and parses. `None` when nothing of it can be used; `faults` then says why.
    pub(crate) fn read(path: &Utf8Path, shown: &Utf8Path, format: Format, faults: &mut Faults) -> Option<Self> {
        let text = match read_text(path, shown) {
            Ok(text) => text,
            Err(fault) => {
                faults.push(fault);
                return None;
            }
        };
        Self::parse(path, shown, &text, format, faults)
    }

    /// Parses a text as if it stood in a file.
    pub(crate) fn parse(
        path: &Utf8Path,
        shown: &Utf8Path,
        text: &str,
        format: Format,
        faults: &mut Faults,
    ) -> Option<Self> {
        if let Some(span) = depth::too_deep(text, format) {
            // The text is not parsed, so what is secret in it is not known: only its brackets and lines are kept.
            let blank: String = text.bytes().map(blank).collect();
            let place = Place::new(SourceFile::new(shown, blank), span);
            faults.push(
                Fault::invalid(format!("{shown}: nested deeper than {} levels", depth::MAX_DEPTH))
                    .at(place)
                    .hint("no project file needs that: look for a bracket that is never closed"),
            );
            return None;
        }
        let (mut root, errors) = match format {
            Format::Toml => toml_tree::parse(text),
            Format::Jsonc => jsonc_tree::parse(text),
        };
        let damaged = errors.iter().any(|error| !error.duplicate);
        let masked = mask::mask(text, &root, damaged);
        // A signature must not come out by an error that repeats a value either.
        mask::blank_signatures(&mut root);
        let source = SourceFile::new(shown, masked);
        report(&errors, &source, format, faults);
        let Node {
            value: Value::Table(root),
            ..
        } = root
        else {
            faults.push(
                Fault::invalid(format!("{shown}: expected an object, found {}", root.value.word()))
                    .at(Place::new(Arc::clone(&source), root.span))
                    .hint("the whole file is one object: `{ … }`"),
            );
            return None;
        };
        Some(Self {
            path: path.to_owned(),
            source,
            root,
            damaged,
        })
    }
}

/// One character for one byte, so that spans stay right.
fn blank(byte: u8) -> char {
    if matches!(byte, b'\n' | b'[' | b']' | b'{' | b'}' | b' ') {
        char::from(byte)
    } else {
        '*'
    }
}

pub(super) fn report(errors: &[SyntaxError], source: &Arc<SourceFile>, format: Format, faults: &mut Faults) {
    let hint = match format {
        Format::Toml => "the format is TOML 1.0 (toml.io)",
        Format::Jsonc => "the format is JSON; comments and trailing commas are fine",
    };
    for error in errors.iter().take(MAX_SYNTAX_ERRORS) {
        let place = Place::new(Arc::clone(source), error.span.clone());
        let fault = Fault::invalid(error.message.clone());
        let hint = if error.duplicate { "remove one of the two" } else { hint };
        let fault = match &error.first {
            Some(first) => fault
                .label(place, "the second")
                .label(Place::new(Arc::clone(source), first.clone()), "the first"),
            None => fault.at(place),
        };
        faults.push(fault.hint(hint));
    }
    if errors.len() > MAX_SYNTAX_ERRORS {
        faults.push(
            Fault::invalid(format!(
                "{}: {} more errors of this sort",
                source.path,
                errors.len() - MAX_SYNTAX_ERRORS
            ))
            .hint(hint),
        );
    }
}

/// The text of a file, without a byte order mark.
pub(super) fn read_text(path: &Utf8Path, shown: &Utf8Path) -> Result<String, Fault> {
    let unreadable = |error: std::io::Error| {
        let fault = if error.kind() == std::io::ErrorKind::NotFound {
            Fault::invalid(format!("{shown}: there is no such file"))
                .hint("check the path; `aosm-build init` writes a project file")
        } else {
            Fault::infrastructure(format!("{shown}: cannot be read"))
                .because(error)
                .hint("check that it may be read, or name another with --project")
        };
        fault.at(Place::file_only(shown))
    };
    // Asked before opening: opening a named pipe would wait for a writer.
    let meta = std::fs::metadata(path).map_err(unreadable)?;
    if !meta.is_file() {
        let what = if meta.is_dir() {
            "is a folder"
        } else {
            "not a regular file"
        };
        return Err(Fault::invalid(format!("{shown}: {what}"))
            .at(Place::file_only(shown))
            .hint("a project file is a text file: move this away, or name another with --project"));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(unreadable)?;
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(Fault::invalid(format!("{shown}: larger than 1 MiB"))
            .at(Place::file_only(shown))
            .hint("is this the right file? a project file has a few thousand bytes"));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(match text.strip_prefix('\u{feff}') {
            Some(rest) => rest.to_owned(),
            None => text,
        }),
        Err(error) => {
            let line = broken_line(&error);
            let hint = match error.as_bytes() {
                [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => {
                    "it looks like UTF-16, which PowerShell's `>` writes: save it as UTF-8"
                }
                _ => "save the file as UTF-8",
            };
            Err(Fault::invalid(format!("{shown}: line {line} is not UTF-8"))
                .at(Place::file_only(shown))
                .hint(hint))
        }
    }
}

/// The first line, from 1, that is not UTF-8.
pub(crate) fn broken_line(error: &std::string::FromUtf8Error) -> usize {
    let good = error.utf8_error().valid_up_to();
    let before = error.as_bytes().iter().take(good);
    before.filter(|byte| **byte == b'\n').count() + 1
}
