//! One image reference, with its text exactly as it was rendered.

use std::fmt;

use super::error::ReferenceError;
use super::grammar::{check_host, check_path, check_tag, excerpt, looks_like_registry};
use super::host::normalise_host;
use crate::digest::Digest;
use crate::project::ImageSource;

/// The tag of a reference that names neither tag nor digest.
pub const LATEST: &str = "latest";

/// Longer texts are refused before they are looked at: 255 for the path, 128 for the tag, 135 for a digest, the host.
const TEXT_MAX: usize = 1024;

/// A parsed reference. Parsing never changes the text: nothing is added, lower-cased or moved to another registry.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImageReference {
    text: String,
    registry: Option<String>,
    empty_registry: bool,
    path: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl ImageReference {
    /// Reads a reference: `[registry/]path[:tag][@digest]`. Fails with the first thing that is wrong with it.
    ///
    /// A first segment is a registry when it has a dot, a port or an upper-case letter, or is `localhost`; a text
    /// that starts with `/` has an empty one. Any other first segment stays in the path.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        check_text(text)?;
        let (named, digest) = match text.split_once('@') {
            Some((_, "")) => return Err(ReferenceError::EmptyDigest),
            Some((named, digest)) => {
                let digest = digest
                    .parse::<Digest>()
                    .map_err(|_| ReferenceError::BadDigest(excerpt(digest)))?;
                (named, Some(digest))
            }
            None => (text, None),
        };
        let (registry, empty_registry, rest) = match named.split_once('/') {
            Some(("", rest)) => (None, true, rest),
            Some((first, rest)) if looks_like_registry(first) => {
                check_host(first)?;
                (Some(first.to_owned()), false, rest)
            }
            _ => (None, false, named),
        };
        // The registry is gone, so a colon now starts the tag.
        let (path, tag) = match rest.split_once(':') {
            Some((path, tag)) => {
                check_tag(tag)?;
                (path, Some(tag.to_owned()))
            }
            None => (rest, None),
        };
        if path.is_empty() {
            let empty = if registry.is_some() || empty_registry {
                ReferenceError::EmptySegment
            } else {
                ReferenceError::Empty
            };
            return Err(empty);
        }
        check_path(path)?;
        Ok(Self {
            text: text.to_owned(),
            registry,
            empty_registry,
            path: path.to_owned(),
            tag,
            digest,
        })
    }

    /// The text, byte for byte as it was given.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The registry host as written, with its port. `None` when there is none, when it is empty, and when the first
    /// segment only may be one.
    pub fn registry(&self) -> Option<&str> {
        self.registry.as_deref()
    }

    /// True for a text that starts with `/`: an empty registry value. AOSM needs a legal dummy such as `azure.io`
    /// there, else the download fails; callers warn.
    pub fn has_empty_registry(&self) -> bool {
        self.empty_registry
    }

    /// What follows the registry, without tag and digest; the whole path when there is no registry.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The tag as written.
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest.
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// True when neither tag nor digest is given, so that the tag is [`LATEST`]; callers warn.
    pub fn implies_latest(&self) -> bool {
        self.tag.is_none() && self.digest.is_none()
    }

    /// The tag that a registry is asked for when there is no digest: as written, else [`LATEST`].
    pub fn effective_tag(&self) -> &str {
        self.tag.as_deref().unwrap_or(LATEST)
    }

    /// True when the first segment may be a placeholder for a registry or a namespace: only sources can tell.
    pub fn is_ambiguous_first_segment(&self) -> bool {
        self.first_segment().is_some()
    }

    /// The first segment and the rest, where the first segment is ambiguous.
    pub(super) fn first_segment(&self) -> Option<(&str, &str)> {
        if self.registry.is_some() || self.empty_registry {
            None
        } else {
            self.path.split_once('/')
        }
    }

    /// True when a source is on the registry that this reference itself names.
    pub fn is_own_host(&self, source: &ImageSource) -> bool {
        self.registry()
            .is_some_and(|registry| normalise_host(registry) == normalise_host(&source.host))
    }

    /// The first source on the registry that this reference itself names. A hit elsewhere then deserves a warning.
    pub fn own_source<'s>(&self, sources: &'s [ImageSource]) -> Option<&'s ImageSource> {
        sources.iter().find(|source| self.is_own_host(source))
    }

    /// The tag in the store: as written; for a digest alone the `version` the project names, else `digest-` and its
    /// first 12 hex digits; else [`LATEST`]. Never `sha256-…`: that is where the referrers tag schema keeps its
    /// index (OCI distribution specification, "Referrers tag schema"), so such a `version` is an error.
    pub fn store_tag(&self, version: Option<&str>) -> Result<String, ReferenceError> {
        match (&self.tag, &self.digest, version) {
            (Some(tag), _, _) => Ok(tag.clone()),
            (None, Some(_), Some(version)) => {
                check_tag(version)?;
                if version.starts_with("sha256-") || version.starts_with("sha512-") {
                    return Err(ReferenceError::BadTag(version.to_owned()));
                }
                Ok(version.to_owned())
            }
            (None, Some(digest), None) => Ok(format!("digest-{}", digest.short())),
            (None, None, _) => Ok(LATEST.to_owned()),
        }
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::str::FromStr for ImageReference {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        Self::parse(text)
    }
}

/// Faults of the text as a whole, whose own messages say more than what the grammar would make of them.
fn check_text(text: &str) -> Result<(), ReferenceError> {
    if text.is_empty() {
        return Err(ReferenceError::Empty);
    }
    for (open, close) in [("{{", "}}"), ("$(", ")"), ("${", "}")] {
        if let Some((_, rest)) = text.split_once(open) {
            let inner = rest.split_once(close).map_or(rest, |(inner, _)| inner);
            return Err(ReferenceError::Unrendered(excerpt(&format!("{open}{inner}{close}"))));
        }
    }
    if text.len() > TEXT_MAX {
        return Err(ReferenceError::TooLong(text.len()));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(ReferenceError::Whitespace);
    }
    match text.split_once("://") {
        Some((scheme, _)) => Err(ReferenceError::Scheme(excerpt(&format!("{scheme}://")))),
        None => Ok(()),
    }
}

#[cfg(test)]
#[path = "image_reference_tests.rs"]
mod tests;
