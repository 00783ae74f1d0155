//! Walks the members of a tar once, front to back: names, links, sizes and offsets. Never writes, never unpacks.
//!
//! Our own walk and not the `tar` crate's, because that reads long names and pax headers of any size into memory
//! and refuses nothing. Formats: POSIX ustar and pax (IEEE 1003.1, `pax`), GNU long names. Bounds: 1 MiB for an
//! extended header, [`MEMBERS`] members, [`PATHS`] bytes of paths.

use std::io::{self, Read};

/// Most members a tar may have.
const MEMBERS: u64 = 200_000;

/// Most bytes of all paths together: callers keep them in memory.
const PATHS: usize = 32 * 1024 * 1024;

/// Largest extended header (long name, pax records), in bytes.
const EXTENDED: u64 = 1024 * 1024;

const BLOCK: u64 = 512;

/// What kind of member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum MemberKind {
    /// A regular file.
    File,
    /// A symbolic link; the text is its target, relative to the member's folder.
    Symlink(String),
    /// A hard link; the text is another member's path.
    Hardlink(String),
    /// A folder, device and so on: of no interest.
    Other,
}

/// One member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Member {
    /// Path without `./` and `/` at its start. Members whose path has `..` or is no UTF-8 are
    /// [`MemberKind::Other`].
    pub(crate) path: String,
    /// Its kind.
    pub(crate) kind: MemberKind,
    /// Offset of its content in the (uncompressed) tar, in bytes.
    pub(crate) offset: u64,
    /// Size of its content, in bytes.
    pub(crate) size: u64,
}

/// Why a walk ended early.
#[derive(Debug)]
pub(crate) enum ScanError {
    /// The bytes are no tar that we read.
    Bad(String),
    /// Reading failed.
    Io(io::Error),
}

impl From<io::Error> for ScanError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// A reader that can pass over bytes, cheaply where it can seek.
pub(crate) trait Input: Read {
    /// Passes over `count` bytes; ends early only with [`io::ErrorKind::UnexpectedEof`].
    fn pass(&mut self, count: u64) -> io::Result<()>;
}

#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

/// Calls `visit` for each member with a reader of its content, of which it may read as much as it likes.
pub(crate) fn scan(
    input: &mut dyn Input,
    visit: &mut dyn FnMut(&Member, &mut dyn Read) -> Result<(), ScanError>,
) -> Result<(), ScanError> {
    let mut position = 0_u64;
    let mut extended = Extended::default();
    let mut paths = 0_usize;
    for _ in 0..MEMBERS {
        let Some(block) = read_block(input)? else { return Ok(()) };
        position += BLOCK;
        if block.iter().all(|b| *b == 0) {
            return Ok(());
        }
        let header = tar::Header::from_byte_slice(&block);
        check_sum(header, &block, position - BLOCK)?;
        let type_flag = header.entry_type().as_byte();
        let own_size = header
            .entry_size()
            .map_err(|e| ScanError::Bad(format!("bad size at {position}: {e}")))?;
        if matches!(type_flag, b'L' | b'K' | b'x' | b'g') {
            read_extended(input, type_flag, own_size, &mut extended)?;
            position = advance(position, own_size)?;
            continue;
        }
        let taken = std::mem::take(&mut extended);
        let size = match type_flag {
            // A size that a link, device or folder claims means nothing (POSIX).
            b'1'..=b'6' => 0,
            b'S' => return Err(ScanError::Bad("it has sparse members, which are not read".to_owned())),
            _ => taken.size.unwrap_or(own_size),
        };
        let member = member_of(header, type_flag, taken, position, size);
        paths = paths.saturating_add(member.path.len());
        if paths > PATHS {
            return Err(ScanError::Bad(format!("its paths take more than {} MiB", PATHS >> 20)));
        }
        let mut body = Read::take(&mut *input, size);
        visit(&member, &mut body)?;
        let unread = body.limit();
        // Checked first: it also bounds the sum below.
        position = advance(position, size)?;
        input.pass(unread + padding(size))?;
    }
    Err(ScanError::Bad(format!("it has more than {MEMBERS} members")))
}

fn member_of(header: &tar::Header, type_flag: u8, taken: Extended, offset: u64, size: u64) -> Member {
    let raw = taken.path.unwrap_or_else(|| header.path_bytes().into_owned());
    let link = taken
        .link
        .or_else(|| header.link_name_bytes().map(std::borrow::Cow::into_owned));
    let link = link.and_then(|bytes| String::from_utf8(bytes).ok());
    let is_folder = raw.last() == Some(&b'/');
    let path = String::from_utf8(raw).ok().and_then(|text| normal(&text));
    let kind = match (type_flag, link) {
        _ if path.is_none() || is_folder => MemberKind::Other,
        (0 | b'0' | b'7', _) => MemberKind::File,
        (b'1', Some(link)) => normal(&link).map_or(MemberKind::Other, MemberKind::Hardlink),
        (b'2', Some(link)) => MemberKind::Symlink(link),
        _ => MemberKind::Other,
    };
    Member {
        path: path.unwrap_or_default(),
        kind,
        offset,
        size,
    }
}

/// A path without empty and `.` segments; `None` when it has `..` or nothing is left.
fn normal(path: &str) -> Option<String> {
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => return None,
            other => segments.push(other),
        }
    }
    (!segments.is_empty()).then(|| segments.join("/"))
}

fn read_block(input: &mut dyn Input) -> Result<Option<[u8; 512]>, ScanError> {
    let mut block = [0_u8; 512];
    let mut filled = 0;
    while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            // Some writers leave out the two empty blocks at the end.
            Ok(0) if filled == 0 => return Ok(None),
            Ok(0) => return Err(ScanError::Bad("it ends inside a header".to_owned())),
            Ok(n) => filled += n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e.into()),
        }
    }
    Ok(Some(block))
}

fn check_sum(header: &tar::Header, block: &[u8; 512], at: u64) -> Result<(), ScanError> {
    // The checksum counts its own eight bytes as spaces (POSIX ustar).
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(i, b)| if (148..156).contains(&i) { 32 } else { u32::from(*b) })
        .sum();
    match header.cksum() {
        Ok(found) if found == sum => Ok(()),
        _ if at == 0 => Err(ScanError::Bad("it is no tar archive".to_owned())),
        _ => Err(ScanError::Bad(format!("the header at byte {at} is damaged"))),
    }
}

fn read_extended(input: &mut dyn Input, flag: u8, size: u64, extended: &mut Extended) -> Result<(), ScanError> {
    if size > EXTENDED {
        return Err(ScanError::Bad(format!("it has an extended header of {size} bytes")));
    }
    let mut bytes = Vec::new();
    Read::take(&mut *input, size).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < size {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    input.pass(padding(size))?;
    match flag {
        b'L' | b'K' => {
            let text = bytes.split(|b| *b == 0).next().unwrap_or_default().to_vec();
            *(if flag == b'L' {
                &mut extended.path
            } else {
                &mut extended.link
            }) = Some(text);
        }
        b'x' => read_pax(&bytes, extended)?,
        // Global headers hold comments and times only, in what image tools write.
        _ => {}
    }
    Ok(())
}

/// Records of the form `LENGTH KEY=VALUE\n`.
fn read_pax(mut bytes: &[u8], extended: &mut Extended) -> Result<(), ScanError> {
    let bad = || ScanError::Bad("it has a malformed pax header".to_owned());
    while !bytes.is_empty() {
        let space = bytes.iter().position(|b| *b == b' ').ok_or_else(bad)?;
        let length: usize = bytes
            .get(..space)
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| digits.parse().ok())
            .ok_or_else(bad)?;
        let record = bytes
            .get(space + 1..length)
            .and_then(|r| r.strip_suffix(b"\n"))
            .ok_or_else(bad)?;
        let equals = record.iter().position(|b| *b == b'=').ok_or_else(bad)?;
        let (key, value) = (
            record.get(..equals).unwrap_or_default(),
            record.get(equals + 1..).unwrap_or_default(),
        );
        match key {
            b"path" => extended.path = Some(value.to_vec()),
            b"linkpath" => extended.link = Some(value.to_vec()),
            b"size" => {
                let size = std::str::from_utf8(value)
                    .ok()
                    .and_then(|digits| digits.parse().ok())
                    .ok_or_else(bad)?;
                extended.size = Some(size);
            }
            key if key.starts_with(b"GNU.sparse.") => {
                return Err(ScanError::Bad("it has sparse members, which are not read".to_owned()));
            }
            _ => {}
        }
        bytes = bytes.get(length..).unwrap_or_default();
    }
    Ok(())
}

fn padding(size: u64) -> u64 {
    (BLOCK - size % BLOCK) % BLOCK
}

fn advance(position: u64, size: u64) -> Result<u64, ScanError> {
    size.checked_add(padding(size))
        .and_then(|whole| position.checked_add(whole))
        .ok_or_else(|| ScanError::Bad("it has a member of an impossible size".to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a failed expectation is a failed test"
    )]
    use super::*;

    struct Memory(io::Cursor<Vec<u8>>);
    impl Read for Memory {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0.read(buffer)
        }
    }
    impl Input for Memory {
        fn pass(&mut self, count: u64) -> io::Result<()> {
            let passed = io::copy(&mut (&mut self.0).take(count), &mut io::sink())?;
            if passed == count {
                Ok(())
            } else {
                Err(io::ErrorKind::UnexpectedEof.into())
            }
        }
    }

    fn members(tar: Vec<u8>) -> Result<Vec<Member>, ScanError> {
        let mut all = Vec::new();
        scan(&mut Memory(io::Cursor::new(tar)), &mut |member, _| {
            all.push(member.clone());
            Ok(())
        })?;
        Ok(all)
    }

    fn builder() -> tar::Builder<Vec<u8>> {
        tar::Builder::new(Vec::new())
    }

    fn add(tar: &mut tar::Builder<Vec<u8>>, path: &str, bytes: &[u8]) {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, path, bytes).unwrap();
    }

    #[test]
    fn offsets_point_at_the_content_and_long_names_are_read() {
        let long = format!("{}/layer.tar", "x".repeat(200));
        let mut tar = builder();
        add(&mut tar, "./a", b"first");
        add(&mut tar, &long, &[7; 1000]);
        let bytes = tar.into_inner().unwrap();
        let all = members(bytes.clone()).unwrap();
        assert_eq!(
            all.iter().map(|m| m.path.as_str()).collect::<Vec<_>>(),
            ["a", long.as_str()]
        );
        let at = usize::try_from(all[1].offset).unwrap();
        assert_eq!(&bytes[at..at + 1000], &[7; 1000]);
    }

    #[test]
    fn pax_paths_and_sizes_win_over_the_header() {
        let mut tar = builder();
        tar.append_pax_extensions([("path", "renamed/ä".as_bytes()), ("size", b"3")])
            .unwrap();
        let mut header = tar::Header::new_ustar();
        header.set_path("short").unwrap();
        header.set_size(3);
        header.set_cksum();
        tar.append(&header, &b"abc"[..]).unwrap();
        let all = members(tar.into_inner().unwrap()).unwrap();
        assert_eq!((all[0].path.as_str(), all[0].size), ("renamed/ä", 3));
    }

    #[test]
    fn links_keep_their_targets_and_paths_that_climb_are_of_no_interest() {
        let mut tar = builder();
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        tar.append_link(&mut header, "b/layer.tar", "../a/layer.tar").unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(1);
        header.as_old_mut().name[..5].copy_from_slice(b"../up");
        header.set_cksum();
        tar.append(&header, &b"x"[..]).unwrap();
        let all = members(tar.into_inner().unwrap()).unwrap();
        assert_eq!(all[0].kind, MemberKind::Symlink("../a/layer.tar".to_owned()));
        assert_eq!(all[1].kind, MemberKind::Other);
    }

    #[test]
    fn hostile_and_broken_tars_are_errors() {
        let mut tar = builder();
        add(&mut tar, "a", &[1; 2000]);
        let good = tar.into_inner().unwrap();
        let mut flipped = good.clone();
        flipped[3] ^= 1;
        let mut huge_name = tar::Header::new_gnu();
        huge_name.set_entry_type(tar::EntryType::GNULongName);
        huge_name.set_size(u64::MAX / 2);
        huge_name.set_cksum();
        let mut huge_file = tar::Header::new_gnu();
        huge_file.set_size(u64::MAX);
        huge_file.set_cksum();
        for (what, bytes) in [
            ("not a tar", vec![b'x'; 1024]),
            ("flipped header", flipped),
            ("cut inside content", good[..1000].to_vec()),
            ("cut inside a header", good[..100].to_vec()),
            ("a long name without end", huge_name.as_bytes().to_vec()),
            ("a file without end", huge_file.as_bytes().to_vec()),
        ] {
            assert!(members(bytes).is_err(), "{what}");
        }
        let mut long_paths = builder();
        for _ in 0..40 {
            add(&mut long_paths, &"x/".repeat(500_000), b"");
        }
        assert!(members(long_paths.into_inner().unwrap()).is_err(), "paths without end");
        // Without the empty blocks at the end it is still whole.
        assert_eq!(members(good[..512 + 2048].to_vec()).unwrap().len(), 1);
    }
}
