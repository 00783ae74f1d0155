//! Is an artifact manifest complete? Four sides joined in one table: what is wanted, what the manifest lists, what the
//! store holds, and whether the manifest is sealed.
//!
//! Pure: nothing here asks anybody. Rows are ordered by name and version, so the same facts give the same table on any
//! machine. Artifacts are matched by name and version; a difference in type alone is a warning, since tools are known to
//! write one type for everything.

mod document;
mod finding;
mod form;
mod held;
mod join;
#[cfg(test)]
mod tests;

pub use document::{CompletenessDocument, CompletenessTable, HeldEntry, ListedEntry, RowEntry, Tally};
pub use finding::{Finding, Level};
pub use form::{broken_rule, version_rule};
pub use held::Held;
pub use join::{Completeness, ManifestSide, Row, WantedArtifact, join};
