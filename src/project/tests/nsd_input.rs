//! `nsd-input.jsonc`, by itself and beside `aosm.toml`, in all its forms.

use super::*;

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
    "acr_artifact_store_name": "s", "nsd_name": "ubuntu-nsd", "nsd_version": "1.0.0""#;

const NF: &str = r#"{"resource_element_type": "NF", "properties": {"publisher": "p", "publisher_resource_group": "g",
    "name": "ubuntu-vm", "version": "1.0.0", "publisher_offering_location": "uksouth", "type": "vnf"}}"#;

const ARM: &str = r#"{"resource_element_type": "ArmTemplate", "properties": {"artifact_name": "network-template",
    "version": "1.0.0", "file_path": "t.json"}}"#;

fn nsd(text: &str) -> Folder {
    Folder::new().with("t.json", TEMPLATE).with("nsd-input.jsonc", text)
}

fn with_elements(elements: &str) -> Folder {
    nsd(&format!(r#"{{{HEAD}, "resource_element_templates": [{elements}]}}"#))
}

/// What `aosm.toml` says once the extension has built.
const BUILT: &str = "[[artifacts]]\nname = \"ubuntu-nsd\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\n\
                     files = [{ path = \"nsd-cli-output/artifacts/ubuntu-vm.bicep\" }]\n";

const FILE: &str = "nsd-cli-output/artifacts/ubuntu-vm.bicep";

#[test]
fn templates_become_artifacts_and_what_is_generated_elsewhere_is_named() {
    let folder = with_elements(&format!("{NF}, {ARM}"));
    let (project, _) = folder.load().unwrap();
    assert_eq!(project.files, ["nsd-input.jsonc"]);
    assert_eq!(
        (project.name.as_str(), project.version.as_deref()),
        ("ubuntu-nsd", Some("1.0.0"))
    );
    let [template] = &project.artifacts[..] else { panic!() };
    assert_eq!(
        (template.name.value.as_str(), template.kind),
        ("network-template", ArtifactType::ArmTemplate)
    );
    let (_, warnings) = folder.load().unwrap();
    let [warning] = &warnings.iter().map(line).collect::<Vec<_>>()[..] else {
        panic!("{}", lines(&warnings))
    };
    for words in [
        "warning nsd-input.jsonc:3:13 ",
        "artifact ubuntu-nsd:1.0.0: not made here: its template is generated from the network function ubuntu-vm",
        "`az aosm nsd build` writes it",
        "name = \"ubuntu-nsd\"",
        "version = \"1.0.0\"",
        FILE,
    ] {
        assert!(warning.contains(words), "{warning}\nlacks {words}");
    }
    // Only templates: nothing is missing.
    with_elements(ARM).clean();
    // Named: nothing is missing either.
    let project = folder.with(FILE, "").with("aosm.toml", BUILT).clean();
    assert_eq!(project.artifacts.len(), 2);
    assert_eq!(project.artifacts[1].files[0].title, "ubuntu-vm.json");
}

#[test]
fn a_design_of_network_functions_alone_says_what_it_needs() {
    let folder = with_elements(NF);
    let fault = folder.error();
    assert!(fault.contains("artifact ubuntu-nsd:1.0.0: not made here"), "{fault}");
    assert!(fault.contains(FILE), "{fault}");
    let folder = folder.with(FILE, "").with("aosm.toml", BUILT);
    assert_eq!(folder.clean().artifacts.len(), 1);
    let folder = folder.with("aosm.toml", BUILT.replace("1.0.0", "1.0.1"));
    let (_, warnings) = folder.warned();
    assert_eq!(
        warnings,
        ["artifact ubuntu-nsd: version 1.0.1 here, but the service design is ubuntu-nsd:1.0.0"]
    );
    // Who only fills stores from elsewhere is told nothing.
    let bare = with_elements(NF);
    let (_, warnings) = load_stores(&bare.options()).unwrap();
    assert!(warnings.is_empty(), "{}", lines(&warnings));
    let two = with_elements(&format!("{NF}, {}", NF.replace("ubuntu-vm", "router")));
    let fault = two.error();
    assert!(
        fault.contains("generated from 2 network functions, which share this one name: ubuntu-vm, router"),
        "{fault}"
    );
}

#[test]
fn older_forms_are_read() {
    let function = r#"{"publisher": "p", "publisher_resource_group": "g", "name": "ubuntu-vm", "version": "1.0.0",
        "publisher_offering_location": "uksouth", "type": "cnf", "multiple_instances": "False"}"#;
    let text = format!(r#"{{{HEAD}, "nfvi_type": "AzureCore", "network_functions": [{function}]}}"#);
    let folder = nsd(&text).with(FILE, "").with("aosm.toml", BUILT);
    let (_, warnings) = folder.warned();
    assert_eq!(
        warnings,
        [
            "network_functions: an older form of `resource_element_templates`",
            "network_functions.multiple_instances: has no effect",
        ]
    );
    let text = format!(
        r#"{{{}, "network_function_definition_group_name": "ubuntu-vm", "network_function_definition_version_name": "1.0.0",
        "network_function_definition_offering_location": "uksouth", "network_function_type": "vnf"}}"#,
        HEAD.replace("nsd_name", "nsdg_name")
    );
    let folder = nsd(&text).with(FILE, "").with("aosm.toml", BUILT);
    let (project, warnings) = folder.warned();
    assert_eq!(project.name, "ubuntu-nsd");
    assert_eq!(
        project.publication.unwrap().registry_manifest().unwrap().value,
        "ubuntu-nsd-nsd-manifest-1-0-0"
    );
    assert_eq!(warnings.len(), 5, "{warnings:?}");
    assert!(
        warnings.contains(&"nsdg_name: an older form of `nsd_name`".to_owned()),
        "{warnings:?}"
    );
}

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let cases = [
        (
            String::new(),
            "nsd-input.jsonc: `resource_element_templates` is missing",
        ),
        (
            ARM.replace("ArmTemplate", "ArmTemplat"),
            "resource_element_templates.resource_element_type: `ArmTemplat` is none of the possible words / did you mean `ArmTemplate`?",
        ),
        (
            ARM.replace("\"resource_element_type\": \"ArmTemplate\", ", ""),
            "resource_element_templates: `resource_element_type` is missing",
        ),
        (
            r#"{"resource_element_type": "ArmTemplate"}"#.to_owned(),
            "resource_element_templates: `properties` is missing",
        ),
        (
            ARM.replace("\"artifact_name\": \"network-template\",", ""),
            "resource_element_templates.properties: `artifact_name` is missing",
        ),
        (
            ARM.replace("1.0.0", "1-0-0"),
            "resource_element_templates.properties.version: AOSM takes only three numbers joined by dots for a template, not `1-0-0`",
        ),
        (
            ARM.replace("t.json", "u.json"),
            "template u.json: there is no such file or folder",
        ),
        (
            ARM.replace("\"file_path\"", "\"publisher\": \"p\", \"file_path\""),
            "resource_element_templates.properties.publisher: has no place in `ArmTemplate`",
        ),
        (format!("{ARM}, {ARM}"), "template network-template: named twice"),
        (
            ARM.replace("file_path", "file_pat"),
            "resource_element_templates.properties",
        ),
    ];
    for (elements, expected) in cases {
        let errors = with_elements(&elements).errors();
        let found = line(&errors[0]);
        assert!(
            found.contains(expected),
            "{elements}\nexpected {expected}\nfound    {found}"
        );
        assert!(!found.ends_with("/ -"), "{found}");
    }
    let fault = with_elements(&format!(
        "{ARM}, {}",
        NF.replace("\"type\"", "\"file_path\": \"x\", \"type\"")
    ))
    .error();
    assert!(fault.contains("file_path: has no place in `NF`"), "{fault}");
    let text = format!(r#"{{{HEAD}, "vhd": {{"version": "1-0-0"}}, "resource_element_templates": [{ARM}]}}"#);
    let fault = nsd(&text).error();
    assert!(
        fault.contains("vhd: has no place in this file / it belongs in a `vnf-input.jsonc`"),
        "{fault}"
    );
}

#[test]
fn what_only_the_extension_refuses_is_a_warning() {
    let vague = NF
        .replace("\"type\": \"vnf\"", "\"type\": \"other\"")
        .replace("\"publisher\": \"p\", ", "");
    let (_, warnings) = with_elements(&format!("{ARM}, {vague}")).warned();
    for expected in [
        "resource_element_templates.properties: `publisher` not set",
        "resource_element_templates.properties.type: neither `cnf` nor `vnf`",
    ] {
        assert!(warnings.iter().any(|warning| warning == expected), "{warnings:?}");
    }
    let text = format!(r#"{{"nsd_name": "n", "resource_element_templates": [{ARM}]}}"#);
    let (_, warnings) = nsd(&text).warned();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(
        warnings[0].contains("`location`") && warnings[0].contains("`nsd_version` not set"),
        "{warnings:?}"
    );
    // Resources of service designs are not limited.
    let (_, warnings) = with_elements(ARM)
        .with("t.json", TEMPLATE.replace("Microsoft.Compute", "Microsoft.Sql"))
        .warned();
    assert_eq!(warnings, Vec::<String>::new());
}

#[test]
fn init_proposes_what_the_file_needs() {
    let folder = with_elements(&format!("{NF}, {ARM}"));
    let proposal = propose(&folder.path).unwrap();
    assert_eq!(proposal.notes.len(), 1, "{:?}", proposal.notes);
    assert!(proposal.text.contains("# name = \"ubuntu-nsd\""), "{}", proposal.text);
    let (project, _) = folder.with("aosm.toml", &proposal.text).warned();
    assert_eq!(project.artifacts.len(), 1);
    let folder = with_elements(&format!("{NF}, {ARM}")).with(FILE, "");
    let proposal = propose(&folder.path).unwrap();
    assert_eq!(proposal.notes, Vec::<String>::new());
    let project = folder.with("aosm.toml", &proposal.text).clean();
    assert_eq!(project.artifacts.len(), 2);
}

#[test]
fn the_schema_takes_what_loads() {
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let validator = |name: &str| {
        let (_, text) = schemas().into_iter().find(|(file, _)| *file == name).unwrap();
        jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
    };
    let nsd = validator("nsd-input.schema.json");
    let text = format!(r#"{{{HEAD}, "resource_element_templates": [{NF}, {ARM}]}}"#);
    assert!(nsd.is_valid(&json(&text)));
    for bad in [
        r#"{"resource_element_templates": [{}]}"#,
        r#"{"vhd": {}}"#,
        r#"{"nsd_name": 1}"#,
    ] {
        assert!(!nsd.is_valid(&json(bad)), "{bad}");
    }
    let nexus = validator("vnf-nexus-input.schema.json");
    assert!(nexus.is_valid(&json(r#"{"nf_name": "x", "images": ["a.azurecr.io/b:1.0.0"]}"#)));
    assert!(!nexus.is_valid(&json(r#"{"images": [1]}"#)));
}
