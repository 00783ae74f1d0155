//! One `pack` step: from the cache, or packed now.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{PackInput, template};
use crate::artifact::{Packed, pack};
use crate::cache::{Cache, KeyDocument};
use crate::engine::cpu;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults, Kind};
use crate::graph::{StepId, StepKind};
use crate::oci::{Content, Descriptor};
use crate::plan::Session;
use crate::project::ArtifactType;

/// The name of the output in the cache.
const PACKED: &str = "packed.json";

/// What packing gave: all that a plan needs. The files themselves stay where they lie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct PackOutput {
    /// The manifest.
    pub manifest: Descriptor,
    /// Config and layers.
    pub blobs: Vec<Descriptor>,
}

impl PackOutput {
    /// Everything that may have to be sent.
    pub fn parts(&self) -> Vec<Descriptor> {
        self.blobs.iter().chain([&self.manifest]).cloned().collect()
    }
}

impl From<&Packed> for PackOutput {
    fn from(packed: &Packed) -> Self {
        let mut blobs = vec![packed.config.clone()];
        blobs.extend(packed.layers.iter().cloned());
        Self {
            manifest: Descriptor::new(
                &packed.manifest.media_type,
                packed.manifest.digest.clone(),
                packed.manifest.size,
            ),
            blobs,
        }
    }
}

/// A `pack` step that ran.
#[derive(Debug, Clone)]
pub struct PackStep {
    /// Its id.
    pub id: StepId,
    /// What was packed.
    pub input: PackInput,
    /// What it was made of.
    pub key: KeyDocument,
    /// What it gave.
    pub output: PackOutput,
}

/// Packs, or finds in the cache what was packed of the same files. All that is wrong is told.
pub async fn packed(session: &Arc<Session>, input: PackInput) -> Result<PackStep, Faults> {
    session.stopped()?;
    let worker = Arc::clone(session);
    cpu(move || work(&worker, input)).await?
}

fn work(session: &Session, input: PackInput) -> Result<PackStep, Faults> {
    let key = input.key(&*session.stats)?;
    let id = StepId::local(StepKind::Pack, &input.name);
    let cached = cached(&session.cache, &key);
    session.events.emit(Event::PhaseAdvanced {
        phase: Phase::Local,
        what: id.to_string(),
        cached: cached.is_some(),
    });
    let output = if let Some(output) = cached {
        output
    } else {
        let packed = now(session, &input)?;
        let output = PackOutput::from(&packed);
        let text = serde_json::to_vec(&output).unwrap_or_default();
        session
            .cache
            .store(&key, &[(PACKED, &text), ("manifest.json", &packed.bytes)])?;
        output
    };
    Ok(PackStep { id, input, key, output })
}

fn cached(cache: &Cache, key: &KeyDocument) -> Option<PackOutput> {
    let result = cache.lookup(&key.key())?;
    let bytes = cache.output(result.output(PACKED)?)?;
    serde_json::from_slice(&bytes).ok()
}

fn now(session: &Session, input: &PackInput) -> Result<Packed, Faults> {
    if let (ArtifactType::ArmTemplate, Some(file)) = (input.kind, input.files.first()) {
        template::check(&file.path.value)
            .map_err(|faults| faults.into_iter().map(|fault| input.here(fault)).collect::<Faults>())?;
    }
    let packed = pack(&input.spec(), &session.project.root, &*session.stats);
    packed.map_err(|faults| faults.into_iter().map(|fault| input.here(fault)).collect())
}

impl PackStep {
    /// The content to send: files are read where they lie. Files that changed since the plan are an error.
    pub async fn content(&self, session: &Arc<Session>) -> Result<Arc<dyn Content>, Fault> {
        let (worker, input) = (Arc::clone(session), self.input.clone());
        let packed = cpu(move || now(&worker, &input)).await?;
        let packed = packed.map_err(first)?;
        if packed.manifest.digest == self.output.manifest.digest {
            Ok(packed.content)
        } else {
            Err(Fault::new(Kind::Stale, "its files changed since the plan was made").hint("run `apply` again"))
        }
    }
}

/// One fault for several: the first, with the others below it.
fn first(faults: Faults) -> Fault {
    let mut errors = faults.into_iter().filter(Fault::is_error);
    let Some(first) = errors.next() else {
        return Fault::bug("packing failed without a word");
    };
    errors.fold(first, Fault::because)
}
