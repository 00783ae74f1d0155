//! A container that is reached by its signature.

use std::sync::Arc;

use super::{PageBlob, SasSource};
use crate::fault::Fault;
use crate::project::Network;

/// Everything that all containers of a run share: the transport by the network profile, limits, retries.
#[derive(Clone)]
pub struct Containers {}

impl Containers {
    /// By the network profile.
    pub fn new(_network: &Network) -> Result<Self, Fault> {
        Err(Fault::bug("not built yet"))
    }

    /// A container; nothing is asked yet.
    pub fn open(&self, _source: Arc<dyn SasSource>) -> Container {
        Container {}
    }
}

/// A container.
#[derive(Clone)]
pub struct Container {}

impl Container {
    /// A blob in it; nothing is asked yet.
    pub fn blob(&self, _name: &str) -> PageBlob {
        PageBlob {}
    }
}
