//! The trait that every kind of artifact store implements, and the small values around it.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::oci::recursive::Along;
use crate::oci::{Content, Descriptor, OciError, Place};
pub use crate::oci::{Filled, Guard, Job};

/// A name in a store: repository path and tag.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ArtifactName {
    /// Repository path, e.g. `release/contoso-a`.
    pub repository: String,
    /// Tag, e.g. `1.0.0`.
    pub tag: String,
}

impl std::fmt::Display for ArtifactName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.repository, self.tag)
    }
}

/// Where a store really is: keys receipts and placements; never part of a step id.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct StoreIdentity(pub String);

impl std::fmt::Display for StoreIdentity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a store says about a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// Nothing is tagged so.
    Absent,
    /// The tag names this root. Size and media type as far as the store told.
    Present(Descriptor),
    /// The tag is there, but what it names is damaged or incomplete (found by stat change or a forced check).
    Damaged {
        /// What the tag names; `None` when the list of tags itself is damaged, so that nobody can tell.
        root: Option<Descriptor>,
        /// What is wrong.
        why: String,
    },
}

/// A place that keeps artifacts by name.
#[async_trait::async_trait]
pub trait ArtifactStore: Send + Sync {
    /// Its name in the project.
    fn name(&self) -> &str;

    /// Where it really is.
    fn identity(&self) -> &StoreIdentity;

    /// Does asking it take the network?
    fn is_remote(&self) -> bool {
        true
    }

    /// What a name holds: at most one data-path request. With `thorough`, everything below the root is checked
    /// for presence too (local stores: and re-hashed).
    async fn observe(&self, name: &ArtifactName, thorough: bool, job: &Job) -> Result<Observed, OciError>;

    /// Reads back what the store holds under a repository, by digest.
    async fn content(&self, repository: &str, job: &Job) -> Result<Arc<dyn Content>, OciError>;

    /// One repository of it, with everything that can be done there; nothing is asked yet.
    fn place(&self, repository: &str) -> Result<Arc<dyn Place>, OciError>;

    /// Puts the whole graph under `root` into the store and tags it last: children before root, nothing sent
    /// that is there already, every digest verified.
    async fn fill(
        &self,
        name: &ArtifactName,
        root: &Descriptor,
        content: Arc<dyn Content>,
        guard: &Guard,
        job: &Job,
    ) -> Result<Filled, OciError> {
        let guards = BTreeMap::new();
        let along = Along {
            referrers: &[],
            guards: &guards,
        };
        self.fill_along(name, root, content, guard, along, job).await
    }

    /// The same with referrers: they go before the tag, so that whoever sees the tag finds them.
    async fn fill_along(
        &self,
        name: &ArtifactName,
        root: &Descriptor,
        content: Arc<dyn Content>,
        guard: &Guard,
        along: Along<'_>,
        job: &Job,
    ) -> Result<Filled, OciError>;

    /// Puts a graph into a repository without a tag: a referrer, which is found through its subject.
    async fn put(
        &self,
        repository: &str,
        root: &Descriptor,
        content: Arc<dyn Content>,
        job: &Job,
    ) -> Result<Filled, OciError>;

    /// All names it holds, sorted, where listing them costs nothing; `None` where it would.
    async fn names(&self, _job: &Job) -> Result<Option<Vec<ArtifactName>>, OciError> {
        Ok(None)
    }

    /// Makes everything filled so far durable; called at the end of a run and when it is interrupted.
    async fn flush(&self) -> Result<(), OciError>;
}
