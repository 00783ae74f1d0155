//! What the `artifact` commands print as JSON.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

/// `artifact discover`: `aosm-discover/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DiscoverDocument {
    /// `aosm-discover/1`.
    pub format: &'static str,
    /// The reference, complete.
    pub reference: String,
    /// The digest of what it names.
    pub digest: String,
    /// What refers to it.
    pub referrers: Vec<ReferrerNode>,
}

/// One referrer, with what refers to it in turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ReferrerNode {
    /// Its digest.
    pub digest: String,
    /// Its artifact type; null where it has none.
    pub artifact_type: Option<String>,
    /// Its media type.
    pub media_type: String,
    /// Bytes of its manifest.
    pub size: u64,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// What refers to it; empty where it was listed with its referrers already.
    pub referrers: Vec<ReferrerNode>,
}

/// `artifact show`: `aosm-artifact/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ArtifactDocument {
    /// `aosm-artifact/1`.
    pub format: &'static str,
    /// The reference, complete.
    pub reference: String,
    /// The digest of what it names.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its artifact type: its own, else the media type of its config.
    pub artifact_type: Option<String>,
    /// Bytes of its manifest.
    pub size: u64,
    /// Bytes of everything below it and itself, each part once; null where parts are missing.
    pub total_size: Option<u64>,
    /// What it refers to.
    pub subject: Option<String>,
    /// When it was made, as its annotation or its configuration says.
    pub created: Option<String>,
    /// Platforms, sorted: of an image its own, of an index those of its entries.
    pub platforms: Vec<String>,
    /// Annotations of the manifest.
    pub annotations: BTreeMap<String, String>,
    /// The config of an image or artifact.
    pub config: Option<PartEntry>,
    /// Layers (or blobs), in order.
    pub layers: Vec<PartEntry>,
    /// Manifests of an index, in order.
    pub manifests: Vec<PartEntry>,
    /// What the registry keeps beside it: Azure Container Registry only.
    pub registry: Option<RegistryFacts>,
}

/// Something that a manifest names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct PartEntry {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: String,
    /// Its bytes.
    pub size: u64,
    /// The name of the file that it holds.
    pub title: Option<String>,
    /// Its platform, in an index.
    pub platform: Option<String>,
    /// Its artifact type, in an index.
    pub artifact_type: Option<String>,
    /// Its annotations, the title included.
    pub annotations: BTreeMap<String, String>,
}

/// What Azure Container Registry keeps beside the content.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RegistryFacts {
    /// When it was pushed.
    pub created_time: Option<String>,
    /// When it changed last.
    pub last_update_time: Option<String>,
    /// Bytes as the registry counts them.
    pub image_size: Option<u64>,
    /// What may be done with it.
    pub changeable_attributes: Option<Attributes>,
    /// All tags that name it.
    pub tags: Vec<String>,
}

/// What may be done with something in Azure Container Registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Attributes {
    /// May be deleted.
    pub delete_enabled: Option<bool>,
    /// May be overwritten.
    pub write_enabled: Option<bool>,
    /// May be pulled.
    pub read_enabled: Option<bool>,
    /// Is listed.
    pub list_enabled: Option<bool>,
}

/// `artifact tags`: `aosm-tags/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TagsDocument {
    /// `aosm-tags/1`.
    pub format: &'static str,
    /// The repository.
    pub repository: String,
    /// Its tags, sorted. Tags that only hold lists of referrers are left out unless all are asked for.
    pub tags: Vec<TagEntry>,
    /// How many were left out.
    pub hidden: u64,
}

/// One tag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct TagEntry {
    /// The tag.
    pub name: String,
    /// What it names, where the listing tells (Azure Container Registry).
    pub digest: Option<String>,
    /// When it was made (Azure Container Registry).
    pub created_time: Option<String>,
    /// When it was written last (Azure Container Registry).
    pub last_update_time: Option<String>,
    /// What may be done with it (Azure Container Registry).
    pub changeable_attributes: Option<Attributes>,
}

/// `artifact manifests`: `aosm-manifests/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestsDocument {
    /// `aosm-manifests/1`.
    pub format: &'static str,
    /// The repository.
    pub repository: String,
    /// True where the registry listed all; false where these are the ones that tags lead to: untagged ones that
    /// nothing refers to cannot be seen then.
    pub complete: bool,
    /// Its manifests, sorted by digest.
    pub manifests: Vec<ManifestEntry>,
}

/// One manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ManifestEntry {
    /// Its digest.
    pub digest: String,
    /// Its media type.
    pub media_type: Option<String>,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Bytes of its manifest, where they are known.
    pub size: Option<u64>,
    /// Its tags, sorted.
    pub tags: Vec<String>,
    /// What it refers to.
    pub subject: Option<String>,
    /// Indexes that name it.
    pub parents: Vec<String>,
    /// Its platform.
    pub platform: Option<String>,
    /// When it was pushed (Azure Container Registry).
    pub created_time: Option<String>,
    /// When it changed last (Azure Container Registry).
    pub last_update_time: Option<String>,
    /// Bytes of it and its blobs as the registry counts them (Azure Container Registry).
    pub image_size: Option<u64>,
    /// What may be done with it (Azure Container Registry).
    pub changeable_attributes: Option<Attributes>,
}

/// `artifact repositories`: `aosm-repositories/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct RepositoriesDocument {
    /// `aosm-repositories/1`.
    pub format: &'static str,
    /// The registry.
    pub registry: String,
    /// Its repositories, sorted.
    pub repositories: Vec<String>,
}

/// `artifact delete`: `aosm-delete/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DeleteDocument {
    /// `aosm-delete/1`.
    pub format: &'static str,
    /// The reference, complete.
    pub reference: String,
    /// What was deleted, in that order.
    pub deleted: Vec<DeletedEntry>,
    /// What hangs together with it and stays.
    pub kept: Vec<KeptEntry>,
    /// The tag that was taken off its manifest, with `--tag-only`.
    pub untagged: Option<String>,
}

/// One manifest that goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct DeletedEntry {
    /// Its digest.
    pub digest: String,
    /// Why it is among them.
    pub role: Role,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// Tags that go with it.
    pub tags: Vec<String>,
    /// What it refers to, or the index that names it.
    pub of: Option<String>,
}

/// Why a manifest is deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// It was named.
    Root,
    /// An index that goes names it.
    Child,
    /// It refers to something that goes.
    Referrer,
}

/// One manifest that stays.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct KeptEntry {
    /// Its digest.
    pub digest: String,
    /// Why it stays, in words.
    pub because: String,
}

/// `artifact copy`: `aosm-copy/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CopyDocument {
    /// `aosm-copy/1`.
    pub format: &'static str,
    /// The source, complete.
    pub source: String,
    /// The target, complete.
    pub target: String,
    /// What the source names.
    pub source_digest: String,
    /// What the target holds now: another digest where platforms were selected.
    pub digest: String,
    /// The tags it has at the target.
    pub tags: Vec<String>,
    /// Bytes sent to the target.
    pub bytes_moved: u64,
    /// Bytes that the target took from another of its repositories.
    pub bytes_mounted: u64,
    /// Requests made, both sides.
    pub requests: u64,
    /// Referrers that went along.
    pub referrers: Vec<CopiedReferrer>,
}

/// One referrer that went along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CopiedReferrer {
    /// Its digest.
    pub digest: String,
    /// Its artifact type.
    pub artifact_type: Option<String>,
    /// What it refers to.
    pub subject: String,
    /// The tag that ties it to its subject, where nothing else does.
    pub tag: Option<String>,
}
