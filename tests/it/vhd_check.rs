//! `vhd check`: what is fine and what it says about it, every fault with its repair, and repairs that repair.

use std::process::Command;

use crate::documents::fits;
use crate::support::vhd::{BAD, MIB, Vhd, content_digest, footer, qemu, qemu_img, write_bad};
use crate::support::*;

/// The codes of the only file of a document.
fn codes(document: &serde_json::Value) -> Vec<String> {
    let problems = document["files"][0]["problems"].as_array().expect("problems");
    problems
        .iter()
        .map(|problem| problem["code"].as_str().expect("a code").to_owned())
        .collect()
}

#[test]
fn a_good_disk_is_told_in_one_line_and_nothing_is_read_that_need_not_be() {
    let project = Project::new();
    Vhd::new(30 << 30)
        .random(5 << 30, 100_000, 1)
        .write(&project.path("disk.vhd"));
    let output = project.run(&["vhd", "check", "disk.vhd"]).ok();
    assert!(
        output.stdout.starts_with("disk.vhd: ok: a disk of 30 GiB, at most "),
        "{output}"
    );
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let document = project.run(&["vhd", "check", "disk.vhd", "--json"]).ok().json();
    fits(&project, "vhd-check", &document);
    let file = &document["files"][0];
    assert_eq!(file["disk-size"], 30_u64 << 30);
    assert!(file["digest"].is_null() && file["data-bytes"].is_null(), "{file}");
    assert!(
        !project.path(".aosm").exists(),
        "a check is no project and leaves nothing behind"
    );
}

#[test]
fn the_digest_is_that_of_the_definition_and_holes_make_no_difference() {
    let project = Project::new();
    let disk = Vhd::new(21 * MIB)
        .scattered(9, 70_000, 3)
        .bytes(8 * MIB - 5, "over the end of a piece");
    disk.write(&project.path("sparse.vhd"));
    disk.clone().without_holes().write(&project.path("dense.vhd"));
    let run = ["vhd", "check", "--digest", "sparse.vhd", "dense.vhd"];
    let document = project.run(&[&run[..], &["--json"]].concat()).ok().json();
    fits(&project, "vhd-check", &document);
    let [sparse, dense] = [&document["files"][0], &document["files"][1]];
    assert_eq!(sparse["digest"], content_digest(&disk.content()).as_str());
    for key in ["digest", "data-bytes", "zero-bytes", "length"] {
        assert_eq!(sparse[key], dense[key], "{key}");
    }
    let of = |key: &str| sparse[key].as_u64().expect("a number");
    assert_eq!(of("data-bytes") + of("zero-bytes"), of("length"));
    assert!(of("data-bytes") < 10 * 3 * 65_536 + 512, "{sparse}");
    let output = project.run(&run).ok();
    let digest = content_digest(&disk.content());
    assert_eq!(
        output.stdout.matches(&digest["sha256:".len()..][..12]).count(),
        2,
        "{output}"
    );
}

#[test]
fn every_fault_is_told_with_its_repair_and_nothing_is_touched() {
    let project = Project::new();
    for what in BAD {
        let name = format!("{what}.vhd");
        let wanted = write_bad(what, &project.path(&name));
        let before = std::fs::read(project.path(&name)).unwrap();
        let output = project.run(&["vhd", "check", &name, "--json"]).expect(4);
        let document = output.json();
        fits(&project, "vhd-check", &document);
        assert_eq!(codes(&document), wanted, "{what}: {output}");
        assert_eq!(document["files"][0]["ok"], false);
        assert!(document["files"][0]["digest"].is_null());
        let words = project.run(&["vhd", "check", "--digest", &name]).expect(4);
        let mut refusal = refusal::Refusal::of(&project, words, 4).count(wanted.len());
        for problem in document["files"][0]["problems"].as_array().unwrap() {
            refusal = refusal.says(problem["message"].as_str().unwrap());
        }
        assert_eq!(refusal.0.stdout, "", "{what}");
        assert_eq!(std::fs::read(project.path(&name)).unwrap(), before, "{what}");
    }
}

#[test]
fn all_files_are_looked_at_whatever_is_wrong_with_one() {
    let project = Project::new();
    Vhd::new(MIB).write(&project.path("good.vhd"));
    write_bad("vhdx", &project.path("bad.vhd"));
    let run = ["vhd", "check", "bad.vhd", "absent.vhd", "good.vhd"];
    let output = project.run(&run).expect(4);
    assert_eq!(output.stdout.lines().count(), 1, "{output}");
    let refusal = refusal::Refusal::of(&project, output, 4).count(2);
    refusal
        .says("bad.vhd: a VHDX")
        .says("absent.vhd: there is no such file");
    let document = project.run(&[&run[..], &["--json"]].concat()).expect(4).json();
    fits(&project, "vhd-check", &document);
    let told: Vec<bool> = (0..3).map(|n| document["files"][n]["ok"] == true).collect();
    assert_eq!(told, [false, false, true]);
    assert!(
        document["files"][1]["error"]
            .as_str()
            .unwrap()
            .contains("there is no such file")
    );
}

#[test]
fn paths_start_where_the_command_was_called_and_commands_can_be_copied() {
    let project = Project::new();
    std::fs::create_dir(project.path("a folder")).unwrap();
    write_bad("raw", &project.path("a folder/it's raw.img"));
    for run in [
        &["vhd", "check", "a folder/it's raw.img"][..],
        &["-C", "a folder", "vhd", "check", "it's raw.img"],
    ] {
        let document = project.run(&[run, &["--json"]].concat()).expect(4).json();
        let repair = document["files"][0]["problems"][0]["repair"].as_str().unwrap();
        assert!(
            repair.contains(r"qemu-img convert -f raw 'a folder/it'\''s raw.img' -O vpc -o subformat=fixed,force_size 'a folder/it'\''s raw.vhd'"),
            "{repair}"
        );
    }
}

#[test]
fn a_repair_is_told_once() {
    let project = Project::new();
    Vhd::new(2 * MIB)
        .footer(footer(MIB + 512))
        .write(&project.path("disk.vhd"));
    let output = project.run(&["vhd", "check", "disk.vhd"]).expect(4);
    assert_eq!(output.stderr.matches("qemu-img resize").count(), 1, "{output}");
    refusal::Refusal::of(&project, output, 4)
        .count(2)
        .says("repaired by the commands above");
}

#[test]
fn what_qemu_img_makes_is_judged_as_azure_does_and_each_repair_repairs() {
    let Some(tool) = qemu_img() else { return };
    let project = Project::new();
    let folder = project.folder();
    let make = |arguments: &[&str]| qemu(&tool, &folder, arguments);
    std::fs::write(
        project.path("aligned.raw"),
        Vhd::new(96 * MIB).random(3 * MIB, 70_000, 5).content(),
    )
    .unwrap();
    let raw = std::fs::read(project.path("aligned.raw")).unwrap();
    std::fs::write(project.path("aligned.raw"), &raw[..96 << 20]).unwrap();
    std::fs::write(project.path("odd.raw"), &raw[..100_000_000 - 512 * 100]).unwrap();
    for source in ["aligned", "odd"] {
        let from = format!("{source}.raw");
        for (name, format, options) in [
            ("force", "vpc", Some("subformat=fixed,force_size")),
            ("chs", "vpc", Some("subformat=fixed")),
            ("dynamic", "vpc", Some("subformat=dynamic")),
            ("dynamic-force", "vpc", Some("subformat=dynamic,force_size")),
            ("qcow2", "qcow2", None),
            ("vmdk", "vmdk", None),
            ("vhdx", "vhdx", None),
            ("vdi", "vdi", None),
        ] {
            let to = format!("{source}-{name}.img");
            let mut arguments = vec!["convert", "-f", "raw", "-O", format];
            arguments.extend(options.iter().flat_map(|options| ["-o", options]));
            arguments.extend([from.as_str(), to.as_str()]);
            make(&arguments);
            let output = project.run(&["vhd", "check", &to, "--json"]);
            let is_good = (source, name) == ("aligned", "force");
            assert_eq!(output.code(), if is_good { 0 } else { 4 }, "{to}: {output}");
            if is_good {
                continue;
            }
            let document = output.json();
            let repair = document["files"][0]["problems"][0]["repair"]
                .as_str()
                .unwrap()
                .to_owned();
            tools::run(Command::new("sh").args(["-ec", &repair]).current_dir(&folder));
            let repaired = to.replace(".img", ".vhd");
            project.run(&["vhd", "check", &repaired]).ok();
            // Nothing of the disk is lost.
            let (from, to) = (
                std::fs::read(project.path(&from)).unwrap(),
                std::fs::read(project.path(&repaired)).unwrap(),
            );
            assert!(to.starts_with(&from), "{repaired} does not begin with the disk");
            assert!(
                to[from.len()..to.len() - 512].iter().all(|byte| *byte == 0),
                "{repaired} ends in something else"
            );
            project.remove(&repaired);
        }
    }
    // A raw image as such.
    let document = project.run(&["vhd", "check", "odd.raw", "--json"]).expect(4).json();
    let problems = document["files"][0]["problems"].as_array().unwrap();
    let repair = problems.last().unwrap()["repair"].as_str().unwrap();
    let lines: Vec<&str> = repair.lines().filter(|line| line.starts_with("qemu-img ")).collect();
    tools::run(Command::new("sh").args(["-ec", &lines.join("\n")]).current_dir(&folder));
    project.run(&["vhd", "check", "odd.vhd"]).ok();
}
