//! Registries: everything between "this blob, that repository" and bytes on a socket.
//!
//! From the wire up: [`transport`] (one request), `wire` (time limits, counting), `gate` (how many at a time), `auth`
//! and `token` (logging in), [`retry`] (what is tried again), `client` (all of these together), `repository` (the
//! endpoints), `content` and `target` (a repository as source and as target of copies), `pool` (all hosts of a run).

mod access;
mod answer;
mod auth;
mod challenge;
mod client;
mod content;
mod gate;
mod host;
mod http;
mod identity;
mod pool;
mod repository;
pub mod retry;
mod scopes;
mod target;
#[cfg(test)]
mod tests;
mod token;
pub mod transport;
mod wire;

pub use access::{Access, Given};
pub use client::Client;
pub use content::{RegistryContent, RegistrySource, stoppable};
pub use host::{HUB_CREDENTIAL_KEY, is_docker_hub, is_loopback};
pub use http::HttpTransport;
pub use pool::{REQUESTS_AT_ONCE, Registries, RegistryOptions};
pub use repository::{Repository, Upload};
pub use target::RegistryTarget;
pub use wire::Caller;
