//! `vhd download`: what another tool or we put into the emulator comes back byte for byte, sparse, or not at all.

use std::os::unix::fs::MetadataExt as _;

use serde_json::Value;

use crate::support::aosm::Aosm;
use crate::support::refusal::Refusal;
use crate::support::small::in_parallel;
use crate::support::vhd::{MIB, Vhd, content_digest};
use crate::support::*;

const BLOB: &str = "disk-1-0-0.vhd";

/// A container of one's own, a project, and a disk image in it that the Python SDK uploaded.
struct Scene {
    project: Project,
    container: String,
    vhd: Vhd,
}

impl Scene {
    fn new(name: &str, vhd: Vhd) -> Self {
        let scene = Self::empty(name, vhd);
        scene.vhd.write(&scene.project.path("original.vhd"));
        python_sdk::upload(&scene.blob_url(), &scene.project.path("original.vhd"));
        scene
    }

    fn empty(name: &str, vhd: Vhd) -> Self {
        Self {
            project: Project::new(),
            container: Azurite::shared().container(name),
            vhd,
        }
    }

    fn blob_url(&self) -> String {
        Azurite::shared().url(&format!("{}/{BLOB}", self.container), &Sas::default())
    }

    fn with(&self, arguments: &[&str], sas: &Sas) -> Aosm {
        let mut all = vec!["vhd", "download", "--sas-env", "DISKS", "--blob", BLOB];
        all.extend_from_slice(arguments);
        let url = Azurite::shared().url(&self.container, sas);
        self.project.aosm(&all).env("DISKS", url)
    }

    fn download(&self, arguments: &[&str]) -> Output {
        self.with(arguments, &Sas::rights("r")).run()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.download(&[arguments, &["--json"]].concat()).ok().json()
    }

    fn read(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.project.path(name)).unwrap()
    }

    fn set_metadata(&self, pairs: &[(&str, &str)]) {
        let resource = format!("{}/{BLOB}?comp=metadata", self.container);
        let answer = Azurite::shared().request("PUT", &resource, pairs, b"");
        assert_eq!(answer.status, 200);
    }

    /// Files that are neither the image nor its original.
    fn leftovers(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.project.folder())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .filter(|name| !name.ends_with(".vhd") || name.starts_with('.'))
            .collect();
        names.sort();
        names
    }
}

/// Some 3 MiB of data in 21 MiB: runs over the ends of pieces, an empty piece, a lonely page.
fn image() -> Vhd {
    Vhd::new(20 * MIB)
        .random(0, 70_144, 1)
        .random(4 * MIB - 65_536, 131_072, 2)
        .random(13 * MIB, 2 << 20, 3)
        .bytes(17 * MIB + 512, vec![7; 512])
}

#[test]
fn what_the_python_sdk_uploaded_comes_back_byte_for_byte_and_sparse() {
    let scene = Scene::new("python", image());
    let document = scene.json(&["-o", "back.vhd"]);
    let content = scene.vhd.content();
    assert!(scene.read("back.vhd") == content, "the file differs");
    assert_eq!(document["format"], "aosm-vhd/1");
    assert_eq!(document["outcome"], "downloaded");
    assert_eq!(document["file"], "back.vhd");
    assert_eq!(document["length"], 20 * MIB + 512);
    assert_eq!(document["digest"], content_digest(&content));
    // The SDK sends whole chunks; what is zero in them is not written again.
    let blocks = std::fs::metadata(scene.project.path("back.vhd")).unwrap().blocks() * 512;
    assert!(blocks < 4 * MIB, "{blocks} bytes on the disk");
    assert_eq!(scene.leftovers(), [""; 0]);
}

#[test]
fn the_file_is_called_after_the_blob_or_put_into_a_folder() {
    let scene = Scene::new("names", Vhd::new(MIB).random(0, 512, 1));
    scene
        .download(&[])
        .ok()
        .says(&format!("downloaded {BLOB}"))
        .says("computed");
    std::fs::create_dir(scene.project.path("images")).unwrap();
    scene.download(&["-o", "images"]).ok();
    assert!(scene.read(BLOB) == scene.vhd.content());
    assert!(scene.read(&format!("images/{BLOB}")) == scene.vhd.content());
}

#[test]
fn only_data_is_fetched() {
    let scene = Scene::empty("data", Vhd::new(64 * MIB).random(40 * MIB, 65_536, 5));
    scene.vhd.write(&scene.project.path("original.vhd"));
    let url = Azurite::shared().url(&scene.container, &Sas::default());
    let upload = [
        "vhd",
        "upload",
        "original.vhd",
        "--sas-env",
        "DISKS",
        "--blob",
        BLOB,
        "--md5",
    ];
    scene.project.aosm(&upload).env("DISKS", url).run().ok();
    let document = scene.json(&["-o", "back.vhd", "--md5"]);
    assert_eq!(document["bytes-moved"], 65_536 + 512);
    // HEAD, pages, two ranges.
    assert_eq!(document["requests"], 4);
    assert!(scene.read("back.vhd") == scene.vhd.content());
    let again = scene.download(&["-o", "again.vhd", "--md5"]).ok();
    again.says("as the blob says").says("md5");
}

#[test]
fn a_file_that_is_there_is_replaced_only_by_force() {
    let scene = Scene::new("force", Vhd::new(MIB).random(0, 4096, 1));
    scene.project.write("back.vhd", "mine");
    let refusal = Refusal::of(&scene.project, scene.download(&["-o", "back.vhd"]), 4).one();
    refusal.says("back.vhd is there already").says("--force");
    assert_eq!(scene.read("back.vhd"), b"mine");
    scene.download(&["-o", "back.vhd", "--force"]).ok();
    assert!(scene.read("back.vhd") == scene.vhd.content());
}

#[test]
fn what_is_no_whole_disk_image_is_one_error() {
    let scene = Scene::new("none", Vhd::new(MIB).random(0, 4096, 1));
    let azurite = Azurite::shared();
    let download = |blob: &str| {
        let url = azurite.url(&scene.container, &Sas::default());
        let arguments = ["vhd", "download", "--sas-env", "DISKS", "--blob", blob, "-o", "x.vhd"];
        scene.project.aosm(&arguments).env("DISKS", url).run()
    };
    Refusal::of(&scene.project, download("absent.vhd"), 4)
        .one()
        .says("there is no such blob");
    azurite.put_block_blob(&scene.container, "block.vhd", b"x");
    Refusal::of(&scene.project, download("block.vhd"), 4)
        .one()
        .says("it is a BlockBlob");
    scene.set_metadata(&[("x-ms-meta-aosm_upload", "sha256:00/1")]);
    Refusal::of(&scene.project, download(BLOB), 1)
        .one()
        .says("an upload to it has not ended");
    Refusal::of(&scene.project, scene.with(&["-o", "x.vhd"], &Sas::rights("w")).run(), 5)
        .one()
        .says("r (read)");
    Refusal::of(&scene.project, scene.with(&["-o", "x.vhd"], &Sas::expired()).run(), 5)
        .one()
        .says("expired");
    assert!(!scene.project.path("x.vhd").exists());
    assert_eq!(scene.leftovers(), [""; 0]);
}

#[test]
fn content_that_is_not_what_the_blob_says_never_gets_the_files_name() {
    let scene = Scene::new("claims", Vhd::new(MIB).random(0, 4096, 1));
    let wrong = format!("sha256:{}", "0".repeat(64));
    scene.set_metadata(&[("x-ms-meta-aosm_digest", &wrong)]);
    let refusal = Refusal::of(&scene.project, scene.download(&["-o", "back.vhd"]), 1).one();
    refusal.says("its metadata says 000000000000");
    assert!(!scene.project.path("back.vhd").exists());
    assert_eq!(scene.leftovers(), [""; 0]);
    let right = content_digest(&scene.vhd.content());
    scene.set_metadata(&[("x-ms-meta-aosm_digest", &right)]);
    scene.download(&["-o", "back.vhd"]).ok().says("as the blob says");
    let md5 = [("x-ms-blob-content-md5", "AAAAAAAAAAAAAAAAAAAAAA==")];
    let resource = format!("{}/{BLOB}?comp=properties", scene.container);
    assert_eq!(Azurite::shared().request("PUT", &resource, &md5, b"").status, 200);
    Refusal::of(&scene.project, scene.download(&["-o", "md5.vhd", "--md5"]), 1)
        .one()
        .says("MD5");
    assert!(!scene.project.path("md5.vhd").exists());
}

/// Bytes that a run fetched, by its own account.
fn moved(document: &Value) -> u64 {
    document["bytes-moved"].as_u64().unwrap()
}

#[test]
fn a_run_that_dies_anywhere_is_gone_on_with_and_nothing_half_written_has_the_files_name() {
    let scene = Scene::new("kills", image());
    let whole = moved(&scene.json(&["-o", "whole.vhd"]));
    let count = {
        let file = scene.project.home().join("count");
        scene
            .with(&["-o", "count.vhd"], &Sas::rights("r"))
            .env("AOSM_ABORT_COUNT", &file)
            .run()
            .ok();
        std::fs::read_to_string(file).unwrap().lines().count()
    };
    assert!(count > 15, "{count} boundaries");
    let content = scene.vhd.content();
    let points: Vec<usize> = (1..=count).collect();
    in_parallel(&points, |point| {
        let name = format!("killed-{point}.vhd");
        let arguments = ["-o", name.as_str(), "--parallel", "2"];
        let died = scene.with(&arguments, &Sas::rights("r")).abort_at(point).run().code() == -1;
        let there = scene.project.path(&name).exists();
        if there {
            assert!(scene.read(&name) == content, "after a kill at {point}");
            // It may die right after the rename.
            std::fs::remove_file(scene.project.path(&name)).unwrap();
        }
        let document = scene.json(&arguments);
        assert!(scene.read(&name) == content, "after a kill at {point} and another run");
        let resumed = document["bytes-resumed"].as_u64().unwrap();
        assert_eq!(moved(&document) + resumed, whole, "after a kill at {point}");
        assert!(died || there, "the run at {point} neither died nor ended");
    });
}

#[test]
fn pieces_of_a_killed_run_are_fetched_again_where_they_are_not_what_they_were() {
    let scene = Scene::new("damage", image());
    let whole = moved(&scene.json(&["-o", "whole.vhd"]));
    let kill = |name: &str| {
        let run = scene.with(&["-o", name, "--parallel", "1"], &Sas::rights("r"));
        // Right before the file gets its name: all of it is noted by then.
        let end = format!("rename into place {}", scene.project.path(name).display());
        assert_eq!(run.env("AOSM_ABORT_AT", end).run().code(), -1);
        let prefix = format!(".{name}.tmp-");
        std::fs::read_dir(scene.project.folder())
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .find(|path| path.file_name().unwrap().to_string_lossy().starts_with(&prefix))
            .unwrap()
    };
    kill("kept.vhd");
    let document = scene.json(&["-o", "kept.vhd"]);
    assert!(moved(&document) < whole, "{document}");
    let part = kill("damaged.vhd");
    let mut bytes = std::fs::read(&part).unwrap();
    bytes[100] ^= 1;
    std::fs::write(&part, bytes).unwrap();
    let document = scene.json(&["-o", "damaged.vhd"]);
    assert!(moved(&document) > 0, "{document}");
    assert!(scene.read("damaged.vhd") == scene.vhd.content());
    let part = kill("short.vhd");
    std::fs::File::options()
        .write(true)
        .open(&part)
        .unwrap()
        .set_len(1000)
        .unwrap();
    assert_eq!(moved(&scene.json(&["-o", "short.vhd"])), whole);
    assert!(scene.read("short.vhd") == scene.vhd.content());
    // Another state of the blob: nothing of the old one counts.
    let part = kill("other.vhd");
    let other = Vhd::new(20 * MIB).random(MIB, 4096, 99);
    other.write(&scene.project.path("other-original.vhd"));
    python_sdk::upload(&scene.blob_url(), &scene.project.path("other-original.vhd"));
    scene.json(&["-o", "other.vhd"]);
    assert!(scene.read("other.vhd") == other.content());
    assert!(!part.exists(), "what is of no use any more is removed");
}

#[test]
fn no_signature_is_left_anywhere() {
    let scene = Scene::new("secret", Vhd::new(MIB).random(0, 4096, 1));
    let url = Azurite::shared().url(&scene.container, &Sas::rights("r"));
    let signature = url.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned();
    let outputs = [
        scene.download(&["-o", "a.vhd", "-v"]),
        scene.download(&["-o", "a.vhd", "-v"]),
        scene.with(&["-o", "b.vhd"], &Sas::rights("r")).abort_at(12).run(),
    ];
    for output in &outputs {
        assert!(
            !output.stdout.contains(&signature) && !output.stderr.contains(&signature),
            "{output}"
        );
    }
    for folder in [scene.project.folder(), scene.project.home()] {
        for path in snapshot::walk(&folder) {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes
                .windows(signature.len())
                .any(|window| window == signature.as_bytes());
            assert!(!found, "{}", path.display());
        }
    }
}
