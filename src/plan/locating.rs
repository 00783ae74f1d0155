//! Where every wanted image is: from the lock where it counts, else from the sources; and what the lock becomes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{FutureExt as _, StreamExt as _};

use super::Session;
use super::along;
use super::cut::{self, Cut, Uncut};
use super::prepare::Prepared;
use super::wanted::Wanted;
use super::world::World;
use crate::cache::Cache;
use crate::digest::Digest;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults, Kind, Place, some_of};
use crate::locate::{self, Cached, Located, ManifestCache, Mode, Request};
use crate::lock::{ChangeKind, Lock, LockChange, LockedImage, changes};
use crate::oci::recursive::ReferrerFound;
use crate::oci::remembered::Remembered;
use crate::oci::{Content, Job};
use crate::reference::FirstSegment;

/// Images located at a time; each host has a smaller limit of its own.
const AT_A_TIME: usize = 32;

/// How the lock takes part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// What the lock lacks is asked.
    Missing,
    /// These references are asked anew; all when empty.
    Anew(Vec<String>),
}

/// Where the images are.
#[derive(Default)]
pub struct Locations {
    /// In the order of the wanted images: `None` when nobody was asked.
    places: Vec<Option<Result<Located, Fault>>>,
    /// Everything, where it comes from a bundle.
    bundle: Option<Arc<dyn Content>>,
    /// In the same order: how each image is copied; empty where that was not asked.
    copies: Vec<CopyOf>,
    /// The lock as it should be.
    pub lock: Lock,
    /// What differs.
    pub lock_changes: Vec<LockChange>,
    /// Tags that name something else than the lock says (known only when they were asked anew).
    pub drift: Vec<LockChange>,
    /// Errors of single images.
    pub faults: Faults,
}

/// How an image is copied.
#[derive(Debug, Default, Clone)]
pub struct CopyOf {
    /// What it is cut to; `None`: it is copied whole.
    pub cut: Option<Cut>,
    /// Whether that is not known: its index is not at hand, and nobody may be asked.
    pub open: bool,
    /// What travels along.
    pub along: Vec<ReferrerFound>,
}

impl Locations {
    /// Nothing is located: everything comes from a bundle.
    pub(super) fn of_bundle(content: Arc<dyn Content>) -> Self {
        Self {
            bundle: Some(content),
            ..Self::default()
        }
    }

    /// The bundle that everything comes from, if it does.
    pub fn bundle(&self) -> Option<&Arc<dyn Content>> {
        self.bundle.as_ref()
    }

    /// How an image is copied.
    pub fn copy(&self, image: usize) -> Option<&CopyOf> {
        self.copies.get(image)
    }

    /// Where an image is, or why that is not known; `None` when nobody was asked.
    pub fn get(&self, image: usize) -> Option<Result<&Located, &Fault>> {
        self.places.get(image)?.as_ref().map(Result::as_ref)
    }

    /// For the images document.
    pub fn described(&self) -> Vec<Option<Result<Located, String>>> {
        self.places
            .iter()
            .map(|place| {
                place
                    .as_ref()
                    .map(|place| place.clone().map_err(|fault| fault.to_string()))
            })
            .collect()
    }

    /// The content of an image, reached on behalf of a job. What locating has read of it is not read again.
    pub fn content(
        &self,
        image: usize,
        world: &World,
        cache: &Arc<Cache>,
        job: &Job,
    ) -> Option<Result<Arc<dyn Content>, Fault>> {
        let located = self.get(image)?.ok()?;
        let cut = self.copy(image).and_then(|copy| copy.cut.as_ref());
        Some(
            world
                .source(&located.source.host, job)
                .map(|source| -> Arc<dyn Content> {
                    let manifests = Arc::new(Manifests(Arc::clone(cache)));
                    let below: Arc<dyn Content> = Arc::new(Cached::new(source.content(&located.repository), manifests));
                    match cut {
                        None => below,
                        Some(cut) => {
                            let whole = Remembered::new(below);
                            whole.lay_over(cut.subset.index.digest.clone(), cut.subset.bytes.clone());
                            Arc::new(whole)
                        }
                    }
                }),
        )
    }

    /// The host of the source that has an image.
    pub fn host(&self, image: usize) -> Option<&str> {
        Some(self.get(image)?.ok()?.source.host.as_str())
    }
}

/// Locates all wanted images. Errors of single images stay with them; a lock that may not change and would is an error.
pub async fn locate_images(
    session: &Arc<Session>,
    prepared: &Prepared,
    wanted: &Wanted,
    world: &World,
    asking: Asking,
) -> Result<Locations, Faults> {
    let old_lock = Lock::load(&session.lock_path())?;
    let job = session.job("locate");
    let sources = world.sources(&job)?;
    let order: Vec<String> = session
        .project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    let mode = match &asking {
        _ if session.mode.offline => Mode::Locked,
        Asking::Anew(references) => Mode::Update(references.clone()),
        Asking::Missing if session.mode.locked || session.mode.frozen => Mode::Locked,
        Asking::Missing => Mode::Prefer,
    };
    // Without the network only the lock can answer; what it lacks stays unknown instead of being an error.
    let counted = old_lock.as_ref().filter(|lock| lock.counts_for(&order));
    let asked = if session.mode.offline {
        known(wanted, counted)
    } else {
        references(wanted)
    };
    session.events.emit(Event::PhaseStarted {
        phase: Phase::Locate,
        total: Some(asked.len() as u64),
    });
    let location = ask(session, asked, &sources, old_lock.as_ref(), mode, &job).await;
    let mut faults = Faults::new();
    let found = along::find(session, world, location.located, &job, &mut faults).await;
    session.events.emit(Event::PhaseFinished { phase: Phase::Locate });
    session.stopped()?;
    for fault in location.faults {
        if fault.is_error() {
            faults.push(fault);
        } else {
            session.events.emit(Event::Fault(fault));
        }
    }
    if session.mode.locked || session.mode.frozen {
        let stale: Faults = faults
            .iter()
            .filter(|fault| fault.kind() == Kind::Stale)
            .cloned()
            .collect();
        if stale.has_errors() {
            return Err(stale);
        }
    }
    if order.is_empty() && faults.has_errors() {
        faults = no_sources(session, wanted).into();
    }
    let lock = new_lock(prepared, wanted, &order, &found, old_lock.as_ref());
    let lock_changes = if session.mode.frozen {
        Vec::new()
    } else {
        changes(old_lock.as_ref(), &lock)
    };
    if session.mode.locked && !lock_changes.is_empty() {
        return Err(would_change(session, &lock_changes).into());
    }
    let drift = match asking {
        Asking::Anew(_) => lock_changes
            .iter()
            .filter(|c| matches!(c.kind, ChangeKind::Moved | ChangeKind::Referrers))
            .cloned()
            .collect(),
        Asking::Missing => Vec::new(),
    };
    let mut places = places(wanted, found, &location.missing, &faults, session.mode.offline);
    let copies = copies(session, world, &mut places, &job, &mut faults).await;
    session.stopped()?;
    Ok(Locations {
        places,
        bundle: None,
        copies,
        lock,
        lock_changes,
        drift,
        faults,
    })
}

/// How each image is copied. One that cannot be cut as the project wants is an error of that image.
async fn copies(
    session: &Arc<Session>,
    world: &World,
    places: &mut [Option<Result<Located, Fault>>],
    job: &Job,
    faults: &mut Faults,
) -> Vec<CopyOf> {
    let rounds: Vec<_> = places
        .iter()
        .map(|place| {
            async move {
                match place {
                    Some(Ok(image)) => cut::cut(session, world, image, job).await,
                    _ => Ok(None),
                }
            }
            .boxed()
        })
        .collect();
    let cuts: Vec<_> = futures_util::stream::iter(rounds).buffered(AT_A_TIME).collect().await;
    let mut copies = Vec::with_capacity(places.len());
    for (place, cut) in places.iter_mut().zip(cuts) {
        let mut copy = CopyOf::default();
        match cut {
            Ok(cut) => copy.cut = cut,
            Err(Uncut::Offline) => copy.open = true,
            Err(Uncut::Fault(fault)) => {
                faults.push(fault.clone());
                *place = Some(Err(fault));
            }
        }
        if let Some(Ok(image)) = place {
            let kept = copy.cut.as_ref().map(Cut::kept);
            let listed = image.referrers.as_deref().unwrap_or_default();
            copy.along = along::taken(listed, &session.project.copy.referrers, kept.as_ref());
        }
        copies.push(copy);
    }
    copies
}

/// One error for all images when there is nowhere to look: the registries that their references name are a good guess.
fn no_sources(session: &Session, wanted: &Wanted) -> Fault {
    let names: Vec<&str> = wanted.images.iter().map(|image| image.reference.as_str()).collect();
    let hosts: BTreeSet<&str> = wanted
        .images
        .iter()
        .map(|image| match image.reference.registry() {
            Some(host) => host,
            None if image.reference.is_ambiguous_first_segment() => "myregistry.azurecr.io",
            None => "docker.io",
        })
        .collect();
    let list: Vec<String> = hosts.iter().take(5).map(|host| format!("{host:?}")).collect();
    Fault::invalid("no image source is named, so there is no place to look for images")
        .at_opt(session.project.files.first().map(Place::file_only))
        .because(format!("needed for {}", some_of(&names)))
        .hint(format!("name them in [project]: image-sources = [{}]", list.join(", ")))
}

fn places(
    wanted: &Wanted,
    located: Vec<Located>,
    missing: &[locate::Missing],
    faults: &Faults,
    offline: bool,
) -> Vec<Option<Result<Located, Fault>>> {
    let mut by_key: BTreeMap<(String, String), Located> = BTreeMap::new();
    for one in located {
        by_key.insert((one.reference.as_str().to_owned(), one.name.tag.clone()), one);
    }
    wanted
        .images
        .iter()
        .map(|image| {
            let text = image.reference.as_str();
            let tag = image.reference.store_tag(image.version.as_deref()).unwrap_or_default();
            if let Some(found) = by_key.get(&(text.to_owned(), tag)) {
                return Some(Ok(found.clone()));
            }
            if offline && !missing.iter().any(|one| one.reference.as_str() == text) {
                return None;
            }
            // The fault that names the image says why; several sources may have said the same of all.
            let why = faults
                .iter()
                .find(|fault| fault.message().contains(text))
                .or_else(|| faults.iter().next());
            Some(Err(why.cloned().unwrap_or_else(|| {
                Fault::invalid(format!("image {text} was not located"))
                    .hint("`aosm-build images --locate` asks the sources")
            })))
        })
        .collect()
}

/// The lock as it should be: what is wanted and located. Entries of images that could not be asked for now are kept.
fn new_lock(prepared: &Prepared, wanted: &Wanted, order: &[String], located: &[Located], old: Option<&Lock>) -> Lock {
    let mut lock = Lock::new(order.to_vec());
    let found: Vec<LockedImage> = located.iter().map(LockedImage::from).collect();
    if let Some(old) = old.filter(|old| old.counts_for(order)) {
        for kept in &old.images {
            let still = wanted
                .images
                .iter()
                .any(|image| image.reference.as_str() == kept.reference);
            if still && !found.iter().any(|new| new.reference == kept.reference) {
                lock.put(kept.clone());
            }
        }
        lock.stores.clone_from(&old.stores);
    }
    for image in found {
        lock.put(image);
    }
    for package in &prepared.packages {
        lock.charts.extend(package.fetched.iter().cloned());
    }
    lock.charts
        .sort_by(|a, b| (&a.name, &a.version, &a.url).cmp(&(&b.name, &b.version, &b.url)));
    lock.charts.dedup();
    lock
}

fn would_change(session: &Session, changes: &[LockChange]) -> Fault {
    let mut fault = Fault::new(
        Kind::Stale,
        "aosm.lock is out of date, and --locked forbids changing it",
    )
    .at(crate::fault::Place::file_only(session.lock_path()));
    for change in changes {
        fault = fault.because(change.words());
    }
    fault.hint("run `aosm-build lock` and commit aosm.lock")
}

/// Content whose manifests are read once ever.
pub fn through_cache(session: &Session, content: Arc<dyn Content>) -> Arc<dyn Content> {
    Arc::new(locate::Cached::new(
        content,
        Arc::new(Manifests(Arc::clone(&session.cache))),
    ))
}

/// Manifests by digest, kept in the cache; the reader verifies.
pub(super) struct Manifests(pub(super) Arc<Cache>);

impl ManifestCache for Manifests {
    fn get(&self, digest: &Digest) -> Option<Bytes> {
        if digest.algorithm() == "sha256" {
            self.0.cas().get(digest).map(Bytes::from)
        } else {
            None
        }
    }

    fn put(&self, digest: &Digest, bytes: &Bytes) {
        if digest.algorithm() == "sha256" {
            // A cache that cannot be written costs a request next time, no more.
            let _ = self.0.cas().put(bytes);
        }
    }
}

/// Where images are, as far as the lock knows: asks nobody, and a lock that does not count knows nothing.
pub async fn images_from_lock(
    session: &Arc<Session>,
    wanted: &Wanted,
    world: &World,
) -> Result<Vec<Option<Result<Located, String>>>, Faults> {
    let order: Vec<String> = session
        .project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    let Some(lock) = Lock::load(&session.lock_path())?.filter(|lock| lock.counts_for(&order)) else {
        return Ok(vec![None; wanted.images.len()]);
    };
    let job = session.job("locate");
    let sources = world.sources(&job)?;
    let asked = known(wanted, Some(&lock));
    let location = ask(session, asked, &sources, Some(&lock), Mode::Locked, &job).await;
    let places = places(wanted, location.located, &[], &Faults::new(), true);
    Ok(places.into_iter().map(|place| place?.ok().map(Ok)).collect())
}

/// All wanted images, as locating asks for them.
fn references(wanted: &Wanted) -> Vec<locate::Wanted> {
    let one = |image: &super::wanted::WantedImage| locate::Wanted {
        reference: image.reference.clone(),
        version: image.version.clone(),
        only_from: image.only_from.clone(),
        place: image.place(),
    };
    wanted.images.iter().map(one).collect()
}

/// Those that a lock knows.
fn known(wanted: &Wanted, lock: Option<&Lock>) -> Vec<locate::Wanted> {
    let mut known = references(wanted);
    known.retain(|one| lock.is_some_and(|lock| lock.entry(one.reference.as_str()).is_some()));
    known
}

async fn ask(
    session: &Session,
    wanted: Vec<locate::Wanted>,
    sources: &[locate::SourceEntry],
    lock: Option<&Lock>,
    mode: Mode,
    job: &Job,
) -> locate::Location {
    let discovery = &session.project.discovery;
    let first_segment = FirstSegment {
        placeholders: discovery.registry_placeholders.clone(),
        namespaces: discovery.namespaces.clone(),
    };
    let request = Request {
        wanted,
        sources,
        first_segment: &first_segment,
        lock,
        mode,
        cache: Arc::new(Manifests(Arc::clone(&session.cache))),
        concurrency: AT_A_TIME,
    };
    locate::locate(&request, job).await
}
