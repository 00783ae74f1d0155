//! `docs/from-oras.md` is true: what its `sh` blocks say is run, and the `text` block behind each is what they print.
//!
//! All of it against registries of its own: distribution 3, the older 2.8 and one with the referrers API; and, for the
//! exit codes alone, the ACR stand-in. `AOSM_BLESS=1` writes what is printed into the document.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

const HOST: &str = "myregistry.azurecr.io";

fn document() -> PathBuf {
    root().join("docs/from-oras.md")
}

/// A block of commands, and what the document says that they print.
#[derive(Debug)]
pub struct Block {
    pub commands: String,
    pub prints: Option<String>,
    /// Where `prints` lies in the document.
    pub place: std::ops::Range<usize>,
}

/// The `sh` blocks of a document, each with the `text` block that follows it.
pub fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while let Some(fence) = text[at..].find("```") {
        let open = at + fence + 3;
        let inside = open + text[open..].find('\n').expect("a line") + 1;
        let close = inside + text[inside..].find("```").expect("the fence is closed");
        let content = text[inside..close].to_owned();
        match &text[open..inside - 1] {
            "sh" => blocks.push(Block {
                commands: content,
                prints: None,
                place: 0..0,
            }),
            "text" => {
                let block = blocks.last_mut().expect("commands come before what they print");
                assert!(block.prints.is_none(), "two outputs of one block:\n{}", block.commands);
                block.prints = Some(content);
                block.place = inside..close;
            }
            other => panic!("a block of {other:?} is neither run nor compared"),
        }
        at = close + 3;
    }
    blocks
}

fn run(blocks: &[Block], project: &Project, host: &str) -> Vec<String> {
    run_as(blocks, project, project.aosm(&[]), &[(HOST, host)])
}

/// What each block prints, when all are run one after another in one shell; the first command that fails ends the test. The
/// shell has the environment of `prepared`; each name of the document stands for what is really there.
pub fn run_as(blocks: &[Block], project: &Project, prepared: Aosm, names: &[(&str, &str)]) -> Vec<String> {
    let bin = project.home().join("bin");
    fs::create_dir_all(&bin).unwrap();
    std::os::unix::fs::symlink(aosm::BINARY, bin.join("aosm-build")).unwrap();
    if tools::find("jq").is_none() {
        // Enough of jq for the two questions of the document.
        let poor = "#!/bin/sh\ncase \"$*\" in *length*) grep -c '^ *\"digest\"' || true ;;\n\
                    *) sed -n 's/.*\"digest\": *\"\\(sha256:[0-9a-f]*\\)\".*/\\1/p' | sed -n 2p ;; esac\n";
        fs::write(bin.join("jq"), poor).unwrap();
        let executable = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(bin.join("jq"), executable).unwrap();
    }
    let mut script = String::from("set -eu\n");
    for (number, block) in blocks.iter().enumerate() {
        let commands = names
            .iter()
            .fold(block.commands.clone(), |text, (name, real)| text.replace(name, real));
        script += &format!("{commands}printf '\\n@@ %s\\n' {number}\n");
    }
    fs::write(project.home().join("script"), script).unwrap();
    // The binary's environment, with a shell instead of the binary.
    let prepared = prepared.into_command();
    let mut shell = Command::new("sh");
    shell
        .arg(project.home().join("script"))
        .current_dir(project.folder())
        .env_clear();
    for (name, value) in prepared.get_envs() {
        shell.env(name, value.unwrap_or_default());
    }
    let path = std::env::var("PATH").unwrap_or_default();
    shell.env("PATH", format!("{}:{path}", bin.display()));
    let output = shell.output().expect("a shell");
    let (stdout, stderr) = (
        String::from_utf8(output.stdout).expect("text"),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert!(
        output.status.success(),
        "{}: after\n{stdout}\nit says\n{stderr}",
        output.status
    );
    let mut rest = names
        .iter()
        .fold(stdout.clone(), |text, (name, real)| text.replace(real, name));
    let mut printed = Vec::new();
    for number in 0..blocks.len() {
        let mark = format!("\n@@ {number}\n");
        let (before, after) = rest
            .split_once(&mark)
            .unwrap_or_else(|| panic!("no {mark:?} in {stdout}"));
        printed.push(before.to_owned());
        rest = after.to_owned();
    }
    printed
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
    let blocks = blocks(&text);
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
        run(&blocks(&text), &project, &acr.host());
        assert_eq!(client.manifest("net-monitor", net_monitor().digest()), None, "{kind:?}");
    }
}

#[test]
fn the_commands_of_the_table_are_there_with_their_flags() {
    let text = fs::read_to_string(document()).unwrap();
    let project = Project::new();
    let mut seen = 0;
    for row in text.lines().filter(|line| line.starts_with("| `")) {
        let here = row.split(" | ").nth(1).expect("two columns");
        let mut command = Vec::new();
        for part in here.split('`').skip(1).step_by(2) {
            if let Some(words) = part.strip_prefix("aosm-build ") {
                let known =
                    |word: &&str| word.chars().all(|c| c.is_ascii_lowercase() || c == '-') && !word.starts_with('-');
                command = words.split(' ').take_while(known).collect();
                let help = project.run(&[command.as_slice(), &["--help"]].concat()).ok();
                for flag in words.split(' ').filter(|word| word.starts_with('-')) {
                    assert!(help.stdout.contains(flag), "{words}: no {flag} in its help");
                }
                seen += 1;
            } else if part.starts_with("--") && !command.is_empty() {
                let help = project.run(&[command.as_slice(), &["--help"]].concat()).ok();
                assert!(help.stdout.contains(part), "{command:?} has no {part}");
            }
        }
    }
    assert!(seen > 15, "{seen} commands");
}
