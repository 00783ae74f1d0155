//! `images --values-paths`: which values make the images of each package.

use std::sync::Arc;

use tokio::task::JoinSet;

use super::Session;
use super::prepare::Package;
use super::prepare::{PackageProber, Prepared, Tools, probing_tools};
use crate::chart::{EffectiveValues, effective_values};
use crate::engine::cpu;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults};
use crate::project::ChartPackage;
use crate::values::{PackageValues, Subject, ValuesPathsDocument, analyse};

/// Asks about all packages, in parallel; the document has them in the project's order.
pub async fn values_paths(session: &Arc<Session>, prepared: &Prepared) -> Result<ValuesPathsDocument, Faults> {
    let tools = probing_tools();
    session.events.emit(Event::PhaseStarted {
        phase: Phase::Local,
        total: Some(prepared.packages.len() as u64),
    });
    let mut tasks = JoinSet::new();
    for package in &prepared.packages {
        let Some(config) = session.project.charts.get(package.index) else {
            return Err(Fault::bug("a package that the project does not have").into());
        };
        let (session, config, package) = (Arc::clone(session), config.clone(), package.clone());
        let tools = Arc::clone(&tools);
        tasks.spawn(async move { (package.index, of_package(&session, &config, &package, &tools).await) });
    }
    let mut results = Vec::new();
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(result) => results.push(result),
            Err(_) => return Err(Fault::bug("asking about a chart's values ended unexpectedly").into()),
        }
    }
    session.events.emit(Event::PhaseFinished { phase: Phase::Local });
    session.remember();
    session.stopped()?;
    results.sort_by_key(|(index, _)| *index);
    let mut packages = Vec::new();
    let mut faults = Faults::new();
    for (_, result) in results {
        match result {
            Ok(package) => packages.push(package),
            Err(fault) => faults.push(fault),
        }
    }
    let (packages, _) = faults.into_result(packages)?;
    Ok(ValuesPathsDocument::new(packages))
}

async fn of_package(
    session: &Arc<Session>,
    config: &ChartPackage,
    package: &Package,
    tools: &Arc<Tools>,
) -> Result<PackageValues, Fault> {
    let effective: Arc<EffectiveValues> = {
        let (config, tree) = (config.clone(), Arc::clone(&package.tree));
        Arc::new(cpu(move || effective_values(&config, &tree)).await??)
    };
    let prober = PackageProber::new(session, config, package, &effective, tools);
    let tree = &package.tree;
    let subject = Subject {
        package: &package.name,
        chart: tree.is_chart().then(|| (tree.name(), tree.version())),
        images: &package.discovered.images,
        values: &effective,
        placeholders: &session.project.discovery.registry_placeholders,
    };
    let mut found = analyse(&subject, &prober).await?;
    found.helm_runs = prober.runs();
    session.events.emit(Event::PhaseAdvanced {
        phase: Phase::Local,
        what: format!("values:{}", package.name),
        cached: found.helm_runs == 0,
    });
    session.events.emit(Event::Detail(format!(
        "values of {}: {} renders, {} by helm in this run besides the plain one",
        package.name, found.renders, found.helm_runs
    )));
    Ok(found)
}
