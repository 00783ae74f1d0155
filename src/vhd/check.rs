//! Is a file a disk image that Azure takes? Eight checks, in their order, each with what was found and the way to repair it.
//!
//! Azure takes fixed VHDs whose disk is a whole number of MiB ("Prepare a Windows VHD or VHDX to upload to Azure"), as page blobs
//! of at most 8 TiB ("Understanding block blobs, append blobs, and page blobs"). What follows from a problem is not told beside it: a
//! dynamic VHD has another length than its footer says, and nobody is helped by reading both.
//!
//! The disk's geometry (cylinders, heads, sectors) is not looked at: tools write the largest one whatever the size.

use std::fs::File;

use camino::Utf8Path;

use super::footer::Footer;
use super::format::Format;
use super::open::{open_image, read_exact_at};
use super::repair::{Input, in_mib, raw_to_fixed};
use crate::fault::Fault;

/// Bytes of a footer.
pub const FOOTER: usize = 512;

/// First bytes that are looked at.
pub const HEAD: usize = 512;

/// The shortest VHD: one MiB and the footer.
pub const MIN_LENGTH: u64 = MIB + FOOTER as u64;

/// The longest page blob: 8 TiB (REST reference, "Put Blob", `x-ms-blob-content-length`).
pub const MAX_LENGTH: u64 = 8 << 40;

const MIB: u64 = 1 << 20;

/// One thing that is wrong with a disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable word for it: `too-short`, `dynamic`, …
    pub code: &'static str,
    /// What is wrong and what was found.
    pub message: String,
    /// How to repair it: a command where there is one, else what to do.
    pub repair: String,
}

impl Problem {
    fn new(code: &'static str, message: impl Into<String>, repair: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
            repair: repair.into(),
        }
    }
}

/// Problems as errors with hints, for people. `name` is what the image is called. A repair that was told is not told again.
pub fn faults(name: &str, problems: &[Problem]) -> Vec<Fault> {
    let mut told: Vec<&str> = Vec::new();
    let mut faults = Vec::new();
    for problem in problems {
        let repair = problem.repair.as_str();
        let hint = if told.contains(&repair) {
            "repaired by the commands above"
        } else {
            told.push(repair);
            repair
        };
        faults.push(Fault::invalid(format!("{name}: {}", problem.message)).hint(hint));
    }
    faults
}

/// Checks a file. Problems are not an error; a file that cannot be read is, and so is what is no file or has 0 bytes.
pub fn check_file(path: &Utf8Path) -> Result<Vec<Problem>, Fault> {
    check_open(&open_image(path)?, path)
}

/// Checks a file that is open. `path` is what it is called.
pub fn check_open(file: &File, path: &Utf8Path) -> Result<Vec<Problem>, Fault> {
    let length = super::FileIdentity::of_open(file, path)?.length;
    let read = |offset: u64, most: usize| {
        let room = usize::try_from(length - offset).unwrap_or(usize::MAX).min(most);
        let mut bytes = vec![0; room];
        read_exact_at(file, path, &mut bytes, offset).map(|()| bytes)
    };
    let head = read(0, HEAD)?;
    let footer = read(length.saturating_sub(FOOTER as u64), FOOTER)?;
    Ok(check_parts(path.as_str(), length, &head, &footer))
}

/// The same from its length, its first [`HEAD`] bytes and its last [`FOOTER`]: for an image that is read over the network.
/// `name` is what repair commands call it.
pub fn check_parts(name: &str, length: u64, head: &[u8], footer: &[u8]) -> Vec<Problem> {
    let footer = Last {
        bytes: footer,
        parsed: Footer::parse(footer),
    };
    if let Some(problem) = another_format(name, length, head, &footer) {
        return vec![problem];
    }
    let mut problems = lengths(name, length);
    if length >= FOOTER as u64 {
        match &footer.parsed {
            None => problems.push(no_footer(name, length, &footer)),
            Some(found) => in_footer(name, length, found, &mut problems),
        }
    }
    problems
}

/// The last bytes, and the footer where they are one.
struct Last<'a> {
    bytes: &'a [u8],
    parsed: Option<Footer>,
}

/// Checks that need the length alone.
fn lengths(name: &str, length: u64) -> Vec<Problem> {
    let mut problems = Vec::new();
    if length < MIN_LENGTH {
        problems.push(Problem::new(
            "too-short",
            format!("{length} bytes: the smallest disk image has {MIN_LENGTH}, one MiB and a footer of {FOOTER} bytes"),
            if length < FOOTER as u64 {
                "this is no disk image: name another file".to_owned()
            } else {
                raw_to_fixed(name, length)
            },
        ));
    }
    if length > FOOTER as u64 && !length.is_multiple_of(512) {
        problems.push(Problem::new(
            "not-512",
            format!("{length} bytes: no multiple of 512, {} over", length % 512),
            format!(
                "copy or download it again whole; where it is a raw image:\n{}",
                raw_to_fixed(name, length)
            ),
        ));
    }
    if length > MAX_LENGTH {
        problems.push(Problem::new(
            "too-large",
            format!("{length} bytes: a page blob has at most {MAX_LENGTH}, 8 TiB"),
            "make the disk smaller: shrink its partitions and file systems first, then the image",
        ));
    }
    problems
}

/// Another format, by its first bytes.
fn another_format(name: &str, length: u64, head: &[u8], last: &Last) -> Option<Problem> {
    let wrapped = last.parsed.as_ref().is_some_and(|footer| footer.closes(length));
    Some(match Format::of(head)? {
        Format::Other {
            code, name: what, qemu, ..
        } if wrapped => Problem::new(
            code,
            format!("a fixed VHD around {what}: it was converted as if it were a raw image"),
            format!(
                "convert the original again, by its own format, `-f {qemu}`:\n{}",
                Input::of(&format!("ORIGINAL.{qemu}"), qemu).to_fixed(None)
            ),
        ),
        Format::Other {
            code,
            name: what,
            qemu,
            size,
        } => Problem::new(
            code,
            format!("{what}, by its first bytes: Azure takes fixed VHDs"),
            Input::of(name, qemu).to_fixed(size),
        ),
        // What a disk begins with is its own affair, where all else is right.
        Format::Compressed { .. } if wrapped => return None,
        Format::Compressed { name: what, unpack } => Problem::new(
            "compressed",
            format!("compressed ({what}), by its first bytes: Azure takes fixed VHDs"),
            format!("unpack it first:\n{unpack} {}", super::repair::shell_word(name)),
        ),
        // A file of nothing but a fixed disk's footer is only too short.
        Format::SparseVhd(copy) => sparse_vhd(name, length, &copy, last)?,
    })
}

/// A dynamic or differencing VHD, by the copy of its footer at its start.
fn sparse_vhd(name: &str, length: u64, copy: &Footer, last: &Last) -> Option<Problem> {
    match &last.parsed {
        Some(footer) if footer.closes(length) => Some(Problem::new(
            "dynamic",
            "a fixed VHD around another VHD: it was converted as if it were a raw image",
            format!(
                "convert the original again, by its own format, `-f vpc`:\n{}",
                Input::vhd("ORIGINAL.vhd", copy).to_fixed(None)
            ),
        )),
        _ if length <= FOOTER as u64 => None,
        _ => Some(not_fixed(name, copy).unwrap_or_else(|| {
            Problem::new(
                "dynamic",
                "a footer at its start, as dynamic VHDs have it: Azure takes fixed ones",
                Input::vhd(name, copy).to_fixed(Some(copy.current_size)),
            )
        })),
    }
}

/// What a footer's disk type says, where it is not 2.
fn not_fixed(name: &str, footer: &Footer) -> Option<Problem> {
    match footer.disk_type {
        2 => None,
        3 => Some(Problem::new(
            "dynamic",
            "a dynamic VHD (disk type 3): Azure takes fixed ones",
            Input::vhd(name, footer).to_fixed(Some(footer.current_size)),
        )),
        4 => Some(Problem::new(
            "differencing",
            "a differencing VHD (disk type 4), which holds only what differs from its parent: Azure takes fixed ones",
            "merge it into its parent with Hyper-V's `Merge-VHD`, then `Convert-VHD -VHDType Fixed`",
        )),
        other => Some(Problem::new(
            "type",
            format!("disk type {other} in the footer: a fixed VHD has 2"),
            "make it again from the original disk",
        )),
    }
}

fn no_footer(name: &str, length: u64, last: &Last) -> Problem {
    let again = "copy or download it again whole";
    match Footer::begins_at(last.bytes) {
        Some(at) => Problem::new(
            "no-footer",
            format!("the footer begins {at} bytes too late: {at} bytes are missing at the end"),
            again,
        ),
        None => Problem::new(
            "no-footer",
            "no VHD footer in the last 512 bytes: a raw image, or a VHD that was cut",
            format!(
                "where it is a raw image:\n{}\nwhere it is a VHD that was cut: {again}",
                raw_to_fixed(name, length)
            ),
        ),
    }
}

/// Checks of what the footer says.
fn in_footer(name: &str, length: u64, footer: &Footer, problems: &mut Vec<Problem>) {
    let disk = length - FOOTER as u64;
    if !footer.is_sound() {
        // Nothing else in it can be trusted. The length can.
        problems.push(Problem::new(
            "checksum",
            format!(
                "the footer's checksum is {:#010x} where its bytes give {:#010x}: it was damaged",
                footer.checksum, footer.computed
            ),
            "copy or download it again whole, or make it again from the original disk",
        ));
        if length.is_multiple_of(512) && !disk.is_multiple_of(MIB) && length >= MIN_LENGTH {
            problems.push(misaligned(name, footer, disk));
        }
        return;
    }
    if footer.major() != 1 {
        problems.push(Problem::new(
            "version",
            format!(
                "VHD version {}.{} in the footer: 1.x is known",
                footer.major(),
                footer.minor()
            ),
            "make it again from the original disk",
        ));
    }
    if let Some(problem) = not_fixed(name, footer) {
        problems.push(problem);
        return;
    }
    if !footer.is_fixed() {
        problems.push(Problem::new(
            "data-offset",
            format!(
                "data offset {:#x} in the footer: a fixed VHD has none (all bits set)",
                footer.data_offset
            ),
            Input::vhd(name, footer).to_fixed(Some(footer.current_size)),
        ));
    }
    if footer.current_size != disk {
        problems.push(wrong_size(name, footer, disk));
    }
    if !footer.current_size.is_multiple_of(MIB) {
        problems.push(misaligned(name, footer, footer.current_size));
    }
}

fn wrong_size(name: &str, footer: &Footer, disk: u64) -> Problem {
    let size = footer.current_size;
    let message = format!("a disk of {size} bytes in the footer, and {disk} bytes before it");
    if size > disk {
        Problem::new(
            "size",
            format!("{message}: {} are missing", size - disk),
            "copy or download it again whole",
        )
    } else {
        Problem::new(
            "size",
            format!("{message}: {} too many", disk - size),
            Input::vhd(name, footer).to_fixed(Some(size)),
        )
    }
}

fn misaligned(name: &str, footer: &Footer, size: u64) -> Problem {
    Problem::new(
        "not-mib",
        format!(
            "a disk of {size} bytes, no whole number of MiB: {} is the next ({})",
            size.div_ceil(MIB).saturating_mul(MIB),
            in_mib(size)
        ),
        Input::vhd(name, footer).to_fixed(Some(size)),
    )
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod tests;
