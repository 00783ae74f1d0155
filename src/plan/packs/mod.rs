//! Packing what the project names as artifacts and attachments: local, pure, cached by the digests of the files.
//!
//! A run that changes nothing reads no file: the stat table knows their digests, and the cache what they were packed to.

mod bicep;
mod input;
mod step;
mod template;
mod tree;

pub(in crate::plan) use bicep::inputs;
pub use input::PackInput;
pub use step::{PackOutput, PackStep, packed};
