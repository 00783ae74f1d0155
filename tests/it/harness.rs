//! The harness itself works: registries, images, projects and what they count do what tests rely on.

use crate::support::image::{DOCKER_LIST, OCI_INDEX, Part, random_bytes};
use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::traffic::{Entry, What};
use crate::support::*;

#[test]
fn every_registry_gives_back_what_the_client_pushed() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("round-trip") + "/app";
        for image in [
            ImageSpec::new(1).layers(&[10, 70_000]).build(),
            ImageSpec::new(2).docker().spaced().multi_platform(),
            Image::index(&[ImageSpec::new(3).multi_platform(), ImageSpec::new(4).docker().build()]),
        ] {
            registry.push(&image, &repository, "1.0.0");
            let back = registry.client().pull(&repository, "1.0.0").expect("what was pushed");
            assert_eq!(back.root(), image.root(), "{kind:?}");
            assert_eq!(back.size(), image.size(), "{kind:?}");
        }
        assert_eq!(registry.client().tags(&repository), ["1.0.0"], "{kind:?}");
        assert_eq!(registry.client().manifest(&repository, "none"), None, "{kind:?}");
    }
}

#[test]
fn registries_with_a_login_refuse_strangers_and_others_do_not() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let status = registry.stranger().request("GET", "/v2/", &[], b"").status;
        let wanted = if kind.open() { 200 } else { 401 };
        assert_eq!(status, wanted, "{kind:?}");
    }
}

#[test]
fn passwords_are_checked_by_the_registry() {
    let registry = Registry::shared(Kind::Basic);
    for (user, password, wanted) in [
        (USER, PASSWORD, 200),
        (READER, READER_PASSWORD, 200),
        (USER, "wrong", 401),
        ("nobody", PASSWORD, 401),
    ] {
        let login = client::Login::Basic(user.to_owned(), password.to_owned());
        let answer = registry.stranger().with_login(login).request("GET", "/v2/", &[], b"");
        assert_eq!(answer.status, wanted, "{user} {password}");
    }
}

/// Asks the token server and then the registry, as a client of the product's kind does.
fn with_token(registry: &Registry, login: Option<(&str, &str)>, actions: &str, repository: &str, method: &str) -> u16 {
    let refused = registry.stranger().request("GET", "/v2/", &[], b"");
    let challenge = refused.headers.get("Www-Authenticate").expect("a challenge").to_owned();
    assert!(challenge.contains(&registry.tokens().realm()), "{challenge}");
    let realm = registry.tokens().realm();
    let host = realm
        .strip_prefix("http://")
        .unwrap()
        .strip_suffix("/token")
        .unwrap()
        .to_owned();
    let mut tokens = Client::plain(&host);
    if let Some((user, password)) = login {
        tokens = tokens.with_login(client::Login::Basic(user.to_owned(), password.to_owned()));
    }
    let target = format!(
        "/token?service={}&scope=repository:{repository}:{actions}",
        tokens::SERVICE
    );
    let answer = tokens.request("GET", &target, &[], b"");
    if answer.status != 200 {
        return answer.status;
    }
    let bearer = format!("Bearer {}", answer.json()["token"].as_str().expect("a token"));
    let target = match method {
        "POST" => format!("/v2/{repository}/blobs/uploads/"),
        _ => format!("/v2/{repository}/manifests/1"),
    };
    registry
        .stranger()
        .request(
            method,
            &target,
            &[("Authorization", &bearer), ("Accept", client::ACCEPT)],
            b"",
        )
        .status
}

#[test]
fn tokens_open_what_they_were_granted_for_and_nothing_else() {
    for kind in [Kind::Token, Kind::OldToken]
        .into_iter()
        .filter(|kind| kind.available())
    {
        let registry = Registry::shared(kind);
        let repository = registry.unique("granted");
        registry.push(&ImageSpec::new(5).build(), &repository, "1");
        let ask = |login, actions, method| with_token(registry, login, actions, &repository, method);
        assert_eq!(
            ask(Some((USER, PASSWORD)), "pull,push", "POST"),
            202,
            "{kind:?}: the user may write"
        );
        assert_eq!(
            ask(Some((READER, READER_PASSWORD)), "pull,push", "GET"),
            200,
            "{kind:?}: the reader may read"
        );
        assert_eq!(
            ask(Some((READER, READER_PASSWORD)), "pull,push", "POST"),
            401,
            "{kind:?}: the reader may not write"
        );
        assert_eq!(ask(None, "pull", "GET"), 401, "{kind:?}: strangers may do nothing");
        assert_eq!(
            ask(Some((USER, "wrong")), "pull", "GET"),
            401,
            "{kind:?}: a wrong password gets no token"
        );
    }
}

#[test]
fn identity_tokens_are_exchanged_by_post() {
    let registry = Registry::shared(Kind::Token);
    let realm = registry.tokens().realm();
    let host = realm.strip_prefix("http://").unwrap().strip_suffix("/token").unwrap();
    let mark = registry.tokens().mark();
    for (token, wanted) in [(registry::IDENTITY_TOKEN, 200), ("another", 401)] {
        let body = format!(
            "grant_type=refresh_token&service={}&refresh_token={token}&scope=repository:x:pull",
            tokens::SERVICE
        );
        let headers = [("Content-Type", "application/x-www-form-urlencoded")];
        let answer = Client::plain(host).request("POST", "/token", &headers, body.as_bytes());
        assert_eq!(answer.status, wanted, "{token}");
    }
    assert!(registry.tokens().since(mark).count("POST token") >= 2);
}

#[test]
fn the_authority_of_a_tls_registry_is_needed() {
    let registry = Registry::shared(Kind::Tls);
    assert!(registry.ca_file().expect("an authority").is_file());
    let other = temp_dir();
    let others = tls::Certificates::create(other.path());
    let answer = Client::plain(&registry.host())
        .with_tls(others.client())
        .try_request("GET", "/v2/", &[], b"");
    assert!(answer.is_err(), "a client that trusts another authority got in");
}

#[test]
fn requests_are_counted_by_kind_between_two_points() {
    for kind in [Kind::Plain, Kind::Old, Kind::Token]
        .into_iter()
        .filter(|kind| kind.available())
    {
        let registry = Registry::shared(kind);
        let name = registry.unique("counted");
        let image = ImageSpec::new(6).layers(&[10, 20]).build();
        let mark = registry.mark();
        registry.push(&image, &name, "1.0.0");
        let pushed = registry.since(mark).under(&name);
        let wanted = [
            ("HEAD blob", 3),
            ("POST upload", 3),
            ("PUT manifest", 2),
            ("PUT upload", 3),
        ];
        let wanted = wanted
            .iter()
            .map(|(label, count)| ((*label).to_owned(), *count))
            .collect();
        assert_eq!(pushed.labels(), wanted, "{kind:?}");
        assert_eq!(pushed.data_path(), 11, "{kind:?}");

        let mark = registry.mark();
        assert_eq!(
            registry.since(mark).under(&name).data_path(),
            0,
            "{kind:?}: nothing was asked"
        );
        registry.client().manifest(&name, "1.0.0");
        registry.client().manifest(&name, "2.0.0");
        let asked = registry.since(mark).under(&name);
        let statuses: Vec<u16> = asked.0.iter().map(|entry| entry.status).collect();
        assert_eq!((asked.count("GET manifest"), statuses), (2, vec![200, 404]), "{kind:?}");
    }
}

#[test]
fn mounts_are_told_from_uploads() {
    let registry = Registry::shared(Kind::Plain);
    let name = registry.unique("mounted");
    let digest = registry.client().push_blob(&format!("{name}/from"), b"a blob");
    let mark = registry.mark();
    let ask = |digest: &str| {
        let target = format!("/v2/{name}/to/blobs/uploads/?mount={digest}&from={name}/from");
        registry.client().request("POST", &target, &[], b"").status
    };
    assert_eq!(ask(&digest), 201);
    assert_eq!(ask(&sha256(b"another blob")), 202);
    let traffic = registry.since(mark).under(&name);
    assert_eq!((traffic.count("POST mount"), traffic.mounts()), (2, 1));
}

#[test]
fn requests_are_told_apart_by_their_path() {
    for (method, target, what, repository, reference) in [
        ("GET", "/v2/", What::Ping, "", ""),
        ("HEAD", "/v2/a/b/manifests/1.0", What::Manifest, "a/b", "1.0"),
        ("GET", "/v2/manifests/manifests/x", What::Manifest, "manifests", "x"),
        ("GET", "/v2/a/blobs/sha256:00", What::Blob, "a", "sha256:00"),
        ("PATCH", "/v2/a/blobs/uploads/some-id?_state=x", What::Upload, "a", ""),
        (
            "POST",
            "/v2/a/blobs/uploads/?mount=sha256:00&from=b",
            What::Mount,
            "a",
            "",
        ),
        ("GET", "/v2/a/tags/list?n=10", What::Tags, "a", ""),
        ("GET", "/v2/a/referrers/sha256:00", What::Referrers, "a", "sha256:00"),
        ("GET", "/token?scope=x", What::Token, "", ""),
        ("GET", "/elsewhere", What::Other, "", ""),
    ] {
        let entry = Entry::new(method, target, 0);
        assert_eq!(
            (entry.what, entry.repository.as_str(), entry.reference.as_str()),
            (what, repository, reference),
            "{target}"
        );
    }
}

#[test]
fn images_depend_on_their_seed_alone() {
    assert_eq!(ImageSpec::new(7).multi_platform(), ImageSpec::new(7).multi_platform());
    assert_ne!(ImageSpec::new(7).build().digest(), ImageSpec::new(8).build().digest());
    assert_eq!(
        sha256(&random_bytes(1, 1000)),
        "sha256:a25d00ca0f6bf6f11a55aab93cc0ab760bbb554b68704b0574af1916d8d27a42",
        "the bytes of a seed are the same on every machine"
    );
}

#[test]
fn spaced_manifests_change_when_written_again() {
    let image = ImageSpec::new(9).docker().spaced().multi_platform();
    assert_eq!(image.root().media_type, DOCKER_LIST);
    for manifest in &image.manifests {
        assert_ne!(serde_json::to_vec(&manifest.json()).unwrap(), *manifest.bytes);
    }
}

#[test]
fn shared_base_layers_are_one_blob() {
    let one = ImageSpec::new(10).base_layer(99, 500).build();
    let two = ImageSpec::new(11).base_layer(99, 500).build();
    let index = Image::index(&[one.clone(), two.clone()]);
    assert_eq!(index.root().media_type, OCI_INDEX);
    assert_eq!(index.blobs.len(), one.blobs.len() + two.blobs.len() - 1);
}

#[test]
fn layouts_and_archives_hold_what_was_put_in() {
    let scratch = temp_dir();
    let image = ImageSpec::new(12).multi_platform();
    let single = ImageSpec::new(13).layers(&[50, 60]).build();
    layout::write(scratch.path(), &[("a/b:1", &image), ("c:2", &single)]);
    assert_eq!(layout::names(scratch.path()), ["a/b:1", "c:2"]);
    assert_eq!(layout::read(scratch.path(), "a/b:1"), Some(image.clone()));
    assert_eq!(layout::read(scratch.path(), "absent:1"), None);

    let blob = scratch
        .path()
        .join("blobs")
        .join(image.blobs[0].digest.replace(':', "/"));
    std::fs::write(blob, b"damaged").unwrap();
    let damaged = std::panic::catch_unwind(|| layout::read(scratch.path(), "a/b:1"));
    assert!(damaged.is_err(), "damage goes unseen");
}

#[test]
fn crane_finds_the_generated_images_valid() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("validated");
    for image in [
        ImageSpec::new(14).layers(&[50, 60]).build(),
        ImageSpec::new(15).docker().multi_platform(),
    ] {
        registry.push(&image, &repository, "1");
        let reference = format!("{}/{repository}:1", registry.host());
        tools::run(std::process::Command::new(tools::crane()).args(["validate", "--remote", &reference]));
        let digest = tools::run(std::process::Command::new(tools::crane()).args(["digest", &reference]));
        assert_eq!(digest.trim(), image.digest());
    }
}

#[test]
fn skopeo_reads_the_generated_archives() {
    if tools::without("skopeo") {
        return;
    }
    let scratch = temp_dir();
    let single = ImageSpec::new(14).layers(&[50, 60]).build();
    // Read from the unpacked one only: skopeo 1.9 finds no end in small packed archives, also in its own.
    for (name, packed) in [("saved.tar", false), ("saved.tar.gz", true)] {
        layout::write_docker_save(&scratch.path().join(name), &[("example/app:1", &single)]);
        let start = std::fs::read(scratch.path().join(name)).unwrap();
        assert_eq!(start.starts_with(&[0x1f, 0x8b]), packed, "{name}");
    }
    layout::write_archive(&scratch.path().join("layout.tar"), &[("example/app:1", &single)]);
    for source in ["docker-archive:saved.tar", "oci-archive:layout.tar:example/app:1"] {
        let text = tools::run(
            tools::skopeo()
                .args(["inspect", "--raw", source])
                .current_dir(scratch.path()),
        );
        assert!(text.contains("layers"), "{source}: {text}");
    }
}

#[test]
fn referrers_name_their_subject() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("referrers");
    let image = ImageSpec::new(16).build();
    let signature = Image::referrer(image.root(), "application/vnd.example.signature", b"signed");
    registry.push(&image, &repository, "1");
    registry.push(&signature, &repository, &signature.digest().replace(':', "-"));
    let back = registry
        .client()
        .manifest(&repository, signature.digest())
        .expect("the signature");
    assert_eq!(back.json()["subject"]["digest"], image.digest());
}

#[test]
fn a_registry_ends_when_it_is_dropped() {
    let registry = Registry::start(Kind::Plain);
    let (client, storage) = (registry.client(), registry.storage());
    client.push_blob("x", b"some bytes");
    assert!(storage.is_dir());
    drop(registry);
    assert!(client.try_request("GET", "/v2/", &[], b"").is_err(), "it still answers");
    assert!(!storage.exists(), "its data is still there");
}

#[test]
fn projects_run_the_binary_in_their_own_folder() {
    let project = Project::new();
    project
        .write("deep/file.txt", "some text")
        .edit("deep/file.txt", "some", "other");
    assert_eq!(project.read("deep/file.txt"), "other text");
    project.login("registry.test", USER, PASSWORD);
    let output = project.run(&["--version"]);
    assert!(output.status.success(), "{output}");
}

#[test]
fn snapshots_tell_changed_from_written_again() {
    let project = Project::new();
    project
        .write("same", "1")
        .write("again", "1")
        .write("changed", "1")
        .write("gone", "1");
    let before = Snapshot::of(&project.folder());
    let later = std::time::SystemTime::now() + std::time::Duration::from_secs(5);
    std::fs::File::options()
        .write(true)
        .open(project.path("again"))
        .unwrap()
        .set_modified(later)
        .unwrap();
    project.write("changed", "2").remove("gone").write("new", "1");
    let after = Snapshot::of(&project.folder());
    assert_eq!(before.touched(&after), ["again", "changed", "gone", "new"]);
    assert_eq!(before.changed(&after), ["changed", "gone", "new"]);
}

#[test]
fn secrets_are_found_in_names_content_and_packed_content() {
    use std::io::Write as _;
    let project = Project::new();
    project
        .write("clean", "nothing here")
        .write("plain", "a hunter2 b")
        .write("hunter2.txt", "");
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(b"hunter2 hunter2 hunter2").unwrap();
    project.write("packed.gz", gzip.finish().unwrap());
    let found = snapshot::holding(&project.folder(), "hunter2");
    let names: Vec<_> = found.iter().map(|p| p.file_name().unwrap().to_string_lossy()).collect();
    assert_eq!(names, ["hunter2.txt", "packed.gz", "plain"]);
}

#[test]
fn parts_know_their_digest() {
    let part = Part::new("text/plain", b"abc".to_vec());
    assert_eq!(
        part.digest,
        "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    );
}
