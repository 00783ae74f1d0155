//! The local emulator: signatures made with the key that all emulators share.
//!
//! Account and key are public (REST reference, "Connect to the emulator account using the well-known account name and key"), and
//! the service is on this machine only: nothing here is a secret, and nothing else than loopback is ever signed for.

use std::time::{Duration, SystemTime};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::Method;
use reqwest::header::{HeaderMap, HeaderValue};
use tokio::sync::OnceCell;
use url::Url;

use super::answer::Refusal;
use super::sas::label_of;
use super::{BlobError, BlobErrorKind, ContainerAccess, Containers, SasSource, SasUrl, moment};
use crate::credentials::Secret;
use crate::oci::registry::transport::{Body, Request};
use crate::oci::registry::{Caller, is_loopback};

const ACCOUNT: &str = "devstoreaccount1";
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
/// The version whose way of signing is used here.
const VERSION: &str = "2020-12-06";
/// A signature of ours is good for so long, and made anew for each request.
const GOOD_FOR: Duration = Duration::from_secs(3600);
/// Clocks on one machine do not differ, but their times are cut to seconds.
const EARLIER: Duration = Duration::from_secs(60);

/// What a signature is to grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    /// Letters of the rights: `rcwd`.
    pub rights: String,
    /// From when on.
    pub start: Option<SystemTime>,
    /// Until when.
    pub expiry: SystemTime,
}

/// Signatures for one container of an emulator on this machine; the container is made when it is not there.
pub struct EmulatorSas {
    containers: Containers,
    endpoint: Url,
    container: String,
    made: OnceCell<()>,
}

impl EmulatorSas {
    /// The endpoint is the emulator's blob service (`http://127.0.0.1:10000`), with the account's name behind it or not. It has
    /// to be on this machine.
    pub fn new(containers: &Containers, endpoint: &str, container: &str) -> Result<Self, BlobError> {
        let bad = |detail: &str, hint: &str| {
            Err(BlobError::new(BlobErrorKind::Refused, "use the emulator at", endpoint, detail).hint(hint))
        };
        let Ok(mut url) = Url::parse(endpoint) else {
            return bad("is no URL", "it has to be like http://127.0.0.1:10000");
        };
        if !matches!(url.scheme(), "http" | "https") || url.query().is_some() || url.fragment().is_some() {
            return bad(
                "is not the URL of a service",
                "it has to be like http://127.0.0.1:10000",
            );
        }
        if !url.host_str().is_some_and(is_loopback) {
            return bad(
                "is not on this machine",
                "everybody knows the emulator's key: a service elsewhere is reached by a signature of its own",
            );
        }
        match url.path().trim_matches('/') {
            "" | ACCOUNT => url.set_path(ACCOUNT),
            _ => return bad("has a path", "leave out what is behind the port"),
        }
        Ok(Self {
            containers: containers.clone(),
            endpoint: url,
            container: container.to_owned(),
            made: OnceCell::new(),
        })
    }

    fn place(&self) -> Url {
        let mut url = self.endpoint.clone();
        url.set_path(&format!("{ACCOUNT}/{}", self.container));
        url
    }

    /// A signature for the container.
    pub fn sign(&self, grant: &Grant) -> SasUrl {
        let (start, expiry) = (
            grant.start.map(moment::format).unwrap_or_default(),
            moment::format(grant.expiry),
        );
        // REST reference, "Create a service SAS", "Version 2020-12-06 and later": the fields that are not used stay empty.
        let text = format!(
            "{rights}\n{start}\n{expiry}\n/blob/{ACCOUNT}/{container}\n\n\n\n{VERSION}\nc\n\n\n\n\n\n\n",
            rights = grant.rights,
            container = self.container,
        );
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("sv", VERSION)
            .append_pair("sr", "c")
            .append_pair("sp", &grant.rights);
        if grant.start.is_some() {
            query.append_pair("st", &start);
        }
        query.append_pair("se", &expiry).append_pair("sig", &signature(&text));
        SasUrl {
            place: self.place(),
            query: Secret::new(query.finish()),
        }
    }

    /// A signature for making containers: of the account, as a container's own cannot.
    fn sign_account(expiry: SystemTime) -> String {
        let expiry = moment::format(expiry);
        // REST reference, "Create an account SAS", "Version 2020-12-06 and later".
        let text = format!("{ACCOUNT}\nc\nb\nc\n\n{expiry}\n\n\n{VERSION}\n\n");
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        for (name, value) in [("sv", VERSION), ("ss", "b"), ("srt", "c"), ("sp", "c"), ("se", &expiry)] {
            query.append_pair(name, value);
        }
        query.append_pair("sig", &signature(&text)).finish()
    }

    /// Makes the container; one that is there is fine.
    async fn make(&self) -> Result<(), BlobError> {
        let failed = |kind, detail: String| BlobError::new(kind, "make the container", label_of(&self.place()), detail);
        let mut url = self.place();
        let query = format!("restype=container&{}", Self::sign_account(SystemTime::now() + GOOD_FOR));
        url.set_query(Some(&query));
        let mut headers = HeaderMap::new();
        headers.insert("x-ms-version", HeaderValue::from_static(VERSION));
        let request = Request {
            method: Method::PUT,
            url,
            headers,
            body: Body::Bytes(bytes::Bytes::new()),
        };
        let response = self
            .containers
            .wire()
            .exchange(request, &Caller::nobody())
            .await
            .map_err(|trouble| {
                failed(BlobErrorKind::Unreachable, trouble.detail)
                    .hint("is the emulator running, and is this its blob port?")
            })?;
        if response.status.is_success() {
            return Ok(());
        }
        let refusal = Refusal::new(response.status, &response.headers, &bytes::Bytes::new());
        if refusal.code == "ContainerAlreadyExists" {
            return Ok(());
        }
        Err(failed(refusal.kind(), refusal.text()))
    }
}

#[async_trait::async_trait]
impl SasSource for EmulatorSas {
    async fn get(&self) -> Result<ContainerAccess, BlobError> {
        self.made.get_or_try_init(|| self.make()).await?;
        let now = SystemTime::now();
        let grant = Grant {
            rights: "rcwd".into(),
            start: Some(now - EARLIER),
            expiry: now + GOOD_FOR,
        };
        Ok(ContainerAccess {
            url: self.sign(&grant),
            origin: "the emulator's key".into(),
            generation: 0,
        })
    }

    async fn rejected(&self, _generation: u64) -> bool {
        false
    }

    fn label(&self) -> String {
        label_of(&self.place())
    }
}

fn signature(text: &str) -> String {
    // The key is a constant: decoding it cannot fail, and an empty one would only be refused.
    let key = STANDARD.decode(KEY).unwrap_or_default();
    STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()))
}
