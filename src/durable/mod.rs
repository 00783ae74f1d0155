//! Every durable write goes through here: written aside, synced where it matters, renamed into place.

mod abort;
mod sealed;
mod write;

pub use abort::boundary;
pub use sealed::{read_sealed, write_sealed};
pub use write::{Sync, append_temp, create_dir_all, persist, remove_file, sync_dir, sync_file, write};
