//! Disk images made up from a seed: good fixed VHDs, and everything that is none.
//!
//! Written from the format's public description, with no code of the product.

use std::fs::File;
use std::io::{Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::image::random_bytes;
use super::tools;

pub const MIB: u64 = 1 << 20;

/// A fixed VHD to be: holes, but for what is put into it.
#[derive(Debug, Clone)]
pub struct Vhd {
    /// Bytes of the disk; the file has 512 more.
    pub size: u64,
    parts: Vec<Part>,
    footer: Vec<u8>,
}

#[derive(Debug, Clone)]
enum Part {
    Bytes(u64, Vec<u8>),
    Random { at: u64, length: usize, seed: u64 },
    Zeros { at: u64, length: u64 },
}

impl Vhd {
    /// An empty disk of so many bytes.
    pub fn new(size: u64) -> Self {
        Self {
            size,
            parts: Vec::new(),
            footer: footer(size),
        }
    }

    /// These bytes at an offset.
    pub fn bytes(mut self, at: u64, bytes: impl Into<Vec<u8>>) -> Self {
        self.parts.push(Part::Bytes(at, bytes.into()));
        self
    }

    /// Random bytes at an offset; the same seed, the same bytes.
    pub fn random(mut self, at: u64, length: usize, seed: u64) -> Self {
        self.parts.push(Part::Random { at, length, seed });
        self
    }

    /// Zeros that are written: no hole.
    pub fn zeros(mut self, at: u64, length: u64) -> Self {
        self.parts.insert(0, Part::Zeros { at, length });
        self
    }

    /// The same content with no hole at all.
    pub fn without_holes(self) -> Self {
        let size = self.size;
        self.zeros(0, size)
    }

    /// Many runs of random bytes, spread over the disk by a seed.
    pub fn scattered(mut self, runs: u64, length: usize, seed: u64) -> Self {
        let room = self.size / runs;
        for run in 0..runs {
            let dice = random_bytes(seed.wrapping_mul(7919).wrapping_add(run), 8);
            let dice = u64::from_le_bytes(dice.try_into().expect("8 bytes"));
            let at = run * room + dice % (room - length as u64) / 512 * 512;
            self = self.random(at, length, seed.wrapping_add(run));
        }
        self
    }

    /// Another footer.
    pub fn footer(mut self, footer: Vec<u8>) -> Self {
        self.footer = footer;
        self
    }

    /// Writes it to a file.
    pub fn write(&self, path: &Path) {
        let mut file = File::create(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        file.set_len(self.size + 512).expect("room");
        let mut put = |at: u64, bytes: &[u8]| {
            file.seek(SeekFrom::Start(at)).expect("an offset");
            file.write_all(bytes).expect("room");
        };
        for part in &self.parts {
            match part {
                Part::Bytes(at, bytes) => put(*at, bytes),
                Part::Random { at, length, seed } => put(*at, &random_bytes(*seed, *length)),
                Part::Zeros { at, length } => {
                    let zeros = vec![0; 1 << 20];
                    let mut done = 0;
                    while done < *length {
                        let now = (*length - done).min(MIB);
                        put(at + done, &zeros[..now as usize]);
                        done += now;
                    }
                }
            }
        }
        put(self.size, &self.footer);
        file.sync_all().expect("a disk");
    }

    /// The whole file, for small ones.
    pub fn content(&self) -> Vec<u8> {
        let mut content = vec![0; (self.size + 512) as usize];
        let mut put = |at: u64, bytes: &[u8]| content[at as usize..][..bytes.len()].copy_from_slice(bytes);
        for part in &self.parts {
            match part {
                Part::Bytes(at, bytes) => put(*at, bytes),
                Part::Random { at, length, seed } => put(*at, &random_bytes(*seed, *length)),
                Part::Zeros { .. } => {}
            }
        }
        put(self.size, &self.footer);
        content
    }
}

/// The footer of a fixed VHD whose disk has so many bytes.
pub fn footer(size: u64) -> Vec<u8> {
    footer_of(2, u64::MAX, size)
}

/// A footer with a right checksum.
pub fn footer_of(disk_type: u32, data_offset: u64, size: u64) -> Vec<u8> {
    let mut footer = b"conectix".to_vec();
    footer.extend_from_slice(&2_u32.to_be_bytes()); // features: reserved, always set
    footer.extend_from_slice(&0x0001_0000_u32.to_be_bytes()); // version
    footer.extend_from_slice(&data_offset.to_be_bytes());
    footer.extend_from_slice(&700_000_000_u32.to_be_bytes()); // seconds since 2000
    footer.extend_from_slice(b"win \0\x06\0\x03Wi2k"); // creator, its version, its system
    footer.extend_from_slice(&size.to_be_bytes()); // original
    footer.extend_from_slice(&size.to_be_bytes()); // current
    footer.extend_from_slice(&[0xff, 0xff, 16, 255]); // geometry
    footer.extend_from_slice(&disk_type.to_be_bytes());
    footer.extend_from_slice(&[0; 4]); // checksum
    footer.extend_from_slice(b"an id of 16 byte");
    footer.resize(512, 0);
    sealed(footer)
}

/// The same footer with the right checksum.
pub fn sealed(mut footer: Vec<u8>) -> Vec<u8> {
    footer[64..68].fill(0);
    let sum: u32 = footer.iter().map(|byte| u32::from(*byte)).sum();
    footer[64..68].copy_from_slice(&(!sum).to_be_bytes());
    footer
}

/// The content digest of a file: the definition, in its simplest form.
pub fn content_digest(content: &[u8]) -> String {
    let mut digests = Vec::new();
    for piece in content.chunks(4 << 20) {
        digests.extend_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, piece).as_ref());
    }
    super::sha256(&digests)
}

/// What is no disk image for Azure, by the code it should be refused with.
pub const BAD: [&str; 20] = [
    "too-short",
    "not-512",
    "vhdx",
    "qcow2",
    "wrapped-qcow2",
    "vmdk",
    "vdi",
    "compressed",
    "raw",
    "cut-by-512",
    "cut-by-100",
    "checksum",
    "version",
    "dynamic",
    "differencing",
    "type",
    "data-offset",
    "size-short",
    "size-long",
    "not-mib",
];

/// Writes one of [`BAD`]; the codes it should be refused with.
pub fn write_bad(what: &str, path: &Path) -> &'static [&'static str] {
    const DISK: u64 = 2 * MIB;
    let good = Vhd::new(DISK).random(0, 70_000, 1);
    let whole = good.content();
    let magic = |bytes: &[u8], length: usize| {
        let mut file = bytes.to_vec();
        file.resize(length, 0);
        file
    };
    let with_footer = |footer: Vec<u8>| good.clone().footer(footer).content();
    let changed = |at: usize, field: &[u8]| {
        let mut bytes = footer(DISK);
        bytes[at..at + field.len()].copy_from_slice(field);
        with_footer(sealed(bytes))
    };
    let sparse = |disk_type: u32| {
        let copy = footer_of(disk_type, 512, DISK);
        [copy.clone(), magic(b"cxsparse", 1536), copy].concat()
    };
    let (bytes, codes): (Vec<u8>, &'static [&'static str]) = match what {
        "too-short" => (b"hello".to_vec(), &["too-short"]),
        "not-512" => (whole[..whole.len() - 512 - 12].to_vec(), &["not-512", "no-footer"]),
        "vhdx" => (magic(b"vhdxfile", 4 << 20), &["vhdx"]),
        "qcow2" => (magic(b"QFI\xfb\0\0\0\x03", 196_616), &["qcow2"]),
        "wrapped-qcow2" => (Vhd::new(DISK).bytes(0, *b"QFI\xfb\0\0\0\x03").content(), &["qcow2"]),
        "vmdk" => (magic(b"KDMV\x01\0\0\0", 65_536), &["vmdk"]),
        "vdi" => {
            let mut head = magic(b"<<< Oracle VM VirtualBox Disk Image >>>\n", 2 << 20);
            head[64..68].copy_from_slice(&[0x7f, 0x10, 0xda, 0xbe]);
            head[368..376].copy_from_slice(&DISK.to_le_bytes());
            (head, &["vdi"])
        }
        "compressed" => (magic(&[0x1f, 0x8b, 8, 0], 5000), &["compressed"]),
        "raw" => (whole[..DISK as usize].to_vec(), &["no-footer"]),
        "cut-by-512" => (whole[..whole.len() - 512].to_vec(), &["no-footer"]),
        "cut-by-100" => (whole[..whole.len() - 100].to_vec(), &["not-512", "no-footer"]),
        "checksum" => {
            let mut bytes = footer(DISK);
            bytes[70] ^= 1;
            (with_footer(bytes), &["checksum"])
        }
        "version" => (changed(12, &[0, 2, 0, 0]), &["version"]),
        "dynamic" => (sparse(3), &["dynamic"]),
        "differencing" => (sparse(4), &["differencing"]),
        "type" => (changed(60, &[0, 0, 0, 6]), &["type"]),
        "data-offset" => (changed(16, &[0; 8]), &["data-offset"]),
        "size-short" => (with_footer(footer(DISK + MIB)), &["size"]),
        "size-long" => (with_footer(footer(DISK - MIB)), &["size"]),
        "not-mib" => (Vhd::new(DISK + 512).content(), &["not-mib"]),
        other => panic!("no bad disk image is called {other}"),
    };
    std::fs::write(path, bytes).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    codes
}

/// `qemu-img`, where it is installed; says that a test is skipped where not.
pub fn qemu_img() -> Option<PathBuf> {
    let found = tools::find("qemu-img");
    if found.is_none() {
        eprintln!("skipped: qemu-img is not installed");
    }
    found
}

/// Runs `qemu-img` in a folder.
pub fn qemu(qemu_img: &Path, folder: &Path, arguments: &[&str]) {
    tools::run(Command::new(qemu_img).args(arguments).current_dir(folder));
}
