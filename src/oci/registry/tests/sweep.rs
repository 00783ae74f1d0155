//! Hundreds of copies, each under its own random faults: all there and verified, or failed aloud.

use super::fake::{Fake, FakeHost, Fault, Login};
use super::*;
use crate::oci::backoff::Jitter;

const RUNS: u64 = 400;
/// With `AOSM_SOAK` set.
const MORE_RUNS: u64 = 10_000;

fn fault(dice: &mut Jitter) -> Fault {
    let at = usize::try_from(dice.next_u64() % 6000).unwrap();
    let wait = |dice: &mut Jitter| (dice.next_u64() % 30).to_string();
    match dice.next_u64() % 16 {
        0 => Fault::Status(500, vec![], "oops"),
        1 => Fault::Status(503, vec![("retry-after", wait(dice))], ""),
        2 | 3 => Fault::Status(429, vec![("retry-after", wait(dice))], ""),
        4 => Fault::Refused,
        5 => Fault::BrokenBefore,
        6 => Fault::BrokenAfter,
        7 => Fault::Hang,
        8 | 9 => Fault::Cut(at),
        10 => Fault::Short(at),
        11 => Fault::Flip(at),
        12 => Fault::LongerUnannounced,
        13 => Fault::Header("docker-content-digest", None),
        14 => Fault::Early(if dice.next_u64().is_multiple_of(2) { 201 } else { 413 }),
        _ => Fault::Status(401, vec![], ""),
    }
}

fn host(dice: &mut Jitter) -> FakeHost {
    let mut coin = || dice.next_u64().is_multiple_of(2);
    let login = if coin() {
        Login::Open
    } else {
        let life = if coin() { 5 } else { 300 };
        Login::Bearer {
            user: "u",
            password: "p",
            identity: "i",
            anonymous: true,
            life,
        }
    };
    FakeHost {
        login,
        mounts: coin(),
        ranges: coin(),
        digests: coin(),
        redirect_blobs: coin(),
        upload_elsewhere: coin(),
        ..FakeHost::default()
    }
}

#[tokio::test(start_paused = true)]
async fn every_run_ends_with_all_there_and_verified_or_with_an_error() {
    let (mut good, mut failed) = (0, 0);
    let runs = if std::env::var_os("AOSM_SOAK").is_some() {
        MORE_RUNS
    } else {
        RUNS
    };
    for seed in 0..runs {
        let mut dice = Jitter::new(seed);
        let fake = Fake::default()
            .host("source.test", host(&mut dice))
            .host("target.test", host(&mut dice));
        let roots = [
            plant(&fake, "source.test", "a", "1", 2, 3, seed),
            plant(&fake, "source.test", "b", "1", 1, 3, seed),
            plant(&fake, "source.test", "c", "1", 1, 2, seed + 1),
        ];
        // From rare to frequent.
        let rate = 2 + dice.next_u64() % 25;
        let dice = std::sync::Mutex::new(dice);
        fake.order(move |_, _| {
            let mut dice = dice.lock().unwrap();
            (dice.next_u64() % 100 < rate).then(|| fault(&mut dice))
        });
        let registries = registries(&fake);
        let copies = ["a", "b", "c"].map(|n| copy(&registries, ("source.test", n), ("target.test", n), "1"));
        let all = tokio::time::timeout(
            std::time::Duration::from_secs(24 * 3600),
            futures_util::future::join_all(copies),
        );
        let all = all.await.unwrap_or_else(|_| panic!("seed {seed}: a run hangs"));
        fake.order(|_, _| None);
        for ((result, name), root) in all.into_iter().zip(["a", "b", "c"]).zip(&roots) {
            let held = fake.verify("target.test", name, "1");
            match result {
                Ok((_, digest)) => {
                    assert_eq!(held.as_ref(), Ok(&digest), "seed {seed} {name}: said done");
                    assert_eq!(digest, root.digest, "seed {seed} {name}");
                    good += 1;
                }
                Err(error) => {
                    assert!(
                        !error.detail.is_empty() && !error.subject.is_empty(),
                        "seed {seed} {name}: {error:?}"
                    );
                    // The tag may have been written before the last check failed: then it is whole.
                    let whole = held.as_ref().is_err_and(|why| why == "no tag") || held.as_ref() == Ok(&root.digest);
                    assert!(whole, "seed {seed} {name}: {held:?} after {error}");
                    failed += 1;
                }
            }
        }
    }
    // Both ways of ending are exercised.
    assert!(good > runs && failed > runs / 10, "{good} good, {failed} failed");
}
