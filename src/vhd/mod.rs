//! Disk images as files: what a VHD must look like for Azure, where its data lies, and the digest of its content.
//!
//! Nothing here knows of a service. A file is read at most once for everything (see [`scan`](scan())), and what is remembered of it
//! counts only while the file is the same.

pub mod check;
pub mod content;
pub mod documents;
mod extents;
mod footer;
mod format;
pub mod identity;
pub mod name;
pub mod open;
mod piece;
pub mod remembered;
mod repair;
pub mod scan;
#[cfg(test)]
pub(crate) mod test_images;

pub use check::{FOOTER, HEAD, MAX_LENGTH, MIN_LENGTH, Problem, check_file, check_open, check_parts, faults};
pub use content::{ContentDigest, ContentHasher, PIECE, PieceDigest, PieceHasher, piece_count, piece_range};
pub use extents::allocated;
pub use identity::FileIdentity;
pub use name::VhdName;
pub use open::{open_image, read_exact_at, read_full_at};
pub use scan::{BLOCK, DataRun, Progress, Scanned, scan};
