//! Artifacts one at a time: packed from files, pulled back into files, listed with what refers to them, deleted, copied.
//!
//! Works on any [`crate::oci::Place`]; knows neither the command line nor projects.

pub mod deletion;
pub mod documents;
pub mod platform;
pub mod show;
pub mod survey;
pub mod tree;
