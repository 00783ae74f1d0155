//! Credentials that end while they are used, logins that are not known yet, a Resource Manager that is busy or says no, and
//! manifests that change under a run.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::json;

use crate::support::arm::PUBLISHER;
use crate::support::cloud::{ACCOUNT, ACR, keys};
use crate::support::cloud_project::{ACR_MANIFEST, Function};
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

const MANIFEST: &str = "long-1-0-0";

/// One large image for a registry, streamed blob by blob.
fn long_image(layers: usize) -> (Cloud, Project, Image) {
    let source = Registry::shared(Kind::Plain);
    let from = source.unique("expiry");
    let image = ImageSpec::new(31).layers(&vec![3000; layers]).build();
    source.push(&image, &format!("{from}/release/long"), "1.0.0");
    let cloud = Cloud::empty().registry_store(PUBLISHER, ACR);
    cloud
        .arm
        .manifest(ACR, MANIFEST, &[("release/long", "1.0.0", "OCIArtifact")]);
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"long\"\nimage-sources = [\"{}/{from}\"]\n[stores.images]\nkind = \"acr\"\ncopy = \
             \"stream\"\nartifact-manifest = \"{MANIFEST}\"\n{}[[images]]\nreference = \
             \"source.example/release/long:1.0.0\"\n[copy]\nconcurrency = 1\n",
            source.host(),
            keys(PUBLISHER, ACR),
        ),
    );
    (cloud, project, image)
}

#[test]
fn credentials_that_end_after_three_seconds_are_renewed_during_a_long_upload_to_a_registry() {
    let (cloud, project, image) = long_image(60);
    cloud.life(3);
    let delay = Fault::SlowBody(Duration::from_secs(1));
    cloud.shelf(ACR).front.rule(Rule::new(delay).on("PUT upload"));
    let mark = cloud.mark();
    cloud.aosm(&project, &["apply"]).run().ok().says("1 done");
    let held = cloud
        .shelf(ACR)
        .registry
        .client()
        .pull("release/long", "1.0.0")
        .expect("the image");
    assert_eq!(held.digest(), image.digest());
    let asked = cloud.since(&mark);
    assert!(asked.credentials() >= 2, "{:#?}", asked.arm);
    assert!(
        asked.credentials() <= 60,
        "one for each upload at most: {:#?}",
        asked.arm
    );
    // What was sent is sent once: a token that ended is noticed before the body.
    let sent: u64 = asked.of(ACR).iter().map(|entry| entry.uploaded).sum();
    assert!(sent <= image.size() * 12 / 10, "{sent} bytes for {}", image.size());
}

#[test]
fn credentials_that_end_after_three_seconds_are_renewed_during_a_long_upload_to_a_storage_account() {
    if !Azurite::available() {
        return;
    }
    let cloud = Cloud::empty().disk_store(PUBLISHER, ACCOUNT);
    cloud
        .arm
        .manifest(ACCOUNT, MANIFEST, &[("ubuntu-vm-vhd", "1-0-0", "VhdImageFile")]);
    let project = Project::new();
    let disk = Vhd::new(80 * MIB).scattered(20, 70_000, 5);
    disk.write(&project.path("disk.vhd"));
    project.write(
        "aosm.toml",
        format!(
            "[stores.disks]\nkind = \"storage-account\"\nparallel = 1\nartifact-manifest = \"{MANIFEST}\"\n{}[[vhds]]\nname = \
             \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\n",
            keys(PUBLISHER, ACCOUNT),
        ),
    );
    cloud.life(3);
    let front = &cloud.account(ACCOUNT).front;
    let pages = |entry: &traffic::Entry| entry.method == "PUT" && entry.query.contains("comp=page");
    front.rule(Rule::new(Fault::SlowBody(Duration::from_secs(1))).when(pages));
    let mark = cloud.mark();
    cloud.aosm(&project, &["apply"]).run().ok().says("1 done");
    let held = cloud
        .account(ACCOUNT)
        .azurite
        .content("ubuntuvmvhd-1-0-0", "ubuntuvm-1-0-0.vhd");
    assert!(held == disk.content());
    let asked = cloud.since(&mark);
    let uploads = asked.of(ACCOUNT).into_iter().filter(|entry| pages(entry));
    let (mut sent, mut number) = (0, 0);
    uploads.for_each(|entry| (sent, number) = (sent + entry.uploaded, number + 1));
    assert!(number >= 20, "{number} requests took the time");
    assert!((4..=number).contains(&asked.credentials()), "{:#?}", asked.arm);
    // Each run of 70 000 bytes lies across two or three blocks of 64 KiB.
    let data = 20 * 128 * 1024;
    assert!(sent <= data * 12 / 10, "{sent} bytes for {data}");
}

#[test]
fn a_login_that_the_registry_does_not_know_yet_is_waited_for_and_asked_for_once() {
    let (cloud, project, image) = long_image(2);
    cloud.unknown_at_first(2500);
    let mark = cloud.mark();
    cloud
        .aosm(&project, &["apply"])
        .run()
        .ok()
        .says("waiting for the registry to accept the new token of the artifact manifest long-1-0-0");
    let asked = cloud.since(&mark);
    assert_eq!(asked.credentials(), 1, "{:#?}", asked.arm);
    let held = cloud.shelf(ACR).registry.client().digest("release/long", "1.0.0");
    assert_eq!(held.as_deref(), Some(image.digest()));
}

#[test]
fn a_busy_resource_manager_is_waited_for_at_every_turn() {
    let (cloud, project, _) = long_image(2);
    cloud.arm.throttle(3, 1);
    let mark = cloud.mark();
    cloud.aosm(&project, &["apply", "--seal"]).run().ok().says("2 done");
    let asked = cloud.since(&mark);
    // Store, manifest, credential; manifest before and after the seal, the seal: and the three that were told to wait.
    assert_eq!(asked.arm("POST", "/updateState?"), 1, "{:#?}", asked.arm);
    assert!(asked.arm.len() <= 10, "{:#?}", asked.arm);
    assert_eq!(cloud.arm.state_of(ACR, MANIFEST), "Uploaded");
}

#[test]
fn a_manifest_that_somebody_edits_between_plan_and_apply_is_noticed() {
    let (cloud, project, _) = long_image(2);
    cloud.aosm(&project, &["plan"]).run().ok().says("1 to run");
    // Between two runs: the entry is gone.
    cloud.arm.edit_manifest(ACR, MANIFEST, |value| {
        value["properties"]["artifacts"][0]["artifactVersion"] = "0.9.0".into();
    });
    let mark = cloud.mark();
    cloud
        .aosm(&project, &["apply", "--seal"])
        .run()
        .expect(4)
        .says("does not list it, only its version 0.9.0");
    let asked = cloud.since(&mark);
    assert_eq!(
        (asked.writes(ACR), asked.arm("POST", "/updateState?")),
        (0, 0),
        "{asked:#?}"
    );
    cloud.arm.edit_manifest(ACR, MANIFEST, |value| {
        value["properties"]["artifacts"][0]["artifactVersion"] = "1.0.0".into();
    });
    // Within a run: the second look at the manifest finds one entry more.
    let looks = AtomicUsize::new(0);
    cloud.arm.answering(move |method, path, _| {
        let is_look = method == "GET" && path.ends_with(&format!("/artifactManifests/{MANIFEST}"));
        if !is_look || looks.fetch_add(1, Ordering::SeqCst) == 0 {
            return None;
        }
        let entry =
            |name: &str| json!({"artifactName": name, "artifactType": "OCIArtifact", "artifactVersion": "1.0.0"});
        let value = json!({
            "id": "x", "name": MANIFEST, "location": arm::REGION,
            "properties": {
                "artifacts": [entry("release/long"), entry("release/other")], "artifactManifestState": "Uploading",
                "provisioningState": "Succeeded",
            },
        });
        Some(http::Response::new(200, value.to_string()).with("Content-Type", "application/json"))
    });
    cloud
        .aosm(&project, &["apply", "--seal"])
        .run()
        .expect(3)
        .says("somebody changed it since the plan was made")
        .says("+ release/other:1.0.0 (OCIArtifact)");
    assert_eq!(cloud.arm.count("/updateState?"), 0);
    // What could be done is done: the store is full.
    assert!(
        cloud
            .shelf(ACR)
            .registry
            .client()
            .digest("release/long", "1.0.0")
            .is_some()
    );
}

#[test]
fn a_pull_request_from_a_fork_may_not_ask_for_a_credential_and_still_sees_all_the_rest() {
    if !Azurite::available() {
        return;
    }
    let (cloud, function) = (Cloud::contoso(), Function::write());
    for store in ["images", "disks"] {
        let create = ["artifact-manifest", "create", "--store", store];
        function.aosm(&cloud, &create).run().ok();
    }
    cloud.arm.deny(&format!("{ACR_MANIFEST}/listCredential"));
    let plan = function.aosm(&cloud, &["plan", "--json"]).run().expect(5);
    let plan = plan.says("artifactManifests/listCredential/action").json();
    for step in plan["steps"].as_array().expect("steps") {
        let wanted = if step["store"] == "disks" { "run" } else { "unknown" };
        assert_eq!(step["action"], wanted, "{step:#}");
    }
    // What the manifest lists is known all the same.
    let table = &plan["completeness"][0];
    assert!(table.to_string().contains("ubuntu-vm-template"), "{table:#}");
    let applied = function.aosm(&cloud, &["apply", "--json"]).run().expect(5).json();
    assert_eq!(
        (&applied["summary"]["done"], &applied["summary"]["failed"]),
        (&1.into(), &7.into()),
        "{applied:#}"
    );
    let mark = cloud.mark();
    // Nothing of the store that is closed is asked.
    function
        .aosm(&cloud, &["plan"])
        .run()
        .expect(5)
        .says("7 unknown")
        .silent_about(arm::TOKEN);
    assert!(cloud.since(&mark).of(ACR).is_empty());
}
