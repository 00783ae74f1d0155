//! `artifact-manifest generate`: what a project needs, as something to deploy.

use crate::documents::fits;
use crate::support::publisher::{MANIFEST, Publisher, STORE};
use crate::support::*;

const BICEP: &str = "\
// What these artifact manifests list is what the project needs.
param location string
param publisherName string
param acrArtifactStoreName string
param acrManifestName string

resource publisher 'Microsoft.HybridNetwork/publishers@2024-04-15' existing = {
  name: publisherName
  scope: resourceGroup()
}

resource acrArtifactStore 'Microsoft.HybridNetwork/publishers/artifactStores@2024-04-15' existing = {
  parent: publisher
  name: acrArtifactStoreName
}

resource acrArtifactManifest 'Microsoft.Hybridnetwork/publishers/artifactStores/artifactManifests@2024-04-15' = {
  parent: acrArtifactStore
  name: acrManifestName
  location: location
  properties: {
    artifacts: [
      {
        artifactName: 'release/small-1'
        artifactType: 'OCIArtifact'
        artifactVersion: '1.0.0'
      }
      {
        artifactName: 'release/small-2'
        artifactType: 'OCIArtifact'
        artifactVersion: '1.0.0'
      }
      {
        artifactName: 'small'
        artifactType: 'OCIArtifact'
        artifactVersion: '1.0.0'
      }
    ]
  }
}
";

const GENERATE: [&str; 2] = ["artifact-manifest", "generate"];

#[test]
fn a_template_lists_what_the_project_needs_and_asks_nobody() {
    let publisher = Publisher::new();
    let bicep = publisher.aosm(&GENERATE).run().ok().stdout;
    assert_eq!(bicep, BICEP);
    assert_eq!(publisher.arm.seen(), Vec::<String>::new());
    let arm = [&GENERATE[..], &["--format", "arm"]].concat();
    let first = publisher.aosm(&arm).run().ok();
    let resource = &first.json()["resources"][0];
    assert_eq!(
        resource["name"],
        "[format('{0}/{1}/{2}', parameters('publisherName'), parameters('acrArtifactStoreName'), \
         parameters('acrManifestName'))]"
    );
    assert_eq!(resource["properties"]["artifacts"].as_array().unwrap().len(), 3);
    // Another machine has another cache, no lock, and the same bytes.
    publisher.project.remove(".aosm");
    let _ = std::fs::remove_file(publisher.project.path("aosm.lock"));
    assert_eq!(publisher.aosm(&arm).run().ok().stdout, first.stdout);
}

#[test]
fn other_programs_get_a_document_with_the_names_of_store_and_manifest() {
    let publisher = Publisher::new();
    for arguments in [["--format", "json"].as_slice(), &["--json"]] {
        let json = publisher.aosm(&[&GENERATE[..], arguments].concat()).run().ok().json();
        fits(&publisher.project, "artifact-manifests", &json);
        let manifest = &json["manifests"][0];
        assert_eq!(manifest["store"], "images");
        assert_eq!(
            (&manifest["artifact-store"], &manifest["artifact-manifest"]),
            (&STORE.into(), &MANIFEST.into())
        );
        assert_eq!(manifest["artifacts"][2]["name"], "small");
    }
}

#[test]
fn disk_images_go_into_a_manifest_of_their_own_and_a_project_needs_no_store_of_aosm() {
    let publisher = Publisher::bare();
    publisher.project.write("disk.vhd", vhd::Vhd::new(1 << 20).content());
    publisher.project.write(
        "template.json",
        "{\"$schema\": \"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#\", \
         \"contentVersion\": \"1.0.0.0\", \"resources\": []}",
    );
    publisher.settings(
        "[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\n[[vhds]]\nname = \
         \"vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\nsas-env = \"NOBODY_ASKS\"\n[[artifacts]]\nname = \
         \"vm-template\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{ path = \"template.json\" }]\n",
    );
    let bicep = publisher.aosm(&GENERATE).run().ok();
    let bicep = bicep
        .says("param saArtifactStoreName string")
        .says("artifactName: 'vm-vhd'\n        artifactType: 'VhdImageFile'\n        artifactVersion: '1-0-0'")
        .says("artifactName: 'vm-template'\n        artifactType: 'ArmTemplate'\n        artifactVersion: '1.0.0'");
    assert_eq!(bicep.stdout.matches("artifactName:").count(), 5, "{bicep}");
    let json = publisher.aosm(&[&GENERATE[..], &["--json"]].concat()).run().ok().json();
    fits(&publisher.project, "artifact-manifests", &json);
    assert_eq!(json["manifests"][1]["store-type"], "AzureStorageAccount");
    assert_eq!(json["manifests"][1]["store"], serde_json::Value::Null);
}

#[test]
fn images_of_virtual_machines_are_listed_as_such() {
    let project = Project::fixture("contoso-nexus");
    let json = project.run(&[&GENERATE[..], &["--json"]].concat()).ok().json();
    let types: Vec<(&str, &str)> = json["manifests"][0]["artifacts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| (entry["name"].as_str().unwrap(), entry["type"].as_str().unwrap()))
        .collect();
    assert_eq!(
        types,
        [
            ("contoso-vm", "ImageFile"),
            ("contoso-vm-template", "ArmTemplate"),
            ("routers/contoso-router", "ImageFile"),
        ]
    );
}

#[test]
fn the_version_of_a_chart_is_listed_as_its_tag_will_be() {
    let publisher = Publisher::new();
    publisher
        .project
        .edit("charts/small/Chart.yaml", "version: 1.0.0", "version: 1.0.0+build.7");
    publisher
        .aosm(&GENERATE)
        .run()
        .ok()
        .says("artifactVersion: '1.0.0_build.7'")
        .silent_about("1.0.0+build.7");
}

#[test]
fn what_cannot_be_listed_or_told_apart_is_an_error() {
    let publisher = Publisher::new();
    publisher.project.edit(
        "charts/small/templates/app.yaml",
        "release/small-2:1.0.0",
        "release/nowhere:1.0.0",
    );
    publisher.aosm(&GENERATE).run().expect(4).says("release/nowhere");
    let publisher = Publisher::new();
    publisher.project.write("notes.txt", "a note\n");
    publisher.settings(&format!(
        "[stores.images]\nkind = \"acr\"\n{keys}[stores.more]\nkind = \"acr\"\n{other}[[artifacts]]\nname = \
         \"notes\"\nversion = \"1.0.0\"\nfiles = [{{ path = \"notes.txt\" }}]\nstore = \"more\"\n",
        keys = Publisher::keys(),
        other = Publisher::keys().replace(MANIFEST, "m-2"),
    ));
    publisher
        .aosm(&GENERATE)
        .run()
        .expect(64)
        .says("--store images or --store more");
    publisher
        .aosm(&[&GENERATE[..], &["--store", "more"]].concat())
        .run()
        .ok()
        .says("'notes'")
        .silent_about("'small'");
}
