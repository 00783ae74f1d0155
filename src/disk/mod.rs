//! Moving disk images between files, URLs and storage accounts: each move is checked before it begins, can be gone on with after
//! a kill, and is proven at its end.

mod copy;
mod download;
mod look;
mod upload;

pub use copy::{CopyOptions, copy};
pub use download::{DownloadOptions, download};
pub use look::{Held, Receipt, Verify, look};
pub use upload::{UploadOptions, Uploaded, upload};
