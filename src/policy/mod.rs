//! Judging images by the rules of `[policy]`.
//!
//! Pure: what is known of an image goes in, findings come out. A rule whose facts are not at hand (nobody was asked where
//! the image is) is neither kept nor broken: it stays open, and callers say so.

mod judge;
mod kinds;

#[cfg(test)]
mod tests;

pub use judge::{DEFAULT_DENIED_TAGS, Facts, Finding, Judge, Judgement};
