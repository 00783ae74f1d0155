//! The `helm` executable: where it is, and which version.

use std::ffi::OsStr;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

use super::process::{ChildLimits, Stopped, run};
use super::program::{absolute, is_executable, on_path};
use crate::digest::FileDigests;
use crate::fault::{Fault, Kind};

/// What is remembered of an executable while its stat is unchanged.
const PURPOSE: &str = "helm-version/1";

/// How to get it.
const HOW_TO_GET: &str =
    "install Helm 3.8 or newer (https://helm.sh/docs/intro/install/), or name it with `--helm` or AOSM_HELM";

/// A Helm executable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Helm {
    path: Utf8PathBuf,
}

impl Helm {
    /// Looks at what the command line names, then `AOSM_HELM`, then PATH. What is named must be there.
    pub fn find(explicit: Option<&Utf8Path>) -> Result<Self, Fault> {
        let named = std::env::var("AOSM_HELM").ok().filter(|text| !text.is_empty());
        Self::find_in(
            explicit,
            named.as_deref().map(Utf8Path::new),
            std::env::var_os("PATH").as_deref(),
        )
    }

    /// As [`Helm::find`], with the environment given.
    pub fn find_in(explicit: Option<&Utf8Path>, named: Option<&Utf8Path>, path: Option<&OsStr>) -> Result<Self, Fault> {
        for (who, path) in [("--helm", explicit), ("AOSM_HELM", named)] {
            let Some(path) = path else { continue };
            let path = absolute(path);
            if is_executable(&path) {
                return Ok(Self { path });
            }
            return Err(
                Fault::infrastructure(format!("helm: {path}, named by {who}, is not an executable file"))
                    .hint(HOW_TO_GET),
            );
        }
        let name = if cfg!(windows) { "helm.exe" } else { "helm" };
        on_path(&[name], path)
            .map(|path| Self { path })
            .ok_or_else(|| Fault::infrastructure("helm: not found on PATH").hint(HOW_TO_GET))
    }

    /// Where it is.
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Its version as it writes it (`v3.17.0`), remembered while the executable is unchanged. Older than 3.8 is an error.
    pub async fn version(&self, files: &dyn FileDigests, cancel: &CancellationToken) -> Result<String, Fault> {
        if let Some(version) = files.remembered(&self.path, PURPOSE) {
            return self.check(version);
        }
        let version = self.ask(cancel).await?;
        let version = self.check(version)?;
        files.remember(&self.path, PURPOSE, &version);
        Ok(version)
    }

    async fn ask(&self, cancel: &CancellationToken) -> Result<String, Fault> {
        let mut command = self.command();
        command.args(["version", "--template", "{{.Version}}"]);
        let limits = ChildLimits {
            timeout: Duration::from_secs(60),
            output: 64 * 1024,
        };
        let failed = |why: String| {
            Fault::infrastructure(format!("helm: {} does not tell its version", self.path))
                .because(why)
                .hint(HOW_TO_GET)
        };
        match run(command, None, limits, cancel).await {
            Ok(done) if done.status.success() => {
                Ok(String::from_utf8_lossy(&done.stdout).trim().chars().take(100).collect())
            }
            Ok(done) => Err(failed(match done.stderr.trim() {
                "" => format!("it said nothing and ended with {}", done.status),
                said => said.to_owned(),
            })),
            Err(Stopped::Cancelled) => Err(Fault::new(Kind::Interrupted, "helm version: stopped")),
            Err(Stopped::TimedOut) => Err(failed("no answer within 60 s".into())),
            Err(Stopped::TooMuchOutput) => Err(failed("it writes without end".into())),
            Err(Stopped::Spawn(e) | Stopped::Pipe(e)) => Err(failed(e.to_string())),
        }
    }

    fn check(&self, version: String) -> Result<String, Fault> {
        let mut numbers = version
            .trim_start_matches('v')
            .split(['.', '-', '+'])
            .map(str::parse::<u64>);
        match (numbers.next(), numbers.next()) {
            (Some(Ok(3)), Some(Ok(minor))) if minor < 8 => {}
            (Some(Ok(major)), Some(Ok(_))) if major >= 3 => return Ok(version),
            (Some(Ok(_)), Some(Ok(_))) => {}
            _ => {
                return Err(Fault::infrastructure(format!(
                    "helm: {} says its version is {version:?}, which is none",
                    self.path
                ))
                .hint(HOW_TO_GET));
            }
        }
        Err(Fault::infrastructure(format!("helm: {} is {version}, 3.8 or newer is needed", self.path)).hint(HOW_TO_GET))
    }

    /// A command that inherits nothing: what a render sees is in its key, or fixed here.
    pub(super) fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear();
        // Enough for an executable that is a script; Helm itself starts nothing.
        #[cfg(unix)]
        command.env("PATH", "/usr/local/bin:/usr/bin:/bin");
        #[cfg(windows)]
        for name in ["SystemRoot", "SystemDrive"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // Templates can print the time: at least not in the zone of whoever runs this.
        command.env("TZ", "UTC").env("LC_ALL", "C");
        command
    }
}
