//! OCI: registries, image layouts, archives, manifests, and copying between them.
//!
//! Knows nothing of AOSM, of projects or of steps.

pub mod backoff;
pub mod content;
pub mod copy;
pub mod descriptor;
pub mod docker_archive;
pub mod error;
pub mod graph;
pub mod job;
pub mod layout;
pub mod manifest;
mod marks;
pub mod memory;
pub mod oci_archive;
pub mod place;
pub mod placement;
pub mod platforms;
pub mod recursive;
pub mod referrer;
pub mod registry;
pub mod remembered;
pub mod source;
pub mod target;
pub mod verified;

pub use content::{ByteStream, Content, MountOrigin, Origin};
pub use copy::{CopyOptions, TagAs, copy_graph};
pub use descriptor::Descriptor;
pub use error::{ErrorKind, OciError};
pub use job::{Filled, Guard, Job};
pub use memory::MemoryContent;
pub use place::Place;
pub use platforms::Platform;
pub use source::{Selector, Source};
pub use target::{Moved, Target};
pub use verified::{Verified, verified};
