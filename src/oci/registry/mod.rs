//! Registries: everything between "this blob, that repository" and bytes on a socket.
//!
//! From the wire up: [`transport`] (one request), `wire` (time limits, counting), `gate` (how many at a time), `auth`
//! and `token` (logging in), [`retry`] (what is tried again), `client` (all of these together), `repository` (the
//! endpoints; `listing`, `delete`, `referrers`, `fallback` and `acr` have the rest of them), `content` and `target` (a repository as source and as target of copies), `pool` (all hosts of a run).

mod access;
mod acr;
mod answer;
mod auth;
mod challenge;
mod check_login;
mod chunked;
mod client;
mod content;
mod delete;
mod fallback;
mod feed;
mod gate;
mod host;
mod http;
mod identity;
mod lend;
mod listing;
mod logins;
mod pages;
mod place;
mod pool;
mod referrers;
mod repository;
pub mod retry;
mod rights;
mod scopes;
mod service;
mod target;
#[cfg(test)]
mod tests;
mod token;
pub mod transport;
mod upload;
mod whole;
mod wire;

pub use access::{Access, Given};
pub use acr::{Acr, AcrAttributes, AcrManifest, AcrRepository, AcrTag, is_acr_host};
pub use client::Client;
pub use content::{RegistryContent, RegistrySource, stoppable};
pub use fallback::{fallback_tag, is_fallback_tag};
pub use host::{HUB_CREDENTIAL_KEY, is_docker_hub, is_loopback};
pub use http::HttpTransport;
pub use lend::{Lent, Readable};
pub use listing::repositories;
pub use place::RegistryPlace;
pub use pool::{REQUESTS_AT_ONCE, Registries, RegistryOptions};
pub use repository::{Repository, Upload};
pub use rights::{Greeting, PushRight};
pub use service::{Service, ServiceAnswer};
pub use target::RegistryTarget;
pub use upload::{Session, UploadPolicy};
pub use wire::Caller;

// What the storage account's room builds upon: the same limits, gates and retries.
pub(crate) use gate::{Class, Gate};
pub(crate) use host::PlainHttp;
pub(crate) use wire::Wire;
