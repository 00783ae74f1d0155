//! `docs/from-oras.md` is true: what its `sh` blocks say is run, and the `text` block behind each is what they print.
//!
//! All of it against registries of its own: distribution 3, the older 2.8 and one with the referrers API; and, for the
//! exit codes alone, the ACR stand-in. `AOSM_BLESS=1` writes what is printed into the document.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;

use crate::support::registry::{PASSWORD, USER};
use crate::support::*;
use crate::walkthrough::{Block, blocks, commands_with_flags, run_as};

const HOST: &str = "myregistry.azurecr.io";

fn document() -> PathBuf {
    root().join("docs/from-oras.md")
}

fn run(blocks: &[Block], project: &Project, host: &str) -> Vec<String> {
    run_as(blocks, project, project.aosm(&[]), &[(HOST, host)])
}

/// How many requests something took depends on the registry: `46 requests` becomes `requests`.
pub fn without_requests(text: &str) -> String {
    let kept = text.split(' ').collect::<Vec<_>>();
    let word = |at: usize| kept.get(at + 1).is_some_and(|next| next.starts_with("requests"));
    let words = kept
        .iter()
        .enumerate()
        .filter(|(at, text)| !(word(*at) && text.parse::<u32>().is_ok()));
    words.map(|(_, text)| *text).collect::<Vec<_>>().join(" ")
}

/// A registry of its own with the image that the document takes for granted.
fn prepared(kind: Kind) -> Registry {
    let registry = Registry::start(kind);
    registry.push(&net_monitor(), "net-monitor", "v1");
    registry
}

fn net_monitor() -> Image {
    ImageSpec::new(2024).layers(&[3000, 500]).build()
}

fn check(kind: Kind) {
    let text = fs::read_to_string(document()).unwrap();
    let blocks = blocks(&text, None);
    assert!(blocks.len() > 10, "the walk-throughs are there");
    let registry = prepared(kind);
    let printed = run(&blocks, &Project::new(), &registry.host());
    if std::env::var_os("AOSM_BLESS").is_some() {
        let mut blessed = text.clone();
        for (block, printed) in blocks.iter().zip(&printed).rev() {
            if block.prints.is_some() {
                blessed.replace_range(block.place.clone(), printed);
            }
        }
        fs::write(document(), blessed).unwrap();
        return;
    }
    for (block, printed) in blocks.iter().zip(&printed) {
        let wanted = without_requests(block.prints.as_deref().unwrap_or_default());
        assert_eq!(
            without_requests(printed),
            wanted,
            "{kind:?} prints something else for\n{}",
            block.commands
        );
    }
    // All of `net-monitor` is gone, the copy is not.
    assert_eq!(
        registry.client().tags("samples/artifact"),
        Vec::<String>::new(),
        "{kind:?}"
    );
    assert_eq!(registry.client().tags("net-monitor"), Vec::<String>::new(), "{kind:?}");
    assert_eq!(
        registry.client().manifest("net-monitor", net_monitor().digest()),
        None,
        "{kind:?}"
    );
    assert!(
        registry
            .client()
            .tags("released/net-monitor")
            .contains(&"v1".to_owned()),
        "{kind:?}"
    );
}

#[test]
fn every_line_runs_on_a_registry_with_the_referrers_api_and_prints_what_is_written() {
    check(Kind::Native);
}

#[test]
fn every_line_runs_on_distribution_3_and_prints_what_is_written() {
    check(Kind::Plain);
}

#[test]
fn every_line_runs_on_distribution_2_8_and_prints_what_is_written() {
    if Kind::Old.available() {
        check(Kind::Old);
    }
}

#[test]
fn every_line_runs_on_the_acr_stand_in() {
    let text = fs::read_to_string(document()).unwrap();
    for kind in [Kind::Native, Kind::Token] {
        let registry = Registry::start(kind);
        let acr = Acr::before(&registry);
        let mut client = Client::plain(&acr.host());
        let project = Project::new();
        if kind.token() {
            client = client.with_login(client::Login::Minted(registry.authority()));
            project.login(&acr.host(), USER, PASSWORD);
        }
        client.push(&net_monitor(), "net-monitor", "v1");
        run(&blocks(&text, None), &project, &acr.host());
        assert_eq!(client.manifest("net-monitor", net_monitor().digest()), None, "{kind:?}");
    }
}

#[test]
fn the_commands_of_the_table_are_there_with_their_flags() {
    let text = fs::read_to_string(document()).unwrap();
    let rows = text.lines().filter(|line| line.starts_with("| `"));
    let seen = commands_with_flags(rows, &[]);
    assert!(seen > 15, "{seen} commands");
}
