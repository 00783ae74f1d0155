//! Entra identities: a service principal or a federated token from the environment, a managed identity, the Azure CLI.
//!
//! [`Entra`] is shared by a run: it knows which identity answered for a tenant, and keeps its tokens. An
//! [`EntraIdentity`] asks it for tokens of one tenant and cloud; [`AcrLogin`] exchanges them at an Azure registry.
//! Four `OAuth2` requests are all there is to it, so they are made here, over the run's own sockets ([`IdentityWire`]):
//! with its proxy, certificate authorities, retries and limits.

mod acr;
mod arc;
mod assertion;
mod authority;
mod azure_cli;
mod claims;
mod cloud;
mod identities;
mod identity;
mod managed;
mod principal;
mod wire;

pub use acr::{ACR_USER, AcrLogin, is_azure_registry};
pub use claims::Claims;
pub use cloud::Cloud;
pub use identities::{Entra, EntraIdentity, EntraSettings, Which};
pub use identity::{AccessToken, IdentityError, TokenIdentity, Tried};
pub use wire::{ANSWER_LIMIT, IdentityWire, Question, Reply};

/// What tokens for Azure registries are asked for with.
pub const REGISTRY_SCOPE: &str = "https://containerregistry.azure.net/.default";
