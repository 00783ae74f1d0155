//! Images that a registry fetches by itself (Azure Container Registry REST, "Registries - Import Image"): nothing of them crosses
//! this machine.
//!
//! An import outlives this process. [`Intent`] is written down before it is asked for, and its operation once that is known, so
//! that the next run waits for it instead of asking again. Nothing is ever replaced (`NoForce`), and whatever the service says,
//! the digest that the tag names afterwards is what counts.

mod ask;
mod error;
mod intent;
mod registry_id;
mod run;
#[cfg(test)]
mod tests;

pub use ask::{Import, SourceImage};
pub use error::ImportError;
pub use intent::{Intent, IntentFile};
pub use registry_id::RegistryId;
pub use run::{IMPORTS_AT_ONCE, Imported, Imports, TargetTag};

/// An imported image has at most so many manifests (Azure Container Registry, "Import container images", "Limitations").
pub const MANIFESTS_LIMIT: usize = 50;
/// A layer from a public registry has at most so many bytes (the same page).
pub const PUBLIC_LAYER_LIMIT: u64 = 2 * 1024 * 1024 * 1024;
