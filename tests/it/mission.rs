//! The whole of it: a containerised and a virtual network function, published by two publishers into stores of both kinds, from
//! making the artifact manifests to sealing them, and on to the next version.

use serde_json::Value;

use crate::support::arm::PUBLISHER;
use crate::support::cloud::{ACCOUNT, ACR, Asked, CloudMark};
use crate::support::cloud_project::{
    ACCOUNT_MANIFEST, ACR_MANIFEST, BLOB, CONTAINER, Function, STAGING, STAGING_ACCOUNT, STAGING_ACR,
};
use crate::support::traffic::What;
use crate::support::*;

/// A cloud, the project, and the flags that choose an environment.
struct Mission {
    cloud: Cloud,
    function: Function,
    environment: &'static [&'static str],
}

impl Mission {
    fn run(&self, arguments: &[&str]) -> Output {
        self.function
            .aosm(&self.cloud, &[self.environment, arguments].concat())
            .run()
    }

    /// How many steps a plan or a run has of each kind.
    fn summary(document: &Value, kinds: [&str; 2]) -> (u64, u64) {
        let count = |kind: &str| document["summary"][kind].as_u64().unwrap_or_default();
        (count(kinds[0]), count(kinds[1]))
    }

    /// Makes both artifact manifests, as the project needs them.
    fn make_manifests(&self) {
        for (store, manifest) in [("images", ACR_MANIFEST), ("disks", ACCOUNT_MANIFEST)] {
            let create = ["artifact-manifest", "create", "--store", store];
            self.run(&create).ok().says("made ").says(manifest);
            self.run(&create).ok().says("is there already and lists what is needed");
        }
    }

    /// Is everything in place, by the table of each manifest?
    fn check(&self, code: i32) {
        for store in ["images", "disks"] {
            let check = ["artifact-manifest", "check", "--store", store];
            let output = self.run(&check).expect(code);
            output.says(if code == 0 { "complete: " } else { "not complete: " });
        }
    }

    /// What the second run asks for: each manifest and its credential once, each artifact once.
    fn nothing_to_do(&self, registry: &str, account: &str, seals: usize) {
        for command in [&["plan", "--detailed-exitcode"][..], &["apply"]] {
            let mark = self.cloud.mark();
            self.run(command).ok().says("nothing to do");
            let asked = self.cloud.since(&mark);
            let of_each = (asked.credentials(), asked.manifests(), asked.arm.len());
            assert_eq!(of_each, (2, 2, 6), "{command:?}: {:#?}", asked.arm);
            once_each(&asked, registry, self.function.names().len());
            assert_eq!(asked.of(account).len(), 1, "{command:?}: {:#?}", asked.of(account));
            self.only_this_environment(&asked, registry, account);
        }
        assert_eq!(self.cloud.arm.count("/updateState?"), seals);
    }

    fn only_this_environment(&self, asked: &Asked, registry: &str, account: &str) {
        for (store, entries) in &asked.stores {
            assert!(
                store == registry || store == account || entries.is_empty(),
                "{store}: {entries:#?}"
            );
        }
        let other = if registry == ACR { STAGING } else { PUBLISHER };
        assert_eq!(asked.arm("GET", &format!(" {other}/")), 0, "{:#?}", asked.arm);
    }
}

/// One good answer for each artifact, and at most one challenge before the first.
fn once_each(asked: &Asked, store: &str, artifacts: usize) {
    let all = asked.of(store);
    let good = all
        .iter()
        .filter(|entry| entry.what == What::Manifest && entry.status == 200);
    assert_eq!(good.count(), artifacts, "{all:#?}");
    assert!(all.len() <= artifacts + 1, "{all:#?}");
}

#[test]
fn two_publishers_get_manifests_content_proof_and_seals_and_every_next_run_has_nothing_to_do() {
    if !Azurite::available() {
        return;
    }
    let mut mission = Mission {
        cloud: Function::cloud(),
        function: Function::write(),
        environment: &[],
    };
    templates_list_what_is_needed(&mission);
    // Without manifests nothing can be known of the stores, and that is what is said.
    mission
        .run(&["plan"])
        .expect(4)
        .says(&format!("read artifact manifest contoso/contoso-acr/{ACR_MANIFEST}"))
        .says("8 unknown");
    assert_eq!(mission.cloud.arm.count("/listCredential?"), 2);
    mission.make_manifests();
    fill(&mission, ACR, ACCOUNT);
    mission.nothing_to_do(ACR, ACCOUNT, 0);
    seal(&mission, ACR, ACCOUNT);
    mission.nothing_to_do(ACR, ACCOUNT, 1);
    let before = mission.cloud.mark();

    // The other publisher's stores are as empty as ever, and filling them asks nothing of the first one's.
    mission.environment = &["--environment", "staging"];
    mission.run(&["plan"]).expect(4).says("contoso-staging/staging-acr");
    mission.make_manifests();
    fill(&mission, STAGING_ACR, STAGING_ACCOUNT);
    mission.nothing_to_do(STAGING_ACR, STAGING_ACCOUNT, 1);
    mission.check(0);
    let asked = mission.cloud.since(&before);
    mission.only_this_environment(&asked, STAGING_ACR, STAGING_ACCOUNT);
    assert_eq!(mission.cloud.arm.state_of(STAGING_ACR, ACR_MANIFEST), "Uploading");

    // The next version of the first: new manifests, and only what is new moves.
    mission.environment = &[];
    next_version(&mission);
}

/// The templates name every artifact, in the manifest of the right store, and are the same each time.
fn templates_list_what_is_needed(mission: &Mission) {
    let generate = |format: &str| mission.run(&["artifact-manifest", "generate", "--format", format]).ok();
    let document = generate("json").json();
    let listed = |index: usize| -> Vec<String> {
        let entries = document["manifests"][index]["artifacts"]
            .as_array()
            .expect("entries")
            .iter();
        let name = |entry: &Value| {
            format!(
                "{}:{}",
                entry["name"].as_str().unwrap(),
                entry["version"].as_str().unwrap()
            )
        };
        entries.map(name).collect()
    };
    assert_eq!(listed(0), mission.function.names());
    assert_eq!(listed(1), ["ubuntu-vm-vhd:1-0-0"]);
    assert_eq!(document["manifests"][1]["artifact-manifest"], ACCOUNT_MANIFEST);
    for format in ["bicep", "arm"] {
        let text = generate(format).stdout;
        assert_eq!(text, generate(format).stdout, "{format}");
        for name in mission.function.names() {
            let name = name.split_once(':').unwrap().0;
            assert!(text.contains(name), "{format}: no {name}");
        }
    }
    assert!(mission.cloud.arm.seen().is_empty(), "nobody is asked for a template");
}

/// Plans, fills and proves both stores.
fn fill(mission: &Mission, registry: &str, account: &str) {
    let mark: CloudMark = mission.cloud.mark();
    let plan = mission.run(&["plan", "--json"]).ok().json();
    assert_eq!(Mission::summary(&plan, ["run", "fresh"]), (8, 0), "{plan:#}");
    let asked = mission.cloud.since(&mark);
    assert_eq!(
        asked.writes(registry) + asked.writes(account),
        0,
        "a plan writes nothing"
    );
    let completeness = plan["completeness"].as_array().expect("a table for each manifest");
    assert_eq!(completeness.len(), 2, "{plan:#}");
    mission.check(4);
    let applied = mission.run(&["apply", "--json"]).ok().json();
    assert_eq!(Mission::summary(&applied, ["done", "failed"]), (8, 0), "{applied:#}");
    mission.function.assert_filled(&mission.cloud, registry, account);
    mission.check(0);
}

/// Closes the registry's manifest; that of the disk images has no such state.
fn seal(mission: &Mission, registry: &str, account: &str) {
    let mark = mission.cloud.mark();
    let applied = mission.run(&["apply", "--seal", "--json"]).ok().json();
    assert_eq!(Mission::summary(&applied, ["done", "failed"]), (1, 0), "{applied:#}");
    let asked = mission.cloud.since(&mark);
    assert_eq!(
        asked.writes(registry) + asked.writes(account),
        0,
        "sealing writes nothing into the stores"
    );
    assert_eq!(asked.arm("POST", "/updateState?"), 1, "{:#?}", asked.arm);
    assert_eq!(mission.cloud.arm.state_of(registry, ACR_MANIFEST), "Uploaded");
    assert_eq!(mission.cloud.arm.state_of(account, ACCOUNT_MANIFEST), "Uploading");
    mission.run(&["apply", "--seal"]).ok().says("nothing to do");
    mission
        .run(&["artifact-manifest", "seal", "--store", "disks"])
        .ok()
        .says("not sealed: manifests of storage accounts have no such state");
}

fn next_version(mission: &Mission) {
    let project = &mission.function.project;
    project.edit("charts/contoso-cnf/Chart.yaml", "version: 1.0.0", "version: 1.0.1");
    // Nothing of a sealed manifest can be changed: said before anything moves.
    let mark = mission.cloud.mark();
    mission.run(&["apply"]).expect(4).says("contoso-cnf:1.0.1");
    assert_eq!(mission.cloud.since(&mark).writes(ACR), 0);
    project.edit("cnf-input.jsonc", "\"version\": \"1.0.0\"", "\"version\": \"1.0.1\"");
    for store in ["images", "disks"] {
        mission
            .run(&["artifact-manifest", "create", "--store", store])
            .ok()
            .says("manifest-1-0-1");
    }
    let applied = mission.run(&["apply", "--seal", "--json"]).ok().json();
    assert_eq!(Mission::summary(&applied, ["done", "fresh"]), (2, 8), "{applied:#}");
    let client = mission.cloud.shelf(ACR).registry.client();
    assert!(client.digest("contoso-cnf", "1.0.1").is_some());
    assert!(client.digest("contoso-cnf", "1.0.0").is_some(), "the old version stays");
    assert_eq!(
        mission.cloud.arm.state_of(ACR, "contoso-cnf-acr-manifest-1-0-1"),
        "Uploaded"
    );
    assert!(mission.cloud.account(ACCOUNT).azurite.head(CONTAINER, BLOB).is_some());
}
