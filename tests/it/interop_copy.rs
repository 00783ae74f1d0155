//! With oras, oras-go, crane, regctl and skopeo on the other side: graphs that one copies, with what refers to them, the
//! others find whole; image layouts are the same to everybody.

use serde_json::Value;

use super::interop::{found, manifest};
use crate::support::image::OCI_INDEX;
use crate::support::*;

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
