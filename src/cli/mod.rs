//! The command line: one file a command. Resolves flags, calls the library, hands results to `report`.

mod aosm;
mod apply;
pub mod args;
mod artifact;
mod artifact_manifest;
mod cache;
mod check;
mod command_line;
mod context;
mod credential;
mod doctor;
mod export;
mod from;
mod graph;
mod images;
mod init;
mod lock;
mod login;
mod logout;
mod pages;
mod plan;
mod prompt;
mod schema;
mod signals;
mod store;
mod units;
mod vhd;
mod why;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::ErrorKind;

use crate::fault::{Fault, Faults, Kind};
use crate::report::{Screen, Verbosity};
use args::{Cli, Color, Command, Global};
use command_line::{command_line, shell_word};
use context::Context;

/// How a command ended: its exit code, or why not.
type Ended = Result<u8, Faults>;

/// Parses, runs, and maps the outcome to an exit code: the only place that does.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are answers, not errors; a closed pipe is the reader's choice.
            let _ = error.print();
            return match error.kind() {
                ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::SUCCESS,
                _ => ExitCode::from(Kind::Usage.exit_code()),
            };
        }
    };
    let screen = screen(&cli.global);
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => {
            screen.fault(
                &Fault::infrastructure("cannot start the runtime")
                    .because(e)
                    .hint("the system has no threads or files left: close something"),
            );
            return ExitCode::from(Kind::Infrastructure.exit_code());
        }
    };
    let code = runtime.block_on(run(cli, &screen));
    screen.finish();
    // Blocking helpers (a credential helper that hangs) must not keep the process.
    runtime.shutdown_background();
    ExitCode::from(code)
}

fn screen(global: &Global) -> Screen {
    let verbosity = match (global.quiet, global.verbose) {
        (true, _) => Verbosity::Quiet,
        (false, 0) => Verbosity::Normal,
        (false, _) => Verbosity::Verbose,
    };
    let color = match global.color {
        Color::Auto => None,
        Color::Always => Some(true),
        Color::Never => Some(false),
    };
    Screen::new(verbosity, color, global.json, global.environment.clone())
}

async fn run(cli: Cli, screen: &Screen) -> u8 {
    let cancel = signals::watch(screen.clone());
    let context = Context::new(cli.global, screen.clone(), cancel);
    let ended = match cli.command {
        Command::Init { stdout } => init::run(&context, stdout),
        Command::Plan {
            looking,
            detailed_exitcode,
        } => plan::run(&context, &looking, detailed_exitcode).await,
        Command::Apply { looking, jobs } => apply::run(&context, &looking, jobs).await,
        Command::Export(args) => export::run(&context, &args).await,
        Command::Images {
            values_paths: true,
            format,
            ..
        } => images::values(&context, format).await,
        Command::Images { locate, why, .. } => images::run(&context, locate, why.as_deref()).await,
        Command::Lock { update, check, from } => lock::run(&context, update.as_deref(), check, from.as_deref()).await,
        Command::Why { step, from } => why::run(&context, &step, from.as_deref()).await,
        Command::Graph { format } => graph::run(&context, format).await,
        Command::Check { from } => check::run(&context, from.as_deref()).await,
        Command::Vhd { command } => vhd::run(&context, &command).await,
        Command::Store { command } => store::run(&context, &command).await,
        Command::ArtifactManifest { command } => artifact_manifest::run(&context, &command).await,
        Command::Credential(args) => credential::run(&context, &args).await,
        Command::Artifact { command } => artifact::run(&context, &command).await,
        Command::Doctor => doctor::run(&context).await,
        Command::Login(args) => login::run(&context, &args).await,
        Command::Logout(args) => logout::run(&context, &args).await,
        Command::Cache { action } => cache::run(&context, &action),
        Command::Completions { shell } => {
            pages::completions(screen, shell);
            Ok(0)
        }
        Command::Man => pages::man(screen),
        Command::Schema { name } => schema::run(screen, name.as_deref()),
    };
    match ended {
        Ok(0) if screen.lost_a_result() => Kind::Infrastructure.exit_code(),
        Ok(code) => code,
        Err(faults) => {
            screen.faults(&faults);
            faults.worst().map_or(0, Kind::exit_code)
        }
    }
}
