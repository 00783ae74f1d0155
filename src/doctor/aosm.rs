//! Stores of AOSM: who asks Resource Manager, what each store and its artifact manifest are, and whether its credential is granted
//! and good. Nothing is written; the credential is kept in memory.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::FutureExt as _;

use super::check::{Check, CheckKind, State};
use super::clock::Reading;
use super::examine::{Found, Running, limited};
use super::registry::{self, Asked};
use super::{disks, words};
use crate::azure::ManifestState;
use crate::azure::arm::Arm;
use crate::azure::credential::ManifestLogin;
use crate::fault::Fault;
use crate::oci::Job;
use crate::oci::registry::{Caller, Registries};
use crate::plan::aosm::{AosmSite, Reach, look};
use crate::project::{AosmStore, Project, StoreConfig, StoreKind};

/// One line for each way in which Resource Manager is asked.
pub(super) fn logins(offline: bool, project: &Project, reach: &Arc<Reach>) -> Vec<Running> {
    let mut clients: Vec<Arc<Arm>> = Vec::new();
    for config in project.stores.iter().filter_map(|store| store.kind.aosm()) {
        // What is wrong with a store's own names its own line tells.
        if let Ok(reached) = reach.reach(config)
            && !clients.iter().any(|known| Arc::ptr_eq(known, &reached.arm))
        {
            clients.push(reached.arm);
        }
    }
    clients.into_iter().map(|arm| login(offline, arm)).collect()
}

fn login(offline: bool, arm: Arc<Arm>) -> Running {
    let host = arm.host();
    limited(CheckKind::Azure, Some(host.clone()), async move {
        let check = if offline {
            Check::new(CheckKind::Azure, State::Skipped, "--offline forbids asking it")
        } else {
            match arm.login().await {
                Ok(facts) => {
                    let tenant = facts.tenant.map_or_else(
                        || "its tenant is not told".to_owned(),
                        |tenant| format!("tenant {tenant}"),
                    );
                    let detail = format!("{} is used; {tenant}", facts.from);
                    Check::new(CheckKind::Azure, State::Ok, detail)
                }
                Err(error) => missing(CheckKind::Azure, &Fault::from(error)),
            }
        };
        (vec![check.of(host)], None)
    })
}

/// The lines of one store.
pub(super) fn store(
    offline: bool,
    (index, store): (usize, &StoreConfig),
    config: &AosmStore,
    project: &Arc<Project>,
    (reach, registries): (&Arc<Reach>, &Arc<Registries>),
    job: &Job,
) -> Running {
    let name = store.name.value.clone();
    if offline {
        let skipped = Check::new(CheckKind::Store, State::Skipped, "--offline forbids asking it").of(name);
        return futures_util::future::ready((vec![skipped], None)).boxed();
    }
    let (store, config, project) = (store.clone(), config.clone(), Arc::clone(project));
    let (reach, registries, job) = (Arc::clone(reach), Arc::clone(registries), job.clone());
    limited(CheckKind::Store, Some(name), async move {
        let site = Arc::new(look(&reach, &store, &config, &job).await);
        let mut found = lines(&site);
        match &store.kind {
            StoreKind::StorageAccount(_) if site.problem.is_none() => {
                let sites = BTreeMap::from([(index, Arc::clone(&site))]);
                let more = disks::disk_store(false, project, index, site.name.clone(), job, Some(sites)).await;
                found.0.extend(more);
            }
            _ => found.0.extend(behind(&site, &registries, &job).await),
        }
        found
    })
}

/// What Resource Manager says of it.
fn lines(site: &AosmSite) -> Found {
    let reading = site.reached.as_ref().and_then(|reached| {
        let (there, here) = reached.arm.clock()?;
        let host = reached.arm.host();
        Some(Reading { host, there, here })
    });
    let check = match &site.problem {
        Some(problem) => missing(CheckKind::Store, problem),
        None => described(site),
    };
    (vec![check.of(site.name.clone())], reading)
}

fn described(site: &AosmSite) -> Check {
    let config = &site.config;
    let record = match &site.record {
        Some(record) => format!(
            "{} is an {} in {}",
            config.artifact_store.value, record.store_type, record.location
        ),
        None => format!("{} may not be read", config.artifact_store.value),
    };
    let expiry = site.grant.as_ref().map_or("", |grant| grant.expiry());
    let credential = format!("its credential is granted until {expiry}");
    let manifest = config.artifact_manifest.value.as_str();
    let Some(seen) = &site.manifest else {
        let detail = format!("{record}; the artifact manifest {manifest} may not be read; {credential}");
        return Check::new(CheckKind::Store, State::Ok, detail);
    };
    let state = seen.state.as_ref();
    let listed = words::count(seen.artifacts.len(), "artifact");
    let detail = match state {
        Some(state) => {
            format!("{record}; the artifact manifest {manifest} is {state} and lists {listed}; {credential}")
        }
        None => format!("{record}; the artifact manifest {manifest} lists {listed}; {credential}"),
    };
    if state.is_none_or(ManifestState::is_open) {
        return Check::new(CheckKind::Store, State::Ok, detail);
    }
    Check::new(CheckKind::Store, State::Warning, detail)
        .hint("nothing in it can be changed any more: go on with a manifest of the next version")
}

/// Does the registry behind it take the credential?
async fn behind(site: &Arc<AosmSite>, registries: &Registries, job: &Job) -> Option<Check> {
    let (grant, reached) = (site.registry()?, site.reached.as_ref()?);
    let login = ManifestLogin::new(Arc::clone(&reached.credential), job.clone());
    let check = match registries.client_with(&grant.host, Arc::new(login), grant.plain_http) {
        Ok(client) => {
            let of = (CheckKind::Store, site.name.clone());
            let asked = Asked::Push(grant.repositories.first().cloned());
            registry::check(of, &client, asked, &Caller::from(job)).await.0
        }
        Err(error) => registry::failed(CheckKind::Store, error, &grant.host),
    };
    Some(check.of(format!("{}/{}", site.name, grant.host)))
}

fn missing(kind: CheckKind, fault: &Fault) -> Check {
    let causes: Vec<&str> = fault.causes().iter().map(String::as_str).collect();
    let detail = if causes.is_empty() {
        fault.message().to_owned()
    } else {
        format!("{} ({})", fault.message(), causes.join("; "))
    };
    let check = Check::new(kind, State::Missing, detail);
    match fault.hint_text() {
        Some(hint) => check.hint(hint),
        None => check,
    }
}
