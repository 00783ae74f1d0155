//! Disk images into a storage account, against the official Python SDK: sparse, without holes, dense, very large, and nothing to do.
//!
//! What is promised is printed as `ok` or `MISSED` with its ratio; how to run it and what came out is in `benches/README.md`.
#![allow(
    clippy::pedantic,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    missing_docs,
    reason = "a measurement prints, and one that cannot be made fails with the reason"
)]

mod contestants;
#[path = "../registry/delay.rs"]
mod delay;
mod images;
#[path = "../measure/mod.rs"]
#[allow(dead_code, reason = "of what all measurements share, only the verdicts are needed")]
mod measure;
mod options;
mod rounds;
mod sink;
#[path = "../../tests/support/mod.rs"]
#[allow(
    dead_code,
    unused_imports,
    reason = "the tests' toolbox, of which a measurement needs little"
)]
mod support;
mod undigested;
#[path = "../registry/work.rs"]
mod work;

use std::process::ExitCode;
use std::time::Duration;

use contestants::{Contestant, Scene};
use delay::Delay;
use images::{Images, MIB};
use measure::Limits;
use options::{Case, Options};
use rounds::Rounds;
use sink::Sink;
use support::Azurite;

/// Memory of an upload: so much, and twice the pieces on their way.
const MEMORY: f64 = 64.0 + 2.0 * 8.0 * 4.0;

fn main() -> ExitCode {
    if let Some(code) = undigested::asked() {
        return code;
    }
    let options = Options::from_args();
    if let Some(folder) = &options.scratch {
        support::scratch_in(folder.clone());
    }
    let images = Images::new(options.images.as_deref());
    let mut limits = Limits::default();
    for case in &options.cases {
        println!("\n{}", case.words());
        match case {
            Case::Sparse => {
                sparse(&images, &options, &mut limits);
                sparse_alone(&images, &options, &mut limits);
            }
            Case::Dense => dense(&images, &options, &mut limits),
            Case::Memory => memory(&images, &mut limits),
            Case::Again => again(&images, &mut limits),
        }
    }
    limits.exit()
}

/// 4 GiB of which 256 MiB are data, with and without holes on the disk, into the emulator.
fn sparse(images: &Images, options: &Options, limits: &mut Limits) {
    let (sparse, allocated) = (images.sparse(), images.allocated());
    let mut rounds = Rounds::default();
    for round in 0..options.rounds {
        for (name, image) in [("ours, holes", &sparse), ("ours, no holes", &allocated)] {
            // A new emulator each time: what it holds slows it down.
            let azurite = Azurite::start();
            let scene = Scene::in_emulator(&azurite);
            rounds.add(name, scene.time(Contestant::Ours, &image.path));
            scene.check(&image.path);
        }
        if round < options.python_rounds {
            let azurite = Azurite::start();
            let scene = Scene::in_emulator(&azurite);
            rounds.add("Python SDK", scene.time(Contestant::Python, &sparse.path));
        }
    }
    rounds.print();
    if let Some(ratio) = rounds.ratio("ours, holes", "Python SDK", |cost| cost.wall) {
        println!("        {:.1} times as fast as the Python SDK", 1.0 / ratio);
        limits.at_most("wall, of the Python SDK's", ratio, 1.0 / 20.0);
    }
    if let Some(times) = rounds.ratio("ours, no holes", "ours, holes", |cost| cost.wall) {
        limits.at_most("wall without holes, of that with holes", times, 1.3);
    }
    limits.at_most("peak memory, MiB", rounds.peak("ours"), MEMORY);
    // Counted by somebody else than ourselves, and not timed.
    let azurite = Azurite::start();
    let counter = Delay::start(&azurite.host(), Duration::ZERO);
    let scene = Scene::in_emulator(&azurite).by_way_of(&counter.address());
    scene.time(Contestant::Ours, &sparse.path);
    let sent = counter.sent().0 as f64 / MIB;
    println!(
        "        {sent:.1} MiB went to the emulator, headers included; {:.1} MiB are not zero",
        sparse.data
    );
    limits.at_most("bytes on the wire, of those not zero", sent / sparse.data, 1.1);
}

/// The same into a server that throws it away: what the clients take when nothing holds them up.
fn sparse_alone(images: &Images, options: &Options, limits: &mut Limits) {
    let image = images.sparse();
    let mut rounds = Rounds::default();
    for round in 0..options.rounds {
        let sink = Sink::start();
        rounds.add("ours, sink", Scene::in_sink(&sink).time(Contestant::Ours, &image.path));
        if round < options.python_rounds {
            let sink = Sink::start();
            let scene = Scene::in_sink(&sink);
            rounds.add("Python SDK, sink", scene.time(Contestant::Python, &image.path));
        }
    }
    rounds.print();
    if let Some(ratio) = rounds.ratio("ours, sink", "Python SDK, sink", |cost| cost.wall) {
        println!("        {:.1} times as fast as the Python SDK", 1.0 / ratio);
        limits.at_most("wall, of the Python SDK's", ratio, 1.0 / 20.0);
    }
}

/// 1 GiB without a zero page, into a server that throws it away.
fn dense(images: &Images, options: &Options, limits: &mut Limits) {
    let image = images.dense();
    let mut rounds = Rounds::default();
    for _ in 0..options.rounds {
        for (name, contestant) in [
            ("Python SDK", Contestant::Python),
            ("ours", Contestant::Ours),
            ("ours, no digest", Contestant::OursUndigested),
        ] {
            let sink = Sink::start();
            let scene = Scene::in_sink(&sink);
            rounds.add(name, scene.time(contestant, &image.path));
            let arrived = sink.arrived() as f64 / MIB;
            assert!(arrived >= image.data, "{name}: only {arrived} MiB arrived");
        }
    }
    rounds.print();
    for (name, limit) in [("ours, no digest", 0.45), ("ours", 1.0)] {
        if let Some(ratio) = rounds.ratio(name, "Python SDK", |cost| cost.cpu) {
            limits.at_most(&format!("CPU of {name}, of the Python SDK's"), ratio, limit);
        }
    }
    limits.at_most("peak memory, MiB", rounds.peak("ours"), MEMORY);
}

/// 100 GiB of which 64 MiB are data.
fn memory(images: &Images, limits: &mut Limits) {
    let image = images.huge();
    let sink = Sink::start();
    let mut rounds = Rounds::default();
    rounds.add(
        "ours, 100 GiB",
        Scene::in_sink(&sink).time(Contestant::Ours, &image.path),
    );
    rounds.print();
    limits.at_most("peak memory, MiB", rounds.peak("ours"), MEMORY);
    let arrived = sink.arrived() as f64 / MIB;
    limits.at_most("bytes of pages, of those not zero", arrived / image.data, 1.1);
}

/// The same once more.
fn again(images: &Images, limits: &mut Limits) {
    let image = images.small();
    let sink = Sink::start();
    let scene = Scene::in_sink(&sink);
    let mut rounds = Rounds::default();
    rounds.add("ours, first", scene.time(Contestant::Ours, &image.path));
    let before = sink.requests();
    rounds.add("ours, again", scene.time(Contestant::Ours, &image.path));
    rounds.print();
    limits.at_most("requests of the second run", (sink.requests() - before) as f64, 1.0);
}
