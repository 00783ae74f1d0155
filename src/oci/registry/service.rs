//! The run's sockets, lent to services that are no registries: the same proxy, certificate authorities, time limits,
//! permits per host and pauses after "too many".
//!
//! One request goes out and one bounded answer comes back: what an answer means, and whether the request is sent again,
//! is for the service's own client to say.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;

use super::answer::read_small;
use super::gate::{Class, Gate};
use super::retry::{Again, Tries, Trouble};
use super::transport::{Request, Response};
use super::wire::{Caller, Wire};
use crate::oci::ErrorKind;

/// An answer that was read whole.
#[derive(Debug, Clone)]
pub struct ServiceAnswer {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// One host of a service, reached over the run's sockets.
#[derive(Clone)]
pub struct Service {
    wire: Arc<Wire>,
    gate: Arc<Gate>,
}

impl Service {
    pub(super) fn new(wire: Arc<Wire>, gate: Arc<Gate>) -> Self {
        Self { wire, gate }
    }

    /// Sends one request and reads its answer, of any status. A body longer than `limit` bytes is an error, and so is one
    /// that breaks off.
    pub async fn exchange(&self, request: Request, limit: usize, caller: &Caller) -> Result<ServiceAnswer, Trouble> {
        let _permit = self.gate.enter(Class::Small).await;
        self.gate.pause().await;
        let Response { status, headers, body } = self.wire.exchange(request, caller).await?;
        let body = read_small(body, limit).await.ok_or_else(|| Trouble {
            kind: ErrorKind::Unreachable,
            detail: format!("the answer breaks off, or has more than {} KiB", limit >> 10),
            hint: None,
            again: Again::Passing,
        })?;
        if status.is_success() {
            self.gate.answered();
        }
        Ok(ServiceAnswer { status, headers, body })
    }

    /// How long to wait before the next try, or `None` to give up. Where the service asked for patience, nobody else
    /// sends to it meanwhile either.
    pub fn next_try(&self, tries: &mut Tries, again: Again) -> Option<Duration> {
        let delay = self.wire.next_try(tries, again)?;
        if matches!(again, Again::Throttled(_)) {
            self.gate.throttled(delay);
        }
        Some(delay)
    }
}
