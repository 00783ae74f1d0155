//! Disks that are full, read-only or in the way, and locks that others hold.

use std::path::Path;
use std::process::Command;

use crate::support::refusal::{Refusal, refused, refused_run};
use crate::support::{ImageSpec, Project, contoso, layout};

fn example() -> Project {
    Project::fixture("contoso-cnf")
}

/// One large image for the local store.
fn large() -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"images\"]\n\n[sources.images]\nkind = \"oci-layout\"\npath = \"images\"\n\n[stores.local]\nkind = \"local\"\npath = \"store\"\n\n[[images]]\nreference = \"big:1\"\n",
    );
    let image = ImageSpec::new(1).layers(&[3_000_000]).build();
    layout::write(&project.path("images"), &[("big:1", &image)]);
    project
}

/// A file system mounted over a folder; gone when dropped.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    /// `None`, with the reason printed, where this is not allowed.
    fn new(folder: &'a Path, commands: &[&[&str]]) -> Option<Self> {
        std::fs::create_dir_all(folder).expect("a folder");
        for arguments in commands {
            let mut command = Command::new("mount");
            command.args(*arguments).arg(folder);
            match command.output() {
                Ok(output) if output.status.success() => {}
                Ok(output) => {
                    eprintln!("skipped, cannot mount: {}", String::from_utf8_lossy(&output.stderr));
                    return None;
                }
                Err(error) => {
                    eprintln!("skipped, cannot mount: {error}");
                    return None;
                }
            }
        }
        Some(Self(folder))
    }

    /// A small file system in memory.
    fn small(folder: &'a Path, size: &str) -> Option<Self> {
        let options = format!("size={size}");
        Self::new(folder, &[&["-t", "tmpfs", "-o", options.as_str(), "none"]])
    }

    /// The folder itself, read-only. `text` is its path once more.
    fn read_only(folder: &'a Path, text: &str) -> Option<Self> {
        Self::new(folder, &[&["--bind", text], &["-o", "remount,ro,bind"]])
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// The same run with files limited to so many blocks of 512 bytes, as a quota does it. The signal is ignored, as most
/// shells' children have it.
#[cfg(unix)]
fn limited(project: &Project, arguments: &[&str], blocks: u32, signal: bool) -> std::process::Output {
    let command = project.aosm(arguments).into_command();
    let trap = if signal { "" } else { "trap '' XFSZ; " };
    let mut shell = Command::new("sh");
    shell
        .arg("-c")
        .arg(format!("{trap}ulimit -f {blocks}; exec \"$0\" \"$@\""));
    shell.arg(command.get_program()).args(command.get_args()).env_clear();
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            shell.env(name, value);
        }
    }
    shell.current_dir(project.folder()).output().expect("a shell")
}

#[test]
fn a_full_disk_under_the_store_is_one_error_and_nothing_is_taken_for_whole() {
    let project = large();
    let store = project.path("store");
    let Some(mounted) = Mounted::small(&store, "1m") else {
        return;
    };
    let output = project.run(&["apply"]).expect(5);
    let refusal = Refusal::of(&project, output, 5)
        .one()
        .says("copy:local/big:1")
        .says("No space left on device")
        .says("free some space");
    assert!(!refusal.0.stdout.contains("1 done"), "{}", refusal.0);
    assert_eq!(layout::names(&store), Vec::<String>::new());
    drop(mounted);
    // With room, the next run does what is left.
    project.run(&["apply"]).ok();
    assert!(layout::read(&store, "big:1").is_some());
}

#[test]
fn a_full_disk_under_many_steps_is_told_once() {
    let project = example();
    let text = project.read("aosm.toml") + "\n[stores.local]\nkind = \"local\"\npath = \"store\"\n";
    project.write("aosm.toml", text);
    let store = project.path("store");
    let Some(_mounted) = Mounted::small(&store, "8k") else {
        return;
    };
    let output = project.run(&["apply"]).expect(5);
    let refusal = Refusal::of(&project, output, 5)
        .says("No space left on device")
        .says("free some space");
    assert!(refusal.errors().len() <= 2, "{}", refusal.0);
}

#[test]
fn a_full_disk_under_the_cache_is_told_with_what_to_do() {
    let project = example();
    let folder = project.path(".aosm");
    let Some(mounted) = Mounted::small(&folder, "32k") else {
        return;
    };
    let output = project.run(&["check"]).expect(5);
    Refusal::of(&project, output, 5)
        .one()
        .says("cannot write to the cache .aosm/cache")
        .says("AOSM_CACHE_DIR");
    drop(mounted);
    project.run(&["check"]).ok();
}

#[cfg(unix)]
#[test]
fn a_file_size_limit_is_an_error_and_no_end_by_signal() {
    for signal in [false, true] {
        let project = large();
        let output = limited(&project, &["apply"], 200, signal);
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(5), "{signal} {:?} {stderr}", output.status);
        assert!(
            stderr.contains("File too large") && stderr.contains("help: "),
            "{stderr}"
        );
        assert!(!stderr.contains("panicked"), "{stderr}");
        assert_eq!(layout::names(&project.path("store")), Vec::<String>::new());
        project.run(&["apply"]).ok();
        assert!(layout::read(&project.path("store"), "big:1").is_some());
    }
}

#[test]
fn a_read_only_project_folder_is_one_error_with_its_place() {
    let project = example();
    let folder = project.folder();
    let Some(_mounted) = Mounted::read_only(&folder, &folder.to_string_lossy()) else {
        return;
    };
    for command in ["check", "plan", "apply", "lock"] {
        refused(&project, &[command], 5)
            .one()
            .says(".aosm")
            .says("Read-only file system");
    }
    refused(&project, &["init"], 4).one();
}

#[test]
fn init_in_a_read_only_folder_says_that_it_cannot_be_written() {
    let project = example();
    project.remove("aosm.toml");
    let folder = project.folder();
    let Some(_mounted) = Mounted::read_only(&folder, &folder.to_string_lossy()) else {
        return;
    };
    refused(&project, &["init"], 5)
        .one()
        .says("cannot write aosm.toml")
        .says("init --stdout");
    project.run(&["init", "--stdout"]).ok();
}

#[test]
fn a_store_that_cannot_be_written_is_told_once_and_its_images_stay() {
    let project = example();
    project.run(&["apply"]).ok();
    project.edit("charts/contoso-cnf/values.yaml", "\n", "\n# changed\n");
    let store = project.path(".aosm/store");
    let Some(_mounted) = Mounted::read_only(&store, &store.to_string_lossy()) else {
        return;
    };
    let output = project.run(&["apply"]).expect(5);
    Refusal::of(&project, output, 5)
        .one()
        .says("push:local/contoso-cnf:1.0.0")
        .says("Read-only file system")
        .says("make the folder writable");
    for name in contoso::PATHS {
        assert!(layout::read(&store, name).is_some(), "{name}");
    }
}

#[test]
fn a_lock_file_that_cannot_be_written_stops_before_the_first_step() {
    let project = example();
    project
        .write(".aosm/state/x", "")
        .write(".aosm/cache/x", "")
        .write(".aosm/store/x", "");
    project.remove(".aosm/store");
    let folder = project.folder();
    let Some(_mounted) = Mounted::read_only(&folder, &folder.to_string_lossy()) else {
        return;
    };
    let state = project.path(".aosm");
    let Some(_inner) = Mounted::small(&state, "8m") else {
        return;
    };
    refused_run(&project, project.aosm(&["apply"]), 5, &[".aosm"])
        .one()
        .says("aosm.lock cannot be written");
    assert!(!project.path(".aosm/store").exists());
}

#[test]
fn files_in_the_way_of_folders_are_told_with_what_to_do() {
    for (file, words) in [
        (".aosm", ".aosm"),
        (".aosm/cache", ".aosm/cache"),
        (".aosm/state", ".aosm/state"),
    ] {
        for command in ["check", "plan", "apply", "images"] {
            let project = example();
            project.write(file, "in the way");
            refused(&project, &[command], 5).one().says(words);
            assert_eq!(project.read(file), "in the way");
        }
    }
}

#[test]
fn what_is_in_the_way_of_a_store_is_told_once_and_left_alone() {
    for (file, content) in [
        (".aosm/store", "in the way"),
        (".aosm/store/index.json/x", "in the way"),
    ] {
        let project = example();
        if file != ".aosm/store" {
            project.write(".aosm/store/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
        }
        project.write(file, content);
        refused(&project, &["plan"], 5)
            .one()
            .says("store local could not be read")
            .says("needed for copy:local/");
        refused_run(&project, project.aosm(&["apply"]), 5, &["aosm.lock"]).one();
        assert_eq!(project.read(file), content);
    }
    let project = example();
    project.write(".aosm/store/blobs", "in the way");
    let output = project.run(&["apply"]).expect(5);
    Refusal::of(&project, output, 5)
        .one()
        .says("6 steps failed so")
        .says("move it away");
    assert_eq!(project.read(".aosm/store/blobs"), "in the way");
    assert!(!project.path(".aosm/store/index.json").exists());
}

#[test]
fn a_cache_folder_that_cannot_be_is_told_by_its_variable() {
    let project = example();
    project.write("file", "");
    for folder in ["file", "file/below"] {
        let run = project.aosm(&["check"]).env("AOSM_CACHE_DIR", folder);
        refused_run(&project, run, 5, &[]).one().says("AOSM_CACHE_DIR");
    }
}

#[test]
fn temporary_files_that_cannot_be_written_are_told_as_such() {
    let project = example();
    project.write("file", "");
    let run = project.aosm(&["check"]).env("TMPDIR", project.path("file"));
    refused_run(&project, run, 5, &[]).says("temporary folder");
}

#[test]
fn a_lock_that_another_run_holds_is_told_with_its_process() {
    let project = example();
    project.run(&["check"]).ok();
    let lock = std::fs::File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(project.path(".aosm/state/lock"))
        .unwrap();
    lock.lock().unwrap();
    std::fs::write(project.path(".aosm/state/lock"), "4711").unwrap();
    refused(&project, &["apply"], 6)
        .one()
        .says("another apply is running in this project (process 4711)")
        .says(".aosm/state/lock");
    // Those that change no store do not wait for it.
    project.run(&["plan"]).ok();
    project.run(&["check"]).ok();
    drop(lock);
    project.run(&["apply"]).ok();
}

#[test]
fn init_never_overwrites() {
    let project = example();
    refused(&project, &["init"], 4)
        .one()
        .says("exists already")
        .says("aosm.toml");
    let project = Project::new();
    refused(&project, &["init"], 4).one();
    project.write("aosm.toml/x", "").write("cnf-input.jsonc", "{}");
    refused(&project, &["init"], 4).one().says("aosm.toml");
}
