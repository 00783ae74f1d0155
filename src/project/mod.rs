//! Project files: `aosm.toml` and the peer's `cnf-input.jsonc`, read into one [`Project`] in which every value
//! keeps its place.

mod model;

pub use model::*;
