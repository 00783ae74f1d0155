//! Archives: reading tar and tar.gz that nobody vouches for, and writing ones whose bytes are the same everywhere.
//!
//! Invariants: a name that leaves this room is relative, `/`-separated, free of `.`, `..`, NUL and drive letters;
//! reading stops at the limits before memory or disk is spent; nothing is ever written outside the folder given.

mod format;
mod limits;
mod name;
mod read;
mod unpack;
mod write;

pub use format::{Format, detect};
pub use limits::Limits;
pub use name::{BadName, EntryName, windows_trouble};
pub use read::{Entry, for_each_entry, read_all};
pub use unpack::unpack_into;
pub use write::{ARCHIVE_TIME, TarGz, write_tar_gz};

#[cfg(test)]
mod tests;
