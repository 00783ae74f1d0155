//! All registries of a run: one client per host and way to log in, so that everything that goes to one host shares
//! its permits, its tokens and what is known to be there.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::access::Access;
use super::client::Client;
use super::content::RegistrySource;
use super::gate::Gate;
use super::host::{Host, PlainHttp};
use super::http::HttpTransport;
use super::identity::IdentitySockets;
use super::retry::RetryPolicy;
use super::service::Service;
use super::transport::Transport;
use super::upload::UploadPolicy;
use super::wire::Wire;
use crate::credentials::entra::{AcrLogin, Cloud, Entra, EntraSettings, Which, is_azure_registry};
use crate::credentials::{
    AnonymousLogin, AutoLogin, CredentialSource, EnvironmentLogin, GivenLogin, LoginFiles, LoginState,
};
use crate::oci::backoff::Jitter;
use crate::oci::{Job, OciError};
use crate::project::{Auth, Network};

/// Requests to one host at a time: measured best at 20 ms round trip.
pub const REQUESTS_AT_ONCE: usize = 16;

/// What can be set for all registries.
#[derive(Debug, Clone)]
pub struct RegistryOptions {
    /// Requests to one host at a time, lowered where the host answers 429.
    pub requests_at_once: usize,
    /// When and how often to try again.
    pub retry: RetryPolicy,
    /// When and how blobs are cut.
    pub uploads: UploadPolicy,
    /// Seed of the jitter; `None` for a different one in each process.
    pub seed: Option<u64>,
    /// Where logins are kept.
    pub logins: LoginFiles,
    /// Where Entra identities, and logins in variables, are looked for.
    pub identities: EntraSettings,
}

impl Default for RegistryOptions {
    fn default() -> Self {
        Self {
            requests_at_once: REQUESTS_AT_ONCE,
            retry: RetryPolicy::default(),
            uploads: UploadPolicy::from_env(),
            seed: None,
            logins: LoginFiles::from_env(),
            identities: EntraSettings::default(),
        }
    }
}

/// How a client logs in: what tells the clients of one host apart.
#[derive(PartialEq, Eq)]
enum Key {
    /// As the project or the command line says.
    Access(Access),
    /// With a source from outside, known by its principal; whether without TLS.
    Source(String, bool),
}

/// A client, and how it logs in.
type Known = (Key, Arc<Client>);

/// All registries of a run.
pub struct Registries {
    wire: Arc<Wire>,
    entra: Arc<Entra>,
    options: RegistryOptions,
    per_second: Option<u32>,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    /// By host; few ways to log in to each.
    clients: Mutex<HashMap<String, Vec<Known>>>,
}

impl Registries {
    /// Registries over real sockets. Nothing is read or sent before the first request.
    pub fn new(network: &Network, options: RegistryOptions) -> Arc<Self> {
        // Uploads and downloads of one host have places of their own.
        let transport = Arc::new(HttpTransport::new(network, options.requests_at_once.saturating_mul(2)));
        Self::with_transport(transport, network, options)
    }

    /// Registries over any transport.
    pub fn with_transport(transport: Arc<dyn Transport>, network: &Network, options: RegistryOptions) -> Arc<Self> {
        let plain_http = PlainHttp::new(network.plain_http.iter().cloned());
        let seed = options.seed.unwrap_or_else(Jitter::process_seed);
        let wire = Arc::new(Wire::new(transport, options.retry, options.uploads, plain_http, seed));
        let sockets = Arc::new(IdentitySockets(Arc::clone(&wire)));
        Arc::new(Self {
            wire,
            entra: Entra::new(sockets, options.identities.clone()),
            options,
            per_second: network.requests_per_second,
            gates: Mutex::default(),
            clients: Mutex::default(),
        })
    }

    /// The client of a host, logged in to as `auth` says: the same one each time.
    pub fn client(&self, host: &str, auth: Auth) -> Result<Arc<Client>, OciError> {
        self.client_as(host, &auth.into())
    }

    /// The client of a host and a way to log in: the same one each time.
    pub fn client_as(&self, host: &str, access: &Access) -> Result<Arc<Client>, OciError> {
        let host = Host::parse(host, &self.wire.plain_http)?;
        Ok(self.known(&host, Key::Access(access.clone()), || self.credentials(&host, access)))
    }

    /// The client of a host that is logged in to with credentials from outside: the same one each time for one principal,
    /// whose first source it keeps. It shares the host's permits with all other clients there, and nothing that a login
    /// decides: neither tokens nor what is known to be there. `plain_http`: whoever names the host says that it has no TLS,
    /// which is believed of this machine alone.
    pub fn client_with(
        &self,
        host: &str,
        source: Arc<dyn CredentialSource>,
        plain_http: bool,
    ) -> Result<Arc<Client>, OciError> {
        let host = Host::exactly(host, plain_http)?;
        Ok(self.known(&host, Key::Source(source.principal(), plain_http), || source))
    }

    fn known(&self, host: &Host, key: Key, credentials: impl FnOnce() -> Arc<dyn CredentialSource>) -> Arc<Client> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        let known = clients.entry(host.name.clone()).or_default();
        if let Some((_, client)) = known.iter().find(|(held, _)| *held == key) {
            return Arc::clone(client);
        }
        let client = Arc::new(Client::new(
            host.clone(),
            self.gate(&host.name),
            Arc::clone(&self.wire),
            credentials(),
        ));
        known.push((key, Arc::clone(&client)));
        client
    }

    fn credentials(&self, host: &Host, access: &Access) -> Arc<dyn CredentialSource> {
        if let Some(given) = &access.given {
            return Arc::new(GivenLogin::new(given.username.as_str(), given.password.clone()));
        }
        let files = |required| {
            let logins = self.options.logins.clone();
            LoginState::new(&host.name, host.credential_key(), logins, required)
        };
        let entra = |which| {
            let cloud = Cloud::of_registry(&host.name);
            AcrLogin::new(&host.name, self.entra.identity(which, access.tenant.clone(), cloud))
        };
        match access.auth {
            // Whoever names a tenant means an Entra identity, whatever the host is called.
            Auth::Auto if is_azure_registry(&host.name) || access.tenant.is_some() => {
                Arc::new(AutoLogin::new(files(false), Some(entra(Which::Any))))
            }
            Auth::Auto => Arc::new(AutoLogin::new(files(false), None)),
            Auth::DockerConfig => Arc::new(files(true)),
            Auth::Environment => Arc::new(EnvironmentLogin::new(
                host.name.as_str(),
                self.options.identities.variables.clone(),
            )),
            Auth::AzureCli => Arc::new(entra(Which::AzureCli)),
            Auth::Anonymous => Arc::new(AnonymousLogin),
        }
    }

    /// The Entra identities of this run: for registries, and for everything else that takes their tokens.
    pub fn entra(&self) -> &Arc<Entra> {
        &self.entra
    }

    /// The run's sockets for a host that is no registry (`host[:port]`).
    pub fn service(&self, host: &str) -> Service {
        Service::new(Arc::clone(&self.wire), self.gate(&host.to_ascii_lowercase()))
    }

    /// One gate a host, whoever logs in.
    fn gate(&self, host: &str) -> Arc<Gate> {
        let mut gates = self.gates.lock().unwrap_or_else(PoisonError::into_inner);
        let gate = gates
            .entry(host.to_owned())
            .or_insert_with(|| Arc::new(Gate::new(self.options.requests_at_once, self.per_second)));
        Arc::clone(gate)
    }

    /// A registry as a source of images, logged in to as `access` says. Requests are counted into the job and end when
    /// it is cancelled.
    pub fn source(&self, host: &str, access: impl Into<Access>, job: &Job) -> Result<RegistrySource, OciError> {
        let client = self.client_as(host, &access.into())?;
        Ok(RegistrySource::new(client, host, job.clone()))
    }

    /// Requests sent so far, by everybody.
    pub fn requests(&self) -> u64 {
        self.wire.sent()
    }
}
