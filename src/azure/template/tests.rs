//! The texts as golden files, and what could break out of them.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use super::*;
use crate::azure::manifest::ManifestEntry;

fn entry(name: &str, artifact_type: &str, version: &str) -> ManifestEntry {
    ManifestEntry {
        name: name.into(),
        artifact_type: artifact_type.into(),
        version: version.into(),
    }
}

fn parts() -> Vec<ManifestPart> {
    vec![
        ManifestPart {
            store_type: StoreType::Registry,
            entries: vec![
                entry("vnf-template", "ArmTemplate", "1.0.0"),
                entry("release/contoso-a", "OCIArtifact", "1.0.0"),
                entry("contoso-cnf", "OCIArtifact", "1.0.0_build.7"),
                // Two charts may use one image.
                entry("release/contoso-a", "OCIArtifact", "1.0.0"),
            ],
        },
        ManifestPart {
            store_type: StoreType::StorageAccount,
            entries: vec![entry("ubuntu-vm-vhd", "VhdImageFile", "1-0-0")],
        },
    ]
}

fn golden(name: &str, text: &str) {
    let path = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("src/azure/template/golden")
        .join(name);
    if std::env::var_os("AOSM_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
    }
    let held = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert_eq!(held, text, "{path}");
}

#[test]
fn templates_are_what_they_were() {
    golden("both.bicep", &bicep(&parts()));
    golden("both.json", &arm_template(&parts()));
    golden("registry.bicep", &bicep(&parts()[..1]));
    golden("registry.json", &arm_template(&parts()[..1]));
}

#[test]
fn the_order_of_the_entries_does_not_matter() {
    let mut turned = parts();
    turned[0].entries.reverse();
    assert_eq!(bicep(&turned), bicep(&parts()));
    assert_eq!(arm_template(&turned), arm_template(&parts()));
}

#[test]
fn no_name_breaks_out_of_its_text() {
    let odd = |name: &str| {
        vec![ManifestPart {
            store_type: StoreType::Registry,
            entries: vec![entry(name, "OCIArtifact", "1")],
        }]
    };
    for (name, literal) in [
        ("a'b", r"'a\'b'"),
        ("a\\b", r"'a\\b'"),
        ("a${b}", r"'a\${b}'"),
        ("a$b", "'a$b'"),
        ("a\nb\u{1}", r"'a\nb\u{1}'"),
    ] {
        let text = bicep(&odd(name));
        assert!(text.contains(&format!("artifactName: {literal}\n")), "{text}");
    }
    let template: serde_json::Value = serde_json::from_str(&arm_template(&odd("[x]\"y"))).unwrap();
    assert_eq!(
        template["resources"][0]["properties"]["artifacts"][0]["artifactName"],
        "[[x]\"y"
    );
}
