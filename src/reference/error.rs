//! Why a text is no image reference, each with the one thing to do about it.

use std::fmt;

/// Why a text is no image reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceError {
    /// Nothing there.
    Empty,
    /// More bytes than any reference has; the length in bytes.
    TooLong(usize),
    /// A space, tab, line break or control character.
    Whitespace,
    /// A URL: the scheme with its `://`.
    Scheme(String),
    /// Template text or a variable that nobody filled in: `{{ … }}`, `$(TAG)`, `${TAG}`.
    Unrendered(String),
    /// The repository has upper-case letters; the segment that has them.
    UpperCase(String),
    /// Two slashes in a row, or one at the end.
    EmptySegment,
    /// A path segment that the grammar does not allow.
    BadSegment(String),
    /// The path is longer than 255 characters; its length.
    PathTooLong(usize),
    /// A first segment that is a registry by its form, but no valid host.
    BadHost(String),
    /// `app:`, `app:@sha256:…`: a colon without a tag.
    EmptyTag,
    /// A tag with characters that tags cannot have.
    BadTag(String),
    /// A tag longer than 128 characters; its length.
    TagTooLong(usize),
    /// `app@`: an at sign without a digest.
    EmptyDigest,
    /// A digest other than sha256 with 64 or sha512 with 128 lower-case hex digits.
    BadDigest(String),
}

impl ReferenceError {
    /// One thing that can be done about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Empty => "give the image as registry/path:tag",
            Self::TooLong(_) | Self::PathTooLong(_) => "shorten the repository path: registries take 255 characters",
            Self::Whitespace => "remove the white space; in templates `-}}` and `trim` take it away",
            Self::Scheme(_) => "remove the scheme: a reference starts with the registry host",
            Self::Unrendered(_) => "give the value that fills it in, for example with `values` or `set` of the chart",
            Self::UpperCase(_) => "write the repository in lower case: registries know no other",
            Self::EmptySegment => "remove the slash that has nothing after it",
            Self::BadSegment(_) => {
                "path segments are lower-case letters and digits, joined by `.`, `_`, `__` or any number of `-`"
            }
            Self::BadHost(_) => "give a host name or address, with a port from 1 to 65535 if any",
            Self::EmptyTag => "give a tag after the colon; an empty tag value in the chart leaves one behind",
            Self::BadTag(_) | Self::TagTooLong(_) => {
                "tags are up to 128 letters, digits, `_`, `.` and `-`, and start with a letter, digit or `_`"
            }
            Self::EmptyDigest => "give a digest after the `@`; an empty digest value in the chart leaves one behind",
            Self::BadDigest(_) => "digests are sha256: with 64 or sha512: with 128 lower-case hex digits",
        }
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong(length) => write!(f, "it is {length} bytes long"),
            Self::Whitespace => f.write_str("it has white space in it"),
            Self::Scheme(scheme) => write!(f, "it is a URL with the scheme `{scheme}`"),
            Self::Unrendered(what) => write!(f, "it holds unrendered text `{what}`"),
            Self::UpperCase(segment) => write!(f, "the repository has upper-case letters in `{segment}`"),
            Self::EmptySegment => f.write_str("it has an empty path segment"),
            Self::BadSegment(segment) => write!(f, "`{segment}` is no valid path segment"),
            Self::PathTooLong(length) => write!(f, "the repository path is {length} characters long"),
            Self::BadHost(host) => write!(f, "`{host}` is no valid registry host"),
            Self::EmptyTag => f.write_str("the tag after the colon is empty"),
            Self::BadTag(tag) => write!(f, "`{tag}` is no valid tag"),
            Self::TagTooLong(length) => write!(f, "the tag is {length} characters long"),
            Self::EmptyDigest => f.write_str("the digest after the `@` is empty"),
            Self::BadDigest(digest) => write!(f, "`{digest}` is no valid digest"),
        }
    }
}

impl std::error::Error for ReferenceError {}
