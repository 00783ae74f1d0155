//! Where the artifacts of a manifest go in its registry: only where its credential lets them.

use std::sync::Arc;

use super::source::ScopedCredential;
use crate::azure::arm::ApiVersion;
use crate::azure::layout::Layout;
use crate::oci::{ErrorKind, OciError};

/// The repository of an artifact, by the grant that is held. An artifact that it does not cover is refused with the manifest's
/// name, before anything is asked or sent. Before anything was granted the version's own layout counts: nothing can be sent
/// then either.
pub fn repository_of(
    credential: Arc<ScopedCredential>,
    api: ApiVersion,
) -> impl Fn(&str) -> Result<String, OciError> + Send + Sync + 'static {
    move |artifact| {
        let manifest = &credential.manifest().manifest;
        let Some(held) = credential.held() else {
            return Ok(Layout::of_version(api).repository(manifest, artifact));
        };
        let grant = held.grant.registry(manifest);
        grant
            .and_then(|grant| grant.repository(manifest, artifact, api))
            .map_err(|error| {
                let mut refused = OciError::new(ErrorKind::Denied, error.operation, error.subject, error.detail);
                refused.hint = error.hint;
                refused
            })
    }
}
