//! Fixed VHDs for unit tests.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};

use camino::{Utf8Path, Utf8PathBuf};

/// A footer: disk type, data offset, current size; the checksum is right.
pub fn footer_of(disk_type: u32, data_offset: u64, size: u64) -> Vec<u8> {
    let mut bytes = vec![0_u8; 512];
    let mut put = |at: usize, field: &[u8]| bytes[at..at + field.len()].copy_from_slice(field);
    put(0, b"conectix");
    put(8, &2_u32.to_be_bytes());
    put(12, &0x0001_0000_u32.to_be_bytes());
    put(16, &data_offset.to_be_bytes());
    put(28, b"qem2");
    put(40, &size.to_be_bytes());
    put(48, &size.to_be_bytes());
    put(56, &[0xff, 0xff, 16, 255]);
    put(60, &disk_type.to_be_bytes());
    put(68, b"sixteen bytes id");
    sealed(bytes)
}

/// The same bytes with the right checksum.
pub fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    bytes[64..68].fill(0);
    let sum: u32 = bytes.iter().map(|byte| u32::from(*byte)).sum();
    bytes[64..68].copy_from_slice(&(!sum).to_be_bytes());
    bytes
}

/// The footer of a fixed VHD.
pub fn footer(size: u64) -> Vec<u8> {
    footer_of(2, u64::MAX, size)
}

/// Bytes made up from a seed; none of them zero.
pub fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        u8::try_from(state >> 56).unwrap() | 1
    };
    (0..length).map(|_| next()).collect()
}

/// Writes a fixed VHD with a disk of `size` bytes: holes but for these.
pub fn write(path: &Utf8Path, size: u64, data: &[(u64, &[u8])]) {
    let mut file = File::create(path).unwrap();
    file.set_len(size + 512).unwrap();
    for (at, bytes) in data.iter().copied().chain([(size, &footer(size)[..])]) {
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(bytes).unwrap();
    }
    file.sync_all().unwrap();
}

/// A scratch folder.
pub fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
    (folder, path)
}
