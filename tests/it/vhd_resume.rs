//! An upload that did not come to its end: the next run goes on with it, on this machine or another, and believes only what is proven.

use std::io::Write as _;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::disks::{Disks, no_secret};
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

/// A disk of 12 MiB with 20 runs of 128 KiB.
fn disk(seed: u64) -> Vhd {
    Vhd::new(12 * MIB).scattered(20, 128 << 10, seed)
}

/// Kills an upload right before its n-th request (from 1) to the service.
fn killed_before_request(disks: &Disks, blob: &str, number: usize) {
    let boundaries = disks.project.path("boundaries");
    let _ = std::fs::remove_file(&boundaries);
    // Boundaries are counted together: a first run shows which of them are requests.
    let scout = disks.elsewhere();
    std::fs::copy(disks.project.path("disk.vhd"), scout.project.path("disk.vhd")).unwrap();
    scout
        .upload("scout.vhd", &["--parallel", "1"])
        .env("AOSM_ABORT_COUNT", &boundaries)
        .run()
        .ok();
    let text = std::fs::read_to_string(&boundaries).unwrap();
    let requests = text.lines().enumerate().filter(|(_, line)| line.contains(" request "));
    let at = requests
        .map(|(at, _)| at + 1)
        .nth(number - 1)
        .expect("so many requests");
    let output = disks.upload(blob, &["--parallel", "1"]).abort_at(at).run();
    assert_eq!(output.code(), -1, "{output}");
    assert_eq!(disks.by_hand("DELETE", "scout.vhd", "", &[], b""), 202);
}

#[test]
fn after_a_kill_the_next_run_sends_only_what_is_missing() {
    let disks = Disks::new("killed");
    let disk = disk(1);
    disks.write("disk.vhd", &disk);
    let mark = disks.proxy.mark();
    killed_before_request(&disks, "a.vhd", 20);
    disks.assert_claims_nothing("a.vhd", "after a kill");
    let partial = disks.show("a.vhd");
    assert!(partial["upload"]["begun"].is_string(), "{partial}");
    assert_eq!((&partial["digest"], &partial["leased"]), (&json!(null), &json!(true)));
    let before = disks.sent("a.vhd", mark);
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    let (moved, resumed) = (
        document["bytes-moved"].as_u64().unwrap(),
        document["bytes-resumed"].as_u64().unwrap(),
    );
    let data = document["data-bytes"].as_u64().unwrap();
    assert_eq!(moved + resumed, data, "{document}");
    assert!(resumed > 0 && moved < data, "{document}");
    assert!(before + moved <= data * 11 / 10, "{before} and {moved} of {data}");
    disks.assert_holds("a.vhd", &disk, "after the second run");
}

#[test]
fn without_proof_everything_is_compared_and_only_what_differs_is_sent() {
    let disks = Disks::new("unproven");
    let disk = disk(2);
    disks.write("disk.vhd", &disk);
    killed_before_request(&disks, "a.vhd", 20);
    // Somebody breaks the lease, damages a page that was sent and writes one where zeros belong.
    disks.break_lease("a.vhd");
    let content = disk.content();
    let free = content
        .chunks(64 << 10)
        .position(|block| block.iter().all(|byte| *byte == 0))
        .unwrap()
        * (64 << 10);
    disks.put_pages("a.vhd", free, &[9; 1024]);
    let full = content
        .chunks(512)
        .position(|page| page.iter().any(|byte| *byte != 0))
        .unwrap()
        * 512;
    disks.put_pages("a.vhd", full, &[9; 512]);
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    let (moved, resumed) = (
        document["bytes-moved"].as_u64().unwrap(),
        document["bytes-resumed"].as_u64().unwrap(),
    );
    assert!(resumed > 0, "what is right is found to be right: {document}");
    assert!(moved > 0, "{document}");
    disks.assert_holds("a.vhd", &disk, "after the comparison");
}

#[test]
fn another_machine_takes_over_once_the_lease_is_gone_and_not_before() {
    let disks = Disks::new("elsewhere");
    let disk = disk(3);
    disks.write("disk.vhd", &disk);
    killed_before_request(&disks, "a.vhd", 22);
    let other = disks.elsewhere();
    other.write("disk.vhd", &disk);
    let mark = other.proxy.mark();
    let refused = other.upload("a.vhd", &[]).run().expect(1);
    no_secret(&refused);
    let refused = refused.says("a.vhd: somebody else is writing it").says("begun 20");
    refused.says("within a minute");
    assert_eq!(other.sent("a.vhd", mark), 0);
    disks.break_lease("a.vhd");
    let document = other.upload("a.vhd", &["--json"]).run().ok().json();
    assert!(document["bytes-resumed"].as_u64().unwrap() > 0, "{document}");
    other.assert_holds("a.vhd", &disk, "by the other machine");
    // The first one finds it done.
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert_eq!(document["outcome"], "present");
}

#[test]
fn a_lost_or_damaged_checkpoint_costs_a_comparison() {
    for damage in ["lost", "damaged"] {
        let disks = Disks::new("checkpoint");
        let disk = disk(4);
        disks.write("disk.vhd", &disk);
        killed_before_request(&disks, "a.vhd", 20);
        disks.break_lease("a.vhd");
        let folder = disks.project.home().join(".local/state/aosm-build/uploads");
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            match damage {
                "lost" => std::fs::remove_file(path).unwrap(),
                _ => std::fs::write(path, "{\n").unwrap(),
            }
        }
        disks.upload("a.vhd", &[]).run().ok().says("were there already");
        disks.assert_holds("a.vhd", &disk, damage);
    }
}

#[test]
fn a_file_that_changed_since_begins_anew_without_being_asked() {
    let disks = Disks::new("changed");
    disks.write("disk.vhd", &disk(5));
    killed_before_request(&disks, "a.vhd", 20);
    let other = disk(50);
    disks.write("disk.vhd", &other);
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert_eq!(document["bytes-resumed"], 0);
    disks.assert_holds("a.vhd", &other, "the new content");
}

#[cfg(unix)]
#[test]
fn ctrl_c_gives_up_the_lease_and_says_that_the_next_run_goes_on() {
    let disks = Disks::new("interrupt");
    let disk = Vhd::new(16 * MIB).random(0, 16 << 20, 6);
    disks.write("disk.vhd", &disk);
    // Slow enough to be caught.
    disks
        .proxy
        .rule(Rule::new(Fault::Delay(Duration::from_millis(20))).when(|entry| entry.query.contains("comp=page")));
    let mark = disks.proxy.mark();
    let running = disks.upload("a.vhd", &["--parallel", "2"]).spawn();
    let limit = Instant::now() + Duration::from_secs(60);
    while disks.sent("a.vhd", mark) < 2 << 20 {
        assert!(Instant::now() < limit, "nothing is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    running.interrupt();
    let output = running.wait().expect(130);
    no_secret(&output);
    output
        .says("the next run goes on from there")
        .says("bytes of data are there");
    disks.assert_claims_nothing("a.vhd", "stopped");
    let partial = disks.show("a.vhd");
    assert_eq!(partial["leased"], false, "{partial}");
    disks.proxy.clear();
    let document = disks.upload("a.vhd", &["--json"]).run().ok().json();
    assert!(document["bytes-resumed"].as_u64().unwrap() >= 2 << 20, "{document}");
    let data = document["data-bytes"].as_u64().unwrap();
    assert_eq!(
        document["bytes-moved"].as_u64().unwrap() + document["bytes-resumed"].as_u64().unwrap(),
        data
    );
    assert!(disks.sent("a.vhd", mark) <= data * 11 / 10);
    disks.assert_holds("a.vhd", &disk, "after the second run");
}

#[test]
fn a_second_upload_on_the_same_machine_waits_for_nobody_and_says_who_is_there() {
    let disks = Disks::new("twice");
    let disk = Vhd::new(8 * MIB).random(0, 8 << 20, 7);
    disks.write("disk.vhd", &disk);
    disks
        .proxy
        .rule(Rule::new(Fault::Delay(Duration::from_millis(30))).when(|entry| entry.query.contains("comp=page")));
    let mark = disks.proxy.mark();
    let first = disks.upload("a.vhd", &["--parallel", "2"]).spawn();
    let limit = Instant::now() + Duration::from_secs(60);
    while disks.sent("a.vhd", mark) == 0 {
        assert!(Instant::now() < limit, "nothing is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    let second = disks.upload("a.vhd", &[]).run().expect(6);
    second
        .says("another run here is writing it")
        .says(&format!("process {}", first.id()));
    first.wait().ok();
    disks.assert_holds("a.vhd", &disk, "by the first");
}

#[test]
fn a_lease_that_is_taken_in_the_middle_stops_the_upload_and_is_named() {
    let disks = Disks::new("stolen");
    let disk = Vhd::new(8 * MIB).random(0, 8 << 20, 8);
    disks.write("disk.vhd", &disk);
    disks
        .proxy
        .rule(Rule::new(Fault::Delay(Duration::from_millis(30))).when(|entry| entry.query.contains("comp=page")));
    let mark = disks.proxy.mark();
    let running = disks.upload("a.vhd", &["--parallel", "2"]).spawn();
    let limit = Instant::now() + Duration::from_secs(60);
    while disks.sent("a.vhd", mark) == 0 {
        assert!(Instant::now() < limit, "nothing is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    disks.break_lease("a.vhd");
    disks.take_lease("a.vhd");
    let output = running.wait().expect(1);
    no_secret(&output);
    output
        .says("a.vhd: somebody else is writing it")
        .says("somebody holds its lease");
    disks.assert_claims_nothing("a.vhd", "stolen");
    disks.proxy.clear();
    disks.break_lease("a.vhd");
    disks.upload("a.vhd", &[]).run().ok();
    disks.assert_holds("a.vhd", &disk, "in the end");
}

#[test]
fn a_file_that_changes_while_it_is_sent_claims_nothing() {
    let disks = Disks::new("growing");
    let disk = Vhd::new(8 * MIB).random(0, 8 << 20, 9);
    disks.write("disk.vhd", &disk);
    disks
        .proxy
        .rule(Rule::new(Fault::Delay(Duration::from_millis(30))).when(|entry| entry.query.contains("comp=page")));
    let mark = disks.proxy.mark();
    let running = disks.upload("a.vhd", &["--parallel", "1"]).spawn();
    let limit = Instant::now() + Duration::from_secs(60);
    while disks.sent("a.vhd", mark) == 0 {
        assert!(Instant::now() < limit, "nothing is sent");
        std::thread::sleep(Duration::from_millis(5));
    }
    let changed = Vhd::new(8 * MIB).random(0, 8 << 20, 90);
    // In place, as something that still writes it does.
    let mut file = std::fs::File::options()
        .write(true)
        .open(disks.project.path("disk.vhd"))
        .unwrap();
    file.write_all(&changed.content()).unwrap();
    drop(file);
    running.wait().expect(4).says("changed while it was read");
    disks.assert_claims_nothing("a.vhd", "changed");
    disks.proxy.clear();
    disks.upload("a.vhd", &[]).run().ok();
    disks.assert_holds("a.vhd", &changed, "the new content");
}
