//! Tags and repositories, listed page by page.

use super::fake::{Fake, FakeHost, Fault};
use super::lists::Lists;
use super::*;
use crate::oci::registry::Caller;
use crate::oci::registry::{RegistryPlace, repositories};
use crate::oci::{ErrorKind, Place as _};

const HOST: &str = "lists.test";

fn with(lists: Lists) -> (Fake, Vec<String>) {
    let fake = Fake::default().host(
        HOST,
        FakeHost {
            lists,
            ..FakeHost::default()
        },
    );
    let mut tags: Vec<String> = (0..7).map(|n| format!("1.0.{n}")).collect();
    for tag in &tags {
        plant(&fake, HOST, "team/app", tag, 1, 1, 7);
    }
    tags.sort();
    (fake, tags)
}

fn place(fake: &Fake, repository: &str) -> RegistryPlace {
    let client = registries(fake).client(HOST, Auth::Anonymous).unwrap();
    RegistryPlace::new(client, repository).unwrap()
}

#[tokio::test(start_paused = true)]
async fn all_tags_are_listed_whatever_the_pages() {
    let table = [
        ("one page", Lists::default(), 1),
        (
            "many pages",
            Lists {
                page: 2,
                ..Lists::default()
            },
            4,
        ),
        (
            "as many as fit",
            Lists {
                page: 7,
                ..Lists::default()
            },
            1,
        ),
        // The size is refused: once more without.
        (
            "a small limit",
            Lists {
                page: 3,
                largest: 5,
                ..Lists::default()
            },
            1 + 3,
        ),
    ];
    for (what, lists, requests) in table {
        let (fake, tags) = with(lists);
        let job = job();
        assert_eq!(place(&fake, "team/app").tags(&job).await.unwrap(), tags, "{what}");
        assert_eq!(fake.seen().len(), requests, "{what}");
        assert_eq!(job.filled().requests, requests as u64, "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_repository_that_is_not_there_is_absent_and_one_without_tags_has_none() {
    let (fake, _) = with(Lists::default());
    let error = place(&fake, "other").tags(&job()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Absent);
    assert!(error.detail.contains("NAME_UNKNOWN"), "{error}");
    fake.order(|_, _| Some(Fault::Status(200, vec![], r#"{"name":"team/app","tags":null}"#)));
    assert_eq!(
        place(&fake, "team/app").tags(&job()).await.unwrap(),
        Vec::<String>::new()
    );
}

#[tokio::test(start_paused = true)]
async fn answers_that_are_no_list_and_pages_that_lead_nowhere_are_errors() {
    let link = |to: &str| vec![("link", format!("<{to}>; rel=\"next\""))];
    let good = r#"{"tags":["a"]}"#;
    type Answer = (u16, Vec<(&'static str, String)>, &'static str);
    let page = vec![("content-type", "text/html".to_owned())];
    let elsewhere = link("https://other.test/v2/team/app/tags/list");
    let table: [(&str, Answer, ErrorKind, &str); 9] = [
        (
            "a page for people",
            (200, page, "<html>"),
            ErrorKind::Protocol,
            "web page",
        ),
        (
            "no JSON",
            (200, vec![], "tags"),
            ErrorKind::Protocol,
            "not what it should be",
        ),
        (
            "no tag",
            (200, vec![], r#"{"tags":["a b"]}"#),
            ErrorKind::Protocol,
            "no tag",
        ),
        (
            "a circle",
            (200, link("/v2/team/app/tags/list?n=1000"), good),
            ErrorKind::Protocol,
            "circle",
        ),
        (
            "elsewhere",
            (200, elsewhere, good),
            ErrorKind::Protocol,
            "not at this registry",
        ),
        (
            "no address",
            (200, link("http://["), good),
            ErrorKind::Protocol,
            "not at this registry",
        ),
        ("denied", (403, vec![], ""), ErrorKind::Denied, "403"),
        ("throttled", (429, vec![], ""), ErrorKind::Throttled, "429"),
        ("broken", (500, vec![], ""), ErrorKind::Server, "500"),
    ];
    for (what, (status, headers, body), kind, words) in table {
        let (fake, _) = with(Lists::default());
        fake.order(move |_, _| Some(Fault::Status(status, headers.clone(), body)));
        let error = place(&fake, "team/app").tags(&job()).await.unwrap_err();
        assert_eq!(error.kind, kind, "{what}: {error}");
        assert!(error.to_string().contains(words), "{what}: {error}");
        assert!(error.subject.contains("lists.test/team/app"), "{what}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn pages_without_end_and_a_page_that_is_gone_are_errors() {
    let (fake, _) = with(Lists::default());
    fake.order(|_, number| {
        let next = format!("</v2/team/app/tags/list?last={number}>; rel=\"next\"");
        Some(Fault::Status(200, vec![("link", next)], r#"{"tags":["a"]}"#))
    });
    let error = place(&fake, "team/app").tags(&job()).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::TooLarge, "{error}");
    assert!(fake.seen().len() <= 1001, "{}", fake.seen().len());

    let (fake, _) = with(Lists {
        page: 2,
        ..Lists::default()
    });
    fake.order(|_, number| (number == 1).then(|| Fault::Status(404, vec![], "")));
    let error = place(&fake, "team/app").tags(&job()).await.unwrap_err();
    assert_eq!(
        error.kind,
        ErrorKind::Protocol,
        "a list is not shorter because a page is gone: {error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_page_that_breaks_off_is_read_again() {
    let (fake, tags) = with(Lists {
        page: 3,
        ..Lists::default()
    });
    fake.order(|_, number| (number == 1).then_some(Fault::Cut(10)));
    assert_eq!(place(&fake, "team/app").tags(&job()).await.unwrap(), tags);
}

#[tokio::test(start_paused = true)]
async fn repositories_are_listed_where_a_registry_has_a_catalogue() {
    let (fake, _) = with(Lists {
        page: 1,
        ..Lists::default()
    });
    plant(&fake, HOST, "other", "1", 1, 1, 7);
    let client = registries(&fake).client(HOST, Auth::Anonymous).unwrap();
    let caller = Caller::from(&job());
    assert_eq!(repositories(&client, &caller).await.unwrap(), ["other", "team/app"]);
    fake.order(|_, _| Some(Fault::Status(404, vec![], "404 page not found")));
    let error = repositories(&client, &caller).await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Absent);
    assert!(error.hint.unwrap().contains("name the repository"));
}

#[tokio::test(start_paused = true)]
async fn the_catalogue_is_asked_for_with_a_scope_of_its_own() {
    let (fake, _) = with(Lists::default());
    fake.with(HOST, |host| {
        host.login = super::fake::Login::Bearer {
            user: "u",
            password: "p",
            identity: "i",
            anonymous: true,
            life: 300,
        };
    });
    let client = registries(&fake).client(HOST, Auth::Anonymous).unwrap();
    // The fake knows scopes of repositories only: the token request is what is looked at.
    let _ = repositories(&client, &Caller::from(&job())).await;
    assert!(
        fake.seen().iter().any(|seen| seen
            .url
            .query_pairs()
            .any(|(n, v)| n == "scope" && v == "registry:catalog:*")),
        "{:?}",
        fake.seen()
    );
}

mod delete {
    use super::*;
    use crate::oci::Selector;

    #[tokio::test(start_paused = true)]
    async fn a_manifest_goes_with_all_its_tags_and_others_stay() {
        let (fake, tags) = with(Lists::default());
        let other = plant(&fake, HOST, "team/app", "other", 1, 1, 8);
        let place = place(&fake, "team/app");
        let root = place.resolve(&Selector::Tag(tags[0].clone()), &job()).await.unwrap();
        place.delete_manifest(&root.digest, &job()).await.unwrap();
        assert_eq!(place.tags(&job()).await.unwrap(), ["other"]);
        assert_eq!(fake.verify(HOST, "team/app", "other").unwrap(), other.digest);
        let error = place.delete_manifest(&root.digest, &job()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Absent);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lost_answer_to_a_deletion_is_no_error() {
        let (fake, tags) = with(Lists::default());
        let place = place(&fake, "team/app");
        let root = place.resolve(&Selector::Tag(tags[0].clone()), &job()).await.unwrap();
        let lost = std::sync::atomic::AtomicBool::new(false);
        fake.order(move |seen, _| {
            (seen.method == "DELETE" && !lost.swap(true, std::sync::atomic::Ordering::SeqCst))
                .then_some(Fault::BrokenAfter)
        });
        place.delete_manifest(&root.digest, &job()).await.unwrap();
        assert_eq!(fake.count(HOST, "DELETE"), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_registry_that_forbids_deletion_says_how_to_allow_it() {
        let unsupported = r#"{"errors":[{"code":"UNSUPPORTED","message":"unsupported"}]}"#;
        for (status, body) in [(405, ""), (405, unsupported), (400, unsupported), (403, unsupported)] {
            let (fake, tags) = with(Lists::default());
            let place = place(&fake, "team/app");
            let root = place.resolve(&Selector::Tag(tags[0].clone()), &job()).await.unwrap();
            fake.order(move |seen, _| (seen.method == "DELETE").then(|| Fault::Status(status, vec![], body)));
            let error = place.delete_manifest(&root.digest, &job()).await.unwrap_err();
            assert_eq!(error.kind, ErrorKind::Denied, "{status}");
            assert!(error.detail.contains("does not allow deletion"), "{error}");
            assert!(error.hint.unwrap().contains("REGISTRY_STORAGE_DELETE_ENABLED=true"));
            assert_eq!(place.tags(&job()).await.unwrap(), tags, "nothing is lost");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_damaged_there_can_be_deleted() {
        let (fake, tags) = with(Lists::default());
        let place = place(&fake, "team/app");
        let root = place.resolve(&Selector::Tag(tags[0].clone()), &job()).await.unwrap();
        fake.order(|seen, _| (seen.method == "GET").then_some(Fault::Flip(3)));
        place.delete_manifest(&root.digest, &job()).await.unwrap();
        assert!(fake.with(HOST, |host| !host.held.manifests["team/app"].contains_key(&root.digest)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_login_without_the_right_to_delete_is_told_which_it_lacks() {
        let (fake, tags) = with(Lists::default());
        let place = place(&fake, "team/app");
        let root = place.resolve(&Selector::Tag(tags[0].clone()), &job()).await.unwrap();
        fake.order(|seen, _| (seen.method == "DELETE").then(|| Fault::Status(403, vec![], "")));
        let error = place.delete_manifest(&root.digest, &job()).await.unwrap_err();
        assert_eq!(error.kind, ErrorKind::Denied);
        assert!(error.hint.unwrap().contains("content/delete"));
    }
}
