//! The command line: one file a command. Resolves flags, calls the library, hands results to `report`.

pub mod args;
mod units;

/// Runs.
pub fn main() -> std::process::ExitCode {
    std::process::ExitCode::SUCCESS
}
