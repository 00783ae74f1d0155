//! Disk images in a plan: checked and read here, compared with what their containers hold, decided about.
//!
//! `validate:NAME` looks at a file's first and last bytes, each time: a wrong image is refused before it is read whole, and before
//! anything moves. `inspect:NAME` reads it once for its content digest and its data; what that gave is remembered as long as the
//! file is the same. `upload:STORE/NAME:VERSION` puts it there, or has the service copy it from a URL.

mod access;
mod check;
mod decide;
mod inspect;
mod look;
mod seen;
mod target;

pub use access::{DiskStores, disk_elsewhere};
pub use check::check_disks;
pub use seen::DiskSeen;
pub use target::{DiskContent, DiskTarget};

pub(super) use decide::{DiskRule, decide_disk, finish};
pub(super) use look::looked_at;
pub(super) use target::named;
