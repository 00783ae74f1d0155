//! Patterns of `[policy]`: `*` goes over slashes, and all of a name must match.

use globset::{GlobBuilder, GlobMatcher};

use crate::fault::Place;
use crate::project::Spanned;
use crate::reference::normalise_host;

/// A pattern with the text it was made from.
pub(super) struct Pattern {
    /// What matches.
    pub(super) matcher: GlobMatcher,
    /// As written.
    pub(super) text: String,
    /// Where it stands.
    pub(super) place: Option<Place>,
}

/// "by what", where that is not the name itself.
pub(super) fn by(pattern: &str, name: &str) -> String {
    if pattern == name {
        String::new()
    } else {
        format!(" by `{pattern}`")
    }
}

/// Reads a pattern; `spelled` says how what it is compared with is written.
pub(super) fn pattern(text: &Spanned<String>, spelled: impl Fn(&str) -> String) -> Option<Pattern> {
    let glob = GlobBuilder::new(&spelled(&text.value))
        .literal_separator(false)
        .build()
        .ok()?;
    Some(Pattern {
        matcher: glob.compile_matcher(),
        text: text.value.clone(),
        place: text.place.clone(),
    })
}

/// Docker Hub's hosts are one.
pub(super) fn hub_as_one_host(text: &str) -> String {
    match text.split_once('/') {
        Some((host, rest)) => format!("{}/{rest}", normalise_host(host)),
        None => normalise_host(text),
    }
}
