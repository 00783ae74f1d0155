//! What people and machines see: words, trees, bars, JSON. The only room besides `cli` that prints.

pub mod artifact;
pub mod azure;
pub mod azure_artifacts;
mod completeness;
pub mod diagnostic;
mod doctor;
mod documents;
mod human;
mod images;
mod live;
mod screen;
mod suggestion;
mod tree;
mod values_paths;
pub mod vhd;

pub use completeness::{completeness, manifest_lines};
pub use doctor::doctor_lines;
pub use documents::{CachePruneDocument, CheckDocument, LoginDocument, LogoutDocument};
pub use human::{bytes, count, plural};
pub use images::images_list;
pub use live::Live;
pub use screen::{Screen, Verbosity};
pub use tree::{TreeStyle, plan_tree};
pub use values_paths::values_paths_list;
