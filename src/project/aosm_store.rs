//! What a store of AOSM is, as the project names it: which publisher's artifact store, which artifact manifest, as whom.
//!
//! Nothing here says where the registry or the storage account is: that is asked when the store is used.

use super::model::{Auth, Spanned};
use crate::azure::ApiVersion;
use crate::credentials::entra::Cloud;

/// An artifact store of a publisher, and the artifact manifest that grants access to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AosmStore {
    /// The subscription, a GUID in lower case; `None`: `AZURE_SUBSCRIPTION_ID`, else the Azure CLI's, found when it is needed.
    pub subscription: Option<Spanned<String>>,
    /// The publisher's resource group.
    pub resource_group: Spanned<String>,
    /// The publisher.
    pub publisher: Spanned<String>,
    /// The artifact store.
    pub artifact_store: Spanned<String>,
    /// The artifact manifest.
    pub artifact_manifest: Spanned<String>,
    /// The publisher's region, where it is named: another one is an error.
    pub location: Option<Spanned<String>>,
    /// The Entra tenant to log in to.
    pub tenant: Option<Spanned<String>>,
    /// The cloud.
    pub cloud: Cloud,
    /// Another address of Resource Manager than the cloud's.
    pub endpoint: Option<Spanned<String>>,
    /// The version of the API.
    pub api_version: ApiVersion,
    /// Which identities may be used: [`Auth::Auto`] or [`Auth::AzureCli`].
    pub auth: Auth,
    /// How images get there.
    pub copy: CopyMode,
    /// Is the manifest sealed at the end?
    pub seal: bool,
    /// What is approved and connected before anything moves.
    pub private_link: PrivateLink,
}

/// How images get into an AOSM store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum CopyMode {
    /// The tool chooses.
    #[default]
    Auto,
    /// Through this machine.
    Stream,
    /// The target registry imports them by itself.
    ServerSide,
}

/// Private link: what has to be let in before a store that is closed to the public can be reached.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PrivateLink {
    /// Private endpoints to approve, by resource id.
    pub endpoints: Vec<Spanned<String>>,
    /// Network fabric controllers to connect, by resource id.
    pub controllers: Vec<Spanned<String>>,
}

impl PrivateLink {
    /// Is there nothing to let in?
    pub fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.controllers.is_empty()
    }
}

impl AosmStore {
    /// Do both mean one artifact manifest, as far as the project says? Resource Manager does not tell cases apart.
    pub fn is_same_place(&self, other: &Self) -> bool {
        let same = |a: &Spanned<String>, b: &Spanned<String>| a.value.eq_ignore_ascii_case(&b.value);
        let subscription = match (&self.subscription, &other.subscription) {
            (Some(a), Some(b)) => same(a, b),
            (None, None) => true,
            _ => false,
        };
        let address = |store: &Self| store.endpoint.as_ref().map(|endpoint| endpoint.value.clone());
        subscription
            && self.cloud == other.cloud
            && address(self) == address(other)
            && same(&self.resource_group, &other.resource_group)
            && same(&self.publisher, &other.publisher)
            && same(&self.artifact_store, &other.artifact_store)
            && same(&self.artifact_manifest, &other.artifact_manifest)
    }
}

impl std::fmt::Display for AosmStore {
    /// `publisher/artifact-store/artifact-manifest`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}/{}/{}",
            self.publisher.value, self.artifact_store.value, self.artifact_manifest.value
        )
    }
}
