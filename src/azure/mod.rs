//! Azure Resource Manager as far as artifact stores need it, and the credentials that it grants for them.
//!
//! From the wire up: [`arm`] (one client: login, retries, pages, long-running operations, errors), then what it is asked
//! about: publishers' [`ArtifactStore`]s, their [`ArtifactManifest`]s, the artifacts in them; then [`credential`]: what a
//! manifest grants, kept in memory, renewed in time. Names follow the resource provider `Microsoft.HybridNetwork`.
//!
//! [`import`] has the registry behind a store fetch images by itself.
//!
//! Nothing here but the notes of imports is ever written to a disk, and no secret has a way into an error, an event, a note or a
//! document.

pub mod arm;
mod artifact;
pub mod artifact_documents;
pub mod completeness;
pub mod credential;
pub mod documents;
mod fields;
pub mod import;
mod layout;
mod manifest;
pub mod manifest_change;
pub mod manifest_name;
mod manifest_seal;
mod name;
mod private_link;
mod profile;
mod state;
mod store;
pub mod template;
#[cfg(test)]
mod testing;
mod time;

pub use arm::{ApiVersion, endpoint_named};
pub use artifact::{Artifact, ArtifactVersion};
pub use layout::Layout;
pub use manifest::{ArtifactManifest, ManifestEntry};
pub use manifest_seal::{Sealed, seal};
pub use name::{ManifestId, PublisherId, StoreId, SubscriptionId, check_artifact_name, check_artifact_version};
pub use profile::default_subscription;
pub use state::{ArtifactState, ArtifactType, ManifestState, ProvisioningState, PublicAccess, StoreType};
pub use store::{ArtifactStore, same_region};
