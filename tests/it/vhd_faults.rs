//! Uploads over sockets that break, stall and lie: each ends right or says aloud that it does not, and the next run finishes it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use crate::support::disks::{Disks, no_secret};
use crate::support::http::Response;
use crate::support::small::seeded;
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

/// What strikes a request; by numbers, so that a run can be repeated.
fn fault(kind: usize, size: usize) -> Fault {
    let at = size as u64;
    match kind % 9 {
        0 => Fault::Reset,
        1 => Fault::ResetUpload(at),
        2 => Fault::BreakUpload(at),
        3 => Fault::LoseAnswer,
        4 => Fault::Answer(Response::new(503, "").with("Retry-After", "1")),
        5 => Fault::Answer(Response::new(500, "")),
        6 => Fault::ResetAfter(at % 200),
        7 => Fault::Corrupt(at % 300),
        _ => Fault::Delay(Duration::from_millis(at % 300)),
    }
}

#[test]
fn thirty_uploads_over_sockets_that_fail_end_right_or_aloud_and_the_next_run_finishes_them() {
    let disk = Vhd::new(4 * MIB).random(3000, 700_000, 1).random(3 * MIB, 500_000, 2);
    let shared = Disks::new("sockets");
    // They wait more than they work: more of them at a time than there are cores.
    let next = AtomicUsize::new(0);
    let one = |number: usize| {
        let disks = shared.elsewhere();
        disks.write("disk.vhd", &disk);
        let blob = format!("{number}.vhd");
        let dice = seeded(&format!("sockets {number}"), 24, usize::MAX);
        let kinds: Vec<(usize, String)> = (0..8)
            .map(|at| {
                let (skip, times) = (dice[at * 3] % 20, 1 + dice[at * 3] / 32 % 2);
                let fault = fault(dice[at * 3 + 1], dice[at * 3 + 2] % 60_000);
                let words = format!("{fault:?}");
                disks.proxy.rule(Rule::new(fault).skip(skip).times(times));
                (skip, words.chars().take(60).collect())
            })
            .collect();
        let output = disks.upload(&blob, &["--parallel", "3"]).run();
        no_secret(&output);
        if output.code() == 0 {
            disks.assert_holds(&blob, &disk, &format!("number {number}: {kinds:?}"));
            return;
        }
        assert!(
            matches!(output.code(), 1 | 5) && output.stderr.contains("error"),
            "number {number}: {kinds:?}: {output}"
        );
        disks.assert_claims_nothing(&blob, &format!("number {number}: {kinds:?}"));
        disks.proxy.clear();
        let output = disks.upload(&blob, &[]).run();
        assert_eq!(output.code(), 0, "number {number}: {kinds:?}: {output}");
        disks.assert_holds(&blob, &disk, &format!("number {number}: {kinds:?}"));
    };
    std::thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                while let Some(number) = Some(next.fetch_add(1, Ordering::SeqCst)).filter(|number| *number < 30) {
                    one(number);
                }
            });
        }
    });
}

#[test]
fn a_service_that_is_not_there_is_told_with_what_was_done_and_the_next_run_goes_on() {
    let disks = Disks::new("gone");
    let disk = Vhd::new(4 * MIB).random(0, 4 << 20, 3);
    disks.write("disk.vhd", &disk);
    // From the tenth write on nothing gets through.
    disks.proxy.rule(
        Rule::new(Fault::Answer(Response::new(500, "")))
            .when(|entry| entry.method == "PUT" && entry.query.contains("comp=page"))
            .skip(10),
    );
    let output = disks
        .upload("a.vhd", &["--parallel", "2"])
        .limit(Duration::from_secs(280))
        .run()
        .expect(5);
    no_secret(&output);
    output.says("bytes of data are there: the next run goes on from there");
    disks.assert_claims_nothing("a.vhd", "failed");
    assert_eq!(
        disks.show("a.vhd")["leased"],
        false,
        "a run that fails gives up the lease"
    );
    disks.proxy.clear();
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert!(document["bytes-resumed"].as_u64().unwrap() > 0, "{document}");
    disks.assert_holds("a.vhd", &disk, "by the next run");
}
