//! Texts that know whether they are whole: the last line is the digest of everything before it.

use std::fs;
use std::io;

use camino::Utf8Path;

use super::{Sync, clear_the_way, write};
use crate::digest::Digest;

/// Writes `text` (which must end with a line break, or be empty) with its seal.
pub fn write_sealed(path: &Utf8Path, text: &str, sync: Sync) -> io::Result<()> {
    let sealed = format!("{text}{}\n", Digest::of(text.as_bytes()));
    write(path, sealed.as_bytes(), sync).or_else(|e| {
        // Sealed texts are this tool's own: what else is in their place is damage.
        let within = path.ancestors().nth(2).unwrap_or(path);
        if clear_the_way(within, path) {
            write(path, sealed.as_bytes(), sync)
        } else {
            Err(e)
        }
    })
}

/// Reads a sealed text without its seal; `None` when it is absent, cut or damaged in any byte.
pub fn read_sealed(path: &Utf8Path) -> Option<String> {
    let mut text = fs::read_to_string(path).ok()?;
    let body = text.strip_suffix('\n')?;
    let start = body.rfind('\n').map_or(0, |at| at + 1);
    let (content, seal) = (body.get(..start)?, body.get(start..)?);
    if Digest::of(content.as_bytes()).as_str() != seal {
        return None;
    }
    text.truncate(start);
    Some(text)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use camino::Utf8PathBuf;

    #[test]
    fn a_sealed_text_reads_back_and_no_damaged_one_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("x")).unwrap();
        for text in ["", "one\n", "one\ntwo\n"] {
            write_sealed(&path, text, Sync::No).unwrap();
            assert_eq!(read_sealed(&path).as_deref(), Some(text));
            let whole = fs::read(&path).unwrap();
            for at in 0..whole.len() {
                let mut flipped = whole.clone();
                flipped[at] ^= 1;
                for damaged in [whole[..at].to_vec(), flipped] {
                    fs::write(&path, &damaged).unwrap();
                    assert_eq!(read_sealed(&path), None, "damage at {at}");
                }
            }
        }
    }
}
