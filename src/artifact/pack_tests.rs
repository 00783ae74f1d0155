#![allow(clippy::unwrap_used, reason = "tests")]
// Digests that oras 1.3.3 gave for the same files and flags are kept here: whoever changes a byte of a manifest sees it.

use std::fs;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use futures_util::TryStreamExt as _;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::artifact::annotation_file;
use crate::digest::{Digest, ReadFiles};
use crate::event::Silent;
use crate::oci::{ErrorKind, Job, verified};

const TIME: &str = "2024-01-31T23:59:59Z";

struct Folder {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().to_owned()).unwrap();
        let folder = Self { _guard: guard, path };
        for (name, text) in files {
            folder.write(name, text);
        }
        folder
    }

    fn usual() -> Self {
        Self::new(&[
            ("artifact.txt", "Here is an artifact\n"),
            ("d/e/x.bin", "x"),
            ("config.json", "{\"a\":1}"),
        ])
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn pack(&self, spec: &PackSpec) -> Packed {
        pack(spec, &self.path, &ReadFiles).unwrap()
    }

    fn refuse(&self, spec: &PackSpec) -> Vec<String> {
        let faults = pack(spec, &self.path, &ReadFiles).err().unwrap();
        assert!(faults.iter().all(|fault| fault.hint_text().is_some()));
        faults.iter().map(ToString::to_string).collect()
    }
}

fn spec(files: &[&str]) -> PackSpec {
    PackSpec {
        files: files
            .iter()
            .map(|file| FileSpec::parse(file, Utf8Path::new("nowhere")).unwrap())
            .collect(),
        created: Created::Never,
        ..PackSpec::default()
    }
}

/// With the time of creation that the recorded digests have.
fn dated(mut spec: PackSpec) -> PackSpec {
    spec.annotations
        .manifest
        .insert(created::ANNOTATION.to_owned(), TIME.to_owned());
    spec
}

fn config(path: &str, media_type: Option<&str>) -> ConfigSpec {
    ConfigSpec {
        content: ConfigContent::File(path.into()),
        media_type: media_type.map(str::to_owned),
    }
}

async fn read(packed: &Packed, blob: &Descriptor) -> Result<Vec<u8>, crate::oci::OciError> {
    let job = Job::new("test", Arc::new(Silent), CancellationToken::new());
    verified(&packed.content, blob, &job)
        .try_fold(Vec::new(), |mut all, piece| async move {
            all.extend_from_slice(&piece);
            Ok(all)
        })
        .await
}

#[test]
fn manifests_have_the_digests_that_oras_gives_them() {
    let folder = Folder::usual();
    let typed = || PackSpec {
        artifact_type: Some("a/b".into()),
        ..spec(&["artifact.txt:application/vnd.unknown.layer.v1+txt", "./d/e/x.bin"])
    };
    let table = [
        (
            "7348ebd2062b6aa24eba2ba9716a57cdfb1e6b1000b8084766a6fb68b99c1b41",
            spec(&[]),
        ),
        (
            "049107910ef5426ecbbd28382fb222ef6c23d2212dce97dbf0d3e334231041b4",
            spec(&["artifact.txt"]),
        ),
        (
            "fea2ca77c8d3423f13f328c93164f50b06f31ef7ce2d81b217d4cf60160c59ab",
            typed(),
        ),
        (
            "8cfcfbe4c96296e62e78130c05ce2f4c8d5fc9a41c25a089f615036428d02f8f",
            PackSpec {
                config: Some(config("/dev/null", Some("application/vnd.unknown.config.v1+json"))),
                ..spec(&["artifact.txt:application/vnd.unknown.layer.v1+txt"])
            },
        ),
        (
            "c7c6d6397cacc80375ecf0b0433af045341c689a7ef3195e66a05c351c809c0d",
            PackSpec {
                config: Some(config("config.json", None)),
                ..spec(&["artifact.txt"])
            },
        ),
        (
            "0ec2f52631efe4cff0379e9a76bccef16515065fa32456ed6feee8fab4a3c8cb",
            PackSpec {
                config: Some(config("config.json", Some("x/c"))),
                artifact_type: Some("a/b".into()),
                ..spec(&["artifact.txt"])
            },
        ),
        (
            "d6d24300d1dec11f7daefd50e33508b186e2dba6a66d426cacbaacd9c7bb5d66",
            PackSpec {
                image_spec: Some(ImageSpec::V1_0),
                ..spec(&[])
            },
        ),
        (
            "5d12f8724858bdca424a800df5f575ce9b99cba666c7c9e51c80ffa058c40a48",
            PackSpec {
                image_spec: Some(ImageSpec::V1_0),
                artifact_type: Some("a/b".into()),
                ..spec(&["artifact.txt"])
            },
        ),
    ];
    for (digest, spec) in table {
        let packed = folder.pack(&dated(spec));
        let text = String::from_utf8_lossy(&packed.bytes).into_owned();
        assert_eq!(packed.manifest.digest.hex(), digest, "{text}");
        assert_eq!(Digest::of(&packed.bytes), packed.manifest.digest);
        assert!(packed.warnings.is_empty());
    }
}

#[test]
fn an_annotation_file_gives_the_manifest_that_oras_makes_of_it() {
    let folder = Folder::usual();
    let annotations = annotation_file::parse(
        Utf8Path::new("ann.json"),
        r#"{"$manifest":{"org.opencontainers.image.created":"2024-01-31T23:59:59Z","z":"<&>"},"$config":{"c":"1"},
            "artifact.txt":{"k":"v"},"d/e/x.bin":{"org.opencontainers.image.title":"renamed"}}"#,
    )
    .unwrap();
    let packed = folder.pack(&PackSpec {
        annotations,
        ..spec(&["artifact.txt", "d/e/x.bin"])
    });
    assert_eq!(
        packed.manifest.digest.hex(),
        "434437d5f653e7f4aca8f50173c87087354f50044ff59038acf2487f27807dc6"
    );
    assert_eq!(packed.layers[1].annotations[TITLE], "renamed");
}

#[test]
fn a_subject_is_written_as_oras_writes_one_of_a_registry() {
    let folder = Folder::usual();
    let subject = folder.pack(&dated(spec(&["artifact.txt"]))).manifest;
    let mut listed = subject.clone();
    listed.annotations.insert("a".into(), "b".into());
    listed.other.insert("artifactType".into(), "a/b".into());
    let attached = |subject| {
        folder.pack(&dated(PackSpec {
            artifact_type: Some("sig/x".into()),
            subject: Some(subject),
            ..spec(&["artifact.txt"])
        }))
    };
    let packed = attached(subject.clone());
    let text = String::from_utf8_lossy(&packed.bytes).into_owned();
    let expected = format!(
        r#"],"subject":{{"mediaType":"{}","digest":"{}","size":591}},"annotations":{{"#,
        subject.media_type, subject.digest
    );
    assert!(text.contains(&expected), "{text}");
    assert_eq!(
        attached(listed).manifest,
        packed.manifest,
        "whatever else was known of it"
    );
}

#[test]
fn an_arm_template_is_packed_as_recorded() {
    let folder = Folder::new(&[("templates/deploy.json", "{\"$schema\":\"x\"}")]);
    let packed = folder.pack(&PackSpec::arm_template("templates/deploy.json"));
    let expected = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{{"mediaType":"application/vnd.unknown.config.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2}},"layers":[{{"mediaType":"application/vnd.oci.image.layer.v1.tar","digest":"{}","size":15,"annotations":{{"org.opencontainers.image.title":"deploy.json"}}}}],"annotations":{{}}}}"#,
        Digest::of(b"{\"$schema\":\"x\"}")
    );
    assert_eq!(std::str::from_utf8(&packed.bytes).unwrap(), expected);
    assert_eq!(packed.artifact_type, UNKNOWN_CONFIG);
    let absolute = folder.pack(&PackSpec::arm_template(folder.path.join("templates/deploy.json")));
    assert_eq!(absolute.manifest, packed.manifest, "wherever it lies");
}

#[test]
fn without_a_time_the_same_files_have_the_same_digest_wherever_they_lie() {
    let (one, other) = (Folder::new(&[]), Folder::new(&[]));
    let names = ["z", "tree/b/2", "tree/a", "tree/b/1", "tree/b.txt", "tree/é"];
    for name in names {
        one.write(name, name);
    }
    for name in names.iter().rev() {
        other.write(name, name);
        let file = fs::File::options().write(true).open(other.path.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000))
            .unwrap();
    }
    fs::create_dir(one.path.join("tree/empty")).unwrap();
    fs::create_dir(other.path.join("tree/empty")).unwrap();
    let spec = spec(&["z", "tree"]);
    let (one, other) = (one.pack(&spec), other.pack(&spec));
    assert_eq!(one.bytes, other.bytes);
    assert!(!String::from_utf8_lossy(&one.bytes).contains("created"));
}

#[test]
fn a_time_comes_from_an_annotation_else_from_the_epoch() {
    let folder = Folder::usual();
    let at = |seconds, spec: PackSpec| {
        let packed = folder.pack(&PackSpec {
            created: Created::At(seconds),
            ..spec
        });
        packed.manifest.digest
    };
    let recorded = folder.pack(&dated(spec(&["artifact.txt"]))).manifest.digest;
    assert_eq!(at(1_706_745_599, spec(&["artifact.txt"])), recorded);
    assert_eq!(at(0, dated(spec(&["artifact.txt"]))), recorded);
    let mut wrong = spec(&[]);
    wrong
        .annotations
        .manifest
        .insert(created::ANNOTATION.to_owned(), "yesterday".to_owned());
    assert_eq!(
        folder.refuse(&wrong),
        ["annotation org.opencontainers.image.created: \"yesterday\" is no date and time"]
    );
}

#[tokio::test]
async fn a_folder_becomes_an_archive_that_says_so() {
    let folder = Folder::new(&[("tree/run.sh", "#!"), ("tree/sub/a.txt", "a")]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        fs::set_permissions(folder.path.join("tree/run.sh"), fs::Permissions::from_mode(0o6711)).unwrap();
        std::os::unix::fs::symlink("../run.sh", folder.path.join("tree/sub/link")).unwrap();
    }
    let packed = folder.pack(&spec(&["./tree/:a/b"]));
    let layer = &packed.layers[0];
    assert_eq!(
        (layer.media_type.as_str(), layer.annotations[TITLE].as_str()),
        ("a/b", "tree")
    );
    assert_eq!(layer.annotations[UNPACK], "true");
    assert_eq!(folder.pack(&spec(&["tree"])).layers[0].media_type, FOLDER);

    let bytes = read(&packed, layer).await.unwrap();
    assert_eq!(bytes.len() as u64, layer.size);
    let mut tar = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes.as_slice()), &mut tar).unwrap();
    assert_eq!(layer.annotations[CONTENT_DIGEST], Digest::of(&tar).as_str());
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries: Vec<(String, u32, u64, u64)> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            (
                name,
                header.mode().unwrap(),
                header.mtime().unwrap(),
                header.uid().unwrap(),
            )
        })
        .collect();
    let mut expected = vec![
        ("tree/".to_owned(), 0o755, 0, 0),
        ("tree/run.sh".to_owned(), if cfg!(unix) { 0o755 } else { 0o644 }, 0, 0),
        ("tree/sub/".to_owned(), 0o755, 0, 0),
        ("tree/sub/a.txt".to_owned(), 0o644, 0, 0),
    ];
    if cfg!(unix) {
        expected.push(("tree/sub/link".to_owned(), 0o777, 0, 0));
    }
    assert_eq!(entries, expected);
}

#[test]
fn a_folder_named_by_dots_is_titled_by_its_real_name() {
    let folder = Folder::new(&[("real/a", "a")]);
    let packed = pack(&spec(&["."]), &folder.path.join("real"), &ReadFiles).unwrap();
    assert_eq!(packed.layers[0].annotations[TITLE], "real");
}

#[cfg(unix)]
#[test]
fn what_cannot_be_packed_in_a_folder_is_told_all_at_once() {
    use std::os::unix::fs::symlink;
    let folder = Folder::new(&[("tree/sub/a", "a")]);
    symlink("/etc/passwd", folder.path.join("tree/absolute")).unwrap();
    symlink("../../a", folder.path.join("tree/sub/leaves")).unwrap();
    symlink("sub/../sub/a", folder.path.join("tree/winding")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path.join("tree/socket")).unwrap();
    let mut told = folder.refuse(&spec(&["tree", "absent"]));
    told.sort();
    let at = folder.path.join("tree");
    assert_eq!(
        told,
        [
            format!("{at}/absolute cannot be packed: it is a link to an absolute path"),
            format!("{at}/socket cannot be packed: it is a socket"),
            format!("{at}/sub/leaves cannot be packed: it is a link that leads out of the folder"),
            format!("{at}/winding cannot be packed: it is a link whose target has `..` after a name"),
            "file absent is not there".to_owned(),
        ]
    );
}

#[cfg(unix)]
#[test]
fn a_pipe_is_refused_and_not_waited_for() {
    let folder = Folder::new(&[]);
    let _socket = std::os::unix::net::UnixListener::bind(folder.path.join("s")).unwrap();
    assert_eq!(folder.refuse(&spec(&["s"])), ["s is neither a file nor a folder"]);
}

#[test]
fn everything_wrong_is_told_at_once() {
    let folder = Folder::usual();
    let mut wrong = PackSpec {
        artifact_type: Some("no type".into()),
        config: Some(config("d", Some("neither"))),
        image_spec: Some(ImageSpec::V1_0),
        ..spec(&["absent.txt", "artifact.txt", "./artifact.txt"])
    };
    wrong.files[1].media_type = Some("text".into());
    wrong.subject = Some(Descriptor::of("a/b", b""));
    assert_eq!(
        folder.refuse(&wrong),
        [
            "artifact type: \"no type\" is no media type (RFC 6838)",
            "config: \"neither\" is no media type (RFC 6838)",
            "file artifact.txt: \"text\" is no media type (RFC 6838)",
            "packed by image-spec 1.0, a config and an artifact type exclude each other",
            "packed by image-spec 1.0, an artifact has no subject",
            "config d is a folder",
            "file absent.txt is not there",
            "2 files get the title \"artifact.txt\": artifact.txt, ./artifact.txt",
        ]
    );
    let untyped = PackSpec {
        config: Some(config("config.json", None)),
        image_spec: Some(ImageSpec::V1_1),
        ..spec(&[])
    };
    assert_eq!(
        folder.refuse(&untyped),
        ["packed by image-spec 1.1, an artifact with a config needs an artifact type"]
    );
}

#[test]
fn annotations_for_files_that_are_not_there_are_a_warning() {
    let folder = Folder::usual();
    let mut annotated = spec(&["./artifact.txt"]);
    let files = &mut annotated.annotations.files;
    files.insert("artifact.txt".into(), [("k".into(), "v".into())].into());
    files.insert("artefact.txt".into(), [("k".into(), "v".into())].into());
    let packed = folder.pack(&annotated);
    assert_eq!(packed.layers[0].annotations["k"], "v", "however its path is written");
    let warnings: Vec<String> = packed.warnings.iter().map(ToString::to_string).collect();
    assert_eq!(warnings, ["annotations for files that are not packed: artefact.txt"]);
}

#[tokio::test]
async fn blobs_are_read_from_any_offset() {
    let folder = Folder::usual();
    let packed = folder.pack(&spec(&["artifact.txt", "d", "/dev/null"]));
    for layer in &packed.layers {
        let whole = read(&packed, layer).await.unwrap();
        assert_eq!(Digest::of(&whole), layer.digest);
        let from = whole.len() / 2;
        let stream = packed.content.blob(layer, from as u64).await.unwrap();
        let rest: Vec<Bytes> = stream.try_collect().await.unwrap();
        assert_eq!(rest.concat(), whole[from..]);
    }
    assert_eq!(packed.layers[2].size, 0);
    let manifest = packed.content.manifest(&packed.manifest).await.unwrap();
    assert_eq!(manifest, packed.bytes);
    let blobs = packed.config.size + packed.layers.iter().map(|layer| layer.size).sum::<u64>();
    assert_eq!(packed.size(), blobs + packed.bytes.len() as u64);
}

#[tokio::test]
async fn a_file_that_changed_since_it_was_packed_is_not_sent() {
    let folder = Folder::usual();
    let packed = folder.pack(&spec(&["artifact.txt"]));
    folder.write("artifact.txt", "Here is an ARTIFACT\n");
    let file = fs::File::options()
        .write(true)
        .open(folder.path.join("artifact.txt"))
        .unwrap();
    file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
    let error = read(&packed, &packed.layers[0]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Corrupt);
    assert!(error.detail.contains("changed since it was packed"), "{error}");
    fs::remove_file(folder.path.join("artifact.txt")).unwrap();
    let error = read(&packed, &packed.layers[0]).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Disk);
    assert!(error.to_string().contains("artifact.txt"), "{error}");
}

#[test]
fn a_manifest_that_no_registry_takes_is_refused() {
    let folder = Folder::new(&[]);
    let mut huge = spec(&[]);
    huge.annotations
        .manifest
        .insert("k".into(), "x".repeat(usize::try_from(MANIFEST_LIMIT).unwrap()));
    assert!(
        folder.refuse(&huge)[0].contains("more than the 4 MiB"),
        "{:?}",
        folder.refuse(&huge)
    );
}
