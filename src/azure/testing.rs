//! For tests: Resource Manager as a script of answers, without sockets and under virtual time.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::pedantic,
    reason = "tests may fail loudly"
)]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
use tokio_util::sync::CancellationToken;

use super::arm::{Arm, ArmSettings};
use super::name::{ManifestId, PublisherId};
use crate::credentials::Secret;
use crate::event::Silent;
use crate::oci::Job;
use crate::oci::registry::transport::{Body, Request, Response, Transport, TransportError};
use crate::oci::registry::{Registries, RegistryOptions};
use crate::project::Network;

/// One answer.
#[derive(Clone)]
pub struct Reply {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

pub fn reply(status: u16, body: impl Into<String>) -> Reply {
    Reply {
        status,
        headers: HeaderMap::new(),
        body: body.into().into(),
    }
}

impl Reply {
    pub fn with(mut self, name: &'static str, value: &str) -> Self {
        self.headers
            .insert(HeaderName::from_static(name), value.parse().unwrap());
        self
    }
}

/// Answers in their order; what was asked is kept: `METHOD URL`, body.
#[derive(Clone)]
pub struct Script {
    answers: Arc<Mutex<VecDeque<Reply>>>,
    last: Option<Reply>,
    seen: Arc<Mutex<Vec<(String, String)>>>,
}

impl Script {
    pub fn new(answers: impl IntoIterator<Item = Reply>) -> Self {
        Self {
            answers: Arc::new(Mutex::new(answers.into_iter().collect())),
            last: None,
            seen: Arc::default(),
        }
    }

    /// The first answer once, the second for ever after.
    pub fn endless(first: Reply, then: Reply) -> Self {
        Self {
            last: Some(then),
            ..Self::new([first])
        }
    }

    pub fn seen(&self) -> Vec<(String, String)> {
        self.seen.lock().unwrap().clone()
    }
}

#[async_trait::async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let body = match request.body {
            Body::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Body::Stream { .. } => panic!("Resource Manager is sent no streams"),
        };
        let line = format!("{} {}", request.method, request.url);
        self.seen.lock().unwrap().push((line.clone(), body));
        // As long as a round trip takes, so that those who come together are seen to.
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let next = self.answers.lock().unwrap().pop_front();
        let reply = next
            .or_else(|| self.last.clone())
            .unwrap_or_else(|| panic!("nothing is left to answer {line}"));
        Ok(Response {
            status: StatusCode::from_u16(reply.status).unwrap(),
            headers: reply.headers,
            body: stream::iter([Ok(reply.body)]).boxed(),
        })
    }
}

pub fn arm(script: &Script) -> Arc<Arm> {
    arm_with(script, ArmSettings::default())
}

pub fn arm_with(script: &Script, settings: ArmSettings) -> Arc<Arm> {
    let options = RegistryOptions {
        seed: Some(1),
        ..RegistryOptions::default()
    };
    let registries = Registries::with_transport(Arc::new(script.clone()), &Network::default(), options);
    let settings = ArmSettings {
        token: Some(Secret::new("bearer")),
        ..settings
    };
    Arm::new(&registries, &settings).unwrap()
}

pub fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

pub fn manifest_id() -> ManifestId {
    PublisherId::new("0aaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee", "contoso-rg", "contoso")
        .unwrap()
        .store("contoso-acr")
        .unwrap()
        .manifest("m")
        .unwrap()
}
