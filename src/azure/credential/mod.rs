//! Credentials that an artifact manifest grants: asked for once, kept in memory, renewed in time.
//!
//! [`Grant`] is what `listCredential` answers, read; [`ScopedCredential`] is the one of a manifest as a source that hands
//! it out by generations; [`ScopedCredentials`] are those of a run; [`ManifestLogin`] shows one to a registry, [`ManifestSas`]
//! to a storage account.

mod grant;
mod login;
mod registry;
mod rejection;
mod signature;
mod source;
mod storage;
#[cfg(test)]
mod tests;

pub use grant::Grant;
pub use login::ManifestLogin;
pub use registry::RegistryGrant;
pub use signature::ManifestSas;
pub use source::{Granted, ScopedCredential, ScopedCredentials};
pub use storage::{ContainerGrant, SasRights, StorageGrant};
