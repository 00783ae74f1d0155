//! All packages, in parallel, results and faults in the order of the project.

use std::sync::Arc;

use futures_util::StreamExt as _;
use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use super::{Package, package, problems};
use crate::chart::Helm;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults};
use crate::graph::{Step, StepId, StepKind};
use crate::plan::Session;
use crate::plan::packs::{self, PackInput, PackStep, packed};

/// What the local steps of all packages gave.
#[derive(Debug)]
pub struct Prepared {
    /// One for each package of the project, in its order.
    pub packages: Vec<Package>,
    /// One for each artifact of the project, in its order; none where only images are wanted.
    pub artifacts: Vec<PackStep>,
    /// Helm's version, where something is rendered with it.
    pub helm: Option<String>,
    /// Warnings of all packages.
    pub warnings: Faults,
}

impl Prepared {
    /// The local steps as nodes of the graph.
    pub fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        for package in &self.packages {
            let local = |kind, needs| Step {
                id: StepId::local(kind, &package.name),
                kind,
                store: None,
                needs,
            };
            let render = StepId::local(StepKind::Render, &package.name);
            steps.push(local(StepKind::Render, Vec::new()));
            steps.push(local(StepKind::Discover, vec![render]));
            if package.chart.is_some() {
                steps.push(local(StepKind::Package, Vec::new()));
            }
        }
        steps.extend(self.artifacts.iter().map(|artifact| Step {
            id: artifact.id.clone(),
            kind: StepKind::Pack,
            store: None,
            needs: Vec::new(),
        }));
        steps
    }
}

/// What the packages share: Helm, found at most once, and how many may run at a time.
pub(in crate::plan) struct Tools {
    helm: OnceCell<Arc<Helm>>,
    version: OnceCell<String>,
    children: Semaphore,
    /// Nothing is cached yet: every render will be a miss.
    pub cold: bool,
}

impl Tools {
    pub(super) fn new(cold: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(2, std::num::NonZero::get);
        Self {
            helm: OnceCell::new(),
            version: OnceCell::new(),
            children: Semaphore::new(cores),
            cold,
        }
    }

    /// Helm.
    pub async fn helm(&self, session: &Arc<Session>) -> Result<Arc<Helm>, Fault> {
        let find = || async { Helm::find(session.helm.as_deref().map(camino::Utf8Path::new)).map(Arc::new) };
        self.helm.get_or_try_init(find).await.cloned()
    }

    /// Helm's version. Too old a Helm is an error.
    pub async fn helm_version(&self, session: &Arc<Session>) -> Result<String, Fault> {
        let ask = || async {
            self.helm(session)
                .await?
                .version(&*session.stats, &session.cancel)
                .await
        };
        self.version.get_or_try_init(ask).await.cloned()
    }

    /// Leave to run one Helm process.
    pub async fn helm_permit(&self) -> Option<SemaphorePermit<'_>> {
        self.children.acquire().await.ok()
    }
}

/// Which local steps are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Steps {
    /// Only those that tell which images there are.
    Images,
    /// All, charts packed too.
    All,
}

/// Runs the local steps of all packages. All faults of all packages come back together.
pub async fn prepare(session: &Arc<Session>, steps: Steps) -> Result<Prepared, Faults> {
    let packages = &session.project.charts;
    session.events.emit(Event::PhaseStarted {
        phase: Phase::Local,
        total: Some(match steps {
            Steps::All => packages.len() as u64 * 3 + session.project.artifacts.len() as u64,
            Steps::Images => packages.len() as u64 * 2,
        }),
    });
    let tools = Arc::new(Tools::new(session.cache.is_cold()));
    let mut tasks = JoinSet::new();
    for (index, chart) in packages.iter().enumerate() {
        let (session, chart, tools) = (Arc::clone(session), chart.clone(), Arc::clone(&tools));
        tasks.spawn(async move { (index, package::prepare(&session, index, &chart, &tools, steps).await) });
    }
    let mut results = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(result) => results.push(result),
            Err(_) => return Err(Fault::bug("preparing a chart ended unexpectedly").into()),
        }
    }
    let artifacts = match steps {
        Steps::All => pack_all(session).await,
        Steps::Images => Vec::new(),
    };
    session.events.emit(Event::PhaseFinished { phase: Phase::Local });
    session.remember();
    results.sort_by_key(|(index, _)| *index);
    let mut prepared = Vec::new();
    let mut faults = Faults::new();
    for (_, result) in results {
        match result {
            Ok((package, warnings)) => {
                faults.extend(warnings);
                let problems = package.discovered.problems.iter();
                faults.extend(problems.map(|problem| problems::fault(problem, &package.tree)));
                prepared.push(package);
            }
            Err(found) => faults.extend(found),
        }
    }
    let mut packs = Vec::new();
    for artifact in artifacts {
        match artifact {
            Ok((artifact, warnings)) => {
                faults.extend(warnings);
                packs.push(artifact);
            }
            Err(found) => faults.extend(found),
        }
    }
    // A stopped run says so once, not once a chart.
    session.stopped()?;
    let helm = tools.version.get().cloned();
    // One Helm for all: when it is missing, each package says the same.
    let ((), warnings) = dedup(faults).into_result(())?;
    Ok(Prepared {
        packages: prepared,
        artifacts: packs,
        helm,
        warnings,
    })
}

/// Artifacts packed at a time: each packs several files at a time itself.
const PACKS_AT_ONCE: usize = 4;

/// Packs the project's artifacts, each with its warnings; the results in their order.
async fn pack_all(session: &Arc<Session>) -> Vec<Result<(PackStep, Faults), Faults>> {
    let inputs = packs::inputs(session).await.into_iter();
    let pack = |input: Result<(PackInput, Faults), Faults>| async move {
        let (input, warnings) = input?;
        Ok((packed(session, input).await?, warnings))
    };
    futures_util::stream::iter(inputs.map(pack).collect::<Vec<_>>())
        .buffered(PACKS_AT_ONCE)
        .collect()
        .await
}

fn dedup(faults: Faults) -> Faults {
    let mut kept: Vec<Fault> = Vec::new();
    for fault in faults {
        if !kept.contains(&fault) {
            kept.push(fault);
        }
    }
    kept.into_iter().collect()
}
