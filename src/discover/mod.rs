//! Finding images in rendered Kubernetes objects, each with every place it was found.

mod found;

pub use found::{Discovered, Found, Problem, Tier};
