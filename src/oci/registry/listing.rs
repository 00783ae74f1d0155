//! Lists that every registry gives: the tags of a repository, the repositories of a registry (distribution-spec, "Listing
//! Tags"; distribution API, "Catalog").

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde::Deserialize;

use super::client::{Ask, Client};
use super::host::{check_repository, check_tag};
use super::pages::{PAGE_SIZE, json, read_pages};
use super::repository::Repository;
use super::scopes::Scopes;
use super::wire::Caller;
use crate::oci::{ErrorKind, OciError};

#[derive(Deserialize)]
struct TagsPage {
    // Null where there are none.
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct CatalogPage {
    repositories: Option<Vec<String>>,
}

impl Repository {
    /// All tags, sorted. A repository that is not there is [`ErrorKind::Absent`].
    pub async fn tags(&self, caller: &Caller) -> Result<Vec<String>, OciError> {
        let ask = self.ask("list tags", "", Method::GET, "tags/list")?;
        let label = ask.subject.clone();
        list(&self.client, ask, caller, |page, found| {
            let page: TagsPage = json(page)?;
            for tag in page.tags.unwrap_or_default() {
                check_tag(&label, &tag).map_err(|_| format!("lists {:?}, which is no tag", shown(&tag)))?;
                found.insert(tag);
            }
            Ok(())
        })
        .await
    }
}

/// All repositories of a registry that lists them, sorted. A registry without a catalogue is [`ErrorKind::Absent`].
pub async fn repositories(client: &Client, caller: &Caller) -> Result<Vec<String>, OciError> {
    let ask = client.catalog_ask("/v2/_catalog")?;
    let host = client.host.clone();
    list(client, ask, caller, |page, found| {
        let page: CatalogPage = json(page)?;
        for name in page.repositories.unwrap_or_default() {
            check_repository(&host, &name).map_err(|_| format!("lists {:?}, which is no repository", shown(&name)))?;
            found.insert(name);
        }
        Ok(())
    })
    .await
    .map_err(|error| match error.kind {
        ErrorKind::Absent | ErrorKind::Denied => error.hint(
            "many registries list no repositories, or only to administrators: name the repository, and list its tags",
        ),
        _ => error,
    })
}

impl Client {
    /// An ask for the list of repositories.
    pub(super) fn catalog_ask(&self, path: &str) -> Result<Ask, OciError> {
        Ok(Ask {
            operation: "list repositories",
            subject: self.host.name.clone(),
            method: Method::GET,
            url: self.host.at(path)?,
            headers: reqwest::header::HeaderMap::new(),
            body: bytes::Bytes::new(),
            scopes: Scopes::catalog(),
            also_good: None,
        })
    }
}

/// Reads a list in large pages; where the registry refuses that size, in pages of its own.
async fn list(
    client: &Client,
    ask: Ask,
    caller: &Caller,
    mut take: impl FnMut(&super::pages::Page, &mut BTreeSet<String>) -> Result<(), String>,
) -> Result<Vec<String>, OciError> {
    let mut large = ask.clone();
    large.url.query_pairs_mut().append_pair("n", &PAGE_SIZE.to_string());
    let mut found = BTreeSet::new();
    let mut read = read_pages(client, large, caller, |page| take(page, &mut found)).await;
    if matches!(&read, Err(error) if refused_size(error)) {
        found.clear();
        read = read_pages(client, ask.clone(), caller, |page| take(page, &mut found)).await;
    }
    match read? {
        None => Ok(found.into_iter().collect()),
        Some(body) => {
            let words = super::answer::quote(&body);
            let detail = match words.as_str() {
                "" => "404 Not Found".to_owned(),
                words => format!("404 Not Found ({words})"),
            };
            Err(OciError::new(ErrorKind::Absent, ask.operation, ask.subject, detail))
        }
    }
}

/// `PAGINATION_NUMBER_INVALID` of distribution 3, and what others say with 400.
fn refused_size(error: &OciError) -> bool {
    error.kind == ErrorKind::Protocol && error.detail.starts_with(StatusCode::BAD_REQUEST.as_str())
}

fn shown(text: &str) -> String {
    text.chars().take(80).collect()
}
