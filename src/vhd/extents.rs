//! Which parts of a file have data on disk. Where nobody can tell, all of them.
//!
//! This is a hint that saves reading: what it calls a hole reads as zeros, what it calls data may be zeros all the same.

use std::fs::File;
use std::ops::Range;

/// The parts of `within` that may hold something else than zeros: sorted, disjoint, not empty. Moves the file's own position.
pub fn allocated(file: &File, within: Range<u64>) -> Vec<Range<u64>> {
    let mut found = Vec::new();
    let mut at = within.start;
    while at < within.end {
        match next(file, at) {
            Next::Nothing => break,
            Next::Data(data) if data.start >= within.end => break,
            Next::Data(data) => {
                let part = data.start.max(at)..data.end.min(within.end);
                // Whatever a file system says, the walk goes forward.
                at = part.end.max(at + 1);
                if part.start < part.end {
                    found.push(part);
                }
            }
            Next::Unknown => {
                found.push(at..within.end);
                break;
            }
        }
    }
    found
}

/// What comes from an offset on.
enum Next {
    /// Only a hole, up to the end of the file.
    Nothing,
    /// The first data.
    Data(Range<u64>),
    /// Nobody can tell.
    Unknown,
}

#[cfg(any(target_os = "linux", target_os = "macos"))]
fn next(file: &File, at: u64) -> Next {
    use rustix::fs::{SeekFrom, seek};
    use rustix::io::Errno;
    // lseek(2): ENXIO says that there is no data after the offset; EINVAL that the file system does not know holes.
    let start = match seek(file, SeekFrom::Data(at)) {
        Ok(start) => start,
        Err(Errno::NXIO) => return Next::Nothing,
        Err(_) => return Next::Unknown,
    };
    match seek(file, SeekFrom::Hole(start)) {
        Ok(end) if end > start => Next::Data(start..end),
        _ => Next::Unknown,
    }
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn next(_file: &File, _at: u64) -> Next {
    Next::Unknown
}

#[cfg(all(test, unix))]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use std::os::unix::fs::FileExt as _;

    use super::*;

    #[test]
    fn everything_that_was_written_is_in_an_extent_of_its_window() {
        let file = tempfile::tempfile().unwrap();
        file.set_len(1 << 30).unwrap();
        for at in [0, 5 << 20, (512 << 20) - 1, (1 << 30) - 1] {
            file.write_all_at(b"x", at).unwrap();
        }
        let whole = allocated(&file, 0..1 << 30);
        for at in [0_u64, 5 << 20, (512 << 20) - 1, (1 << 30) - 1] {
            assert!(whole.iter().any(|part| part.contains(&at)), "{at}: {whole:?}");
            for window in [at..at + 1, at.saturating_sub(10)..at + 5] {
                let parts = allocated(&file, window.clone());
                assert!(parts.iter().any(|part| part.contains(&at)), "{at}: {parts:?}");
                assert!(
                    parts
                        .iter()
                        .all(|part| part.start >= window.start && part.end <= window.end)
                );
            }
        }
        assert!(whole.is_sorted_by_key(|part| part.start));
        assert_eq!(allocated(&file, 7..7), vec![]);
    }
}
