//! A template right before it is packed: it is judged again, as its file may have changed since the project was loaded.

use std::io::Read as _;

use camino::Utf8Path;

use crate::fault::{Fault, Faults, Place};
use crate::project::{MAX_TEMPLATE, judge_template};

/// Reads and judges a template. Warnings were told when the project was loaded.
pub(super) fn check(path: &Utf8Path) -> Result<(), Faults> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_TEMPLATE + 1).read_to_end(&mut bytes))
        .map_err(|e| {
            Fault::infrastructure("the template cannot be read")
                .at(Place::file_only(path))
                .because(e)
                .hint("check its permissions")
        })?;
    if bytes.len() as u64 > MAX_TEMPLATE {
        return Err(
            Fault::invalid(format!("the template is larger than {} MiB", MAX_TEMPLATE >> 20))
                .at(Place::file_only(path))
                .hint("Resource Manager takes no larger ones: is this the right file?")
                .into(),
        );
    }
    let text = String::from_utf8(bytes).map_err(|e| {
        Fault::invalid("the template is not UTF-8")
            .at(Place::file_only(path))
            .because(e.utf8_error())
            .hint("`az bicep build --file FILE` writes a template as JSON")
    })?;
    judge_template(path, &text, false).into_result(()).map(|_| ())
}
