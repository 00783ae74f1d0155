//! Artifact stores: one trait, and the kinds that implement it.

mod artifact_store;
pub mod local;

pub use artifact_store::{ArtifactKind, ArtifactName, ArtifactStore, Filled, Guard, Job, Observed, StoreIdentity};
