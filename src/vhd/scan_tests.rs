#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
use std::fs;
use std::os::unix::fs::FileExt as _;
use std::sync::Mutex;

use super::*;
use crate::digest::Digest;
use crate::fault::Kind;
use crate::vhd::test_images::{folder, footer, noise, write};

fn nothing() -> Progress {
    Arc::new(|_, _| {})
}

async fn scanned(path: &Utf8Path) -> Scanned {
    scan(path, nothing(), &CancellationToken::new()).await.unwrap()
}

/// Runs and digest in the simplest way, from the whole file.
fn by_definition(bytes: &[u8]) -> (Vec<DataRun>, ContentDigest) {
    let mut runs: Vec<DataRun> = Vec::new();
    let mut digests = Vec::new();
    let length = bytes.len();
    for (index, piece) in bytes.chunks(4 << 20).enumerate() {
        digests.extend_from_slice(PieceDigest::of(piece).as_bytes());
        let mut open: Option<Range<usize>> = None;
        let mut close = |open: &mut Option<Range<usize>>| {
            if let Some(range) = open.take() {
                let mut crc = crc64fast_nvme::Digest::new();
                crc.write(&bytes[range.clone()]);
                runs.push(DataRun {
                    start: range.start as u64,
                    end: range.end as u64,
                    crc64: crc.sum64(),
                });
            }
        };
        for (number, block) in piece.chunks(64 << 10).enumerate() {
            let start = (index << 22) + (number << 16);
            let end = start + block.len();
            if block.iter().all(|byte| *byte == 0) && end != length {
                close(&mut open);
            } else {
                open.get_or_insert(start..start).end = end;
            }
        }
        close(&mut open);
    }
    (runs, ContentDigest(Digest::of(&digests)))
}

/// Bytes, and where they are.
type Data<'a> = Vec<(u64, &'a [u8])>;

#[tokio::test]
async fn a_scan_is_what_the_definition_says() {
    let (_guard, folder) = folder();
    let path = folder.join("disk.vhd");
    let (a, b) = (noise(1, 200_000), noise(2, 5 << 20));
    let table: [(u64, Data); 5] = [
        (1 << 20, vec![]),
        (20 << 20, vec![(0, &a), (7 << 20, &b)]),
        (
            9 << 20,
            vec![((4 << 20) - 3, b"over a piece's end"), ((9 << 20) - 1, b"x")],
        ),
        (4 << 20, vec![(65_535, b"x"), (131_072, b"y")]),
        // One piece a window would not show a mistake between windows.
        (
            (1 << 30) + (8 << 20),
            vec![((1 << 30) - 1, b"two windows"), (1 << 20, &a)],
        ),
    ];
    for (size, data) in table {
        write(&path, size, &data);
        let found = scanned(&path).await;
        let (runs, digest) = by_definition(&fs::read(&path).unwrap());
        assert_eq!(found.data, runs, "{size}");
        assert_eq!(found.digest, digest, "{size}");
        assert_eq!(found.length, size + 512);
        assert_eq!(found.identity, FileIdentity::of(&path).unwrap());
        assert_eq!(found.data_bytes() + found.zero_bytes(), found.length);
        assert_eq!(Scanned::from_bytes(&found.to_bytes()), Some(found));
    }
}

#[tokio::test]
async fn holes_and_written_zeros_are_the_same() {
    let (_guard, folder) = folder();
    let (sparse, dense) = (folder.join("sparse.vhd"), folder.join("dense.vhd"));
    let data = noise(3, 300_000);
    write(&sparse, 30 << 20, &[(11 << 20, &data), (12_345, b"x")]);
    fs::write(&dense, fs::read(&sparse).unwrap()).unwrap();
    let (a, b) = (scanned(&sparse).await, scanned(&dense).await);
    assert_eq!((a.data, a.digest), (b.data, b.digest));
}

#[tokio::test]
async fn any_length_can_be_scanned_and_the_last_block_is_always_told() {
    let (_guard, folder) = folder();
    let path = folder.join("raw");
    for length in [1_usize, 511, 512, 65_536, 65_537, (4 << 20) - 1, 4 << 20, (4 << 20) + 1] {
        fs::write(&path, vec![0; length]).unwrap();
        let found = scanned(&path).await;
        let (runs, digest) = by_definition(&vec![0; length]);
        assert_eq!(
            (found.data.len(), &found.data, &found.digest),
            (1, &runs, &digest),
            "{length}"
        );
        assert_eq!(found.data.last().unwrap().end, length as u64);
        assert_eq!(Scanned::from_bytes(&found.to_bytes()), Some(found));
    }
}

#[tokio::test]
async fn a_changed_byte_changes_digest_and_run() {
    let (_guard, folder) = folder();
    let path = folder.join("disk.vhd");
    let data = noise(4, 150_000);
    write(&path, 8 << 20, &[(5 << 20, &data)]);
    let before = scanned(&path).await;
    for at in [5 << 20, (5 << 20) + 149_999, 100, (8 << 20) + 511] {
        write(&path, 8 << 20, &[(5 << 20, &data)]);
        let file = fs::File::options().read(true).write(true).open(&path).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, at).unwrap();
        file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
        let after = scanned(&path).await;
        assert_ne!(before.digest, after.digest, "{at}");
        assert_ne!(before.data, after.data, "{at}");
    }
}

#[tokio::test]
async fn a_huge_empty_disk_is_one_footer_to_read() {
    let (_guard, folder) = folder();
    let path = folder.join("disk.vhd");
    let size = 100 << 30;
    write(&path, size, &[]);
    let found = scanned(&path).await;
    assert_eq!(found.data_bytes(), 512);
    let mut wanted = ContentHasher::new(size + 512);
    for index in 0..size / PIECE {
        wanted.put(index, PieceDigest::zeros(PIECE));
    }
    wanted.put(size / PIECE, PieceDigest::of(&footer(size)));
    assert_eq!(Some(found.digest), wanted.finish());
}

/// Scans, and does something to the file when the scan is under way.
async fn disturbed(path: &Utf8Path, disturb: impl FnOnce() + Send + 'static) -> Result<Scanned, Fault> {
    let once = Mutex::new(Some(disturb));
    let progress: Progress = Arc::new(move |_, _| {
        if let Some(disturb) = once.lock().unwrap().take() {
            disturb();
        }
    });
    scan(path, progress, &CancellationToken::new()).await
}

type Disturb = fn(&Utf8Path);

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() {
    let table: [(&str, Disturb); 5] = [
        ("grows", |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(99 << 20)
                .unwrap();
        }),
        ("shrinks", |path| {
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(1 << 20)
                .unwrap();
        }),
        ("is written", |path| {
            std::thread::sleep(std::time::Duration::from_millis(30));
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .write_all_at(b"x", 5)
                .unwrap();
        }),
        ("is replaced", |path| {
            let other = path.with_extension("new");
            fs::copy(path, &other).unwrap();
            fs::rename(&other, path).unwrap();
        }),
        ("is gone", |path| fs::remove_file(path).unwrap()),
    ];
    for (what, disturb) in table {
        let (_guard, folder) = folder();
        let path = folder.join("disk.vhd");
        write(&path, 40 << 20, &[(0, &noise(5, 40 << 20))]);
        let target = path.clone();
        let fault = disturbed(&path, move || disturb(&target)).await.unwrap_err();
        assert!(fault.message().contains("changed while it was read"), "{what}: {fault}");
        assert!(fault.hint_text().is_some());
    }
}

#[tokio::test]
async fn a_scan_that_is_stopped_says_so() {
    let (_guard, folder) = folder();
    let path = folder.join("disk.vhd");
    write(&path, 8 << 20, &[(0, &noise(6, 8 << 20))]);
    let cancel = CancellationToken::new();
    cancel.cancel();
    let fault = scan(&path, nothing(), &cancel).await.unwrap_err();
    assert_eq!(fault.kind(), Kind::Interrupted);
}

#[tokio::test]
async fn progress_ends_at_the_whole_and_never_passes_it() {
    let (_guard, folder) = folder();
    let path = folder.join("disk.vhd");
    write(&path, 41 << 20, &[(0, &noise(7, 9 << 20)), (30 << 20, b"x")]);
    let seen = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&seen);
    let progress: Progress = Arc::new(move |done, all| kept.lock().unwrap().push((done, all)));
    scan(&path, progress, &CancellationToken::new()).await.unwrap();
    let seen = seen.lock().unwrap();
    let length = (41 << 20) + 512;
    assert!(seen.iter().all(|(done, all)| *all == length && *done <= length));
    assert!(seen.contains(&(length, length)), "{seen:?}");
    assert!(seen.len() > 3, "{seen:?}");
}

#[tokio::test]
async fn what_is_no_file_is_refused_without_waiting() {
    let (_guard, folder) = folder();
    let pipe = folder.join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    fs::write(folder.join("empty"), "").unwrap();
    let mut table = vec![
        (folder.join("absent"), "there is no such file"),
        (folder.join("empty").join("below"), "there is no such file"),
        (folder.clone(), "is a folder"),
        (folder.join("empty"), "is empty"),
        ("/dev/null".into(), "is no regular file"),
    ];
    if made.is_ok_and(|status| status.success()) {
        table.push((pipe, "is no regular file"));
    }
    for (path, words) in table {
        for fault in [
            scan(&path, nothing(), &CancellationToken::new()).await.unwrap_err(),
            crate::vhd::check_file(&path).unwrap_err(),
            FileIdentity::of(&path).unwrap_err(),
        ] {
            assert!(fault.message().contains(words), "{path}: {fault}");
            assert!(fault.message().contains(path.as_str()), "{path}: {fault}");
            assert!(fault.hint_text().is_some(), "{path}");
            assert_eq!(fault.kind(), Kind::Invalid, "{path}");
        }
    }
}
