//! Faults by dice, for every kind of request.
//!
//! Left out is what no client can notice: a list (of referrers, of tags) whose bytes were changed on the way, and an answer
//! that claims a manifest was stored when it was not.

use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use super::super::fake::{Fake, Fault, Seen};
use crate::digest::Digest;
use crate::oci::backoff::Jitter;

/// Orders faults of a fake: so many in a hundred requests. What was ordered is noted.
pub fn order(fake: &Fake, dice: Jitter, rate: u64, shown: &Arc<Mutex<Vec<String>>>) {
    let (dice, shown, world) = (Mutex::new(dice), Arc::clone(shown), fake.clone());
    fake.order(move |seen, number| {
        let mut dice = dice.lock().unwrap();
        if dice.next_u64() % 100 >= rate {
            return None;
        }
        let fault = fault(&mut dice, seen, &world)?;
        let mut shown = shown.lock().unwrap();
        shown.push(format!("{number}: {} {}: {fault:?}", seen.method, seen.url));
        Some(fault)
    });
}

fn fault(dice: &mut Jitter, seen: &Seen, world: &Fake) -> Option<Fault> {
    let path = seen.url.path();
    let session = path.contains("/uploads/");
    let carries_blob = session && (seen.method == "PATCH" || seen.method == "PUT");
    // Named by its digest, so that a change is noticed.
    let by_digest = seen.method == "GET" && (path.contains("/blobs/sha256:") || path.contains("/manifests/sha256:"));
    let mounts = seen.url.query().is_some_and(|query| query.contains("mount="));
    let at = usize::try_from(dice.next_u64() % 6000).unwrap();
    let status = |status| Some(Fault::Status(status, vec![], ""));
    match dice.next_u64() % 32 {
        0 => Some(Fault::Status(500, vec![], "oops")),
        1 => status(502),
        2 => status(408),
        3 => Some(Fault::Status(503, patience(dice), "")),
        4..=6 => Some(Fault::Status(429, patience(dice), "")),
        7 => Some(Fault::Refused),
        8 | 9 => Some(Fault::BrokenBefore),
        10 | 11 => Some(Fault::BrokenAfter),
        12 => Some(Fault::Hang),
        13 | 14 => Some(Fault::Cut(at)),
        15 => Some(Fault::Short(at)),
        16 if by_digest => Some(Fault::Flip(at)),
        17 if by_digest => Some(Fault::LongerUnannounced),
        18 if by_digest => Some(Fault::Longer),
        16..=18 if carries_blob => Some(Fault::CutUpload(at)),
        19 => Some(Fault::Header("docker-content-digest", None)),
        20 => Some(Fault::Header("docker-content-digest", Some(other(dice)))),
        21 if session => Some(Fault::Header("location", None)),
        22 if session => {
            let nowhere = format!("https://upload.{}/v2/x/blobs/uploads/none", host_of(seen));
            Some(Fault::Header("location", Some(nowhere)))
        }
        23 if session => Some(Fault::Header("range", range(dice))),
        24 | 25 if carries_blob => Some(Fault::Early(*pick(dice, &[201, 202, 204, 400, 404, 413, 416, 500]))),
        26 if carries_blob => Some(Fault::CutUpload(at)),
        24..=26 if mounts => status(*pick(dice, &[401, 403, 404, 405])),
        27 => Some(Fault::Twice),
        28 => status(*pick(dice, &[401, 401, 403])),
        29 if seen.method == "GET" || seen.method == "HEAD" => {
            let elsewhere = format!("https://cdn.{}{}?signature=s", host_of(seen), path);
            Some(Fault::Status(307, vec![("location", elsewhere)], ""))
        }
        30 => {
            lose_uploads(world, seen);
            None
        }
        31 => {
            expire_tokens(world, seen);
            None
        }
        _ => Some(Fault::BrokenAfter),
    }
}

fn pick<'a, T>(dice: &mut Jitter, of: &'a [T]) -> &'a T {
    let length = of.len() as u64;
    &of[usize::try_from(dice.next_u64() % length).unwrap()]
}

/// `Retry-After` in seconds, as a date, or not at all; now and then longer than anybody waits.
fn patience(dice: &mut Jitter) -> Vec<(&'static str, String)> {
    let seconds = if dice.next_u64().is_multiple_of(60) {
        3600
    } else {
        dice.next_u64() % 30
    };
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
    match dice.next_u64() % 3 {
        0 => vec![("retry-after", seconds.to_string())],
        1 => vec![
            ("date", httpdate::fmt_http_date(now)),
            (
                "retry-after",
                httpdate::fmt_http_date(now + Duration::from_secs(seconds)),
            ),
        ],
        _ => vec![],
    }
}

fn other(dice: &mut Jitter) -> String {
    Digest::of(&dice.next_u64().to_le_bytes()).to_string()
}

fn range(dice: &mut Jitter) -> Option<String> {
    let any = dice.next_u64() % 8000;
    match dice.next_u64() % 5 {
        0 => None,
        1 => Some("0-99999999".to_owned()),
        2 => Some("what".to_owned()),
        3 => Some(format!("{any}-9000")),
        _ => Some("0-0".to_owned()),
    }
}

/// The host without the names that it has for other roles.
fn host_of(seen: &Seen) -> &str {
    let host = seen.url.host_str().unwrap();
    ["auth.", "cdn.", "upload."]
        .iter()
        .find_map(|role| host.strip_prefix(role))
        .unwrap_or(host)
}

fn lose_uploads(world: &Fake, seen: &Seen) {
    world.with(host_of(seen), |host| host.uploads.lose());
}

fn expire_tokens(world: &Fake, seen: &Seen) {
    world.with(host_of(seen), |host| {
        host.held = std::mem::take(&mut host.held).without_tokens();
    });
}
