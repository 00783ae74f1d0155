//! Azure Container Registry's own API (`/acr/v1/…`): what the registry keeps beside the content, untagged manifests
//! included.
//!
//! Its answers are of a service's making and grow: fields that are not known are passed over, fields that are missing are
//! `None`. A host is such a registry by its name; a host of this machine, which in practice is a test server, by
//! answering `/acr/v1/_catalog` with a list.

use std::sync::Arc;

use bytes::Bytes;
use reqwest::header::HeaderMap;
use reqwest::{Method, Url};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::answer::quote;
use super::client::{Ask, Client};
use super::delete::not_allowed;
use super::host::{check_repository, check_tag, is_loopback};
use super::pages::{PAGE_SIZE, json, read_pages};
use super::scopes::Scopes;
use super::whole::{Whole, read_whole};
use super::wire::Caller;
use crate::digest::Digest;
use crate::oci::{ErrorKind, Job, OciError};

/// One answer that is no list has at most this many bytes.
const ANSWER_LIMIT: u64 = 1024 * 1024;
/// Azure services put it into all their answers.
const AZURE_HEADER: &str = "x-ms-correlation-request-id";
/// What to do where the login may read content only.
const RIGHT: &str = "the login lacks the right metadata/read on this repository: add it to the scope map of the token, or use --auth azure-cli";
/// The same for the list of repositories.
const CATALOG_RIGHT: &str =
    "tokens and logins that are for single repositories cannot list them all: use --auth azure-cli";

/// What may be done with a repository, manifest or tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AcrAttributes {
    /// May be deleted.
    pub delete_enabled: Option<bool>,
    /// May be overwritten.
    pub write_enabled: Option<bool>,
    /// May be pulled.
    pub read_enabled: Option<bool>,
    /// Is listed.
    pub list_enabled: Option<bool>,
}

/// A repository.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AcrRepository {
    /// Its name.
    pub image_name: Option<String>,
    /// When it was made, as the registry writes it.
    pub created_time: Option<String>,
    /// When something in it changed last.
    pub last_update_time: Option<String>,
    /// How many manifests it has.
    pub manifest_count: Option<u64>,
    /// How many tags it has.
    pub tag_count: Option<u64>,
    /// What may be done with it.
    pub changeable_attributes: Option<AcrAttributes>,
}

/// A tag.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcrTag {
    /// The tag.
    pub name: String,
    /// What it names.
    pub digest: Option<Digest>,
    /// When it was made.
    pub created_time: Option<String>,
    /// When it was written last.
    pub last_update_time: Option<String>,
    /// What may be done with it.
    pub changeable_attributes: Option<AcrAttributes>,
}

/// A manifest, tagged or not.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AcrManifest {
    /// Its digest.
    pub digest: Digest,
    /// Bytes of it and its blobs, as the registry counts them.
    pub image_size: Option<u64>,
    /// When it was pushed.
    pub created_time: Option<String>,
    /// When it changed last.
    pub last_update_time: Option<String>,
    /// Its media type.
    pub media_type: Option<String>,
    /// The media type of its config.
    pub config_media_type: Option<String>,
    /// Its artifact type, where the registry tells.
    pub artifact_type: Option<String>,
    /// CPU of an image.
    pub architecture: Option<String>,
    /// Operating system of an image.
    pub os: Option<String>,
    /// Its tags; `None` for an untagged one.
    pub tags: Option<Vec<String>>,
    /// What may be done with it.
    pub changeable_attributes: Option<AcrAttributes>,
}

#[derive(Deserialize)]
struct Catalog {
    repositories: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct Tags {
    tags: Option<Vec<AcrTag>>,
}

#[derive(Deserialize)]
struct Tag {
    tag: AcrTag,
}

#[derive(Deserialize)]
struct Manifests {
    manifests: Option<Vec<AcrManifest>>,
}

#[derive(Deserialize)]
struct Manifest {
    manifest: AcrManifest,
}

/// Is this a host of Azure Container Registry, by its name?
pub fn is_acr_host(host: &str) -> bool {
    let bare = host.split(':').next().unwrap_or_default().to_ascii_lowercase();
    [".azurecr.io", ".azurecr.us", ".azurecr.cn"]
        .iter()
        .any(|suffix| bare.len() > suffix.len() && bare.ends_with(suffix))
}

/// The API of one registry.
#[derive(Clone)]
pub struct Acr {
    client: Arc<Client>,
}

impl Acr {
    /// The API of a registry that has it; `None` for any other. Asks only hosts of this machine: there, a list of
    /// repositories in answer to `/acr/v1/_catalog` with an Azure service's header (or its refusal to this login) shows that
    /// it has, and anything else that it has not. The list alone is no sign: go-containerregistry's registry (`crane
    /// registry serve`) answers with one to every path that ends so.
    pub async fn of(client: &Arc<Client>, job: &Job) -> Result<Option<Self>, OciError> {
        let acr = Self {
            client: Arc::clone(client),
        };
        if is_acr_host(&client.host.name) {
            return Ok(Some(acr));
        }
        let url = client.host.at("/acr/v1/_catalog?n=1")?;
        if !is_loopback(url.host_str().unwrap_or_default()) {
            return Ok(None);
        }
        let ask = acr.ask("list repositories", "", url, Scopes::catalog());
        match read_whole(
            client,
            ask,
            ANSWER_LIMIT,
            "which no answer of this API is",
            &Caller::from(job),
        )
        .await
        {
            Ok(Whole { bytes, headers, .. }) => {
                let list = serde_json::from_slice(&bytes).is_ok_and(|list: Catalog| list.repositories.is_some());
                Ok((list && headers.contains_key(AZURE_HEADER)).then_some(acr))
            }
            Err(error) => match error.kind {
                ErrorKind::Denied => Ok(Some(acr)),
                ErrorKind::Absent | ErrorKind::Protocol | ErrorKind::TooLarge => Ok(None),
                _ => Err(error),
            },
        }
    }

    /// All repositories, sorted.
    pub async fn repositories(&self, job: &Job) -> Result<Vec<String>, OciError> {
        let ask = self.ask(
            "list repositories",
            "",
            self.paged("/acr/v1/_catalog")?,
            Scopes::catalog(),
        );
        let mut names = self
            .all(ask, CATALOG_RIGHT, &Caller::from(job), |page: Catalog| {
                page.repositories
            })
            .await?;
        names.sort();
        names.dedup();
        Ok(names)
    }

    /// One repository.
    pub async fn repository(&self, repository: &str, job: &Job) -> Result<AcrRepository, OciError> {
        let ask = self.repository_ask("show repository", repository, "", "")?;
        self.one(ask, RIGHT, &Caller::from(job)).await
    }

    /// All tags of a repository, sorted by name.
    pub async fn tags(&self, repository: &str, job: &Job) -> Result<Vec<AcrTag>, OciError> {
        let mut ask = self.repository_ask("list tags", repository, "/_tags", "")?;
        sized(&mut ask.url);
        let mut tags = self.all(ask, RIGHT, &Caller::from(job), |page: Tags| page.tags).await?;
        tags.sort_by(|a: &AcrTag, b| a.name.cmp(&b.name));
        Ok(tags)
    }

    /// One tag.
    pub async fn tag(&self, repository: &str, tag: &str, job: &Job) -> Result<AcrTag, OciError> {
        check_tag(&format!("{}/{repository}", self.client.host.name), tag)?;
        let ask = self.repository_ask("show tag", repository, &format!("/_tags/{tag}"), &format!(":{tag}"))?;
        let answer: Tag = self.one(ask, RIGHT, &Caller::from(job)).await?;
        Ok(answer.tag)
    }

    /// All manifests of a repository, sorted by digest.
    pub async fn manifests(&self, repository: &str, job: &Job) -> Result<Vec<AcrManifest>, OciError> {
        let mut ask = self.repository_ask("list manifests", repository, "/_manifests", "")?;
        sized(&mut ask.url);
        let mut manifests = self
            .all(ask, RIGHT, &Caller::from(job), |page: Manifests| page.manifests)
            .await?;
        manifests.sort_by(|a: &AcrManifest, b| a.digest.cmp(&b.digest));
        Ok(manifests)
    }

    /// One manifest.
    pub async fn manifest(&self, repository: &str, digest: &Digest, job: &Job) -> Result<AcrManifest, OciError> {
        let path = format!("/_manifests/{digest}");
        let ask = self.repository_ask("show manifest", repository, &path, &format!("@{digest}"))?;
        let answer: Manifest = self.one(ask, RIGHT, &Caller::from(job)).await?;
        Ok(answer.manifest)
    }

    /// Takes a tag off its manifest, which stays with its other tags.
    pub async fn untag(&self, repository: &str, tag: &str, job: &Job) -> Result<(), OciError> {
        check_tag(&format!("{}/{repository}", self.client.host.name), tag)?;
        let mut ask = self.repository_ask("delete tag", repository, &format!("/_tags/{tag}"), &format!(":{tag}"))?;
        ask.method = Method::DELETE;
        ask.scopes = Scopes::delete(repository);
        match self.client.ask(ask, &Caller::from(job)).await {
            Ok(_) => Ok(()),
            Err(error) if error.detail.contains("UNSUPPORTED") => Err(not_allowed(&error.subject, &error.detail)),
            Err(error) if error.kind == ErrorKind::Denied => {
                Err(error.hint("the login lacks the right content/delete on this repository"))
            }
            Err(error) => Err(error),
        }
    }

    fn paged(&self, path: &str) -> Result<Url, OciError> {
        let mut url = self.client.host.at(path)?;
        sized(&mut url);
        Ok(url)
    }

    fn ask(&self, operation: &'static str, what: &str, url: Url, scopes: Scopes) -> Ask {
        Ask {
            operation,
            subject: format!("{}{what}", self.client.host.name),
            method: Method::GET,
            url,
            headers: HeaderMap::new(),
            body: Bytes::new(),
            scopes,
            also_good: None,
        }
    }

    fn repository_ask(
        &self,
        operation: &'static str,
        repository: &str,
        path: &str,
        what: &str,
    ) -> Result<Ask, OciError> {
        check_repository(&self.client.host, repository)?;
        let url = self.client.host.at(&format!("/acr/v1/{repository}{path}"))?;
        let what = format!("/{repository}{what}");
        Ok(self.ask(operation, &what, url, Scopes::metadata(repository)))
    }

    async fn one<T: DeserializeOwned>(&self, ask: Ask, right: &str, caller: &Caller) -> Result<T, OciError> {
        let (operation, subject) = (ask.operation, ask.subject.clone());
        let Whole { bytes, .. } = read_whole(
            &self.client,
            ask,
            ANSWER_LIMIT,
            "which no answer of this API is",
            caller,
        )
        .await
        .map_err(|error| named(error, right))?;
        serde_json::from_slice(&bytes).map_err(|error| {
            let detail = format!("the answer is not what it should be: {error}");
            OciError::new(ErrorKind::Protocol, operation, subject, detail)
        })
    }

    async fn all<P: DeserializeOwned, T>(
        &self,
        ask: Ask,
        right: &str,
        caller: &Caller,
        entries: impl Fn(P) -> Option<Vec<T>>,
    ) -> Result<Vec<T>, OciError> {
        let (operation, subject) = (ask.operation, ask.subject.clone());
        let mut found = Vec::new();
        let absent = read_pages(&self.client, ask, caller, |page| {
            found.extend(entries(json(page)?).unwrap_or_default());
            Ok(())
        })
        .await
        .map_err(|error| named(error, right))?;
        match absent {
            None => Ok(found),
            Some(body) => {
                let detail = match quote(&body) {
                    words if words.is_empty() => "404 Not Found".to_owned(),
                    words => format!("404 Not Found ({words})"),
                };
                Err(OciError::new(ErrorKind::Absent, operation, subject, detail))
            }
        }
    }
}

fn sized(url: &mut Url) {
    url.query_pairs_mut().append_pair("n", &PAGE_SIZE.to_string());
}

/// A refusal names the right that is missing.
fn named(error: OciError, right: &str) -> OciError {
    if error.kind == ErrorKind::Denied {
        return error.hint(right);
    }
    error
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_registry_is_told_by_the_end_of_its_name() {
        for host in [
            "myregistry.azurecr.io",
            "MyRegistry.AzureCR.io",
            "my-registry.azurecr.us",
            "a.b.azurecr.cn:443",
        ] {
            assert!(is_acr_host(host), "{host}");
        }
        for host in [
            "azurecr.io",
            ".azurecr.io",
            "azurecr.io.example.test",
            "myregistry.azurecr.io.test",
            "fakeazurecr.io",
            "",
        ] {
            assert!(!is_acr_host(host), "{host}");
        }
    }

    #[test]
    fn answers_may_lack_fields_and_have_more_than_we_know() {
        let digest = Digest::of(b"x");
        let text = format!(
            r#"{{"registry":"r","imageName":"a","new":[1],"manifests":[
                {{"digest":"{digest}"}},
                {{"digest":"{digest}","imageSize":12,"createdTime":"2024-01-02T03:04:05.6Z","tags":["1"],"more":{{}},
                  "changeableAttributes":{{"deleteEnabled":true,"writeEnabled":false,"quarantineState":"Passed"}}}}]}}"#
        );
        let answer: Manifests = serde_json::from_str(&text).unwrap();
        let manifests = answer.manifests.unwrap();
        assert_eq!(manifests[0].tags, None);
        assert_eq!(manifests[1].image_size, Some(12));
        let attributes = manifests[1].changeable_attributes.unwrap();
        assert_eq!(
            (
                attributes.delete_enabled,
                attributes.write_enabled,
                attributes.read_enabled
            ),
            (Some(true), Some(false), None)
        );
        let empty: AcrRepository = serde_json::from_str("{}").unwrap();
        assert_eq!(empty, AcrRepository::default());
    }
}
