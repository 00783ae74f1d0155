//! Entry point: parse, run, map the outcome to an exit code.

fn main() -> std::process::ExitCode {
    aosm_build::cli::main()
}
