//! `login`: checks a login at its registry, then keeps it where docker keeps logins.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::artifact::options::read_password;
use super::context::Context;
use super::{Ended, prompt};
use crate::credentials::entra::{ACR_USER, is_azure_registry};
use crate::credentials::{
    Credential, CredentialError, CredentialSource as _, Kept, LoginFiles, LoginKeeper, LoginState, Obtained, Secret,
    Variables, Wanted,
};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Job;
use crate::oci::registry::{
    Access, Caller, Client, Given, HUB_CREDENTIAL_KEY, Registries, RegistryOptions, is_docker_hub,
};
use crate::project::{Auth, Network, Spanned};
use crate::report::LoginDocument;

/// Whose login is kept, if it is not given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LoginWay {
    /// The Azure CLI's login, exchanged at the registry
    AzureCli,
    /// The variables `AOSM_REGISTRY_USERNAME` and `AOSM_REGISTRY_PASSWORD`
    Environment,
}

/// Flags of `login`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build login registry.example --username me
  printf %s \"$PASSWORD\" | aosm-build login registry.example --username ci --password-stdin
  aosm-build login myregistry.azurecr.io --auth azure-cli   # good for three hours, for tools that know no Entra

The login is kept in config.json below DOCKER_CONFIG (else ~/.docker), or by the credential helper that it names.
Commands of aosm-build need no login for Azure registries: they use Entra identities as they are.")]
pub struct LoginCommand {
    /// The registry: host[:port]
    #[arg(value_name = "HOST")]
    pub host: String,
    /// User name; asked for without it
    #[arg(short, long, value_name = "USER")]
    pub username: Option<String>,
    /// Read the password from standard input
    #[arg(long)]
    pub password_stdin: bool,
    /// Refused: other users of this machine would see it
    #[arg(short, long, value_name = "PASSWORD", num_args = 0..=1, default_missing_value = "", hide = true)]
    pub password: Option<Hidden>,
    /// Keep this login instead of a password
    #[arg(long, value_name = "WAY", value_enum, conflicts_with_all = ["username", "password_stdin"])]
    pub auth: Option<LoginWay>,
    /// The Entra tenant to log in to, by id or domain
    #[arg(long, value_name = "TENANT", requires = "auth")]
    pub tenant: Option<String>,
    /// Reach the registry without TLS (as always on this machine)
    #[arg(long)]
    pub plain_http: bool,
    /// More certificate authorities, PEM
    #[arg(long, value_name = "FILE")]
    pub ca_file: Option<Utf8PathBuf>,
}

/// What must not be shown, not even in a message about it.
#[derive(Debug, Clone, Copy)]
pub struct Hidden;

impl std::str::FromStr for Hidden {
    type Err = std::convert::Infallible;

    fn from_str(_: &str) -> Result<Self, Self::Err> {
        Ok(Self)
    }
}

pub async fn run(context: &Context, args: &LoginCommand) -> Ended {
    let host = host(&args.host)?;
    if args.password.is_some() {
        return Err(Fault::new(
            Kind::Usage,
            "--password: no password is taken as an argument, where other users of this machine see it",
        )
        .hint("pipe it in with --password-stdin, or type it when asked; and choose another one: this one was seen")
        .into());
    }
    if context.global.offline {
        return Err(Fault::new(Kind::Usage, format!("{host}: --offline forbids asking it"))
            .hint("a login is checked before it is kept")
            .into());
    }
    let keeper = LoginKeeper::by(&Variables::from_env()).map_err(fault)?;
    let access = access(context, args, &host).await?;
    let registries = Registries::new(&network(context, args, &host)?, RegistryOptions::default());
    let client = registries.client_as(&host, &access).map_err(Fault::from)?;
    let job = Job::new("login", context.screen.events(), context.cancel.clone());
    let caller = Caller::from(&job);
    let checked = tokio::select! {
        checked = client.check_login(&caller) => checked.map_err(Fault::from)?,
        () = context.cancel.cancelled() => {
            return Err(Fault::new(Kind::Interrupted, format!("login {host}: stopped, nothing was kept")).into());
        }
    };
    let Some((username, password)) = to_keep(checked.as_ref(), access.given.as_ref()) else {
        return Ok(done(context, &client, None, false));
    };
    let key = client.host.credential_key();
    let kept = keeper.keep(key, &username, &password).await.map_err(fault)?;
    if let Some(warning) = shadowed(&client, &username, &password).await {
        context.screen.fault(&warning);
    }
    Ok(done(context, &client, Some((&username, &kept)), checked.is_some()))
}

/// The host, as people write it: with scheme, or with the path that docker's own file has.
pub fn host(text: &str) -> Result<String, Fault> {
    let bare = text.trim().trim_start_matches("https://").trim_start_matches("http://");
    let bare = bare.trim_end_matches('/');
    let bare = ["/v1", "/v2"]
        .iter()
        .find_map(|path| bare.strip_suffix(path))
        .unwrap_or(bare);
    if bare.is_empty() || bare.contains('/') || bare.contains('@') {
        return Err(
            Fault::new(Kind::Usage, format!("{:?} is no registry host", shown(text)))
                .hint("name the host alone: registry.example or registry.example:5000"),
        );
    }
    Ok(bare.to_ascii_lowercase())
}

/// Without what may be a password.
fn shown(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

/// The key under which docker keeps a host's login.
pub fn key(host: &str) -> String {
    if is_docker_hub(host) {
        HUB_CREDENTIAL_KEY.to_owned()
    } else {
        host.to_owned()
    }
}

async fn access(context: &Context, args: &LoginCommand, host: &str) -> Result<Access, Faults> {
    let auth = match args.auth {
        Some(LoginWay::AzureCli) => Auth::AzureCli,
        Some(LoginWay::Environment) => Auth::Environment,
        None => {
            let given = given(context, args, host).await?;
            return Ok(Access {
                given: Some(given),
                ..Access::default()
            });
        }
    };
    if args.tenant.is_some() && auth != Auth::AzureCli {
        return Err(Fault::new(Kind::Usage, "--tenant: this way to log in knows no tenants")
            .hint("leave it out, or use --auth azure-cli")
            .into());
    }
    Ok(Access::from(auth).in_tenant(args.tenant.clone()))
}

async fn given(context: &Context, args: &LoginCommand, host: &str) -> Result<Given, Fault> {
    let missing = |what: &str, hint: &str| {
        let entra = if is_azure_registry(host) {
            ", or log in as an Entra identity: --auth azure-cli"
        } else {
            ""
        };
        Fault::new(Kind::Usage, format!("login {host}: {what}")).hint(format!("{hint}{entra}"))
    };
    if !args.password_stdin && !prompt::possible() {
        return Err(missing(
            "there is no terminal to ask for the password on",
            "pipe it in: printf %s \"$PASSWORD\" | aosm-build login HOST --username USER --password-stdin",
        ));
    }
    let username = match &args.username {
        Some(username) => username.clone(),
        None if args.password_stdin => {
            return Err(missing("no user name is given", "name the user: --username USER"));
        }
        None => prompt::line(&format!("user name for {host}: "), &context.cancel).await?,
    };
    if username.is_empty() || username.contains(':') || username.chars().any(char::is_control) {
        return Err(missing(
            "this user name cannot be sent: it is empty, or has a colon or a control character",
            "name the user: --username USER",
        ));
    }
    let password = if args.password_stdin {
        read_password()?
    } else {
        prompt::password(&format!("password of {username}: "), &context.cancel).await?
    };
    if password.expose().is_empty() || password.expose().chars().any(char::is_control) {
        return Err(missing(
            "this password cannot be sent: it is empty, or has a control character",
            "give the password as one line",
        ));
    }
    Ok(Given { username, password })
}

/// The project's network profile, if there is a project, with the flags on top.
fn network(context: &Context, args: &LoginCommand, host: &str) -> Result<Network, Faults> {
    let mut network = context
        .project_if_any()?
        .map_or_else(Network::default, |project| project.network);
    if let Some(file) = &args.ca_file {
        network.ca_file = Some(Spanned::default_value(context.folder()?.join(file)));
    }
    if args.plain_http {
        network.plain_http.push(host.to_owned());
    }
    Ok(network)
}

/// User and password to keep. A registry's refresh token is kept as a password, which every tool can show.
fn to_keep(checked: Option<&Obtained>, given: Option<&Given>) -> Option<(String, Secret)> {
    match (checked.map(|obtained| &obtained.credential), given) {
        (_, Some(given)) => Some((given.username.clone(), given.password.clone())),
        (Some(Credential::Basic { username, password }), None) => Some((username.clone(), password.clone())),
        (Some(Credential::IdentityToken(token)), None) => Some((ACR_USER.to_owned(), token.clone())),
        (Some(Credential::Anonymous) | None, None) => None,
    }
}

/// Another file may be asked before the one that the login was written to.
async fn shadowed(client: &Client, username: &str, password: &Secret) -> Option<Fault> {
    let state = LoginState::new(
        &client.host.name,
        client.host.credential_key(),
        LoginFiles::from_env(),
        false,
    );
    let wanted = Wanted {
        repository: None,
        origin: "",
        service: "",
        tell: &|_| {},
    };
    let found = state.get(&wanted).await.ok()?;
    let kept = Credential::Basic {
        username: username.to_owned(),
        password: password.clone(),
    };
    (found.credential != kept).then(|| {
        Fault::warning(format!(
            "login {}: kept, but the {} goes before it and has another one",
            client.host.name, found.from
        ))
        .hint("remove the other one, or unset the variable that names its file")
    })
}

fn done(context: &Context, client: &Client, kept: Option<(&str, &Kept)>, checked: bool) -> u8 {
    let registry = client.host.name.clone();
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&LoginDocument {
            format: "aosm-login/1",
            registry,
            username: kept.map(|(username, _)| username.to_owned()),
            checked,
            file: kept.map(|(_, kept)| kept.file.to_string()),
            helper: kept.and_then(|(_, kept)| kept.helper.clone()),
        });
        return 0;
    }
    let Some((username, kept)) = kept else {
        context
            .screen
            .result(&format!("login {registry}: it asks for no login, so nothing was kept"));
        return 0;
    };
    let place = match &kept.helper {
        Some(helper) => format!("kept by the credential helper {helper}"),
        None => format!("kept in {}", kept.file),
    };
    if !checked {
        context
            .screen
            .say(&format!("{registry} asks for no login, so this one was not checked"));
    }
    context.screen.result(&format!("login {registry}: {username}, {place}"));
    if kept.helper.is_none() {
        context.screen.say(
            "the password can be read in that file; credsStore in it names a credential helper that keeps it safer",
        );
    }
    0
}

/// Without the kind that the room of credentials does not know.
pub fn fault(error: CredentialError) -> Fault {
    let fault = Fault::infrastructure(error.detail);
    match error.hint {
        Some(hint) => fault.hint(hint),
        None => fault,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn hosts_are_taken_as_people_write_them() {
        for (text, expected) in [
            ("registry.example", "registry.example"),
            ("https://Registry.Example/", "registry.example"),
            ("localhost:5000", "localhost:5000"),
            ("https://index.docker.io/v1/", "index.docker.io"),
            ("registry.example/v2/", "registry.example"),
            ("[::1]:5000", "[::1]:5000"),
        ] {
            assert_eq!(host(text).unwrap(), expected);
        }
        for text in ["", "https://", "registry.example/team", "me:hush@registry.example"] {
            let error = host(text).unwrap_err();
            assert!(!error.message().contains("hush"), "{}", error.message());
        }
        assert_eq!(key("docker.io"), HUB_CREDENTIAL_KEY);
    }
}
