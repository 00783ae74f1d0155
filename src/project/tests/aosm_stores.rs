//! Stores of AOSM: what `aosm.toml` says, what the input file adds, and what is wrong with either.

use super::*;
use crate::azure::ApiVersion;
use crate::credentials::entra::Cloud;

const HEAD: &str = r#""location": "westeurope", "publisher_name": "contoso", "publisher_resource_group_name": "contoso-rg",
    "acr_artifact_store_name": "contoso-acr", "nf_name": "Contoso_NF", "version": "1.0.0""#;

const GUID: &str = "0AAAAAAA-1111-2222-3333-444444444444";

const NAMED: &str = "resource-group = \"g\"\npublisher = \"p\"\nartifact-store = \"s\"\nartifact-manifest = \"m\"\n";

fn with_input(settings: &str, head: &str) -> Folder {
    let separator = if head.is_empty() { "" } else { ", " };
    toml(settings).with("cnf-input.jsonc", format!("{{{head}{separator}{PACKAGE}}}"))
}

fn vnf_input(settings: &str, more: &str) -> Folder {
    let head = HEAD.replace("Contoso_NF", "contoso-nf");
    Folder::new()
        .with("disk.vhd", "")
        .with(
            "vm.json",
            r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#", "contentVersion": "1.0.0.0", "resources": []}"#,
        )
        .with("aosm.toml", settings)
        .with(
            "vnf-input.jsonc",
            format!(
                r#"{{{head}{more}, "arm_templates": [{{"artifact_name": "vm", "version": "1.0.0", "file_path": "vm.json"}}],
                    "vhd": {{"version": "1-0-0", "file_path": "disk.vhd"}}}}"#
            ),
        )
}

fn aosm(project: &Project, store: usize) -> &AosmStore {
    project.stores[store].kind.aosm().expect("an AOSM store")
}

fn names(store: &AosmStore) -> [&str; 4] {
    [
        &store.resource_group.value,
        &store.publisher.value,
        &store.artifact_store.value,
        &store.artifact_manifest.value,
    ]
}

#[test]
fn everything_can_be_written_in_the_store() {
    let text = format!(
        "{APP}[stores.images]\nkind = \"acr\"\nsubscription = \"{GUID}\"\n{NAMED}location = \"West Europe\"\ncloud = \
         \"us-government\"\nendpoint = \"https://arm.local\"\napi-version = \"2025-03-30\"\ntenant = \"contoso.test\"\nauth = \
         \"azure-cli\"\ncopy = \"stream\"\nseal = false\nprivate-endpoints = \
         [\"/subscriptions/0/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/e\"]\n"
    );
    let project = toml(&text).clean();
    let store = aosm(&project, 0);
    assert_eq!(names(store), ["g", "p", "s", "m"]);
    assert_eq!(store.subscription.as_ref().unwrap().value, GUID.to_lowercase());
    assert_eq!(store.location.as_ref().unwrap().value, "West Europe");
    assert_eq!(
        (store.cloud, store.api_version),
        (Cloud::UsGovernment, ApiVersion::V2025_03_30)
    );
    assert_eq!(store.endpoint.as_ref().unwrap().value, "https://arm.local/");
    assert_eq!((store.auth, store.copy), (Auth::AzureCli, CopyMode::Stream));
    assert_eq!(store.private_link.endpoints.len(), 1);
    assert!(!project.stores[0].replace && store.private_link.controllers.is_empty());
    assert_eq!(project.default_store(), Some(0));
    assert!(store.publisher.place.is_some());
}

#[test]
fn what_is_left_out_comes_from_the_input_file() {
    let project = with_input("[stores.images]\nkind = \"acr\"\n", HEAD).clean();
    let store = aosm(&project, 0);
    assert_eq!(
        names(store),
        ["contoso-rg", "contoso", "contoso-acr", "contoso-nf-acr-manifest-1-0-0"]
    );
    assert_eq!(store.subscription, None);
    assert_eq!(store.location.as_ref().unwrap().value, "westeurope");
    let place = store.artifact_manifest.place.as_ref().unwrap();
    assert_eq!(place.path(), "cnf-input.jsonc");
    // The project's version, where the input has none.
    let head = HEAD.replace(", \"version\": \"1.0.0\"", "");
    let (project, _) = with_input(
        "[project]\nversion = \"2.1.0\"\n[stores.images]\nkind = \"acr\"\n",
        &head,
    )
    .warned();
    assert_eq!(
        aosm(&project, 0).artifact_manifest.value,
        "contoso-nf-acr-manifest-2-1-0"
    );
}

#[test]
fn disk_images_go_to_the_store_that_the_input_file_names_unless_they_name_a_signature() {
    let stores = "[stores.images]\nkind = \"acr\"\n[stores.disks]\nkind = \"storage-account\"\n";
    let project = vnf_input(stores, "").clean();
    assert_eq!(
        names(aosm(&project, 1)),
        ["contoso-rg", "contoso", "contoso-nf-sa", "contoso-nf-sa-manifest-1-0-0"]
    );
    assert_eq!(project.vhds[0].sas, None);
    let project = vnf_input(stores, ", \"blob_artifact_store_name\": \"blobs\"").clean();
    assert_eq!(aosm(&project, 1).artifact_store.value, "blobs");
    let signed = format!("{stores}[[vhds]]\nname = \"contoso-nf-vhd\"\nsas-env = \"DISKS\"\n");
    let folder = vnf_input(&signed, "");
    let project = folder.clean();
    assert!(project.stores[1].kind.aosm().is_none() && project.vhds[0].sas.is_some());
    // What names an artifact store is AOSM's, and then a signature has no use.
    let folder = folder.with(
        "aosm.toml",
        format!("{stores}artifact-store = \"blobs\"\n[[vhds]]\nname = \"contoso-nf-vhd\"\nsas-env = \"DISKS\"\n"),
    );
    let project = folder.clean();
    assert!(project.stores[1].kind.aosm().is_some() && project.vhds[0].sas.is_none());
}

#[test]
fn an_environment_may_put_an_emulator_in_the_place_of_an_artifact_store_and_the_reverse() {
    let text = format!(
        "{APP}[stores.disks]\nkind = \"storage-account\"\n{NAMED}[stores.local]\nkind = \"local\"\n[environments.lab.stores.disks]\n\
         emulator = \"http://127.0.0.1:10000/devstoreaccount1\"\n[environments.prod.stores.disks]\npublisher = \"q\"\n\
         [environments.prod.stores.local]\nkind = \"acr\"\n{NAMED}"
    );
    let folder = toml(&text);
    let of = |environment: &str| {
        let options = LoadOptions {
            environment: Some(environment.to_owned()),
            ..folder.options()
        };
        load(&options).unwrap_or_else(|faults| panic!("{}", lines(&faults))).0
    };
    let lab = of("lab");
    assert!(lab.stores[0].kind.aosm().is_none());
    assert!(matches!(&lab.stores[0].kind, StoreKind::StorageAccount(account) if account.emulator.is_some()));
    let prod = of("prod");
    assert_eq!(names(aosm(&prod, 0)), ["g", "q", "s", "m"]);
    assert_eq!(names(aosm(&prod, 1)), ["g", "p", "s", "m"]);
    assert!(!prod.stores[1].replace, "the default follows the kind in force");
}

#[test]
fn a_bare_input_file_fills_the_local_store_or_the_stores_that_it_names() {
    let folder = jsonc(&format!("{{{HEAD}, {PACKAGE}}}"));
    let with = |store: Option<&str>| {
        load(&LoadOptions {
            store: store.map(str::to_owned),
            ..folder.options()
        })
    };
    assert!(matches!(with(None).unwrap().0.stores[0].kind, StoreKind::Local { .. }));
    assert!(matches!(
        with(Some("local")).unwrap().0.stores[0].kind,
        StoreKind::Local { .. }
    ));
    let (project, _) = with(Some("aosm")).unwrap();
    assert_eq!(project.stores.len(), 1);
    assert_eq!(project.stores[0].name.value, "aosm");
    assert_eq!(aosm(&project, 0).artifact_store.value, "contoso-acr");
    let error = lines(&with(Some("asom")).unwrap_err());
    assert!(
        error.contains("--store asom") && error.contains("did you mean `aosm`?"),
        "{error}"
    );
    // A disk image has a store of its own kind.
    let folder = vnf_input("", "");
    std::fs::remove_file(folder.path.join("aosm.toml")).unwrap();
    let options = LoadOptions {
        store: Some("aosm".into()),
        ..folder.options()
    };
    let (project, _) = load(&options).unwrap_or_else(|faults| panic!("{}", lines(&faults)));
    let stores: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
    assert_eq!(stores, ["aosm", "aosm-disks"]);
    assert_eq!((project.vhds[0].store, project.default_store()), (1, Some(0)));
}

#[test]
fn the_store_that_is_chosen_gets_what_names_none() {
    let folder = toml(&format!(
        "{APP}[stores.one]\nkind = \"local\"\npath = \"one\"\n[stores.two]\nkind = \"local\"\npath = \"two\"\n"
    ));
    let options = LoadOptions {
        store: Some("two".into()),
        ..folder.options()
    };
    let (project, _) = load(&options).unwrap();
    assert_eq!(project.stores[project.default_store().unwrap()].name.value, "two");
    let options = LoadOptions {
        store: Some("aosm".into()),
        ..folder.options()
    };
    let error = lines(&load(&options).unwrap_err());
    assert!(
        error.contains("--store aosm: the project has no store of this name / stores: `one`, `two`"),
        "{error}"
    );
}

#[test]
fn what_is_missing_is_told_with_both_places_where_it_may_be_written() {
    let error = toml(&format!("{APP}[stores.images]\nkind = \"acr\"\n")).error();
    assert!(
        error.contains(
            "aosm.toml:4:9 stores.images: `publisher`, `resource-group`, `artifact-store`, `artifact-manifest` are missing"
        ),
        "{error}"
    );
    assert!(
        error.contains(
            "in [stores.images], or fill in `publisher_name`, `publisher_resource_group_name`, `acr_artifact_store_name`, \
             `nf_name` and `version` in the input file of the Azure CLI extension"
        ),
        "{error}"
    );
    let head = HEAD.replace("\"publisher_name\": \"contoso\"", "\"publisher_name\": \"\"");
    let errors = with_input("[stores.images]\nkind = \"acr\"\n", &head).errors();
    assert_eq!(errors.len(), 1);
    assert!(
        line(&errors[0]).contains(
            "stores.images: `publisher` is missing / write `publisher` in [stores.images], or fill in `publisher_name` in \
             cnf-input.jsonc"
        ),
        "{}",
        line(&errors[0])
    );
    let error = toml(&format!(
        "{APP}[stores.l]\nkind = \"local\"\n[stores.disks]\nkind = \"storage-account\"\npublisher = \"p\"\n"
    ))
    .error();
    assert!(
        error.contains("`resource-group`, `artifact-store`, `artifact-manifest` are missing"),
        "{error}"
    );
    assert!(error.contains("`blob_artifact_store_name`"), "{error}");
}

#[test]
fn a_name_in_the_input_file_that_cannot_be_one_is_told_where_it_stands() {
    let head = HEAD.replace("\"contoso-acr\"", "\"contoso acr\"");
    let error = with_input("[stores.images]\nkind = \"acr\"\n", &head).error();
    assert!(
        error
            .contains("cnf-input.jsonc:2:32 acr_artifact_store_name: artifact store \"contoso acr\" is no name of one"),
        "{error}"
    );
    assert!(
        error.contains("or write `artifact-store` in [stores.images]"),
        "{error}"
    );
}

#[test]
fn one_wrong_thing_in_a_store_gives_one_error() {
    let acr = format!("{APP}[stores.a]\nkind = \"acr\"\n{NAMED}");
    let disks = format!("{APP}[stores.l]\nkind = \"local\"\n[stores.a]\nkind = \"storage-account\"\n{NAMED}");
    let cases = [
        (
            format!("{acr}subscription = \"my subscription\""),
            "aosm.toml:10:16 stores.a.subscription: subscription \"my subscription\" is no GUID / give its id",
        ),
        (
            acr.replace("publisher = \"p\"", "publisher = \"-p\""),
            "stores.a.publisher: publisher \"-p\" is no name of one",
        ),
        (
            acr.replace("resource-group = \"g\"", "resource-group = \"g.\""),
            "stores.a.resource-group: resource group \"g.\" is no name of one",
        ),
        (
            acr.replace("artifact-manifest = \"m\"", "artifact-manifest = \"m 1\""),
            "stores.a.artifact-manifest: artifact manifest \"m 1\" is no name of one",
        ),
        (
            format!("{acr}cloud = \"germany\""),
            "stores.a.cloud: `germany` is none of the possible words",
        ),
        (
            format!("{acr}api-version = \"2025-03-31\""),
            "stores.a.api-version: `2025-03-31` is none of the possible words / did you mean `2025-03-30`?",
        ),
        (
            format!("{acr}endpoint = \"http://management.azure.com\""),
            "stores.a.endpoint: the address http://management.azure.com: has no TLS",
        ),
        (
            format!("{acr}endpoint = \"arm.local\""),
            "stores.a.endpoint: the address arm.local: is no URL",
        ),
        (
            format!("{acr}auth = \"docker-config\""),
            "stores.a.auth: `docker-config` logs in to registries only",
        ),
        (
            format!("{acr}auth = \"anonymous\""),
            "stores.a.auth: `anonymous` logs in to registries only",
        ),
        (
            format!("{acr}tenant = \"not a tenant\""),
            "stores.a.tenant: is neither the id of a tenant nor a domain",
        ),
        (
            format!("{acr}copy = \"fast\""),
            "stores.a.copy: `fast` is none of the possible words",
        ),
        (
            format!("{acr}registry = \"x.io\""),
            "stores.a.registry: AOSM says which registry",
        ),
        (
            format!("{acr}path = \"x\""),
            "stores.a.path: an artifact store has no path",
        ),
        (format!("{acr}md5 = true"), "stores.a.md5: is for disk images only"),
        (
            format!("{acr}private-endpoints = [\"e\"]"),
            "stores.a.private-endpoints: e is no resource id / write it whole",
        ),
        (
            format!("{disks}copy = \"auto\""),
            "stores.a.copy: is for images, which a storage account does not hold",
        ),
        (
            format!("{disks}emulator = \"http://127.0.0.1:10000/devstoreaccount1\""),
            "stores.a.emulator: an artifact store of AOSM is no emulator",
        ),
        (
            format!("{disks}auth = \"anonymous\""),
            "stores.a.auth: `anonymous` logs in to registries only",
        ),
        (
            format!("{acr}[stores.b]\nkind = \"acr\"\n{}", NAMED.replace("\"s\"", "\"S\"")),
            "stores.b: the same place as stores.a",
        ),
        (
            format!("{disks}[stores.b]\nkind = \"storage-account\"\n{NAMED}"),
            "stores.b: the same place as stores.a",
        ),
    ];
    for (text, expected) in cases {
        let error = toml(&text).error();
        assert!(error.contains(expected), "{text}\n{error}\nis not\n{expected}");
    }
    // Another manifest of the same store is another place.
    toml(&format!(
        "{acr}[stores.b]\nkind = \"acr\"\n{}",
        NAMED.replace("\"m\"", "\"n\"")
    ))
    .clean();
}

#[test]
fn endpoints_of_the_input_file_are_let_in_only_where_it_closes_the_store() {
    let endpoint = "/subscriptions/0/resourceGroups/g/providers/Microsoft.Network/privateEndpoints/e";
    let head =
        format!("{HEAD}, \"disable_public_network_access\": true, \"vnet_private_end_points\": [\"{endpoint}\"]");
    let acr = "[stores.images]\nkind = \"acr\"\n";
    let project = with_input(acr, &head).clean();
    assert_eq!(aosm(&project, 0).private_link.endpoints[0].value, endpoint);
    let (project, warnings) = with_input(acr, &head.replace("true", "false")).warned();
    assert!(aosm(&project, 0).private_link.is_empty());
    assert!(
        warnings.len() == 1 && warnings[0].starts_with("vnet_private_end_points: has no effect"),
        "{warnings:?}"
    );
    // Nobody asks for them without such a store.
    with_input("", &head.replace("true", "false")).clean();
    let project = with_input(&format!("{acr}private-endpoints = []\n"), &head).clean();
    assert!(aosm(&project, 0).private_link.is_empty(), "what the store says counts");
}
