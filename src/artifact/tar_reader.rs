//! Reads a tar entry by entry, as a stream: POSIX ustar and pax (IEEE 1003.1, `pax`), GNU long names and sizes.
//!
//! Untrusted: extended headers are bounded, names are bytes until somebody judges them, nothing is written. The reader of
//! `archive` refuses links, which folders of artifacts may hold; the `tar` crate's reads extended headers of any size
//! into memory.

use std::io::{self, Read};

/// Largest extended header (long name, pax records), in bytes.
const EXTENDED: u64 = 1024 * 1024;
const BLOCK: usize = 512;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum EntryKind {
    File {
        executable: bool,
    },
    Folder,
    Symlink(Vec<u8>),
    Hardlink(Vec<u8>),
    /// A device, a pipe, a sparse file: what it is in words.
    Other(&'static str),
}

/// One entry; its content, `size` bytes, is read from the reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub name: Vec<u8>,
    pub kind: EntryKind,
    pub size: u64,
}

/// A tar that is read from front to back.
pub(super) struct TarReader<R> {
    inner: R,
    /// Content of the present entry that was not read yet.
    left: u64,
    /// Padding after it.
    padding: u64,
}

#[derive(Default)]
struct Extended {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    size: Option<u64>,
}

impl<R: Read> TarReader<R> {
    pub fn new(inner: R) -> Self {
        Self {
            inner,
            left: 0,
            padding: 0,
        }
    }

    /// The next entry; `None` at the end. What was not read of the one before is passed over.
    pub fn next_entry(&mut self) -> io::Result<Option<Entry>> {
        let mut extended = Extended::default();
        loop {
            let rest = self.left + self.padding;
            if io::copy(&mut (&mut self.inner).take(rest), &mut io::sink())? < rest {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            (self.left, self.padding) = (0, 0);
            let Some(header) = self.header()? else { return Ok(None) };
            let size = header.entry_size()?;
            let type_byte = header.entry_type().as_byte();
            match type_byte {
                b'L' => extended.path = Some(self.long_name(size)?),
                b'K' => extended.link = Some(self.long_name(size)?),
                b'x' => self.pax(size, &mut extended)?,
                // Defaults for all that follows: none of them is of any use here.
                b'g' => drop(self.extension(size)?),
                _ => return self.entry(&header, extended, size).map(Some),
            }
        }
    }

    /// What is left of an archive whose end was reached, up to the end of the stream.
    pub fn into_inner(self) -> R {
        self.inner
    }

    fn header(&mut self) -> io::Result<Option<tar::Header>> {
        let mut block = [0_u8; BLOCK];
        let mut filled = 0;
        while let Some(rest) = block.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.inner.read(rest) {
                Ok(0) if filled == 0 => return Ok(None),
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(read) => filled += read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        if block.iter().all(|byte| *byte == 0) {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(&block).clone();
        // The sum of all bytes, the eight of the sum itself counted as blanks.
        let sum: u32 = block
            .iter()
            .enumerate()
            .map(|(at, byte)| u32::from(if (148..156).contains(&at) { b' ' } else { *byte }))
            .sum();
        if header.cksum().ok() != Some(sum) {
            return Err(bad("a header's checksum is wrong"));
        }
        Ok(Some(header))
    }

    fn entry(&mut self, header: &tar::Header, extended: Extended, size: u64) -> io::Result<Entry> {
        let name = match extended.path {
            Some(path) => path,
            None => header.path_bytes().into_owned(),
        };
        let link = match extended.link {
            Some(link) => link,
            None => header
                .link_name_bytes()
                .map(std::borrow::Cow::into_owned)
                .unwrap_or_default(),
        };
        let folder_like = name.ends_with(b"/");
        let kind = match header.entry_type().as_byte() {
            // Before POSIX a final slash was all that told a folder.
            b'0' | b'\0' if folder_like => EntryKind::Folder,
            b'0' | b'\0' | b'7' => EntryKind::File {
                executable: header.mode().is_ok_and(|mode| mode & 0o100 != 0),
            },
            b'1' => EntryKind::Hardlink(link),
            b'2' => EntryKind::Symlink(link),
            b'3' | b'4' => EntryKind::Other("a device"),
            b'5' => EntryKind::Folder,
            b'6' => EntryKind::Other("a pipe"),
            b'S' => EntryKind::Other("a sparse file"),
            _ => EntryKind::Other("of an unknown kind"),
        };
        let size = extended.size.unwrap_or(size);
        // Links and folders have no content, whatever their header claims (POSIX says to ignore it for links).
        let size = match kind {
            EntryKind::File { .. } | EntryKind::Other(_) => size,
            _ if size == 0 => 0,
            EntryKind::Symlink(_) | EntryKind::Hardlink(_) => {
                return Err(bad("a link has content"));
            }
            EntryKind::Folder => size,
        };
        self.expect(size);
        Ok(Entry { name, kind, size })
    }

    fn expect(&mut self, size: u64) {
        let block = BLOCK as u64;
        self.left = size;
        self.padding = (block - size % block) % block;
    }

    /// The content of an extended header.
    fn extension(&mut self, size: u64) -> io::Result<Vec<u8>> {
        if size > EXTENDED {
            return Err(bad("an extended header is larger than 1 MiB"));
        }
        self.expect(size);
        let mut bytes = Vec::new();
        self.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// GNU: the name, ended by a NUL.
    fn long_name(&mut self, size: u64) -> io::Result<Vec<u8>> {
        let mut name = self.extension(size)?;
        if name.last() == Some(&0) {
            name.pop();
        }
        Ok(name)
    }

    /// pax records: `LENGTH KEY=VALUE\n`, the length counting itself.
    fn pax(&mut self, size: u64, extended: &mut Extended) -> io::Result<()> {
        let bytes = self.extension(size)?;
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let record = pax_record(rest).ok_or_else(|| bad("a pax record is malformed"))?;
            match record.key {
                b"path" => extended.path = Some(record.value.to_vec()),
                b"linkpath" => extended.link = Some(record.value.to_vec()),
                b"size" => {
                    let digits = std::str::from_utf8(record.value).ok();
                    let size = digits.and_then(|digits| digits.parse().ok());
                    extended.size = Some(size.ok_or_else(|| bad("a pax record has a size that is no number"))?);
                }
                key if key.starts_with(b"GNU.sparse.") => return Err(bad("it holds a sparse file")),
                _ => {}
            }
            rest = record.rest;
        }
        Ok(())
    }
}

/// The content of the present entry.
impl<R: Read> Read for TarReader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let read = (&mut self.inner).take(self.left).read(buffer)?;
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        Ok(read)
    }
}

struct PaxRecord<'a> {
    key: &'a [u8],
    value: &'a [u8],
    rest: &'a [u8],
}

fn pax_record(bytes: &[u8]) -> Option<PaxRecord<'_>> {
    let blank = bytes.iter().take(20).position(|b| *b == b' ')?;
    let length: usize = std::str::from_utf8(bytes.get(..blank)?).ok()?.parse().ok()?;
    let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|b| *b == b'=')?;
    Some(PaxRecord {
        key: record.get(..equals)?,
        value: record.get(equals + 1..)?,
        rest: bytes.get(length..)?,
    })
}

fn bad(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn header(kind: u8, name: &str, size: u64) -> tar::Header {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_entry_type(tar::EntryType::new(kind));
        header.set_mode(0o4755);
        header.set_size(size);
        header.set_cksum();
        header
    }

    fn tar(parts: &[(tar::Header, &[u8])]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (header, content) in parts {
            bytes.extend_from_slice(header.as_bytes());
            bytes.extend_from_slice(content);
            bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        }
        bytes.resize(bytes.len() + 2 * BLOCK, 0);
        bytes
    }

    fn all(bytes: &[u8]) -> io::Result<Vec<(String, EntryKind, String)>> {
        let mut reader = TarReader::new(bytes);
        let mut entries = Vec::new();
        while let Some(entry) = reader.next_entry()? {
            let mut content = String::new();
            reader.read_to_string(&mut content)?;
            assert_eq!(content.len() as u64, entry.size);
            entries.push((String::from_utf8(entry.name).unwrap(), entry.kind, content));
        }
        Ok(entries)
    }

    #[test]
    fn what_the_tar_crate_writes_is_read_back() {
        let long = "x/".repeat(150) + "end";
        let mut builder = tar::Builder::new(Vec::new());
        let mut file = tar::Header::new_gnu();
        file.set_mode(0o644);
        file.set_size(5);
        builder.append_data(&mut file, &long, &b"hello"[..]).unwrap();
        let mut link = tar::Header::new_gnu();
        link.set_entry_type(tar::EntryType::Symlink);
        link.set_size(0);
        builder.append_link(&mut link, "l", &long).unwrap();
        let bytes = builder.into_inner().unwrap();
        let file = EntryKind::File { executable: false };
        assert_eq!(
            all(&bytes).unwrap(),
            [
                (long.clone(), file, "hello".to_owned()),
                ("l".to_owned(), EntryKind::Symlink(long.into_bytes()), String::new()),
            ]
        );
    }

    #[test]
    fn pax_records_give_path_link_and_size() {
        let records = b"14 path=./p/q\n14 linkpath=t\n9 size=3\n20 mtime=1700000000\n";
        // A header that says 0 bytes; the record says 3.
        let bytes = tar(&[
            (header(b'x', "ignored", records.len() as u64), records),
            (header(b'0', "short", 0), b"abc"),
        ]);
        let file = EntryKind::File { executable: true };
        assert_eq!(all(&bytes).unwrap(), [("./p/q".to_owned(), file, "abc".to_owned())]);
    }

    #[test]
    fn kinds_are_told_apart() {
        let bytes = tar(&[
            (header(b'5', "d/", 0), b""),
            (header(b'\0', "old/", 0), b""),
            (header(b'3', "null", 0), b""),
            (header(b'6', "pipe", 0), b""),
            (header(b'S', "sparse", 0), b""),
            (header(b'Z', "what", 0), b""),
        ]);
        let kinds: Vec<EntryKind> = all(&bytes).unwrap().into_iter().map(|(_, kind, _)| kind).collect();
        assert_eq!(
            kinds,
            [
                EntryKind::Folder,
                EntryKind::Folder,
                EntryKind::Other("a device"),
                EntryKind::Other("a pipe"),
                EntryKind::Other("a sparse file"),
                EntryKind::Other("of an unknown kind"),
            ]
        );
    }

    #[test]
    fn damaged_tars_are_errors_and_never_panics() {
        let good = tar(&[(header(b'0', "a", 3), b"abc"), (header(b'0', "b", 600), &[7; 600])]);
        for end in (0..good.len() - 2 * BLOCK).step_by(100) {
            // Cut between entries is an end: the whole is verified by its digest elsewhere.
            let whole = end % BLOCK == 0 && [0, 2 * BLOCK].contains(&end);
            assert_eq!(all(&good[..end]).is_ok(), whole, "{end}");
        }
        for at in 0..BLOCK {
            let mut flipped = good.clone();
            flipped[at] ^= 0x55;
            assert!(all(&flipped).is_err(), "{at}");
        }
        for records in [
            &b"99 path=x\n"[..],
            b"x path=y\n",
            b"8 path=x\n",
            b"",
            b"7 pathx\n",
            b"13 size=-1234\n",
        ] {
            let bytes = tar(&[
                (header(b'x', "", records.len() as u64), records),
                (header(b'0', "a", 0), b""),
            ]);
            assert_eq!(all(&bytes).is_ok(), records.is_empty(), "{records:?}");
        }
        for kind in [b'x', b'L', b'K', b'g'] {
            let mut bytes = header(kind, "", 9_000_000_000).as_bytes().to_vec();
            bytes.extend_from_slice(&[b'a'; 4096]);
            let error = all(&bytes).unwrap_err();
            assert!(error.to_string().contains("larger than 1 MiB"), "{error}");
        }
    }
}
