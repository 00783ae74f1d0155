//! `docs/from-az-aosm.md` is true: what its `sh` blocks say is run, and the `text` block behind each is what they print. `bash` blocks are
//! those of the Azure CLI. `AOSM_BLESS=1` writes what is printed into the document.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use crate::support::arm::{Arm, SUBSCRIPTION, TOKEN, in_seconds, registry_token};
use crate::support::cli_output::{CNF_LIST, cnf_at};
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

const STORE: &str = "contoso-acr";
const MANIFEST: &str = "contoso-cnf-acr-manifest-1-0-0";

fn document() -> PathBuf {
    root().join("docs/from-az-aosm.md")
}

struct Block {
    commands: String,
    prints: Option<std::ops::Range<usize>>,
}

/// The `sh` blocks, each with the place of the `text` block behind it.
fn blocks(text: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut at = 0;
    while let Some(fence) = text[at..].find("```") {
        let open = at + fence + 3;
        let inside = open + text[open..].find('\n').expect("a line") + 1;
        let close = inside + text[inside..].find("```").expect("the fence is closed");
        match &text[open..inside - 1] {
            "sh" => blocks.push(Block {
                commands: text[inside..close].to_owned(),
                prints: None,
            }),
            "text" => {
                let block = blocks.last_mut().expect("commands come before what they print");
                assert!(block.prints.is_none(), "two outputs of one block:\n{}", block.commands);
                block.prints = Some(inside..close);
            }
            "bash" => {
                let theirs = text[inside..close].lines().filter(|line| !line.starts_with(' '));
                assert!(theirs.clone().count() > 0 && theirs.clone().all(|line| line.starts_with("az ")));
            }
            other => panic!("a block of {other:?} is neither run nor theirs"),
        }
        at = close + 3;
    }
    blocks
}

/// The publisher's world: two registries with the images, the artifact store's registry, Resource Manager.
struct World {
    project: Project,
    first: Registry,
    second: Registry,
    target: Registry,
    arm: Arm,
}

impl World {
    fn new() -> Self {
        let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
        let world = Self {
            project: cnf_at(&first, &second),
            first,
            second,
            target: Registry::start(Kind::Token),
            arm: Arm::start(),
        };
        world.arm.registry_store(STORE);
        let names: Vec<&str> = world.names();
        let entries: Vec<(&str, &str, &str)> = names.iter().map(|name| (*name, "1.0.0", "OCIArtifact")).collect();
        world.arm.manifest(STORE, MANIFEST, &entries);
        let server = format!("http://{}", world.target.host());
        world.arm.grants(STORE, MANIFEST, move |_| {
            registry_token(&server, USER, PASSWORD, &names, &in_seconds(24 * 3600))
        });
        // The input file that the folder was built from.
        let input = fs::read_to_string(root().join("fixtures/contoso-cnf/cnf-input.jsonc")).unwrap();
        let input = input.replace(
            "\"image_sources\": [\"myregistry.azurecr.io\"]",
            "\"image_sources\": [\"myregistry.azurecr.io\", \"ghcr.io/contoso\"]",
        );
        world.project.write("cnf-input.jsonc", world.here(&input));
        world
            .project
            .copy_in(&root().join("fixtures/contoso-cnf/values"), "values");
        world
    }

    fn names(&self) -> Vec<&'static str> {
        let images = contoso::PATHS.iter().filter_map(|path| Some(path.split_once(':')?.0));
        images.chain(["contoso-cnf", "contoso-gateway"]).collect()
    }

    fn here(&self, text: &str) -> String {
        text.replace("myregistry.azurecr.io", &self.first.host())
            .replace("ghcr.io", &self.second.host())
    }

    fn there(&self, text: &str) -> String {
        text.replace(&self.first.host(), "myregistry.azurecr.io")
            .replace(&self.second.host(), "ghcr.io")
            .replace(&self.target.host(), "contosoacr.azurecr.io")
    }

    /// Runs all blocks in one shell; what each printed on standard output.
    fn run(&self, blocks: &[Block]) -> Vec<String> {
        let bin = self.project.home().join("bin");
        fs::create_dir_all(&bin).unwrap();
        std::os::unix::fs::symlink(aosm::BINARY, bin.join("aosm-build")).unwrap();
        let mut script = String::from("set -eu\n");
        for (number, block) in blocks.iter().enumerate() {
            script += &format!("{}printf '\\n@@ %s\\n' {number}\n", block.commands);
        }
        fs::write(self.project.home().join("script"), script).unwrap();
        let prepared = self.project.aosm(&[]).into_command();
        let mut shell = Command::new("sh");
        shell
            .arg(self.project.home().join("script"))
            .current_dir(self.project.folder())
            .env_clear();
        for (name, value) in prepared.get_envs() {
            shell.env(name, value.unwrap_or_default());
        }
        let path = std::env::var("PATH").unwrap_or_default();
        shell
            .env("PATH", format!("{}:{path}", bin.display()))
            .env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN);
        let output = shell.output().expect("a shell");
        let stdout = String::from_utf8(output.stdout).expect("text");
        assert!(
            output.status.success(),
            "after\n{stdout}\nit says\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut rest = self.there(&stdout);
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
}

#[test]
fn every_line_of_the_release_runs_and_prints_what_is_written() {
    let text = fs::read_to_string(document()).unwrap();
    let blocks = blocks(&text);
    assert!(blocks.len() >= 5, "the walk-through is there");
    let world = World::new();
    let before = world.project.read(CNF_LIST);
    let printed = world.run(&blocks);
    if std::env::var_os("AOSM_BLESS").is_some() {
        let mut blessed = text.clone();
        for (block, printed) in blocks.iter().zip(&printed).rev() {
            if let Some(place) = &block.prints {
                blessed.replace_range(place.clone(), printed);
            }
        }
        fs::write(document(), blessed).unwrap();
    } else {
        for (block, printed) in blocks.iter().zip(&printed) {
            let written = block.prints.clone().map_or("", |place| &text[place]);
            assert_eq!(printed, written, "prints something else:\n{}", block.commands);
        }
    }
    for name in world.names() {
        assert!(
            world.target.client().digest(name, "1.0.0").is_some(),
            "{name} is in the store"
        );
    }
    // The list that was written last says what the extension's own said, and does the same.
    assert_ne!(world.project.read(CNF_LIST), before);
    let again = world
        .project
        .aosm(&["plan", "--from", "cnf-cli-output", "--store", "aosm", "--json"])
        .env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
        .env("AOSM_ARM_ENDPOINT", world.arm.endpoint())
        .env("AOSM_ARM_TOKEN", TOKEN)
        .run()
        .ok()
        .json();
    assert_eq!(again["summary"]["fresh"], 6, "{again}");
}

#[test]
fn the_commands_of_the_table_are_there_with_their_flags() {
    let text = fs::read_to_string(document()).unwrap();
    let project = Project::new();
    let mut seen = 0;
    for row in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| `az aosm`"))
    {
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
            } else if part.starts_with("--") && !command.is_empty() && part != "--skip" {
                let help = project.run(&[command.as_slice(), &["--help"]].concat()).ok();
                assert!(help.stdout.contains(part), "{command:?} has no {part}");
            }
        }
    }
    assert!(seen > 15, "{seen} commands");
}
