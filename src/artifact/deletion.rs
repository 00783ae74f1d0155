//! Deleting a manifest, alone or with its graph: first a plan that says what goes and what stands in the way, then the deed.
//!
//! Invariants: nothing that an index outside the plan names is deleted; referrers and children go before what they hang from and
//! the root goes last, so that a deletion that was cut off can be started again from the same root.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};

use super::documents::{DeletedEntry, KeptEntry, Role};
use super::survey::{Reach, Survey, there};
use crate::digest::Digest;
use crate::oci::manifest::children;
use crate::oci::recursive::cosign_tags;
use crate::oci::registry::{RegistryPlace, fallback_tag};
use crate::oci::{Content, Descriptor, ErrorKind, Job, OciError, Place, Selector};

/// Something that was to go, and what became of it; `None`: it was gone already.
type Deleted<'a> = (&'a Going, Result<Option<()>, OciError>);

/// A plan has at most this many manifests.
const MANIFESTS_LIMIT: usize = 50_000;
/// Requests at a time.
const AT_ONCE: usize = 8;

/// What is to be deleted.
#[derive(Debug, Clone)]
pub struct Deletion<'a> {
    /// The manifest that was named.
    pub root: &'a Descriptor,
    /// The tag it was named by.
    pub tag: Option<&'a str>,
    /// With children that nothing else needs, and all that refers to any of them.
    pub graph: bool,
}

/// One manifest that would go.
#[derive(Debug, Clone)]
pub struct Going {
    /// Its descriptor.
    pub descriptor: Descriptor,
    /// Why.
    pub role: Role,
    /// What it hangs from.
    pub of: Option<Digest>,
    /// Tags that go with it.
    pub tags: Vec<String>,
    /// Steps from the root.
    distance: usize,
}

impl Going {
    /// For the document.
    pub fn entry(&self) -> DeletedEntry {
        DeletedEntry {
            digest: self.descriptor.digest.to_string(),
            role: self.role,
            artifact_type: self.descriptor.artifact_type().map(str::to_owned),
            tags: self.tags.clone(),
            of: self.of.as_ref().map(ToString::to_string),
        }
    }
}

/// Why a deletion would take more than was meant, or break something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Obstacle {
    /// Other tags name the manifest.
    OtherTags(Vec<String>),
    /// Indexes name it.
    Parents(Vec<Digest>),
    /// Manifests refer to it: digest and artifact type.
    Referrers(Vec<(Digest, String)>),
}

/// What would go, what would stay, and what stands in the way.
#[derive(Debug, Clone, Default)]
pub struct DeletionPlan {
    /// In the order of deletion, the root last.
    pub going: Vec<Going>,
    /// What hangs together with it and stays.
    pub kept: Vec<KeptEntry>,
    /// What stands in the way.
    pub obstacles: Vec<Obstacle>,
    /// Tags of lists of referrers that are empty afterwards.
    lists: Vec<String>,
}

/// Makes a plan. `place` must show all tags by which anything in it may be named (of a layout: the whole layout).
pub async fn plan(
    place: &Arc<dyn Place>,
    registry: Option<&Arc<RegistryPlace>>,
    deletion: &Deletion<'_>,
    job: &Job,
) -> Result<DeletionPlan, OciError> {
    let survey = Survey::of(place, registry, Reach::Names, job).await?;
    let planner = Planner {
        content: place.content(job),
        survey: &survey,
        by_tag: survey
            .manifests
            .iter()
            .flat_map(|(digest, seen)| seen.tags.iter().map(move |tag| (tag.as_str(), digest)))
            .collect(),
    };
    planner.plan(deletion).await
}

struct Planner<'s> {
    content: Arc<dyn Content>,
    survey: &'s Survey,
    by_tag: BTreeMap<&'s str, &'s Digest>,
}

impl Planner<'_> {
    async fn plan(&self, deletion: &Deletion<'_>) -> Result<DeletionPlan, OciError> {
        let root = &deletion.root.digest;
        let mut plan = DeletionPlan::default();
        let mut other_tags = self.survey.tags_of(root);
        other_tags.retain(|tag| Some(tag.as_str()) != deletion.tag);
        if deletion.tag.is_some() && !other_tags.is_empty() {
            plan.obstacles.push(Obstacle::OtherTags(other_tags));
        }
        let parents = self.parents(root);
        if !parents.is_empty() {
            plan.obstacles.push(Obstacle::Parents(parents.into_iter().collect()));
        }
        if deletion.graph {
            self.gather(deletion.root, &mut plan).await?;
        } else {
            self.alone(deletion.root, &mut plan).await?;
        }
        let gone: Vec<&Digest> = plan.going.iter().map(|going| &going.descriptor.digest).collect();
        plan.lists = gone
            .into_iter()
            .map(fallback_tag)
            .filter(|tag| self.by_tag.contains_key(tag.as_str()))
            .collect();
        Ok(plan)
    }

    fn parents(&self, digest: &Digest) -> BTreeSet<Digest> {
        self.survey
            .manifests
            .get(digest)
            .map(|seen| seen.parents.clone())
            .unwrap_or_default()
    }

    fn going(&self, descriptor: &Descriptor, role: Role, of: Option<&Digest>, distance: usize) -> Going {
        Going {
            descriptor: descriptor.clone(),
            role,
            of: of.cloned(),
            tags: self.survey.tags_of(&descriptor.digest),
            distance,
        }
    }

    /// The manifest alone: whatever hangs on it stands in the way, or stays.
    async fn alone(&self, root: &Descriptor, plan: &mut DeletionPlan) -> Result<(), OciError> {
        let (below, mut referrers) = self.look(root).await?;
        referrers.sort_by(|a, b| a.digest.cmp(&b.digest));
        if !referrers.is_empty() {
            let named = |r: &Descriptor| (r.digest.clone(), r.artifact_type().unwrap_or("<unknown>").to_owned());
            plan.obstacles
                .push(Obstacle::Referrers(referrers.iter().map(named).collect()));
        }
        plan.kept = below
            .iter()
            .map(|child| KeptEntry {
                digest: child.digest.to_string(),
                because: "only the index goes without --graph".to_owned(),
            })
            .collect();
        plan.going.push(self.going(root, Role::Root, None, 0));
        Ok(())
    }

    /// The graph: level by level away from the root.
    async fn gather(&self, root: &Descriptor, plan: &mut DeletionPlan) -> Result<(), OciError> {
        let mut taken: HashMap<Digest, Going> = HashMap::new();
        taken.insert(root.digest.clone(), self.going(root, Role::Root, None, 0));
        let mut doubtful: BTreeMap<Digest, Going> = BTreeMap::new();
        let mut level = vec![root.clone()];
        for distance in 1_usize.. {
            if level.is_empty() {
                break;
            }
            let looks: Vec<BoxFuture<'_, Result<_, OciError>>> = level
                .iter()
                .map(|subject| -> BoxFuture<'_, _> {
                    Box::pin(async move { Ok((subject, self.look(subject).await?)) })
                })
                .collect();
            let mut looks = stream::iter(looks).buffered(AT_ONCE);
            while let Some((of, (below, referrers))) = looks.try_next().await? {
                let below = below.into_iter().map(|child| (child, Role::Child));
                let referrers = referrers.into_iter().map(|referrer| (referrer, Role::Referrer));
                for (descriptor, role) in below.chain(referrers) {
                    if !taken.contains_key(&descriptor.digest) {
                        let going = self.going(&descriptor, role, Some(&of.digest), distance);
                        doubtful.entry(descriptor.digest).or_insert(going);
                    }
                }
            }
            drop(looks);
            // Which may go depends on which others go: until nothing changes.
            let mut next = Vec::new();
            loop {
                let free: Vec<Digest> = doubtful
                    .iter()
                    .filter(|(digest, going)| self.needed(digest, going, &taken).is_none())
                    .map(|(digest, _)| digest.clone())
                    .collect();
                if free.is_empty() {
                    break;
                }
                for digest in free {
                    if let Some(going) = doubtful.remove(&digest) {
                        next.push(going.descriptor.clone());
                        taken.insert(digest, going);
                    }
                }
            }
            if taken.len() > MANIFESTS_LIMIT {
                let subject = format!("{} of {}", root.digest.short(), self.content.origin().label);
                let detail = format!("more than {MANIFESTS_LIMIT} manifests hang on it");
                return Err(OciError::new(ErrorKind::TooLarge, "delete", subject, detail));
            }
            level = next;
        }
        plan.kept = doubtful
            .iter()
            .map(|(digest, going)| KeptEntry {
                digest: digest.to_string(),
                because: self.needed(digest, going, &taken).unwrap_or_default(),
            })
            .collect();
        plan.going = taken.into_values().collect();
        plan.going.sort_by(|a, b| {
            b.distance
                .cmp(&a.distance)
                .then_with(|| a.descriptor.digest.cmp(&b.descriptor.digest))
        });
        Ok(())
    }

    /// Why something has to stay, in words; `None` when it may go.
    fn needed(&self, digest: &Digest, going: &Going, taken: &HashMap<Digest, Going>) -> Option<String> {
        // A referrer goes with its tags: without its subject it has no meaning. A child may be an image of its own.
        if going.role == Role::Child && !going.tags.is_empty() {
            return Some(format!("tagged {}", going.tags.join(", ")));
        }
        let parents = self.parents(digest);
        let other = parents.iter().find(|parent| !taken.contains_key(*parent))?;
        Some(format!("index {} names it", other.short()))
    }

    /// What a manifest names, and what refers to it, cosign's tags included.
    async fn look(&self, of: &Descriptor) -> Result<(Vec<Descriptor>, Vec<Descriptor>), OciError> {
        let below = match there(self.content.manifest(of).await)? {
            Some(bytes) => children(&bytes, &of.media_type).unwrap_or_default().manifests,
            None => Vec::new(),
        };
        let mut referrers = self.content.referrers(&of.digest).await?;
        for tag in cosign_tags(&of.digest) {
            if let Some(digest) = self.by_tag.get(tag.as_str()) {
                let seen = self.survey.manifests.get(*digest);
                let media_type = seen.and_then(|seen| seen.media_type.clone()).unwrap_or_default();
                referrers.push(Descriptor::new(media_type, (*digest).clone(), 0));
            }
        }
        Ok((below, referrers))
    }
}

/// Carries a plan out. What is gone already counts as deleted. Gives what was deleted, also when something failed.
pub async fn delete(place: &Arc<dyn Place>, plan: &DeletionPlan, job: &Job) -> (Vec<Going>, Result<(), OciError>) {
    let mut done: Vec<Going> = Vec::new();
    let mut at = 0;
    while let Some(first) = plan.going.get(at) {
        let level: Vec<&Going> = plan
            .going
            .iter()
            .skip(at)
            .take_while(|going| going.distance == first.distance)
            .collect();
        at += level.len();
        let deletions: Vec<BoxFuture<'_, Deleted<'_>>> = level
            .into_iter()
            .map(|going| -> BoxFuture<'_, _> {
                Box::pin(async move { (going, there(place.delete_manifest(&going.descriptor.digest, job).await)) })
            })
            .collect();
        let results: Vec<_> = stream::iter(deletions).buffered(AT_ONCE).collect().await;
        let mut failed = None;
        for (going, result) in results {
            match result {
                Ok(_) => done.push(going.clone()),
                Err(error) => failed = failed.or(Some(error)),
            }
        }
        if let Some(error) = failed {
            return (done, Err(error));
        }
    }
    let cleaned = clean_lists(place, plan, job).await;
    let flushed = place.flush().await;
    (done, cleaned.and(flushed))
}

/// Lists of referrers that are still there although their subject is not: they listed what did not exist.
async fn clean_lists(place: &Arc<dyn Place>, plan: &DeletionPlan, job: &Job) -> Result<(), OciError> {
    for tag in &plan.lists {
        if let Some(list) = there(place.resolve(&Selector::Tag(tag.clone()), job).await)? {
            there(place.delete_manifest(&list.digest, job).await)?;
        }
    }
    Ok(())
}
