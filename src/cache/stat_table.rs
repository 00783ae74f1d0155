//! The stat table: digests of files that did not change since they were hashed.
//!
//! A row counts while size, mtime, ctime and inode are what they were. The racy case (a file written again within one
//! tick of the clock after it was hashed) is closed when the table is saved: it waits until the clock is past the
//! newest time in its new rows and hashes again those that were hashed within that tick. A run that changes nothing
//! writes nothing. The file is sealed: a damaged table is an empty table.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use camino::{Utf8Path, Utf8PathBuf};

use super::stat_entry::{Entry, Stat};
use crate::digest::{Digest, FileDigests};
use crate::durable::{self, Sync};

/// Coarser than the time stamps of any file system in use (ext4, xfs, APFS, NTFS: a timer tick at most).
const TICK: Duration = Duration::from_millis(20);

const HEADER: &str = "aosm-stat/1";

#[derive(Debug, Default)]
struct Rows {
    by_path: BTreeMap<String, Entry>,
    /// Paths hashed in this run, with the clock after hashing.
    hashed: BTreeMap<String, i128>,
    dirty: bool,
}

/// Remembers digests across runs. Shared freely between threads.
#[derive(Debug)]
pub struct StatTable {
    path: Utf8PathBuf,
    rows: Mutex<Rows>,
}

impl StatTable {
    /// Loads the table; an absent, damaged or foreign one is empty.
    pub fn load(path: &Utf8Path) -> Self {
        let by_path = durable::read_sealed(path)
            .and_then(|text| parse(&text))
            .unwrap_or_default();
        Self {
            path: path.to_owned(),
            rows: Mutex::new(Rows {
                by_path,
                ..Rows::default()
            }),
        }
    }

    /// Writes the table if a row changed; drops rows of files that are gone.
    pub fn save(&self) -> io::Result<()> {
        let mut rows = self.lock();
        if !rows.dirty {
            return Ok(());
        }
        settle(&mut rows);
        rows.by_path.retain(|path, _| Utf8Path::new(path).exists());
        let mut text = format!("{HEADER}\n");
        for (path, entry) in &rows.by_path {
            text.push_str(&entry.line(path));
            text.push('\n');
        }
        durable::write_sealed(&self.path, &text, Sync::Yes)?;
        rows.dirty = false;
        rows.hashed.clear();
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Rows> {
        // A panic elsewhere cannot leave a row half-written: every update is one insert.
        self.rows.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl FileDigests for StatTable {
    fn file_digest(&self, path: &Utf8Path) -> io::Result<(Digest, u64)> {
        let stat = Stat::of(&fs::metadata(path)?);
        if let Some(entry) = self.lock().by_path.get(path.as_str())
            && let (true, Some(digest)) = (entry.stat == stat, &entry.digest)
        {
            return Ok((digest.clone(), stat.size));
        }
        let (stat, digest, size) = hash(path)?;
        let mut rows = self.lock();
        let entry = Entry {
            stat,
            digest: Some(digest.clone()),
            derived: BTreeMap::new(),
        };
        rows.by_path.insert(path.to_string(), entry);
        rows.hashed.insert(path.to_string(), now());
        rows.dirty = true;
        Ok((digest, size))
    }

    fn remembered(&self, path: &Utf8Path, purpose: &str) -> Option<String> {
        let stat = Stat::of(&fs::metadata(path).ok()?);
        let rows = self.lock();
        let entry = rows.by_path.get(path.as_str())?;
        (entry.stat == stat)
            .then(|| entry.derived.get(purpose).cloned())
            .flatten()
    }

    fn remember(&self, path: &Utf8Path, purpose: &str, value: &str) {
        let Ok(meta) = fs::metadata(path) else { return };
        let stat = Stat::of(&meta);
        let mut rows = self.lock();
        match rows.by_path.get_mut(path.as_str()) {
            Some(entry) if entry.stat == stat => {
                if entry.derived.insert(purpose.to_owned(), value.to_owned()).as_deref() == Some(value) {
                    return;
                }
            }
            _ => {
                let derived = BTreeMap::from([(purpose.to_owned(), value.to_owned())]);
                rows.by_path.insert(
                    path.to_string(),
                    Entry {
                        stat,
                        digest: None,
                        derived,
                    },
                );
                rows.hashed.insert(path.to_string(), now());
            }
        }
        rows.dirty = true;
    }
}

/// Hashes a file whose stat is the same before and after; a file that changes meanwhile is tried a few times.
fn hash(path: &Utf8Path) -> io::Result<(Stat, Digest, u64)> {
    for _ in 0..5 {
        let mut file = File::open(path)?;
        let before = Stat::of(&file.metadata()?);
        let (digest, size) = Digest::of_reader(&mut file)?;
        if Stat::of(&file.metadata()?) == before && size == before.size {
            return Ok((before, digest, size));
        }
    }
    Err(io::Error::other("the file keeps changing while it is read"))
}

/// Closes the racy window: see the module's head.
fn settle(rows: &mut Rows) {
    let tick = i128::try_from(TICK.as_nanos()).unwrap_or(0);
    let Rows { by_path, hashed, .. } = rows;
    let newest = hashed
        .keys()
        .filter_map(|path| by_path.get(path))
        .map(|entry| entry.stat.newest())
        .max();
    let Some(newest) = newest else { return };
    let wait = newest + tick - now();
    // A time stamp in the far future is no reason to sleep; such a row is hashed again below and simply kept.
    if (1..=tick).contains(&wait) {
        std::thread::sleep(Duration::from_nanos(u64::try_from(wait).unwrap_or(0)));
    }
    for (path, at) in hashed.iter() {
        let Some(entry) = by_path.get(path) else { continue };
        if entry.stat.newest() + tick <= *at {
            continue;
        }
        match hash(Utf8Path::new(path)) {
            Ok((stat, digest, _)) if entry.digest.as_ref() == Some(&digest) && entry.stat == stat => {}
            // Rows without a digest hold derived texts only: they cannot be checked, so racy ones are dropped.
            _ => {
                by_path.remove(path);
            }
        }
    }
}

fn now() -> i128 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |elapsed| i128::try_from(elapsed.as_nanos()).unwrap_or(0))
}

fn parse(text: &str) -> Option<BTreeMap<String, Entry>> {
    let mut lines = text.lines();
    if lines.next() != Some(HEADER) {
        return None;
    }
    lines.map(Entry::parse).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        (folder, path)
    }

    #[test]
    fn an_unchanged_file_is_not_read_again_and_a_changed_one_is() {
        let (_guard, folder) = folder();
        let file = folder.join("a");
        fs::write(&file, "one").unwrap();
        let table = StatTable::load(&folder.join("stat"));
        assert_eq!(table.file_digest(&file).unwrap().0, Digest::of(b"one"));
        table.save().unwrap();
        fs::write(&file, "two").unwrap();
        let table = StatTable::load(&folder.join("stat"));
        assert_eq!(table.file_digest(&file).unwrap().0, Digest::of(b"two"));
    }

    #[test]
    fn a_run_that_changes_nothing_writes_nothing() {
        let (_guard, folder) = folder();
        let file = folder.join("a");
        fs::write(&file, "one").unwrap();
        let table = StatTable::load(&folder.join("stat"));
        table.file_digest(&file).unwrap();
        table.remember(&file, "purpose", "text");
        table.save().unwrap();
        let before = fs::metadata(folder.join("stat")).unwrap().modified().unwrap();
        let table = StatTable::load(&folder.join("stat"));
        table.file_digest(&file).unwrap();
        assert_eq!(table.remembered(&file, "purpose").as_deref(), Some("text"));
        table.remember(&file, "purpose", "text");
        table.save().unwrap();
        assert_eq!(fs::metadata(folder.join("stat")).unwrap().modified().unwrap(), before);
    }

    #[test]
    fn a_file_rewritten_right_after_it_was_hashed_is_not_taken_for_unchanged() {
        let (_guard, folder) = folder();
        for round in 0..20 {
            let file = folder.join(format!("f{round}"));
            fs::write(&file, "one").unwrap();
            let table = StatTable::load(&folder.join("stat"));
            table.file_digest(&file).unwrap();
            fs::write(&file, "two").unwrap();
            table.save().unwrap();
            let table = StatTable::load(&folder.join("stat"));
            assert_eq!(table.file_digest(&file).unwrap().0, Digest::of(b"two"), "round {round}");
        }
    }

    #[test]
    fn any_damage_empties_the_table() {
        let (_guard, folder) = folder();
        let file = folder.join("a");
        fs::write(&file, "one").unwrap();
        let path = folder.join("stat");
        let table = StatTable::load(&path);
        table.file_digest(&file).unwrap();
        table.save().unwrap();
        let whole = fs::read(&path).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            for damaged in [whole[..at].to_vec(), flipped] {
                fs::write(&path, damaged).unwrap();
                assert!(StatTable::load(&path).lock().by_path.is_empty(), "damage at {at}");
            }
        }
    }

    #[test]
    fn derived_texts_are_forgotten_when_the_file_changes() {
        let (_guard, folder) = folder();
        let file = folder.join("a");
        fs::write(&file, "one").unwrap();
        let table = StatTable::load(&folder.join("stat"));
        table.remember(&file, "purpose", "text");
        fs::write(&file, "another").unwrap();
        assert_eq!(table.remembered(&file, "purpose"), None);
    }
}
