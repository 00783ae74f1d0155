//! `apply --from` into the artifact stores and manifests that the built folder itself names.

use crate::support::arm::{Arm, SUBSCRIPTION, TOKEN, container_tokens, in_seconds, registry_token};
use crate::support::azurite::ACCOUNT;
use crate::support::cli_output::{disk, vnf};
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

/// Both artifact stores that the folder of a virtual machine names, with what their manifests list and grant.
struct Named {
    project: Project,
    arm: Arm,
    registry: Registry,
    azurite: Azurite,
}

/// The container that the disk image's name gives.
const CONTAINER: &str = "ubuntuvmvhd-1-0-0";

impl Named {
    fn new() -> Self {
        let named = Self {
            project: vnf(),
            arm: Arm::start(),
            registry: Registry::start(Kind::Token),
            azurite: Azurite::start(),
        };
        named.azurite.make_container(CONTAINER);
        named.arm.registry_store("contoso-acr").disk_store("ubuntu-vm-sa");
        let template = [("ubuntu-vm-arm-template", "1.0.0", "ArmTemplate")];
        named
            .arm
            .manifest("contoso-acr", "ubuntu-vm-acr-manifest-1-0-0", &template);
        let disk = [("ubuntu-vm-vhd", "1-0-0", "VhdImageFile")];
        named.arm.manifest("ubuntu-vm-sa", "ubuntu-vm-sa-manifest-1-0-0", &disk);
        let server = format!("http://{}", named.registry.host());
        named
            .arm
            .grants("contoso-acr", "ubuntu-vm-acr-manifest-1-0-0", move |_| {
                registry_token(
                    &server,
                    USER,
                    PASSWORD,
                    &["ubuntu-vm-arm-template"],
                    &in_seconds(24 * 3600),
                )
            });
        let url = named.azurite.url(CONTAINER, &Sas::default());
        named
            .arm
            .grants("ubuntu-vm-sa", "ubuntu-vm-sa-manifest-1-0-0", move |_| {
                container_tokens(ACCOUNT, &[(CONTAINER, &url)], &in_seconds(24 * 3600))
            });
        named
    }

    fn aosm(&self, arguments: &[&str]) -> Aosm {
        self.project
            .aosm(arguments)
            .env("AZURE_SUBSCRIPTION_ID", SUBSCRIPTION)
            .env("AOSM_ARM_ENDPOINT", self.arm.endpoint())
            .env("AOSM_ARM_TOKEN", TOKEN)
    }
}

#[test]
fn the_artifact_stores_that_the_folder_names_are_filled_with_no_other_file_at_hand() {
    if !Azurite::available() {
        return;
    }
    let named = Named::new();
    let arguments = ["apply", "--from", "vnf-cli-output", "--store", "aosm"];
    named.aosm(&arguments).run().ok().says("2 done");
    assert!(
        named
            .registry
            .client()
            .digest("ubuntu-vm-arm-template", "1.0.0")
            .is_some()
    );
    assert_eq!(named.azurite.content(CONTAINER, "ubuntuvm-1-0-0.vhd"), disk().content());
    let before = named.arm.count("listCredential");
    named.aosm(&arguments).run().ok().says("nothing to do");
    assert_eq!(named.arm.count("listCredential") - before, 2, "one for each manifest");
}

#[test]
fn an_aosm_store_of_a_project_takes_the_rest_from_the_folder() {
    if !Azurite::available() {
        return;
    }
    let named = Named::new();
    named.project.write(
        "aosm.toml",
        "[stores.images]\nkind = \"acr\"\nresource-group = \"another-rg\"\n[stores.disks]\nkind = \"storage-account\"\n",
    );
    // The group of `aosm.toml` counts, and there is nothing in it.
    named
        .aosm(&["plan", "--from", "vnf-cli-output"])
        .run()
        .expect(4)
        .says("store images")
        .says("another-rg");
    named.project.edit("aosm.toml", "resource-group = \"another-rg\"\n", "");
    named
        .aosm(&["plan", "--from", "vnf-cli-output"])
        .run()
        .ok()
        .says("store images")
        .says("store disks");
}
