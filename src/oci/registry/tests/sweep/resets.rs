//! Resets alone, at any place of large blobs: what they cost in bytes.

use super::super::chunks::{arrived, chunked, plant_blob, send, two};
use super::super::fake::{Fault, Seen};
use super::super::uploads::Chunks;
use crate::oci::backoff::Jitter;

const RUNS: u64 = 40;
/// With `AOSM_SOAK` set.
const MORE_RUNS: u64 = 2000;
const KIB: usize = 1024;

#[tokio::test(start_paused = true)]
async fn resets_of_chunked_uploads_add_less_than_a_tenth() {
    let runs = if std::env::var_os("AOSM_SOAK").is_some() {
        MORE_RUNS
    } else {
        RUNS
    };
    for seed in 0..runs {
        let mut dice = Jitter::new(seed);
        let fake = two();
        let whole = dice.next_u64().is_multiple_of(2);
        fake.with("target.test", |host| {
            host.uploads.chunks = if whole { Chunks::Whole } else { Chunks::Bytes };
            host.uploads.ranges = dice.next_u64().is_multiple_of(2);
            host.upload_elsewhere = dice.next_u64().is_multiple_of(2);
        });
        fake.with("source.test", |host| host.ranges = dice.next_u64().is_multiple_of(2));
        let chunk = (96 + usize::try_from(dice.next_u64() % 64).unwrap()) * KIB;
        let blob = plant_blob(
            &fake,
            seed,
            6 * KIB * KIB + usize::try_from(dice.next_u64() % 5000).unwrap(),
        );
        // As far between them as 512 MiB are from 32, at any place of a chunk, before it and after it.
        let next = 12 + dice.next_u64() % 8;
        let state = std::sync::Mutex::new((0, next, dice));
        fake.order(move |seen: &Seen, _| {
            if seen.method != "PATCH" {
                return None;
            }
            let mut state = state.lock().unwrap();
            let (patches, next, dice) = &mut *state;
            *patches += 1;
            if patches < next {
                return None;
            }
            *next = *patches + 16 + dice.next_u64() % 8;
            let at = usize::try_from(dice.next_u64()).unwrap_or(0) % (chunk + chunk / 4);
            Some(match dice.next_u64() % 4 {
                0 => Fault::BrokenBefore,
                1 => Fault::BrokenAfter,
                _ => Fault::CutUpload(at),
            })
        });
        send(&chunked(&fake, KIB * KIB, chunk), &blob)
            .await
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
        arrived(&fake, &blob);
        let sent = fake.uploaded();
        assert!(
            sent <= blob.size + blob.size / 10,
            "seed {seed}: {sent} bytes for {}",
            blob.size
        );
        assert_eq!(
            fake.count("target.test", "POST"),
            1,
            "seed {seed}: one upload to the end"
        );
    }
}
