//! The registry with the referrers API does what the distribution specification 1.1 says, and so do oras and regctl with it.

use std::process::Command;

use serde_json::Value;

use crate::support::image::{OCI_INDEX, OCI_MANIFEST};
use crate::support::*;

/// An image with so many referrers of `signature/example`, and one of `sbom/example`.
fn subject(registry: &Registry, repository: &str, signatures: usize) -> (Image, Vec<Image>) {
    let image = ImageSpec::new(31).build();
    registry.push(&image, repository, "v1");
    let mut referrers: Vec<Image> = (0..signatures)
        .map(|n| Image::referrer(image.root(), "signature/example", format!("signature {n}").as_bytes()))
        .collect();
    referrers.push(Image::referrer(image.root(), "sbom/example", b"an SBOM"));
    for referrer in &referrers {
        registry.push(referrer, repository, referrer.digest());
    }
    (image, referrers)
}

fn listed(answer: &http::Response) -> Vec<String> {
    let index = answer.json();
    assert_eq!(answer.headers.get("Content-Type"), Some(OCI_INDEX));
    assert_eq!(index["mediaType"], OCI_INDEX);
    let list = index["manifests"].as_array().expect("a list");
    let mut digests: Vec<String> = list.iter().map(|d| d["digest"].as_str().unwrap().to_owned()).collect();
    digests.sort();
    digests
}

fn digests(images: &[Image]) -> Vec<String> {
    let mut all: Vec<String> = images.iter().map(|image| image.digest().to_owned()).collect();
    all.sort();
    all
}

#[test]
fn referrers_are_listed_with_their_type_and_a_push_says_whom_it_refers_to() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("native");
    let (image, referrers) = subject(registry, &repository, 2);
    let client = registry.client();
    let put = client.request(
        "PUT",
        &format!("/v2/{repository}/manifests/{}", referrers[0].digest()),
        &[("Content-Type", OCI_MANIFEST)],
        &referrers[0].root().bytes,
    );
    assert_eq!(
        (put.status, put.headers.get("OCI-Subject")),
        (201, Some(image.digest()))
    );
    let all = client.request(
        "GET",
        &format!("/v2/{repository}/referrers/{}", image.digest()),
        &[],
        b"",
    );
    assert_eq!(listed(&all), digests(&referrers));
    assert_eq!(all.headers.get("OCI-Filters-Applied"), None);
    for entry in all.json()["manifests"].as_array().unwrap() {
        let known = referrers.iter().find(|r| entry["digest"] == r.digest()).unwrap();
        assert_eq!(entry["artifactType"], known.root().json()["artifactType"]);
        assert_eq!(entry["size"], known.root().bytes.len());
    }
    let target = format!(
        "/v2/{repository}/referrers/{}?artifactType=sbom/example",
        image.digest()
    );
    let some = client.request("GET", &target, &[], b"");
    assert_eq!(listed(&some), digests(&referrers[2..]));
    assert_eq!(some.headers.get("OCI-Filters-Applied"), Some("artifactType"));
}

#[test]
fn what_nobody_refers_to_and_what_is_not_there_has_no_referrers_and_no_404() {
    let registry = Registry::shared(Kind::Native);
    let nowhere = format!("sha256:{}", "0".repeat(64));
    let repository = registry.unique("nobody");
    for round in 0..2 {
        let answer = registry
            .client()
            .request("GET", &format!("/v2/{repository}/referrers/{nowhere}"), &[], b"");
        assert_eq!((answer.status, listed(&answer).len()), (200, 0), "round {round}");
        registry.push(&ImageSpec::new(1).build(), &repository, "1");
    }
}

#[test]
fn pages_of_referrers_are_linked_and_complete() {
    let registry = Registry::shared(Kind::NativePaged);
    let repository = registry.unique("pages");
    let (image, referrers) = subject(registry, &repository, 4);
    for (filter, wanted, pages) in [
        ("", &referrers[..], 3),
        ("?artifactType=signature/example", &referrers[..4], 2),
    ] {
        let mut target = format!("/v2/{repository}/referrers/{}{filter}", image.digest());
        let mut found = Vec::new();
        let mut asked = 0;
        loop {
            let answer = registry.client().request("GET", &target, &[], b"");
            asked += 1;
            let page = listed(&answer);
            assert!(page.len() <= 2);
            found.extend(page);
            let Some(link) = answer.headers.get("Link") else { break };
            target = link.split(['<', '>']).nth(1).expect("an address").to_owned();
        }
        found.sort();
        assert_eq!((found, asked), (digests(wanted), pages), "{filter}");
    }
}

#[test]
fn the_bare_registry_leaves_out_what_it_is_known_to_leave_out() {
    let registry = Registry::shared(Kind::NativeBare);
    let repository = registry.unique("bare");
    let (image, referrers) = subject(registry, &repository, 1);
    let client = registry.client();
    let put = client.request(
        "PUT",
        &format!("/v2/{repository}/manifests/{}", referrers[0].digest()),
        &[("Content-Type", OCI_MANIFEST)],
        &referrers[0].root().bytes,
    );
    assert_eq!((put.status, put.headers.get("OCI-Subject")), (201, None));
    let target = format!(
        "/v2/{repository}/referrers/{}?artifactType=sbom/example",
        image.digest()
    );
    let all = client.request("GET", &target, &[], b"");
    assert_eq!(listed(&all), digests(&referrers), "the filter is ignored");
    assert_eq!(all.headers.get("OCI-Filters-Applied"), None);
}

#[test]
fn a_manifest_needs_its_blobs_and_goes_with_its_tags() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("strict");
    let (first, second) = (format!("{repository}/a"), format!("{repository}/b"));
    let image = ImageSpec::new(77).build();
    registry.push(&image, &first, "1");
    let put = |reference: &str| {
        let target = format!("/v2/{second}/manifests/{reference}");
        registry
            .client()
            .request("PUT", &target, &[("Content-Type", OCI_MANIFEST)], &image.root().bytes)
    };
    let refused = put("1");
    assert_eq!(refused.status, 400);
    assert_eq!(
        refused.json()["errors"][0]["code"],
        "MANIFEST_BLOB_UNKNOWN",
        "blobs of another repository do not count"
    );
    for blob in &image.blobs {
        let target = format!("/v2/{second}/blobs/uploads/?mount={}&from={first}", blob.digest);
        assert_eq!(registry.client().request("POST", &target, &[], b"").status, 201);
    }
    assert_eq!(put("1").status, 201);
    assert_eq!(put(&format!("sha256:{}", "1".repeat(64))).status, 400, "not its digest");
    assert_eq!(put("2").status, 201);
    assert_eq!(registry.client().tags(&second), ["1", "2"]);
    let gone = registry.client().request(
        "DELETE",
        &format!("/v2/{second}/manifests/{}", image.digest()),
        &[],
        b"",
    );
    assert_eq!(gone.status, 202);
    assert_eq!(registry.client().tags(&second), Vec::<String>::new());
    assert_eq!(registry.client().manifest(&second, "1"), None);
    assert_eq!(registry.client().tags(&first), ["1"]);
}

#[test]
fn blobs_can_be_read_from_any_byte_on() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("ranges");
    let bytes = image::random_bytes(5, 100_000);
    let digest = registry.client().push_blob(&repository, &bytes);
    let target = format!("/v2/{repository}/blobs/{digest}");
    for (range, wanted) in [("bytes=99990-", &bytes[99_990..]), ("bytes=10-19", &bytes[10..20])] {
        let answer = registry.client().request("GET", &target, &[("Range", range)], b"");
        assert_eq!((answer.status, answer.body.as_slice()), (206, wanted), "{range}");
    }
}

#[test]
fn other_clients_find_the_referrers() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("others");
    let (image, referrers) = subject(registry, &repository, 2);
    let name = format!("{}/{repository}:v1", registry.host());
    let digests_in = |list: &Value| {
        let mut all: Vec<String> = list
            .as_array()
            .expect("a list")
            .iter()
            .map(|entry| entry["digest"].as_str().expect("a digest").to_owned())
            .collect();
        all.sort();
        all
    };
    let by_orasgo = tools::run(Command::new(tools::orasgo()).args(["discover", &name]));
    let by_orasgo: Value = serde_json::from_str(&by_orasgo).unwrap();
    assert_eq!(by_orasgo["digest"], image.digest());
    assert_eq!(digests_in(&by_orasgo["referrers"]), digests(&referrers));
    if !tools::without("oras") {
        let flags = ["discover", "--plain-http", "--format", "json", &name];
        let by_oras: Value = serde_json::from_str(&tools::run(Command::new(tools::oras()).args(flags))).unwrap();
        assert_eq!(digests_in(&by_oras["referrers"]), digests(&referrers));
    }
}
