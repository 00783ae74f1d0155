//! What is handed over as a disk image and is none: one clear error each, and nothing waits or is touched.

use crate::support::refusal::{Refusal, refused};
use crate::support::vhd::{MIB, Vhd, footer};
use crate::support::*;

#[test]
fn what_is_no_file_is_one_error() {
    let project = Project::new();
    project.write("empty.vhd", "").write("folder/x", "x");
    for (path, words) in [
        ("absent.vhd", "absent.vhd: there is no such file"),
        ("empty.vhd/disk.vhd", "empty.vhd/disk.vhd: there is no such file"),
        ("folder", "folder: is a folder"),
        ("empty.vhd", "empty.vhd: is empty: 0 bytes"),
    ] {
        refused(&project, &["vhd", "check", path], 4).one().says(words);
        refused(&project, &["vhd", "check", "--digest", path], 4)
            .one()
            .says(words);
    }
    project.run(&["vhd", "check"]).expect(64);
}

#[cfg(unix)]
#[test]
fn pipes_and_devices_are_not_opened() {
    let project = Project::new();
    let pipe = project.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.is_ok_and(|status| status.success()), "a pipe");
    std::os::unix::fs::symlink(&pipe, project.path("link")).unwrap();
    for path in ["pipe", "link", "/dev/zero"] {
        refused(&project, &["vhd", "check", path], 4)
            .one()
            .says("is no regular file but a pipe, a socket or a device");
    }
}

#[cfg(unix)]
#[test]
fn an_unreadable_file_is_one_error() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = Project::new();
    Vhd::new(MIB).write(&project.path("disk.vhd"));
    std::fs::set_permissions(project.path("disk.vhd"), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(project.path("disk.vhd")).is_ok() {
        eprintln!("skipped: this user may read everything");
        return;
    }
    refused(&project, &["vhd", "check", "disk.vhd"], 5)
        .one()
        .says("disk.vhd: cannot be read")
        .says("right to read");
}

#[test]
fn a_disk_over_the_services_limit_is_one_error() {
    let project = Project::new();
    let path = project.path("disk.vhd");
    let size = 8_u64 << 40;
    let file = std::fs::File::create(&path).unwrap();
    if file.set_len(size + 512).is_err() {
        eprintln!("skipped: this file system has no files of 8 TiB");
        return;
    }
    #[cfg(unix)]
    std::os::unix::fs::FileExt::write_all_at(&file, &footer(size), size).unwrap();
    refused(&project, &["vhd", "check", "disk.vhd"], 4)
        .one()
        .says("a page blob has at most 8796093022208, 8 TiB");
}

#[test]
fn names_with_control_characters_are_not_sent_to_the_terminal() {
    let project = Project::new();
    let output = project.run(&["vhd", "check", "a\u{1b}[31mb"]);
    let refusal = Refusal::of(&project, output, 4).one();
    assert!(!refusal.0.stderr.contains('\u{1b}'), "{}", refusal.0);
}
