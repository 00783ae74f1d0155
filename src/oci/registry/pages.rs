//! Answers that come in pages, each naming the next one in a `Link` header (RFC 8288, distribution-spec "Listing Tags").
//!
//! Nothing is believed of a server's paging: pages, bytes and the place they lead to are bounded, and a page that was
//! read before ends the walk with an error, as following it would never end.

use std::collections::HashSet;

use bytes::Bytes;
use reqwest::header::{HeaderMap, LINK};
use reqwest::{StatusCode, Url};
use serde::de::DeserializeOwned;

use super::client::{Ask, Client};
use super::host::same_origin;
use super::repository::refuse_web_page;
use super::whole::{Whole, read_whole};
use super::wire::Caller;
use crate::oci::{ErrorKind, OciError};

/// Entries asked for at a time; registries give fewer where they like.
pub const PAGE_SIZE: u32 = 1000;
/// More pages are not read.
const PAGES_LIMIT: usize = 1000;
/// A page has at most this many bytes; old registries put everything into one.
const PAGE_LIMIT: u64 = 32 * 1024 * 1024;
/// All pages of one list together.
const TOTAL_LIMIT: u64 = 64 * 1024 * 1024;

/// One page, as it came.
#[derive(Debug, Clone)]
pub struct Page {
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub bytes: Bytes,
}

/// Reads all pages of a list, from the ask for its first one on, each given to `take`, which says in words what is wrong
/// with it. `Ok(None)`: the first answer was 404, with that body.
pub async fn read_pages(
    client: &Client,
    mut ask: Ask,
    caller: &Caller,
    mut take: impl FnMut(&Page) -> Result<(), String>,
) -> Result<Option<Bytes>, OciError> {
    let mut seen: HashSet<Url> = HashSet::new();
    let mut total = 0_u64;
    ask.also_good = Some(StatusCode::NOT_FOUND);
    loop {
        let wrong = |kind: ErrorKind, detail: String| OciError::new(kind, ask.operation, &ask.subject, detail);
        if !seen.insert(ask.url.clone()) {
            let detail = "its pages lead in a circle".to_owned();
            return Err(wrong(ErrorKind::Protocol, detail));
        }
        if seen.len() > PAGES_LIMIT {
            return Err(wrong(
                ErrorKind::TooLarge,
                format!("comes in more than {PAGES_LIMIT} pages"),
            ));
        }
        let Whole {
            status,
            headers,
            bytes,
            url,
        } = read_whole(client, ask.clone(), PAGE_LIMIT, "which no page of a list is", caller).await?;
        if status == StatusCode::NOT_FOUND {
            if seen.len() == 1 {
                return Ok(Some(bytes));
            }
            let detail = format!("404 for page {} of the list", seen.len());
            return Err(wrong(ErrorKind::Protocol, detail));
        }
        refuse_web_page(&headers, ask.operation, &ask.subject)?;
        total = total.saturating_add(bytes.len() as u64);
        if total > TOTAL_LIMIT {
            return Err(wrong(
                ErrorKind::TooLarge,
                format!("has more than {} MiB in all its pages", TOTAL_LIMIT >> 20),
            ));
        }
        let page = Page { headers, bytes };
        take(&page).map_err(|why| wrong(ErrorKind::Protocol, why))?;
        let Some(next) = next_of(&page.headers) else {
            return Ok(None);
        };
        let home = client.host.at("/")?;
        // Credentials would stay at home anyway; a list that goes on elsewhere is none of this registry.
        let next = client
            .pointed(&url, &next)
            .filter(|next| same_origin(&home, next))
            .ok_or_else(|| {
                wrong(
                    ErrorKind::Protocol,
                    "names a next page that is not at this registry".to_owned(),
                )
            })?;
        ask.url = next;
    }
}

/// A page's JSON.
pub fn json<T: DeserializeOwned>(page: &Page) -> Result<T, String> {
    serde_json::from_slice(&page.bytes).map_err(|error| format!("the answer is not what it should be: {error}"))
}

/// The address of the next page in `Link: </v2/…>; rel="next"`, as written.
fn next_of(headers: &HeaderMap) -> Option<String> {
    headers
        .get_all(LINK)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .find_map(next_in)
}

fn next_in(text: &str) -> Option<String> {
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        let after = rest.get(start + 1..)?;
        let (target, tail) = after.split_once('>')?;
        // The parameters of this link end where the next one starts.
        let parameters = tail
            .split('<')
            .next()
            .unwrap_or_default()
            .trim_end_matches([' ', '\t', ',']);
        if parameters.split(';').any(is_next) {
            return Some(target.trim().to_owned());
        }
        rest = tail;
    }
    None
}

/// `rel=next`, `rel="next"`, `rel="prev next"`.
fn is_next(parameter: &str) -> bool {
    let Some((name, value)) = parameter.split_once('=') else {
        return false;
    };
    name.trim().eq_ignore_ascii_case("rel")
        && value
            .trim()
            .trim_matches('"')
            .split_ascii_whitespace()
            .any(|relation| relation.eq_ignore_ascii_case("next"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn the_next_page_is_found_however_the_header_is_written() {
        let table = [
            (
                &[r#"</v2/a/tags/list?n=2&last=b>; rel="next""#][..],
                Some("/v2/a/tags/list?n=2&last=b"),
            ),
            (&["</x>; rel=next"], Some("/x")),
            (&["</x>;rel=\"Next\""], Some("/x")),
            (&[r#"</p>; rel="prev", </n>; rel="next""#], Some("/n")),
            (&[r#"</n?a=1,2>; title="x"; rel="prev next""#], Some("/n?a=1,2")),
            (&[r#"</p>; rel="prev""#, r#"</n>; rel="next""#], Some("/n")),
            (&[r#"</p>; rel="prev""#], None),
            (&["</x>"], None),
            (&["</x; rel=next"], None),
            (&["rel=next"], None),
            (&[""], None),
            (&[], None),
        ];
        for (values, expected) in table {
            let headers: HeaderMap = values.iter().map(|v| (LINK, v.parse().unwrap())).collect();
            assert_eq!(next_of(&headers).as_deref(), expected, "{values:?}");
        }
    }
}
