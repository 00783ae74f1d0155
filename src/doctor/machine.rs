//! What every run needs of this machine, whatever it publishes.

use std::collections::BTreeSet;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::check::{Check, CheckKind, State};
use super::folder::Folder;
use super::words::count;
use crate::cache;
use crate::chart::Helm;
use crate::credentials::LoginFiles;
use crate::digest::ReadFiles;
use crate::durable;
use crate::fault::Fault;
use crate::oci::registry::HttpTransport;
use crate::project::Network;

/// A proxy that takes longer to accept a connection does not count as there.
const PROXY_TIME: Duration = Duration::from_secs(5);

/// Variables that name a proxy, as they are read when the project names none. Lower case goes before.
const PROXY_VARIABLES: [&str; 6] = [
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "http_proxy",
    "HTTP_PROXY",
];

/// Is Helm there, and new enough? Not asked where nothing is rendered.
pub(super) async fn helm(named: Option<String>, needed: bool, cancel: CancellationToken) -> Check {
    if !needed {
        return Check::new(CheckKind::Helm, State::Skipped, "not needed: the project has no chart");
    }
    let helm = match Helm::find(named.as_deref().map(Utf8Path::new)) {
        Ok(helm) => helm,
        Err(fault) => return missing(CheckKind::Helm, &fault),
    };
    match helm.version(&ReadFiles, &cancel).await {
        Ok(version) => Check::new(CheckKind::Helm, State::Ok, format!("{version} at {}", helm.path())),
        Err(fault) => missing(CheckKind::Helm, &fault),
    }
}

/// What a fault says, as a check.
pub(super) fn missing(kind: CheckKind, fault: &Fault) -> Check {
    let text = fault.to_string();
    let prefix = format!("{}: ", kind.as_str());
    let detail = text.strip_prefix(&prefix).unwrap_or(&text).to_owned();
    Check {
        hint: fault.hint_text().map(str::to_owned),
        ..Check::new(kind, State::Missing, detail)
    }
}

/// The files that hold logins, one line each: can they be read, are the helpers that they name installed?
pub(super) fn logins(files: &LoginFiles) -> Vec<Check> {
    let found = files.survey();
    if found.is_empty() {
        let none = "no login is kept: registries are asked without one, Azure's with an Entra identity";
        return vec![Check::new(CheckKind::Logins, State::Ok, none)];
    }
    let mut checks = Vec::new();
    for file in found {
        let check = |state, detail: String| Check::new(CheckKind::Logins, state, detail).of(file.path.as_str());
        let content = match &file.content {
            Ok(content) => content,
            Err(why) => {
                let hint = format!("correct or remove {}, then log in again", file.path);
                checks.push(check(State::Missing, why.clone()).hint(hint));
                continue;
            }
        };
        let entries = match content.entries {
            1 => "1 entry".to_owned(),
            n => format!("{n} entries"),
        };
        let named = content.store.iter().chain(&content.helpers);
        let absent: Vec<&str> = named.map(String::as_str).filter(|program| !on_path(program)).collect();
        let Some(first) = absent.first() else {
            let helpers: Vec<&str> = content
                .store
                .iter()
                .chain(&content.helpers)
                .map(String::as_str)
                .collect();
            let with = if helpers.is_empty() { "" } else { ", " };
            checks.push(check(State::Ok, format!("{entries}{with}{}", helpers.join(", "))));
            continue;
        };
        // A helper for one host may be for a host that nobody asks; the one for all hosts is asked each time.
        let state = if content.store.as_deref() == Some(first) {
            State::Missing
        } else {
            State::Warning
        };
        let detail = format!(
            "{entries}; credential helpers that are not on PATH: {}",
            absent.join(", ")
        );
        checks.push(check(state, detail).hint("install them, or remove credsStore and credHelpers from this file"));
    }
    checks
}

fn on_path(program: &str) -> bool {
    let name = if cfg!(windows) {
        format!("{program}.exe")
    } else {
        program.to_owned()
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(&name).is_file())
}

/// Which proxy is used, and does it take connections?
pub(super) async fn proxy(network: Network, offline: bool) -> Check {
    let variable = |name: &&str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let named = PROXY_VARIABLES.iter().find_map(|name| Some((*name, variable(name)?)));
    let (from, text) = match (&network.proxy, named) {
        (Some(proxy), _) => ("[network]", proxy.value.clone()),
        (None, Some((name, text))) => (name, text),
        (None, None) => return Check::new(CheckKind::Proxy, State::Ok, "none"),
    };
    // The address may hold a password: host and port are all that is shown.
    let with_scheme = if text.contains("://") {
        text
    } else {
        format!("http://{text}")
    };
    let url = url::Url::parse(&with_scheme).ok();
    let place = url
        .as_ref()
        .and_then(|url| Some((url.host_str()?.to_owned(), port(url)?)));
    let Some((host, port)) = place else {
        return Check::new(
            CheckKind::Proxy,
            State::Missing,
            format!("the address in {from} is none"),
        )
        .hint("write it like http://proxy.example:3128");
    };
    let shown = format!("{host}:{port}, from {from}");
    if offline {
        return Check::new(
            CheckKind::Proxy,
            State::Skipped,
            format!("{shown}; --offline forbids asking it"),
        );
    }
    let address = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let connected = tokio::time::timeout(PROXY_TIME, tokio::net::TcpStream::connect((address, port))).await;
    let why = match connected {
        Ok(Ok(_)) => return Check::new(CheckKind::Proxy, State::Ok, shown),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no answer for {} s", PROXY_TIME.as_secs()),
    };
    Check::new(CheckKind::Proxy, State::Missing, format!("{shown}: {why}")).hint(format!(
        "correct the address in {from}, or remove it where no proxy is needed"
    ))
}

fn port(url: &url::Url) -> Option<u16> {
    url.port_or_known_default().or(match url.scheme() {
        "socks5" | "socks5h" => Some(1080),
        _ => None,
    })
}

/// Can TLS be used: are there authorities to trust, and are the project's own files good?
pub(super) fn certificates(network: &Network, needed: bool) -> Check {
    let mut from = vec!["the system's authorities".to_owned()];
    if let Some(file) = &network.ca_file {
        from.push(format!("those of {}", file.value));
    }
    if let Some(file) = &network.client_certificate {
        from.push(format!("the client certificate in {}", file.value));
    }
    match HttpTransport::new(network, 1).check_tls() {
        Ok(()) => Check::new(CheckKind::Certificates, State::Ok, from.join(", ")),
        Err(error) => {
            let state = if needed { State::Missing } else { State::Warning };
            let hint = if network.ca_file.is_some() || network.client_certificate.is_some() {
                "check ca-file and client-certificate in [network], and the system's certificate authorities (package ca-certificates)"
            } else {
                "install the system's certificate authorities (package ca-certificates), or name a ca-file in [network]"
            };
            Check::new(CheckKind::Certificates, state, error.detail).hint(hint)
        }
    }
}

/// The cache folder.
pub(super) fn cache_folder(path: Result<Utf8PathBuf, Fault>) -> Check {
    let path = match path {
        Ok(path) => path,
        Err(fault) => return missing(CheckKind::Cache, &fault),
    };
    let (state, words, hint) = Folder::look(&path).judged();
    let check = Check {
        hint: hint.map(str::to_owned),
        ..Check::new(CheckKind::Cache, state, words)
    }
    .of(path.as_str());
    if state == State::Missing {
        return check.hint("make it writable and free some space, or name another folder in AOSM_CACHE_DIR");
    }
    let survey = cache::survey(&path);
    if survey.damaged == 0 {
        return check;
    }
    let detail = format!(
        "{}; {} of {} entries are damaged",
        check.detail, survey.damaged, survey.entries
    );
    Check {
        detail,
        state: State::Warning,
        ..check
    }
    .hint("nothing to do: they are made again when they are needed")
}

/// The state folder of a project.
pub(super) fn state_folder(path: &Utf8Path) -> Check {
    let (state, words, hint) = Folder::look(path).judged();
    let check = Check {
        hint: hint.map(str::to_owned),
        ..Check::new(CheckKind::State, state, words)
    }
    .of(path.as_str());
    if state == State::Missing {
        return check.hint("the project folder must be writable, with some space: aosm-build keeps its state in .aosm");
    }
    let damaged: BTreeSet<&str> = ["stat", "history"]
        .into_iter()
        .filter(|name| path.join(name).exists() && durable::read_sealed(&path.join(name)).is_none())
        .collect();
    if damaged.is_empty() {
        return check;
    }
    let names: Vec<&str> = damaged.iter().copied().collect();
    let detail = format!(
        "{}; {} damaged: {}",
        check.detail,
        count(names.len(), "file"),
        names.join(", ")
    );
    Check {
        detail,
        state: State::Warning,
        ..check
    }
    .hint("nothing to do: damaged files count as absent and are written anew")
}
