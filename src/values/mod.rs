//! Which values of a chart make its images: found by giving values that can be told again, and looking where they come
//! out.
//!
//! [`leaves`] picks the values that may matter; [`Search`](search) gives each a sentinel of its own, has the chart
//! rendered, and reads back which sentinel stands in which part of which reference; [`analysis`] makes of that a table
//! for each image and the two lists that AOSM wants. Nothing here renders or reads a file: a [`Prober`] does.
//!
//! Invariants: no template is parsed, so any way of writing a chart works the same; every claim was seen in a render;
//! renders are bounded; what could not be found out is said.

mod analysis;
mod bicep;
mod check;
mod document;
mod evidence;
mod hint;
mod leaf;
mod leaves;
mod pairing;
mod path;
mod profile;
mod read_back;
mod search;
mod sentinel;
mod table;
mod unused;

pub use analysis::{Subject, analyse};
pub use bicep::bicep;
pub use document::{
    GuardedValue, ImageValues, MadeBy, PackageValues, PullSecretsValue, SecretForm, Status, UnusedImage,
    ValuesPathsDocument, ValuesSummary,
};
pub use profile::{HelmArtifactProfile, profiles};
pub use search::{Answer, MAX_RENDERS, Prober, Rendered};

/// Revision of the rules in this room: part of the key of a probe. Raise it whenever the same render may be read
/// otherwise.
pub const REVISION: u32 = 1;

#[cfg(test)]
mod tests;
