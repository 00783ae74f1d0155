//! Where each member of a bundle lies: known from names and sizes alone, so that members can be written side by side, and
//! so that a bundle that was changed is noticed before any of it is used.

use std::collections::BTreeMap;
use std::io;

use crate::archive::ARCHIVE_TIME;
use crate::digest::Digest;

const BLOCK: u64 = 512;

/// The file at the front: what the bundle says of itself.
pub(super) const DOCUMENT: &str = "aosm-bundle.json";
/// The layout's list of roots.
pub(super) const INDEX: &str = "index.json";
/// The layout's marker.
pub(super) const MARKER: &str = "oci-layout";

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Member {
    pub name: String,
    /// Where its header begins.
    pub header: u64,
    /// Where its content begins.
    pub offset: u64,
    /// Bytes of its content.
    pub size: u64,
}

/// The name of a blob.
pub(super) fn blob_name(digest: &Digest) -> String {
    format!("blobs/{}/{}", digest.algorithm(), digest.hex())
}

/// The digest that a name is of.
pub(super) fn blob_of(name: &str) -> Option<Digest> {
    let (algorithm, hex) = name.strip_prefix("blobs/")?.split_once('/')?;
    format!("{algorithm}:{hex}").parse().ok()
}

/// Members in the order of their names, and the size of the whole tar. `None` where no file could be so large.
pub(super) fn lay_out(sizes: &BTreeMap<String, u64>) -> Option<(Vec<Member>, u64)> {
    let mut at = 0_u64;
    let mut members = Vec::with_capacity(sizes.len());
    for (name, size) in sizes {
        let offset = at.checked_add(header_size(name))?;
        members.push(Member {
            name: name.clone(),
            header: at,
            offset,
            size: *size,
        });
        at = offset.checked_add(padded(*size)?)?;
    }
    // Two empty blocks end a tar (POSIX ustar).
    Some((members, at.checked_add(2 * BLOCK)?))
}

fn padded(size: u64) -> Option<u64> {
    size.checked_next_multiple_of(BLOCK)
}

/// Names of more than 100 bytes stand in a member of their own before it, as GNU tar writes them.
fn header_size(name: &str) -> u64 {
    let long = name.len() as u64;
    if name.len() <= 100 {
        BLOCK
    } else {
        2 * BLOCK + (long + 1).next_multiple_of(BLOCK)
    }
}

/// The bytes before the content.
pub(super) fn header(name: &str, size: u64) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(ARCHIVE_TIME);
    header.set_size(0);
    let mut tar = tar::Builder::new(Vec::new());
    // Without content: what the builder writes before it is what is wanted. The size goes in afterwards.
    tar.append_data(&mut header, name, io::empty())?;
    let mut bytes = tar.into_inner()?;
    bytes.truncate(usize::try_from(header_size(name)).unwrap_or(usize::MAX));
    let last = bytes.len().saturating_sub(512);
    let mut own = tar::Header::new_gnu();
    if let Some(block) = bytes.get(last..).filter(|block| block.len() == 512) {
        own.as_mut_bytes().copy_from_slice(block);
    }
    own.set_size(size);
    own.set_cksum();
    bytes.truncate(last);
    bytes.extend_from_slice(own.as_bytes());
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;
    use std::io::Read as _;

    #[test]
    fn what_is_laid_out_is_a_tar_that_others_read() {
        let contents: [(String, Vec<u8>); 4] = [
            (DOCUMENT.to_owned(), b"{}".to_vec()),
            (format!("blobs/sha256/{}", "a".repeat(64)), vec![7; 1000]),
            (format!("blobs/sha512/{}", "b".repeat(128)), vec![8; 512]),
            (MARKER.to_owned(), Vec::new()),
        ];
        let sizes = contents
            .iter()
            .map(|(name, bytes)| (name.clone(), bytes.len() as u64))
            .collect();
        let (members, size) = lay_out(&sizes).unwrap();
        let mut tar = vec![0_u8; usize::try_from(size).unwrap()];
        for member in &members {
            let (_, bytes) = contents.iter().find(|(name, _)| *name == member.name).unwrap();
            let head = header(&member.name, member.size).unwrap();
            let at = |offset: u64| usize::try_from(offset).unwrap();
            assert_eq!(member.header + head.len() as u64, member.offset, "{}", member.name);
            tar[at(member.header)..at(member.offset)].copy_from_slice(&head);
            tar[at(member.offset)..at(member.offset) + bytes.len()].copy_from_slice(bytes);
        }
        let mut read: Vec<(String, Vec<u8>)> = Vec::new();
        for entry in tar::Archive::new(tar.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut bytes = Vec::new();
            entry.read_to_end(&mut bytes).unwrap();
            read.push((entry.path().unwrap().to_str().unwrap().to_owned(), bytes));
        }
        let mut expected = contents.to_vec();
        expected.sort();
        assert_eq!(read, expected);
    }

    #[test]
    fn sizes_that_no_file_has_are_refused() {
        for size in [u64::MAX, u64::MAX - 600] {
            assert!(lay_out(&BTreeMap::from([("a".to_owned(), size)])).is_none());
        }
        let large = 20 << 30;
        assert!(lay_out(&BTreeMap::from([("a".to_owned(), large)])).is_some());
        assert_eq!(
            tar::Header::from_byte_slice(&header("a", large).unwrap())
                .size()
                .unwrap(),
            large
        );
    }

    #[test]
    fn blobs_are_named_by_their_digest_and_back() {
        let digest = Digest::of(b"x");
        assert_eq!(blob_of(&blob_name(&digest)), Some(digest));
        for bad in ["blobs/sha256/..", "blobs/md5/aa", "index.json", "blobs/sha256/a/b"] {
            assert_eq!(blob_of(bad), None, "{bad}");
        }
    }
}
