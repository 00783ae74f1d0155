//! Which kind of archive some bytes are: told by their content, never by a file's name.

use std::io::{self, Read};

/// What the first bytes say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// A tar, not compressed.
    Tar,
    /// gzip (RFC 1952), presumably around a tar.
    Gzip,
    /// Neither.
    Other,
}

/// Offset of `ustar` in a tar header (POSIX.1-1988; GNU tar writes it too).
const USTAR_AT: usize = 257;

/// Reads at most 512 bytes and says what they begin.
pub fn detect(reader: impl Read) -> io::Result<Format> {
    let mut head = Vec::with_capacity(512);
    reader.take(512).read_to_end(&mut head)?;
    Ok(of_head(&head))
}

/// As [`detect`], for bytes at hand.
pub(super) fn of_head(head: &[u8]) -> Format {
    if head.starts_with(&[0x1f, 0x8b]) {
        return Format::Gzip;
    }
    let marked = head.get(USTAR_AT..USTAR_AT + 5) == Some(b"ustar");
    // An empty tar is nothing but zero blocks; the oldest tars carry no mark, only a checksum.
    let zeros = head.len() == 512 && head.iter().all(|b| *b == 0);
    if marked || zeros || checksum_holds(head) {
        Format::Tar
    } else {
        Format::Other
    }
}

/// The header checksum of tar: the sum of all bytes, its own eight counted as blanks.
fn checksum_holds(head: &[u8]) -> bool {
    let (Some(block), Some(field)) = (head.get(..512), head.get(148..156)) else {
        return false;
    };
    let digits: String = field
        .iter()
        .map(|b| char::from(*b))
        .skip_while(|c| *c == ' ')
        .take_while(char::is_ascii_digit)
        .collect();
    let Ok(wanted) = u32::from_str_radix(&digits, 8) else {
        return false;
    };
    let sum: u32 = block
        .iter()
        .enumerate()
        .map(|(at, byte)| {
            if (148..156).contains(&at) {
                u32::from(b' ')
            } else {
                u32::from(*byte)
            }
        })
        .sum();
    sum == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_content_decides_and_not_the_name() {
        assert_eq!(of_head(&[0x1f, 0x8b, 8, 0]), Format::Gzip);
        assert_eq!(of_head(b"apiVersion: v2"), Format::Other);
        assert_eq!(of_head(b""), Format::Other);
        assert_eq!(of_head(&[0; 512]), Format::Tar);
        let mut header = tar::Header::new_old();
        header.set_size(0);
        header.set_cksum();
        assert_eq!(
            of_head(header.as_bytes()),
            Format::Tar,
            "a header without the ustar mark"
        );
        assert_eq!(of_head(&[b'a'; 512]), Format::Other);
    }
}
