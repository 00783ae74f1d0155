//! Looking at stores: read only, at most one data-path request a name where nothing differs.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use tokio::sync::OnceCell;

use super::prepare::ChartOutput;
use super::{Seen, Session, TakenTag};
use crate::cache::KeyDocument;
use crate::chart;
use crate::digest::Digest;
use crate::engine::cpu;
use crate::event::{Event, Phase};
use crate::fault::Fault;
use crate::oci::recursive::ReferrerFound;
use crate::oci::{Content, Descriptor, ErrorKind, OciError, Selector};
use crate::state::Receipts;
use crate::store::{ArtifactName, ArtifactStore, Job, Observed};

/// Names asked at a time, all stores together; each registry host has a smaller limit of its own.
const AT_A_TIME: usize = 32;

/// A chart fetched from a store to compare its files may be this large.
const MAX_CHART: u64 = 64 << 20;

/// One name to look at.
#[derive(Clone)]
pub struct Look {
    /// The store.
    pub store: Arc<dyn ArtifactStore>,
    /// The name.
    pub name: ArtifactName,
    /// What receipts know it by.
    pub title: String,
    /// What should be there beside it.
    pub along: Vec<ReferrerFound>,
    /// For charts: what was packed, to recognise equal files in another archive.
    pub chart: Option<ChartOutput>,
    /// The digest that is desired, where it is known.
    pub desired: Option<Digest>,
}

/// What each store holds, in the order asked. A store that cannot be read makes its names `Unreadable`, and the plan
/// still says all the rest.
pub async fn observe(
    session: &Arc<Session>,
    looks: Vec<Look>,
    thorough: bool,
    answers: &Arc<Answers>,
) -> Result<Vec<Seen>, Fault> {
    session.events.emit(Event::PhaseStarted {
        phase: Phase::Observe,
        total: Some(looks.len() as u64),
    });
    let seen: Result<Vec<Seen>, Fault> = futures_util::stream::iter(looks)
        .map(|look| {
            let (session, answers) = (Arc::clone(session), Arc::clone(answers));
            async move {
                session.stopped()?;
                let seen = look_at(&session, &look, thorough, &answers).await;
                let what = format!("{}/{}", look.store.name(), look.name);
                session.events.emit(Event::PhaseAdvanced {
                    phase: Phase::Observe,
                    what,
                    cached: false,
                });
                session.stopped()?;
                Ok(seen)
            }
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await;
    session.events.emit(Event::PhaseFinished { phase: Phase::Observe });
    seen
}

async fn look_at(session: &Arc<Session>, look: &Look, thorough: bool, answers: &Answers) -> Seen {
    if session.mode.offline && look.store.is_remote() {
        return remembered(session, look);
    }
    let job = session.job(&format!("observe {}/{}", look.store.name(), look.name));
    let observed = match look.store.observe(&look.name, thorough, &job).await {
        Ok(observed) => observed,
        // The step says what was looked for, and the store where.
        Err(e) => {
            return Seen::Unreadable {
                why: e.detail,
                hint: e.hint,
            };
        }
    };
    if let (Observed::Present(root), Some(chart)) = (&observed, &look.chart)
        && look.desired.as_ref() != Some(&root.digest)
    {
        match same_chart(session, look, chart, root, &job).await {
            Ok(true) => return Seen::SameContent(root.clone()),
            Ok(false) => {}
            // What cannot be compared is simply something else.
            Err(e) => session
                .events
                .emit(Event::Detail(format!("{}: not compared: {e}", look.name))),
        }
    }
    if let Observed::Present(root) = &observed
        && look.desired.as_ref() == Some(&root.digest)
        && !look.along.is_empty()
    {
        return match beside(look, root, thorough, answers, &job).await {
            Ok(seen) => seen,
            Err(e) => Seen::Unreadable {
                why: e.detail,
                hint: e.hint,
            },
        };
    }
    Seen::Store(observed)
}

/// The root is there: is what should be beside it? One request for each subject, and one for each tag.
async fn beside(
    look: &Look,
    root: &Descriptor,
    thorough: bool,
    answers: &Answers,
    job: &Job,
) -> Result<Seen, OciError> {
    let (mut missing, mut taken) = (Vec::new(), Vec::new());
    let repository = &look.name.repository;
    for referrer in &look.along {
        let digest = &referrer.descriptor.digest;
        let there = match &referrer.tag {
            None => answers
                .listed(&look.store, repository, &referrer.subject, job)
                .await?
                .contains(digest),
            Some(tag) => {
                let name = ArtifactName {
                    repository: repository.clone(),
                    tag: tag.clone(),
                };
                match look.store.observe(&name, thorough, job).await? {
                    Observed::Present(held) if held.digest != *digest => {
                        taken.push(TakenTag {
                            tag: tag.clone(),
                            old: held.digest,
                            new: digest.clone(),
                        });
                        false
                    }
                    Observed::Present(_) => true,
                    Observed::Absent | Observed::Damaged { .. } => false,
                }
            }
        };
        // A list may name what is gone.
        let whole = there && (!thorough || referrer.tag.is_some() || is_whole(look, digest, job).await?);
        if !whole && !missing.contains(digest) {
            missing.push(digest.clone());
        }
    }
    if missing.is_empty() {
        return Ok(Seen::Store(Observed::Present(root.clone())));
    }
    missing.sort();
    Ok(Seen::Incomplete {
        root: root.clone(),
        missing,
        taken,
    })
}

async fn is_whole(look: &Look, digest: &Digest, job: &Job) -> Result<bool, OciError> {
    let place = look.store.place(&look.name.repository)?;
    match place.resolve(&Selector::Digest(digest.clone()), job).await {
        Ok(_) => Ok(true),
        Err(e) if matches!(e.kind, ErrorKind::Absent | ErrorKind::Corrupt) => Ok(false),
        Err(e) => Err(e),
    }
}

/// What refers to what, asked once a run: several attachments and the image itself have one subject.
#[derive(Default)]
pub struct Answers {
    asked: Mutex<HashMap<Question, Arc<OnceCell<Listed>>>>,
    /// By store: has it answered once? Whether a registry has an API for referrers is learnt from the first answer, and asked
    /// by nobody else meanwhile.
    learnt: Mutex<HashMap<String, Arc<tokio::sync::Mutex<bool>>>>,
}

/// Store, repository, subject.
type Question = (String, String, Digest);
type Listed = Result<Arc<BTreeSet<Digest>>, OciError>;

impl Answers {
    /// The digests of what refers to a subject in a repository of a store.
    pub async fn listed(
        &self,
        store: &Arc<dyn ArtifactStore>,
        repository: &str,
        subject: &Digest,
        job: &Job,
    ) -> Result<Arc<BTreeSet<Digest>>, OciError> {
        let identity = store.identity().to_string();
        let learnt = {
            let mut learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(learnt.entry(identity.clone()).or_default())
        };
        let question = (identity, repository.to_owned(), subject.clone());
        let cell = {
            // A panic elsewhere cannot leave the map half-written.
            let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(asked.entry(question).or_default())
        };
        let ask = || async {
            let mut first = Some(learnt.lock().await);
            if first.as_deref() == Some(&true) {
                first = None;
            }
            let content = store.content(repository, job).await?;
            let listed = match content.referrers(subject).await {
                Ok(listed) => listed,
                Err(e) if e.kind == ErrorKind::Absent => Vec::new(),
                Err(e) => return Err(e),
            };
            if let Some(mut first) = first {
                *first = true;
            }
            Ok(Arc::new(listed.into_iter().map(|one| one.digest).collect()))
        };
        cell.get_or_init(ask).await.clone()
    }
}

/// Do both archives hold the same files? The answer depends on nothing but two digests, so it is cached.
async fn same_chart(
    session: &Arc<Session>,
    look: &Look,
    chart: &ChartOutput,
    theirs: &Descriptor,
    job: &Job,
) -> Result<bool, OciError> {
    const ANSWER: &str = "same";
    let key = KeyDocument::new("compare-charts", 1)
        .input("ours", chart.archive.clone())
        .input("theirs", theirs.digest.clone());
    if let Some(answer) = session
        .cache
        .lookup(&key.key())
        .and_then(|result| session.cache.output(result.output(ANSWER)?))
    {
        return Ok(answer == b"yes");
    }
    let content = look.store.content(&look.name.repository, job).await?;
    let manifest = content.manifest(theirs).await?;
    let Some(layer) = chart_layer(&manifest) else {
        return Ok(false);
    };
    if layer.size > MAX_CHART {
        return Ok(false);
    }
    let archive = read_blob(&*content, &layer).await?;
    let Some(ours) = session.cache.cas().get(&chart.archive) else {
        return Ok(false);
    };
    let same = cpu(move || chart::same_files(&ours, &archive)).await;
    let same = matches!(same, Ok(Ok(true)));
    let answer: &[u8] = if same { b"yes" } else { b"no" };
    if let Err(fault) = session.cache.store(&key, &[(ANSWER, answer)]) {
        session.events.emit(Event::Detail(fault.to_string()));
    }
    Ok(same)
}

fn chart_layer(manifest: &[u8]) -> Option<Descriptor> {
    #[derive(serde::Deserialize)]
    struct Layers {
        layers: Vec<Descriptor>,
    }
    let layers: Layers = serde_json::from_slice(manifest).ok()?;
    layers
        .layers
        .into_iter()
        .find(|layer| layer.media_type == "application/vnd.cncf.helm.chart.content.v1.tar+gzip")
}

async fn read_blob(content: &dyn Content, blob: &Descriptor) -> Result<Vec<u8>, OciError> {
    let mut stream = content.blob(blob, 0).await?;
    let mut bytes = Vec::new();
    while let Some(chunk) = stream.next().await {
        let chunk: Bytes = chunk?;
        if bytes.len() as u64 + chunk.len() as u64 > blob.size {
            break;
        }
        bytes.extend_from_slice(&chunk);
    }
    if Digest::of(&bytes) == blob.digest {
        Ok(bytes)
    } else {
        let (what, why) = (
            format!("blob {}", blob.digest.short()),
            "its content is not what its digest names",
        );
        Err(OciError::new(ErrorKind::Corrupt, "read", what, why))
    }
}

/// Without the network: what earlier runs saw.
fn remembered(session: &Session, look: &Look) -> Seen {
    let receipts = Receipts::load(&session.state.path("receipts"), &look.store.identity().to_string());
    match receipts.get(&look.title) {
        Some(digest) => Seen::Store(Observed::Present(Descriptor::new("", digest.clone(), 0))),
        None => Seen::NotAsked,
    }
}
