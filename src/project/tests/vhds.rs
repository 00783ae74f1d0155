//! `[[vhds]]`, and stores of kind `storage-account`.

use super::*;

const DISKS: &str = "[stores.disks]\nkind = \"storage-account\"\n";
const EMULATOR: &str =
    "[stores.disks]\nkind = \"storage-account\"\nemulator = \"http://127.0.0.1:10000/devstoreaccount1/\"\n";
const VHD: &str = "[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\n";

fn with(text: &str) -> Folder {
    Folder::new()
        .with("disk.vhd", "x")
        .with("other.vhd", "y")
        .with("aosm.toml", text)
}

#[test]
fn a_disk_image_goes_to_the_first_storage_account_and_an_image_never_does() {
    let project = with(&format!(
        "{DISKS}[stores.local]\nkind = \"local\"\n[stores.more]\nkind = \"storage-account\"\nverify = \"full\"\nmd5 = \
         true\nparallel = 3\n[[images]]\nreference = \"x.io/a:1\"\n{VHD}sas-env = \"DISKS_SAS\"\n"
    ))
    .clean();
    assert_eq!(project.default_store(), Some(1));
    let [vhd] = &project.vhds[..] else { panic!() };
    assert_eq!((vhd.store, vhd.expected_container().as_str()), (0, "ubuntuvmvhd-1-0-0"));
    assert_eq!(vhd.vhd_name().blob(), "ubuntuvm-1-0-0.vhd");
    assert!(matches!(&vhd.source, VhdSource::File(file) if file.value == project.root.join("disk.vhd")));
    assert!(matches!(&vhd.sas, Some(SasPlace::Variable(name)) if name.value == "DISKS_SAS"));
    let StoreKind::StorageAccount(more) = &project.stores[2].kind else {
        panic!()
    };
    assert_eq!((more.verify, more.md5, more.parallel), (DiskProof::Full, true, 3));
    assert!(!project.stores[0].replace, "a blob is not replaced unasked");
}

#[test]
fn an_environment_may_put_an_emulator_in_the_place_of_an_account() {
    let text = format!(
        "{DISKS}[environments.lab.stores.disks]\nemulator = \"http://localhost:10000/devstoreaccount1\"\n{VHD}"
    );
    let folder = with(&text);
    assert!(
        folder.error().contains("the signature of its container is missing"),
        "{}",
        folder.error()
    );
    let options = LoadOptions {
        environment: Some("lab".into()),
        ..folder.options()
    };
    let (project, _) = load(&options).unwrap_or_else(|faults| panic!("{}", lines(&faults)));
    let StoreKind::StorageAccount(account) = &project.stores[0].kind else {
        panic!()
    };
    assert_eq!(
        account.emulator.as_ref().unwrap().as_str(),
        "http://localhost:10000/devstoreaccount1"
    );
    // The signature that the account needs has no use there, and is no error.
    let folder = with(&format!("{text}sas-env = \"DISKS_SAS\"\n"));
    assert!(folder.clean().vhds[0].sas.is_some());
    let options = LoadOptions {
        environment: Some("lab".into()),
        ..folder.options()
    };
    let (project, _) = load(&options).unwrap_or_else(|faults| panic!("{}", lines(&faults)));
    assert_eq!(project.vhds[0].sas, None);
}

#[test]
fn a_project_of_one_disk_image_is_a_project() {
    let project = with(&format!("{EMULATOR}{VHD}")).clean();
    assert_eq!(project.default_store(), None);
    assert_eq!(project.vhds.len(), 1);
}

#[test]
fn a_name_that_does_not_end_as_it_should_is_a_warning() {
    let (_, warnings) = with(&format!("{EMULATOR}{}", VHD.replace("ubuntu-vm-vhd", "ubuntu-vm"))).warned();
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains("does not end in `-vhd`"), "{warnings:?}");
}

#[test]
fn one_wrong_thing_about_disk_images_gives_one_error() {
    let sas = format!("{VHD}sas-env = \"DISKS_SAS\"\n");
    let cases = [
        (
            VHD.to_owned(),
            "disk image ubuntu-vm-vhd: no store can hold it: only a storage account does / add `[stores.disks]`",
        ),
        (
            format!("[stores.local]\nkind = \"local\"\n{VHD}store = \"local\""),
            "store local: holds no disk images",
        ),
        (
            format!("{DISKS}{sas}store = \"nowhere\""),
            "store nowhere: the project has none of this name",
        ),
        (
            format!("{DISKS}{sas}[[images]]\nreference = \"x.io/a:1\"\nstore = \"disks\""),
            "store disks: a storage account holds disk images only",
        ),
        (
            format!("{DISKS}{sas}[[images]]\nreference = \"x.io/a:1\"\n[[images]]\nreference = \"x.io/b:1\""),
            "x.io/a:1 (and 1 more): no store can hold it",
        ),
        (
            format!("{DISKS}{VHD}"),
            "disk image ubuntu-vm-vhd: the signature of its container is missing / in its `[[vhds]]`",
        ),
        (
            format!("{DISKS}{sas}sas-file = \"x\""),
            "vhds: `sas-env` and `sas-file` at once",
        ),
        (
            format!("{DISKS}{sas}blob-url-env = \"X\""),
            "vhds: `file` and `blob-url-env` at once",
        ),
        (
            format!("{DISKS}{sas}blob_url_env = \"X\""),
            "vhds.blob_url_env: unknown key / did you mean `blob-url-env`?",
        ),
        (
            format!("{DISKS}{}", sas.replace("file = \"disk.vhd\"\n", "")),
            "neither `file` nor `blob-url-env`",
        ),
        (
            format!("{DISKS}{}", sas.replace("disk.vhd", "disc.vhd")),
            "disk image disc.vhd: there is no such file or folder / did you mean `disk.vhd`",
        ),
        (
            format!("{DISKS}{}", sas.replace("disk.vhd", ".")),
            "disk image .: is a folder",
        ),
        (
            format!("{DISKS}{}", sas.replace("1-0-0", "1.0.0")),
            "version `1.0.0` is not three numbers joined by hyphens / disk images have hyphens where other artifacts have dots: write `1-0-0`",
        ),
        (
            format!("{DISKS}{}", sas.replace("version = \"1-0-0\"\n", "")),
            "disk image ubuntu-vm-vhd: `version` is missing",
        ),
        (
            format!("{DISKS}{}", sas.replace("ubuntu-vm-vhd", "Ubuntu-vhd")),
            "its container would be `Ubuntuvhd-1-0-0`",
        ),
        (
            format!(
                "{DISKS}{}",
                sas.replace("ubuntu-vm-vhd", &format!("{}-vhd", "x".repeat(60)))
            ),
            "its container would be",
        ),
        (
            format!("{DISKS}{sas}container = \"No\""),
            "vhds.container: `No` is no name of a container",
        ),
        (format!("{DISKS}{sas}{sas}"), "disk image ubuntu-vm-vhd: named twice"),
        (
            format!(
                "{DISKS}{sas}{}",
                sas.replace("ubuntu-vm-vhd", "ubuntu-v-m-vhd").replace("DISKS", "MORE")
            ),
            "disk images ubuntu-vm-vhd and ubuntu-v-m-vhd: both go to the container ubuntuvmvhd-1-0-0 of the store disks",
        ),
        (
            format!("{DISKS}auth = \"anonymous\"\n{sas}"),
            "stores.disks.auth: a storage account has no login of its own",
        ),
        (
            format!("{DISKS}registry = \"x.io\"\n{sas}"),
            "stores.disks.registry: a storage account has no registry",
        ),
        (
            format!("{DISKS}publisher = \"x\"\n{sas}"),
            "stores.disks: `resource-group`, `artifact-store`, `artifact-manifest` are missing",
        ),
        (
            format!("{DISKS}verify = \"ful\"\n{sas}"),
            "stores.disks.verify: `ful` is none of the possible words / did you mean `full`?",
        ),
        (
            format!("{DISKS}parallel = 0\n{sas}"),
            "stores.disks.parallel: 0 is out of range",
        ),
        (
            format!("{DISKS}paralel = 1\n{sas}"),
            "stores.disks.paralel: unknown key / did you mean `parallel`?",
        ),
        (
            format!("[stores.local]\nkind = \"local\"\nmd5 = true\n{DISKS}{sas}"),
            "stores.local.md5: is for disk images only",
        ),
        (
            format!("{DISKS}emulator = \"http://10.0.0.1:10000/devstoreaccount1\"\n{VHD}sas-env = \"X\""),
            "stores.disks.emulator: is not on this machine",
        ),
        (
            format!("{DISKS}emulator = \"http://127.0.0.1:10000/mine\"\n{VHD}sas-env = \"X\""),
            "stores.disks.emulator: does not name the account",
        ),
        (
            format!("{EMULATOR}{VHD}{}", EMULATOR.replace("disks", "more")),
            "stores.more: the same place as stores.disks",
        ),
    ];
    for (text, expected) in cases {
        let error = with(&text).error();
        assert!(error.contains(expected), "{text}\n{error}\nis not\n{expected}");
    }
}

#[test]
fn a_signature_in_the_file_is_refused_and_never_repeated() {
    const SIGNATURE: &str = "s3cr3t%2Fsignature%3D";
    let url = format!("https://account.blob.core.windows.net/c?sp=rcw&sig={SIGNATURE}&sv=2024-11-04");
    let vhd = "[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\n";
    let cases = [
        format!("{DISKS}{VHD}sas-env = \"{url}\""),
        format!("{DISKS}{VHD}sas-file = \"{url}\""),
        format!("{DISKS}{vhd}file = \"{url}\"\nsas-env = \"X\""),
        format!("{DISKS}{vhd}blob-url-env = \"{url}\"\nsas-env = \"X\""),
        format!("{DISKS}{vhd}blob-url = \"{url}\"\nsas-env = \"X\""),
        format!("{DISKS}{VHD}sas-env = \"sv=1&sig={SIGNATURE}\""),
        format!("{DISKS}emulator = \"http://127.0.0.1:1/devstoreaccount1?sig={SIGNATURE}\"\n{VHD}sas-env = \"X\""),
        format!("{DISKS}verify = \"{url}\"\n{VHD}sas-env = \"X\""),
        format!("{DISKS}{VHD}sas-env = \"X\"\ncontainer = \"{url}\""),
        format!("{DISKS}{VHD}sas-env = \"X\"\nstore = \"{url}\""),
        format!("{DISKS}{VHD}sas-env = \"{url}\n# {url}"),
        format!("[stores.x]\nkind = \"registry\"\nregistry = \"{url}\"\n{DISKS}{VHD}sas-env = \"X\""),
    ];
    for text in cases {
        let folder = with(&text);
        let errors = folder.errors();
        for fault in &errors {
            let told = format!("{fault:?} {}", line(fault));
            assert!(!told.contains("s3cr3t"), "{text}\n{told}");
            for label in fault.labels() {
                assert!(!label.place.source().text.contains("s3cr3t"), "{text}");
            }
        }
    }
    let error = with(&format!("{DISKS}{VHD}sas-env = \"{url}\"")).error();
    assert!(
        error.contains(
            "URLs with signatures do not belong into a project file / put the URL into an environment variable"
        ),
        "{error}"
    );
}
