//! Judging images by the rules of `[policy]`.
//!
//! Pure: what is known of an image goes in, findings come out. A rule whose facts are not at hand (nobody was asked where
//! the image is) is neither kept nor broken: it stays open, and callers say so.

mod finding;
mod judge;
mod kinds;
mod pattern;

#[cfg(test)]
mod tests;

pub use finding::{Facts, Finding, Judgement};
pub use judge::{DEFAULT_DENIED_TAGS, Judge};
