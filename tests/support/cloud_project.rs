//! A publisher's project, whole: a containerised network function of two charts and their images from a registry, a virtual one
//! of a disk image and its template, a store of each kind, and a second environment of another publisher.

use super::aosm::{Aosm, Project};
use super::arm::{GROUP, PUBLISHER, REGION};
use super::cloud::{ACCOUNT, ACR, Cloud, keys};
use super::contoso;
use super::image::Image;
use super::registry::{Kind, Registry};
use super::vhd::{MIB, Vhd};

/// The publisher of the environment `staging`, and its stores.
pub const STAGING: &str = "contoso-staging";
pub const STAGING_ACR: &str = "staging-acr";
pub const STAGING_ACCOUNT: &str = "staging-sa";

/// Artifact manifests, as the Azure CLI extension names them.
pub const ACR_MANIFEST: &str = "contoso-cnf-acr-manifest-1-0-0";
pub const ACCOUNT_MANIFEST: &str = "contoso-cnf-sa-manifest-1-0-0";

/// Where the disk image goes.
pub const CONTAINER: &str = "ubuntuvmvhd-1-0-0";
pub const BLOB: &str = "ubuntuvm-1-0-0.vhd";

/// The template of the virtual network function.
pub const TEMPLATE: &str = "{\n  \"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\",\n  \
     \"contentVersion\": \"1.0.0.0\",\n  \"resources\": [\n    {\"type\": \"Microsoft.Compute/virtualMachines\", \
     \"apiVersion\": \"2023-09-01\", \"name\": \"vm\", \"location\": \"westeurope\"}\n  ]\n}\n";

/// The project, and what its stores shall hold in the end.
pub struct Function {
    pub project: Project,
    /// `repository:tag` in the store, and the image.
    pub images: Vec<(&'static str, Image)>,
    pub disk: Vhd,
}

impl Function {
    /// A cloud with all stores that the project names.
    pub fn cloud() -> Cloud {
        Cloud::contoso()
            .registry_store(STAGING, STAGING_ACR)
            .disk_store(STAGING, STAGING_ACCOUNT)
    }

    /// Writes the project, and its images into a registry.
    pub fn write() -> Self {
        let source = Registry::shared(Kind::Plain);
        let from = source.unique("mission");
        let images: Vec<(&str, Image)> = contoso::PATHS
            .iter()
            .map(|path| (*path, contoso::image(path)))
            .collect();
        for (path, image) in &images {
            let (repository, tag) = path.split_once(':').expect("a tag");
            source.push(image, &format!("{from}/{repository}"), tag);
        }
        let project = Project::fixture("contoso-cnf");
        project
            .remove("images")
            .edit(
                "cnf-input.jsonc",
                "myregistry.azurecr.io\"]",
                &format!("{}/{from}\"]", source.host()),
            )
            .edit("cnf-input.jsonc", "\"uksouth\"", &format!("\"{REGION}\""))
            .edit("cnf-input.jsonc", "contoso-publisher-rg", GROUP);
        let disk = Vhd::new(4 * MIB).scattered(4, 60_000, 7);
        disk.write(&project.path("ubuntu-vm.vhd"));
        project.write("templates/vm.json", TEMPLATE);
        project.write(
            "aosm.toml",
            format!(
                "[project]\ninput = \"cnf-input.jsonc\"\n\n[stores.images]\nkind = \"acr\"\n{}\n[stores.disks]\nkind = \
                 \"storage-account\"\n{}\n[environments.staging.stores.images]\npublisher = \"{STAGING}\"\nartifact-store = \
                 \"{STAGING_ACR}\"\n\n[environments.staging.stores.disks]\npublisher = \"{STAGING}\"\nartifact-store = \
                 \"{STAGING_ACCOUNT}\"\n\n[[artifacts]]\nname = \"ubuntu-vm-template\"\nversion = \"1.0.0\"\nkind = \
                 \"arm-template\"\nfiles = [{{ path = \"templates/vm.json\" }}]\n\n[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \
                 \"1-0-0\"\nfile = \"ubuntu-vm.vhd\"\n",
                keys(PUBLISHER, ACR),
                keys(PUBLISHER, ACCOUNT),
            ),
        );
        Self { project, images, disk }
    }

    /// The binary in the project's folder.
    pub fn aosm(&self, cloud: &Cloud, arguments: &[&str]) -> Aosm {
        cloud.aosm(&self.project, arguments)
    }

    /// `repository:tag` of everything that goes into a registry.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.images.iter().map(|(name, _)| (*name).to_owned()).collect();
        names.extend(["contoso-cnf:1.0.0", "contoso-gateway:1.0.0", "ubuntu-vm-template:1.0.0"].map(str::to_owned));
        names.sort();
        names
    }

    /// Fails unless both stores hold all of it: images byte for byte, every blob of charts and template, the disk image.
    pub fn assert_filled(&self, cloud: &Cloud, registry: &str, account: &str) {
        let client = cloud.shelf(registry).registry.client();
        for name in self.names() {
            let (repository, tag) = name.split_once(':').expect("a tag");
            let held = client
                .pull(repository, tag)
                .unwrap_or_else(|| panic!("{registry} has no {name}"));
            if let Some((_, image)) = self.images.iter().find(|(known, _)| *known == name) {
                assert_eq!(held.digest(), image.digest(), "{name} in {registry}");
            }
        }
        let held = cloud.account(account).azurite.content(CONTAINER, BLOB);
        assert!(held == self.disk.content(), "{account} holds another disk image");
    }
}
