//! Asking one AOSM store: the store, its artifact manifest and the credential at a time, each once a run.

use super::{AosmSite, Reach, Reached};
use crate::azure::arm::{ArmError, ArmErrorKind};
use crate::azure::credential::{Grant, Granted};
use crate::azure::{ArtifactManifest, ArtifactStore, StoreType, same_region};
use crate::event::Event;
use crate::fault::{Fault, Faults, some_of};
use crate::oci::Job;
use crate::project::{AosmStore, StoreConfig, StoreKind};

/// What one store is seen to be, outside a plan.
pub async fn look(reach: &Reach, store: &StoreConfig, config: &AosmStore, job: &Job) -> AosmSite {
    connect(reach, 0, store, config, Some(job)).await
}

/// What a store is seen to be. Never fails: what went wrong is in [`AosmSite::problem`]. `ask`: without, nobody is asked.
pub(in crate::plan) async fn connect(
    reach: &Reach,
    index: usize,
    store: &StoreConfig,
    config: &AosmStore,
    ask: Option<&Job>,
) -> AosmSite {
    let mut site = AosmSite {
        index,
        name: store.name.value.clone(),
        config: config.clone(),
        place: store.name.place.clone(),
        reached: None,
        record: None,
        manifest: None,
        grant: None,
        absent: false,
        denied: false,
        problem: None,
    };
    match reach.reach(config) {
        Ok(reached) => site.reached = Some(reached),
        Err(faults) => site.problem = Some(told(&site, first(faults))),
    }
    if let (Some(reached), Some(job)) = (site.reached.clone(), ask) {
        let wanted = match store.kind {
            StoreKind::StorageAccount(_) => StoreType::StorageAccount,
            _ => StoreType::Registry,
        };
        let problem = asked(&mut site, &reached, &wanted, job).await.err();
        site.problem = problem.map(|fault| told(&site, fault));
    }
    site
}

async fn asked(site: &mut AosmSite, reached: &Reached, wanted: &StoreType, job: &Job) -> Result<(), Fault> {
    let (record, manifest, granted) = tokio::join!(
        ArtifactStore::get(&reached.arm, &reached.id.store, job),
        ArtifactManifest::get(&reached.arm, &reached.id, job),
        reached.credential.get(job),
    );
    site.record = match record {
        Err(error) if error.kind == ArmErrorKind::Absent => return Err(not_there(site, error)),
        record => readable(record, job)?,
    };
    if let Some(record) = &site.record {
        fits(site, record, wanted)?;
    }
    site.manifest = match manifest {
        Err(error) if error.kind == ArmErrorKind::Absent => {
            site.absent = site.record.is_some();
            return Err(absent(site, reached, error, job).await);
        }
        manifest => readable(manifest, job)?,
    };
    site.denied = matches!(&granted, Err(error) if error.kind == ArmErrorKind::Denied);
    let Granted { grant, .. } = granted?;
    match (wanted, &*grant) {
        (StoreType::Registry, Grant::StorageAccount(_)) => grant.registry(site.manifest_name()).map(|_| ())?,
        (StoreType::StorageAccount, Grant::Registry(_)) => grant.storage(site.manifest_name()).map(|_| ())?,
        _ => {}
    }
    site.grant = Some(grant);
    Ok(())
}

/// Whoever may ask for the credential need not be allowed to read the rest: what is not known then is not checked.
fn readable<T>(answer: Result<T, ArmError>, job: &Job) -> Result<Option<T>, ArmError> {
    match answer {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind == ArmErrorKind::Denied => {
            job.events.emit(Event::Detail(format!("not checked: {error}")));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

fn fits(site: &AosmSite, record: &ArtifactStore, wanted: &StoreType) -> Result<(), Fault> {
    record.expect_type(wanted)?;
    let Some(location) = &site.config.location else {
        return Ok(());
    };
    if same_region(&record.location, &location.value) {
        return Ok(());
    }
    Err(Fault::invalid(format!(
        "its publisher {} is in {}, not in {}",
        site.config.publisher.value, record.location, location.value
    ))
    .at_opt(location.place.clone())
    .hint(format!(
        "publishers are of one region: correct `location`, here to {}, or name the publisher of the other region",
        record.location
    )))
}

/// An artifact store that is not there, or below something that is not.
fn not_there(site: &AosmSite, error: ArmError) -> Fault {
    Fault::from(error).hint(format!(
        "check `subscription`, `resource-group`, `publisher` and `artifact-store` of [stores.{}], and what the input file says of them",
        site.name
    ))
}

/// A manifest that is not there: which ones are helps to see a slip.
async fn absent(site: &AosmSite, reached: &Reached, error: ArmError, job: &Job) -> Fault {
    let name = site.manifest_name();
    let mut fault = Fault::from(error);
    if let Ok(others) = ArtifactManifest::list(&reached.arm, &reached.id.store, job).await {
        let names: Vec<&str> = others.iter().map(|manifest| manifest.name.as_str()).collect();
        let there = if names.is_empty() {
            "it has none".to_owned()
        } else {
            format!("it has {}", some_of(&names))
        };
        fault = fault.because(format!(
            "the artifact store {}: {there}",
            site.config.artifact_store.value
        ));
    }
    fault.hint(format!(
        "make the artifact manifest {name}: aosm-build artifact-manifest create --store {store} (or deploy the \
         artifactManifest/deploy.bicep that the Azure CLI extension writes); or name another one: `artifact-manifest` in \
         [stores.{store}]",
        store = site.name
    ))
}

/// The problem of a store, with its name.
fn told(site: &AosmSite, fault: Fault) -> Fault {
    let fault = fault.context(format!("store {}", site.name));
    if fault.labels().is_empty() {
        fault.at_opt(site.place.clone())
    } else {
        fault
    }
}

/// One fault for several: the first error, with the others below it.
fn first(faults: Faults) -> Fault {
    let mut errors = faults.into_iter().filter(Fault::is_error);
    let Some(first) = errors.next() else {
        return Fault::bug("it cannot be reached, without a word");
    };
    errors.fold(first, Fault::because)
}
