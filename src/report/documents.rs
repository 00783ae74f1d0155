//! Small documents that one command prints and no room makes.

use schemars::JsonSchema;
use serde::Serialize;

/// What `check` found: `aosm-check/1`. Only when there is no error; errors go to standard error.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CheckDocument {
    /// `aosm-check/1`.
    pub format: &'static str,
    /// Helm packages, ready-made manifests included.
    pub packages: usize,
    /// Charts that would be pushed.
    pub charts: usize,
    /// Images.
    pub images: usize,
    /// Artifacts that would be pushed.
    pub artifacts: usize,
    /// Disk images that would be uploaded or copied.
    pub vhds: usize,
    /// What would be attached to others.
    pub attachments: usize,
    /// Texts that look like images where images are not certain.
    pub candidates: usize,
    /// Warnings.
    pub warnings: usize,
}

/// What `cache prune` did: `aosm-cache-prune/1`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CachePruneDocument {
    /// `aosm-cache-prune/1`.
    pub format: &'static str,
    /// Entries that stayed.
    pub kept: u64,
    /// Entries that went.
    pub removed: u64,
    /// Bytes that went.
    pub bytes_freed: u64,
    /// Bytes that stayed.
    pub bytes_kept: u64,
}

/// What `login` did: `aosm-login/1`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LoginDocument {
    /// `aosm-login/1`.
    pub format: &'static str,
    /// The registry's host.
    pub registry: String,
    /// The user name that was kept; null when nothing was.
    pub username: Option<String>,
    /// Did the registry check the login? Some ask for none where one is checked.
    pub checked: bool,
    /// docker's configuration file; null when nothing was kept.
    pub file: Option<String>,
    /// The credential helper that has the secret; null when it is in the file.
    pub helper: Option<String>,
}

/// What `logout` did: `aosm-logout/1`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LogoutDocument {
    /// `aosm-logout/1`.
    pub format: &'static str,
    /// The registry's host.
    pub registry: String,
    /// Was there a login?
    pub removed: bool,
    /// docker's configuration file.
    pub file: String,
    /// The credential helper that had the secret.
    pub helper: Option<String>,
}
