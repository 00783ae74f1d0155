//! What can be wrong with the disk images of a project: one clear error each, the rest of the plan whole, and no signature told.

use crate::support::refusal::refused_run;
use crate::support::small::Small;
use crate::support::snapshot::holding;
use crate::support::vhd::{BAD, MIB, Vhd, write_bad};
use crate::support::*;

const BLOB: &str = "ubuntuvm-1-0-0.vhd";

/// A project with a chart for the local store and a disk image whose container's signature is in `DISKS_SAS`.
fn project(container: &str) -> Project {
    let project = Project::new();
    let small = Small::new(1);
    let head = format!(
        "[project]\nname = \"small\"\nimage-sources = [\"source.example\"]\n[sources.\"source.example\"]\nkind = \
         \"oci-layout\"\npath = \"images\"\n[stores.local]\nkind = \"local\"\n[stores.disks]\nkind = \
         \"storage-account\"\n[[vhds]]\nname = \"ubuntu-vm-vhd\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\nsas-env = \
         \"DISKS_SAS\"\ncontainer = \"{container}\"\n"
    );
    small.write(&project, &head);
    small.write_images(&project);
    Vhd::new(2 * MIB).random(0, 1000, 1).write(&project.path("disk.vhd"));
    project
}

#[test]
fn a_wrong_image_is_refused_before_a_byte_moves_and_the_rest_is_done() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let container = azurite.container("bad");
    let proxy = Faulty::before(&azurite.host());
    let url = azurite
        .url(&container, &Sas::rights("rcw"))
        .replace(&azurite.host(), &proxy.host());
    for what in BAD {
        let project = project(&container);
        let codes = write_bad(what, &project.path("disk.vhd"));
        let told = project.run(&["check"]).expect(4);
        let errors = told.stderr.matches("disk image ubuntu-vm-vhd: ").count();
        assert_eq!(errors, codes.len(), "{what}: {told}");
        let applied = project
            .aosm(&["apply", "--json"])
            .env("DISKS_SAS", &url)
            .run()
            .expect(4);
        assert_eq!(
            applied.stderr.matches("disk image ubuntu-vm-vhd: ").count(),
            codes.len(),
            "{what}: {applied}"
        );
        assert!(applied.stderr.contains("help: "), "{what}: {applied}");
        let document = applied.json();
        assert_eq!(document["summary"]["done"], 2, "{what}: {document}");
        assert_eq!(document["summary"]["failed"], 1, "{what}: {document}");
    }
    assert_eq!(proxy.traffic().0.len(), 0, "nobody was asked for a wrong image");
}

#[test]
fn all_that_is_wrong_with_all_images_is_told_in_one_run() {
    let project = Project::new();
    let mut text = String::from("[stores.disks]\nkind = \"storage-account\"\n");
    for (number, what) in ["cut-by-100", "dynamic", "not-mib"].iter().enumerate() {
        write_bad(what, &project.path(&format!("{number}.vhd")));
        text += &format!(
            "[[vhds]]\nname = \"n{number}-vhd\"\nversion = \"1-0-0\"\nfile = \"{number}.vhd\"\nsas-env = \"SAS_{number}\"\n"
        );
    }
    Vhd::new(2 * MIB).write(&project.path("good.vhd"));
    text += "[[vhds]]\nname = \"good-vhd\"\nversion = \"1-0-0\"\nfile = \"good.vhd\"\nsas-env = \"SAS_GOOD\"\n";
    project.write("aosm.toml", text);
    project
        .run(&["plan"])
        .expect(4)
        .says("disk image n0-vhd: ")
        .says("disk image n1-vhd: ")
        .says("disk image n2-vhd: ")
        .says("the variable SAS_GOOD: is not set");
}

#[test]
fn a_signature_that_will_not_do_says_which_variable_and_why_and_the_plan_says_the_rest() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let (container, other) = (azurite.container("sas"), azurite.container("other"));
    let url = |sas: &Sas| azurite.url(&container, sas);
    let cases = [
        (None, "the variable DISKS_SAS: is not set"),
        (Some(String::new()), "the variable DISKS_SAS: is empty"),
        (Some("sv=1&sig=s3cr3t".to_owned()), "is a signature alone"),
        (
            Some(format!("{}x?sig=s3cr3t", azurite.place(""))),
            "the variable DISKS_SAS",
        ),
        (Some(azurite.place(&container)), "holds no signature"),
        (Some(url(&Sas::expired())), "the signature expired at"),
        (Some(url(&Sas::default().from(3600))), "the signature is good from"),
        (Some(url(&Sas::rights("cw"))), "the right r (read) is needed"),
        (Some(url(&Sas::rights("r"))), "the right w (write) is needed"),
        (Some(azurite.url(&other, &Sas::default())), "and ubuntu-vm-vhd goes to"),
    ];
    for (value, expected) in cases {
        let project = project(&container);
        let run = |arguments: &[&str]| match &value {
            Some(value) => project.aosm(arguments).env("DISKS_SAS", value),
            None => project.aosm(arguments),
        };
        let plan = run(&["plan", "--json"]).run().expect(5).says(expected);
        assert!(plan.stderr.contains("DISKS_SAS"), "{plan}");
        assert!(plan.stderr.matches("error:").count() == 1, "{plan}");
        assert_eq!(plan.json()["summary"]["unknown"], 1, "{plan}");
        assert_eq!(plan.json()["summary"]["run"], 2, "{plan}");
        let applied = run(&["apply", "-v"]).run().expect(5).says("2 done, 1 failed");
        for told in [&plan.stdout, &plan.stderr, &applied.stdout, &applied.stderr] {
            assert!(!told.contains("s3cr3t"), "{told}");
            let value = value.as_deref().unwrap_or_default();
            if let Some((_, signature)) = value.split_once("sig=") {
                let signature = signature.split('&').next().unwrap();
                assert!(!told.contains(signature), "{told}");
            }
        }
        assert_eq!(holding(&project.folder(), "s3cr3t"), Vec::<std::path::PathBuf>::new());
        assert_eq!(holding(&project.folder(), "sig="), Vec::<std::path::PathBuf>::new());
    }
    assert!(azurite.head(&container, BLOB).is_none(), "nothing was written");
}

#[test]
fn a_read_only_signature_will_do_where_nothing_is_to_be_done() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let container = azurite.container("readonly");
    let project = project(&container);
    let run = |rights: &str, arguments: &[&str]| {
        let url = azurite.url(&container, &Sas::rights(rights));
        project.aosm(arguments).env("DISKS_SAS", url).run()
    };
    run("rcw", &["apply"]).ok();
    run("r", &["plan", "--detailed-exitcode"]).ok().says("nothing to do");
}

#[test]
fn a_container_that_is_not_there_is_told_by_its_name() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let project = project("nobody-made-this");
    let url = azurite.url("nobody-made-this", &Sas::rights("rcw"));
    project
        .aosm(&["plan"])
        .env("DISKS_SAS", url)
        .run()
        .expect(5)
        .says("nobody-made-this")
        .silent_about("sig=");
}

#[test]
fn a_signature_may_stand_in_a_file_outside_of_the_project_file() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let container = azurite.container("file");
    let project = project(&container);
    project.edit("aosm.toml", "sas-env = \"DISKS_SAS\"", "sas-file = \"../sas\"");
    project.run(&["plan"]).expect(5).says("/sas").says("sas-file");
    let path = project.path("../sas");
    std::fs::write(&path, azurite.url(&container, &Sas::rights("rcw"))).unwrap();
    let _ = project.run(&["apply"]).ok().silent_about("sig=");
    assert!(azurite.head(&container, BLOB).is_some());
    project.run(&["plan", "--detailed-exitcode"]).ok();
}

#[test]
fn the_container_that_a_signature_opens_is_used_and_said_where_the_name_gives_another() {
    if !Azurite::available() {
        return;
    }
    let azurite = Azurite::shared();
    let container = azurite.container("handed-out");
    let project = project(&container);
    project.edit("aosm.toml", &format!("container = \"{container}\"\n"), "");
    let url = azurite.url(&container, &Sas::rights("rcw"));
    project
        .aosm(&["apply"])
        .env("DISKS_SAS", url)
        .run()
        .ok()
        .says(&format!(
            "goes to the container {container}, which the variable DISKS_SAS opens"
        ))
        .says("by its name it would be ubuntuvmvhd-1-0-0");
    assert!(azurite.head(&container, BLOB).is_some());
}

#[test]
fn a_file_that_is_gone_or_unreadable_stops_nothing_else() {
    let project = project("any");
    let run = |project: &Project, arguments: &[&str]| {
        let url =
            "http://127.0.0.1:9/devstoreaccount1/any?sv=2020-12-06&sr=c&sp=rcw&se=2099-01-01T00:00:00Z&sig=c2VjcmV0";
        project.aosm(arguments).env("DISKS_SAS", url)
    };
    project.remove("disk.vhd");
    refused_run(&project, run(&project, &["plan"]), 4, &[".aosm"])
        .one()
        .says("disk image disk.vhd: there is no such file or folder");
    project.write("disk.vhd", "");
    run(&project, &["plan"]).run().expect(4).says("is empty: 0 bytes");
    let applied = run(&project, &["apply", "--json"]).run().expect(4).json();
    assert_eq!(applied["summary"]["done"], 2, "{applied}");
}

#[test]
fn one_step_for_one_blob_is_told_with_both_places() {
    let project = Project::new();
    Vhd::new(2 * MIB).write(&project.path("disk.vhd"));
    let vhd = |name: &str| {
        format!("[[vhds]]\nname = \"{name}\"\nversion = \"1-0-0\"\nfile = \"disk.vhd\"\nsas-env = \"{name}\"\n")
    };
    project.write(
        "aosm.toml",
        format!(
            "[stores.disks]\nkind = \"storage-account\"\n{}{}",
            vhd("a-b-vhd").replace("sas-env = \"a-b-vhd\"", "sas-env = \"A\""),
            vhd("ab-vhd").replace("sas-env = \"ab-vhd\"", "sas-env = \"B\"")
        ),
    );
    project
        .run(&["check"])
        .expect(4)
        .says("disk images a-b-vhd and ab-vhd: both go to the container abvhd-1-0-0 of the store disks")
        .says("aosm.toml:9:8")
        .says("the other");
}
