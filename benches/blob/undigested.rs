//! An upload through the library whose file was scanned without hashing it: this program, started once more, does it.

use std::fs::File;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::sync::Arc;

use aosm_build::blob::{Containers, FixedSas};
use aosm_build::digest::Digest;
use aosm_build::disk::{UploadOptions, Verify, upload};
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::project::Network;
use aosm_build::vhd::{BLOCK, ContentDigest, DataRun, FileIdentity, PIECE, Scanned, allocated, read_exact_at};
use camino::Utf8Path;
use tokio_util::sync::CancellationToken;

const MARK: &str = "--undigested";
const VARIABLE: &str = "UNDIGESTED_SAS";

/// The command that uploads so.
pub fn command(file: &str, container: &str, blob: &str, state: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args([MARK, file, blob]).arg(state).env(VARIABLE, container);
    command
}

/// Does it, if this process was started for it.
pub fn asked() -> Option<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [mark, file, blob, state] = arguments.as_slice() else {
        return None;
    };
    if mark != MARK {
        return None;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let file = Utf8Path::new(file);
        let path = file.to_owned();
        let scanned = tokio::task::spawn_blocking(move || scan(&path)).await.expect("a scan");
        let source = FixedSas::from_variable(VARIABLE).expect("a signature");
        let containers = Containers::new(&Network::default()).expect("containers");
        let blob = containers.open(Arc::new(source)).blob(blob);
        let options = UploadOptions {
            parallel: 8,
            md5: false,
            verify: Verify::Quick,
            replace: None,
            state: state.into(),
        };
        let job = Job::new("bench", Arc::new(Silent), CancellationToken::new());
        upload(&blob, file, &scanned, &options, &job).await.expect("an upload");
    });
    Some(ExitCode::SUCCESS)
}

/// Where the data is, with its CRC-64, as the library's own scan finds it; the digest is made up.
fn scan(path: &Utf8Path) -> Scanned {
    let file = File::open(path).expect("the file");
    let identity = FileIdentity::of_open(&file, path).expect("its identity");
    let length = identity.length;
    let mut data: Vec<DataRun> = Vec::new();
    let mut buffer = vec![0; BLOCK as usize];
    for range in allocated(&file, 0..length) {
        let mut at = range.start / BLOCK * BLOCK;
        at = at.max(data.last().map_or(0, |run| run.end));
        while at < range.end {
            let end = (at + BLOCK).min(length);
            let block = &mut buffer[..(end - at) as usize];
            read_exact_at(&file, path, block, at).expect("a block");
            if block.iter().any(|byte| *byte != 0) || end == length {
                match data.last_mut() {
                    // The sum of a run is made below, once its end is known.
                    Some(run) if run.end == at && !at.is_multiple_of(PIECE) => run.end = end,
                    _ => data.push(DataRun {
                        start: at,
                        end,
                        crc64: 0,
                    }),
                }
            }
            at = end;
        }
    }
    let mut buffer = vec![0; PIECE as usize];
    for run in &mut data {
        let bytes = &mut buffer[..(run.end - run.start) as usize];
        read_exact_at(&file, path, bytes, run.start).expect("a run");
        let mut crc = crc64fast_nvme::Digest::new();
        crc.write(bytes);
        run.crc64 = crc.sum64();
    }
    Scanned {
        length,
        digest: ContentDigest(Digest::of(b"nobody hashed it")),
        data,
        identity,
    }
}
