//! All packages, in parallel, results and faults in the order of the project.

use std::sync::Arc;

use tokio::sync::{OnceCell, Semaphore, SemaphorePermit};
use tokio::task::JoinSet;

use super::{Package, package, problems};
use crate::chart::Helm;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults};
use crate::graph::{Step, StepId, StepKind};
use crate::plan::Session;

/// What the local steps of all packages gave.
#[derive(Debug)]
pub struct Prepared {
    /// One for each package of the project, in its order.
    pub packages: Vec<Package>,
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
        steps
    }
}

/// What the packages share: Helm, found at most once, and how many may run at a time.
pub(super) struct Tools {
    helm: OnceCell<Arc<Helm>>,
    version: OnceCell<String>,
    children: Semaphore,
    /// Nothing is cached yet: every render will be a miss.
    pub cold: bool,
}

impl Tools {
    fn new(cold: bool) -> Self {
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
        total: Some(packages.len() as u64 * if steps == Steps::All { 3 } else { 2 }),
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
    // A stopped run says so once, not once a chart.
    session.stopped()?;
    let helm = tools.version.get().cloned();
    // One Helm for all: when it is missing, each package says the same.
    let ((), warnings) = dedup(faults).into_result(())?;
    Ok(Prepared {
        packages: prepared,
        helm,
        warnings,
    })
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
