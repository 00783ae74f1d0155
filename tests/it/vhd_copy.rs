//! `vhd copy`: the emulator copies at once, and only within itself; what it cannot do is in `vhd_copy_pending`.

use serde_json::Value;

use crate::support::aosm::Aosm;
use crate::support::refusal::Refusal;
use crate::support::small::in_parallel;
use crate::support::vhd::{MIB, Vhd, content_digest, footer_of};
use crate::support::*;

const BLOB: &str = "disk-1-0-0.vhd";

/// A source that the Python SDK uploaded, and an empty container.
struct Scene {
    project: Project,
    from: String,
    to: String,
    vhd: Vhd,
}

impl Scene {
    fn new(name: &str, vhd: Vhd) -> Self {
        let azurite = Azurite::shared();
        let scene = Self {
            project: Project::new(),
            from: azurite.container(&format!("{name}-from")),
            to: azurite.container(&format!("{name}-to")),
            vhd,
        };
        scene.put(&scene.vhd);
        scene
    }

    fn put(&self, vhd: &Vhd) {
        vhd.write(&self.project.path("original.vhd"));
        python_sdk::upload(&self.source_url(&Sas::default()), &self.project.path("original.vhd"));
    }

    fn source_url(&self, sas: &Sas) -> String {
        Azurite::shared().url(&format!("{}/source.vhd", self.from), sas)
    }

    fn copy_from(&self, source: &str, blob: &str, arguments: &[&str]) -> Aosm {
        let mut all = vec![
            "vhd",
            "copy",
            "--from-env",
            "SOURCE",
            "--sas-env",
            "DISKS",
            "--blob",
            blob,
        ];
        all.extend_from_slice(arguments);
        let target = Azurite::shared().url(&self.to, &Sas::rights("rcwd"));
        self.project.aosm(&all).env("DISKS", target).env("SOURCE", source)
    }

    fn copy(&self, arguments: &[&str]) -> Output {
        self.copy_from(&self.source_url(&Sas::rights("r")), BLOB, arguments)
            .run()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        self.copy(&[arguments, &["--json"]].concat()).ok().json()
    }

    fn content(&self, blob: &str) -> Vec<u8> {
        Azurite::shared().content(&self.to, blob)
    }

    fn metadata(&self, name: &str) -> Option<String> {
        let headers = Azurite::shared().head(&self.to, BLOB)?;
        headers.get(&format!("x-ms-meta-{name}")).map(str::to_owned)
    }
}

fn image() -> Vhd {
    Vhd::new(20 * MIB)
        .random(0, 70_144, 1)
        .random(4 * MIB - 65_536, 131_072, 2)
        .random(13 * MIB, 2 << 20, 3)
}

#[test]
fn the_service_copies_and_the_second_run_finds_it_done() {
    let scene = Scene::new("copy", image());
    let document = scene.json(&[]);
    assert!(scene.content(BLOB) == scene.vhd.content());
    assert_eq!(document["outcome"], "copied");
    assert_eq!(document["way"], "by-service");
    assert_eq!(document["bytes-moved"], 0);
    assert_eq!(document["digest"], Value::Null, "the source does not say what it holds");
    assert!(
        document["source"].as_str().unwrap().ends_with("/source.vhd"),
        "{document}"
    );
    assert!(scene.metadata("aosm_copy").unwrap().starts_with("sha256:"));
    let again = scene.json(&[]);
    assert_eq!(again["outcome"], "present");
    // Two to look at the source, one at the target.
    assert_eq!(again["requests"], 3);
    assert_eq!(again["etag"], document["etag"]);
    scene.copy(&[]).ok().says("already there").says("digest not known");
}

#[test]
fn reading_back_tells_the_digest_and_it_is_kept() {
    let scene = Scene::new("full", image());
    let digest = content_digest(&scene.vhd.content());
    scene.json(&[]);
    let document = scene.json(&["--verify", "full"]);
    assert_eq!(document["digest"], digest.as_str());
    assert_eq!(document["outcome"], "present");
    assert_eq!(scene.metadata("aosm_digest"), Some(digest.clone()));
    let again = scene.json(&[]);
    assert_eq!((&again["requests"], &again["digest"]), (&3.into(), &digest.into()));
}

#[test]
fn a_digest_that_the_source_claims_is_believed() {
    let scene = Scene::new("claimed", Vhd::new(MIB).random(0, 4096, 1));
    let target = Azurite::shared().url(&scene.from, &Sas::default());
    let upload = [
        "vhd",
        "upload",
        "original.vhd",
        "--sas-env",
        "DISKS",
        "--blob",
        "ours.vhd",
    ];
    scene.project.aosm(&upload).env("DISKS", target).run().ok();
    let ours = Azurite::shared().url(&format!("{}/ours.vhd", scene.from), &Sas::rights("r"));
    let document = scene.copy_from(&ours, BLOB, &["--json"]).run().ok().json();
    assert_eq!(document["digest"], content_digest(&scene.vhd.content()));
    assert_eq!(
        scene.metadata("aosm_digest"),
        document["digest"].as_str().map(str::to_owned)
    );
    assert_eq!(scene.metadata("aosm_upload"), None);
}

#[test]
fn streaming_moves_only_what_is_not_zero_and_knows_the_digest() {
    let scene = Scene::new("stream", image());
    let document = scene.json(&["--stream"]);
    assert!(scene.content(BLOB) == scene.vhd.content());
    assert_eq!(document["way"], "streamed");
    assert_eq!(document["digest"], content_digest(&scene.vhd.content()));
    // In steps of 64 KiB, and the footer.
    let moved = document["bytes-moved"].as_u64().unwrap();
    assert!(moved < (2 << 20) + 6 * 65_536 + 512, "{moved} bytes");
    assert_eq!(scene.metadata("aosm_upload"), None);
    assert_eq!(scene.json(&["--stream"])["outcome"], "present");
    assert_eq!(scene.json(&[])["outcome"], "present", "whichever way it came");
}

#[test]
fn a_block_blob_or_a_file_of_a_web_server_is_streamed_and_not_copied() {
    let scene = Scene::new("block", Vhd::new(2 * MIB).random(MIB, 8192, 1));
    Azurite::shared().put_block_blob(&scene.from, "block.vhd", &scene.vhd.content());
    let block = Azurite::shared().url(&format!("{}/block.vhd", scene.from), &Sas::rights("r"));
    let refusal = Refusal::of(&scene.project, scene.copy_from(&block, BLOB, &[]).run(), 4).one();
    refusal.says("the source is a BlockBlob").says("--stream");
    assert!(Azurite::shared().head(&scene.to, BLOB).is_none());
    scene.copy_from(&block, BLOB, &["--stream"]).run().ok();
    assert!(scene.content(BLOB) == scene.vhd.content());
    assert_eq!(
        Azurite::shared().head(&scene.to, BLOB).unwrap().get("x-ms-blob-type"),
        Some("PageBlob")
    );
}

#[test]
fn a_source_that_is_no_disk_image_is_refused_before_anything_moves() {
    let good = Vhd::new(2 * MIB);
    let dynamic = good.clone().footer(footer_of(3, 512, 2 * MIB));
    let cut = good.clone().footer(vec![0; 512]);
    for (name, vhd, words) in [("dynamic", dynamic, "dynamic"), ("cut", cut, "no VHD footer")] {
        let scene = Scene::new(name, vhd);
        for arguments in [&[][..], &["--stream"]] {
            let refusal = Refusal::of(&scene.project, scene.copy(arguments), 4);
            refusal.says(words);
            assert!(Azurite::shared().head(&scene.to, BLOB).is_none());
        }
    }
}

#[test]
fn a_source_that_is_not_to_be_had_is_one_clear_error() {
    let scene = Scene::new("denied", Vhd::new(MIB));
    let azurite = Azurite::shared();
    let absent = azurite.url(&format!("{}/absent.vhd", scene.from), &Sas::rights("r"));
    let unsigned = azurite.place(&format!("{}/source.vhd", scene.from));
    let truncated = scene.source_url(&Sas::rights("r")).replace("sig=", "sig=x");
    for (source, code, words) in [
        (scene.source_url(&Sas::expired()), 4, "expired"),
        (scene.source_url(&Sas::rights("w")), 4, "r (read)"),
        (absent, 5, "404"),
        (unsigned, 5, "the variable SOURCE"),
        (truncated, 5, "403"),
        ("not a url".to_owned(), 4, "white space"),
        (String::new(), 4, "is empty"),
        (
            "http://127.0.0.1:9/c/b.vhd?sig=secret".to_owned(),
            5,
            "127.0.0.1:9/c/b.vhd",
        ),
    ] {
        let output = scene.copy_from(&source, BLOB, &[]).run();
        let refusal = Refusal::of(&scene.project, output, code).one();
        let refusal = refusal.says(words);
        drop(refusal);
        assert!(azurite.head(&scene.to, BLOB).is_none());
    }
}

#[test]
fn something_else_under_the_name_is_replaced_only_when_asked() {
    let scene = Scene::new("other", Vhd::new(2 * MIB).random(0, 4096, 1));
    scene.json(&[]);
    let changed = Vhd::new(2 * MIB).random(0, 4096, 2);
    scene.put(&changed);
    for arguments in [&[][..], &["--stream"]] {
        let refusal = Refusal::of(&scene.project, scene.copy(arguments), 4).one();
        refusal
            .says("a copy of another source, or of an earlier state of it")
            .says("--replace");
        assert!(scene.content(BLOB) == scene.vhd.content());
    }
    assert_eq!(scene.json(&["--replace"])["outcome"], "copied");
    assert!(scene.content(BLOB) == changed.content());
    scene.put(&scene.vhd);
    assert_eq!(scene.json(&["--replace", "--stream"])["way"], "streamed");
    assert!(scene.content(BLOB) == scene.vhd.content());
    // A block blob is another type altogether.
    Azurite::shared().put_block_blob(&scene.to, "block.vhd", b"x");
    let source = scene.source_url(&Sas::rights("r"));
    let refused = scene.copy_from(&source, "block.vhd", &[]).run();
    Refusal::of(&scene.project, refused, 4).one().says("it is a BlockBlob");
    scene.copy_from(&source, "block.vhd", &["--replace"]).run().ok();
    assert!(scene.content("block.vhd") == scene.vhd.content());
}

#[test]
fn a_blob_of_unknown_origin_is_compared_and_adopted_or_told_apart() {
    let scene = Scene::new("adopt", image());
    let target = Azurite::shared().url(&format!("{}/{BLOB}", scene.to), &Sas::default());
    python_sdk::upload(&target, &scene.project.path("original.vhd"));
    Refusal::of(&scene.project, scene.copy(&[]), 4)
        .one()
        .says("does not say where they come from");
    let adopted = scene.json(&["--verify", "full"]);
    assert_eq!(adopted["outcome"], "present");
    assert_eq!(adopted["digest"], content_digest(&scene.vhd.content()));
    assert_eq!(scene.json(&[])["requests"], 3);
    let other = image().random(17 * MIB, 512, 9);
    other.write(&scene.project.path("other.vhd"));
    python_sdk::upload(&target, &scene.project.path("other.vhd"));
    let refusal = Refusal::of(&scene.project, scene.copy(&["--verify", "full"]), 4).one();
    refusal.says("differs from the source within bytes 16777216 to 20971520");
    assert!(scene.content(BLOB) == other.content());
}

#[test]
fn somebody_who_wrote_since_is_noticed() {
    let scene = Scene::new("since", Vhd::new(2 * MIB).random(0, 4096, 1));
    // The emulator's own copies share their pages with the source: a write to one would be a write to both.
    scene.json(&["--stream"]);
    let page = format!("{}/{BLOB}?comp=page", scene.to);
    let headers = [("x-ms-page-write", "update"), ("x-ms-range", "bytes=512-1023")];
    assert_eq!(Azurite::shared().request("PUT", &page, &headers, &[5; 512]).status, 201);
    Refusal::of(&scene.project, scene.copy(&[]), 4)
        .one()
        .says("somebody wrote to it since it was copied");
    Refusal::of(&scene.project, scene.copy(&["--verify", "full"]), 4)
        .one()
        .says("differs from the source");
    scene.copy(&["--replace"]).ok();
    assert!(scene.content(BLOB) == scene.vhd.content());
}

#[test]
fn a_copy_that_dies_anywhere_is_brought_to_its_end_by_the_next_run() {
    for (name, arguments) in [("kill", &[][..]), ("kill-stream", &["--stream", "--parallel", "2"])] {
        let scene = Scene::new(name, image());
        let source = scene.source_url(&Sas::rights("r"));
        let file = scene.project.home().join("count");
        scene
            .copy_from(&source, "count.vhd", arguments)
            .env("AOSM_ABORT_COUNT", &file)
            .run()
            .ok();
        let count = std::fs::read_to_string(&file).unwrap().lines().count();
        assert!(count > 10, "{count} boundaries");
        let points: Vec<usize> = (1..=count).collect();
        in_parallel(&points, |point| {
            let blob = format!("killed-{point}.vhd");
            let killed = scene.copy_from(&source, &blob, arguments).abort_at(point).run();
            let again = scene
                .copy_from(&source, &blob, &[arguments, &["--json"]].concat())
                .run();
            assert_eq!(again.code(), 0, "after a kill at {point} ({}): {again}", killed.code());
            assert!(scene.content(&blob) == scene.vhd.content(), "after a kill at {point}");
            let last = scene
                .copy_from(&source, &blob, &[arguments, &["--json"]].concat())
                .run()
                .ok()
                .json();
            assert_eq!(last["outcome"], "present", "after a kill at {point}");
        });
    }
}

#[test]
fn a_stream_that_died_goes_on_where_it_was() {
    let scene = Scene::new("resume", Vhd::new(64 * MIB).scattered(16, 1 << 20, 7));
    let source = scene.source_url(&Sas::rights("r"));
    let file = scene.project.home().join("count");
    let arguments = ["--stream", "--parallel", "1"];
    scene
        .copy_from(&source, "count.vhd", &arguments)
        .env("AOSM_ABORT_COUNT", &file)
        .run()
        .ok();
    let boundaries = std::fs::read_to_string(&file).unwrap();
    let notes = boundaries.lines().filter(|line| line.contains("streams")).count();
    assert!(notes > 10, "{boundaries}");
    let late = boundaries.lines().count() * 3 / 4;
    let killed = scene.copy_from(&source, BLOB, &arguments).abort_at(late).run();
    assert_eq!(killed.code(), -1);
    let document = scene.json(&arguments);
    assert!(scene.content(BLOB) == scene.vhd.content());
    let (moved, resumed) = (&document["bytes-moved"], &document["bytes-resumed"]);
    assert!(resumed.as_u64().unwrap() > moved.as_u64().unwrap(), "{document}");
}

#[test]
fn no_signature_is_left_anywhere() {
    let scene = Scene::new("secret", Vhd::new(2 * MIB).random(0, 4096, 1));
    let good = scene.source_url(&Sas::rights("r"));
    let bad = good.replace("sig=", "sig=abc");
    let outputs = [
        scene.copy_from(&good, "a.vhd", &["-v"]).abort_at(9).run(),
        scene.copy_from(&good, "a.vhd", &["-v"]).run(),
        scene.copy_from(&good, "b.vhd", &["-v", "--stream", "--json"]).run(),
        scene.copy_from(&bad, "c.vhd", &["-v"]).run(),
    ];
    let target = Azurite::shared().url(&scene.to, &Sas::rights("rcwd"));
    let signatures: Vec<String> = [good, bad, target]
        .iter()
        .map(|url| url.split("sig=").nth(1).unwrap().split('&').next().unwrap().to_owned())
        .collect();
    for output in &outputs {
        for signature in &signatures {
            assert!(
                !output.stdout.contains(signature) && !output.stderr.contains(signature),
                "{output}"
            );
        }
    }
    for folder in [scene.project.folder(), scene.project.home()] {
        for path in snapshot::walk(&folder) {
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            for signature in &signatures {
                assert!(!text.contains(signature), "{}", path.display());
            }
        }
    }
}
