//! The footer of a VHD: its last 512 bytes (Microsoft, "Virtual Hard Disk Image Format Specification", "Hard Disk Footer
//! Format"). All numbers are big-endian.

use super::check::FOOTER;

/// What a footer begins with.
const COOKIE: &[u8] = b"conectix";

/// Where the checksum is.
const CHECKSUM: std::ops::Range<usize> = 64..68;

/// What a fixed VHD has for the offset of a dynamic header.
const NO_HEADER: u64 = u64::MAX;

/// What a footer says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Footer {
    /// Format version: major in the upper half, minor in the lower.
    pub version: u32,
    /// Where a dynamic VHD has its header.
    pub data_offset: u64,
    /// Who made it.
    pub creator: [u8; 4],
    /// Bytes of the disk.
    pub current_size: u64,
    /// 2 fixed, 3 dynamic, 4 differencing.
    pub disk_type: u32,
    /// Checksum as written.
    pub checksum: u32,
    /// Checksum as it should be: the ones' complement of the sum of all bytes, those of the checksum taken as zero.
    pub computed: u32,
}

impl Footer {
    /// Reads one; `None` where there is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let bytes = bytes.get(..FOOTER)?;
        if !bytes.starts_with(COOKIE) {
            return None;
        }
        let sum = bytes
            .iter()
            .enumerate()
            .filter(|(at, _)| !CHECKSUM.contains(at))
            .fold(0_u32, |sum, (_, byte)| sum.wrapping_add(u32::from(*byte)));
        Some(Self {
            version: u32_at(bytes, 12)?,
            data_offset: u64_at(bytes, 16)?,
            creator: bytes.get(28..32)?.try_into().ok()?,
            current_size: u64_at(bytes, 48)?,
            disk_type: u32_at(bytes, 60)?,
            checksum: u32_at(bytes, CHECKSUM.start)?,
            computed: !sum,
        })
    }

    /// Where in these bytes a footer begins that is not whole.
    pub fn begins_at(bytes: &[u8]) -> Option<usize> {
        bytes.windows(COOKIE.len()).position(|window| window == COOKIE)
    }

    /// Is the checksum right?
    pub fn is_sound(&self) -> bool {
        self.checksum == self.computed
    }

    /// Major version.
    pub fn major(&self) -> u32 {
        self.version >> 16
    }

    /// Minor version.
    pub fn minor(&self) -> u32 {
        self.version & 0xffff
    }

    /// A fixed disk with no header of a dynamic one?
    pub fn is_fixed(&self) -> bool {
        self.disk_type == 2 && self.data_offset == NO_HEADER
    }

    /// A sound footer of a fixed VHD of so many bytes, footer included?
    pub fn closes(&self, length: u64) -> bool {
        self.is_sound() && self.is_fixed() && self.current_size.checked_add(FOOTER as u64) == Some(length)
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_be_bytes(bytes.get(at..at + 8)?.try_into().ok()?))
}
