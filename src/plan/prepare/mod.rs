//! The local steps: render, discover, package. Pure functions of files, so cached; they touch nothing but the cache.

mod chart_output;
mod dependencies;
mod listed;
mod package;
mod probe;
mod problems;
mod run;

pub use chart_output::{CacheContent, ChartOutput};
pub use package::{Package, pack_now};
pub(in crate::plan) use probe::{PackageProber, probing_tools};
pub(in crate::plan) use run::Tools;
pub use run::{Prepared, Steps, prepare};
