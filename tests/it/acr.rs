//! ACR's own API: the stand-in answers as the reference says, and the product makes of it what it can.

use serde_json::{Value, json};

use crate::support::acr_records::Attributes;
use crate::support::client::Login;
use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

/// A stand-in before a shared registry, a client of it, and a repository with two tagged images and an untagged one.
struct Filled {
    acr: Acr,
    client: Client,
    repository: String,
    images: Vec<Image>,
}

fn filled(kind: Kind, name: &str) -> Filled {
    let registry = Registry::shared(kind);
    let acr = Acr::before(registry);
    let mut client = Client::plain(&acr.host());
    if kind.token() {
        client = client.with_login(Login::Minted(registry.authority()));
    }
    let repository = registry.unique(name) + "/app";
    let images: Vec<Image> = (60..63).map(|seed| ImageSpec::new(seed).build()).collect();
    client.push(&images[0], &repository, "v1");
    client.push(&images[1], &repository, "v2");
    // What was v1 has no tag any more.
    client.push(&images[2], &repository, "v1");
    Filled {
        acr,
        client,
        repository,
        images,
    }
}

impl Filled {
    fn get(&self, path: &str) -> http::Response {
        self.client.request("GET", path, &[], b"")
    }
}

#[test]
fn repositories_tags_and_manifests_are_listed_untagged_ones_as_well() {
    let filled = filled(Kind::Native, "acr");
    let repository = &filled.repository;
    assert_eq!(
        filled.get("/acr/v1/_catalog").json(),
        json!({"repositories": [repository]})
    );
    let about = filled.get(&format!("/acr/v1/{repository}")).json();
    assert_eq!(about["registry"], filled.acr.host());
    assert_eq!(
        (&about["imageName"], &about["manifestCount"], &about["tagCount"]),
        (&json!(repository), &json!(3), &json!(2))
    );
    let tags = filled.get(&format!("/acr/v1/{repository}/_tags")).json();
    let named: Vec<(&Value, &Value)> = tags["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| (&t["name"], &t["digest"]))
        .collect();
    let (third, second) = (json!(filled.images[2].digest()), json!(filled.images[1].digest()));
    assert_eq!(named, [(&json!("v1"), &third), (&json!("v2"), &second)]);
    assert!(tags["tags"][0]["createdTime"].as_str() < tags["tags"][0]["lastUpdateTime"].as_str());
    let manifests = filled.get(&format!("/acr/v1/{repository}/_manifests")).json();
    for image in &filled.images {
        let list = manifests["manifests"].as_array().unwrap();
        let entry = list.iter().find(|m| m["digest"] == image.digest()).expect("a manifest");
        assert_eq!(entry["imageSize"], image.size());
        assert_eq!(entry.get("tags").is_none(), image.digest() == filled.images[0].digest());
        assert_eq!(entry["changeableAttributes"]["deleteEnabled"], true);
        let time = entry["createdTime"].as_str().unwrap();
        assert!(
            time.starts_with("20") && time.len() == "2018-09-06T06:17:20.9983915Z".len(),
            "{time}"
        );
    }
    let one = filled
        .get(&format!(
            "/acr/v1/{repository}/_manifests/{}",
            filled.images[1].digest()
        ))
        .json();
    assert_eq!(one["manifest"]["tags"], json!(["v2"]));
    assert_eq!(
        filled.get(&format!("/acr/v1/{repository}/_tags/v2")).json()["tag"]["digest"],
        second
    );
    for absent in ["/acr/v1/nobody", "/acr/v1/nobody/_tags", "/acr/v1/nobody/_manifests"] {
        assert_eq!(filled.get(absent).status, 404, "{absent}");
    }
}

#[test]
fn lists_come_in_pages_that_are_linked() {
    let filled = filled(Kind::Native, "acr-pages");
    filled.acr.set_page(1);
    for (what, wanted) in [("_tags", 2), ("_manifests", 3), ("_manifests?orderby=timedesc&n=7", 3)] {
        let mut next = Some(format!("/acr/v1/{}/{what}", filled.repository));
        let mut seen = Vec::new();
        while let Some(path) = next {
            let answer = filled.get(&path);
            let json = answer.json();
            let list = json[if what == "_tags" { "tags" } else { "manifests" }]
                .as_array()
                .unwrap()
                .clone();
            assert_eq!(list.len(), 1, "{path}");
            seen.extend(list);
            let link = answer.headers.get("Link").map(str::to_owned);
            next = link.map(|link| link.split(['<', '>']).nth(1).unwrap().to_owned());
        }
        seen.dedup();
        assert_eq!(seen.len(), wanted, "{what}");
        if what.contains("timedesc") {
            assert!(seen[0]["lastUpdateTime"].as_str() > seen[2]["lastUpdateTime"].as_str());
        }
    }
}

#[test]
fn the_right_to_read_metadata_is_asked_for() {
    let filled = filled(Kind::Token, "acr-rights");
    let registry = Registry::shared(Kind::Token);
    let path = format!("/acr/v1/{}/_tags", filled.repository);
    let stranger = Client::plain(&filled.acr.host());
    let refused = stranger.request("GET", &path, &[], b"");
    let challenge = refused.headers.get("Www-Authenticate").expect("a challenge").to_owned();
    let scope = format!("repository:{}:metadata_read", filled.repository);
    assert_eq!(refused.status, 401);
    assert!(challenge.contains(&format!("scope=\"{scope}\"")) && challenge.contains(&registry.tokens().realm()));
    for (user, password, status) in [(USER, PASSWORD, 200), (READER, READER_PASSWORD, 401)] {
        let basic = Login::Basic(user.to_owned(), password.to_owned());
        let address = registry.tokens().realm().split('/').nth(2).unwrap().to_owned();
        let asked = format!("/token?service={}&scope={scope}", tokens::SERVICE);
        let token = Client::plain(&address)
            .with_login(basic)
            .request("GET", &asked, &[], b"")
            .json();
        let login = format!("Bearer {}", token["token"].as_str().expect("a token"));
        assert_eq!(
            stranger.request("GET", &path, &[("Authorization", &login)], b"").status,
            status,
            "{user}"
        );
    }
}

#[test]
fn what_is_locked_is_neither_deleted_nor_overwritten() {
    let filled = filled(Kind::Native, "acr-locked");
    let (repository, v2) = (&filled.repository, &filled.images[1]);
    filled.acr.set_attributes(repository, "v2", Attributes::locked());
    let path = |reference: &str| format!("/v2/{repository}/manifests/{reference}");
    let delete = || filled.client.request("DELETE", &path(v2.digest()), &[], b"").status;
    assert_eq!(delete(), 405);
    let typed = [("Content-Type", image::OCI_MANIFEST)];
    assert_eq!(
        filled
            .client
            .request("PUT", &path("v2"), &typed, &v2.root().bytes)
            .status,
        405
    );
    let opened = br#"{"deleteEnabled": true}"#;
    let lock = format!("/acr/v1/{repository}/_tags/v2");
    assert_eq!(filled.client.request("PATCH", &lock, &[], opened).status, 200);
    assert_eq!(delete(), 202);
    let left = filled.get(&format!("/acr/v1/{repository}")).json();
    assert_eq!((&left["manifestCount"], &left["tagCount"]), (&json!(2), &json!(1)));
}

#[test]
fn a_tag_is_taken_away_alone_and_a_repository_whole() {
    let filled = filled(Kind::Native, "acr-delete");
    let repository = &filled.repository;
    let delete = |path: String| filled.client.request("DELETE", &path, &[], b"");
    assert_eq!(delete(format!("/acr/v1/{repository}/_tags/v2")).status, 202);
    assert_eq!(delete(format!("/acr/v1/{repository}/_tags/v2")).status, 404);
    let about = filled.get(&format!("/acr/v1/{repository}")).json();
    assert_eq!((&about["manifestCount"], &about["tagCount"]), (&json!(3), &json!(1)));
    assert!(filled.client.manifest(repository, filled.images[1].digest()).is_some());
    let gone = delete(format!("/acr/v1/{repository}"));
    assert_eq!(gone.status, 202);
    assert_eq!(gone.json()["tagsDeleted"], json!(["v1"]));
    assert_eq!(gone.json()["manifestsDeleted"].as_array().map(Vec::len), Some(3));
    assert_eq!(filled.get(&format!("/acr/v1/{repository}")).status, 404);
    assert_eq!(filled.client.manifest(repository, filled.images[2].digest()), None);
}

/// A project that is logged in at the stand-in.
fn logged_in(filled: &Filled, user: &str, password: &str) -> Project {
    let project = Project::new();
    project.login(&filled.acr.host(), user, password);
    project
}

#[test]
fn the_product_lists_what_acr_knows_untagged_manifests_and_times_included() {
    for kind in [Kind::Native, Kind::Token] {
        let filled = filled(kind, "acr-product");
        filled.acr.set_page(1);
        let project = logged_in(&filled, USER, PASSWORD);
        let name = format!("{}/{}", filled.acr.host(), filled.repository);
        let ask = |arguments: &[&str]| project.run(&[&["artifact", "--json"], arguments].concat()).ok().json();
        let manifests = ask(&["manifests", &name]);
        assert_eq!(manifests["complete"], true, "{kind:?}");
        let list = manifests["manifests"].as_array().unwrap();
        let untagged: Vec<&Value> = list
            .iter()
            .filter(|m| m["tags"].as_array().is_none_or(Vec::is_empty))
            .collect();
        assert_eq!((list.len(), untagged.len()), (3, 1), "{kind:?}: {manifests}");
        assert_eq!(untagged[0]["digest"], filled.images[0].digest(), "{kind:?}");
        let created = manifests.to_string().matches("\"created").count();
        assert!(created >= 3, "{kind:?}: {manifests}");
        let tags = ask(&["tags", &name]);
        let names: Vec<&str> = tags["tags"]
            .as_array()
            .unwrap()
            .iter()
            .map(|t| t["name"].as_str().unwrap())
            .collect();
        assert_eq!(names, ["v1", "v2"], "{kind:?}");
        let catalog = ask(&["repositories", &filled.acr.host()]).to_string();
        assert!(catalog.contains(&filled.repository), "{kind:?}: {catalog}");
        let shown = project.run(&["artifact", "show", &format!("{name}:v2")]).ok();
        shown
            .says("pushed")
            .says("last update")
            .says("image size")
            .silent_about("left out");
        project
            .run(&["artifact", "manifests", &name])
            .ok()
            .silent_about("cannot be seen");
    }
}

#[test]
fn without_the_right_to_metadata_the_error_names_it_and_the_way() {
    let filled = filled(Kind::Token, "acr-reader");
    let project = logged_in(&filled, READER, READER_PASSWORD);
    let name = format!("{}/{}", filled.acr.host(), filled.repository);
    for command in ["tags", "manifests"] {
        let refused = refusal::refused(&project, &["artifact", command, &name], 5).one();
        refused.says("metadata").says("--auth azure-cli");
    }
    refusal::refused(&project, &["artifact", "repositories", &filled.acr.host()], 5)
        .one()
        .says("--auth azure-cli");
    // The content may be read: most of the answer is there, and what is missing is said.
    let shown = project.run(&["artifact", "show", &format!("{name}:v1")]).ok();
    shown.says(filled.images[2].digest()).says("warning").says("metadata");
    project
        .run(&["artifact", "discover", &format!("{name}:v1")])
        .ok()
        .silent_about("metadata");
}

#[test]
fn a_tag_is_taken_off_and_what_is_locked_is_an_error_that_loses_nothing() {
    let filled = filled(Kind::Native, "acr-untag");
    let project = logged_in(&filled, USER, PASSWORD);
    let name = |tag: &str| format!("{}/{}:{tag}", filled.acr.host(), filled.repository);
    project
        .run(&["artifact", "delete", "--yes", "--tag-only", &name("v2")])
        .ok();
    assert_eq!(filled.client.tags(&filled.repository), ["v1"]);
    assert!(
        filled
            .client
            .manifest(&filled.repository, filled.images[1].digest())
            .is_some()
    );
    filled
        .acr
        .set_attributes(&filled.repository, "v1", Attributes::locked());
    let refused = refusal::refused(&project, &["artifact", "delete", "--yes", &name("v1")], 5).one();
    refused.says("does not allow deletion");
    assert_eq!(filled.client.tags(&filled.repository), ["v1"]);
}

#[test]
fn throttling_of_acrs_own_api_is_waited_out_and_a_broken_answer_is_no_empty_list() {
    let filled = filled(Kind::Native, "acr-throttled");
    let project = logged_in(&filled, USER, PASSWORD);
    let name = format!("{}/{}", filled.acr.host(), filled.repository);
    let proxy = filled.acr.proxy();
    proxy.rule(Rule::new(Fault::Throttle(0)).on("GET acr").skip(1).times(2));
    project.run(&["artifact", "tags", &name]).ok().says("v1").says("v2");
    for fault in [
        Fault::Answer(http::Response::new(200, "<html>log in</html>")),
        Fault::Answer(http::Response::error(403, "DENIED", "no")),
        Fault::LoopPages,
        Fault::EndlessPages,
    ] {
        proxy.clear();
        let shown = format!("{fault:?}");
        // The question whether this is an ACR at all is answered well.
        proxy.rule(
            Rule::new(fault)
                .on("GET acr")
                .when(|entry| entry.path.ends_with("/_manifests")),
        );
        let output = project.run(&["artifact", "manifests", &name]);
        // Pages without end are more than the limits allow; the others are answers that make no sense.
        let code = if shown == "EndlessPages" { 4 } else { 5 };
        assert_eq!(output.code(), code, "{shown}: {output}");
        refusal::Refusal::of(&project, output, code).one();
    }
}

#[test]
fn a_registry_that_answers_every_catalog_is_not_taken_for_acr() {
    // go-containerregistry's: what `crane registry serve` runs.
    let registry = Registry::shared(Kind::NativeBare);
    let repository = registry.unique("no-acr");
    let image = ImageSpec::new(64).build();
    registry.push(&image, &repository, "v1");
    assert_eq!(
        registry
            .client()
            .request("GET", "/acr/v1/_catalog?n=1", &[], b"")
            .status,
        200
    );
    let project = Project::new();
    let name = format!("{}/{repository}", registry.host());
    project
        .run(&["artifact", "show", &format!("{name}:v1")])
        .ok()
        .says(image.digest());
    project.run(&["artifact", "tags", &name]).ok().says("v1");
    project
        .run(&["artifact", "manifests", &name])
        .ok()
        .says(image.digest())
        .says("cannot be seen");
    project
        .run(&["artifact", "delete", "--yes", &format!("{name}:v1")])
        .ok();
}
