//! The faulty proxy also does what only registries do wrong: uploads that break, links that loop, tokens that expire early.

use std::io::{Read as _, Write as _};

use crate::support::http::Response;
use crate::support::*;

/// A proxy before a shared registry, and a repository there.
fn proxy(kind: Kind, name: &str) -> (&'static Registry, Faulty, Client, String) {
    let registry = Registry::shared(kind);
    let proxy = Faulty::before(&registry.host());
    let client = Client::plain(&proxy.host());
    (registry, proxy, client, registry.unique(name))
}

#[test]
fn a_broken_upload_leaves_the_newer_registry_what_came_before() {
    for kind in [Kind::Plain, Kind::Old].into_iter().filter(|kind| kind.available()) {
        let (_, proxy, client, repository) = proxy(kind, "broken-upload");
        proxy.rule(Rule::new(Fault::BreakUpload(700_000)).on("PATCH upload"));
        let begun = client.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        let session = client::without_host(begun.headers.get("Location").unwrap()).to_owned();
        let bytes = image::random_bytes(3, 1 << 20);
        assert!(client.try_request("PATCH", &session, &[], &bytes).is_err(), "{kind:?}");
        assert_eq!(proxy.traffic().uploaded(), 700_000);
        let asked = client.request("GET", &session, &[], b"");
        // The older registry keeps the bytes, but its session knows another offset and cannot be resumed.
        let wanted = if kind == Kind::Old {
            (404, None)
        } else {
            (204, Some("0-699999"))
        };
        assert_eq!((asked.status, asked.headers.get("Range")), wanted, "{kind:?}");
    }
}

#[test]
fn an_early_answer_comes_before_the_body_was_sent() {
    let (_, proxy, _, repository) = proxy(Kind::Plain, "early");
    let refusal = Response::error(413, "SIZE_INVALID", "too large");
    proxy.rule(Rule::new(Fault::AnswerEarly(10, refusal)).on("PUT upload"));
    let mut stream = std::net::TcpStream::connect(proxy.host()).unwrap();
    write!(
        stream,
        "PUT /v2/{repository}/blobs/uploads/x HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&[b' '; 10]).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 413 "), "{answer}");
    let entry = &proxy.traffic().0[0];
    assert_eq!((entry.status, entry.uploaded), (413, 10));
}

#[test]
fn redirects_and_locations_lead_to_another_host() {
    let (registry, first, client, repository) = proxy(Kind::Plain, "elsewhere");
    let second = Faulty::before(&registry.host());
    let digest = registry.client().push_blob(&repository, b"somewhere else");
    first.rule(Rule::new(Fault::RedirectWith(308, second.host())).on("GET blob"));
    first.rule(Rule::new(Fault::Relocate(second.host())).on("POST upload"));
    let path = format!("/v2/{repository}/blobs/{digest}");
    let moved = client.request("GET", &path, &[], b"");
    let wanted = format!("http://{}{path}", second.host());
    assert_eq!(
        (moved.status, moved.headers.get("Location")),
        (308, Some(wanted.as_str()))
    );
    let begun = client.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
    let location = begun.headers.get("Location").unwrap();
    assert!(
        location.starts_with(&format!("http://{}/v2/{repository}/", second.host())),
        "{location}"
    );
    let sign = if location.contains('?') { '&' } else { '?' };
    let target = format!(
        "{}{sign}digest={}",
        client::without_host(location),
        sha256(b"elsewhere")
    );
    let put = Client::plain(&second.host()).request("PUT", &target, &[], b"elsewhere");
    assert_eq!(put.status, 201);
}

#[test]
fn throttling_may_name_a_date() {
    let (_, proxy, client, _) = proxy(Kind::Plain, "date");
    proxy.rule(Rule::new(Fault::ThrottleUntil(3)).times(1));
    let answer = client.request("GET", "/v2/", &[], b"");
    let date = |name: &str| httpdate::parse_http_date(answer.headers.get(name).expect(name)).expect("a date");
    let ahead = date("Retry-After").duration_since(date("Date")).unwrap();
    assert_eq!((answer.status, ahead.as_secs()), (429, 3));
    assert_eq!(client.request("GET", "/v2/", &[], b"").status, 200);
}

#[test]
fn mounts_and_filters_can_be_ignored() {
    let (registry, proxy, client, repository) = proxy(Kind::Native, "ignored");
    let (from, to) = (format!("{repository}/a"), format!("{repository}/b"));
    let image = ImageSpec::new(8).build();
    registry.push(&image, &from, "1");
    let referrer = Image::referrer(image.root(), "signature/example", b"x");
    registry.push(&referrer, &from, referrer.digest());
    let mount = format!("/v2/{to}/blobs/uploads/?mount={}&from={from}", image.blobs[0].digest);
    let filtered = format!("/v2/{from}/referrers/{}?artifactType=other/type", image.digest());
    let count = || {
        client.request("GET", &filtered, &[], b"").json()["manifests"]
            .as_array()
            .unwrap()
            .len()
    };
    assert_eq!(count(), 0);
    proxy.rule(
        Rule::new(Fault::IgnoreQuery(&["mount", "from"]))
            .on("POST mount")
            .times(1),
    );
    proxy.rule(Rule::new(Fault::IgnoreQuery(&["artifactType"])).on("GET referrers"));
    assert_eq!(count(), 1);
    let statuses = [(); 2].map(|()| client.request("POST", &mount, &[], b"").status);
    assert_eq!(statuses, [202, 201]);
    assert_eq!(proxy.traffic().count("POST mount"), 2);
}

#[test]
fn pages_can_loop_and_go_on_for_ever() {
    let (registry, proxy, client, repository) = proxy(Kind::Plain, "pages");
    registry.push(&ImageSpec::new(1).build(), &repository, "1");
    let target = format!("/v2/{repository}/tags/list?n=5");
    let link = || {
        client
            .request("GET", &target, &[], b"")
            .headers
            .get("Link")
            .map(str::to_owned)
    };
    assert_eq!(link(), None);
    proxy.rule(Rule::new(Fault::LoopPages).on("GET tags").times(2));
    assert_eq!(link(), Some(format!("<{target}>; rel=\"next\"")));
    assert_eq!(link(), Some(format!("<{target}>; rel=\"next\"")));
    proxy.rule(Rule::new(Fault::EndlessPages).on("GET tags"));
    let (first, second) = (link().unwrap(), link().unwrap());
    assert!(first.contains("?page=") && first != second, "{first} {second}");
}

#[test]
fn tokens_expire_when_asked_and_new_ones_are_good() {
    let registry = Registry::shared(Kind::Token);
    let proxy = Faulty::before(&registry.host());
    let repository = registry.unique("expire");
    registry.push(&ImageSpec::new(1).build(), &repository, "1");
    let path = format!("/v2/{repository}/manifests/1");
    // The client mints a token for every request; this one is kept.
    let access = serde_json::json!([{"type": "repository", "name": repository, "actions": ["pull"]}]);
    let tokens: Vec<String> = (0..2)
        .map(|_| format!("Bearer {}", registry.authority().mint("tests", &access, 300)))
        .collect();
    let ask = |token: &String| {
        let headers = [("Authorization", token.as_str()), ("Accept", client::ACCEPT)];
        Client::plain(&proxy.host()).request("GET", &path, &headers, b"")
    };
    assert_eq!(ask(&tokens[0]).status, 200);
    proxy.rule(Rule::new(Fault::ExpireTokens).times(1));
    let refused = ask(&tokens[0]);
    assert_eq!(refused.status, 401);
    assert!(
        refused
            .headers
            .get("Www-Authenticate")
            .unwrap()
            .contains(&registry.tokens().realm())
    );
    assert_eq!(ask(&tokens[0]).status, 401, "for good");
    assert_eq!(ask(&tokens[1]).status, 200);
    proxy.expire_tokens();
    assert_eq!(ask(&tokens[1]).status, 401);
}

#[test]
fn storms_depend_on_their_seed_alone_and_differ() {
    let told = |seed| storm::storm(seed, 1000).told;
    let all: std::collections::BTreeSet<String> = (0..200).map(told).collect();
    assert_eq!(all.len(), 200);
    assert_eq!(told(7), told(7));
    let lasting = all.iter().filter(|text| text.contains("always")).count();
    assert!((10..60).contains(&lasting), "{lasting} of 200 have a fault that stays");
    for kind in [
        "BreakUpload",
        "Corrupt",
        "LoseAnswer",
        "Throttle",
        "ResetAfter",
        "answer 503 after",
    ] {
        assert!(all.iter().any(|text| text.contains(kind)), "{kind} never comes");
    }
}
