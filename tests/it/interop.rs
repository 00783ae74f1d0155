//! With oras, oras-go, crane, regctl, skopeo and the crate oci-client on the other side: what one pushes, attaches or copies,
//! the others read, find and pull.

use std::fs;

use serde_json::Value;

use crate::support::image::{OCI_INDEX, OCI_MANIFEST};
use crate::support::*;

const CREATED: &str = "org.opencontainers.image.created=2026-01-02T03:04:05Z";

/// Registries without the referrers API, and one with it.
fn kinds() -> Vec<Kind> {
    let all = [Kind::Plain, Kind::Old, Kind::Native];
    all.into_iter().filter(|kind| kind.available()).collect()
}

/// A project with files in it, to be packed.
fn files() -> Project {
    let project = Project::new();
    project.write("artifact.txt", "Here is an artifact!\n");
    project.write("docs/readme.md", "# read me\n");
    project.write("settings.json", r#"{"a": 1}"#);
    project.write("empty", "");
    let annotations = r#"{"$manifest": {"org.opencontainers.image.created": "2026-01-02T03:04:05Z", "org.example.note": "a < b & c > \"d\" é \u2028"}, "$config": {"k": "v"},
        "artifact.txt": {"org.example.of-file": "yes"}, "settings.json": {"org.opencontainers.image.title": "other.json"}}"#;
    project.write("annotations.json", annotations);
    project
}

/// The flags for a time of creation; oras takes an annotation file, which has it, or these.
fn created(arguments: &[&str]) -> &'static [&'static str] {
    if arguments.contains(&"--annotation-file") {
        &[]
    } else {
        &["--annotation", CREATED]
    }
}

fn manifest(registry: &Registry, repository: &str, reference: &str) -> Vec<u8> {
    let found = registry.client().manifest(repository, reference);
    found
        .unwrap_or_else(|| panic!("{repository}:{reference} is not there"))
        .bytes
        .to_vec()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Digests that our `discover` finds below a reference, sorted.
fn found(project: &Project, reference: &str) -> Vec<String> {
    peers::digests(&project.run(&["artifact", "discover", "--json", reference]).ok().json())
}

#[test]
fn our_manifests_are_byte_for_byte_those_that_oras_makes() {
    if tools::without("oras") {
        return;
    }
    let cases: [&[&str]; 11] = [
        &["artifact.txt"],
        &[
            "./artifact.txt:text/plain",
            "--artifact-type",
            "application/vnd.example.thing.v1",
        ],
        &[
            "artifact.txt:text/plain",
            "docs/readme.md",
            "settings.json:application/json",
            "empty",
        ],
        &[
            "--config",
            "settings.json:application/vnd.example.config.v1+json",
            "artifact.txt",
        ],
        &["--config", "settings.json", "artifact.txt"],
        &[
            "--config",
            "settings.json:application/json",
            "--artifact-type",
            "a/b",
            "artifact.txt",
        ],
        &[
            "--config",
            "/dev/null:application/vnd.unknown.config.v1+json",
            "artifact.txt:application/vnd.unknown.layer.v1+txt",
        ],
        &["--image-spec", "v1.0", "artifact.txt"],
        &[
            "--image-spec",
            "v1.0",
            "--artifact-type",
            "application/vnd.example.thing.v1",
            "artifact.txt",
        ],
        &["--artifact-type", "application/vnd.example.nothing.v1"],
        &[
            "--annotation-file",
            "annotations.json",
            "artifact.txt",
            "settings.json:application/json",
        ],
    ];
    let registry = Registry::shared(Kind::Native);
    let (theirs, ours) = (registry.unique("bytes-oras"), registry.unique("bytes-ours"));
    let project = files();
    for (number, case) in cases.iter().enumerate() {
        let tag = format!("v{number}");
        let at = |repository: &str| format!("{}/{repository}:{tag}", registry.host());
        let created = created(case);
        peers::oras(
            &project,
            &[&["push", "--no-tty"], created, &[&at(&theirs)], case].concat(),
        );
        project
            .run(&[&["artifact", "push"], created, &[&at(&ours)], case].concat())
            .ok();
        let (wanted, made) = (manifest(registry, &theirs, &tag), manifest(registry, &ours, &tag));
        assert_eq!(text(&made), text(&wanted), "{case:?}");
        let again = project.run(&[&["artifact", "push"], created, &[&at(&ours)], case].concat());
        again.ok().says("already there");
    }
}

#[test]
fn our_attachments_are_byte_for_byte_those_that_oras_makes() {
    if tools::without("oras") {
        return;
    }
    for kind in kinds() {
        let registry = Registry::shared(kind);
        let (theirs, ours) = (registry.unique("attach-oras"), registry.unique("attach-ours"));
        let project = files();
        let image = ImageSpec::new(90).multi_platform();
        for repository in [&theirs, &ours] {
            registry.push(&image, repository, "v1");
        }
        for (number, case) in [
            &["artifact.txt:application/json"][..],
            &[
                "artifact.txt:application/markdown",
                "docs/readme.md:application/markdown",
            ][..],
            &["--annotation-file", "annotations.json", "settings.json"][..],
        ]
        .iter()
        .enumerate()
        {
            let export = format!("manifest-{number}.json");
            let flags = ["--artifact-type", "signature/example", "--export-manifest", &export];
            let flags = [created(case), &flags].concat();
            let at = |repository: &str| format!("{}/{repository}:v1", registry.host());
            peers::oras(
                &project,
                &[&["attach", "--no-tty"], flags.as_slice(), &[&at(&theirs)], case].concat(),
            );
            let wanted = fs::read(project.path(&export)).unwrap();
            project.remove(&export);
            project
                .run(&[&["artifact", "attach"], flags.as_slice(), &[&at(&ours)], case].concat())
                .ok();
            assert_eq!(
                text(&fs::read(project.path(&export)).unwrap()),
                text(&wanted),
                "{kind:?} {case:?}"
            );
            assert_eq!(manifest(registry, &ours, &sha256(&wanted)), wanted, "{kind:?}");
        }
        // Both clients find the same in both.
        let at = |repository: &str| format!("{}/{repository}:v1", registry.host());
        let both = [found(&project, &at(&theirs)), found(&project, &at(&ours))];
        assert_eq!((both[0].len(), &both[0]), (3, &both[1]), "{kind:?}");
        let by_oras = peers::oras(&project, &["discover", "--format", "json", &at(&ours)]).unwrap();
        assert_eq!(
            peers::digests(&serde_json::from_str(&by_oras).unwrap()),
            both[0],
            "{kind:?}"
        );
    }
}

#[test]
fn what_we_push_every_client_reads_and_pulls() {
    for kind in kinds() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("pushed");
        let project = files();
        let host = registry.host();
        let name = format!("{host}/{repository}:1.0");
        let arguments = [
            "artifact",
            "push",
            &name,
            "artifact.txt:text/plain",
            "settings.json",
            "docs:application/gzip",
        ];
        project.write("docs/deep/er.txt", "below").run(&arguments).ok();
        let bytes = manifest(registry, &repository, "1.0");
        assert_eq!(
            text(peers::crane(&project, &["manifest", &name]).trim_end().as_bytes()),
            text(&bytes),
            "crane {kind:?}"
        );
        let format = ["manifest", "get", "--format", "raw-body", &name];
        assert_eq!(
            peers::regctl(&project, &[&host], &format),
            text(&bytes),
            "regctl {kind:?}"
        );
        assert_eq!(
            peers::orasgo(&project, &["fetch", &name]),
            text(&bytes),
            "oras-go {kind:?}"
        );
        if let Some(read) = peers::skopeo(
            &project,
            &["inspect", "--raw", "--tls-verify=false", &format!("docker://{name}")],
        ) {
            assert_eq!(read, text(&bytes), "skopeo {kind:?}");
        }
        let mut folders = vec!["by-orasgo"];
        peers::orasgo(&project, &["pull", "-o", "by-orasgo", &name]);
        if peers::oras(&project, &["pull", "--no-tty", "-o", "by-oras", &name]).is_some() {
            folders.push("by-oras");
        }
        project.run(&["artifact", "pull", "-o", "by-us", &name]).ok();
        folders.push("by-us");
        for folder in folders {
            for file in ["artifact.txt", "docs/readme.md", "docs/deep/er.txt"] {
                let (wanted, got) = (project.read(file), project.read(&format!("{folder}/{file}")));
                assert_eq!(got, wanted, "{kind:?} {folder} {file}");
            }
        }
        fs::create_dir(project.path("by-regctl")).unwrap();
        peers::regctl(
            &project,
            &[&host],
            &["artifact", "get", "-f", "artifact.txt", "-o", "by-regctl", &name],
        );
        assert_eq!(
            project.read("by-regctl/artifact.txt"),
            project.read("artifact.txt"),
            "{kind:?}"
        );
    }
}

#[test]
fn what_other_clients_push_we_show_and_pull() {
    for kind in kinds() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("others-push");
        let host = registry.host();
        let project = files();
        project.write("docs/deep/er.txt", "below");
        let at = |tag: &str| format!("{host}/{repository}:{tag}");
        let mut tags = vec!["orasgo", "orasgo-1.0", "regctl"];
        let typed = ["--artifact-type", "application/vnd.example.thing.v1"];
        peers::orasgo(
            &project,
            &[&["push"], typed.as_slice(), &[&at("orasgo"), "artifact.txt", "docs"]].concat(),
        );
        peers::orasgo(
            &project,
            &[
                "push",
                "-image-spec",
                "v1.0",
                "-reproducible",
                &at("orasgo-1.0"),
                "artifact.txt",
                "docs",
            ],
        );
        let titled = [
            "artifact",
            "put",
            "--file-title",
            "-f",
            "artifact.txt",
            "-m",
            "text/plain",
            "-f",
            "docs/readme.md",
            "-m",
            "text/markdown",
        ];
        peers::regctl(
            &project,
            &[&host],
            &[titled.as_slice(), &typed, &[&at("regctl")]].concat(),
        );
        if peers::oras(
            &project,
            &["push", "--no-tty", &at("oras"), "artifact.txt:text/plain", "docs"],
        )
        .is_some()
        {
            tags.push("oras");
        }
        for tag in tags {
            let shown = project.run(&["artifact", "show", "--json", &at(tag)]).ok().json();
            assert_eq!(
                shown["digest"],
                registry.client().digest(&repository, tag).unwrap(),
                "{kind:?} {tag}"
            );
            project.run(&["artifact", "pull", "-o", tag, &at(tag)]).ok();
            for file in ["artifact.txt", "docs/readme.md"] {
                assert_eq!(
                    project.read(&format!("{tag}/{file}")),
                    project.read(file),
                    "{kind:?} {tag} {file}"
                );
            }
            let raw = project.run(&["artifact", "show", "--manifest", &at(tag)]).ok().stdout;
            assert_eq!(raw.as_bytes(), manifest(registry, &repository, tag), "{kind:?} {tag}");
        }
    }
}

#[test]
fn referrers_of_many_writers_are_all_found_by_all() {
    for kind in kinds() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("writers");
        let host = registry.host();
        let project = files();
        let image = ImageSpec::new(91).build();
        registry.push(&image, &repository, "v1");
        let name = format!("{host}/{repository}:v1");
        let ours = |file: &str, subject: &str| {
            let typed = ["--artifact-type", "by/us"];
            let run = project.run(&[&["artifact", "attach", "--json", subject, file], typed.as_slice()].concat());
            run.ok().json()["digest"].as_str().expect("a digest").to_owned()
        };
        // Taking turns: on registries without the API all of them write one list.
        let first = ours("artifact.txt", &name);
        peers::orasgo(
            &project,
            &["attach", "--artifact-type", "by/orasgo", &name, "settings.json"],
        );
        ours("settings.json", &name);
        let put = [
            "artifact",
            "put",
            "--artifact-type",
            "by/regctl",
            "-f",
            "empty",
            "--subject",
            &name,
        ];
        peers::regctl(&project, &[&host], &put);
        let mut wanted = 5;
        if peers::oras(
            &project,
            &[
                "attach",
                "--no-tty",
                "--artifact-type",
                "by/oras",
                &name,
                "docs/readme.md",
            ],
        )
        .is_some()
        {
            wanted += 1;
        }
        // A referrer of a referrer.
        let nested = ours("docs/readme.md", &format!("{host}/{repository}@{first}"));
        let all = found(&project, &name);
        assert_eq!(all.len(), wanted, "{kind:?}: {all:?}");
        assert!(all.contains(&nested), "{kind:?}");
        let by_orasgo: Value = serde_json::from_str(&peers::orasgo(&project, &["discover", &name])).unwrap();
        assert_eq!(peers::digests(&by_orasgo), all, "oras-go {kind:?}");
        if let Some(tree) = peers::oras(&project, &["discover", "--format", "json", &name]) {
            assert_eq!(
                peers::digests(&serde_json::from_str(&tree).unwrap()),
                all,
                "oras {kind:?}"
            );
        }
        if let Some(tree) = peers::oras(&project, &["discover", "--no-tty", &name]) {
            let ours = project.run(&["artifact", "discover", &name]).ok().stdout;
            // oras keeps the registry's order; ours is the same for every registry.
            let lines = |text: &str| {
                let bare = |line: &str| line.trim_start_matches([' ', '│', '├', '└', '─']).to_owned();
                let mut lines: Vec<String> = text.lines().map(bare).collect();
                lines.sort();
                lines
            };
            assert_eq!(
                lines(&ours),
                lines(&tree),
                "the tree is drawn as oras draws it, {kind:?}"
            );
        }
        let list = peers::regctl(
            &project,
            &[&host],
            &["artifact", "list", "--format", "{{json .Descriptors}}", &name],
        );
        let list: Vec<Value> = serde_json::from_str(&list).unwrap();
        assert_eq!(list.len(), wanted - 1, "regctl shows one level; {kind:?}: {list:?}");
        // Filters say the same.
        let filter = ["artifact", "discover", "--json", "--artifact-type", "by/orasgo", &name];
        let filtered = project.run(&filter).ok().json();
        let by_orasgo: Value = serde_json::from_str(&peers::orasgo(
            &project,
            &["discover", "-artifact-type", "by/orasgo", &name],
        ))
        .unwrap();
        assert_eq!(
            filtered["referrers"][0]["digest"], by_orasgo["referrers"][0]["digest"],
            "{kind:?}"
        );
        assert_eq!(filtered["referrers"].as_array().map(Vec::len), Some(1), "{kind:?}");
    }
}

/// An index of two platforms in `repository:v1` with a signature of the index, one of a platform's manifest, and one of the
/// first signature. Returns the digests of all three, sorted, and the index.
fn signed(registry: &Registry, repository: &str) -> (Image, Vec<String>) {
    let index = ImageSpec::new(92).multi_platform();
    registry.push(&index, repository, "v1");
    let of_index = Image::referrer(index.root(), "signature/example", b"of the index");
    let of_platform = Image::referrer(&index.manifests[0], "signature/example", b"of a platform");
    let of_signature = Image::referrer(of_index.root(), "signature/example", b"of a signature");
    let client = registry.client();
    for (referrer, subject) in [
        (&of_index, index.digest()),
        (&of_platform, &index.manifests[0].digest),
        (&of_signature, of_index.digest()),
    ] {
        client.push(referrer, repository, referrer.digest());
        if !registry.kind().native() {
            // What a client does where there is no referrers API (distribution-spec 1.1, "Referrers Tag Schema").
            let mut entry = referrer.root().descriptor();
            entry["artifactType"] = Value::from("signature/example");
            let list = serde_json::json!({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [entry]});
            let part = image::Part::new(OCI_INDEX, serde_json::to_vec(&list).unwrap());
            client.push_manifest(repository, &subject.replace(':', "-"), &part);
        }
    }
    let mut all: Vec<String> = [&of_index, &of_platform, &of_signature]
        .map(|r| r.digest().to_owned())
        .into();
    all.sort();
    (index, all)
}

/// Everything below `repository:v1` that refers to it or to a part of it, as oras-go finds it.
fn all_by_orasgo(project: &Project, host: &str, repository: &str, index: &Image) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for part in &index.manifests {
        let name = format!("{host}/{repository}@{}", part.digest);
        found.extend(peers::digests(
            &serde_json::from_str(&peers::orasgo(project, &["discover", &name])).unwrap(),
        ));
    }
    found.sort();
    found
}

#[test]
fn what_we_copy_other_clients_find_whole() {
    for (from, to) in [
        (Kind::Native, Kind::Plain),
        (Kind::Plain, Kind::Native),
        (Kind::Native, Kind::Old),
    ] {
        if !to.available() {
            continue;
        }
        let (source, target) = (Registry::shared(from), Registry::shared(to));
        let repository = source.unique("we-copy");
        let (index, referrers) = signed(source, &repository);
        let project = Project::new();
        let at = |registry: &Registry| format!("{}/{repository}:v1", registry.host());
        project
            .run(&["artifact", "copy", "--recursive", &at(source), &at(target)])
            .ok();
        assert_eq!(
            manifest(target, &repository, "v1"),
            *index.root().bytes,
            "{from:?} to {to:?}"
        );
        let back = target.client().pull(&repository, "v1").expect("the copy");
        assert_eq!(back.size(), index.size(), "{from:?} to {to:?}");
        assert_eq!(
            all_by_orasgo(&project, &target.host(), &repository, &index),
            referrers,
            "{from:?} to {to:?}"
        );
        let digest = peers::crane(&project, &["digest", &at(target)]);
        assert_eq!(digest.trim(), index.digest());
        peers::crane(&project, &["validate", "--remote", &at(target)]);
    }
}

#[test]
fn what_other_clients_copy_we_find_whole() {
    for (from, to) in [(Kind::Native, Kind::Plain), (Kind::Plain, Kind::Native)] {
        let (source, target) = (Registry::shared(from), Registry::shared(to));
        let repository = source.unique("they-copy");
        let (index, referrers) = signed(source, &repository);
        let project = Project::new();
        let hosts = [source.host(), target.host()];
        let origin = format!("{}/{repository}:v1", source.host());
        let below = |name: &str| format!("{repository}/{name}");
        let at = |name: &str| format!("{}/{}:v1", target.host(), below(name));
        let mut with_referrers = vec!["orasgo", "regctl"];
        peers::orasgo(&project, &["copy", "-recursive", &origin, &at("orasgo")]);
        let hosts: Vec<&str> = hosts.iter().map(String::as_str).collect();
        peers::regctl(
            &project,
            &hosts,
            &["image", "copy", "--referrers", &origin, &at("regctl")],
        );
        if peers::oras(&project, &["cp", "--no-tty", "-r", &origin, &at("oras")]).is_some() {
            with_referrers.push("oras");
        }
        let mut all = with_referrers.clone();
        peers::crane(&project, &["copy", "--insecure", &origin, &at("crane")]);
        all.push("crane");
        let docker = |name: &str| format!("docker://{name}");
        let flags = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
        let sides = [docker(&origin), docker(&at("skopeo"))];
        if peers::skopeo(&project, &[flags.as_slice(), &[&sides[0], &sides[1]]].concat()).is_some() {
            all.push("skopeo");
        }
        for name in all {
            let shown = project.run(&["artifact", "show", "--json", &at(name)]).ok().json();
            assert_eq!(shown["digest"], index.digest(), "{name}, {from:?} to {to:?}");
            let mut seen: Vec<String> = Vec::new();
            for part in &index.manifests {
                seen.extend(found(
                    &project,
                    &format!("{}/{}@{}", target.host(), below(name), part.digest),
                ));
            }
            seen.sort();
            let wanted = if with_referrers.contains(&name) {
                referrers.clone()
            } else {
                Vec::new()
            };
            assert_eq!(seen, wanted, "{name}, {from:?} to {to:?}");
            // And on from there, by us, to a third place.
            let third = format!("{}/{}:v1", source.host(), below(name));
            project
                .run(&["artifact", "copy", "--recursive", &at(name), &third])
                .ok();
            assert_eq!(
                all_by_orasgo(&project, &source.host(), &below(name), &index),
                wanted,
                "{name}"
            );
        }
    }
}

#[test]
fn layouts_are_the_same_to_everybody() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("layouts");
    let (index, referrers) = signed(registry, &repository);
    let project = Project::new();
    let origin = format!("{}/{repository}:v1", registry.host());
    project
        .run(&["artifact", "copy", "--recursive", &origin, "oci:ours:v1"])
        .ok();
    peers::orasgo(&project, &["copy", "-recursive", &origin, "oci:theirs:v1"]);
    for layout in ["ours", "theirs"] {
        let seen: Vec<String> = index
            .manifests
            .iter()
            .flat_map(|part| found(&project, &format!("oci:{layout}@{}", part.digest)))
            .collect();
        let mut seen = seen;
        seen.sort();
        assert_eq!(seen, referrers, "{layout}");
        let back = format!("{}/{repository}/{layout}:v1", registry.host());
        peers::orasgo(&project, &["copy", "-recursive", &format!("oci:{layout}:v1"), &back]);
        assert_eq!(
            all_by_orasgo(&project, &registry.host(), &format!("{repository}/{layout}"), &index),
            referrers,
            "{layout}"
        );
    }
    if let Some(raw) = peers::skopeo(&project, &["inspect", "--raw", "oci:ours:v1"]) {
        assert_eq!(raw.as_bytes(), index.root().bytes.as_slice());
    }
}

#[test]
fn oci_client_reads_what_we_push_and_we_what_it_pushes() {
    use oci_client::client::{Client, ClientConfig, ClientProtocol, Config, ImageLayer};
    use oci_client::secrets::RegistryAuth;

    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    for kind in kinds() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("oci-client");
        let project = files();
        let name = |tag: &str| format!("{}/{repository}:{tag}", registry.host());
        let reference = |tag: &str| name(tag).parse::<oci_client::Reference>().unwrap();
        let client = Client::try_from(ClientConfig {
            protocol: ClientProtocol::Http,
            ..ClientConfig::default()
        })
        .unwrap();
        let login = RegistryAuth::Anonymous;

        project
            .run(&["artifact", "push", &name("ours"), "artifact.txt:text/plain"])
            .ok();
        let pulled = runtime
            .block_on(client.pull(&reference("ours"), &login, vec!["text/plain"]))
            .unwrap();
        assert_eq!(pulled.layers[0].data, project.read("artifact.txt"), "{kind:?}");
        assert_eq!(pulled.digest, registry.client().digest(&repository, "ours"), "{kind:?}");
        let raw = runtime
            .block_on(client.pull_manifest_raw(&reference("ours"), &login, &[OCI_MANIFEST]))
            .unwrap();
        assert_eq!(raw.0, manifest(registry, &repository, "ours"), "{kind:?}");

        let titled =
            std::collections::BTreeMap::from([("org.opencontainers.image.title".to_owned(), "file.txt".to_owned())]);
        let layer = ImageLayer::new(b"by oci-client".to_vec(), "text/plain".to_owned(), Some(titled));
        let config = Config::new(
            b"{}".to_vec(),
            "application/vnd.example.config.v1+json".to_owned(),
            None,
        );
        runtime
            .block_on(client.push(&reference("theirs"), &[layer], config, &login, None))
            .unwrap();
        project.run(&["artifact", "pull", "-o", "theirs", &name("theirs")]).ok();
        assert_eq!(project.read("theirs/file.txt"), "by oci-client", "{kind:?}");

        // Referrers, both ways to find them.
        let attach = [
            "artifact",
            "attach",
            "--json",
            "--artifact-type",
            "by/us",
            &name("theirs"),
            "settings.json",
        ];
        let attached = project.run(&attach).ok().json();
        let digest = registry.client().digest(&repository, "theirs").unwrap();
        let subject = format!("{}/{repository}@{digest}", registry.host()).parse().unwrap();
        let referrers = runtime.block_on(client.pull_referrers(&subject, None)).unwrap();
        let digests: Vec<&str> = referrers.manifests.iter().map(|entry| entry.digest.as_str()).collect();
        assert_eq!(digests, [attached["digest"].as_str().unwrap()], "{kind:?}");
    }
}
