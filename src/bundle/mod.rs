//! Bundles: everything that stores should hold in one file, for where no source can be reached.
//!
//! A bundle is a plain tar of an OCI image layout (image-spec, image-layout.md) with one more file at its front that says
//! what belongs where. The same content is the same bytes. Whatever is read from one is untrusted.

mod document;
mod members;
mod read;
mod write;

pub use document::{BundleChart, BundleDocument, BundleEntry, BundleReferrer, EntryKind, FORMAT};
pub use read::Bundle;
pub use write::{Part, Written, write};
