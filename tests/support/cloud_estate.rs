//! Very many small artifacts and a manifest that lists them all: what the second run of a large publisher costs.

use std::fmt::Write as _;

use super::aosm::Project;
use super::arm::PUBLISHER;
use super::cloud::{ACR, Cloud, keys};
use super::image::{Image, ImageSpec};
use super::layout;

/// The artifact manifest of the estate.
pub const MANIFEST: &str = "estate-1-0-0";

/// A cloud whose store holds so many images, and the project that wants them: everything is there.
pub fn filled(images: u64) -> (Cloud, Project) {
    let cloud = Cloud::empty().registry_store(PUBLISHER, ACR);
    let project = Project::new();
    let all: Vec<(String, Image)> = (0..images)
        .map(|number| {
            let image = ImageSpec::new(number).layers(&[40]).base_layer(1_000_000, 300).build();
            (format!("release/image-{number}:1.0.0"), image)
        })
        .collect();
    let entries: Vec<(&str, &Image)> = all.iter().map(|(name, image)| (name.as_str(), image)).collect();
    layout::write(&project.path("images"), &entries);
    let client = cloud.shelf(ACR).registry.client();
    let mut text = String::from("apiVersion: v1\nkind: Pod\nmetadata: { name: estate }\nspec:\n  containers:\n");
    for (number, (name, image)) in all.iter().enumerate() {
        writeln!(text, "    - {{ name: c{number}, image: \"source.test/{name}\" }}").expect("a string");
        let (repository, tag) = name.split_once(':').expect("a tag");
        client.push(image, repository, tag);
    }
    project.write("estate.yaml", text).write(
        "aosm.toml",
        format!(
            "[project]\nname = \"estate\"\nimage-sources = [\"source.test\"]\n[sources.\"source.test\"]\nkind = \
             \"oci-layout\"\npath = \"images\"\n[stores.images]\nkind = \"acr\"\nartifact-manifest = \
             \"{MANIFEST}\"\n{}[[charts]]\nname = \"estate\"\nmanifests = [\"estate.yaml\"]\n",
            keys(PUBLISHER, ACR),
        ),
    );
    let entries: Vec<(&str, &str, &str)> = all
        .iter()
        .filter_map(|(name, _)| name.split_once(':'))
        .map(|(repository, tag)| (repository, tag, "OCIArtifact"))
        .collect();
    cloud.arm.manifest(ACR, MANIFEST, &entries);
    (cloud, project)
}
