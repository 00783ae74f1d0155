//! What is asked of the registry.

use reqwest::Method;
use serde_json::{Value, json};

use super::registry_id::RegistryId;
use crate::azure::arm::{Arm, Ask};
use crate::digest::Digest;
use crate::oci::registry::Lent;

/// The version of the registries' own API: none of `Microsoft.HybridNetwork`'s.
const API: &str = "2023-07-01";
/// What asking takes; no role of a publisher has it by itself.
pub(super) const RIGHT: &str = "Microsoft.ContainerRegistry/registries/importImage/action";

/// One image that is to be fetched, and the tag that it gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// The registry that fetches it.
    pub registry: RegistryId,
    /// Where it is.
    pub source: SourceImage,
    /// The repository that it gets.
    pub repository: String,
    /// The tag that it gets.
    pub tag: String,
    /// What it is: the digest that is asked for, and that the tag has to name in the end.
    pub digest: Digest,
}

/// Where an image is fetched from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceImage {
    /// Host, with port where there is one.
    pub registry: String,
    /// Repository.
    pub repository: String,
    /// The login that it takes; `None`: everybody may read it.
    pub login: Option<Lent>,
}

impl Import {
    /// The tag in words: `release/contoso-a:1.0.0`.
    pub fn target(&self) -> String {
        format!("{}:{}", self.repository, self.tag)
    }

    /// The request.
    pub(super) fn ask(&self, arm: &Arm) -> Ask {
        let mut segments: Vec<&str> = self.registry.segments().into();
        segments.push("importImage");
        let mut url = arm.url(&segments, &[]);
        url.set_query(None);
        url.query_pairs_mut().append_pair("api-version", API);
        Ask {
            operation: "import",
            subject: self.target(),
            right: RIGHT,
            method: Method::POST,
            url,
            body: Some(self.body()),
        }
    }

    fn body(&self) -> Value {
        let mut source = json!({
            "registryUri": self.source.registry,
            "sourceImage": format!("{}@{}", self.source.repository, self.digest),
        });
        if let Some(login) = &self.source.login {
            source["credentials"] = json!({"username": login.username, "password": login.password.expose()});
        }
        json!({"source": source, "targetTags": [self.target()], "mode": "NoForce"})
    }
}
