//! `aosm-build`: declarative builds for Azure Operator Service Manager publishers.
//!
//! The library returns values and emits events; it never prints. The rooms and the arrows between them are
//! drawn in `docs/ARCHITECTURE.md`.

pub mod apply;
pub mod archive;
pub mod artifact;
pub mod azure;
pub mod blob;
pub mod bundle;
pub mod cache;
pub mod chart;
pub mod cli;
pub mod credentials;
pub mod digest;
pub mod discover;
pub mod disk;
pub mod doctor;
pub mod durable;
pub mod engine;
pub mod event;
pub mod fault;
pub mod graph;
pub mod locate;
pub mod lock;
pub mod oci;
pub mod peer;
pub mod plan;
pub mod policy;
pub mod project;
pub mod reference;
pub mod report;
pub mod schemas;
pub mod state;
pub mod store;
pub mod values;
pub mod vhd;
