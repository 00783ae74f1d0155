//! Image references: text kept exactly as rendered, and the rule that says where such an image is looked for and
//! under which name it lands in the store.
//!
//! A leaf room: it knows nothing of registries, charts or YAML. Everything here is a pure function of its inputs.
//! The grammar is that of the distribution project's reference package and of the OCI distribution specification
//! ("Pulling manifests": names and tags), with one difference: a first segment that only *may* be a registry is
//! kept as it is until a source decides (see [`ImageReference::candidates`]).

mod cut;
mod error;
mod grammar;
mod host;
mod image_reference;

pub use cut::{Candidate, FirstSegment, Form};
pub use error::ReferenceError;
pub use host::{is_docker_hub, is_loopback, normalise_host};
pub use image_reference::{ImageReference, LATEST};
