//! Flags that all `artifact` commands share: how to log in, how to reach the registry, how much at a time.

use std::io::{IsTerminal as _, Read as _};
use std::num::NonZeroUsize;

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use crate::credentials::Secret;
use crate::fault::{Fault, Kind};
use crate::oci::registry::Given;
use crate::project::Auth;

/// A password is no longer than this, in bytes.
const PASSWORD_LIMIT: u64 = 64 * 1024;

/// How to log in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AuthMode {
    /// Login state of docker and Podman, then an Entra identity (Azure registries), then no login
    Auto,
    /// Only login state of docker and Podman
    DockerConfig,
    /// Only variables of the environment
    Environment,
    /// Only the Azure CLI's login
    AzureCli,
    /// No login
    Anonymous,
}

impl From<AuthMode> for Auth {
    fn from(mode: AuthMode) -> Self {
        match mode {
            AuthMode::Auto => Self::Auto,
            AuthMode::DockerConfig => Self::DockerConfig,
            AuthMode::Environment => Self::Environment,
            AuthMode::AzureCli => Self::AzureCli,
            AuthMode::Anonymous => Self::Anonymous,
        }
    }
}

/// How to log in to one registry.
#[derive(Debug, Clone, Args, Default)]
pub struct LoginArgs {
    /// How to log in to the registry [default: what the project says, else auto]
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Registry options")]
    pub auth: Option<AuthMode>,
    /// The Entra tenant to log in to, by id or domain
    #[arg(
        long,
        value_name = "TENANT",
        conflicts_with = "username",
        help_heading = "Registry options"
    )]
    pub tenant: Option<String>,
    /// User name; the password is read from standard input
    #[arg(
        short,
        long,
        value_name = "USER",
        requires = "password_stdin",
        conflicts_with = "auth",
        help_heading = "Registry options"
    )]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long, requires = "username", help_heading = "Registry options")]
    pub password_stdin: bool,
}

/// How to reach registries.
#[derive(Debug, Clone, Args, Default)]
pub struct ReachArgs {
    /// Reach the registry without TLS (as always on this machine)
    #[arg(long, help_heading = "Registry options")]
    pub plain_http: bool,
    /// More certificate authorities, PEM
    #[arg(long, value_name = "FILE", help_heading = "Registry options")]
    pub ca_file: Option<Utf8PathBuf>,
    /// For a store of AOSM: the artifact manifest whose credential is used [default: the store's, else the one that lists it]
    #[arg(long, value_name = "NAME", help_heading = "Registry options")]
    pub artifact_manifest: Option<String>,
    /// Requests to one registry at a time [default: 16]
    #[arg(long, value_name = "N", value_parser = crate::cli::units::at_least_one, help_heading = "Registry options")]
    pub concurrency: Option<NonZeroUsize>,
}

/// Flags of commands about one registry.
#[derive(Debug, Clone, Args, Default)]
pub struct RegistryArgs {
    /// How to log in.
    #[command(flatten)]
    pub login: LoginArgs,
    /// How to reach it.
    #[command(flatten)]
    pub reach: ReachArgs,
}

impl LoginArgs {
    /// What was given, the password read from standard input.
    pub fn given(&self) -> Result<Option<Given>, Fault> {
        self.username
            .as_ref()
            .map(|username| {
                Ok(Given {
                    username: username.clone(),
                    password: read_password()?,
                })
            })
            .transpose()
    }
}

/// How to log in, resolved: the password is read.
#[derive(Clone, Default)]
pub struct Login {
    /// Where credentials are looked for, where the command line says so.
    pub auth: Option<Auth>,
    /// The Entra tenant.
    pub tenant: Option<String>,
    /// User and password.
    pub given: Option<Given>,
}

impl Login {
    /// Does the command line say nothing?
    pub fn is_default(&self) -> bool {
        self.auth.is_none() && self.tenant.is_none() && self.given.is_none()
    }

    /// Reads a password where one is announced.
    pub fn of(args: &LoginArgs) -> Result<Self, Fault> {
        Ok(Self {
            auth: args.auth.map(Auth::from),
            tenant: args.tenant.clone(),
            given: args.given()?,
        })
    }

    /// The same, with what it does not say taken from another.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            auth: self.auth.or(other.auth),
            tenant: self.tenant.or_else(|| other.tenant.clone()),
            given: self.given.or_else(|| other.given.clone()),
        }
    }
}

/// All of standard input, without the line break at its end.
pub fn read_password() -> Result<Secret, Fault> {
    let failed = |why: &str| {
        Fault::new(Kind::Usage, format!("--password-stdin: {why}"))
            .hint("pipe the password in: printf %s \"$PASSWORD\" | aosm-build … --password-stdin")
    };
    if std::io::stdin().is_terminal() {
        return Err(failed("standard input is a terminal, where it would be shown"));
    }
    let mut bytes = Vec::new();
    let read = std::io::stdin().lock().take(PASSWORD_LIMIT + 1).read_to_end(&mut bytes);
    read.map_err(|e| failed(&e.to_string()))?;
    if bytes.len() as u64 > PASSWORD_LIMIT {
        return Err(failed("more than 64 KiB"));
    }
    let text = String::from_utf8(bytes).map_err(|_| failed("what came is not UTF-8"))?;
    let password = text.trim_end_matches(['\r', '\n']);
    if password.is_empty() {
        return Err(failed("nothing came"));
    }
    Ok(Secret::new(password))
}
