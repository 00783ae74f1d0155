//! A place that images come from: a registry, an image layout, an archive. `locate` asks these in order.

use std::sync::Arc;

use super::{Content, Descriptor, OciError};
use crate::digest::Digest;

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Selector {
    /// By tag.
    Tag(String),
    /// By digest.
    Digest(Digest),
}

impl std::fmt::Display for Selector {
    /// As it is appended to a repository: `:1.0.0` or `@sha256:…`.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tag(tag) => write!(f, ":{tag}"),
            Self::Digest(digest) => write!(f, "@{digest}"),
        }
    }
}

/// A source of images.
#[async_trait::async_trait]
pub trait Source: Send + Sync {
    /// The host as the project names it.
    fn host(&self) -> &str;

    /// What a selector names there. One request for a registry (HEAD, falling back to GET where the answer lacks
    /// the digest). The error's kind tells absent, denied and unreachable apart (contracts §2).
    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError>;

    /// The content of one repository.
    fn content(&self, repository: &str) -> Arc<dyn Content>;
}
