//! `vnf-input.jsonc` for Azure Operator Nexus, by itself and beside `aosm.toml`.

use super::*;

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
    "acr_artifact_store_name": "s", "nf_name": "ubuntu-vm", "version": "1.0.0""#;

const ARM: &str =
    r#""arm_templates": [{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "t.json"}]"#;

const IMAGES: &str =
    r#""images": ["sourceacr.azurecr.io/ubuntu-vm:1.0.0", "other.azurecr.io/ns/deeper/ubuntu-vm:2.0.1"]"#;

fn nexus(text: &str) -> Folder {
    Folder::new().with("t.json", TEMPLATE).with("vnf-input.jsonc", text)
}

fn good() -> String {
    format!("{{{HEAD}, {ARM}, {IMAGES}}}")
}

#[test]
fn images_and_templates_are_read_and_each_image_keeps_to_its_registry() {
    let folder = nexus(&format!(
        r#"{{
    // what the extension generates
    {HEAD}, "expose_all_parameters": false, "disable_public_network_access": false, "vnet_private_end_points": [],
    "network_fabric_controller_ids": [], {ARM}, {IMAGES}
}}"#
    ));
    let project = folder.clean();
    assert_eq!(project.files, ["vnf-input.jsonc"]);
    assert_eq!(
        (project.name.as_str(), project.version.as_deref()),
        ("ubuntu-vm", Some("1.0.0"))
    );
    let [template] = &project.artifacts[..] else { panic!() };
    assert_eq!(
        (template.kind, template.name.value.as_str()),
        (ArtifactType::ArmTemplate, "ubuntu-template")
    );
    let sources: Vec<String> = project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    assert_eq!(sources, ["sourceacr.azurecr.io", "other.azurecr.io"]);
    let [first, second] = &project.images[..] else { panic!() };
    for (image, source, column) in [
        (first, &sources[0], None),
        (second, &sources[1], Some("vnf-input.jsonc")),
    ] {
        assert_eq!(image.kind, ArtifactType::ImageFile);
        assert_eq!(image.only_from.as_ref().unwrap().to_string(), *source);
        assert_eq!(image.named_in, "images");
        let place = image.reference.place.as_ref().unwrap();
        assert!(column.is_none_or(|file| *place.path() == file));
    }
    assert!(project.vhds.is_empty());
}

#[test]
fn whoever_says_where_to_look_means_these_images_too() {
    let folder = nexus(&good()).with("aosm.toml", "[project]\nimage-sources = [\"mirror.example/vms\"]\n");
    let project = folder.clean();
    assert_eq!(project.image_sources.len(), 1);
    assert_eq!(project.image_sources[0].value.to_string(), "mirror.example/vms");
    assert!(project.images.iter().all(|image| image.only_from.is_none()));
    // What `init` writes for charts says nothing.
    let folder = nexus(&good()).with("aosm.toml", "[project]\nimage-sources = []\n");
    assert_eq!(folder.clean().image_sources.len(), 2);
}

#[test]
fn older_forms_are_read() {
    let text = format!(
        r#"{{{HEAD}, "image_name_parameter": "imageName", "blob_artifact_store_name": "b", "vhd": {{}},
        "arm_template": {{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "t.json"}}, {IMAGES}}}"#
    );
    let (project, warnings) = nexus(&text).warned();
    assert_eq!((project.images.len(), project.artifacts.len()), (2, 1));
    assert_eq!(
        warnings,
        [
            "image_name_parameter: has no effect",
            "blob_artifact_store_name: has no effect"
        ]
    );
}

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let cases = [
        (
            r#"{"images": ["ubuntu-vm:1.0.0"], H, A}"#,
            "vnf-input.jsonc:1:13 image ubuntu-vm:1.0.0: names no registry / write it like `sourceacr.azurecr.io/image:1.0.0`",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm"], H, A}"#,
            "vnf-input.jsonc:1:13 image a.azurecr.io/vm: names no version",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:latest"], H, A}"#,
            "image a.azurecr.io/vm:latest: AOSM takes only three numbers joined by dots as the version of an image file, not `latest`",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:~1.0.0"], H, A}"#,
            "image a.azurecr.io/vm:~1.0.0: no registry takes a tag that begins with `~` / name the tag that the registry has: `:1.0.0`",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:1.0.0", "a.azurecr.io/vm:1.0.0"], H, A}"#,
            "vnf-input.jsonc:1:38 vnf-input.jsonc:1:13 image a.azurecr.io/vm:1.0.0: named twice",
        ),
        (
            r#"{"images": [5], H, A}"#,
            "vnf-input.jsonc:1:13 images: expected a list of texts, found a number in it",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:1.0.0"], H}"#,
            "vnf-input.jsonc: `arm_templates` is missing",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:1.0.0"], "helm_package": [], H, A}"#,
            "vnf-input.jsonc:1:39 helm_package: unknown key",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:1.0.0"], "nsd_name": "x", H, A}"#,
            "nsd_name: has no place in this file / it belongs in an `nsd-input.jsonc`",
        ),
        (
            r#"{"images": ["a.azurecr.io/vm:1.0.0"], "vhd": {"version": "1-0-0"}, H, A}"#,
            "vnf-input.jsonc:1:39 vnf-input.jsonc:1:2 vnf-input.jsonc: `vhd` and `images` at once / keep one of the two",
        ),
    ];
    for (text, expected) in cases {
        let text = text
            .replace("H,", &format!("{HEAD},"))
            .replace("H}", &format!("{HEAD}}}"))
            .replace("A}", &format!("{ARM}}}"));
        let found = nexus(&text).error();
        assert!(
            found.contains(expected),
            "{text}\nexpected {expected}\nfound    {found}"
        );
        assert!(!found.ends_with("/ -"), "{found}");
    }
}

#[test]
fn an_image_of_both_files_is_told_with_both_places() {
    let toml = |image: &str| format!("[[images]]\nreference = \"{image}\"\n");
    let folder = nexus(&good()).with("aosm.toml", toml("sourceacr.azurecr.io/tools:1.0"));
    assert_eq!(folder.clean().images.len(), 3);
    let folder = folder.with("aosm.toml", toml("sourceacr.azurecr.io/ubuntu-vm:1.0.0"));
    let fault = folder.error();
    assert!(fault.starts_with("aosm.toml:2:13 vnf-input.jsonc:"), "{fault}");
    assert!(fault.contains("named in both files"), "{fault}");
}

#[test]
fn init_proposes_a_project_that_loads() {
    let folder = nexus(&good());
    let proposal = propose(&folder.path).unwrap();
    assert_eq!(proposal.notes, Vec::<String>::new());
    let project = folder.with("aosm.toml", &proposal.text).clean();
    assert_eq!((project.images.len(), project.artifacts.len()), (2, 1));
}
