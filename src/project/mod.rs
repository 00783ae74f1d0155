//! Project files: `aosm.toml` and the Azure CLI extension's `cnf-input.jsonc` and `vnf-input.jsonc`, read into one [`Project`] in which every
//! value keeps its place.
//!
//! Both formats become one spanned tree ([`node`]); one description of keys ([`keys`]) drives the checks, the hints, the
//! schemas and the reference in the documentation; decoders then only deal with meaning. Nothing here talks to a
//! network, and nothing is written.

mod artifact_model;
mod artifacts;
mod charts;
mod check;
mod copying;
mod depth;
mod document;
mod find;
pub(crate) mod image_source;
mod input;
mod input_keys;
mod input_kind;
mod json_file;
mod jsonc_tree;
mod keys;
mod listed;
mod load;
mod manifests;
pub(crate) mod mask;
mod model;
pub(crate) mod names;
pub(crate) mod node;
pub(crate) mod paths;
mod policy;
mod propose;
mod rules;
mod schema;
mod set_values;
mod settings;
mod size;
mod sources;
mod stores;
pub(crate) mod suggest;
mod toml_keys;
mod toml_tree;
mod vhd_model;
mod vhds;
mod view;
mod vnf_input;
mod vnf_input_keys;
mod vnf_template;

pub use artifact_model::*;
pub(crate) use check::shorten;
pub use find::is_there;
pub(crate) use json_file::{JsonFile, read_within_bounds};
pub use listed::{Listed, ListedChart};
pub use load::{LoadOptions, bare, load, load_stores};
pub use model::*;
pub use policy::{Policy, PolicyException, PolicyRule, ReferrerKind};
pub use propose::{Proposal, propose};
pub use schema::schemas;
pub use size::parse_size;
pub use vhd_model::*;

#[cfg(test)]
mod tests;
