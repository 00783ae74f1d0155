//! Referrers over the fake: where they are read, when the fallback list is, what a push leaves behind.

use serde_json::{Value, json};

use super::fake::{Fake, FakeHost, Fault};
use super::lists::{Lists, entry};
use super::*;
use crate::oci::registry::{RegistryPlace, fallback_tag};
use crate::oci::{ErrorKind, Place as _};

pub const HOST: &str = "refers.test";
pub const REPOSITORY: &str = "net-monitor";

pub fn fake(native: bool) -> Fake {
    let lists = Lists {
        native,
        ..Lists::default()
    };
    Fake::default().host(
        HOST,
        FakeHost {
            lists,
            ..FakeHost::default()
        },
    )
}

/// One program's view of the registry: it knows nothing of what others learnt.
pub fn place(fake: &Fake) -> RegistryPlace {
    let client = registries(fake).client(HOST, Auth::Anonymous).unwrap();
    RegistryPlace::new(client, REPOSITORY).unwrap()
}

/// A manifest that refers to a subject.
pub fn referrer(subject: &Descriptor, kind: &str, note: &str) -> (Descriptor, Bytes) {
    let text = json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": kind,
        "config": { "mediaType": "application/vnd.oci.empty.v1+json", "digest": Digest::of(b"{}").to_string(), "size": 2 },
        "layers": [],
        "subject": { "mediaType": subject.media_type, "digest": subject.digest.to_string(), "size": subject.size },
        "annotations": { "note": note },
    });
    let bytes = Bytes::from(serde_json::to_vec(&text).unwrap());
    (Descriptor::of(OCI_MANIFEST, &bytes), bytes)
}

/// An image, and the blob that all referrers have.
pub fn subject(fake: &Fake) -> Descriptor {
    fake.with(HOST, |host| {
        let blobs = host.held.blobs.entry(REPOSITORY.to_owned()).or_default();
        blobs.insert(Digest::of(b"{}"), Bytes::from_static(b"{}"));
    });
    plant(fake, HOST, REPOSITORY, "v1", 1, 1, 7)
}

/// Puts a manifest there behind everybody's back.
pub fn plant_referrer(fake: &Fake, of: &Descriptor, kind: &str, note: &str) -> Descriptor {
    let (descriptor, bytes) = referrer(of, kind, note);
    fake.with(HOST, |host| {
        put(
            host,
            REPOSITORY,
            OCI_MANIFEST,
            String::from_utf8(bytes.to_vec()).unwrap(),
        );
    });
    descriptor
}

/// Writes the fallback list with these entries behind everybody's back.
pub fn plant_list(fake: &Fake, of: &Descriptor, entries: &[Value]) {
    let list = json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "x-of-others": [1], "manifests": entries });
    fake.with(HOST, |host| {
        let held = put(host, REPOSITORY, OCI_INDEX, list.to_string());
        let tag = (REPOSITORY.to_owned(), fallback_tag(&of.digest));
        host.held.tags.insert(tag, held.digest);
    });
}

pub fn listed_entry(fake: &Fake, of: &Descriptor) -> Value {
    fake.with(HOST, |host| {
        let (media_type, bytes) = &host.held.manifests[REPOSITORY][&of.digest];
        entry(&of.digest, media_type, bytes)
    })
}

/// The fallback list as it is held now.
pub fn held_list(fake: &Fake, of: &Descriptor) -> Option<Value> {
    fake.with(HOST, |host| {
        let digest = host.held.tags.get(&(REPOSITORY.to_owned(), fallback_tag(&of.digest)))?;
        let (media_type, bytes) = &host.held.manifests[REPOSITORY][digest];
        assert_eq!(media_type, OCI_INDEX);
        Some(serde_json::from_slice(bytes).unwrap())
    })
}

pub fn held_digests(fake: &Fake, of: &Descriptor) -> Vec<String> {
    let list = held_list(fake, of).unwrap_or_else(|| json!({ "manifests": [] }));
    let mut digests: Vec<String> = list["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["digest"].as_str().unwrap().to_owned())
        .collect();
    digests.sort();
    digests
}

pub fn sorted_digests<'a>(of: impl IntoIterator<Item = &'a Descriptor>) -> Vec<String> {
    let mut digests: Vec<String> = of.into_iter().map(|d| d.digest.to_string()).collect();
    digests.sort();
    digests
}

async fn list(place: &RegistryPlace, of: &Descriptor) -> Result<Vec<Descriptor>, OciError> {
    place.content(&job()).referrers(&of.digest).await
}

#[tokio::test(start_paused = true)]
async fn a_registrys_own_list_is_read_in_all_its_pages_and_nothing_else_is_asked() {
    let fake = fake(true);
    fake.with(HOST, |host| host.lists.page = 2);
    let image = subject(&fake);
    let planted: Vec<Descriptor> = (0..5)
        .map(|n| plant_referrer(&fake, &image, "signature/example", &n.to_string()))
        .collect();
    let place = place(&fake);
    let found = list(&place, &image).await.unwrap();
    assert_eq!(sorted_digests(&found), sorted_digests(&planted));
    assert!(found.iter().all(|f| f.artifact_type() == Some("signature/example")));
    assert!(found.iter().all(|f| f.annotations.contains_key("note")));
    assert!(found.is_sorted_by(|a, b| a.digest < b.digest), "sorted by digest");
    assert_eq!(fake.seen().len(), 3);
    assert_eq!(list(&place, &planted[0]).await.unwrap(), []);
    assert_eq!(fake.count(HOST, "/manifests/"), 0);
}

#[tokio::test(start_paused = true)]
async fn where_there_is_no_list_of_its_own_the_tag_is_read_and_the_registry_not_asked_again() {
    let fake = fake(false);
    let image = subject(&fake);
    let signature = plant_referrer(&fake, &image, "signature/example", "a");
    plant_list(&fake, &image, &[listed_entry(&fake, &signature)]);
    let place = place(&fake);
    let found = list(&place, &image).await.unwrap();
    assert_eq!(sorted_digests(&found), sorted_digests([&signature]));
    assert_eq!(found[0].artifact_type(), Some("signature/example"));
    assert_eq!(list(&place, &signature).await.unwrap(), []);
    assert_eq!(fake.count(HOST, "/referrers/"), 1, "{:?}", fake.seen());
    assert_eq!(fake.seen().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_404_about_the_repository_says_nothing_about_the_next_one() {
    let fake = fake(true);
    let image = subject(&fake);
    let unknown = r#"{"errors":[{"code":"NAME_UNKNOWN","message":"unknown"}]}"#;
    fake.order(move |_, number| (number == 0).then(|| Fault::Status(404, vec![], unknown)));
    let signature = plant_referrer(&fake, &image, "signature/example", "a");
    let place = place(&fake);
    assert_eq!(list(&place, &image).await.unwrap(), []);
    assert_eq!(
        sorted_digests(&list(&place, &image).await.unwrap()),
        sorted_digests([&signature])
    );
}

#[tokio::test(start_paused = true)]
async fn none_is_never_said_when_nobody_could_tell() {
    type Answer = (&'static str, u16, Option<&'static str>, &'static str, ErrorKind);
    let table: [Answer; 10] = [
        ("unauthorized", 401, None, "", ErrorKind::Denied),
        ("forbidden", 403, None, "", ErrorKind::Denied),
        ("throttled", 429, None, "", ErrorKind::Throttled),
        ("broken", 500, None, "", ErrorKind::Server),
        ("not available", 503, None, "", ErrorKind::Server),
        ("bad request", 400, None, "", ErrorKind::Protocol),
        (
            "a page for people",
            200,
            Some("text/html"),
            "<html></html>",
            ErrorKind::Protocol,
        ),
        (
            "another manifest",
            200,
            Some(OCI_MANIFEST),
            "{\"schemaVersion\":2}",
            ErrorKind::Protocol,
        ),
        (
            "no index",
            200,
            Some(OCI_INDEX),
            "{\"message\":\"try later\"}",
            ErrorKind::Protocol,
        ),
        ("no JSON", 200, Some(OCI_INDEX), "later", ErrorKind::Protocol),
    ];
    for (what, status, media_type, body, kind) in table {
        // The registry's own list, and the list under the tag.
        for part in ["/referrers/", "/manifests/sha256-"] {
            let fake = fake(false);
            let image = subject(&fake);
            fake.order(move |seen, _| {
                let headers = media_type
                    .map(|text| ("content-type", text.to_owned()))
                    .into_iter()
                    .collect();
                (seen.url.path().contains(part)).then_some(Fault::Status(status, headers, body))
            });
            let error = list(&place(&fake), &image).await.unwrap_err();
            assert_eq!(error.kind, kind, "{what} at {part}: {error}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn entries_that_do_not_say_what_they_are_are_looked_at() {
    let fake = fake(false);
    let image = subject(&fake);
    let (a, b) = (
        plant_referrer(&fake, &image, "signature/example", "a"),
        plant_referrer(&fake, &image, "", "b"),
    );
    let strip = |mut entry: Value| {
        entry.as_object_mut().unwrap().remove("artifactType");
        entry.as_object_mut().unwrap().remove("annotations");
        entry
    };
    let gone = json!({ "mediaType": OCI_MANIFEST, "digest": Digest::of(b"gone").to_string(), "size": 4 });
    let index = json!({ "mediaType": OCI_INDEX, "digest": Digest::of(b"an index").to_string(), "size": 8 });
    plant_list(
        &fake,
        &image,
        &[
            strip(listed_entry(&fake, &a)),
            strip(listed_entry(&fake, &b)),
            gone,
            index.clone(),
        ],
    );
    let found = list(&place(&fake), &image).await.unwrap();
    assert_eq!(found.len(), 3, "what is not there refers to nothing: {found:?}");
    let of = |digest: &Digest| found.iter().find(|f| f.digest == *digest).unwrap();
    assert_eq!(of(&a.digest).artifact_type(), Some("signature/example"));
    assert_eq!(of(&a.digest).annotations["note"], "a");
    assert_eq!(
        of(&b.digest).artifact_type(),
        Some("application/vnd.oci.empty.v1+json"),
        "that of its config"
    );
    assert_eq!(of(&Digest::of(b"an index")).artifact_type(), None);
    assert_eq!(
        fake.count(HOST, "/manifests/sha256:"),
        3,
        "an index may have no type: it is not read"
    );
}

#[tokio::test(start_paused = true)]
async fn a_push_is_enough_where_the_registry_says_that_it_knows_the_subject() {
    let fake = fake(true);
    let image = subject(&fake);
    let (descriptor, bytes) = referrer(&image, "sbom/example", "x");
    place(&fake)
        .target()
        .put_manifest(&descriptor, bytes, &job())
        .await
        .unwrap();
    assert_eq!(held_list(&fake, &image), None);
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_push_to_any_other_registry_is_put_on_the_list_under_the_tag() {
    let fake = fake(false);
    let image = subject(&fake);
    let place = place(&fake);
    let (first, bytes) = referrer(&image, "sbom/example", "first");
    place.target().put_manifest(&first, bytes, &job()).await.unwrap();
    let list = held_list(&fake, &image).expect("a list");
    assert_eq!(list["schemaVersion"], 2);
    assert_eq!(list["mediaType"], OCI_INDEX);
    assert_eq!(list["manifests"], json!([listed_entry(&fake, &first)]));
    // A second one, by a tag of its own.
    let (second, bytes) = referrer(&image, "sbom/example", "second");
    place
        .target()
        .tag("signed", &second, Some(bytes.clone()), &Guard::Create, &job())
        .await
        .unwrap();
    assert_eq!(held_digests(&fake, &image), sorted_digests([&first, &second]));
    // Again: nothing is written to the list.
    fake.forget_seen();
    place.target().put_manifest(&second, bytes, &job()).await.unwrap();
    assert_eq!(fake.count(HOST, "PUT /v2/net-monitor/manifests/sha256-"), 0);
}

#[tokio::test(start_paused = true)]
async fn what_others_wrote_on_the_list_stays_as_it_is() {
    let fake = fake(false);
    let image = subject(&fake);
    let theirs = plant_referrer(&fake, &image, "signature/example", "theirs");
    let mut odd = listed_entry(&fake, &theirs);
    odd["x-odd"] = json!({ "b": 1, "a": [null] });
    plant_list(&fake, &image, &[odd.clone()]);
    let (ours, bytes) = referrer(&image, "sbom/example", "ours");
    place(&fake).target().put_manifest(&ours, bytes, &job()).await.unwrap();
    let list = held_list(&fake, &image).unwrap();
    assert_eq!(list["manifests"], json!([odd, listed_entry(&fake, &ours)]));
    assert_eq!(list["x-of-others"], json!([1]));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_cannot_be_read_is_an_error_and_is_not_overwritten() {
    let fake = fake(false);
    let image = subject(&fake);
    fake.with(HOST, |host| {
        let other = put(host, REPOSITORY, OCI_MANIFEST, "{\"schemaVersion\":2}".to_owned());
        host.held
            .tags
            .insert((REPOSITORY.to_owned(), fallback_tag(&image.digest)), other.digest);
    });
    let (ours, bytes) = referrer(&image, "sbom/example", "ours");
    let error = place(&fake)
        .target()
        .put_manifest(&ours, bytes, &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ErrorKind::Protocol, "{error}");
    assert!(error.hint.is_some());
    assert_eq!(fake.count(HOST, "PUT /v2/net-monitor/manifests/sha256-"), 0);
}

#[tokio::test(start_paused = true)]
async fn a_registry_that_acknowledges_but_keeps_no_list_is_not_believed() {
    let fake = fake(false);
    let image = subject(&fake);
    let place = place(&fake);
    assert_eq!(list(&place, &image).await.unwrap(), []);
    let header = image.digest.to_string();
    fake.order(move |seen, _| (seen.method == "PUT").then(|| Fault::Header("oci-subject", Some(header.clone()))));
    let (ours, bytes) = referrer(&image, "sbom/example", "ours");
    place.target().put_manifest(&ours, bytes, &job()).await.unwrap();
    assert_eq!(held_digests(&fake, &image), sorted_digests([&ours]));
}

#[tokio::test(start_paused = true)]
async fn a_referrer_that_a_killed_run_did_not_list_is_noticed_and_put_again() {
    let fake = fake(false);
    let image = subject(&fake);
    let (ours, bytes) = referrer(&image, "sbom/example", "ours");
    fake.with(HOST, |host| {
        put(
            host,
            REPOSITORY,
            OCI_MANIFEST,
            String::from_utf8(bytes.to_vec()).unwrap(),
        )
    });
    let target = place(&fake).target();
    assert!(target.has_manifest(&ours, &job()).await.unwrap());
    assert!(
        !target
            .lists_referrer(&image.digest, &ours.digest, &job())
            .await
            .unwrap()
    );
    target.put_manifest(&ours, bytes, &job()).await.unwrap();
    fake.forget_seen();
    assert!(
        target
            .lists_referrer(&image.digest, &ours.digest, &job())
            .await
            .unwrap()
    );
    assert_eq!(fake.seen().len(), 0, "what this run listed is not asked about");
}

#[tokio::test(start_paused = true)]
async fn a_deleted_referrer_leaves_the_list_and_the_last_one_takes_it_along() {
    for deletes_lists in [true, false] {
        let fake = fake(false);
        let image = subject(&fake);
        let place = place(&fake);
        let mut put = Vec::new();
        for note in ["a", "b"] {
            let (ours, bytes) = referrer(&image, "sbom/example", note);
            place.target().put_manifest(&ours, bytes, &job()).await.unwrap();
            put.push(ours);
        }
        place.delete_manifest(&put[0].digest, &job()).await.unwrap();
        assert_eq!(held_digests(&fake, &image), sorted_digests([&put[1]]));
        if !deletes_lists {
            // Nobody may delete the list itself.
            let list = fake.with(HOST, |host| {
                host.held.tags[&(REPOSITORY.to_owned(), fallback_tag(&image.digest))].to_string()
            });
            fake.order(move |seen, _| {
                (seen.method == "DELETE" && seen.url.path().ends_with(&list)).then(|| Fault::Status(405, vec![], ""))
            });
        }
        place.delete_manifest(&put[1].digest, &job()).await.unwrap();
        let left = held_list(&fake, &image).map(|list| list["manifests"].clone());
        assert_eq!(left, (!deletes_lists).then(|| json!([])));
        assert_eq!(list(&place, &image).await.unwrap(), []);
        assert!(fake.verify(HOST, REPOSITORY, "v1").is_ok(), "the subject stays");
    }
}
