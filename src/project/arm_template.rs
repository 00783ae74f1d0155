//! ARM templates as files: found, read within bounds, and judged before anything is pushed.
//!
//! What Azure Resource Manager could not deploy is an error with its line; what only a network function may not have, or
//! what the artifact does not hold, is a warning. Bicep sources are only looked at as files here: they are judged when
//! they are built.

use std::io::Read as _;

use camino::{Utf8Path, Utf8PathBuf};

use super::arm_template_shape::{Finding, findings};
use super::document::{Document, broken_line};
use super::mask;
use super::model::Spanned;
use super::node::{Node, Value};
use super::paths::Resolver;
use crate::fault::{Fault, Faults, Place, SourceFile};

/// The largest template: 4 MiB (Azure Resource Manager, "Template limits": size of a template).
pub const MAX_TEMPLATE: u64 = 4 << 20;

/// Is it a Bicep source, which has to be built?
pub fn is_bicep(path: &Utf8Path) -> bool {
    path.extension() == Some("bicep")
}

/// The name that a template is pulled under: its file's, of a Bicep source that of the JSON it is built to.
pub(crate) fn title(path: &Utf8Path) -> String {
    let name = path.file_name().unwrap_or("template.json");
    match name.strip_suffix(".bicep") {
        Some(stem) => format!("{stem}.json"),
        None => name.to_owned(),
    }
}

/// The file that an input file names, resolved and judged; `network_function`: its resources are limited.
pub(crate) fn file(
    written: &Spanned<String>,
    document: &Document,
    network_function: bool,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Spanned<Utf8PathBuf>> {
    let path = resolver.existing(written, document, "template", faults)?;
    check_file(&path, network_function, resolver, faults).then_some(path)
}

/// Looks at a file that is there; false where it cannot be a template's file at all.
pub(crate) fn check_file(
    path: &Spanned<Utf8PathBuf>,
    network_function: bool,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> bool {
    let refuse = |why: &str, hint: &str| {
        Fault::invalid(format!(
            "template {}: {why}",
            path.value.file_name().unwrap_or_default()
        ))
        .at_opt(path.place.clone())
        .hint(hint.to_owned())
    };
    match std::fs::metadata(&path.value) {
        Ok(meta) if meta.is_dir() => {
            faults.push(refuse("is a folder", "name the file in it"));
            return false;
        }
        Ok(meta) if !meta.is_file() => {
            faults.push(refuse("is no regular file", "name a file that can be read to its end"));
            return false;
        }
        _ => {}
    }
    if is_bicep(&path.value) {
        return true;
    }
    let judged = match read(&path.value) {
        Ok(text) => judge_template(&resolver.show(&path.value), &text, network_function),
        Err((why, hint)) => refuse(&why, hint).into(),
    };
    faults.extend(judged.into_iter().map(|fault| match &path.place {
        Some(place) if !fault.labels().iter().any(|label| label.place.path() == place.path()) => {
            fault.label(place.clone(), "named here")
        }
        _ => fault,
    }));
    true
}

/// A template's text; the error says why there is none, and what to do.
fn read(path: &Utf8Path) -> Result<String, (String, &'static str)> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_TEMPLATE + 1).read_to_end(&mut bytes))
        .map_err(|error| (format!("cannot be read: {error}"), "check its permissions"))?;
    if bytes.len() as u64 > MAX_TEMPLATE {
        return Err((
            "larger than 4 MiB".to_owned(),
            "is this the right file? Azure takes no larger templates",
        ));
    }
    String::from_utf8(bytes).map_err(|error| {
        let line = broken_line(&error);
        (format!("line {line} is not UTF-8"), "save it as UTF-8")
    })
}

/// Judges the text of a template. `shown` is its path as people know it, which places point into.
pub fn judge_template(shown: &Utf8Path, text: &str, network_function: bool) -> Faults {
    let (root, found) = findings(text, network_function);
    if found.is_empty() {
        return Faults::new();
    }
    let empty = Node {
        value: Value::Null,
        span: 0..0,
    };
    let source = SourceFile::new(shown, mask::mask(text, root.as_ref().unwrap_or(&empty), root.is_none()));
    let name = shown.file_name().unwrap_or_default();
    let fault = |finding: Finding| {
        let message = format!("template {name}: {}", finding.message);
        let fault = if finding.is_error {
            Fault::invalid(message)
        } else {
            Fault::warning(message)
        };
        let fault = fault.hint(finding.hint);
        let places = finding.spans.into_iter();
        places
            .map(|span| Place::new(std::sync::Arc::clone(&source), span))
            .fold(fault, Fault::at)
    };
    found.into_iter().map(fault).collect()
}
