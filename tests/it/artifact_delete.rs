//! `artifact delete`: what goes, what stays, what is refused, and that nothing is left of a whole graph.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::documents::fits;
use crate::support::http::Response;
use crate::support::referring::{Signed, refer};
use crate::support::*;

fn deleted(document: &Value) -> Vec<&str> {
    let list = document["deleted"].as_array().expect("a list");
    list.iter().map(|entry| entry["digest"].as_str().unwrap()).collect()
}

fn there(registry: &Registry, repository: &str, digests: &[&str]) -> Vec<bool> {
    let client = registry.client();
    digests
        .iter()
        .map(|digest| client.manifest(repository, digest).is_some())
        .collect()
}

#[test]
fn a_whole_graph_goes_referrers_first_and_nothing_is_left() {
    for kind in [Kind::Plain, Kind::Old, Kind::Native] {
        if !kind.available() {
            continue;
        }
        let registry = Registry::shared(kind);
        let repository = registry.unique("delete");
        let signed = Signed::over(ImageSpec::new(461).multi_platform());
        signed.push(registry, &repository, "v1");
        let child = Image::referrer(&signed.image.manifests[0], "signature/example", b"of a child");
        registry.push(&child, &repository, child.digest());
        if kind != Kind::Native {
            let subject = Image {
                manifests: vec![signed.image.manifests[0].clone()],
                ..signed.image.clone()
            };
            refer(registry, &repository, &subject, &[&child]);
        }
        let project = Project::new();
        let reference = format!("{}/{repository}:v1", registry.host());
        let out = project
            .run(&["artifact", "delete", "--graph", "--yes", "--json", &reference])
            .ok();
        let document = out.json();
        fits(&project, "delete", &document);
        let order = deleted(&document);
        assert_eq!(
            order.last(),
            Some(&signed.image.digest()),
            "{kind:?}: the root goes last"
        );
        let at = |digest: &str| order.iter().position(|held| *held == digest).expect(digest);
        assert!(
            at(signed.sbom_signature.digest()) < at(signed.sbom.digest()),
            "{kind:?}"
        );
        assert!(at(child.digest()) < at(&signed.image.manifests[0].digest), "{kind:?}");
        assert_eq!(order.len(), signed.image.manifests.len() + 4, "{kind:?}: {document:#}");
        assert!(
            there(registry, &repository, &order).iter().all(|there| !there),
            "{kind:?}"
        );
        assert_eq!(
            registry.client().tags(&repository),
            Vec::<String>::new(),
            "{kind:?}: no list is left"
        );
        project
            .run(&["artifact", "delete", "--graph", "--yes", &reference])
            .expect(4)
            .says("404");
    }
}

#[test]
fn what_is_referred_to_is_refused_with_who_refers_and_nothing_is_lost() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let signed = Signed::new(462);
    signed.push(registry, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    project
        .run(&["artifact", "delete", "--yes", &reference])
        .expect(4)
        .says("2 manifests refer to it")
        .says(signed.sbom.digest())
        .says("sbom/example")
        .says("--graph");
    assert_eq!(there(registry, &repository, &signed.digests()), [true; 4]);
    // A referrer alone goes, and is taken off the list.
    let signature = format!("{}/{repository}@{}", registry.host(), signed.signature.digest());
    project.run(&["artifact", "delete", "--yes", &signature]).ok();
    let left = project.run(&["artifact", "discover", "--json", &reference]).ok().json();
    assert_eq!(left["referrers"].as_array().map(Vec::len), Some(1));
    assert_eq!(left["referrers"][0]["digest"], signed.sbom.digest());
}

#[test]
fn what_an_index_names_is_refused_and_a_child_that_others_need_stays() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("delete");
    let (a, b, c) = (
        ImageSpec::new(463).build(),
        ImageSpec::new(464).platform("linux", "arm64").build(),
        ImageSpec::new(465).platform("linux", "s390x").build(),
    );
    let one = Image::index(&[a.clone(), b.clone(), c.clone()]);
    let two = Image::index(std::slice::from_ref(&b));
    registry.push(&one, &repository, "one");
    registry.push(&two, &repository, "two");
    registry.push(&c, &repository, "single");
    let project = Project::new();
    let place = format!("{}/{repository}", registry.host());
    project
        .run(&["artifact", "delete", "--yes", "--graph", &format!("{place}:single")])
        .expect(4)
        .says("an index names it")
        .says(one.digest());
    let document = project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--graph",
            "--json",
            &format!("{place}:one"),
        ])
        .ok()
        .json();
    let gone: BTreeSet<&str> = deleted(&document).into_iter().collect();
    assert_eq!(gone, BTreeSet::from([a.digest(), one.digest()]));
    let kept: BTreeSet<&str> = document["kept"]
        .as_array()
        .unwrap()
        .iter()
        .map(|k| k["digest"].as_str().unwrap())
        .collect();
    assert_eq!(kept, BTreeSet::from([b.digest(), c.digest()]));
    assert_eq!(
        there(registry, &repository, &[a.digest(), b.digest(), c.digest()]),
        [false, true, true]
    );
    assert_eq!(registry.client().pull(&repository, "two"), Some(two));
}

#[test]
fn an_index_alone_goes_without_its_children() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let image = ImageSpec::new(466).multi_platform();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let document = project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--json",
            &format!("{}/{repository}:v1", registry.host()),
        ])
        .ok()
        .json();
    assert_eq!(deleted(&document), [image.digest()]);
    assert_eq!(
        document["kept"].as_array().map(Vec::len),
        Some(image.manifests.len() - 1)
    );
    assert_eq!(
        there(registry, &repository, &[image.digest(), &image.manifests[0].digest]),
        [false, true]
    );
}

#[test]
fn a_tag_whose_manifest_has_others_is_refused_and_the_digest_takes_them_all() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let image = ImageSpec::new(467).build();
    for tag in ["1.0", "1", "latest"] {
        registry.push(&image, &repository, tag);
    }
    let project = Project::new();
    let place = format!("{}/{repository}", registry.host());
    project
        .run(&["artifact", "delete", "--yes", &format!("{place}:1.0")])
        .expect(4)
        .says("would also delete 1, latest")
        .says(&format!("{place}@{}", image.digest()));
    assert_eq!(registry.client().tags(&repository).len(), 3);
    let document = project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--json",
            &format!("{place}@{}", image.digest()),
        ])
        .ok()
        .json();
    assert_eq!(document["deleted"][0]["tags"], json!(["1", "1.0", "latest"]));
    assert_eq!(registry.client().tags(&repository), Vec::<String>::new());
}

#[test]
fn nobody_is_asked_without_a_terminal() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let image = ImageSpec::new(468).build();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    project
        .run(&["artifact", "delete", &reference])
        .expect(64)
        .says("--yes");
    project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            &format!("{}/{repository}", registry.host()),
        ])
        .expect(64)
        .says("no tag and no digest");
    assert_eq!(there(registry, &repository, &[image.digest()]), [true]);
}

#[cfg(unix)]
#[test]
fn on_a_terminal_the_graph_is_shown_and_no_answer_is_no() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let image = ImageSpec::new(469).build();
    registry.push(&image, &repository, "v1");
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    let (code, screen) = terminal::answer(project.aosm(&["artifact", "delete", &reference]).into_command(), "\n");
    assert_eq!(code, 0, "{screen}");
    assert!(
        screen.contains("1 manifest will go") && screen.contains("nothing was deleted"),
        "{screen}"
    );
    assert_eq!(there(registry, &repository, &[image.digest()]), [true]);
    let (code, screen) = terminal::answer(project.aosm(&["artifact", "delete", &reference]).into_command(), "y\n");
    assert_eq!(code, 0, "{screen}");
    assert_eq!(there(registry, &repository, &[image.digest()]), [false]);
}

#[test]
fn a_registry_that_says_405_and_one_that_fails_half_way_are_clear_errors() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("delete");
    let signed = Signed::new(470);
    signed.push(registry, &repository, "v1");
    let project = Project::new();
    let proxy = Faulty::before(&registry.host());
    let refusal = Response::error(405, "UNSUPPORTED", "The operation is unsupported.");
    proxy.rule(Rule::new(Fault::Answer(refusal)).on("DELETE manifest"));
    let reference = format!("{}/{repository}:v1", proxy.host());
    project
        .run(&["artifact", "delete", "--yes", "--graph", &reference])
        .expect(5)
        .says("does not allow deletion")
        .says("REGISTRY_STORAGE_DELETE_ENABLED");
    assert_eq!(there(registry, &repository, &signed.digests()), [true; 4]);

    // The root cannot be deleted: what went is told, and the rest can be tried again.
    proxy.clear();
    let root = signed.image.digest().to_owned();
    let denied = Response::error(403, "DENIED", "not this one");
    proxy.rule(
        Rule::new(Fault::Answer(denied))
            .on("DELETE manifest")
            .when(move |entry| entry.reference == root),
    );
    project
        .run(&["artifact", "delete", "--yes", "--graph", &reference])
        .expect(5)
        .says("deleted 3 manifests of 4");
    assert_eq!(
        there(registry, &repository, &signed.digests()),
        [true, false, false, false]
    );
    proxy.clear();
    project
        .run(&["artifact", "delete", "--yes", "--graph", &reference])
        .ok();
    assert_eq!(there(registry, &repository, &signed.digests()), [false; 4]);
}

#[test]
fn who_cannot_tell_what_refers_to_it_deletes_nothing() {
    let registry = Registry::shared(Kind::Native);
    let repository = registry.unique("delete");
    let signed = Signed::new(471);
    signed.push(registry, &repository, "v1");
    let project = Project::new();
    let proxy = Faulty::before(&registry.host());
    proxy.rule(Rule::new(Fault::Answer(Response::error(403, "DENIED", "no"))).on("GET referrers"));
    for more in [&["--graph"][..], &[]] {
        let reference = format!("{}/{repository}:v1", proxy.host());
        let mut arguments = vec!["artifact", "delete", "--yes", reference.as_str()];
        arguments.extend(more);
        project.run(&arguments).expect(5).says("403");
    }
    assert_eq!(there(registry, &repository, &signed.digests()), [true; 4]);
}

#[test]
fn cosign_tags_go_with_the_graph() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("delete");
    let (image, signature) = (ImageSpec::new(472).build(), ImageSpec::new(473).build());
    registry.push(&image, &repository, "v1");
    let tag = format!("{}.sig", image.digest().replace(':', "-"));
    registry.push(&signature, &repository, &tag);
    let project = Project::new();
    let reference = format!("{}/{repository}:v1", registry.host());
    project
        .run(&["artifact", "delete", "--yes", &reference])
        .expect(4)
        .says("refers to it")
        .says(signature.digest());
    project
        .run(&["artifact", "delete", "--yes", "--graph", &reference])
        .ok();
    assert_eq!(registry.client().tags(&repository), Vec::<String>::new());
    assert_eq!(there(registry, &repository, &[signature.digest()]), [false]);
}

#[test]
fn in_a_layout_names_of_other_repositories_count_too() {
    let project = Project::new();
    let (image, other) = (ImageSpec::new(474).build(), ImageSpec::new(475).build());
    layout::write(
        &project.path("lay"),
        &[("a:1", &image), ("b:1", &image), ("c:1", &other)],
    );
    project
        .run(&["artifact", "delete", "--yes", "oci:lay:a:1"])
        .expect(4)
        .says("would also delete b:1");
    assert_eq!(layout::names(&project.path("lay")), ["a:1", "b:1", "c:1"]);
    project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--graph",
            &format!("oci:lay@{}", image.digest()),
        ])
        .ok();
    assert_eq!(layout::names(&project.path("lay")), ["c:1"]);
    assert_eq!(layout::read(&project.path("lay"), "c:1").unwrap().root(), other.root());
}

#[test]
fn at_acr_a_tag_can_be_taken_off_alone_and_what_is_locked_stays() {
    let registry = Registry::shared(Kind::Native);
    let acr = Acr::before(registry);
    let repository = registry.unique("acr-delete") + "/app";
    let image = ImageSpec::new(476).build();
    let client = Client::plain(&acr.host());
    for tag in ["v1", "v2"] {
        client.push(&image, &repository, tag);
    }
    let project = Project::new();
    let place = format!("{}/{repository}", acr.host());
    project
        .run(&["artifact", "delete", "--yes", &format!("{place}:v1")])
        .expect(4)
        .says("would also delete v2");
    let document = project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--tag-only",
            "--json",
            &format!("{place}:v1"),
        ])
        .ok()
        .json();
    fits(&project, "delete", &document);
    assert_eq!(
        (&document["untagged"], &document["deleted"]),
        (&json!("v1"), &json!([]))
    );
    let tags = project.run(&["artifact", "tags", &place]).ok().stdout;
    assert_eq!(tags, "v2\n");
    let by_digest = format!("{place}@{}", image.digest());
    project
        .run(&["artifact", "delete", "--yes", "--tag-only", &by_digest])
        .expect(64)
        .says("this is a digest");
    acr.set_attributes(&repository, "v2", acr_records::Attributes::locked());
    project
        .run(&["artifact", "delete", "--yes", &format!("{place}:v2")])
        .expect(5)
        .says("405");
    assert!(client.manifest(&repository, image.digest()).is_some());

    let plain = Registry::shared(Kind::Plain);
    let elsewhere = plain.unique("delete");
    plain.push(&image, &elsewhere, "v1");
    project
        .run(&[
            "artifact",
            "delete",
            "--yes",
            "--tag-only",
            &format!("{}/{elsewhere}:v1", plain.host()),
        ])
        .expect(4)
        .says("only Azure Container Registry");
}
