//! What is in the way: temporary files that killed runs left, removed by later runs once nobody can be writing them any
//! more; and folders where files belong, or the other way round.

use std::fs;
use std::time::{Duration, SystemTime};

use camino::Utf8Path;

use super::remove_file;

/// A temporary file lives for the moment between its first and its last byte. One that nobody wrote to for this long
/// is a leftover.
const AGE: Duration = Duration::from_secs(3600);

/// Looked at in one folder at most: sweeping is a courtesy, and must not cost time where a folder is huge.
const ENTRIES: usize = 10_000;

/// Removes old files in `folder` whose names begin with `prefix`. Failures are of no consequence: a later run tries again.
pub fn sweep(folder: &Utf8Path, prefix: &str) {
    let Ok(entries) = folder.read_dir_utf8() else { return };
    let now = SystemTime::now();
    for entry in entries.take(ENTRIES).flatten() {
        if !entry.file_name().starts_with(prefix) {
            continue;
        }
        // Of the entry itself: a link is not followed.
        let Ok(metadata) = entry.metadata() else { continue };
        let age = metadata.modified().ok().and_then(|at| now.duration_since(at).ok());
        if metadata.is_file() && age.is_some_and(|age| age >= AGE) {
            let _ = remove_file(entry.path());
        }
    }
}

/// Removes a folder at `path` where a file belongs, and files where its parents below `within` should be: damage, in
/// folders that are this tool's own. Was there anything?
pub fn clear_the_way(within: &Utf8Path, path: &Utf8Path) -> bool {
    let mut cleared = false;
    for above in path
        .ancestors()
        .skip(1)
        .take_while(|above| above.starts_with(within) && *above != within)
    {
        let in_the_way = fs::symlink_metadata(above).is_ok_and(|_| !above.is_dir());
        cleared |= in_the_way && remove_file(above).is_ok();
    }
    let folder = fs::symlink_metadata(path).is_ok_and(|meta| meta.is_dir());
    cleared | (folder && fs::remove_dir_all(path).is_ok())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use camino::Utf8PathBuf;
    use std::fs::File;

    #[test]
    fn only_old_files_with_the_prefix_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        fs::create_dir_all(&folder).unwrap();
        fs::create_dir(folder.join(".tmp-folder")).unwrap();
        let old = SystemTime::now() - AGE - Duration::from_secs(60);
        for (name, modified) in [
            (".tmp-old", old),
            (".tmp-young", SystemTime::now()),
            ("old", old),
            (".tmpold", old),
            (".tmp-later", SystemTime::now() + AGE),
        ] {
            fs::write(folder.join(name), "x").unwrap();
            File::options()
                .write(true)
                .open(folder.join(name))
                .unwrap()
                .set_modified(modified)
                .unwrap();
        }
        sweep(&folder, ".tmp-");
        let mut left: Vec<String> = folder
            .read_dir_utf8()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_owned())
            .collect();
        left.sort();
        assert_eq!(left, [".tmp-folder", ".tmp-later", ".tmp-young", ".tmpold", "old"]);
        sweep(&folder.join("absent"), ".tmp-");
        fs::remove_dir_all(&folder).unwrap();
    }
}
