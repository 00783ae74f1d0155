//! Artifact stores: one trait, and the kinds that implement it.

mod artifact_store;
mod registry;

pub use artifact_store::{
    ArtifactKind, ArtifactName, ArtifactStore, Filled, Guard, Job, Observed, StoreIdentity,
};
pub use registry::RegistryStore;
