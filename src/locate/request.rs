//! What is asked for, and the round of asking.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use futures_util::{StreamExt as _, stream};

use super::ask::{Asked, ask};
use super::cache::ManifestCache;
use super::locked::{self, FromLock};
use super::outcome::{Location, Missing};
use super::sources::Sources;
use super::words;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults, Kind, Place};
use crate::lock::Lock;
use crate::oci::{Job, Source};
use crate::project::ImageSource;
use crate::reference::{FirstSegment, ImageReference};

/// One image that is wanted.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// Its reference.
    pub reference: ImageReference,
    /// The tag it gets in the store when the reference has only a digest.
    pub version: Option<String>,
    /// The one source that is asked; `None`: all, in their order.
    pub only_from: Option<ImageSource>,
    /// Where it was found first, for messages.
    pub place: Option<Place>,
}

/// One image source and how it is reached.
#[derive(Clone)]
pub struct SourceEntry {
    /// As the project names it.
    pub source: ImageSource,
    /// How it is reached; several namespaces of one host share it.
    pub access: Arc<dyn Source>,
    /// When it cannot be asked, go on to the next source.
    pub optional: bool,
    /// A folder or an archive on this machine: what is wrong with it is wrong with the input, not with a network.
    pub is_file: bool,
    /// Where the project names it.
    pub place: Option<Place>,
}

/// What the lock is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// Entries of the lock count; what it lacks is asked.
    Prefer,
    /// Nothing is asked: what the lock lacks makes it stale.
    Locked,
    /// These references are asked anew, all of them when the list is empty; otherwise as [`Mode::Prefer`]. The lock
    /// still decides between two readings of a reference.
    Update(Vec<String>),
}

/// Everything that locating needs.
pub struct Request<'a> {
    /// The images.
    pub wanted: Vec<Wanted>,
    /// The sources in the order written.
    pub sources: &'a [SourceEntry],
    /// What the project says about ambiguous first segments.
    pub first_segment: &'a FirstSegment,
    /// The lock, where there is one.
    pub lock: Option<&'a Lock>,
    /// What it is for.
    pub mode: Mode,
    /// Keeps manifests that were read for sizes and platforms.
    pub cache: Arc<dyn ManifestCache>,
    /// Images asked for at a time.
    pub concurrency: usize,
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Request({} images, {} sources, {:?})",
            self.wanted.len(),
            self.sources.len(),
            self.mode
        )
    }
}

/// Finds every wanted image. The same reference and version is asked once; results are sorted by reference. Each
/// image that was decided emits [`Event::PhaseAdvanced`] of [`Phase::Locate`]; the caller begins and ends the phase.
pub async fn locate(request: &Request<'_>, job: &Job) -> Location {
    let mut location = Location::default();
    let wanted = distinct(&request.wanted);
    let order: Vec<String> = request.sources.iter().map(|entry| entry.source.to_string()).collect();
    let lock = request.lock.filter(|lock| lock.counts_for(&order));
    if request.mode == Mode::Locked && lock.is_none() && !wanted.is_empty() {
        location.faults.push(words::lock_does_not_count(request.lock, &order));
        return location;
    }
    let sources = Sources::new(request.sources);
    let rounds: Vec<BoxFuture<'_, Asked>> = wanted
        .into_values()
        .map(|wanted| -> BoxFuture<'_, Asked> {
            let sources = &sources;
            Box::pin(async move {
                let asked = one(request, lock, sources, wanted, job).await;
                if let Asked::Found(located, _) = &asked {
                    let cached = located.from_lock;
                    let what = located.reference.as_str().to_owned();
                    job.events.emit(Event::PhaseAdvanced {
                        phase: Phase::Locate,
                        what,
                        cached,
                    });
                }
                asked
            })
        })
        .collect();
    // `buffered` gives the results in the order of the references, whatever order they came in.
    let mut rounds = stream::iter(rounds).buffered(request.concurrency.max(1));
    let mut stopped = false;
    while let Some(asked) = rounds.next().await {
        match asked {
            Asked::Found(located, warnings) => {
                location.located.push(*located);
                location.faults.extend(warnings);
            }
            Asked::Nowhere(missing, fault) => {
                location.missing.push(missing);
                location.faults.push(fault);
            }
            Asked::Failed(missing, faults) => {
                location.missing.push(missing);
                location.faults.extend(faults);
            }
            Asked::Cancelled => stopped = true,
        }
    }
    drop(rounds);
    location.faults.extend(sources.faults());
    if stopped {
        let fault = Fault::new(Kind::Interrupted, "locating images was stopped");
        location.faults = Faults::from(fault);
    }
    location
}

async fn one(request: &Request<'_>, lock: Option<&Lock>, sources: &Sources<'_>, wanted: &Wanted, job: &Job) -> Asked {
    let tag = match wanted.reference.store_tag(wanted.version.as_deref()) {
        Ok(tag) => tag,
        Err(error) => {
            let fault = Fault::invalid(format!("version of image {}", wanted.reference))
                .because(&error)
                .hint("give it a valid tag as `version` in [[images]]");
            let missing = Missing {
                reference: wanted.reference.clone(),
                answers: Vec::new(),
            };
            return Asked::Failed(missing, vec![fault.at_opt(wanted.place.clone())]);
        }
    };
    let entry = lock.and_then(|lock| lock.entry_as(wanted.reference.as_str(), &tag));
    let anew = match &request.mode {
        Mode::Update(list) => list.is_empty() || list.iter().any(|text| text == wanted.reference.as_str()),
        Mode::Prefer | Mode::Locked => false,
    };
    let from_lock = match entry {
        Some(entry) if !anew => locked::take(request, wanted, entry),
        _ => FromLock::Lacks,
    };
    match from_lock {
        FromLock::Has(located) => Asked::Found(located, Vec::new()),
        FromLock::Lacks if request.mode == Mode::Locked => {
            let missing = Missing {
                reference: wanted.reference.clone(),
                answers: Vec::new(),
            };
            Asked::Failed(missing, vec![words::not_in_lock(wanted)])
        }
        FromLock::Lacks => tokio::select! {
            biased;
            () = job.cancel.cancelled() => Asked::Cancelled,
            asked = ask(request, sources, wanted, &tag, entry, job) => asked,
        },
    }
}

/// By reference and version, sorted; the first of equals keeps its place.
fn distinct(wanted: &[Wanted]) -> BTreeMap<(&str, Option<&str>), &Wanted> {
    let mut distinct = BTreeMap::new();
    for one in wanted {
        distinct
            .entry((one.reference.as_str(), one.version.as_deref()))
            .or_insert(one);
    }
    distinct
}
