//! The Bicep compiler: where it is, which version, and running it (`bicep build FILE --stdout`).

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::messages;
use crate::chart::process::{ChildLimits, Finished, Stopped, run};
use crate::chart::program::{absolute, is_executable, on_path};
use crate::digest::FileDigests;
use crate::fault::{Fault, Kind};

/// What is remembered of an executable while its stat is unchanged.
const PURPOSE: &str = "bicep-version/1";

const HOW_TO_GET: &str = "install Bicep (https://learn.microsoft.com/azure/azure-resource-manager/bicep/install, or `az bicep install`), \
                          name it with AOSM_BICEP, or name the JSON that `bicep build` writes instead";

/// Asking for the version.
const ASKING: ChildLimits = ChildLimits {
    timeout: Duration::from_secs(60),
    output: 64 * 1024,
};

/// Building: the first build may fetch modules from registries.
const BUILDING: ChildLimits = ChildLimits {
    timeout: Duration::from_secs(300),
    output: 16 * 1024 * 1024,
};

/// A compiler that told its version.
#[derive(Debug, Clone)]
pub(super) struct Compiler {
    program: Utf8PathBuf,
    /// It is the Azure CLI, which has the compiler somewhere.
    through_az: bool,
    version: String,
    /// Modules of registries are not fetched.
    offline: bool,
}

/// What a build gave.
#[derive(Debug)]
pub(super) struct Built {
    /// The template.
    pub(super) text: String,
    /// What the compiler said besides.
    pub(super) messages: String,
}

impl Compiler {
    /// `AOSM_BICEP`; else `bicep` on PATH; else where `az bicep install` puts it; else whatever `az bicep` runs.
    pub(super) async fn find(
        files: &dyn FileDigests,
        offline: bool,
        cancel: &CancellationToken,
    ) -> Result<Self, Fault> {
        let path = std::env::var_os("PATH");
        let found = match std::env::var("AOSM_BICEP") {
            Ok(named) if !named.is_empty() => {
                let named = absolute(Utf8Path::new(&named));
                if !is_executable(&named) {
                    let message = format!("bicep: {named}, named by AOSM_BICEP, is not an executable file");
                    return Err(Fault::infrastructure(message).hint(HOW_TO_GET));
                }
                Some((named, false))
            }
            _ => on_path(if cfg!(windows) { &["bicep.exe"] } else { &["bicep"] }, path.as_deref())
                .or_else(of_azure_cli)
                .map(|program| (program, false))
                .or_else(|| {
                    let names: &[&str] = if cfg!(windows) { &["az.cmd", "az.exe"] } else { &["az"] };
                    Some((on_path(names, path.as_deref())?, true))
                }),
        };
        let Some((program, through_az)) = found else {
            return Err(
                Fault::infrastructure("bicep: not found on PATH, and no Azure CLI that has it").hint(HOW_TO_GET),
            );
        };
        let mut compiler = Self {
            program,
            through_az,
            version: String::new(),
            offline,
        };
        // The Azure CLI stays the same file when its compiler changes, so it is asked each time.
        let known = (!through_az)
            .then(|| files.remembered(&compiler.program, PURPOSE))
            .flatten();
        compiler.version = match known {
            Some(version) => version,
            None => compiler.ask(cancel).await?,
        };
        if !through_az {
            files.remember(&compiler.program, PURPOSE, &compiler.version);
        }
        Ok(compiler)
    }

    /// Its version as it writes it: `Bicep CLI version 0.30.23 (ba1e9f8c1e)`.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    async fn ask(&self, cancel: &CancellationToken) -> Result<String, Fault> {
        let mut command = self.command();
        command.arg(if self.through_az { "version" } else { "--version" });
        let failed = |why: String| {
            let message = if self.through_az {
                format!("bicep: not found on PATH, and {} does not have it", self.program)
            } else {
                format!("bicep: {} does not tell its version", self.program)
            };
            Fault::infrastructure(message).because(why).hint(HOW_TO_GET)
        };
        let done = self.end_of(run(command, None, ASKING, cancel).await, ASKING, failed)?;
        let text = String::from_utf8_lossy(&done.stdout);
        let version = text.lines().map(str::trim).find(|line| !line.is_empty());
        match version {
            Some(version) if done.status.success() => Ok(version.chars().take(100).collect()),
            _ => Err(failed(match messages::shortened(&done.stderr).into_iter().next() {
                Some(said) => said,
                None => format!("it ended with {}", done.status),
            })),
        }
    }

    /// Builds a source. The inner error is what the compiler said about a source that it does not take.
    pub(super) async fn build(
        &self,
        source: &Utf8Path,
        cancel: &CancellationToken,
    ) -> Result<Result<Built, String>, Fault> {
        let mut command = self.command();
        command.arg("build");
        if self.through_az {
            command.arg("--file");
        }
        command.args([source.as_str(), "--stdout"]);
        if self.offline {
            command.arg("--no-restore");
        }
        if let Some(folder) = source.parent() {
            command.current_dir(folder);
        }
        let name = source.file_name().unwrap_or_default();
        let failed = |why: String| {
            Fault::infrastructure(format!("template {name}: {} does not build it", self.program))
                .because(why)
                .hint("try the same by hand: `bicep build FILE --stdout`")
        };
        let done = self.end_of(run(command, None, BUILDING, cancel).await, BUILDING, failed)?;
        if !done.status.success() {
            return Ok(Err(done.stderr));
        }
        let Ok(text) = String::from_utf8(done.stdout) else {
            return Ok(Err("what it wrote is not UTF-8".to_owned()));
        };
        // Line ends are those of the machine, and whether the last line has one depends on how the text leaves.
        let text = text.trim_start_matches('\u{feff}').trim().replace("\r\n", "\n");
        Ok(Ok(Built {
            text,
            messages: done.stderr,
        }))
    }

    fn end_of(
        &self,
        end: Result<Finished, Stopped>,
        limits: ChildLimits,
        failed: impl Fn(String) -> Fault,
    ) -> Result<Finished, Fault> {
        end.map_err(|stopped| match stopped {
            Stopped::Cancelled => Fault::new(Kind::Interrupted, "bicep: stopped"),
            Stopped::TimedOut => failed(format!("no end within {} s", limits.timeout.as_secs())),
            Stopped::TooMuchOutput => failed(format!("it wrote more than {} KiB", limits.output >> 10)),
            Stopped::Spawn(e) | Stopped::Pipe(e) => failed(format!("{}: {e}", self.program)),
        })
    }

    /// The compiler keeps modules below the home folder and logs in to registries by itself, so it has the environment, but for
    /// what is meant for this program: secrets may be among that.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("AOSM_") {
                command.env_remove(&name);
            }
        }
        command.env("NO_COLOR", "1").env("DOTNET_CLI_UI_LANGUAGE", "en");
        if self.through_az {
            command.arg("bicep").env("AZURE_BICEP_CHECK_VERSION", "false");
        }
        command
    }
}

/// Where `az bicep install` puts the compiler: `bin` of the Azure CLI's own folder.
fn of_azure_cli() -> Option<Utf8PathBuf> {
    let named = std::env::var("AZURE_CONFIG_DIR")
        .ok()
        .filter(|folder| !folder.is_empty());
    let home = || {
        let home = std::env::var(if cfg!(windows) { "USERPROFILE" } else { "HOME" }).ok()?;
        Some(Utf8PathBuf::from(home).join(".azure"))
    };
    let folder = named.map(Utf8PathBuf::from).or_else(home)?;
    let program = absolute(
        &folder
            .join("bin")
            .join(if cfg!(windows) { "bicep.exe" } else { "bicep" }),
    );
    is_executable(&program).then_some(program)
}
