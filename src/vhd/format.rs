//! What a file is by its first bytes, where it is none that Azure takes.

use super::footer::{Footer, u64_at};

/// A format that is known by its first bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Format {
    /// A disk image of another format.
    Other {
        /// A stable word.
        code: &'static str,
        /// Its name for people.
        name: &'static str,
        /// `qemu-img`'s word.
        qemu: &'static str,
        /// Bytes of the disk, where the head tells.
        size: Option<u64>,
    },
    /// Something compressed.
    Compressed {
        /// Its name for people.
        name: &'static str,
        /// The command that unpacks it.
        unpack: &'static str,
    },
    /// The copy of the footer that dynamic and differencing VHDs begin with.
    SparseVhd(Footer),
}

impl Format {
    /// Looks at the first bytes; `None` when they say nothing, as a disk's own do.
    pub fn of(head: &[u8]) -> Option<Self> {
        if let Some(footer) = Footer::parse(head) {
            return Some(Self::SparseVhd(footer));
        }
        let other = |code, name, qemu, size| Some(Self::Other { code, name, qemu, size });
        let compressed = |name, unpack| Some(Self::Compressed { name, unpack });
        if head.starts_with(b"vhdxfile") {
            other("vhdx", "a VHDX", "vhdx", None)
        } else if head.starts_with(b"QFI\xfb") {
            other("qcow2", "a qcow2 image", "qcow2", u64_at(head, 24))
        } else if head.starts_with(b"KDMV") {
            // Capacity in sectors, little-endian ("Virtual Disk Format 5.0", SparseExtentHeader).
            let sectors = u64_at(head, 12).map(u64::swap_bytes);
            other(
                "vmdk",
                "a VMDK",
                "vmdk",
                sectors.and_then(|sectors| sectors.checked_mul(512)),
            )
        } else if head.starts_with(b"# Disk DescriptorFile") {
            other(
                "vmdk",
                "a VMDK descriptor, a text that names the disk's files,",
                "vmdk",
                None,
            )
        } else if head.get(64..68) == Some(&[0x7f, 0x10, 0xda, 0xbe]) {
            other("vdi", "a VDI", "vdi", u64_at(head, 368).map(u64::swap_bytes))
        } else if head.starts_with(&[0x1f, 0x8b]) {
            compressed("gzip", "gunzip --keep")
        } else if head.starts_with(b"\xfd7zXZ\0") {
            compressed("xz", "unxz --keep")
        } else if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
            compressed("zstd", "unzstd")
        } else if head.starts_with(b"PK\x03\x04") {
            compressed("a zip archive", "unzip")
        } else {
            None
        }
    }
}
