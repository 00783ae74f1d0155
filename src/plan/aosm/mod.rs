//! Stores of AOSM in a run: each is asked once what it is, what its artifact manifest lists, and for the credential that the
//! manifest grants; all of them at a time.
//!
//! What could not be learnt about one store makes its steps `unknown`, with the reason; the rest of the plan goes on. Nothing
//! here writes but the calls for private link, which `apply` makes before the first transfer.

mod connect;
mod coverage;
mod find;
mod reach;
mod site;
mod store;

pub use find::{Sought, find};
pub use reach::Reach;
pub use site::{AosmSite, Reached};

pub(super) use connect::connect;
pub(super) use coverage::{bar, sealed};
pub(super) use store::{ClosedStore, GrantedStore};
