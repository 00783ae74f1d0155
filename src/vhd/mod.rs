//! Disk images as files: what a VHD must look like for Azure, where its data lies, and the digest of its content.
//!
//! Nothing here knows of a service. A file is read at most once for everything (see [`scan`]), and what is remembered of it
//! counts only while the file is the same.

pub mod check;
pub mod content;
pub mod name;
pub mod scan;

pub use check::{Problem, check_file, check_parts};
pub use content::ContentDigest;
pub use name::VhdName;
pub use scan::{Scanned, scan};
