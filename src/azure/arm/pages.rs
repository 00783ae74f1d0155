//! Lists in pages: `value`, and a `nextLink` where there is more (Azure REST guidelines, "Collections").
//!
//! Nothing is believed of a server's paging: the next page must be at the same host, a page that was read before ends
//! the walk with an error, and pages are counted.

use std::collections::HashSet;

use reqwest::Url;
use serde_json::Value;

use super::answer::Answer;
use super::client::{Arm, Ask};
use super::error::{ArmError, ArmErrorKind};
use crate::oci::Job;

/// More pages are not read.
const PAGES_LIMIT: usize = 1000;
/// More entries are not kept.
const ENTRIES_LIMIT: usize = 100_000;

impl Arm {
    /// All entries of a list, in the service's order.
    pub(crate) async fn list(&self, mut ask: Ask, job: &Job) -> Result<Vec<Value>, ArmError> {
        let mut seen: HashSet<Url> = HashSet::new();
        let mut entries = Vec::new();
        loop {
            if !seen.insert(ask.url.clone()) {
                return Err(wrong(&ask, "its pages lead in a circle"));
            }
            if seen.len() > PAGES_LIMIT || entries.len() > ENTRIES_LIMIT {
                return Err(wrong(&ask, "has more pages or entries than an honest list"));
            }
            let mut answer = self.send(&ask, job).await?;
            let Some(Value::Array(page)) = answer.value.get_mut("value").map(Value::take) else {
                return Err(wrong(&ask, "the answer lacks value, the list").at(answer.correlation()));
            };
            entries.extend(page);
            let next = match answer.value.get("nextLink") {
                None | Some(Value::Null) => return Ok(entries),
                Some(Value::String(next)) if next.is_empty() => return Ok(entries),
                Some(Value::String(next)) => next.clone(),
                Some(_) => return Err(wrong(&ask, "nextLink is no text").at(answer.correlation())),
            };
            ask.url = self.pointed(&ask, &answer, &next, "the next page")?;
        }
    }

    /// Where an answer leads to: only to Resource Manager itself, as the token goes along.
    pub(super) fn pointed(&self, ask: &Ask, answer: &Answer, text: &str, what: &str) -> Result<Url, ArmError> {
        let error = |why: String| {
            ArmError::new(ArmErrorKind::Protocol, ask.operation, &ask.subject, why)
                .at(answer.correlation())
                .hint("nothing was sent there: what answers is not Resource Manager, or something on the way changes its answers")
        };
        let url = answer
            .url
            .join(text)
            .map_err(|_| error(format!("{what} is at no address that can be read")))?;
        let home = self.endpoint();
        let same = url.scheme() == home.scheme()
            && url.host_str() == home.host_str()
            && url.port_or_known_default() == home.port_or_known_default()
            && url.username().is_empty()
            && url.password().is_none();
        if same {
            return Ok(url);
        }
        Err(error(format!(
            "{what} would be at {}://{}, which is not {}",
            url.scheme(),
            url.host_str().unwrap_or_default(),
            home.host_str().unwrap_or_default()
        )))
    }
}

fn wrong(ask: &Ask, why: &str) -> ArmError {
    ArmError::new(ArmErrorKind::Protocol, ask.operation, &ask.subject, why)
}
