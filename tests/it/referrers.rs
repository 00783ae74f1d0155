//! Referrers against real registries, with and without lists of their own; other tools see what was written, and the
//! other way round.

use std::process::Command;

use aosm_build::digest::Digest;
use aosm_build::oci::registry::RegistryPlace;
use aosm_build::oci::{Descriptor, MemoryContent, Place as _};
use serde_json::{Value, json};

use crate::registry_endpoints::{Program, job};
use crate::support::image::OCI_MANIFEST;
use crate::support::*;

/// Packs a referrer and puts it there; its descriptor.
async fn attach(place: &RegistryPlace, subject: &Descriptor, kind: &str, content: &str) -> Descriptor {
    let mut memory = MemoryContent::new("attachment");
    let config = memory.insert("application/vnd.oci.empty.v1+json", &b"{}"[..]);
    let layer = memory.insert("text/plain", content.as_bytes().to_vec());
    let text = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": config,
        "layers": [layer],
        "subject": { "mediaType": subject.media_type, "digest": subject.digest, "size": subject.size },
        "annotations": { "note": content },
    });
    let root = memory.insert(OCI_MANIFEST, serde_json::to_vec(&text).unwrap());
    let content = std::sync::Arc::new(memory) as std::sync::Arc<dyn aosm_build::oci::Content>;
    let job = job();
    aosm_build::oci::copy_graph(&content, &*place.target(), &root, None, Default::default(), &job)
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    root
}

async fn found(place: &RegistryPlace, subject: &Digest) -> Vec<(String, Option<String>)> {
    let found = place.content(&job()).referrers(subject).await;
    found
        .unwrap_or_else(|error| panic!("{error}"))
        .into_iter()
        .map(|entry| (entry.digest.to_string(), entry.artifact_type().map(str::to_owned)))
        .collect()
}

fn sorted(mut entries: Vec<(String, Option<String>)>) -> Vec<(String, Option<String>)> {
    entries.sort();
    entries
}

fn tag_of(digest: &str) -> String {
    digest.replace(':', "-")
}

#[test]
fn a_tree_of_referrers_is_written_read_and_deleted_on_every_kind_of_registry() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let repository = registry.unique("tree") + "/net-monitor";
        let image = ImageSpec::new(800).build();
        registry.push(&image, &repository, "v1");
        let program = Program::of(registry);
        let place = program.place(&registry.host(), &repository);
        let subject = program.resolve(&place, "v1").unwrap();
        program.runtime.block_on(async {
            let signature = attach(&place, &subject, "signature/example", "a signature").await;
            let sbom = attach(&place, &subject, "sbom/example", "an SBOM").await;
            let of_sbom = attach(&place, &sbom, "signature/example", "a signature of the SBOM").await;
            // Another program, which has learnt nothing yet.
            let reader = Program::of(registry);
            let reading = reader.place(&registry.host(), &repository);
            let expected = sorted(vec![
                (signature.digest.to_string(), Some("signature/example".into())),
                (sbom.digest.to_string(), Some("sbom/example".into())),
            ]);
            assert_eq!(found(&reading, &subject.digest).await, expected, "{kind:?}");
            assert_eq!(found(&reading, &sbom.digest).await.len(), 1, "{kind:?}");
            assert_eq!(found(&reading, &of_sbom.digest).await, [], "{kind:?}");
            let fallback = registry.client().tags(&repository).contains(&tag_of(image.digest()));
            assert_eq!(fallback, !kind.native(), "{kind:?}: a tag only where it is needed");
            for gone in [&of_sbom, &sbom, &signature] {
                reading.delete_manifest(&gone.digest, &job()).await.unwrap();
            }
            assert_eq!(found(&place, &subject.digest).await, [], "{kind:?}");
            // The reader's runtime must not be dropped within this one.
            std::mem::forget(reader);
        });
        assert_eq!(
            registry.client().tags(&repository),
            ["v1"],
            "{kind:?}: no list is left behind"
        );
    }
}

#[test]
fn other_tools_see_our_referrers_and_we_see_theirs() {
    // regctl would need the authority of those with TLS.
    let plain = |kind: &Kind| kind.open() && Registry::shared(*kind).ca_file().is_none();
    for kind in Kind::all().into_iter().filter(plain) {
        let registry = Registry::shared(kind);
        let repository = registry.unique("interop") + "/app";
        let image = ImageSpec::new(810).build();
        registry.push(&image, &repository, "v1");
        let name = format!("{}/{repository}:v1", registry.host());
        let program = Program::of(registry);
        let place = program.place(&registry.host(), &repository);
        let subject = program.resolve(&place, "v1").unwrap();
        let home = temp_dir();
        let regctl = || {
            let mut command = Command::new(tools::regctl());
            command
                .env("HOME", home.path())
                .env("DOCKER_CONFIG", home.path())
                .args(["--host", &format!("reg={},tls=disabled", registry.host())]);
            command
        };
        // First theirs, so that ours join a list that another tool made.
        let file = home.path().join("theirs.txt");
        std::fs::write(&file, "theirs").unwrap();
        tools::run(
            regctl()
                .args([
                    "artifact",
                    "put",
                    "--artifact-type",
                    "theirs/example",
                    "--subject",
                    &name,
                    "-f",
                ])
                .arg(&file),
        );
        let ours = program
            .runtime
            .block_on(attach(&place, &subject, "ours/example", "ours"));
        let types: Vec<Option<String>> = program
            .runtime
            .block_on(found(&place, &subject.digest))
            .into_iter()
            .map(|(_, kind)| kind)
            .collect();
        assert_eq!(types.len(), 2, "{kind:?}: {types:?}");
        assert!(types.contains(&Some("theirs/example".into())), "{kind:?}: {types:?}");
        let listed = tools::run(regctl().args(["artifact", "list", &name, "--format", "{{jsonPretty .}}"]));
        let listed: Value = serde_json::from_str(&listed).expect("JSON");
        let entries = listed["descriptors"].as_array().expect("a list").clone();
        assert_eq!(entries.len(), 2, "{kind:?}: {listed}");
        let seen = entries
            .iter()
            .find(|e| e["digest"] == ours.digest.as_str())
            .expect("ours");
        assert_eq!(seen["artifactType"], "ours/example", "{kind:?}");
        assert_eq!(seen["annotations"]["note"], "ours", "{kind:?}");
        let tree = tools::run(regctl().args(["artifact", "tree", &name]));
        assert!(tree.contains(ours.digest.as_str()), "{kind:?}: {tree}");
    }
}

#[test]
fn two_programs_that_attach_at_the_same_time_lose_nothing() {
    for kind in [Kind::Plain, Kind::Old].into_iter().filter(|kind| kind.available()) {
        let registry = Registry::shared(kind);
        let repository = registry.unique("race") + "/app";
        registry.push(&ImageSpec::new(820).build(), &repository, "v1");
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (host, repository) = (registry.host(), repository.clone());
                std::thread::spawn(move || {
                    // Nothing is shared: like processes of their own.
                    let program = Program::user(&[&host], &[]);
                    let place = program.place(&host, &repository);
                    let subject = program.resolve(&place, "v1").unwrap();
                    let put: Vec<String> = (0..3)
                        .map(|n| {
                            let content = format!("{worker}.{n}");
                            let root = program.runtime.block_on(attach(&place, &subject, "a/b", &content));
                            root.digest.to_string()
                        })
                        .collect();
                    (subject.digest, put)
                })
            })
            .collect();
        let mut expected = Vec::new();
        let mut subject = None;
        for worker in workers {
            let (of, put) = worker.join().expect("a worker");
            expected.extend(put);
            subject = Some(of);
        }
        expected.sort();
        let program = Program::of(registry);
        let place = program.place(&registry.host(), &repository);
        let listed: Vec<String> = program
            .runtime
            .block_on(found(&place, &subject.unwrap()))
            .into_iter()
            .map(|(digest, _)| digest)
            .collect();
        assert_eq!(listed, expected, "{kind:?}");
    }
}

#[test]
fn what_a_list_of_referrers_costs_is_known() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("cost") + "/app";
    registry.push(&ImageSpec::new(830).build(), &repository, "v1");
    let program = Program::of(registry);
    let place = program.place(&registry.host(), &repository);
    let subject = program.resolve(&place, "v1").unwrap();
    let mark = registry.mark();
    program.runtime.block_on(async {
        for _ in 0..3 {
            assert_eq!(found(&place, &subject.digest).await, []);
        }
    });
    let traffic = registry.since(mark).under(&repository);
    // One question to the endpoint that is not there, then the tag each time.
    assert_eq!(traffic.0.len(), 1 + 3, "{:?}", traffic.labels());
}

#[test]
fn a_throttled_or_broken_registry_is_never_taken_to_have_no_referrers() {
    let refusal = |status| Fault::Answer(http::Response::error(status, "DENIED", "no"));
    for fault in [Fault::Throttle(400), refusal(403), refusal(401)] {
        let registry = Registry::shared(Kind::Plain);
        let repository = registry.unique("throttled") + "/app";
        registry.push(&ImageSpec::new(840).build(), &repository, "v1");
        let proxy = Faulty::before(&registry.host());
        let program = Program::user(&[&proxy.host()], &[]);
        let place = program.place(&proxy.host(), &repository);
        let subject = program.resolve(&place, "v1").unwrap();
        let what = format!("{fault:?}");
        proxy.rule(Rule::new(fault));
        let listed = program
            .runtime
            .block_on(async { place.content(&job()).referrers(&subject.digest).await });
        assert!(listed.is_err(), "{what}: {listed:?}");
    }
}
