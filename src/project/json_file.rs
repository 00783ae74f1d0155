//! A JSON file that another tool wrote: read within the same bounds as project files, every value with its place.
//!
//! Unlike a project file it may be a list. Secrets are blanked in what places show; the tree has them as they are.

use std::sync::Arc;

use camino::Utf8Path;

use super::depth::{self, Format};
use super::document::{read_text, report};
use super::node::Node;
use super::{jsonc_tree, mask};
use crate::fault::{Fault, Faults, Place, SourceFile, Span};

/// A file that was read and parsed without errors.
pub(crate) struct JsonFile {
    /// What places point into.
    pub(crate) source: Arc<SourceFile>,
    /// What it holds.
    pub(crate) root: Node,
}

impl JsonFile {
    /// Reads and parses. `hint` says what to do when the file is absent.
    pub(crate) fn read(path: &Utf8Path, shown: &Utf8Path, hint: &str, faults: &mut Faults) -> Option<Self> {
        let text = read_within_bounds(path, shown, hint, faults)?;
        if let Some(span) = depth::too_deep(&text, Format::Jsonc) {
            // What is not parsed may hold secrets anywhere: the place has lines and nothing else.
            let blank: String = text
                .bytes()
                .map(|byte| if byte == b'\n' { '\n' } else { ' ' })
                .collect();
            faults.push(
                Fault::invalid(format!("{shown}: nested deeper than {} levels", depth::MAX_DEPTH))
                    .at(Place::new(SourceFile::new(shown, blank), span))
                    .hint("no tool writes such a file: build it again"),
            );
            return None;
        }
        let (root, errors) = jsonc_tree::parse(&text);
        let damaged = errors.iter().any(|error| !error.duplicate);
        let source = SourceFile::new(shown, mask::mask(&text, &root, damaged));
        report(&errors, &source, Format::Jsonc, faults);
        errors.is_empty().then_some(Self { source, root })
    }

    /// A place in it.
    pub(crate) fn place(&self, span: &Span) -> Place {
        Place::new(Arc::clone(&self.source), span.clone())
    }
}

/// The text of a file, of at most the size of a project file. `hint` says what to do when it is absent.
pub(crate) fn read_within_bounds(path: &Utf8Path, shown: &Utf8Path, hint: &str, faults: &mut Faults) -> Option<String> {
    if !path.exists() {
        faults.push(
            Fault::invalid(format!("{shown}: there is no such file"))
                .at(Place::file_only(shown))
                .hint(hint),
        );
        return None;
    }
    match read_text(path, shown) {
        Ok(text) => Some(text),
        Err(fault) => {
            faults.push(fault);
            None
        }
    }
}
