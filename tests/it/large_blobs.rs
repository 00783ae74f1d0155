//! Blobs that are too large to send twice: what crosses the wire when connections break, and what memory it takes.
//!
//! The sizes are those of 10 GiB with a break every 512 MiB, divided by forty; with `AOSM_SOAK` set they are not divided.

use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::Value;

use crate::support::giant::{Giant, Sink, Spring};
use crate::support::*;

const MIB: u64 = 1024 * 1024;

/// By how much everything is smaller than the real thing.
fn scale() -> u64 {
    if std::env::var_os("AOSM_SOAK").is_some() { 1 } else { 40 }
}

fn size() -> u64 {
    10 * 1024 * MIB / scale()
}

fn between_breaks() -> u64 {
    // No multiple of a chunk: each break is at another place of one.
    (512 - 9) * MIB / scale()
}

/// The image, hashed once for all tests.
fn giant() -> &'static Giant {
    static GIANT: std::sync::OnceLock<Giant> = std::sync::OnceLock::new();
    GIANT.get_or_init(|| Giant::new(size()))
}

/// A project that copies `vm:1` from one host to another.
fn copying(from: &str, to: &str) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"p\"\nimage-sources = [\"{from}/disks\"]\n\
             [[images]]\nreference = \"registry.example/vm:1\"\n\
             [stores.target]\nkind = \"registry\"\nregistry = \"{to}\"\n"
        ),
    );
    project
}

/// `apply`, with chunks and threshold divided as well.
fn apply(project: &Project) -> Aosm {
    project
        .aosm(&["apply", "--json"])
        .env("AOSM_WHOLE_UP_TO", (96 * MIB / scale()).to_string())
        .env("AOSM_CHUNK", (32 * MIB / scale()).to_string())
        .limit(Duration::from_secs(3600))
}

/// The first step's document.
fn step(output: &Output) -> Value {
    output.json()["steps"][0].clone()
}

/// Runs it to its end; the most memory that it had, in MiB (0 where the system does not tell).
fn watched(aosm: Aosm) -> (Output, u64) {
    let mut run = aosm.spawn();
    let status = format!("/proc/{}/status", run.id());
    let mut peak = 0;
    while !run.ended() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) / 1024);
        std::thread::sleep(Duration::from_millis(20));
    }
    (run.wait(), peak)
}

fn arrived(sink: &Sink) {
    let giant = giant();
    assert_eq!(sink.blob(&giant.layer), Some(giant.size), "the layer");
    assert_eq!(
        sink.tag("vm", "1").as_deref(),
        Some(giant.manifest.digest.as_str()),
        "the tag"
    );
    assert_eq!(sink.open(), 0, "uploads are left open");
}

#[test]
fn resets_of_a_large_upload_cost_less_than_a_tenth_and_no_memory() {
    for whole_chunks in [false, true] {
        let (spring, sink) = (Spring::of(giant()), Sink::start());
        sink.drain.reset_every.store(between_breaks(), Ordering::SeqCst);
        sink.drain.whole_chunks.store(whole_chunks, Ordering::SeqCst);
        let (output, peak) = watched(apply(&copying(&spring.host(), &sink.host())));
        let output = output.ok();
        arrived(&sink);
        let shown = format!(
            "whole chunks {whole_chunks}: received {}, given {}, {} requests, peak {peak} MiB, {}",
            sink.received(),
            spring.given(),
            sink.uploads("PATCH"),
            step(&output)["bytes-moved"],
        );
        if std::env::var_os("AOSM_SOAK").is_some() {
            eprintln!("{shown}");
        }
        assert!(sink.uploads("GET") >= 19, "{shown}");
        assert!(sink.received() <= size() + size() / 10, "{shown}");
        assert_eq!(sink.uploads("POST"), 2, "one upload each for layer and config: {shown}");
        assert!(peak <= 64, "{shown}");
        apply(&copying(&spring.host(), &sink.host())).run().ok();
    }
}

#[test]
fn resets_of_a_large_download_are_resumed_by_range() {
    let (spring, sink) = (Spring::of(giant()), Sink::start());
    spring.flow.reset_every.store(between_breaks(), Ordering::SeqCst);
    let (output, peak) = watched(apply(&copying(&spring.host(), &sink.host())));
    output.ok();
    arrived(&sink);
    assert_eq!(sink.received(), size() + giant().config.bytes.len() as u64);
    assert!(spring.opened() >= 19, "{}", spring.opened());
    assert!(peak <= 64, "{peak} MiB");
}

#[test]
fn a_source_that_knows_no_ranges_is_read_from_the_beginning_and_nothing_is_sent_twice() {
    let (spring, sink) = (Spring::of(giant()), Sink::start());
    spring.flow.reset_every.store(size() / 3 * 2, Ordering::SeqCst);
    spring.flow.reset_once.store(true, Ordering::SeqCst);
    spring.flow.whole.store(true, Ordering::SeqCst);
    apply(&copying(&spring.host(), &sink.host())).run().ok();
    arrived(&sink);
    assert_eq!(sink.received(), size() + giant().config.bytes.len() as u64);
    assert_eq!(spring.opened(), 2);
}

#[test]
fn a_source_that_goes_on_at_another_place_is_an_error_and_leaves_nothing() {
    let (spring, sink) = (Spring::of(giant()), Sink::start());
    spring.flow.reset_every.store(between_breaks(), Ordering::SeqCst);
    spring.flow.later.store(7, Ordering::SeqCst);
    apply(&copying(&spring.host(), &sink.host()))
        .run()
        .expect(1)
        .says("answered from");
    assert_eq!(sink.blob(&giant().layer), None);
    assert_eq!(sink.tag("vm", "1"), None);
    assert_eq!(sink.open(), 0, "uploads are left open");
}

#[test]
fn a_source_whose_content_changes_in_between_is_an_error_and_leaves_nothing() {
    let (spring, sink) = (Spring::of(giant()), Sink::start());
    spring.flow.reset_every.store(size() / 3, Ordering::SeqCst);
    spring.flow.changes.store(true, Ordering::SeqCst);
    apply(&copying(&spring.host(), &sink.host()))
        .run()
        .expect(1)
        .says("content has digest");
    assert_eq!(sink.blob(&giant().layer), None);
    assert_eq!(sink.tag("vm", "1"), None);
    assert_eq!(sink.open(), 0, "uploads are left open");
}

/// An image with one layer of 24 MiB, sent in chunks of 1 MiB to a real registry behind a proxy.
fn to_registry(kind: Kind, rules: &[(Fault, usize)]) -> (Faulty, Output) {
    let source = Registry::shared(Kind::Plain);
    let below = source.unique("large");
    let image = ImageSpec::new(900).layers(&[24 << 20]).build();
    source.push(&image, &format!("{below}/disks/vm"), "1");
    let registry = Registry::shared(kind);
    let target = Faulty::before(&registry.host());
    for (n, (fault, times)) in rules.iter().enumerate() {
        target.rule(
            Rule::new(fault.clone())
                .on("PATCH upload")
                .skip(3 * (n + 1))
                .times(*times),
        );
    }
    let prefix = registry.unique("large");
    let project = copying(
        &format!("{}/{below}", source.host()),
        &format!("{}/{prefix}", target.host()),
    );
    let output = project
        .aosm(&["apply", "--json"])
        .env("AOSM_WHOLE_UP_TO", (2 * MIB).to_string())
        .env("AOSM_CHUNK", MIB.to_string())
        .run()
        .ok();
    let back = registry.client().pull(&format!("{prefix}/vm"), "1").expect("the image");
    assert_eq!(back.digest(), image.digest());
    assert_eq!(back.size(), image.size());
    (target, output)
}

/// Uploads that were opened: a small blob's by the mount that asks whether it is there.
fn opened(target: &Faulty) -> usize {
    target.traffic().count("POST upload") + target.traffic().count("POST mount")
}

#[test]
fn real_registries_take_chunks() {
    for kind in [Kind::Plain, Kind::Old].into_iter().filter(|kind| kind.available()) {
        let (target, output) = to_registry(kind, &[]);
        // A layer is a little longer than what is in it.
        assert_eq!(target.traffic().count("PATCH upload"), 25, "{kind:?}");
        assert_eq!(opened(&target), 2, "{kind:?}");
        assert!(
            step(&output)["bytes-moved"].as_u64().expect("a number") < 25 * MIB,
            "{kind:?}"
        );
    }
}

#[test]
fn real_registries_are_sent_what_is_missing_after_a_break() {
    // Before anything of the chunk arrived, after all of it arrived, and in the middle of it.
    let breaks = [
        (Fault::Reset, 1),
        (Fault::ResetUpload(300_000), 1),
        (Fault::Throttle(1), 1),
        (Fault::BreakUpload(500_000), 2),
        (Fault::LoseAnswer, 1),
    ];
    let (target, output) = to_registry(Kind::Plain, &breaks);
    let labels = target.traffic().labels();
    assert_eq!(opened(&target), 2, "one upload to the end: {labels:?}");
    let moved = step(&output)["bytes-moved"].as_u64().expect("a number");
    assert!(moved < 24 * MIB + 6 * MIB, "{moved}: {labels:?}");
}

#[test]
fn an_older_registry_that_loses_uploads_in_a_break_gets_everything_all_the_same() {
    if !Kind::Old.available() {
        return;
    }
    // Nothing of the chunk reached it: it can go on.
    let (target, _) = to_registry(Kind::Old, &[(Fault::ResetUpload(300_000), 1), (Fault::Reset, 1)]);
    assert_eq!(opened(&target), 2);
    // It gives an upload up that has other bytes than it told.
    let (target, _) = to_registry(Kind::Old, &[(Fault::BreakUpload(500_000), 1), (Fault::LoseAnswer, 1)]);
    assert_eq!(opened(&target), 4);
}
