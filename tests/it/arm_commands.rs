//! `store`, `artifact-manifest` and `credential` against a stand-in for Resource Manager: what people and machines see.

use crate::documents::fits;
use crate::support::arm::{
    Arm, GROUP, PUBLISHER, REGION, SUBSCRIPTION, TOKEN, container_tokens, in_seconds, registry_token,
};
use crate::support::*;

const SECRET: &str = "planted-scoped-token-Wm27";
const MANIFEST: &str = "contoso-acr-manifest-1-0-0";

/// Flags that name the publisher.
pub fn publisher() -> Vec<&'static str> {
    vec![
        "--subscription",
        SUBSCRIPTION,
        "--resource-group",
        GROUP,
        "--publisher",
        PUBLISHER,
    ]
}

/// A run with a token of its own, and no other identity.
pub fn run(project: &Project, arm: &Arm, arguments: &[&str]) -> Output {
    let all = [arguments, &publisher()].concat();
    project
        .aosm(&all)
        .env("AOSM_ARM_ENDPOINT", arm.endpoint())
        .env("AOSM_ARM_TOKEN", TOKEN)
        .run()
}

/// Two stores; the registry's has a filled manifest and a sealed one.
pub fn contoso() -> Arm {
    let arm = Arm::start();
    arm.registry_store("contoso-acr").disk_store("contoso-sa");
    arm.manifest(
        "contoso-acr",
        MANIFEST,
        &[
            ("release/contoso-a", "1.0.0", "OCIArtifact"),
            ("contoso-cnf", "1.0.0+build.7", "OCIArtifact"),
            ("vnf-template", "1.0.0", "ArmTemplate"),
        ],
    );
    arm.manifest(
        "contoso-acr",
        "contoso-acr-manifest-0-9-0",
        &[("contoso-cnf", "0.9.0", "OCIArtifact")],
    );
    arm.edit_manifest("contoso-acr", "contoso-acr-manifest-0-9-0", |value| {
        value["properties"]["artifactManifestState"] = "Uploaded".into();
    });
    arm.manifest(
        "contoso-sa",
        "contoso-sa-manifest-1-0-0",
        &[("ubuntu-vm-vhd", "1-0-0", "VhdImageFile")],
    );
    arm
}

#[test]
fn the_stores_of_a_publisher_are_listed_page_by_page() {
    let (arm, project) = (contoso(), Project::new());
    arm.pages_of(1);
    run(&project, &arm, &["store", "list"])
        .ok()
        .says("contoso-acr AzureContainerRegistry contosocontosoacr3964e97abc Enabled westeurope")
        .says("contoso-sa AzureStorageAccount");
    assert_eq!(arm.count("GET contoso/artifactStores?"), 2);
    let json = run(&project, &arm, &["store", "list", "--json"]).ok().json();
    fits(&project, "stores", &json);
    assert_eq!(json["stores"][1]["store-type"], "AzureStorageAccount");
    // The publisher's region, however it is written.
    run(&project, &arm, &["store", "list", "--location", "West Europe"]).ok();
    run(&project, &Arm::start(), &["store", "list"])
        .ok()
        .says("contoso has no artifact stores");
}

#[test]
fn a_store_is_shown_with_what_backs_it_and_the_states_of_its_manifests() {
    let (arm, project) = (contoso(), Project::new());
    let show = ["store", "show", "--artifact-store", "contoso-acr"];
    run(&project, &arm, &show)
        .ok()
        .says("type AzureContainerRegistry")
        .says("backed by contosocontosoacr3964e97abc")
        .says("public access Enabled")
        .says("contoso-acr-manifest-0-9-0 Uploaded 1")
        .says("contoso-acr-manifest-1-0-0 Uploading 3");
    let json = run(&project, &arm, &[&show[..], &["--json", "--kind", "acr"]].concat())
        .ok()
        .json();
    fits(&project, "store", &json);
    assert_eq!(json["location"], REGION);
    assert_eq!(json["manifests"][0]["state"], "Uploaded");
    assert_eq!(json["manifests"].as_array().unwrap().len(), 2);
}

#[test]
fn states_that_nobody_knows_yet_are_shown_as_they_are() {
    let (arm, project) = (contoso(), Project::new());
    arm.edit_store("contoso-acr", |value| {
        value["properties"]["storeType"] = "AzureNovelStore".into();
        value["properties"]["backingResourcePublicNetworkAccess"] = "SecuredByPerimeter".into();
        value["properties"]["provisioningState"] = "Migrating".into();
        value["properties"].as_object_mut().unwrap().remove("storageResourceId");
    });
    arm.edit_manifest("contoso-acr", MANIFEST, |value| {
        value["properties"]["artifactManifestState"] = "Embalmed".into();
    });
    let show = ["store", "show", "--artifact-store", "contoso-acr"];
    run(&project, &arm, &show)
        .ok()
        .says("AzureNovelStore")
        .says("SecuredByPerimeter")
        .says("Migrating")
        .says("Embalmed");
    let json = run(&project, &arm, &[&show[..], &["--json"]].concat()).ok().json();
    fits(&project, "store", &json);
    assert_eq!(json["backing-name"], serde_json::Value::Null);
}

#[test]
fn a_manifest_is_shown_with_what_it_lists() {
    let (arm, project) = (contoso(), Project::new());
    let show = [
        "artifact-manifest",
        "show",
        "--artifact-store",
        "contoso-acr",
        "--artifact-manifest",
        MANIFEST,
    ];
    run(&project, &arm, &show)
        .ok()
        .says("contoso/contoso-acr/contoso-acr-manifest-1-0-0")
        .says("state Uploading")
        .says("contoso-cnf 1.0.0+build.7 OCIArtifact")
        .says("vnf-template 1.0.0 ArmTemplate");
    let json = run(&project, &arm, &[&show[..], &["--json"]].concat()).ok().json();
    fits(&project, "artifact-manifest", &json);
    assert_eq!(json["artifacts"][0]["name"], "release/contoso-a");
    for version in ["2023-09-01", "2024-04-15", "2025-03-30"] {
        run(&project, &arm, &[&show[..], &["--api-version", version]].concat()).ok();
        assert!(arm.count(&format!("api-version={version}")) > 0, "{version}");
    }
}

#[test]
fn what_a_registrys_manifest_grants_is_shown_without_the_secret_unless_that_is_asked_for() {
    let (arm, project) = (contoso(), Project::new());
    let expiry = in_seconds(86_400);
    let end = expiry.clone();
    arm.grants("contoso-acr", MANIFEST, move |_| {
        let names = ["release/contoso-a", "contoso-cnf", "vnf-template"];
        registry_token("https://contoso.azurecr.io", MANIFEST, SECRET, &names, &end)
    });
    let show = [
        "credential",
        "--artifact-store",
        "contoso-acr",
        "--artifact-manifest",
        MANIFEST,
    ];
    run(&project, &arm, &[&show[..], &["-v"]].concat())
        .ok()
        .says("contoso.azurecr.io")
        .says("rights pull, push")
        .says("3 repositories release/contoso-a")
        .says(&expiry)
        .silent_about(SECRET)
        .silent_about(TOKEN);
    let json = run(&project, &arm, &[&show[..], &["--json"]].concat())
        .ok()
        .silent_about(SECRET)
        .json();
    fits(&project, "credential", &json);
    assert_eq!(
        (&json["kind"], &json["registry"]["username"]),
        (&"registry".into(), &MANIFEST.into())
    );
    assert_eq!(json["registry"]["token"], serde_json::Value::Null);
    run(&project, &arm, &[&show[..], &["--show-secret"]].concat())
        .ok()
        .says(SECRET);
    let json = run(&project, &arm, &[&show[..], &["--show-secret", "--json"]].concat())
        .ok()
        .json();
    fits(&project, "credential", &json);
    assert_eq!(json["registry"]["token"], SECRET);
    // Asked for once a run, and nothing of it stays on the disk.
    assert_eq!(
        arm.count(
            "POST contoso/artifactStores/contoso-acr/artifactManifests/contoso-acr-manifest-1-0-0/listCredential"
        ),
        4
    );
    for planted in [SECRET, TOKEN] {
        let scratch = project.folder();
        let holding = snapshot::holding(scratch.parent().unwrap(), planted);
        assert_eq!(holding, Vec::<std::path::PathBuf>::new());
    }
}

#[test]
fn what_a_storage_accounts_manifest_grants_is_shown_by_container() {
    let (arm, project) = (contoso(), Project::new());
    arm.grants("contoso-sa", "contoso-sa-manifest-1-0-0", |_| {
        container_tokens(
            "contosodisks",
            &[
                (
                    "ubuntuvmvhd-1-0-0",
                    "https://contosodisks.blob.core.windows.net/ubuntuvmvhd-1-0-0?sv=2021-08-06&si=StorageAccountAccessPolicy&sr=c&sig=planted-sig-1",
                ),
                (
                    "other-1-0-0",
                    "https://contosodisks.blob.core.windows.net/other-1-0-0?sp=rcw&se=2099-01-01T00:00:00Z&sr=c&sig=planted-sig-2",
                ),
            ],
            &in_seconds(86_400),
        )
    });
    let show = [
        "credential",
        "--artifact-store",
        "contoso-sa",
        "--artifact-manifest",
        "contoso-sa-manifest-1-0-0",
    ];
    run(&project, &arm, &show)
        .ok()
        .says("storage account contosodisks")
        .says("ubuntuvmvhd-1-0-0 by the policy StorageAccountAccessPolicy")
        .says("other-1-0-0 read, create, write 2099-01-01T00:00:00Z")
        .silent_about("planted-sig");
    let json = run(&project, &arm, &[&show[..], &["--json"]].concat())
        .ok()
        .silent_about("planted-sig")
        .json();
    fits(&project, "credential", &json);
    let json = run(&project, &arm, &[&show[..], &["--json", "--show-secret"]].concat())
        .ok()
        .json();
    let url = json["storage-account"]["containers"][0]["sas-url"].as_str().unwrap();
    assert!(url.ends_with("&sig=planted-sig-1"), "{url}");
    fits(&project, "credential", &json);
}

#[test]
fn the_subscription_comes_from_the_flag_the_environment_or_the_azure_cli() {
    let (arm, project) = (contoso(), Project::new());
    let list = ["store", "list", "-g", GROUP, "--publisher", PUBLISHER];
    let run = |variables: &[(&str, &str)]| {
        let mut run = project
            .aosm(&list)
            .env("AOSM_ARM_ENDPOINT", arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN);
        for (name, value) in variables {
            run = run.env(name, *value);
        }
        run.run()
    };
    run(&[])
        .expect(64)
        .says("no subscription is given")
        .says("AZURE_SUBSCRIPTION_ID");
    run(&[("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)]).ok();
    std::fs::create_dir(project.home().join(".azure")).unwrap();
    std::fs::write(
        project.home().join(".azure/azureProfile.json"),
        format!("\u{feff}{{\"subscriptions\":[{{\"id\":\"{SUBSCRIPTION}\",\"isDefault\":true}}]}}"),
    )
    .unwrap();
    run(&[]).ok();
    run(&[("AZURE_SUBSCRIPTION_ID", "0bbbbbbb-1111-2222-3333-444444444444")])
        .expect(4)
        .says("SubscriptionNotFound");
}

#[test]
fn throttling_is_waited_out() {
    let (arm, project) = (contoso(), Project::new());
    arm.throttle(3, 0);
    run(&project, &arm, &["store", "list"]).ok().says("contoso-acr");
    assert_eq!(arm.seen().len(), 4);
}

#[test]
fn a_broken_project_keeps_nobody_from_looking() {
    let (arm, project) = (contoso(), Project::new());
    project.write("aosm.toml", "[project]\nnmae = 1\n");
    run(&project, &arm, &["store", "list"])
        .ok()
        .says("the project here has errors");
    let named = [&["store", "list", "--project", "aosm.toml"][..], &publisher()].concat();
    project.run(&named).expect(4).says("nmae");
}
