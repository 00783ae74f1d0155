//! The checks of a project's sources and stores: what is asked of each, as whom.

use std::sync::Arc;

use futures_util::FutureExt as _;

use super::check::{Check, CheckKind, State};
use super::examine::{Patient, Running, limited};
use super::registry::{Asked, Known};
use super::{aosm, disks, places, registry};
use crate::lock::Lock;
use crate::oci::Job;
use crate::oci::registry::{Access, Caller, Registries};
use crate::plan::aosm::Reach;
use crate::project::{ImageSource, Project, SourceKind, Spanned, StoreConfig, StoreKind};

/// One check for each source and store, in the order of the project.
pub(super) fn place_checks(
    patient: &Patient,
    project: &Arc<Project>,
    registries: &Arc<Registries>,
    lock: Option<&Lock>,
) -> Vec<Running> {
    let job = Job::new("doctor", Arc::clone(&patient.events), patient.cancel.clone());
    let mut running = Vec::new();
    for source in &project.image_sources {
        running.push(source_check(patient, project, registries, lock, &source.value, &job));
    }
    let reach = Arc::new(Reach::new(Arc::clone(registries)));
    running.extend(aosm::logins(patient.offline, project, &reach));
    for (index, store) in project.stores.iter().enumerate() {
        let name = store.name.value.clone();
        if let Some(config) = store.kind.aosm() {
            let by = (&reach, registries);
            running.push(aosm::store(patient.offline, (index, store), config, project, by, &job));
            continue;
        }
        running.push(match &store.kind {
            // Looked at above.
            StoreKind::Acr(_) => continue,
            StoreKind::StorageAccount(_) => {
                let project = Arc::clone(project);
                let check = disks::disk_store(patient.offline, project, index, name.clone(), job.clone(), None);
                limited(CheckKind::Store, Some(name), async move { (check.await, None) })
            }
            StoreKind::Local { path } => {
                let (path, job) = (path.clone(), job.clone());
                limited(CheckKind::Store, Some(name.clone()), async move {
                    (vec![places::local_store(name, path, job).await], None)
                })
            }
            StoreKind::Registry { host, prefix } => {
                let repository = something_for(project, lock, store).map(|name| match prefix.as_str() {
                    "" => name,
                    prefix => format!("{prefix}/{name}"),
                });
                let tenant = store.tenant.as_ref().map(|tenant| tenant.value.clone());
                let access = Access::from(store.auth).in_tenant(tenant);
                let asked = Asked::Push(repository);
                let of = (CheckKind::Store, name);
                registry_check(patient.offline, of, host, &access, asked, registries, &job)
            }
        });
    }
    running
}

fn source_check(
    patient: &Patient,
    project: &Project,
    registries: &Arc<Registries>,
    lock: Option<&Lock>,
    source: &ImageSource,
    job: &Job,
) -> Running {
    let subject = source.to_string();
    let config = project.sources.get(&source.host).cloned();
    let optional = config.as_ref().is_some_and(|config| config.optional);
    let check = match config {
        Some(config) if config.kind != SourceKind::Registry => {
            limited(CheckKind::Source, Some(subject.clone()), async move {
                (vec![places::source(subject, config).await], None)
            })
        }
        config => {
            let access = config.map(|config| {
                let tenant = config.tenant.as_ref().map(|tenant| tenant.value.clone());
                Access::from(config.auth).in_tenant(tenant)
            });
            let known = lock.and_then(|lock| lock.images.iter().find(|image| image.source == subject));
            let known = known.map(|image| Known {
                repository: image.repository.clone(),
                digest: image.digest.clone(),
            });
            let of = (CheckKind::Source, subject);
            let access = access.unwrap_or_default();
            registry_check(
                patient.offline,
                of,
                &source.host,
                &access,
                Asked::Pull(known),
                registries,
                job,
            )
        }
    };
    async move {
        let (mut lines, reading) = check.await;
        for line in lines.iter_mut().filter(|line| optional && line.state == State::Missing) {
            line.state = State::Warning;
            line.detail.push_str(" (optional: the next source is asked instead)");
        }
        (lines, reading)
    }
    .boxed()
}

/// A name that would be written to this store: of an artifact, else of an image that the lock knows. What names no store goes
/// to the first.
fn something_for(project: &Project, lock: Option<&Lock>, store: &StoreConfig) -> Option<String> {
    let first = project
        .stores
        .first()
        .is_some_and(|first| first.name.value == store.name.value);
    let goes_there = |chosen: Option<&Spanned<String>>| chosen.map_or(first, |name| name.value == store.name.value);
    let artifact = project
        .artifacts
        .iter()
        .find(|artifact| goes_there(artifact.store.as_ref()))
        .map(|artifact| artifact.name.value.clone());
    let image = || {
        let named = |reference: &str| project.images.iter().find(|image| image.reference.value == reference);
        let images = &lock?.images;
        let found = images.iter().find(|image| match named(&image.reference) {
            Some(named) => goes_there(named.store.as_ref()),
            // Where a chart's images go is known once it is rendered.
            None => first && project.charts.iter().all(|chart| goes_there(chart.store.as_ref())),
        });
        Some(found?.name.repository.clone())
    };
    artifact.or_else(image)
}

fn registry_check(
    offline: bool,
    (kind, subject): (CheckKind, String),
    host: &str,
    access: &Access,
    asked: Asked,
    registries: &Arc<Registries>,
    job: &Job,
) -> Running {
    let label = subject.clone();
    if offline {
        let skipped = Check::new(kind, State::Skipped, "--offline forbids asking it").of(subject);
        return futures_util::future::ready((vec![skipped], None)).boxed();
    }
    let (client, host) = (registries.client_as(host, access), host.to_owned());
    let caller = Caller::from(job);
    limited(kind, Some(label), async move {
        match client {
            Ok(client) => {
                let (check, reading) = registry::check((kind, subject), &client, asked, &caller).await;
                (vec![check], reading)
            }
            Err(error) => (vec![registry::failed(kind, error, &host).of(subject)], None),
        }
    })
}
