//! Artifacts one at a time: packed from files, pulled back into files, listed with what refers to them, deleted, copied.
//!
//! Works on any [`crate::oci::Place`]; knows neither the command line nor projects.

pub mod annotation_file;
pub mod copying;
pub mod created;
pub mod deletion;
pub mod documents;
pub mod file_spec;
pub mod folder;
mod links;
pub mod manifest;
pub mod media_type;
pub mod pack;
mod packed_content;
mod placing;
pub mod platform;
mod progress;
pub mod pull;
mod pull_name;
pub mod push;
pub mod show;
pub mod survey;
mod tar_reader;
#[cfg(test)]
mod test_tars;
pub mod transfer_documents;
pub mod tree;
pub mod unpack;

pub use annotation_file::Annotations;
pub use file_spec::FileSpec;
pub use manifest::ImageSpec;
pub use pack::{ConfigContent, ConfigSpec, Created, PackSpec, Packed, pack};
pub use pull::{PullOptions, PullOutcome, Pulled, PulledLayer, Skipped, pull};
pub use unpack::UnpackLimits;
