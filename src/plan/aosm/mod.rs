//! Stores of AOSM in a run: each is asked once what it is, what its artifact manifest lists, and for the credential that the
//! manifest grants; all of them at a time.
//!
//! What could not be learnt about one store makes its steps `unknown`, with the reason; the rest of the plan goes on. Nothing
//! here writes but the calls for private link, which `apply` makes before the first transfer.

mod connect;
mod coverage;
mod find;
mod private_link;
mod reach;
mod site;
mod split;
mod store;

pub use find::{FoundManifest, Sought, find};
pub use private_link::{PrivateLinkStep, let_in};
pub use reach::Reach;
pub use site::{AosmSite, Reached};

pub(super) use connect::connect;
pub use connect::look;
pub(super) use coverage::{bar, sealed};
pub(super) use private_link::{closed_hint, private_links};
pub(super) use split::split;
pub(super) use store::{ClosedStore, GrantedStore};
