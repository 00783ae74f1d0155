//! Disk images in artifact stores of AOSM: the artifact manifest grants the signature of each container.

use crate::aosm_stores::step;
use crate::support::arm::{GROUP, PUBLISHER, REGION, SUBSCRIPTION, container_tokens, in_seconds};
use crate::support::azurite::ACCOUNT;
use crate::support::publisher::{Publisher, STORE};
use crate::support::vhd::{MIB, Vhd};
use crate::support::*;

const DISKS: &str = "contoso-sa";
const DISK_MANIFEST: &str = "contoso-sa-manifest-1-0-0";

/// A publisher with both kinds of stores, and one disk image of this artifact name besides the small chart.
struct Scene {
    publisher: Publisher,
    azurite: &'static Azurite,
    container: String,
    blob: String,
    disk: Vhd,
}

fn scene(name: &str) -> Option<Scene> {
    if !Azurite::available() {
        eprintln!("skipped: there is no storage emulator here");
        return None;
    }
    let (publisher, azurite) = (Publisher::new(), Azurite::shared());
    let container = format!("{}-1-0-0", name.replace('-', ""));
    let blob = format!("{}-1-0-0.vhd", name.trim_end_matches("-vhd").replace('-', ""));
    azurite.make_container(&container);
    publisher.arm.disk_store(DISKS);
    publisher
        .arm
        .manifest(DISKS, DISK_MANIFEST, &[(name, "1-0-0", "VhdImageFile")]);
    let scene = Scene {
        container: container.clone(),
        blob,
        disk: Vhd::new(2 * MIB).random(0, 4096, 7),
        publisher,
        azurite,
    };
    scene.grants(&[&container]);
    scene.disk.write(&scene.publisher.project.path("disk.vhd"));
    scene.publisher.settings(&format!(
        "[stores.images]\nkind = \"acr\"\n{}[stores.disks]\nkind = \"storage-account\"\nsubscription = \
         \"{SUBSCRIPTION}\"\nresource-group = \"{GROUP}\"\npublisher = \"{PUBLISHER}\"\nartifact-store = \
         \"{DISKS}\"\nartifact-manifest = \"{DISK_MANIFEST}\"\nlocation = \"{REGION}\"\n[[vhds]]\nname = \
         \"{name}\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\n",
        Publisher::keys()
    ));
    Some(scene)
}

impl Scene {
    /// What the manifest grants from now on.
    fn grants(&self, containers: &[&str]) {
        let urls: Vec<(String, String)> = containers
            .iter()
            .map(|name| ((*name).to_owned(), self.azurite.url(name, &Sas::default())))
            .collect();
        self.publisher.arm.grants(DISKS, DISK_MANIFEST, move |_| {
            let urls: Vec<(&str, &str)> = urls.iter().map(|(name, url)| (name.as_str(), url.as_str())).collect();
            container_tokens(ACCOUNT, &urls, &in_seconds(24 * 3600))
        });
    }
}

#[test]
fn charts_and_images_go_to_one_store_disk_images_to_another_and_the_second_run_is_empty() {
    let Some(scene) = scene("cnfvm-vhd") else { return };
    let publisher = &scene.publisher;
    let plan = publisher.aosm(&["plan", "--json"]).run().ok().json();
    assert_eq!(step(&plan, "upload:disks/cnfvm-vhd:1-0-0")["action"], "run");
    publisher.aosm(&["apply"]).run().ok().says("4 done");
    publisher.assert_filled("");
    assert_eq!(
        scene.azurite.content(&scene.container, &scene.blob),
        scene.disk.content()
    );
    let before = publisher.arm.seen().len();
    publisher
        .aosm(&["plan", "--detailed-exitcode"])
        .run()
        .ok()
        .says("4 artifacts up to date");
    assert_eq!(publisher.asked_since(before), (2, 2, 2), "{:?}", publisher.arm.seen());
    // On another machine, which remembers nothing.
    publisher.project.remove(".aosm");
    publisher.aosm(&["plan", "--detailed-exitcode"]).run().ok();
}

#[test]
fn a_disk_image_that_the_manifest_does_not_list_or_grant_is_not_read() {
    let Some(scene) = scene("unlisted-vhd") else { return };
    let publisher = &scene.publisher;
    scene.grants(&["another-1-0-0"]);
    publisher
        .aosm(&["plan", "-v"])
        .run()
        .expect(4)
        .says("does not cover the container unlistedvhd-1-0-0: it covers another-1-0-0")
        .silent_about("inspect:");
    publisher
        .arm
        .manifest(DISKS, DISK_MANIFEST, &[("unlisted-vhd", "1-0-1", "VhdImageFile")]);
    scene.grants(&["unlistedvhd-1-0-0"]);
    let plan = publisher
        .aosm(&["plan", "--json"])
        .run()
        .expect(4)
        .says("does not list it, only its version 1-0-1")
        .json();
    assert_eq!(step(&plan, "upload:disks/unlisted-vhd:1-0-0")["action"], "invalid");
    assert_eq!(plan["summary"]["run"], 3, "the rest goes on");
}

#[test]
fn no_right_to_the_credential_leaves_only_that_store_unknown() {
    let Some(scene) = scene("denied-vhd") else { return };
    scene.publisher.arm.deny(&format!("{DISK_MANIFEST}/listCredential"));
    let plan = scene
        .publisher
        .aosm(&["plan", "--json"])
        .run()
        .expect(5)
        .says("store disks: ask for the credential of artifact manifest")
        .json();
    assert_eq!(step(&plan, "upload:disks/denied-vhd:1-0-0")["action"], "unknown");
    assert_eq!(plan["summary"]["run"], 3);
    scene.publisher.aosm(&["apply"]).run().expect(5).says("3 done");
}

#[test]
fn one_image_is_uploaded_shown_and_downloaded_through_the_manifest_that_lists_it() {
    let Some(scene) = scene("oneoff-vhd") else { return };
    let publisher = &scene.publisher;
    // The store's own manifest lists something else.
    publisher
        .arm
        .manifest(DISKS, "other-sa-manifest", &[("other-vhd", "1-0-0", "VhdImageFile")]);
    publisher.project.edit("aosm.toml", DISK_MANIFEST, "other-sa-manifest");
    let place = "disks:oneoff-vhd:1-0-0";
    publisher.aosm(&["vhd", "upload", "disk.vhd", place]).run().ok();
    assert_eq!(
        scene.azurite.content(&scene.container, &scene.blob),
        scene.disk.content()
    );
    let shown = publisher.aosm(&["vhd", "show", place, "--json"]).run().ok().json();
    assert!(shown.to_string().contains(&scene.blob), "{shown}");
    publisher
        .aosm(&[
            "vhd",
            "download",
            place,
            "--output",
            "again.vhd",
            "--artifact-manifest",
            DISK_MANIFEST,
        ])
        .run()
        .ok();
    assert_eq!(
        std::fs::read(publisher.project.path("again.vhd")).unwrap(),
        scene.disk.content()
    );
    publisher
        .aosm(&["vhd", "show", "disks:nowhere-vhd:1-0-0"])
        .run()
        .expect(4)
        .says("nowhere-vhd:1-0-0: no artifact manifest of the artifact store contoso-sa lists it");
}

#[test]
fn a_bare_input_file_of_a_virtual_machine_fills_both_stores_that_it_names() {
    if !Azurite::available() {
        return;
    }
    let (publisher, azurite) = (Publisher::bare(), Azurite::shared());
    azurite.make_container("barevmvhd-1-0-0");
    let url = azurite.url("barevmvhd-1-0-0", &Sas::default());
    let (acr, sa) = ("bare-vm-acr-manifest-1-0-0", "bare-vm-sa-manifest-1-0-0");
    publisher
        .arm
        .manifest(STORE, acr, &[("vm-template", "1.0.0", "ArmTemplate")]);
    publisher.grants(STORE, acr, &["vm-template".into()]);
    publisher.arm.disk_store("bare-vm-sa");
    publisher
        .arm
        .manifest("bare-vm-sa", sa, &[("bare-vm-vhd", "1-0-0", "VhdImageFile")]);
    publisher.arm.grants("bare-vm-sa", sa, move |_| {
        container_tokens(ACCOUNT, &[("barevmvhd-1-0-0", &url)], &in_seconds(3600))
    });
    let disk = Vhd::new(MIB).random(0, 512, 3);
    disk.write(&publisher.project.path("disk.vhd"));
    publisher.project.remove("aosm.toml").write(
        "vm.json",
        r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []}"#,
    );
    publisher.project.write(
        "vnf-input.jsonc",
        format!(
            r#"{{"location": "{REGION}", "publisher_name": "{PUBLISHER}", "publisher_resource_group_name": "{GROUP}",
                "acr_artifact_store_name": "{STORE}", "nf_name": "bare-vm", "version": "1.0.0",
                "arm_templates": [{{"artifact_name": "vm-template", "version": "1.0.0", "file_path": "vm.json"}}],
                "vhd": {{"version": "1-0-0", "file_path": "disk.vhd"}}}}"#
        ),
    );
    let with = |arguments: &[&str]| publisher.aosm(arguments).env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION);
    with(&["apply", "--store", "aosm"]).run().ok().says("2 done");
    assert!(publisher.registry.client().digest("vm-template", "1.0.0").is_some());
    assert_eq!(azurite.content("barevmvhd-1-0-0", "barevm-1-0-0.vhd"), disk.content());
    with(&["plan", "--store", "aosm"])
        .run()
        .ok()
        .says("2 artifacts up to date");
}
