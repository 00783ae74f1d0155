//! All checks at once, each within its limit, told in a fixed order.

use std::sync::Arc;
use std::time::Duration;

use camino::Utf8PathBuf;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use super::check::{Check, CheckKind, DoctorDocument, State};
use super::clock::{self, Reading};
use super::machine;
use super::project::place_checks;
use super::words::count;
use crate::credentials::LoginFiles;
use crate::event::Events;
use crate::fault::Fault;
use crate::lock::Lock;
use crate::oci::backoff::Backoff;
use crate::oci::registry::retry::RetryPolicy;
use crate::oci::registry::{Registries, RegistryOptions, is_loopback};
use crate::plan::cache_folder;
use crate::project::{ChartInput, Network, Project, SourceConfig, SourceKind, StoreKind};

/// One check takes no longer.
const LIMIT: Duration = Duration::from_secs(30);

/// What is examined.
pub struct Patient {
    /// The project; without one, only the machine is looked at.
    pub project: Option<Arc<Project>>,
    /// `--helm`.
    pub helm: Option<String>,
    /// Ask nobody.
    pub offline: bool,
    /// Where events go.
    pub events: Events,
    /// Stops everything.
    pub cancel: CancellationToken,
}

/// What one check brings: its lines, and what time it was at a server.
pub(super) type Found = (Vec<Check>, Option<Reading>);
pub(super) type Running = BoxFuture<'static, Found>;

/// Looks at everything.
pub async fn examine(patient: &Patient) -> DoctorDocument {
    let network = patient
        .project
        .as_ref()
        .map_or_else(Network::default, |project| project.network.clone());
    let mut running = machine_checks(patient, &network);
    let mut checks = Vec::new();
    if let Some(project) = &patient.project {
        let lock = lock(project, &mut checks);
        let registries = Registries::new(&network, options());
        running.extend(place_checks(patient, project, &registries, lock.as_ref()));
    }
    let found = futures_util::future::join_all(running).await;
    let mut readings = Vec::new();
    for (lines, reading) in found {
        checks.extend(lines);
        readings.extend(reading);
    }
    if patient.project.is_some() {
        checks.push(clock::judged(&readings, patient.offline));
    }
    checks.sort_by_key(|check| check.check);
    DoctorDocument::new(checks)
}

/// Registries are tried twice, and not for long: who asks how things are wants an answer.
fn options() -> RegistryOptions {
    RegistryOptions {
        retry: RetryPolicy {
            connect_tries: 2,
            tries: 2,
            throttle_tries: 2,
            backoff: Backoff {
                base: Duration::from_millis(200),
                cap: Duration::from_secs(1),
            },
            longest_wait: Duration::from_secs(2),
            idle: Duration::from_secs(8),
            ..RetryPolicy::default()
        },
        ..RegistryOptions::default()
    }
}

fn machine_checks(patient: &Patient, network: &Network) -> Vec<Running> {
    let project = patient.project.clone();
    let renders = project.as_ref().is_none_or(|project| {
        let chart = |input: &ChartInput| matches!(input, ChartInput::Chart(_));
        project.charts.iter().any(|package| chart(&package.input))
    });
    let tls = project.as_ref().is_none_or(|project| uses_tls(project));
    let (helm, cancel) = (patient.helm.clone(), patient.cancel.clone());
    let (for_tls, for_proxy) = (network.clone(), network.clone());
    let offline = patient.offline;
    let mut running: Vec<Running> = vec![
        limited(CheckKind::Helm, None, async move {
            (vec![machine::helm(helm, renders, cancel).await], None)
        }),
        blocking(CheckKind::Logins, None, || machine::logins(&LoginFiles::from_env())),
        limited(CheckKind::Proxy, None, async move {
            (vec![machine::proxy(for_proxy, offline).await], None)
        }),
        blocking(CheckKind::Certificates, None, move || {
            vec![machine::certificates(&for_tls, tls)]
        }),
    ];
    if let Some(project) = project {
        let state = project.root.join(".aosm/state");
        let cache = cache_folder(&project);
        let shown = cache.as_ref().ok().map(ToString::to_string);
        running.push(blocking(CheckKind::Cache, shown, move || {
            vec![machine::cache_folder(cache)]
        }));
        running.push(blocking(CheckKind::State, Some(state.to_string()), move || {
            vec![machine::state_folder(&state)]
        }));
    } else if let Some(folder) = std::env::var("AOSM_CACHE_DIR").ok().filter(|text| !text.is_empty()) {
        let path = camino::absolute_utf8(Utf8PathBuf::from(&folder))
            .map_err(|error| Fault::infrastructure(format!("{folder}: {error}")));
        running.push(blocking(CheckKind::Cache, Some(folder), move || {
            vec![machine::cache_folder(path)]
        }));
    }
    running
}

/// Is any registry of the project reached with TLS?
fn uses_tls(project: &Project) -> bool {
    let plain = |host: &str| is_loopback(host) || project.network.plain_http.iter().any(|listed| listed == host);
    let sources = project
        .image_sources
        .iter()
        .map(|source| source.value.host.as_str())
        .filter(|host| !is_file(project.sources.get(*host)));
    let stores = project.stores.iter().filter_map(|store| match &store.kind {
        StoreKind::Registry { host, .. } => Some(host.as_str()),
        // Its registry is told by AOSM.
        StoreKind::Local { .. } | StoreKind::Acr(_) | StoreKind::StorageAccount(_) => None,
    });
    // Resource Manager, unless a stand-in on this machine is named.
    let managers = project.stores.iter().filter_map(|store| store.kind.aosm());
    let mut managers = managers.map(|store| {
        let own = store.endpoint.as_ref().map(|endpoint| endpoint.value.clone());
        own.or_else(|| std::env::var("AOSM_ARM_ENDPOINT").ok())
    });
    sources.chain(stores).any(|host| !plain(host))
        || managers.any(|endpoint| endpoint.is_none_or(|endpoint| endpoint.starts_with("https:")))
}

fn is_file(config: Option<&SourceConfig>) -> bool {
    config.is_some_and(|config| config.kind != SourceKind::Registry)
}

fn lock(project: &Project, checks: &mut Vec<Check>) -> Option<Lock> {
    let order: Vec<String> = project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    match Lock::load(&project.root.join("aosm.lock")) {
        Ok(Some(lock)) => {
            let images = count(lock.images.len(), "image");
            checks.push(if lock.counts_for(&order) {
                Check::new(CheckKind::Lock, State::Ok, images)
            } else {
                Check::new(
                    CheckKind::Lock,
                    State::Warning,
                    format!("{images}, located at other image sources"),
                )
                .hint("run `aosm-build lock` and commit aosm.lock")
            });
            Some(lock)
        }
        Ok(None) => {
            checks.push(Check::new(
                CheckKind::Lock,
                State::Skipped,
                "not there yet: the first apply writes it",
            ));
            None
        }
        Err(faults) => {
            let first = faults.into_iter().find(Fault::is_error);
            checks.extend(first.map(|fault| machine::missing(CheckKind::Lock, &fault)));
            None
        }
    }
}

/// A check that ends in time, one way or the other.
pub(super) fn limited(
    kind: CheckKind,
    subject: Option<String>,
    check: impl Future<Output = Found> + Send + 'static,
) -> Running {
    async move {
        if let Ok(found) = tokio::time::timeout(LIMIT, check).await {
            return found;
        }
        let check = Check::new(kind, State::Missing, format!("no answer within {} s", LIMIT.as_secs()));
        let check = Check { subject, ..check };
        (
            vec![check.hint("find out what hangs: the network, a credential helper, a disk")],
            None,
        )
    }
    .boxed()
}

/// The same for what works with the disk.
fn blocking(kind: CheckKind, subject: Option<String>, check: impl FnOnce() -> Vec<Check> + Send + 'static) -> Running {
    limited(kind, subject, async move {
        let lines = tokio::task::spawn_blocking(check).await.unwrap_or_else(|error| {
            let detail = format!("the check itself failed: {error}");
            vec![Check::new(kind, State::Missing, detail).hint("this is a bug in aosm-build: please report it")]
        });
        (lines, None)
    })
}
