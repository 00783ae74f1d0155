//! The chart families through the binary: what `images --json` lists equals the sets written by hand, with every
//! generation of Helm that is there.

use std::path::{Path, PathBuf};

use crate::support::*;

fn families() -> Vec<PathBuf> {
    let mut families: Vec<PathBuf> = std::fs::read_dir(root().join("fixtures/families"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    families.sort();
    families
}

fn expected(family: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(family.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A project of one family, as its publisher would write it.
fn project(family: &Path, name: &str) -> Project {
    let project = Project::new();
    project.copy_in(family, "family");
    let mut config = String::from("[project]\nimage-sources = [\"source.test\"]\n\n");
    config.push_str(&std::fs::read_to_string(family.join("discovery.toml")).unwrap_or_default());
    config.push_str(&format!(
        "\n[[charts]]\nname = \"{name}\"\npath = \"family/chart\"\ninclude-crds = true\n"
    ));
    if family.join("values.yaml").is_file() {
        config.push_str("values = [\"family/values.yaml\"]\n");
    }
    project.write("aosm.toml", config);
    project
}

fn references(list: &serde_json::Value) -> Vec<String> {
    let mut texts: Vec<String> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["reference"].as_str().unwrap().to_owned())
        .collect();
    texts.sort();
    texts.dedup();
    texts
}

#[test]
fn every_family_has_the_images_written_down_by_hand_whichever_helm_renders_it() {
    let mut helms = vec![tools::helm()];
    helms.extend(tools::helm3());
    let families = families();
    assert!(families.len() >= 12, "{} families", families.len());
    for family in &families {
        let name = family.file_name().unwrap().to_str().unwrap();
        let project = project(family, name);
        for helm in &helms {
            let document = project
                .aosm(&["images", "--json"])
                .env("AOSM_HELM", helm)
                .run()
                .ok()
                .json();
            assert_eq!(
                references(&document["images"]),
                expected(family, "expected-images.txt"),
                "{name} with {}",
                helm.display()
            );
            assert_eq!(
                references(&document["candidates"]),
                expected(family, "expected-candidates.txt"),
                "{name} with {}",
                helm.display()
            );
            for image in document["images"].as_array().unwrap() {
                let places = image["found"].as_array().unwrap();
                assert!(!places.is_empty(), "{name}: {image} says where it was found");
                assert!(
                    places.iter().all(|place| place["line"].as_u64() > Some(0)),
                    "{name}: {image}"
                );
            }
        }
    }
}
