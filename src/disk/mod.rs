//! Moving disk images between files, URLs and storage accounts: each move is checked before it begins, can be gone on with after
//! a kill, and is proven at its end.

mod begin;
mod checkpoint;
mod copy;
mod document;
mod download;
mod failure;
mod hashes;
mod ids;
mod keeper;
mod lease;
mod local_lock;
mod look;
pub mod marks;
mod md5;
mod pieces;
pub mod ranges;
mod read_back;
mod readable;
pub mod remember;
mod send;
mod source;
mod spans;
mod sparse;
mod standing;
mod upload;
mod verify;

pub use copy::{Copied, CopyHeld, CopyKey, CopyOptions, CopyReceipt, Origin, Way, copy, copy_receipt, look_copy};
pub use document::{CopyEntry, UploadEntry, VhdDocument, VhdOutcome};
pub use download::{DownloadOptions, Downloaded, download};
pub use look::{Held, Receipt, Verify, Wanted, look, look_at, look_for};
pub use upload::{UploadOptions, Uploaded, upload};
