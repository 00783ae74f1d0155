//! `docs/from-az-aosm.md` is true: what its `sh` blocks say is run, and the `text` block behind each is what they print. `bash` blocks are
//! those of the Azure CLI. `AOSM_BLESS=1` writes what is printed into the document.
#![cfg(unix)]

use std::fs;
use std::path::PathBuf;

use crate::support::arm::{Arm, SUBSCRIPTION, TOKEN, in_seconds, registry_token};
use crate::support::cli_output::{CNF_LIST, cnf_at};
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;
use crate::walkthrough::{Block, blocks, commands_with_flags, run_as};

const STORE: &str = "contoso-acr";
const MANIFEST: &str = "contoso-cnf-acr-manifest-1-0-0";

fn document() -> PathBuf {
    root().join("docs/from-az-aosm.md")
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

    /// A run that knows the subscription and Resource Manager.
    fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.project
            .aosm(arguments)
            .env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
    }

    /// Runs all blocks in one shell; what each printed on standard output.
    fn run(&self, blocks: &[Block]) -> Vec<String> {
        let (first, second, target) = (self.first.host(), self.second.host(), self.target.host());
        let names = [
            ("myregistry.azurecr.io", first.as_str()),
            ("ghcr.io", &second),
            ("contosoacr.azurecr.io", &target),
        ];
        run_as(blocks, &self.project, self.aosm(&[]), &names)
    }
}

#[test]
fn every_line_of_the_release_runs_and_prints_what_is_written() {
    let text = fs::read_to_string(document()).unwrap();
    let blocks = blocks(&text, Some("az "));
    assert!(blocks.len() >= 5, "the walk-through is there");
    let world = World::new();
    let before = world.project.read(CNF_LIST);
    let printed = world.run(&blocks);
    if std::env::var_os("AOSM_BLESS").is_some() {
        let mut blessed = text.clone();
        for (block, printed) in blocks.iter().zip(&printed).rev() {
            if block.prints.is_some() {
                blessed.replace_range(block.place.clone(), printed);
            }
        }
        fs::write(document(), blessed).unwrap();
    } else {
        for (block, printed) in blocks.iter().zip(&printed) {
            let written = block.prints.as_deref().unwrap_or_default();
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
        .aosm(&["plan", "--from", "cnf-cli-output", "--store", "aosm", "--json"])
        .run()
        .ok()
        .json();
    assert_eq!(again["summary"]["fresh"], 6, "{again}");
}

#[test]
fn the_commands_of_the_table_are_there_with_their_flags() {
    let text = fs::read_to_string(document()).unwrap();
    let rows = text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| `az aosm`"));
    let seen = commands_with_flags(rows, &["--skip"]);
    assert!(seen > 15, "{seen} commands");
}
