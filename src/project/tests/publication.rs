//! What an input file says about publishing, by kind of file.

use super::*;

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
    "acr_artifact_store_name": "acr-store", "disable_public_network_access": true,
    "vnet_private_end_points": ["/subscriptions/1"], "network_fabric_controller_ids": ["/subscriptions/2", ""]"#;

fn publication(name: &str, text: &str) -> Publication {
    let folder = Folder::new()
        .with_chart("app")
        .with("t.json", TEMPLATE)
        .with("disk.vhd", "x")
        .with(name, text);
    let options = LoadOptions {
        project_file: Some(name.into()),
        ..folder.options()
    };
    let document = document::Document::read(
        &folder.path.join(name),
        name.into(),
        depth::Format::Jsonc,
        &mut Faults::new(),
    );
    let resolver = crate::project::paths::Resolver {
        current_dir: &options.folder,
    };
    let input = input::decode(&document.unwrap(), resolver, &mut Faults::new()).unwrap();
    input.publication.unwrap()
}

#[test]
fn every_input_file_names_its_stores_and_manifests_by_its_own_rules() {
    let template = r#"{"artifact_name": "t", "version": "1.0.0", "file_path": "t.json"}"#;
    let nf = r#""nf_name": "Contoso_NF", "version": "1.2.3""#;
    let vnf = format!(
        r#"{{{HEAD}, {nf}, "arm_templates": [{template}], "vhd": {{"version": "1-0-0", "file_path": "disk.vhd"}}"#
    );
    let cases = [
        (
            "cnf-input.jsonc",
            format!("{{{HEAD}, {nf}, {PACKAGE}}}"),
            InputKind::Cnf,
            ("contoso-nf-acr-manifest-1-2-3", None, None),
        ),
        (
            "vnf-input.jsonc",
            format!("{vnf}}}"),
            InputKind::Vnf,
            (
                "contoso-nf-acr-manifest-1-2-3",
                Some("contoso-nf-sa"),
                Some("contoso-nf-sa-manifest-1-2-3"),
            ),
        ),
        (
            "vnf-input.jsonc",
            format!(r#"{vnf}, "blob_artifact_store_name": "Disks"}}"#),
            InputKind::Vnf,
            (
                "contoso-nf-acr-manifest-1-2-3",
                Some("Disks"),
                Some("contoso-nf-sa-manifest-1-2-3"),
            ),
        ),
        (
            "vnf-input.jsonc",
            format!(r#"{{{HEAD}, {nf}, "arm_templates": [{template}], "images": ["a.azurecr.io/i:1.0.0"]}}"#),
            InputKind::Nexus,
            ("contoso-nf-acr-manifest-1-2-3", None, None),
        ),
        (
            "nsd-input.jsonc",
            format!(
                r#"{{{HEAD}, "nsd_name": "Contoso_NSD", "nsd_version": "2.0.0", "resource_element_templates":
                [{{"resource_element_type": "ArmTemplate", "properties": {template}}}]}}"#
            ),
            InputKind::Nsd,
            ("contoso-nsd-nsd-manifest-2-0-0", None, None),
        ),
    ];
    let text = |spanned: Option<&Spanned<String>>| spanned.map(|spanned| spanned.value.clone());
    for (name, file, kind, (registry, store, disks)) in cases {
        let found = publication(name, &file);
        assert_eq!((found.kind, found.file.as_str()), (kind, name));
        assert_eq!(
            text(found.registry_manifest().as_ref()).as_deref(),
            Some(registry),
            "{file}"
        );
        assert_eq!(text(found.disk_store.as_ref()).as_deref(), store, "{file}");
        assert_eq!(text(found.disk_manifest().as_ref()).as_deref(), disks, "{file}");
        assert_eq!(text(found.location.as_ref()).as_deref(), Some("uksouth"));
        assert_eq!(text(found.publisher.as_ref()).as_deref(), Some("p"));
        assert_eq!(text(found.resource_group.as_ref()).as_deref(), Some("g"));
        assert_eq!(text(found.registry_store.as_ref()).as_deref(), Some("acr-store"));
        assert_eq!(found.private_only.map(|private| private.value), Some(true));
        assert_eq!(
            (found.private_end_points.len(), found.network_fabric_controllers.len()),
            (1, 1)
        );
        assert!(found.name.unwrap().place.unwrap().line_column().is_some());
    }
}

#[test]
fn what_is_not_filled_in_is_absent() {
    let found = publication(
        "cnf-input.jsonc",
        &format!(r#"{{"publisher_name": "", "location": null, {PACKAGE}}}"#),
    );
    assert_eq!(found.publisher, None);
    assert_eq!(found.location, None);
    assert_eq!(found.private_only, None);
    assert_eq!(found.registry_manifest(), None);
    let found = publication("vnf-input.jsonc", r#"{"vhd": {}, "nf_name": "x"}"#);
    assert_eq!(found.disk_store.as_ref().unwrap().value, "x-sa");
    assert_eq!(found.disk_manifest(), None);
}
