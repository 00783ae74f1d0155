//! Thousands of copies, each under its own random faults and virtual time: all there and verified, or failed aloud.
//!
//! A run depends on its seed alone. `AOSM_SEED=N cargo test --lib sweep` runs one seed; `AOSM_SOAK=1` runs
//! more of them.

mod faults;
mod referring;
mod resets;
mod world;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::join_all;
use tokio_util::sync::CancellationToken;

use self::world::World;
use crate::event::Silent;
use crate::oci::backoff::Jitter;
use crate::oci::{ErrorKind, Job};

/// Seeds in a normal run; four tests share them, so that all cores have work.
const RUNS: u64 = 10_000;
/// With `AOSM_SOAK` set.
const MORE_RUNS: u64 = 50_000;
const PARTS: u64 = 4;
/// No run takes longer, in virtual time, whatever its faults.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// What became of the copies of some seeds.
#[derive(Debug, Default)]
struct Tally {
    good: u64,
    failed: u64,
    cancelled: u64,
    repaired: u64,
    faults: u64,
}

async fn sweep(part: u64) {
    let only = std::env::var("AOSM_SEED")
        .ok()
        .and_then(|text| text.parse::<u64>().ok());
    let runs = if std::env::var_os("AOSM_SOAK").is_some() {
        MORE_RUNS
    } else {
        RUNS
    };
    let mut tally = Tally::default();
    let seeds = (0..runs).filter(|seed| seed % PARTS == part);
    for seed in seeds.filter(|seed| only.is_none_or(|only| only == *seed)) {
        let shown = Arc::new(Mutex::new(Vec::new()));
        if let Err(why) = run(seed, &shown, &mut tally).await {
            let faults = shown.lock().unwrap().join("\n  ");
            panic!("seed {seed}: {why}\nrerun with AOSM_SEED={seed} cargo test --lib sweep\nfaults:\n  {faults}");
        }
    }
    if only.is_none() {
        // All ways of ending are exercised.
        let share = runs / PARTS;
        assert!(tally.good > share / 2 && tally.failed > share / 10, "{tally:?}");
        assert!(
            tally.cancelled > share / 200 && tally.repaired > share / 20,
            "{tally:?}"
        );
        assert!(tally.faults > share, "{tally:?}");
    }
}

async fn run(seed: u64, shown: &Arc<Mutex<Vec<String>>>, tally: &mut Tally) -> Result<(), String> {
    let mut dice = Jitter::new(seed);
    let world = World::new(&mut dice);
    // From rare to frequent.
    let rate = 2 + dice.next_u64() % 25;
    let cancel_after = dice
        .next_u64()
        .is_multiple_of(32)
        .then(|| Duration::from_millis(dice.next_u64() % 2000));
    faults::order(&world.fake, dice, rate, shown);
    let job = Job::new("sweep", Arc::new(Silent), CancellationToken::new());
    let registries = world.registries(seed);
    let copies = join_all(world.roots.iter().map(|root| world.copy(&registries, root, &job)));
    let stop = async {
        if let Some(after) = cancel_after {
            tokio::time::sleep(after).await;
            job.cancel.cancel();
        }
    };
    let (results, ()) = tokio::time::timeout(LONGEST, async { tokio::join!(copies, stop) })
        .await
        .map_err(|_| "it hangs".to_owned())?;
    world.fake.order(|_, _| None);
    tally.faults += shown.lock().unwrap().len() as u64;
    world.check_permits(&registries)?;
    let mut all = true;
    for (result, root) in results.into_iter().zip(&world.roots) {
        let name = &root.repository;
        match result {
            Ok(()) => {
                world.check(root).map_err(|why| format!("{name} said done: {why}"))?;
                tally.good += 1;
            }
            Err(error) => {
                all = false;
                let found = format!("{name} after \"{error}\"");
                if error.detail.is_empty() || error.subject.is_empty() {
                    return Err(format!("{found}: says too little: {error:?}"));
                }
                world.check_tags(root).map_err(|why| format!("{found}: {why}"))?;
                let stopped = error.kind == ErrorKind::Cancelled;
                *(if stopped {
                    &mut tally.cancelled
                } else {
                    &mut tally.failed
                }) += 1;
            }
        }
    }
    if all {
        return Ok(());
    }
    repaired(&world, seed).await?;
    tally.repaired += 1;
    Ok(())
}

/// Without faults the next run, which knows nothing of the first, makes everything whole.
async fn repaired(world: &World, seed: u64) -> Result<(), String> {
    let job = Job::new("again", Arc::new(Silent), CancellationToken::new());
    let registries = world.registries(seed + 1);
    for root in &world.roots {
        let again = world.copy(&registries, root, &job).await;
        again.map_err(|error| format!("{} again: {error}", root.repository))?;
        world
            .check(root)
            .map_err(|why| format!("{} again: {why}", root.repository))?;
    }
    world.check_permits(&registries)
}

#[tokio::test(start_paused = true)]
async fn every_run_ends_with_all_there_and_verified_or_with_an_error_1() {
    sweep(0).await;
}

#[tokio::test(start_paused = true)]
async fn every_run_ends_with_all_there_and_verified_or_with_an_error_2() {
    sweep(1).await;
}

#[tokio::test(start_paused = true)]
async fn every_run_ends_with_all_there_and_verified_or_with_an_error_3() {
    sweep(2).await;
}

#[tokio::test(start_paused = true)]
async fn every_run_ends_with_all_there_and_verified_or_with_an_error_4() {
    sweep(3).await;
}
