//! Every durable write goes through here: written aside, synced where it matters, renamed into place.
//!
//! Invariants:
//! - readers see a file as it was before or after a write, never in between;
//! - what is written with [`Sync::Yes`] is on the disk when the call returns: the bytes, the name, and the folders on the
//!   way to it;
//! - a run that is killed leaves nothing behind but temporary files, whose names say so; later runs remove them.
//!
//! Builds with debug assertions can die at any operation (`abort`) and write all of them down (`record`), so that tests
//! go through every kill and every power cut.

mod abort;
mod leftovers;
#[cfg(debug_assertions)]
mod record;
mod sealed;
mod write;

pub use abort::boundary;
pub use leftovers::{clear_the_way, sweep};
pub use sealed::{read_sealed, write_sealed};
pub use write::{
    Sync, TEMPORARY, append_temp, beside, create_dir_all, persist, remove_file, sync_dir, sync_file, words, write,
    write_private, write_staged,
};
