//! One large blob in chunks: a PATCH for each, then a PUT that names the digest (distribution-spec, "Pushing a blob in
//! chunks").
//!
//! Chunks are streamed, never held. After a break the registry is asked how much it has, and the blob is sent on from
//! there. What a registry says about that is believed only as far as it can be true: what it cannot have, or does not
//! know any more, is sent anew into another upload. Registries that cannot go on after a break in the middle of a chunk
//! (distribution 2 gives the upload up) are sent everything again.
//!
//! Invariants: the PUT is sent only when every byte was handed over and the digest of all of them is right; nothing is
//! waited for, neither time nor a place at a host, while a source is open.

use std::time::Duration;

use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, RANGE};
use reqwest::{Method, StatusCode};

use super::answer::{trouble_of, words_of};
use super::client::Ask;
use super::feed::Feed;
use super::gate::Class;
use super::repository::{Repository, Upload};
use super::retry::{Again, Tries, Trouble};
use super::transport::Response;
use super::upload::{Session, Unsent, asking, closing, judge, nothing};
use super::wire::Caller;
use crate::oci::{Descriptor, ErrorKind, Job, OciError};

/// So much more than ever before at the registry: the tries begin anew.
const PROGRESS: u64 = 1024 * 1024;
/// What stands in the way (a proxy, mostly) may limit the size of requests; below this nobody does.
const SMALLEST_CHUNK: u64 = 1024 * 1024;
/// Nobody waits longer to hear that an upload was given up.
const GIVING_UP: Duration = Duration::from_secs(5);

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// The blob is there.
    Done,
    /// The registry does not take chunks, and nothing is there.
    Refused,
}

/// Why sending stopped.
enum Stop {
    /// For good.
    For(OciError),
    /// The registry does not take chunks.
    Refused,
    /// It can go on, when it is known how much is there.
    Ask(OciError, Again),
    /// It can be sent anew, into another upload.
    Anew(OciError),
}

struct Chunked<'a> {
    repository: &'a Repository,
    blob: &'a Descriptor,
    feed: &'a Feed,
    caller: Caller,
    session: Session,
    /// What the registry has of the blob.
    at: u64,
    /// The most that it ever had.
    most: u64,
    /// The most that it had when something failed last.
    most_at_failure: u64,
    chunk: u64,
    /// The PUT was sent, so the blob may be there.
    closing: bool,
    tries: Tries,
    sessions: u32,
}

/// Sends a blob into an upload that was opened for it. An upload that is not completed is given up, if it can be.
pub async fn send(
    repository: &Repository,
    blob: &Descriptor,
    session: Session,
    feed: &Feed,
    job: &Job,
) -> Result<Sent, OciError> {
    let mut upload = Chunked {
        repository,
        blob,
        feed,
        caller: Caller::from(job),
        chunk: repository.client.wire().uploads.chunk,
        session,
        at: 0,
        most: 0,
        most_at_failure: 0,
        closing: false,
        tries: Tries::default(),
        sessions: 1,
    };
    let sent = upload.run().await;
    feed.close();
    if !matches!(sent, Ok(Sent::Done)) {
        upload.give_up().await;
    }
    sent
}

impl Chunked<'_> {
    async fn run(&mut self) -> Result<Sent, OciError> {
        loop {
            let stop = match self.advance().await {
                Ok(()) => return Ok(Sent::Done),
                Err(stop) => stop,
            };
            self.feed.close();
            let there = match stop {
                Stop::For(error) => return Err(error),
                Stop::Refused => return Ok(Sent::Refused),
                Stop::Ask(error, again) => {
                    self.wait(&error, again).await?;
                    self.find_out().await?
                }
                Stop::Anew(error) => {
                    self.wait(&error, Again::Passing).await?;
                    self.anew(error).await?
                }
            };
            if there {
                return Ok(Sent::Done);
            }
        }
    }

    /// Sends all that is missing, within one place at the host.
    async fn advance(&mut self) -> Result<(), Stop> {
        let _permit = self.repository.client.gate.enter(Class::Upload).await;
        while self.at < self.blob.size {
            self.patch().await?;
        }
        self.close().await
    }

    async fn patch(&mut self) -> Result<(), Stop> {
        let client = &self.repository.client;
        let length = self.chunk.max(self.session.min_chunk).min(self.blob.size - self.at);
        let end = self.at.saturating_add(length);
        let mut ask = asking(self.repository, self.blob, Method::PATCH, self.session.url.clone()).map_err(Stop::For)?;
        ask.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/octet-stream"));
        if let Ok(range) = HeaderValue::from_str(&format!("{}-{}", self.at, end.saturating_sub(1))) {
            ask.headers.insert(CONTENT_RANGE, range);
        }
        let body = self.feed.body(self.at, length);
        let sent = client.upload(&ask, length, body, &self.caller).await;
        let outcome = self.feed.stop();
        // When the source failed, the broken request is only its consequence.
        if let Some(error) = outcome.failed {
            return Err(if self.feed.differed() {
                Stop::Anew(error)
            } else {
                Stop::For(error)
            });
        }
        match sent {
            Ok(response) if response.status.is_success() => {
                client.gate.answered();
                self.taken(&ask, &response, outcome.complete.then_some(end))
            }
            Ok(response) => Err(self.refused(&ask, response, length).await),
            Err(Ok(trouble)) if trouble.again == Again::No => Err(Stop::For(client.error(&ask, &trouble))),
            Err(Ok(trouble)) => Err(Stop::Ask(client.error(&ask, &trouble), trouble.again)),
            Err(Err(error)) => Err(Stop::For(error)),
        }
    }

    /// A chunk was taken: all of it, or as much as the answer says. `end`: where it ended, if it was handed over whole.
    fn taken(&mut self, ask: &Ask, response: &Response, end: Option<u64>) -> Result<(), Stop> {
        let client = &self.repository.client;
        let odd = |detail: String| client.error(ask, &passing(ErrorKind::Protocol, detail));
        let status = response.status.as_u16();
        let Some(next) = client.location(&ask.url, &response.headers) else {
            let detail = format!("{status} without a usable Location for the next chunk");
            return Err(Stop::Ask(odd(detail), Again::Passing));
        };
        self.session.url = next;
        let Some(held) = held(&response.headers).or(end) else {
            return Err(Stop::Ask(odd(format!("{status} before all was sent")), Again::Passing));
        };
        if held > self.feed.given() {
            return Err(Stop::Anew(self.too_much(ask, held)));
        }
        if held <= self.at {
            let detail = format!("{status}, but the registry has {held} bytes of the blob as before");
            return Err(Stop::Ask(odd(detail), Again::Passing));
        }
        client.chunking.accept();
        self.have(held);
        Ok(())
    }

    async fn refused(&mut self, ask: &Ask, response: Response, length: u64) -> Stop {
        let status = response.status;
        let words = words_of(response.body).await;
        let mut trouble = trouble_of(status, &response.headers, &words, false);
        if trouble.kind == ErrorKind::Absent {
            // The repository is there, or the upload could not have been opened.
            trouble.kind = ErrorKind::Server;
        }
        let error = self.repository.client.error(ask, &trouble);
        let proven = self.repository.client.chunking.works();
        match status {
            StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED | StatusCode::UNSUPPORTED_MEDIA_TYPE
                if !proven =>
            {
                Stop::Refused
            }
            // A registry that never took a chunk and refuses the first one again has its own way of saying it.
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::RANGE_NOT_SATISFIABLE
                if !proven && self.sessions > 1 =>
            {
                Stop::Refused
            }
            StatusCode::BAD_REQUEST | StatusCode::NOT_FOUND | StatusCode::GONE if self.at == 0 => Stop::Anew(error),
            StatusCode::PAYLOAD_TOO_LARGE if length > SMALLEST_CHUNK.max(self.session.min_chunk) => {
                self.chunk = (length / 2).max(SMALLEST_CHUNK);
                Stop::Ask(error, Again::Passing)
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Stop::Anew(error),
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::RANGE_NOT_SATISFIABLE => {
                Stop::Ask(error, Again::Passing)
            }
            _ if trouble.again == Again::No => Stop::For(error),
            _ => Stop::Ask(error, trouble.again),
        }
    }

    /// Everything is there: names it.
    async fn close(&mut self) -> Result<(), Stop> {
        let client = &self.repository.client;
        let ask = closing(self.repository, self.blob, self.session.url.clone()).map_err(Stop::For)?;
        self.closing = true;
        let response = match client.upload(&ask, 0, nothing(), &self.caller).await {
            Ok(response) => response,
            Err(Ok(trouble)) if trouble.again == Again::No => return Err(Stop::For(client.error(&ask, &trouble))),
            Err(Ok(trouble)) => return Err(Stop::Ask(client.error(&ask, &trouble), trouble.again)),
            Err(Err(error)) => return Err(Stop::For(error)),
        };
        let damaged = response.status == StatusCode::BAD_REQUEST;
        match judge(response, self.blob, true, |trouble| client.error(&ask, trouble)).await {
            Ok(()) => {
                client.gate.answered();
                Ok(())
            }
            Err(Unsent::For(error)) => Err(Stop::For(error)),
            // The registry has other bytes than those that were sent.
            Err(Unsent::Unknown(error, _)) if damaged || error.kind == ErrorKind::Corrupt => Err(Stop::Anew(error)),
            Err(Unsent::Unknown(error, again)) => Err(Stop::Ask(error, again)),
        }
    }

    /// Asks how much the registry has; true when the blob is there already.
    async fn find_out(&mut self) -> Result<bool, OciError> {
        let client = &self.repository.client;
        loop {
            if self.closing && self.repository.has_blob(self.blob, &self.caller).await? {
                return Ok(true);
            }
            let ask = asking(self.repository, self.blob, Method::GET, self.session.url.clone())?;
            let permit = client.gate.enter(Class::Small).await;
            let asked = client.upload(&ask, 0, nothing(), &self.caller).await;
            drop(permit);
            let (error, again) = match asked {
                Err(Err(error)) => return Err(error),
                Err(Ok(trouble)) => (client.error(&ask, &trouble), trouble.again),
                Ok(response) if response.status.is_success() => return self.told(&ask, &response.headers).await,
                Ok(response) => {
                    let status = response.status;
                    let words = words_of(response.body).await;
                    let mut trouble = trouble_of(status, &response.headers, &words, false);
                    if status == StatusCode::UNAUTHORIZED {
                        // The token ran out, perhaps: the next request gets a new one.
                        trouble.again = Again::Passing;
                    }
                    let error = client.error(&ask, &trouble);
                    if trouble.again == Again::No {
                        // The upload is lost, or this registry does not tell.
                        return self.anew(error).await;
                    }
                    (error, trouble.again)
                }
            };
            self.wait(&error, again).await?;
        }
    }

    /// Goes on from where the registry says it is.
    async fn told(&mut self, ask: &Ask, headers: &HeaderMap) -> Result<bool, OciError> {
        let client = &self.repository.client;
        let held = match held(headers) {
            // `0-0` says one byte and is said for none as well.
            None | Some(0 | 1) => {
                let detail = "the registry does not say how much of the blob it has, or has none of it".to_owned();
                return self
                    .anew(client.error(ask, &passing(ErrorKind::Protocol, detail)))
                    .await;
            }
            Some(held) => held,
        };
        if held > self.feed.given() {
            return self.anew(self.too_much(ask, held)).await;
        }
        if let Some(next) = client.location(&ask.url, headers) {
            self.session.url = next;
        }
        self.have(held);
        Ok(false)
    }

    /// Opens another upload; true when the blob turns out to be there.
    async fn anew(&mut self, why: OciError) -> Result<bool, OciError> {
        self.sessions += 1;
        // Each may cost the whole blob: there is an end to it even while there is progress.
        if self.sessions > self.repository.client.wire().policy.tries {
            return Err(why);
        }
        self.give_up().await;
        if self.closing && self.repository.has_blob(self.blob, &self.caller).await? {
            return Ok(true);
        }
        self.feed.begin_again();
        self.at = 0;
        self.closing = false;
        match self.repository.start_upload(self.blob, None, &self.caller).await? {
            Upload::Mounted => Ok(true),
            Upload::Session(session) => {
                self.session = session;
                Ok(false)
            }
        }
    }

    /// Registries forget uploads after a while anyway: asked once, and the answer does not matter.
    async fn give_up(&self) {
        let client = &self.repository.client;
        if let Ok(ask) = asking(self.repository, self.blob, Method::DELETE, self.session.url.clone()) {
            let asked = async {
                let _permit = client.gate.enter(Class::Small).await;
                let _ = client.upload(&ask, 0, nothing(), &self.caller).await;
            };
            let _ = tokio::time::timeout(GIVING_UP, asked).await;
        }
    }

    /// The registry has this much now.
    fn have(&mut self, held: u64) {
        self.at = held;
        self.most = self.most.max(held);
        if self.most >= self.most_at_failure.saturating_add(PROGRESS) {
            self.tries = Tries::default();
        }
    }

    /// Waits before the next try, or gives up with the error.
    async fn wait(&mut self, error: &OciError, again: Again) -> Result<(), OciError> {
        let client = &self.repository.client;
        self.most_at_failure = self.most;
        let Some(delay) = client.wire().next_try(&mut self.tries, again) else {
            return Err(error.clone());
        };
        if matches!(again, Again::Throttled(_)) {
            client.gate.throttled(delay);
        }
        self.caller.retrying(self.tries.failed(), delay, error.to_string());
        tokio::time::sleep(delay).await;
        Ok(())
    }

    fn too_much(&self, ask: &Ask, held: u64) -> OciError {
        let detail = format!(
            "the registry says that it has {held} bytes of the blob, but {} were sent",
            self.feed.given()
        );
        self.repository.client.error(ask, &passing(ErrorKind::Protocol, detail))
    }
}

fn passing(kind: ErrorKind, detail: String) -> Trouble {
    Trouble {
        kind,
        detail,
        hint: None,
        again: Again::Passing,
    }
}

/// How much a registry has by its `Range: 0-<last byte>`; some write `bytes=0-…`. `None` where it says nothing that makes
/// sense.
fn held(headers: &HeaderMap) -> Option<u64> {
    let text = headers.get(RANGE)?.to_str().ok()?.trim();
    let text = text
        .strip_prefix("bytes")
        .map_or(text, |rest| rest.trim_start_matches(['=', ' ']));
    let (first, last) = text.split_once('-')?;
    if first.trim().parse() != Ok(0_u64) {
        return None;
    }
    last.trim().parse::<u64>().ok()?.checked_add(1)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_a_registry_has_is_read_from_its_range() {
        for (text, expected) in [
            ("0-1023", Some(1024)),
            ("bytes=0-9", Some(10)),
            ("bytes 0-9", Some(10)),
            ("0-0", Some(1)),
            (" 0 - 4 ", Some(5)),
            ("5-9", None),
            ("0--1", None),
            ("0-", None),
            ("-5", None),
            ("all", None),
            ("", None),
            ("0-18446744073709551615", None),
            ("0-99999999999999999999", None),
        ] {
            let headers = HeaderMap::from_iter([(RANGE, HeaderValue::from_static(text))]);
            assert_eq!(held(&headers), expected, "{text:?}");
        }
        assert_eq!(held(&HeaderMap::new()), None);
    }
}
