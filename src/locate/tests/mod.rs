//! Scripted sources, and the rules of locating as tests.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed expectation is a failed test"
)]

mod facts;
mod locking;
mod order;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::digest::Digest;
use crate::event::Silent;
use crate::fault::{Faults, Kind};
use crate::lock::{ChangeKind, Lock, LockedImage, changes};
use crate::oci::layout::test_images::Made;
use crate::oci::{Content, Descriptor, ErrorKind, Job, MemoryContent, OciError, Selector, Source};
use crate::project::ImageSource;
use crate::reference::{FirstSegment, Form, ImageReference};

/// A source that answers by a script, and writes down what it was asked.
struct Scripted {
    host: String,
    answers: HashMap<String, Result<Descriptor, ErrorKind>>,
    otherwise: ErrorKind,
    content: Arc<MemoryContent>,
    asked: Mutex<Vec<String>>,
}

#[async_trait::async_trait]
impl Source for Scripted {
    fn host(&self) -> &str {
        &self.host
    }
    async fn resolve(&self, repository: &str, selector: &Selector) -> Result<Descriptor, OciError> {
        let key = format!("{repository}{selector}");
        self.asked.lock().unwrap().push(key.clone());
        match self.answers.get(&key).cloned().unwrap_or(Err(self.otherwise)) {
            Ok(root) => Ok(root),
            Err(kind) => Err(OciError::new(kind, "resolve", key, format!("scripted {kind:?}"))),
        }
    }
    fn content(&self, _repository: &str) -> Arc<dyn Content> {
        Arc::clone(&self.content) as _
    }
}

/// Source, whether it is optional, what it says to anything else, and what it says.
type Script = (String, bool, ErrorKind, HashMap<String, Result<Descriptor, ErrorKind>>);

/// A world of sources and images; an image's seed decides its digest.
struct World {
    made: Made,
    script: Vec<Script>,
    first_segment: FirstSegment,
}

impl World {
    fn new(sources: &[&str]) -> Self {
        let script = sources
            .iter()
            .map(|source| ((*source).to_owned(), false, ErrorKind::Absent, HashMap::new()))
            .collect();
        Self {
            made: Made::new(),
            script,
            first_segment: FirstSegment::default(),
        }
    }

    fn image(&mut self, seed: &str) -> Descriptor {
        let amd = self.made.image("linux/amd64", &[b"base", seed.as_bytes()]);
        let arm = self.made.image("linux/arm64", &[b"base"]);
        self.made.index(&[("linux/amd64", amd), ("linux/arm64", arm)])
    }

    fn has(mut self, at: usize, key: &str, seed: &str) -> Self {
        let root = self.image(seed);
        self.script[at].3.insert(key.to_owned(), Ok(root));
        self
    }

    fn says(mut self, at: usize, key: &str, kind: ErrorKind) -> Self {
        self.script[at].3.insert(key.to_owned(), Err(kind));
        self
    }

    fn otherwise(mut self, at: usize, kind: ErrorKind) -> Self {
        self.script[at].2 = kind;
        self
    }

    fn optional(mut self, at: usize) -> Self {
        self.script[at].1 = true;
        self
    }

    fn digest(&mut self, seed: &str) -> Digest {
        self.image(seed).digest
    }

    async fn locate(&self, references: &[&str]) -> Answered {
        self.locate_with(references, None, Mode::Prefer).await
    }

    async fn locate_with(&self, references: &[&str], lock: Option<&Lock>, mode: Mode) -> Answered {
        let content = Arc::new(self.made.content.clone());
        let scripted: Vec<Arc<Scripted>> = self
            .script
            .iter()
            .map(|(source, _, otherwise, answers)| {
                Arc::new(Scripted {
                    host: source.clone(),
                    answers: answers.clone(),
                    otherwise: *otherwise,
                    content: Arc::clone(&content),
                    asked: Mutex::default(),
                })
            })
            .collect();
        let sources: Vec<SourceEntry> = self
            .script
            .iter()
            .zip(&scripted)
            .map(|((text, optional, ..), access)| {
                let (host, namespace) = text.split_once('/').unwrap_or((text, ""));
                let source = ImageSource {
                    host: host.to_owned(),
                    namespace: namespace.to_owned(),
                };
                SourceEntry {
                    source,
                    access: Arc::clone(access) as _,
                    optional: *optional,
                    is_file: false,
                    place: None,
                }
            })
            .collect();
        let request = Request {
            wanted: references.iter().map(|text| wanted(text)).collect(),
            sources: &sources,
            first_segment: &self.first_segment,
            lock,
            mode,
            cache: Arc::new(NoCache),
            concurrency: 4,
        };
        let location = locate(&request, &job()).await;
        let asked = scripted
            .iter()
            .map(|source| source.asked.lock().unwrap().clone())
            .collect();
        Answered { location, asked }
    }

    /// The lock that locating now would write.
    async fn lock(&self, references: &[&str]) -> Lock {
        let mut lock = Lock::new(self.script.iter().map(|(source, ..)| source.clone()).collect());
        for located in &self.locate(references).await.located() {
            lock.put(LockedImage::from(located));
        }
        lock
    }
}

struct Answered {
    location: Location,
    asked: Vec<Vec<String>>,
}

impl Answered {
    fn located(&self) -> Vec<Located> {
        assert!(!self.location.faults.has_errors(), "{:?}", self.location.faults);
        self.location.located.clone()
    }

    fn one(&self) -> Located {
        let located = self.located();
        assert_eq!(located.len(), 1);
        located[0].clone()
    }

    fn text(&self) -> String {
        text(&self.location.faults)
    }

    fn nobody_was_asked(&self) -> bool {
        self.asked.iter().all(Vec::is_empty)
    }
}

fn text(faults: &Faults) -> String {
    let lines: Vec<String> = faults
        .iter()
        .map(|fault| format!("{fault} [{}]", fault.hint_text().unwrap_or_default()))
        .collect();
    lines.join("\n")
}

fn wanted(text: &str) -> Wanted {
    let (text, version) = match text.split_once(" as ") {
        Some((text, version)) => (text, Some(version.to_owned())),
        None => (text, None),
    };
    Wanted {
        reference: ImageReference::parse(text).unwrap(),
        version,
        only_from: None,
        place: None,
    }
}

fn job() -> Job {
    Job::new("locate", Arc::new(Silent), CancellationToken::new())
}
