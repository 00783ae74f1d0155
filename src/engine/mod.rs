//! Running steps: a ready queue with one state enum and one transition function, and a driver over tokio.

mod cpu;
mod queue;
mod run;

pub use cpu::cpu;
pub use queue::{Queue, State};
pub use run::{Ended, run};
