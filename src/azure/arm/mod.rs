//! The client of Resource Manager: one subscription's worth of REST over the run's sockets.

mod answer;
mod client;
mod cloud;
mod error;
mod error_body;
mod login;
mod operation;
mod pages;
#[cfg(test)]
mod tests;
mod version;

pub use client::{Arm, ArmSettings};
pub use cloud::{cloud_named, endpoint_named, endpoint_of};
pub use error::{ArmError, ArmErrorKind, ServiceWords};
pub use login::{LoginFacts, TOKEN_VARIABLE};
pub use version::ApiVersion;

pub(crate) use answer::Answer;
pub(crate) use client::Ask;
