//! Project files: `aosm.toml` and the Azure CLI extension's `cnf-input.jsonc`, `vnf-input.jsonc` and `nsd-input.jsonc`, read into one
//! [`Project`] in which every value keeps its place.
//!
//! Both formats become one spanned tree ([`node`]); one description of keys ([`keys`]) drives the checks, the hints, the
//! schemas and the reference in the documentation; decoders then only deal with meaning. Nothing here talks to a
//! network, and nothing is written.

mod aosm_complete;
mod aosm_keys;
mod aosm_store;
mod arm_template;
mod arm_template_resources;
mod arm_template_shape;
mod artifact_model;
mod artifacts;
mod charts;
mod check;
mod copying;
mod depth;
mod document;
mod find;
mod image_source;
mod input;
mod input_head;
mod input_keys;
mod input_kind;
mod input_templates;
mod input_values;
mod jsonc_tree;
mod keys;
mod load;
mod manifests;
mod mask;
mod model;
mod names;
mod nexus_input;
mod nexus_input_keys;
mod node;
mod nsd_generated;
mod nsd_input;
mod nsd_input_keys;
mod paths;
mod policy;
mod propose;
mod publication;
mod rules;
mod schema;
mod set_values;
mod settings;
mod size;
mod sources;
mod store_drafts;
mod stores;
mod suggest;
mod toml_keys;
mod toml_tree;
mod vhd_model;
mod vhds;
mod view;
mod vnf_input;
mod vnf_input_keys;

pub use aosm_store::{AosmStore, CopyMode, PrivateLink};
pub use arm_template::{MAX_TEMPLATE, is_bicep, judge_template};
pub use artifact_model::*;
pub use find::is_there;
pub use input_kind::InputKind;
pub use load::{LoadOptions, load, load_stores};
pub use model::*;
pub use policy::{Policy, PolicyException, PolicyRule, ReferrerKind};
pub use propose::{Proposal, propose};
pub use publication::Publication;
pub use schema::schemas;
pub use size::parse_size;
pub use vhd_model::*;

#[cfg(test)]
mod tests;
