//! The disk images: fixed VHDs made up from seeds, on the disk rather than in memory, as people have them.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::support::vhd::Vhd;

/// Bytes of a MiB, for sums.
pub const MIB: f64 = 1_048_576.0;

const GIB: u64 = 1 << 30;

/// A disk image on the disk.
pub struct Image {
    pub path: PathBuf,
    /// MiB of data.
    pub data: f64,
}

/// The folder with all images.
pub struct Images {
    folder: PathBuf,
    _scratch: Option<TempDir>,
}

impl Images {
    /// In a folder that keeps them, or in one that is removed at the end.
    pub fn new(folder: Option<&Path>) -> Self {
        if let Some(folder) = folder {
            std::fs::create_dir_all(folder).expect("a folder for images");
            return Self {
                folder: folder.to_owned(),
                _scratch: None,
            };
        }
        let scratch = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder for images");
        Self {
            folder: scratch.path().to_owned(),
            _scratch: Some(scratch),
        }
    }

    /// 4 GiB, 256 MiB of random bytes in 296 places, holes elsewhere.
    pub fn sparse(&self) -> Image {
        self.image("sparse.vhd", SPANS, SPAN, || {
            Vhd::new(4 * GIB).scattered(SPANS, SPAN, 1)
        })
    }

    /// The same content without holes.
    pub fn allocated(&self) -> Image {
        let vhd = || Vhd::new(4 * GIB).scattered(SPANS, SPAN, 1).without_holes();
        self.image("allocated.vhd", SPANS, SPAN, vhd)
    }

    /// 1 GiB of random bytes.
    pub fn dense(&self) -> Image {
        let vhd = || (0..1024).fold(Vhd::new(GIB), |vhd, at| vhd.random(at << 20, 1 << 20, at + 1));
        self.image("dense.vhd", 1024, 1 << 20, vhd)
    }

    /// 100 GiB with 64 MiB of random bytes in as many places.
    pub fn huge(&self) -> Image {
        self.image("huge.vhd", 64, 1 << 20, || {
            Vhd::new(100 * GIB).scattered(64, 1 << 20, 2)
        })
    }

    /// 16 MiB with 1 MiB of random bytes.
    pub fn small(&self) -> Image {
        self.image("small.vhd", 1, 1 << 20, || {
            Vhd::new(16 << 20).random(4 << 20, 1 << 20, 3)
        })
    }

    fn image(&self, name: &str, spans: u64, span: usize, make: impl FnOnce() -> Vhd) -> Image {
        let path = self.folder.join(name);
        if !path.is_file() {
            let aside = path.with_extension("half");
            make().write(&aside);
            std::fs::rename(aside, &path).expect("a name");
        }
        Image {
            path,
            data: (spans * span as u64) as f64 / MIB,
        }
    }
}

/// Places with data, and how much is in each: 256 MiB in all.
const SPANS: u64 = 296;
const SPAN: usize = (256 << 20) / 296 / 512 * 512;
