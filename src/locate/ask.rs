//! Asking the sources for one image, in order.

use super::answer::{Answer, Verdict};
use super::graph;
use super::outcome::{Located, Missing};
use super::request::{Request, SourceEntry, Wanted};
use super::sources::Sources;
use super::words;
use crate::fault::Fault;
use crate::lock::LockedImage;
use crate::oci::{Descriptor, ErrorKind, Job, OciError, Selector};
use crate::reference::Candidate;
use crate::store::ArtifactName;

/// How the round for one image ended.
pub(super) enum Asked {
    /// A source has it; with warnings.
    Found(Box<Located>, Vec<Fault>),
    /// Every source answered, and none has it.
    Nowhere(Missing, Fault),
    /// The order could not be honoured, or what was found cannot be used. Faults of a source as a whole are kept by
    /// [`Sources`].
    Failed(Missing, Vec<Fault>),
    /// The run was stopped.
    Cancelled,
}

/// A reading of the reference that a source has.
#[derive(Debug, Clone)]
struct Hit {
    candidate: Candidate,
    root: Descriptor,
}

/// What one source came to.
enum Turn {
    /// It has the image under these readings.
    Has(Vec<Hit>),
    /// It has not.
    HasNot,
    /// It could not be asked and must be.
    Stop(OciError),
}

struct Round<'a> {
    sources: &'a Sources<'a>,
    wanted: &'a Wanted,
    selector: Selector,
    answers: Vec<Answer>,
    /// Sources that denied it, for a warning.
    denied: Vec<String>,
}

pub(super) async fn ask(
    request: &Request<'_>,
    sources: &Sources<'_>,
    wanted: &Wanted,
    tag: &str,
    locked: Option<&LockedImage>,
    job: &Job,
) -> Asked {
    let reference = &wanted.reference;
    let selector = match reference.digest() {
        Some(digest) => Selector::Digest(digest.clone()),
        None => Selector::Tag(reference.effective_tag().to_owned()),
    };
    let mut round = Round {
        sources,
        wanted,
        selector,
        answers: Vec::new(),
        denied: Vec::new(),
    };
    for (at, entry) in sources.iter() {
        if wanted.only_from.as_ref().is_some_and(|only| *only != entry.source) {
            continue;
        }
        let candidates = reference.candidates(&entry.source, request.first_segment);
        let denied_before = round.denied.len();
        match round.turn(at, entry, candidates).await {
            Turn::HasNot => {}
            Turn::Stop(error) if error.kind == ErrorKind::Cancelled => return Asked::Cancelled,
            Turn::Stop(error) => {
                let faults = if is_about_the_source(error.kind) {
                    sources.note(at, reference.as_str(), &error);
                    Vec::new()
                } else {
                    vec![words::unusable(wanted, &error)]
                };
                return Asked::Failed(round.missing(), faults);
            }
            Turn::Has(hits) => {
                // A denial by this same source is the other reading of the reference: no news.
                round.denied.truncate(denied_before);
                return round.found(request, entry, hits, tag, locked, job).await;
            }
        }
    }
    let fault = words::nowhere(wanted, request.sources, &round.answers);
    Asked::Nowhere(round.missing(), fault)
}

impl Round<'_> {
    /// Asks one source for each reading of the reference. The second is asked even where the first was found: two
    /// different images would make the reading a guess.
    async fn turn(&mut self, at: usize, entry: &SourceEntry, candidates: Vec<Candidate>) -> Turn {
        let mut hits = Vec::new();
        for candidate in candidates {
            let place = format!("{}/{}{}", entry.source.host, candidate.repository, self.selector);
            let resolved = self
                .sources
                .resolve(at, entry, &candidate.repository, &self.selector)
                .await;
            let error = match resolved.and_then(|root| self.verified(&place, root)) {
                Ok(root) => {
                    let detail = root.digest.to_string();
                    self.answers.push(Answer {
                        place,
                        verdict: Verdict::Found,
                        detail,
                    });
                    hits.push(Hit { candidate, root });
                    continue;
                }
                Err(error) => error,
            };
            let verdict = Verdict::of(error.kind, entry.optional);
            self.answers.push(Answer::failed(&place, verdict, &error));
            match verdict {
                Verdict::Denied => self.denied.push(place),
                Verdict::Skipped => {
                    self.sources.note(at, self.wanted.reference.as_str(), &error);
                    break;
                }
                Verdict::Failed => return Turn::Stop(error),
                Verdict::Found | Verdict::Absent | Verdict::Locked => {}
            }
        }
        if hits.is_empty() { Turn::HasNot } else { Turn::Has(hits) }
    }

    /// A source that answers another digest than it was asked for is not believed.
    fn verified(&self, place: &str, root: Descriptor) -> Result<Descriptor, OciError> {
        match &self.selector {
            Selector::Digest(digest) if *digest != root.digest => Err(OciError::new(
                ErrorKind::Corrupt,
                "resolve",
                place,
                format!("the source answered with {}", root.digest),
            )),
            _ => Ok(root),
        }
    }

    async fn found(
        self,
        request: &Request<'_>,
        entry: &SourceEntry,
        hits: Vec<Hit>,
        tag: &str,
        locked: Option<&LockedImage>,
        job: &Job,
    ) -> Asked {
        let Some(first) = hits.first() else {
            return Asked::Failed(self.missing(), Vec::new());
        };
        let differ = hits.iter().any(|hit| hit.root.digest != first.root.digest);
        let chosen = if differ {
            // A choice that was made once stays: it is in the lock.
            let kept = locked
                .filter(|locked| locked.source == entry.source.to_string())
                .and_then(|locked| {
                    hits.iter().find(|hit| {
                        hit.candidate.repository == locked.repository
                            && hit.candidate.store_name == locked.name.repository
                    })
                });
            let Some(hit) = kept else {
                let readings: Vec<_> = hits.iter().map(|hit| (&hit.candidate, &hit.root.digest)).collect();
                let fault = words::two_readings(self.wanted, entry, &readings);
                return Asked::Failed(self.missing(), vec![fault]);
            };
            hit
        } else {
            first
        };
        let content = entry.access.content(&chosen.candidate.repository);
        let facts = match graph::facts(content, &chosen.root, &request.cache, job).await {
            Ok(facts) => facts,
            Err(error) if error.kind == ErrorKind::Cancelled => return Asked::Cancelled,
            Err(error) => {
                let fault = words::unusable(self.wanted, &error);
                return Asked::Failed(self.missing(), vec![fault]);
            }
        };
        let warnings = words::warnings(self.wanted, request.sources, entry, &self.denied);
        let located = Located {
            reference: self.wanted.reference.clone(),
            source: entry.source.clone(),
            repository: chosen.candidate.repository.clone(),
            selector: self.selector,
            digest: chosen.root.digest.clone(),
            media_type: chosen.root.media_type.clone(),
            root_size: facts.root_size,
            size: facts.size,
            platforms: facts.platforms,
            name: ArtifactName {
                repository: chosen.candidate.store_name.clone(),
                tag: tag.to_owned(),
            },
            form: chosen.candidate.form,
            answers: self.answers,
            from_lock: false,
            referrers: None,
            place: self.wanted.place.clone(),
        };
        Asked::Found(Box::new(located), warnings)
    }

    fn missing(&self) -> Missing {
        Missing {
            reference: self.wanted.reference.clone(),
            answers: self.answers.clone(),
        }
    }
}

/// Errors that are about a source rather than about one image in it: told once.
fn is_about_the_source(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BadCredentials
            | ErrorKind::Throttled
            | ErrorKind::Server
            | ErrorKind::Unreachable
            | ErrorKind::Protocol
            | ErrorKind::Disk
    )
}
