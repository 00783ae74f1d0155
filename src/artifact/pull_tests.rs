#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;

use bytes::Bytes;
use camino::Utf8Path;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::super::test_tars::Tar;
use super::*;
use crate::artifact::{FileSpec, PackSpec, pack};
use crate::digest::ReadFiles;
use crate::event::Silent;
use crate::oci::MemoryContent;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST, ORAS_ARTIFACT};

struct Scene {
    _guard: tempfile::TempDir,
    root: Utf8PathBuf,
    content: MemoryContent,
    layers: Vec<Descriptor>,
}

impl Scene {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        Self {
            _guard: guard,
            root,
            content: MemoryContent::new("memory"),
            layers: Vec::new(),
        }
    }

    fn layer(mut self, title: Option<&str>, bytes: impl Into<Bytes>) -> Self {
        let mut layer = self.content.insert("text/plain", bytes);
        if let Some(title) = title {
            layer.annotations.insert(TITLE.to_owned(), title.to_owned());
        }
        self.layers.push(layer);
        self
    }

    fn tree(self, title: &str, tar: Tar) -> Self {
        let mut scene = self.layer(Some(title), tar.gzip());
        let layer = scene.layers.last_mut().unwrap();
        layer.annotations.insert(UNPACK.to_owned(), "true".to_owned());
        layer.media_type = "tree/gzip".to_owned();
        scene
    }

    fn root(&mut self) -> Descriptor {
        let config = self.content.insert("c/c", "{}");
        let manifest = json!({"schemaVersion": 2, "config": config, "layers": self.layers});
        self.content
            .insert(OCI_MANIFEST, serde_json::to_vec(&manifest).unwrap())
    }

    async fn pull_with(&self, root: &Descriptor, options: &PullOptions) -> Result<PullOutcome, Vec<String>> {
        let content: Arc<dyn Content> = Arc::new(self.content.clone());
        let job = Job::new("test", Arc::new(Silent), CancellationToken::new());
        pull(&content, root, options, &job).await.map_err(|faults| {
            assert!(faults.iter().all(|fault| fault.hint_text().is_some()), "{faults:?}");
            faults.iter().map(ToString::to_string).collect()
        })
    }

    async fn pull(&mut self) -> Result<PullOutcome, Vec<String>> {
        let root = self.root();
        let options = self.options();
        self.pull_with(&root, &options).await
    }

    fn options(&self) -> PullOptions {
        PullOptions::into_folder(self.root.join("out"))
    }

    /// All files below the output folder, with what they hold; links with `->`.
    fn files(&self) -> Vec<String> {
        fn walk(folder: &Utf8Path, below: &str, found: &mut Vec<String>) {
            for entry in folder.read_dir_utf8().unwrap() {
                let path = entry.unwrap().into_path();
                let name = format!("{below}{}", path.file_name().unwrap());
                let kind = fs::symlink_metadata(&path).unwrap();
                if kind.is_symlink() {
                    found.push(format!("{name} -> {}", fs::read_link(&path).unwrap().display()));
                } else if kind.is_dir() {
                    walk(&path, &format!("{name}/"), found);
                } else {
                    found.push(format!("{name}={}", fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        if self.root.join("out").exists() {
            walk(&self.root.join("out"), "", &mut found);
        }
        found.sort();
        found
    }
}

#[tokio::test]
async fn what_was_packed_is_pulled_back() {
    let scene = Scene::new();
    let source = scene.root.join("source");
    fs::create_dir_all(source.join("tree/sub/empty")).unwrap();
    fs::write(source.join("tree/sub/a"), "a").unwrap();
    fs::write(source.join("file.txt"), "text").unwrap();
    let spec = PackSpec {
        files: vec![FileSpec::new("file.txt"), FileSpec::new("tree")],
        ..PackSpec::default()
    };
    let packed = pack(&spec, &source, &ReadFiles).unwrap();
    let job = Job::new("test", Arc::new(Silent), CancellationToken::new());
    let outcome = pull(&packed.content, &packed.manifest, &scene.options(), &job)
        .await
        .unwrap();
    assert_eq!(scene.files(), ["file.txt=text", "tree/sub/a=a"]);
    assert!(scene.root.join("out/tree/sub/empty").is_dir());
    let outcomes: Vec<Pulled> = outcome.layers.iter().map(|layer| layer.outcome).collect();
    assert_eq!(outcomes, [Pulled::Written, Pulled::Unpacked]);
    assert_eq!(
        job.filled().bytes_moved,
        packed.layers.iter().map(|layer| layer.size).sum::<u64>()
    );

    let again = pull(&packed.content, &packed.manifest, &scene.options(), &job)
        .await
        .unwrap();
    let outcomes: Vec<Pulled> = again.layers.iter().map(|layer| layer.outcome).collect();
    assert_eq!(
        outcomes,
        [Pulled::Present, Pulled::Unpacked],
        "what is there already is no conflict"
    );
}

#[tokio::test]
async fn layers_without_title_are_skipped_unless_asked_for() {
    let mut scene = Scene::new()
        .layer(None, "one")
        .layer(Some(""), "two")
        .layer(Some("c"), "three");
    let outcome = scene.pull().await.unwrap();
    assert_eq!(scene.files(), ["c=three"]);
    assert_eq!(outcome.skipped.len(), 2);
    assert!(outcome.skipped.iter().all(|(_, why)| *why == Skipped::Untitled));
    let root = scene.root();
    let options = PullOptions {
        unnamed: true,
        ..scene.options()
    };
    scene.pull_with(&root, &options).await.unwrap();
    let named = format!("sha256-{}=one", Digest::of(b"one").hex());
    assert!(scene.files().contains(&named), "{:?}", scene.files());
}

#[tokio::test]
async fn layers_are_chosen_by_media_type() {
    let mut scene = Scene::new()
        .layer(Some("a"), "a")
        .tree("t", Tar::default().file("t/x", "x"));
    let root = scene.root();
    let options = PullOptions {
        media_types: vec!["text/plain".into()],
        ..scene.options()
    };
    let outcome = scene.pull_with(&root, &options).await.unwrap();
    assert_eq!(scene.files(), ["a=a"]);
    assert_eq!(outcome.skipped[0].1, Skipped::OtherType);
}

#[tokio::test]
async fn nothing_is_overwritten_unasked_and_all_conflicts_are_told_before_anything_is_written() {
    let mut scene = Scene::new()
        .layer(Some("same"), "same")
        .layer(Some("one"), "new")
        .layer(Some("sub/two"), "new")
        .layer(Some("three"), "new");
    let out = scene.root.join("out");
    fs::create_dir_all(out.join("sub")).unwrap();
    for name in ["same", "one", "sub/two"] {
        fs::write(out.join(name), if name == "same" { "same" } else { "old" }).unwrap();
    }
    let told = scene.pull().await.unwrap_err();
    assert_eq!(
        told,
        [format!("there already, with other content, in {out}: one, sub/two")]
    );
    assert_eq!(scene.files(), ["one=old", "same=same", "sub/two=old"]);

    let root = scene.root();
    let options = PullOptions {
        overwrite: true,
        ..scene.options()
    };
    let outcome = scene.pull_with(&root, &options).await.unwrap();
    assert_eq!(scene.files(), ["one=new", "same=same", "sub/two=new", "three=new"]);
    assert_eq!(outcome.layers[0].outcome, Pulled::Present);
}

#[tokio::test]
async fn folders_are_merged_file_by_file_where_one_is_there() {
    let mut scene = Scene::new().tree(
        "t",
        Tar::default()
            .file("t/a", "new")
            .file("t/b/c", "new")
            .file("t/d", "same"),
    );
    let out = scene.root.join("out");
    fs::create_dir_all(out.join("t")).unwrap();
    for (name, text) in [("t/a", "old"), ("t/d", "same"), ("t/mine", "mine")] {
        fs::write(out.join(name), text).unwrap();
    }
    let told = scene.pull().await.unwrap_err();
    assert_eq!(told, [format!("there already, with other content, in {out}: t/a")]);
    assert_eq!(scene.files(), ["t/a=old", "t/d=same", "t/mine=mine"]);
    let root = scene.root();
    let options = PullOptions {
        overwrite: true,
        ..scene.options()
    };
    scene.pull_with(&root, &options).await.unwrap();
    assert_eq!(scene.files(), ["t/a=new", "t/b/c=new", "t/d=same", "t/mine=mine"]);
}

#[tokio::test]
async fn a_file_is_never_taken_for_a_folder_nor_the_other_way_round() {
    let mut scene = Scene::new()
        .layer(Some("a"), "a")
        .tree("t", Tar::default().file("t/x", "x"));
    let out = scene.root.join("out");
    fs::create_dir_all(out.join("a")).unwrap();
    fs::write(out.join("t"), "file").unwrap();
    let root = scene.root();
    let options = PullOptions {
        overwrite: true,
        ..scene.options()
    };
    let told = scene.pull_with(&root, &options).await.unwrap_err();
    assert_eq!(
        told,
        [format!(
            "a file where a folder belongs, or a folder where a file belongs, in {out}: a, t"
        )]
    );
    assert_eq!(scene.files(), ["t=file"]);
}

#[tokio::test]
async fn a_folder_titled_by_a_dot_goes_into_the_output_folder() {
    let mut scene = Scene::new().tree(".", Tar::default().file("a", "a").file("b/c", "c"));
    scene.pull().await.unwrap();
    assert_eq!(scene.files(), ["a=a", "b/c=c"]);
    let mut file = Scene::new().layer(Some("."), "a");
    assert!(file.pull().await.unwrap_err()[0].ends_with("it names the folder itself"));
}

#[tokio::test]
async fn refused_titles_are_told_all_at_once_and_nothing_is_written() {
    let mut scene = Scene::new()
        .layer(Some("good"), "1")
        .layer(Some("../climbs"), "2")
        .layer(Some("/etc/absolute"), "3")
        .layer(Some("GOOD"), "4")
        .layer(Some("good/below"), "5")
        .tree("good", Tar::default());
    let told = scene.pull().await.unwrap_err();
    let endings = [
        "the path climbs out with `..`",
        "the path is absolute",
        "another layer has the name \"good\"",
        "another layer has the name \"good\"",
        "another layer has the name \"good\"",
    ];
    assert_eq!(told.len(), endings.len(), "{told:?}");
    for (text, ending) in told.iter().zip(endings) {
        assert!(text.ends_with(ending), "{text}");
    }
    assert!(!scene.root.join("out").exists());
}

#[tokio::test]
async fn two_layers_of_one_content_become_two_files() {
    let mut scene = Scene::new()
        .layer(Some("a"), "x")
        .layer(Some("b"), "x")
        .layer(Some("e"), "");
    scene.pull().await.unwrap();
    assert_eq!(scene.files(), ["a=x", "b=x", "e="]);
}

#[tokio::test]
async fn corrupt_content_never_gets_its_name() {
    let mut scene = Scene::new().layer(Some("a"), "good").layer(Some("b"), "good too");
    scene.layers[1].digest = Digest::of(b"what was meant");
    let mut lying = MemoryContent::new("lying");
    for layer in &scene.layers {
        // Files what is not the content under the digest.
        drop(lying.insert(&layer.media_type, "x"));
    }
    let root = scene.root();
    let told = scene.pull_with(&root, &scene.options()).await.unwrap_err();
    assert!(told[0].contains("read blob"), "{told:?}");
    assert!(
        scene.files().is_empty(),
        "no file, and no temporary folder: {:?}",
        scene.files()
    );
}

#[tokio::test]
async fn ghsa_f36w_mj3v_6jqv_a_layer_that_claims_to_be_huge_is_read_as_it_comes() {
    let mut scene = Scene::new().layer(Some("a"), "small");
    scene.layers[0].size = 1 << 62;
    tokio::time::pause();
    let told = scene.pull().await.unwrap_err();
    assert!(
        told[0].contains("ended after 5 of 4611686018427387904 bytes"),
        "{told:?}"
    );
    assert!(scene.files().is_empty());
}

#[cfg(unix)]
#[tokio::test]
async fn ghsa_8xwf_rjm4_xvhv_a_title_below_a_link_in_the_output_folder() {
    let mut scene = Scene::new()
        .layer(Some("link/evil"), "evil")
        .layer(Some("fine"), "fine");
    let (out, outside) = (scene.root.join("out"), scene.root.join("outside"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink("../outside", out.join("link")).unwrap();
    for overwrite in [false, true] {
        let root = scene.root();
        let options = PullOptions {
            overwrite,
            ..scene.options()
        };
        let told = scene.pull_with(&root, &options).await.unwrap_err();
        assert_eq!(told, [format!("links where folders belong in {out}: link")]);
    }
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
    assert_eq!(scene.files(), ["link -> ../outside"]);
}

#[cfg(unix)]
#[tokio::test]
async fn ghsa_2hhj_vj64_hx3j_a_title_that_is_a_link_in_the_output_folder() {
    let mut scene = Scene::new().layer(Some("link"), "evil");
    let out = scene.root.join("out");
    fs::create_dir_all(&out).unwrap();
    fs::write(scene.root.join("secret"), "secret").unwrap();
    std::os::unix::fs::symlink("../secret", out.join("link")).unwrap();
    assert!(scene.pull().await.unwrap_err()[0].contains("there already"));
    let root = scene.root();
    let options = PullOptions {
        overwrite: true,
        ..scene.options()
    };
    scene.pull_with(&root, &options).await.unwrap();
    assert_eq!(scene.files(), ["link=evil"], "the link was replaced, not followed");
    assert_eq!(fs::read_to_string(scene.root.join("secret")).unwrap(), "secret");
}

#[cfg(unix)]
#[tokio::test]
async fn ghsa_2hhj_vj64_hx3j_a_title_that_is_a_link_of_an_earlier_layer() {
    let planted = || Tar::default().file("out/a", "a").symlink("out/escape", "a");
    let mut file = Scene::new().tree("out", planted()).layer(Some("out/escape"), "evil");
    assert_eq!(file.pull().await.unwrap_err(), ["two layers hold \"out/escape\""]);
    let mut folder = Scene::new()
        .tree("out", planted())
        .tree("out/escape", Tar::default().file("out/escape/x", "evil"));
    assert_eq!(folder.pull().await.unwrap_err(), ["two layers hold \"out/escape\""]);
    let mut below = Scene::new().tree("out", planted()).layer(Some("out/escape/x"), "evil");
    assert_eq!(below.pull().await.unwrap_err(), ["two layers hold \"out/escape\""]);
    for scene in [file, folder, below] {
        assert!(scene.files().is_empty());
    }
}

#[cfg(unix)]
#[tokio::test]
async fn ghsa_2hhj_vj64_hx3j_a_folder_titled_as_a_link_in_the_output_folder() {
    let mut scene = Scene::new().tree("link", Tar::default().file("link/evil", "evil"));
    let (out, outside) = (scene.root.join("out"), scene.root.join("outside"));
    fs::create_dir_all(&out).unwrap();
    fs::create_dir_all(&outside).unwrap();
    std::os::unix::fs::symlink("../outside", out.join("link")).unwrap();
    for overwrite in [false, true] {
        let root = scene.root();
        let options = PullOptions {
            overwrite,
            ..scene.options()
        };
        scene.pull_with(&root, &options).await.unwrap_err();
    }
    assert_eq!(fs::read_dir(outside).unwrap().count(), 0);
}

#[tokio::test]
async fn an_index_is_refused_with_what_it_holds() {
    let mut scene = Scene::new().layer(Some("a"), "a");
    let mut manifest = scene.root();
    let list =
        |manifests: &[Descriptor]| serde_json::to_vec(&json!({"schemaVersion": 2, "manifests": manifests})).unwrap();
    let unnamed = scene.content.insert(OCI_INDEX, list(std::slice::from_ref(&manifest)));
    manifest.other.insert(
        "platform".into(),
        json!({"os": "linux", "architecture": "arm", "variant": "v7"}),
    );
    let index = scene.content.insert(OCI_INDEX, list(std::slice::from_ref(&manifest)));
    let told = scene.pull_with(&index, &scene.options()).await.unwrap_err();
    assert_eq!(
        told,
        [format!(
            "{} of memory is an index of 1 manifests: linux/arm/v7 {}",
            index.digest.short(),
            manifest.digest
        )]
    );
    assert!(scene.pull_with(&unnamed, &scene.options()).await.unwrap_err()[0].ends_with(manifest.digest.as_str()));
}

#[tokio::test]
async fn an_artifact_manifest_of_early_oras_is_pulled() {
    let mut scene = Scene::new().layer(Some("a"), "a");
    let manifest = json!({"mediaType": ORAS_ARTIFACT, "artifactType": "sbom/example", "blobs": scene.layers});
    let root = scene
        .content
        .insert(ORAS_ARTIFACT, serde_json::to_vec(&manifest).unwrap());
    let outcome = scene.pull_with(&root, &scene.options()).await.unwrap();
    assert_eq!(outcome.artifact_type.as_deref(), Some("sbom/example"));
    assert_eq!(scene.files(), ["a=a"]);
}

#[tokio::test]
async fn the_subjects_files_come_along_when_asked_for() {
    let mut scene = Scene::new().layer(Some("subject"), "s");
    let subject = scene.root();
    let own = {
        let mut layer = scene.content.insert("text/plain", "own");
        layer.annotations.insert(TITLE.to_owned(), "own".to_owned());
        layer
    };
    let config = scene.content.insert("c/c", "{}");
    let manifest = json!({"schemaVersion": 2, "config": config, "layers": [own], "subject": subject});
    let root = scene
        .content
        .insert(OCI_MANIFEST, serde_json::to_vec(&manifest).unwrap());
    scene.pull_with(&root, &scene.options()).await.unwrap();
    assert_eq!(scene.files(), ["own=own"]);
    let options = PullOptions {
        include_subject: true,
        ..scene.options()
    };
    scene.pull_with(&root, &options).await.unwrap();
    assert_eq!(scene.files(), ["own=own", "subject=s"]);
}

#[tokio::test]
async fn what_is_no_artifact_is_an_error() {
    let mut scene = Scene::new();
    for (text, said) in [
        ("[]", "is no manifest"),
        ("{}", "has no layers"),
        (r#"{"layers":[],"config":{},"manifests":[]}"#, "is no manifest"),
        ("<html>", "is no manifest"),
    ] {
        let root = scene.content.insert("application/json", text);
        let told = scene.pull_with(&root, &scene.options()).await.unwrap_err();
        assert!(told[0].contains(said), "{text}: {told:?}");
    }
}

#[tokio::test]
async fn temporary_folders_of_killed_pulls_go_once_they_are_old() {
    let mut scene = Scene::new().layer(Some("a"), "a");
    let out = scene.root.join("out");
    let make = |name: &str| {
        fs::create_dir_all(out.join(name)).unwrap();
        fs::write(out.join(name).join(".tmp-x"), "half").unwrap();
    };
    for name in [".aosm-pull.tmp-old", ".aosm-pull.tmp-young", "other.tmp-old"] {
        make(name);
    }
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    for path in [out.join(".aosm-pull.tmp-old/.tmp-x"), out.join("other.tmp-old/.tmp-x")] {
        fs::File::options()
            .write(true)
            .open(path)
            .unwrap()
            .set_modified(old)
            .unwrap();
    }
    #[cfg(unix)]
    for name in [".aosm-pull.tmp-old", "other.tmp-old"] {
        fs::File::open(out.join(name)).unwrap().set_modified(old).unwrap();
    }
    scene.pull().await.unwrap();
    let mut names: Vec<String> = out
        .read_dir_utf8()
        .unwrap()
        .map(|e| e.unwrap().file_name().to_owned())
        .collect();
    names.sort();
    assert_eq!(names, [".aosm-pull.tmp-young", "a", "other.tmp-old"]);
}

#[tokio::test]
async fn a_cancelled_pull_leaves_nothing() {
    let mut scene = Scene::new().layer(Some("a"), "a");
    let root = scene.root();
    let content: Arc<dyn Content> = Arc::new(scene.content.clone());
    let job = Job::new("test", Arc::new(Silent), CancellationToken::new());
    job.cancel.cancel();
    let faults = pull(&content, &root, &scene.options(), &job).await.unwrap_err();
    assert_eq!(faults.worst(), Some(crate::fault::Kind::Interrupted));
    assert!(scene.files().is_empty());
}
