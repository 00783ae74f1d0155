//! `plan --from` and `apply --from`: the folder that the Azure CLI extension built fills the stores, and nothing else is asked.

use serde_json::{Value, json};

use crate::support::cli_output::{CNF, CNF_LIST, cnf, cnf_with, disk, nsd, vnf};
use crate::support::snapshot::holding;
use crate::support::*;

/// Everything that the worked example's list names.
const CNF_NAMES: [&str; 6] = [
    "contoso-cnf:1.0.0",
    "contoso-gateway:1.0.0",
    "release/contoso-a:1.0.0",
    "release/contoso-b:1.0.0",
    "release/contoso-c:1.0.0",
    "test-release/contoso-test:1.0.0",
];

fn ids(document: &Value) -> Vec<&str> {
    let steps = document["steps"].as_array().expect("steps");
    steps.iter().map(|step| step["id"].as_str().expect("an id")).collect()
}

#[test]
fn a_folder_fills_the_local_store_without_helm_and_the_second_run_has_nothing_to_do() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    let without_helm = |arguments: &[&str]| project.aosm(arguments).env("AOSM_HELM", "no-such-helm").run();
    let plan = without_helm(&["plan", "--from", CNF, "--json"]).ok().json();
    assert_eq!(
        ids(&plan),
        [
            "copy:local/release/contoso-a:1.0.0",
            "copy:local/release/contoso-b:1.0.0",
            "copy:local/release/contoso-c:1.0.0",
            "copy:local/test-release/contoso-test:1.0.0",
            "push:local/contoso-cnf:1.0.0",
            "push:local/contoso-gateway:1.0.0",
        ]
    );
    assert_eq!(plan["summary"]["run"], 6);
    assert_eq!(plan["helm"], Value::Null);
    without_helm(&["apply", "--from", CNF]).ok().says("6 done");
    let store = project.path(".aosm/store");
    assert_eq!(layout::names(&store), CNF_NAMES);
    for path in contoso::PATHS {
        let held = layout::read(&store, path).expect("the image");
        assert_eq!(
            held.digest(),
            contoso::image(path).digest(),
            "{path}: from its own registry, whole"
        );
    }
    // The lock is the list's own and lies beside it; the second run asks no source.
    assert!(project.path("cnf-cli-output.aosm.lock").is_file());
    assert!(!project.path("aosm.lock").exists());
    let (before_first, before_second) = (first.mark(), second.mark());
    let again = without_helm(&["plan", "--from", CNF, "--detailed-exitcode", "--json"])
        .ok()
        .json();
    assert_eq!(again["summary"]["fresh"], 6, "{again}");
    assert_eq!(first.since(before_first).0.len(), 0);
    assert_eq!(second.since(before_second).0.len(), 0);
    without_helm(&["apply", "--from", CNF]).ok().says("nothing to do");
}

#[test]
fn an_input_file_alone_is_not_read_as_the_folder_says_what_it_says() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    project.write("cnf-input.jsonc", "{ this is no JSON");
    project.run(&["plan", "--from", CNF]).ok();
}

#[test]
fn the_store_of_an_aosm_toml_is_filled_and_one_that_is_named_goes_before() {
    let (first, second, target) = (
        Registry::start(Kind::Plain),
        Registry::start(Kind::Plain),
        Registry::start(Kind::Plain),
    );
    let project = cnf_with(&first, &second);
    project.write(
        "aosm.toml",
        format!(
            "[stores.here]\nkind = \"local\"\npath = \"here\"\n\n[stores.there]\nkind = \"registry\"\nregistry = \"{}/released\"\n",
            target.host()
        ),
    );
    let plan = project.run(&["plan", "--from", CNF, "--json"]).ok().json();
    assert!(ids(&plan).iter().all(|id| id.contains(":here/")), "{plan}");
    project
        .run(&["apply", "--from", CNF, "--store", "there"])
        .ok()
        .says("6 done");
    for name in CNF_NAMES {
        let (repository, tag) = name.split_once(':').unwrap();
        assert!(
            target.client().digest(&format!("released/{repository}"), tag).is_some(),
            "{name}"
        );
    }
    assert!(!project.path("here").exists());
    let again = project
        .run(&["plan", "--from", CNF, "--store", "there", "--json"])
        .ok()
        .json();
    assert_eq!(again["summary"]["fresh"], 6, "{again}");
}

#[test]
fn an_image_comes_from_its_own_registry_alone() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    // The second registry has an image of this name, but the list says the first.
    project.write(
        CNF_LIST,
        project.read(CNF_LIST).replace("release/contoso-b", "release/contoso-x"),
    );
    project.edit(
        "cnf-cli-output/artifactManifest/deploy.bicep",
        "release/contoso-b",
        "release/contoso-x",
    );
    second.push(
        &contoso::image("release/contoso-b:1.0.0"),
        "contoso/release/contoso-x",
        "1.0.0",
    );
    let mark = second.mark();
    project
        .run(&["plan", "--from", CNF])
        .expect(4)
        .says("release/contoso-x:1.0.0: not found at the one place asked")
        .says("artifacts.json:");
    let asked = second.since(mark);
    let about = |word: &str| asked.0.iter().filter(|entry| entry.path.contains(word)).count();
    assert!(about("contoso-test") > 0 && about("contoso-x") == 0, "{asked:?}");
}

#[test]
fn a_lock_holds_what_a_tag_named_and_locked_runs_need_it() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    project
        .run(&["plan", "--from", CNF, "--locked"])
        .expect(3)
        .says("cnf-cli-output.aosm.lock")
        .says("run `aosm-build lock --from cnf-cli-output`");
    project.run(&["apply", "--from", CNF]).ok();
    // The tag moves; the lock does not.
    first.push(&contoso::image("release/contoso-b:1.0.0"), "release/contoso-a", "1.0.0");
    let plan = project.run(&["plan", "--from", CNF, "--locked", "--json"]).ok().json();
    assert_eq!(plan["summary"]["fresh"], 6, "{plan}");
    let offline = project.run(&["plan", "--from", CNF, "--offline", "--json"]).ok().json();
    assert_eq!(offline["summary"]["fresh"], 6, "{offline}");
    // Another registry is another list: the entries count no more.
    let text = project.read(CNF_LIST).replace("\"contoso/\"", "\"\"");
    project.write(CNF_LIST, text);
    project
        .run(&["plan", "--from", CNF, "--locked"])
        .expect(3)
        .says("was made for other image sources");
}

#[test]
fn a_virtual_machine_goes_to_both_kinds_of_store() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::start();
    let project = vnf();
    project.write(
        "aosm.toml",
        format!(
            "[stores.local]\nkind = \"local\"\npath = \"store\"\n\n[stores.disks]\nkind = \"storage-account\"\nemulator = \"{}/devstoreaccount1\"\n",
            azurite.endpoint()
        ),
    );
    let plan = project.run(&["plan", "--from", "vnf-cli-output", "--json"]).ok().json();
    assert_eq!(
        ids(&plan),
        [
            "push:local/ubuntu-vm-arm-template:1.0.0",
            "upload:disks/ubuntu-vm-vhd:1-0-0"
        ]
    );
    project
        .run(&["apply", "--from", "vnf-cli-output"])
        .ok()
        .says("disk image")
        .says("2 done");
    assert_eq!(
        azurite.content("ubuntuvmvhd-1-0-0", "ubuntuvm-1-0-0.vhd"),
        disk().content()
    );
    let template = layout::read(&project.path("store"), "ubuntu-vm-arm-template:1.0.0").expect("the template");
    let manifest = template.root().json();
    assert_eq!(
        manifest["layers"][0]["annotations"]["org.opencontainers.image.title"],
        "ubuntu-template.json"
    );
    let again = project.run(&["plan", "--from", "vnf-cli-output", "--json"]).ok().json();
    assert_eq!(
        again["summary"],
        json!({"run": 0, "fresh": 2, "blocked": 0, "invalid": 0, "unknown": 0, "bytes": 0})
    );
}

#[test]
fn a_blob_behind_a_signature_is_copied_and_the_signature_is_seen_nowhere() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::start();
    let stores = format!(
        "[stores.local]\nkind = \"local\"\n\n[stores.disks]\nkind = \"storage-account\"\nemulator = \"{}/devstoreaccount1\"\n",
        azurite.endpoint()
    );
    let project = vnf();
    project.write("aosm.toml", &stores);
    project.run(&["apply", "--from", "vnf-cli-output"]).ok();
    // The blob that was just uploaded is the source of another.
    let url = azurite.url("ubuntuvmvhd-1-0-0/ubuntuvm-1-0-0.vhd", &Sas::rights("r"));
    let signature = url.split_once("sig=").expect("a signature").1;
    let signature = signature.split('&').next().unwrap().to_owned();
    let list = "vnf-cli-output/artifacts/artifacts.json";
    let text = project.read(list);
    let text = text
        .replace("StorageAccountFromLocalFile", "StorageAccountFromBlob")
        .replace(
            "\"file_path\": \"/builds/ubuntu-vm/disks/ubuntu.vhd\"",
            &format!("\"blob_sas_uri\": \"{url}\""),
        )
        .replace("ubuntu-vm-vhd", "copied-vhd");
    project.write(list, text);
    project.edit(
        "vnf-cli-output/artifactManifest/deploy.bicep",
        "ubuntu-vm-vhd",
        "copied-vhd",
    );
    let silent = |output: &Output| {
        let shown = output.to_string();
        assert!(!shown.contains(&signature), "{}", shown.replace(&signature, "***"));
    };
    let planned = project.run(&["plan", "--from", "vnf-cli-output"]).ok();
    silent(&planned);
    planned.says("a signature in clear text").says("artifacts.json:");
    let applied = project.run(&["apply", "--from", "vnf-cli-output", "-vv"]).ok();
    silent(&applied);
    assert_eq!(azurite.content("copiedvhd-1-0-0", "copied-1-0-0.vhd"), disk().content());
    let again = project.run(&["plan", "--from", "vnf-cli-output", "--json"]).ok();
    silent(&again);
    assert_eq!(again.json()["summary"]["fresh"], 2, "{again}");
    // Broken behind it, the file is still shown without it.
    project.edit(
        list,
        "\"artifact_version\": \"1-0-0\",",
        "\"artifact_version\": \"1-0-0\"",
    );
    silent(&project.run(&["plan", "--from", "vnf-cli-output"]).expect(4));
    let held = holding(&project.folder(), &signature);
    assert_eq!(held, [project.path(list)], "nobody else has it");
}

#[test]
fn a_compiled_template_beside_the_generated_one_is_taken_and_told() {
    let project = nsd();
    project
        .run(&["apply", "--from", "nsd-cli-output"])
        .ok()
        .says("the compiled contoso-cnf.json beside it is taken")
        .says("contoso-nsd:1.0.0 is `OCIArtifact` there and `ArmTemplate` in artifacts.json");
    assert_eq!(layout::names(&project.path(".aosm/store")), ["contoso-nsd:1.0.0"]);
    project
        .run(&["plan", "--from", "nsd-cli-output", "--detailed-exitcode"])
        .ok();
    // Without it there is Bicep only, which needs a compiler.
    project.remove("nsd-cli-output/artifacts/contoso-cnf.json");
    project
        .aosm(&["plan", "--from", "nsd-cli-output"])
        .env("PATH", "nowhere")
        .run()
        .expect(5)
        .says("bicep: not found on PATH");
}

#[test]
fn the_folder_may_lie_elsewhere_and_nothing_is_written_into_it() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    let before = Snapshot::of(&project.path(CNF));
    std::fs::create_dir(project.path("work")).unwrap();
    project
        .aosm(&["apply", "--from", "../cnf-cli-output"])
        .current_dir(&project.path("work"))
        .run()
        .ok();
    assert_eq!(Snapshot::of(&project.path(CNF)), before);
    assert!(project.path("work/.aosm/store").is_dir());
    assert!(project.path("cnf-cli-output.aosm.lock").is_file());
    // With -C the project is elsewhere; paths on the command line still start from here.
    project
        .run(&["plan", "-C", "work", "--from", CNF, "--detailed-exitcode"])
        .ok();
}

#[test]
fn only_and_json_work_as_for_a_project() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    let applied = project
        .run(&["apply", "--from", CNF, "--only", "push:*", "--json"])
        .ok()
        .json();
    assert_eq!(applied["summary"]["done"], 2, "{applied}");
    let found = project.run(&["plan", "--from", CNF, "--json"]).ok().json();
    assert_eq!(
        (&found["summary"]["fresh"], &found["summary"]["run"]),
        (&json!(2), &json!(4))
    );
}

#[test]
fn a_folder_and_a_bundle_at_once_are_refused() {
    let project = cnf();
    project
        .run(&["plan", "--from", CNF, "--from-bundle", "x.tar"])
        .expect(64)
        .says("cannot be used with");
}

#[test]
fn lock_check_and_why_work_on_the_folder_too() {
    let (first, second) = (Registry::start(Kind::Plain), Registry::start(Kind::Plain));
    let project = cnf_with(&first, &second);
    let marks = (first.mark(), second.mark());
    project
        .run(&["check", "--from", CNF])
        .ok()
        .says("ok: 2 Helm packages, 2 charts, 4 images");
    assert_eq!(
        first.since(marks.0).0.len() + second.since(marks.1).0.len(),
        0,
        "a check asks nobody"
    );
    project
        .run(&["lock", "--from", CNF])
        .ok()
        .says("wrote cnf-cli-output.aosm.lock: 4 changes");
    project.run(&["plan", "--from", CNF, "--locked", "--json"]).ok();
    project
        .run(&["why", "release/contoso-a", "--from", CNF])
        .ok()
        .says("copy:local/release/contoso-a:1.0.0")
        .says("cnf-cli-output/artifacts/artifacts.json");
    first.push(&contoso::image("release/contoso-b:1.0.0"), "release/contoso-a", "1.0.0");
    project
        .run(&["lock", "--check", "--from", CNF])
        .expect(3)
        .says("cnf-cli-output.aosm.lock is out of date")
        .says("aosm-build lock --from cnf-cli-output --update");
    project.run(&["lock", "--update", "--from", CNF]).ok();
    project
        .run(&["lock", "--check", "--from", CNF])
        .ok()
        .says("cnf-cli-output.aosm.lock is up to date");
}
