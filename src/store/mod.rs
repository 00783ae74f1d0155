//! Artifact stores: one trait, and the kinds that implement it.

mod artifact_store;
pub mod local;
mod registry;
mod relist;

pub use artifact_store::{ArtifactName, ArtifactStore, Filled, Guard, Job, Observed, StoreIdentity};
pub use local::{LocalPlace, LocalStore};
pub use registry::RegistryStore;
