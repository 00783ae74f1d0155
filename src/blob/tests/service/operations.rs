//! What the service does with each request.

use std::collections::BTreeMap;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::copy::Copying;
use super::{Ask, Blob, Content, CopyPlan, Kind, Reply, Service};

const WRITE_LIMIT: u64 = 4 * 1024 * 1024;
/// Headers that "Set Blob Properties" sets, and what they are called in answers.
const PROPERTIES: [&str; 6] = [
    "cache-control",
    "content-type",
    "content-encoding",
    "content-language",
    "content-md5",
    "content-disposition",
];

type Answered = Result<Reply, Reply>;

impl Service {
    pub(super) fn operate(&mut self, ask: &Ask, now: Duration) -> Answered {
        self.admit(ask)?;
        let container = format!(
            "/{}",
            ask.path.trim_start_matches('/').split('/').next().unwrap_or_default()
        );
        if ask.parameter("restype") == Some("container") {
            return match self.containers.insert(ask.path.clone()) {
                true => Ok(Reply::new(201)),
                false => Err(Reply::error(409, "ContainerAlreadyExists")),
            };
        }
        if !self.containers.contains(&container) {
            return Err(Reply::error(404, "ContainerNotFound"));
        }
        match (ask.method.as_str(), ask.parameter("comp")) {
            ("PUT", None) if ask.header("x-ms-copy-source").is_some() => self.start_copy(ask, now),
            ("PUT", None) => self.put_blob(ask, now),
            ("PUT", Some("page")) => self.put_page(ask, now),
            ("PUT", Some("metadata")) => self.write(ask, now, |blob, ask| {
                blob.metadata = metadata(ask);
                Ok(200)
            }),
            ("PUT", Some("properties")) => self.write(ask, now, |blob, ask| {
                let set = |name: &&str| {
                    let value = ask.header(&format!("x-ms-blob-{name}"))?;
                    Some(((*name).to_owned(), value.to_owned()))
                };
                blob.properties = PROPERTIES.iter().filter_map(set).collect();
                Ok(200)
            }),
            ("PUT", Some("lease")) => self.lease(ask, now),
            ("PUT", Some("copy")) => self.abort_copy(ask, now),
            ("GET", Some("pagelist")) => self.page_list(ask, now),
            ("GET", None) => self.get(ask, now),
            ("HEAD", None) => self.head(ask, now),
            ("DELETE", None) => {
                self.look(ask, now, true)?;
                self.blobs.remove(&ask.path);
                Ok(Reply::new(202))
            }
            _ => Err(Reply::error(400, "UnsupportedQueryParameter")),
        }
    }

    /// Signature and rights.
    fn admit(&self, ask: &Ask) -> Result<(), Reply> {
        let Some(signature) = ask.parameter("sig") else {
            return Err(Reply::error(401, "NoAuthenticationInformation"));
        };
        if self.refused.contains(signature) {
            return Err(Reply::error(403, "AuthenticationFailed"));
        }
        if ask.parameter("restype") == Some("container") {
            return Ok(());
        }
        let rights = ask.parameter("sp").unwrap_or("racwd");
        let creates = ask.method == "PUT" && ask.parameter("comp").is_none();
        let enough = match ask.method.as_str() {
            "GET" | "HEAD" => rights.contains('r'),
            "DELETE" => rights.contains('d'),
            _ if creates && rights.contains('c') && !rights.contains('w') => !self.blobs.contains_key(&ask.path),
            _ => rights.contains('w'),
        };
        if enough {
            Ok(())
        } else {
            Err(Reply::error(403, "AuthorizationPermissionMismatch"))
        }
    }

    /// The blob, when it is there and conditions and lease let the request through.
    fn look(&mut self, ask: &Ask, now: Duration, writes: bool) -> Result<&mut Blob, Reply> {
        let Some(blob) = self.blobs.get_mut(&ask.path) else {
            return Err(Reply::error(404, "BlobNotFound"));
        };
        if ask.header("if-match").is_some_and(|tag| tag != blob.etag && tag != "*") {
            return Err(Reply::error(412, "ConditionNotMet"));
        }
        let lease = ask.header("x-ms-lease-id");
        if writes || lease.is_some() {
            blob.lease.admits(lease, now)?;
        }
        Ok(blob)
    }

    /// Changes a blob that is there.
    fn write(
        &mut self,
        ask: &Ask,
        now: Duration,
        change: impl FnOnce(&mut Blob, &Ask) -> Result<u16, Reply>,
    ) -> Answered {
        let etag = self.next_tag();
        let blob = self.look(ask, now, true)?;
        if blob.copy.as_ref().is_some_and(Copying::is_pending) {
            return Err(Reply::error(409, "PendingCopyOperation"));
        }
        let status = change(blob, ask)?;
        blob.lease.written(now);
        blob.etag.clone_from(&etag);
        Ok(Reply::new(status).with("etag", etag))
    }

    /// May a blob be put here, over what there may be?
    fn may_put(&mut self, ask: &Ask, now: Duration) -> Result<(), Reply> {
        match self.blobs.get(&ask.path) {
            Some(_) if ask.header("if-none-match") == Some("*") => return Err(Reply::error(409, "BlobAlreadyExists")),
            None if ask.header("if-match").is_some() => return Err(Reply::error(412, "ConditionNotMet")),
            None if ask.header("x-ms-lease-id").is_some() => {
                return Err(Reply::error(412, "LeaseNotPresentWithBlobOperation"));
            }
            None => return Ok(()),
            Some(_) => {}
        }
        let blob = self.look(ask, now, true)?;
        if blob.copy.as_ref().is_some_and(Copying::is_pending) {
            return Err(Reply::error(409, "PendingCopyOperation"));
        }
        Ok(())
    }

    /// Puts a blob; a lease on what was there stays.
    fn put(&mut self, ask: &Ask, now: Duration, mut blob: Blob) {
        if let Some(mut before) = self.blobs.remove(&ask.path) {
            before.lease.written(now);
            blob.lease = before.lease;
        }
        self.blobs.insert(ask.path.clone(), blob);
    }

    fn put_blob(&mut self, ask: &Ask, now: Duration) -> Answered {
        let (kind, content) = match ask.header("x-ms-blob-type") {
            Some("PageBlob") => {
                let length = ask
                    .header("x-ms-blob-content-length")
                    .and_then(|text| text.parse::<u64>().ok());
                match length {
                    Some(length) if length % 512 == 0 => (Kind::Page, Content::zeros(length)),
                    _ => return Err(Reply::error(400, "InvalidHeaderValue")),
                }
            }
            Some("BlockBlob") => (Kind::Block, Content::whole(ask.body.clone())),
            _ => return Err(Reply::error(400, "InvalidHeaderValue")),
        };
        self.may_put(ask, now)?;
        let etag = self.next_tag();
        let mut blob = Blob::new(kind, content, etag.clone());
        blob.metadata = metadata(ask);
        self.put(ask, now, blob);
        Ok(Reply::new(201).with("etag", etag))
    }

    fn put_page(&mut self, ask: &Ask, now: Duration) -> Answered {
        let Some((start, end)) = ask.range() else {
            return Err(Reply::error(400, "MissingRequiredHeader"));
        };
        let clears = ask.header("x-ms-page-write") == Some("clear");
        if start % 512 != 0 || end % 512 != 0 || start >= end {
            return Err(Reply::error(416, "InvalidPageRange"));
        }
        if !clears && end - start > WRITE_LIMIT {
            return Err(Reply::error(413, "RequestBodyTooLarge"));
        }
        if !clears && ask.body.len() as u64 != end - start {
            return Err(Reply::error(400, "InvalidHeaderValue"));
        }
        if let Some(told) = ask.header("x-ms-content-crc64").filter(|_| !clears) {
            let mut digest = crc64fast_nvme::Digest::new();
            digest.write(&ask.body);
            if STANDARD.encode(digest.sum64().to_le_bytes()) != told {
                return Err(Reply::error(400, "Crc64Mismatch"));
            }
        }
        self.write(ask, now, |blob, ask| {
            if blob.kind != Kind::Page {
                return Err(Reply::error(409, "InvalidBlobType"));
            }
            if end > blob.content.length {
                return Err(Reply::error(416, "InvalidPageRange"));
            }
            if clears {
                blob.content.clear(start, end);
            } else {
                blob.content.write(start, ask.body.clone());
            }
            Ok(201)
        })
    }

    fn page_list(&mut self, ask: &Ask, now: Duration) -> Answered {
        let per_page = self.ranges_per_page;
        let blob = self.look(ask, now, false)?;
        if blob.kind != Kind::Page {
            return Err(Reply::error(409, "InvalidBlobType"));
        }
        let (start, end) = ask.range().unwrap_or((0, u64::MAX));
        let all = blob.content.ranges(start, end);
        let first: usize = ask.parameter("marker").and_then(|text| text.parse().ok()).unwrap_or(0);
        let wanted = ask.parameter("maxresults").and_then(|text| text.parse().ok());
        let most = wanted.into_iter().chain(per_page).min().unwrap_or(10_000);
        let mut body = String::from("\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><PageList>");
        for (start, end) in all.iter().skip(first).take(most) {
            body += &format!("<PageRange><Start>{start}</Start><End>{}</End></PageRange>", end - 1);
        }
        let next = first + most;
        if next < all.len() {
            body += &format!("<NextMarker>{next}</NextMarker>");
        } else if per_page.is_some() {
            body += "<NextMarker/>";
        }
        body += "</PageList>";
        let length = blob.content.length.to_string();
        let reply = Reply::new(200)
            .with("etag", blob.etag.clone())
            .with("x-ms-blob-content-length", length);
        Ok(reply.with("content-type", "application/xml").with_body(body))
    }

    fn get(&mut self, ask: &Ask, now: Duration) -> Answered {
        let blob = self.look(ask, now, false)?;
        let length = blob.content.length;
        let Some((start, end)) = ask.range() else {
            return Ok(described(Reply::new(200), blob, now).with_body(blob.content.all()));
        };
        if start >= length {
            return Err(Reply::error(416, "InvalidRange"));
        }
        let end = end.min(length);
        let content = format!("bytes {start}-{}/{length}", end - 1);
        Ok(described(Reply::new(206), blob, now)
            .with("content-range", content)
            .with_body(blob.content.read(start, end)))
    }

    fn head(&mut self, ask: &Ask, now: Duration) -> Answered {
        let etag = self.next_tag();
        let blob = self.look(ask, now, false)?;
        // What is told is how it was; the next look sees how it went on.
        let reply = described(Reply::new(200), blob, now).with("content-length", blob.content.length.to_string());
        if let Some(copy) = &mut blob.copy
            && copy.look()
        {
            if copy.status == "success" {
                blob.content = copy.content.clone();
            } else {
                blob.content = Content::zeros(0);
            }
            blob.etag = etag;
        }
        Ok(reply)
    }

    fn lease(&mut self, ask: &Ask, now: Duration) -> Answered {
        let Some(blob) = self.blobs.get_mut(&ask.path) else {
            return Err(Reply::error(404, "BlobNotFound"));
        };
        if ask.header("if-match").is_some_and(|tag| tag != blob.etag) {
            return Err(Reply::error(412, "ConditionNotMet"));
        }
        let id = ask.header("x-ms-lease-id").unwrap_or_default();
        let reply = match ask.header("x-ms-lease-action") {
            Some("acquire") => {
                let seconds = ask
                    .header("x-ms-lease-duration")
                    .and_then(|text| text.parse().ok())
                    .unwrap_or(0);
                if seconds != -1 && !(15..=60).contains(&seconds) {
                    return Err(Reply::error(400, "InvalidHeaderValue"));
                }
                let proposed = ask
                    .header("x-ms-proposed-lease-id")
                    .unwrap_or("00000000-0000-0000-0000-000000000001");
                blob.lease.acquire(proposed, seconds, now)?
            }
            Some("renew") => blob.lease.renew(id, now)?,
            Some("release") => blob.lease.release(id)?,
            _ => return Err(Reply::error(400, "InvalidHeaderValue")),
        };
        Ok(reply.with("etag", blob.etag.clone()))
    }

    fn start_copy(&mut self, ask: &Ask, now: Duration) -> Answered {
        if let CopyPlan::Refused(status, code) = &self.copies {
            return Err(Reply::error(*status, code));
        }
        let source = ask.header("x-ms-copy-source").unwrap_or_default().to_owned();
        let place = source
            .split_once("://")
            .and_then(|(_, rest)| rest.find('/').map(|at| rest[at..].to_owned()));
        let from = Ask::new(
            "GET",
            &place.unwrap_or_default(),
            std::iter::empty(),
            bytes::Bytes::new(),
        );
        let unseen = || Reply::error(404, "CannotVerifyCopySource");
        if from
            .parameter("sig")
            .is_some_and(|signature| self.refused.contains(signature))
        {
            return Err(Reply::error(403, "CannotVerifyCopySource"));
        }
        let origin = self.blobs.get(&from.path).ok_or_else(unseen)?.clone();
        if ask
            .header("x-ms-source-if-match")
            .is_some_and(|etag| etag != origin.etag)
        {
            return Err(Reply::error(412, "SourceConditionNotMet"));
        }
        self.may_put(ask, now)?;
        self.copy_ids += 1;
        let id = format!("c0ffee00-0000-0000-0000-{:012}", self.copy_ids);
        let copying = Copying::new(id.clone(), source, self.copies.clone(), origin.content.clone());
        let etag = self.next_tag();
        let content = if copying.is_pending() {
            Content::zeros(origin.content.length)
        } else {
            origin.content
        };
        let mut blob = Blob::new(origin.kind, content, etag.clone());
        blob.properties = origin.properties;
        let own = metadata(ask);
        blob.metadata = if own.is_empty() { origin.metadata } else { own };
        let status = copying.status;
        blob.copy = Some(copying);
        self.put(ask, now, blob);
        Ok(Reply::new(202)
            .with("etag", etag)
            .with("x-ms-copy-id", id)
            .with("x-ms-copy-status", status))
    }

    fn abort_copy(&mut self, ask: &Ask, now: Duration) -> Answered {
        let etag = self.next_tag();
        let blob = self.look(ask, now, true)?;
        let Some(copy) = blob.copy.as_mut().filter(|copy| copy.is_pending()) else {
            return Err(Reply::error(409, "NoPendingCopyOperation"));
        };
        if ask.parameter("copyid") != Some(&copy.id) {
            return Err(Reply::error(409, "CopyIdMismatch"));
        }
        copy.end("aborted", None);
        blob.content = Content::zeros(0);
        blob.etag = etag;
        Ok(Reply::new(204))
    }
}

fn metadata(ask: &Ask) -> BTreeMap<String, String> {
    let own = |(name, value): (&String, &String)| Some((name.strip_prefix("x-ms-meta-")?.to_owned(), value.clone()));
    ask.headers.iter().filter_map(own).collect()
}

/// An answer with everything that is to be said of a blob.
fn described(mut reply: Reply, blob: &Blob, now: Duration) -> Reply {
    let kind = if blob.kind == Kind::Page {
        "PageBlob"
    } else {
        "BlockBlob"
    };
    let lease = if blob.lease.is_held(now) { "locked" } else { "unlocked" };
    reply = reply
        .with("etag", blob.etag.clone())
        .with("last-modified", "Tue, 01 Jan 2030 00:00:00 GMT")
        .with("accept-ranges", "bytes")
        .with("x-ms-blob-type", kind)
        .with("x-ms-lease-status", lease);
    for (name, value) in &blob.properties {
        reply = reply.with(name, value.clone());
    }
    for (name, value) in &blob.metadata {
        reply = reply.with(&format!("x-ms-meta-{name}"), value.clone());
    }
    if let Some(copy) = &blob.copy {
        reply = reply
            .with("x-ms-copy-id", copy.id.clone())
            .with("x-ms-copy-status", copy.status)
            .with("x-ms-copy-source", copy.source.clone())
            .with("x-ms-copy-progress", format!("{}/{}", copy.done, copy.all));
        if let Some(reason) = &copy.reason {
            reply = reply.with("x-ms-copy-status-description", reason.clone());
        }
    }
    reply
}
