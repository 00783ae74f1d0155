//! `vnf-input.jsonc` by itself and beside `aosm.toml`, in all its forms.

use super::*;

/// Stores that take everything, and the signature of the container.
const STORES: &str = "[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\n[[vhds]]\nname = \
                      \"ubuntu-vm-vhd\"\nsas-env = \"DISKS_SAS\"\n";

/// The same without signatures.
const EMULATOR: &str = "[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\nemulator = \
                        \"http://127.0.0.1:10000/devstoreaccount1\"\n";

const HEAD: &str = r#""location": "uksouth", "publisher_name": "p", "publisher_resource_group_name": "g",
    "acr_artifact_store_name": "s", "nf_name": "ubuntu-vm", "version": "1.0.0""#;

const ARM: &str =
    r#""arm_templates": [{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "t.json"}]"#;

const VHD: &str = r#""vhd": {"version": "1-0-0", "file_path": "disk.vhd"}"#;

const SAS: &str = "https://acc.blob.core.windows.net/c/disk.vhd?sv=2021-08-06&sr=b&sig=c2VjcmV0%2Bsecret%3D";

/// A `vnf-input.jsonc` beside its files and an `aosm.toml` with stores.
fn vnf(text: &str) -> Folder {
    bare(text).with("aosm.toml", STORES)
}

fn bare(text: &str) -> Folder {
    Folder::new()
        .with("disk.vhd", "x")
        .with("t.json", TEMPLATE)
        .with("vnf-input.jsonc", text)
}

#[test]
fn a_disk_image_and_its_templates_are_read() {
    let folder = vnf(&format!(
        r#"{{
    // what the extension generates
    {HEAD}, "blob_artifact_store_name": "", "expose_all_parameters": false,
    "disable_public_network_access": false, "vnet_private_end_points": [], "network_fabric_controller_ids": [],
    "arm_templates": [
        {{"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "t.json"}},
        {{"artifact_name": "network-template", "version": "2.10.0", "file_path": "./t.json"}},
    ],
    "vhd": {{
        "artifact_name": "", "version": "1-0-0", "file_path": "disk.vhd", "blob_sas_url": "",
        "image_disk_size_GB": "30", "image_hyper_v_generation": "V2", "image_api_version": "2023-03-01",
    }}
}}"#
    ));
    let project = folder.clean();
    assert_eq!(project.files, ["aosm.toml", "vnf-input.jsonc"]);
    assert_eq!(
        (project.name.as_str(), project.version.as_deref()),
        ("ubuntu-vm", Some("1.0.0"))
    );
    let [vhd] = &project.vhds[..] else { panic!() };
    assert_eq!(vhd.vhd_name().to_string(), "ubuntu-vm-vhd:1-0-0");
    assert!(matches!(&vhd.source, VhdSource::File(file) if file.value == folder.path.join("disk.vhd")));
    assert!(matches!(&vhd.sas, Some(SasPlace::Variable(name)) if name.value == "DISKS_SAS"));
    assert_eq!(project.stores[vhd.store].name.value, "disks");
    let [first, second] = &project.artifacts[..] else {
        panic!()
    };
    assert_eq!(
        (first.kind, first.version.value.as_str()),
        (ArtifactType::ArmTemplate, "1.0.0")
    );
    assert_eq!(
        (second.name.value.as_str(), second.files.len()),
        ("network-template", 1)
    );
    assert_eq!(
        (first.files[0].title.as_str(), &first.files[0].path.value),
        ("t.json", &folder.path.join("t.json"))
    );
    assert_eq!(first.name.place.as_ref().unwrap().to_string(), "vnf-input.jsonc:7:27");
}

#[test]
fn the_forms_of_older_versions_are_read() {
    let old = r#"{
    "publisher_name": "p", "location": "x", "nf_name": "ubuntu-vm", "version": "1.0.0",
    "publisher_resource_group_name": "g", "acr_artifact_store_name": "a", "blob_artifact_store_name": "b",
    "image_name_parameter": "imageName",
    "arm_template": {"artifact_name": "ubuntu-template", "version": "1.0.0", "file_path": "t.json"},
    "vhd": {"artifact_name": "Optional. Name of the artifact.", "version": "1-0-0", "file_path": "disk.vhd", "blob_sas_url": null,
        "image_disk_size_GB": 30, "image_hyper_v_generation": "Optional. Specifies …", "image_api_version": null}
}"#;
    let lists = old
        .replace("\"arm_template\": {", "\"arm_template\": [{")
        .replace("t.json\"}", "t.json\"}]")
        .replace("\"vhd\": {", "\"vhd\": [{")
        .replace("null}", "null}]");
    for text in [old, &lists] {
        let (project, warnings) = vnf(text).warned();
        assert_eq!(project.vhds[0].name.value, "ubuntu-vm-vhd");
        assert_eq!(project.artifacts[0].name.value, "ubuntu-template");
        assert_eq!(
            warnings,
            [
                "image_name_parameter: has no effect",
                "vhd.artifact_name: still has the words of the template"
            ]
        );
    }
    // The first versions called the file so; it is known by what it says.
    let folder = Folder::new()
        .with("disk.vhd", "x")
        .with("t.json", TEMPLATE)
        .with("input.json", old)
        .with("aosm.toml", format!("[project]\ninput = \"input.json\"\n{STORES}"));
    assert_eq!(folder.warned().0.vhds.len(), 1);
}

#[test]
fn which_file_is_read_is_said() {
    let good = format!("{{{HEAD}, {ARM}, {VHD}}}");
    let cnf = format!("{{{PACKAGE}}}");
    // Named.
    let folder = vnf(&good)
        .with_chart("app")
        .with("cnf-input.jsonc", &cnf)
        .with("aosm.toml", format!("[project]\ninput = \"vnf-input.jsonc\"\n{STORES}"));
    assert_eq!(folder.clean().files, ["aosm.toml", "vnf-input.jsonc"]);
    // Not named: the other one is not forgotten silently.
    let folder = folder.with("aosm.toml", "");
    let (project, warnings) = folder.warned();
    assert_eq!(project.files, ["aosm.toml", "cnf-input.jsonc"]);
    assert_eq!(warnings, ["vnf-input.jsonc: not read, as the other input file is"]);
    // Under any name.
    let folder = bare("{}")
        .with("other.jsonc", &good)
        .with("aosm.toml", format!("[project]\ninput = \"other.jsonc\"\n{STORES}"));
    assert_eq!(folder.clean().vhds.len(), 1);
    // Alone, it is found, and says what it still needs.
    assert!(bare(&good).error().contains("add `[stores.disks]`"));
}

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let both = format!(r#"{{H, A, "vhd": {{"version": "1-0-0", "file_path": "disk.vhd", "blob_sas_url": "{SAS}"}}}}"#);
    let cases = [
        ("{H, A}", "vnf-input.jsonc:1:1 vnf-input.jsonc: `vhd` is missing"),
        (
            "{H, V}",
            "vnf-input.jsonc:1:1 vnf-input.jsonc: `arm_templates` is missing",
        ),
        (
            r#"{"arm_templates": [], H, V}"#,
            "vnf-input.jsonc:1:2 vnf-input.jsonc: `arm_templates` is missing",
        ),
        (
            r#"{"arm_templates": "t.json", H, V}"#,
            "vnf-input.jsonc:1:19 arm_templates: expected a table or a list of tables, found text",
        ),
        (
            r#"{"vhd": "disk.vhd", H, A}"#,
            "vnf-input.jsonc:1:9 vhd: expected a table or a list of tables, found text",
        ),
        (
            r#"{"vhd": {"file_path": "disk.vhd"}, H, A}"#,
            "vnf-input.jsonc:1:9 vhd: `version` is missing / three numbers joined by hyphens",
        ),
        (
            r#"{"vhd": {"version": "1.0.0", "file_path": "disk.vhd"}, H, A}"#,
            "vnf-input.jsonc:1:21 disk image ubuntu-vm-vhd: version `1.0.0` is not three numbers joined by hyphens / disk images have \
             hyphens where other artifacts have dots: write `1-0-0`",
        ),
        (
            r#"{"vhd": {"version": "1-0-0"}, H, A}"#,
            "disk image ubuntu-vm-vhd: neither `file` nor `blob-url-env`",
        ),
        (
            r#"{"vhd": {"version": "1-0-0", "file_path": "disk.vdh"}, H, A}"#,
            "vnf-input.jsonc:1:43 disk image disk.vdh: there is no such file or folder / did you mean `disk.vhd`",
        ),
        (
            both.as_str(),
            "vhd: `file_path` and `blob_sas_url` at once: only one may be set",
        ),
        (
            r#"{"vhd": {"version": "1-0-0", "blob_sas_url": "c2VjcmV0"}, H, A}"#,
            "vnf-input.jsonc:1:46 vhd.blob_sas_url: is no URL of a blob",
        ),
        (
            r#"{"vhd": {"version": "1-0-0", "blob_sas_url": 5}, H, A}"#,
            "vnf-input.jsonc:1:46 vhd.blob_sas_url: expected text, found a number",
        ),
        (
            r#"{"vhd": {"version": "1-0-0", "file_pat": "disk.vhd", "file_path": "disk.vhd"}, H, A}"#,
            "vnf-input.jsonc:1:30 vhd.file_pat: unknown key / did you mean `file_path`?",
        ),
        (
            r#"{"vhd": {"artifact_name": "Ubuntu-vhd", "version": "1-0-0", "file_path": "disk.vhd"}, H, A}"#,
            "disk image Ubuntu-vhd",
        ),
        (
            r#"{"arm_templates": [{"version": "1.0.0", "file_path": "t.json"}], H, V}"#,
            "vnf-input.jsonc:1:20 arm_templates: `artifact_name` is missing",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "file_path": "t.json"}], H, V}"#,
            "vnf-input.jsonc:1:20 arm_templates: `version` is missing",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "version": "1.0.0"}], H, V}"#,
            "vnf-input.jsonc:1:20 arm_templates: `file_path` is missing",
        ),
        (
            r#"{"arm_template": {"artifact_name": "t", "version": "1-0-0", "file_path": "t.json"}, H, V}"#,
            "vnf-input.jsonc:1:52 arm_template.version: AOSM takes only three numbers joined by dots for a template, not `1-0-0` / \
             templates have dots where disk images have hyphens: write `1.0.0`",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "T", "version": "1.0.0", "file_path": "t.json"}], H, V}"#,
            "vnf-input.jsonc:1:38 arm_templates.artifact_name: ",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "version": "1.0.0", "file_path": "dir"}], H, V}"#,
            "vnf-input.jsonc:1:76 template dir: is a folder",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "version": "1.0.0", "file_path": "broken.json"}], H, V}"#,
            "broken.json:1:16 vnf-input.jsonc:1:76 template broken.json: is not JSON",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "version": "1.0.0", "file_path": "empty.json"}], H, V}"#,
            "empty.json:1:1 vnf-input.jsonc:1:76 template empty.json: is no template: it has no `$schema`, no `contentVersion`, no `resources`",
        ),
        (
            r#"{"arm_templates": [{"artifact_name": "t", "version": "1.0.0", "file_path": "t.json"}, {"artifact_name": "t",
            "version": "1.0.1", "file_path": "t.json"}], H, V}"#,
            "vnf-input.jsonc:1:105 vnf-input.jsonc:1:38 template t: named twice",
        ),
        (
            r#"{"helm_packages": [{"name": "app", "path_to_chart": "app"}], H, A, V}"#,
            "vnf-input.jsonc:1:2 helm_packages: has no place in this file / it belongs in a `cnf-input.jsonc`",
        ),
        (
            r#"{"nsd_name": "x", H, A, V}"#,
            "vnf-input.jsonc:1:2 nsd_name: has no place in this file / it belongs in an `nsd-input.jsonc`",
        ),
        ("{H, A, V", "vnf-input.jsonc:1:1 unterminated object"),
    ];
    let mut wrong = Vec::new();
    for (text, expected) in cases {
        let text = text.replace("H,", &format!("{},", HEAD.replace('\n', " ")));
        let text = text
            .replace(" A}", &format!(" {ARM}}}"))
            .replace(" A,", &format!(" {ARM},"));
        let text = text
            .replace(" V}", &format!(" {VHD}}}"))
            .replace(" V", &format!(" {VHD}"));
        let folder = bare(&text)
            .with("aosm.toml", EMULATOR)
            .with("t.bicep", "x")
            .with("dir/x", "x")
            .with("broken.json", "{\"resources\": [}")
            .with("empty.json", "{}");
        let found = match folder.load() {
            Err(faults) => faults.iter().filter(|fault| fault.is_error()).map(line).collect(),
            Ok((_, warnings)) => vec![format!("no error; {}", lines(&warnings))],
        };
        if found.len() != 1 || !found[0].contains(expected) {
            wrong.push(format!(
                "{text}\nexpected {expected}\nfound    {}",
                found.join("\n         ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn what_leans_on_a_lost_disk_image_needs_no_word() {
    for vhd in ["", r#", "vhd": "x""#, r#", "vhd": {"file_path": "disk.vhd"}"#] {
        let fault = vnf(&format!("{{{HEAD}, {ARM}{vhd}}}")).error();
        assert!(fault.starts_with("vnf-input.jsonc:"), "{fault}");
    }
}

#[test]
fn what_only_the_extension_or_azure_refuses_is_a_warning() {
    let sql = TEMPLATE.replace(
        "\"resources\": [",
        r#""languageVersion": "2.0", "resources": {"db": {"type": "Microsoft.Sql/servers"}, "vm": "#,
    );
    let sql = sql.replace(']', "}").replace("Microsoft.Compute", "microsoft.compute");
    let text = format!(
        r#"{{{HEAD}, {ARM}, "vhd": {{"version": "1-0-0", "file_path": "disk.vhd", "image_disk_size_GB": 2000,
        "image_hyper_v_generation": "V3"}}}}"#
    );
    let (_, warnings) = vnf(&text).with("t.json", sql).warned();
    assert_eq!(
        warnings,
        [
            "template t.json: resources that network functions may not have: Microsoft.Sql/servers",
            "vhd.image_disk_size_GB: not a number from 0 to 1023",
            "vhd.image_hyper_v_generation: neither `V1` nor `V2`",
        ]
    );
    let text = format!(r#"{{"nf_name": "ubuntu-vm", {ARM}, {VHD}}}"#);
    let (_, warnings) = vnf(&text).warned();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("`location`, `publisher_name`"), "{warnings:?}");
}

/// Everything that a load says, with the text around each place.
fn all_words(folder: &Folder) -> String {
    let say = |faults: &Faults| {
        faults
            .iter()
            .map(|fault| {
                let texts: Vec<&str> = fault.labels().iter().map(|label| label.place.text()).collect();
                format!("{fault:?} {} {}", line(fault), texts.join(" "))
            })
            .collect::<Vec<_>>()
            .join("\n")
    };
    match folder.load() {
        Ok((project, warnings)) => format!("{project:?}\n{}", say(&warnings)),
        Err(faults) => say(&faults),
    }
}

#[test]
fn a_signature_in_clear_text_is_used_warned_about_and_never_repeated() {
    let text = format!(r#"{{{HEAD}, {ARM}, "vhd": {{"version": "1-0-0", "blob_sas_url": "{SAS}"}}}}"#);
    let (project, warnings) = vnf(&text).warned();
    assert!(matches!(&project.vhds[0].source, VhdSource::Url(url) if url.value.expose() == SAS));
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("a signature in clear text"));
    let escaped = SAS.replace("sig", r"\u0073ig");
    for text in [
        text.clone(),
        text.replace(SAS, &escaped),
        // In the wrong place, under a wrong name, of the wrong type, in a file that is broken.
        text.replace("blob_sas_url", "file_path"),
        text.replace("blob_sas_url", "file_path").replace(SAS, &escaped),
        text.replace("blob_sas_url", "blob_sas_ulr"),
        text.replace("blob_sas_url", "artifact_name"),
        text.replace(&format!("\"{SAS}\""), &format!("[\"{SAS}\"]")),
        text.replace("https://", "https//"),
        text.replace("\"vhd\"", "\"vdh\""),
        text.replace("t.json", SAS),
        text.replace("\"version\": \"1-0-0\"", &format!("\"version\": \"{SAS}\"")),
        text.replace("}}", ""),
        text.replace("}}", "").replace(", \"vhd", ",\n\"vhd"),
        format!("{}\n", text.replace("\"blob_sas_url\"", "\n\"blob_sas_url\" oops")),
    ] {
        let words = all_words(&vnf(&text));
        assert!(!words.contains("c2VjcmV0"), "{text}\n\n{words}");
    }
    // Said by a variable instead.
    let folder = vnf(&format!(r#"{{{HEAD}, {ARM}, "vhd": {{"version": "1-0-0"}}}}"#));
    let folder = folder.with("aosm.toml", format!("{STORES}blob-url-env = \"IMAGE_URL\"\n"));
    assert!(matches!(&folder.clean().vhds[0].source, VhdSource::UrlInVariable(name) if name.value == "IMAGE_URL"));
}

#[test]
fn an_artifact_of_both_files_is_told_with_both_places() {
    let folder = vnf(&format!("{{{HEAD}, {ARM}, {VHD}}}"));
    let more = "[[artifacts]]\nname = \"NAME\"\nversion = \"1.0.0\"\nkind = \"arm-template\"\nfiles = [{ path = \"t.json\" }]\n";
    let toml = |name: &str| format!("{}{STORES}", more.replace("NAME", name));
    let folder = folder.with("aosm.toml", toml("another-template"));
    assert_eq!(folder.clean().artifacts.len(), 2);
    let folder = folder.with("aosm.toml", toml("ubuntu-template"));
    let fault = folder.error();
    assert!(fault.contains("aosm.toml:2:8 vnf-input.jsonc:"), "{fault}");
    assert!(
        fault.contains("artifact ubuntu-template: named in both files"),
        "{fault}"
    );
}

#[test]
fn init_proposes_what_the_file_needs() {
    let folder = bare(&format!("{{{HEAD}, {ARM}, {VHD}}}"));
    let proposal = propose(&folder.path).unwrap();
    assert_eq!(proposal.notes.len(), 1, "{:?}", proposal.notes);
    let project = folder.with("aosm.toml", &proposal.text).clean();
    assert_eq!((project.vhds.len(), project.artifacts.len()), (1, 1));
    assert_eq!(project.files, ["aosm.toml", "vnf-input.jsonc"]);
}

#[test]
fn the_schema_takes_what_loads() {
    let (_, text) = schemas()
        .into_iter()
        .find(|(name, _)| *name == "vnf-input.schema.json")
        .unwrap();
    let schema = serde_json::from_str(&text).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let json = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    assert!(validator.is_valid(&json(&format!("{{{HEAD}, {ARM}, {VHD}}}"))));
    assert!(validator.is_valid(&json(&format!(
        "{{{}, {VHD}}}",
        ARM.replace("arm_templates", "arm_template")
    ))));
    for bad in [
        r#"{"vhd": "x"}"#,
        r#"{"vhd": {"nothing": 1}}"#,
        r#"{"helm_packages": []}"#,
        r#"{"arm_templates": [1]}"#,
    ] {
        assert!(!validator.is_valid(&json(bad)), "{bad}");
    }
}
