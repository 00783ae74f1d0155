//! A container that is reached by its signature.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::{BlobError, ContainerAccess, PageBlob, Remote, SasSource, SasUrl};
use crate::fault::Fault;
use crate::oci::backoff::Jitter;
use crate::oci::registry::retry::RetryPolicy;
use crate::oci::registry::transport::Transport;
use crate::oci::registry::{Gate, HttpTransport, PlainHttp, UploadPolicy, Wire};
use crate::project::Network;

/// Requests to one account at a time, unless somebody says otherwise.
pub const REQUESTS_AT_ONCE: usize = 16;

/// What can be set for all containers.
#[derive(Debug, Clone, Copy)]
pub struct ContainerOptions {
    /// Requests to one account at a time; lowered where it says that it is busy. Two more than are wanted for pages: one is
    /// kept for small requests.
    pub requests_at_once: usize,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// Seed of the jitter; `None` for a different one in each process.
    pub seed: Option<u64>,
}

impl Default for ContainerOptions {
    fn default() -> Self {
        Self {
            requests_at_once: REQUESTS_AT_ONCE,
            retry: RetryPolicy {
                // All of a write may be in this machine's buffers while a slow link still drains them: 4 MiB at 35 KiB a second.
                idle_upload: Duration::from_secs(120),
                ..RetryPolicy::default()
            },
            seed: None,
        }
    }
}

/// Everything that all containers of a run share: the transport by the network profile, limits, retries.
#[derive(Clone)]
pub struct Containers {
    shared: Arc<Shared>,
}

struct Shared {
    wire: Arc<Wire>,
    requests_at_once: usize,
    per_second: Option<u32>,
    /// By host: an account has one of its own.
    gates: Mutex<HashMap<String, Arc<Gate>>>,
}

impl Containers {
    /// By the network profile. Nothing is read or sent before the first request.
    pub fn new(network: &Network) -> Result<Self, Fault> {
        Ok(Self::with_options(network, ContainerOptions::default()))
    }

    /// By the network profile and with settings of one's own.
    pub fn with_options(network: &Network, options: ContainerOptions) -> Self {
        let transport = Arc::new(HttpTransport::new(network, options.requests_at_once.saturating_mul(2)));
        Self::with_transport(transport, network, options)
    }

    /// Over any transport.
    pub fn with_transport(transport: Arc<dyn Transport>, network: &Network, options: ContainerOptions) -> Self {
        let plain_http = PlainHttp::new(network.plain_http.iter().cloned());
        let seed = options.seed.unwrap_or_else(Jitter::process_seed);
        Self {
            shared: Arc::new(Shared {
                wire: Arc::new(Wire::new(
                    transport,
                    options.retry,
                    UploadPolicy::default(),
                    plain_http,
                    seed,
                )),
                requests_at_once: options.requests_at_once,
                per_second: network.requests_per_second,
                gates: Mutex::default(),
            }),
        }
    }

    /// A container; nothing is asked yet.
    pub fn open(&self, source: Arc<dyn SasSource>) -> Container {
        Container {
            containers: self.clone(),
            source,
        }
    }

    /// Requests sent so far, by everybody.
    pub fn requests(&self) -> u64 {
        self.shared.wire.sent()
    }

    pub(super) fn wire(&self) -> &Arc<Wire> {
        &self.shared.wire
    }

    /// One gate a host.
    pub(super) fn gate(&self, place: &url::Url) -> Arc<Gate> {
        let host = format!(
            "{}:{}",
            place.host_str().unwrap_or_default(),
            place.port_or_known_default().unwrap_or(0)
        );
        let mut gates = self.shared.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(host)
            .or_insert_with(|| Arc::new(Gate::new(self.shared.requests_at_once, self.shared.per_second)));
        Arc::clone(gate)
    }
}

/// A container.
#[derive(Clone)]
pub struct Container {
    containers: Containers,
    source: Arc<dyn SasSource>,
}

impl Container {
    /// A blob in it; nothing is asked yet.
    pub fn blob(&self, name: &str) -> PageBlob {
        PageBlob::new(self.clone(), name)
    }

    /// What opens it now: for its place, and for checks before the first request ([`ContainerAccess::check`]).
    pub async fn access(&self) -> Result<ContainerAccess, BlobError> {
        self.source.get().await
    }

    /// A file behind a URL that is only read, over the same wire; nothing is asked yet. `origin` says where the URL came from.
    pub fn remote(&self, url: SasUrl, origin: &str) -> Remote {
        Remote::new(&self.containers, url, origin)
    }

    /// Host and container, for people.
    pub fn label(&self) -> String {
        self.source.label()
    }

    pub(super) fn source(&self) -> &Arc<dyn SasSource> {
        &self.source
    }

    pub(super) fn containers(&self) -> &Containers {
        &self.containers
    }
}
