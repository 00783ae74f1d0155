//! Azure Resource Manager as far as artifact stores need it, and the credentials that it grants for them.
//!
//! From the wire up: [`arm`] (one client: login, retries, pages, long-running operations, errors), then what it is asked
//! about: publishers' [`ArtifactStore`]s, their [`ArtifactManifest`]s, the artifacts in them; then [`credential`]: what a
//! manifest grants, kept in memory, renewed in time. Names follow the resource provider `Microsoft.HybridNetwork`.
//!
//! Nothing here is ever written to a disk, and no secret has a way into an error, an event or a document.

pub mod arm;
mod artifact;
pub mod credential;
pub mod documents;
mod fields;
mod layout;
mod manifest;
mod name;
mod private_link;
mod profile;
mod state;
mod store;
#[cfg(test)]
mod testing;
mod time;

pub use arm::{ApiVersion, endpoint_named};
pub use artifact::{Artifact, ArtifactVersion};
pub use layout::Layout;
pub use manifest::{ArtifactManifest, ManifestEntry};
pub use name::{ManifestId, PublisherId, StoreId, SubscriptionId, check_artifact_name, check_artifact_version};
pub use profile::default_subscription;
pub use state::{ArtifactState, ManifestState, ProvisioningState, PublicAccess, StoreType};
pub use store::{ArtifactStore, same_region};
