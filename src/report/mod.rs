//! To be filled.

pub mod diagnostic;
