//! The faulty proxy does each thing it promises, and nothing when not asked.

use std::io::ErrorKind;
use std::time::Duration;

use crate::support::http::Response;
use crate::support::registry::{PASSWORD, USER};
use crate::support::*;

/// A proxy before the shared registry, with one blob of a MiB behind it.
fn proxy(name: &str) -> (Faulty, Client, String, Vec<u8>) {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique(name);
    let bytes = image::random_bytes(42, 1 << 20);
    let digest = registry.client().push_blob(&repository, &bytes);
    let proxy = Faulty::before(&registry.host());
    let client = Client::plain(&proxy.host());
    (proxy, client, format!("/v2/{repository}/blobs/{digest}"), bytes)
}

#[test]
fn without_a_fault_everything_goes_through() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("through");
    let proxy = Faulty::before(&registry.host());
    let client = Client::plain(&proxy.host());
    let image = ImageSpec::new(1).layers(&[300_000, 10]).multi_platform();
    client.push(&image, &repository, "1");
    assert_eq!(
        client.pull(&repository, "1").expect("what was pushed").root(),
        image.root()
    );
    assert_eq!(proxy.traffic().under(&repository).count("PUT manifest"), 4);
    assert!(
        proxy.traffic().0.iter().all(|entry| entry.status != 0),
        "every request was answered"
    );
}

#[test]
fn skopeo_copies_through_the_proxy() {
    if tools::without("skopeo") {
        return;
    }
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("by-skopeo");
    let proxy = Faulty::before(&registry.host());
    let image = ImageSpec::new(2).layers(&[200_000]).multi_platform();
    registry.push(&image, &repository, "1");
    let name = |tag: &str| format!("docker://{}/{repository}:{tag}", proxy.host());
    let flags = ["copy", "--all", "--src-tls-verify=false", "--dest-tls-verify=false"];
    tools::run(tools::skopeo().args(flags).args([name("1"), name("2")]));
    assert_eq!(
        registry.client().digest(&repository, "2").as_deref(),
        Some(image.digest())
    );
}

#[test]
fn answers_can_be_scripted_and_end() {
    let (proxy, client, target, bytes) = proxy("scripted");
    proxy.rule(Rule::new(Fault::Throttle(7)).on("GET blob").skip(1).times(2));
    proxy.rule(
        Rule::new(Fault::Answer(Response::error(503, "UNAVAILABLE", "not now")))
            .on("HEAD blob")
            .times(1),
    );
    let statuses: Vec<u16> = (0..4)
        .map(|_| client.request("GET", &target, &[], b"").status)
        .collect();
    assert_eq!(statuses, [200, 429, 429, 200]);
    let heads: Vec<u16> = (0..2)
        .map(|_| client.request("HEAD", &target, &[], b"").status)
        .collect();
    assert_eq!(heads, [503, 200]);
    assert_eq!(client.request("GET", &target, &[], b"").body, bytes);
    assert_eq!(proxy.traffic().count("GET blob"), 5);
    proxy.rule(Rule::new(Fault::Throttle(7)));
    let answer = client.request("GET", &target, &[], b"");
    assert_eq!((answer.status, answer.headers.get("Retry-After")), (429, Some("7")));
    proxy.clear();
    assert_eq!(client.request("GET", &target, &[], b"").status, 200);
}

#[test]
fn connections_are_reset_and_cut_where_asked() {
    let (proxy, client, target, _) = proxy("cut");
    for (fault, wanted) in [
        (Fault::Reset, ErrorKind::ConnectionReset),
        (Fault::ResetAfter(1000), ErrorKind::ConnectionReset),
        (Fault::CutAfter(1000), ErrorKind::UnexpectedEof),
    ] {
        proxy.clear();
        proxy.rule(Rule::new(fault).on("GET blob"));
        let error = client.try_request("GET", &target, &[], b"").expect_err("a fault");
        assert_eq!(error.kind(), wanted, "{error}");
    }
}

#[test]
fn a_byte_is_flipped_and_the_length_stays() {
    let (proxy, client, target, bytes) = proxy("flipped");
    proxy.rule(Rule::new(Fault::Corrupt(777_777)).on("GET blob"));
    let body = client.request("GET", &target, &[], b"").body;
    let differ: Vec<usize> = (0..bytes.len()).filter(|&i| bytes[i] != body[i]).collect();
    assert_eq!((body.len(), differ), (bytes.len(), vec![777_777]));
}

#[test]
fn hanging_answers_never_come() {
    use std::io::{Read as _, Write as _};
    let (proxy, _, target, _) = proxy("hanging");
    for (fault, expected) in [(Fault::Hang, 0), (Fault::HangAfter(100), 100)] {
        proxy.clear();
        proxy.rule(Rule::new(fault).on("GET blob"));
        let mut stream = std::net::TcpStream::connect(proxy.host()).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        write!(stream, "GET {target} HTTP/1.1\r\nHost: {}\r\n\r\n", proxy.host()).unwrap();
        let mut received = Vec::new();
        let error = stream.read_to_end(&mut received).expect_err("it hangs");
        assert!(
            matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut),
            "{error}"
        );
        let body = received
            .windows(4)
            .position(|w| w == b"\r\n\r\n")
            .map_or(0, |at| received.len() - at - 4);
        assert_eq!(body, expected);
    }
}

#[test]
fn garbage_is_no_http() {
    let (proxy, client, target, _) = proxy("garbage");
    proxy.rule(Rule::new(Fault::Garbage(b"\x00\xff hello, this is no http\r\n\r\n".to_vec())).on("GET blob"));
    let error = client.try_request("GET", &target, &[], b"").expect_err("garbage");
    assert!(error.to_string().contains("not a"), "{error}");
}

#[test]
fn headers_can_be_dropped_and_set() {
    let (proxy, client, target, _) = proxy("headers");
    proxy.rule(Rule::new(Fault::DropHeaders(&["Docker-Content-Digest"])).on("HEAD blob"));
    proxy.rule(Rule::new(Fault::SetHeader("Docker-Content-Digest", "sha256:00".to_owned())).on("GET blob"));
    assert_eq!(
        client
            .request("HEAD", &target, &[], b"")
            .headers
            .get("Docker-Content-Digest"),
        None
    );
    assert_eq!(
        client
            .request("GET", &target, &[], b"")
            .headers
            .get("Docker-Content-Digest"),
        Some("sha256:00")
    );
}

#[test]
fn blobs_are_redirected_to_another_host() {
    let (proxy, client, target, bytes) = proxy("redirected");
    let other = Faulty::before(&Registry::shared(Kind::Plain).host());
    proxy.rule(Rule::new(Fault::Redirect(other.host())).on("GET blob"));
    let answer = client.request("GET", &target, &[("Authorization", "Basic c2VjcmV0")], b"");
    assert_eq!(answer.status, 307);
    let location = answer.headers.get("Location").expect("a Location");
    assert_eq!(location, format!("http://{}{target}", other.host()));
    assert_eq!(
        Client::plain(&other.host()).request("GET", &target, &[], b"").body,
        bytes
    );
    let seen = |proxy: &Faulty| proxy.traffic().0[0].authorization.clone();
    assert_eq!((seen(&proxy).as_deref(), seen(&other)), (Some("Basic c2VjcmV0"), None));
}

#[test]
fn uploads_are_reset_half_way_and_answers_lost() {
    let registry = Registry::shared(Kind::Plain);
    let repository = registry.unique("uploads");
    let proxy = Faulty::before(&registry.host());
    let client = Client::plain(&proxy.host());
    let bytes = image::random_bytes(1, 4 << 20);
    let put = |digest: &str| {
        let begun = client.request("POST", &format!("/v2/{repository}/blobs/uploads/"), &[], b"");
        let location = begun.headers.get("Location").expect("a Location").to_owned();
        assert!(
            location.contains(&proxy.host()),
            "the upload would go past the proxy: {location}"
        );
        client.try_request(
            "PUT",
            &format!("{}&digest={digest}", client::without_host(&location)),
            &[],
            &bytes,
        )
    };
    let digest = sha256(&bytes);
    proxy.rule(Rule::new(Fault::ResetUpload(1000)).on("PUT upload").times(1));
    put(&digest).expect_err("a reset");
    assert_eq!(
        registry.client().blob(&repository, &digest),
        None,
        "the registry never saw it whole"
    );
    proxy.rule(Rule::new(Fault::LoseAnswer).on("PUT upload").times(1));
    put(&digest).expect_err("a reset");
    assert_eq!(
        registry.client().blob(&repository, &digest),
        Some(bytes.clone()),
        "the registry did what it was asked"
    );
}

#[test]
fn a_delayed_request_is_answered_all_the_same() {
    let (proxy, client, target, bytes) = proxy("delayed");
    proxy.rule(Rule::new(Fault::Delay(Duration::from_millis(50))).on("GET blob"));
    assert_eq!(client.request("GET", &target, &[], b"").body, bytes);
}

/// What a client with a token gets for a manifest, and what the token request itself got.
fn ask(proxy: &Faulty, login: Option<(&str, &str)>, repository: &str, tag: &str) -> (u16, u16) {
    let client = Client::plain(&proxy.host());
    let target = format!("/v2/{repository}/manifests/{tag}");
    let challenge = client.request("GET", &target, &[], b"");
    assert_eq!(challenge.status, 401);
    assert!(
        challenge
            .headers
            .get("Www-Authenticate")
            .expect("a challenge")
            .contains(&proxy.host())
    );
    let mut tokens = client.clone();
    if let Some((user, password)) = login {
        tokens = tokens.with_login(client::Login::Basic(user.to_owned(), password.to_owned()));
    }
    let answer = tokens.request(
        "GET",
        &format!("/token?service=x&scope=repository:{repository}:pull"),
        &[],
        b"",
    );
    if answer.status != 200 {
        return (answer.status, 0);
    }
    let bearer = format!("Bearer {}", answer.json()["token"].as_str().unwrap());
    (
        200,
        client
            .request(
                "GET",
                &target,
                &[("Authorization", &bearer), ("Accept", client::ACCEPT)],
                b"",
            )
            .status,
    )
}

#[test]
fn public_registries_are_played_for_what_is_absent() {
    let registry = Registry::shared(Kind::Plain);
    let here = registry.unique("here");
    registry.push(&ImageSpec::new(3).build(), &here, "1");
    let login = Some((USER.to_owned(), PASSWORD.to_owned()));
    let good = Some((USER, PASSWORD));
    let absent = registry.unique("absent");
    for (guise, login, wanted) in [
        (
            Guise::DockerHub { login: None },
            None,
            [(200, 200), (200, 404), (200, 401)],
        ),
        (
            Guise::DockerHub { login: login.clone() },
            good,
            [(200, 200), (200, 404), (200, 401)],
        ),
        (
            Guise::DockerHub { login: login.clone() },
            Some((USER, "wrong")),
            [(401, 0), (401, 0), (401, 0)],
        ),
        (Guise::Ghcr, None, [(200, 200), (200, 404), (403, 0)]),
        (Guise::Denied { login }, good, [(200, 200), (200, 404), (200, 403)]),
    ] {
        let proxy = Faulty::before(&registry.host());
        proxy.guise(guise.clone());
        let answers = [(&here, "1"), (&here, "2"), (&absent, "1")].map(|(name, tag)| ask(&proxy, login, name, tag));
        assert_eq!(answers, wanted, "{guise:?}");
    }
}

#[test]
fn a_server_of_ones_own_can_send_a_manifest_that_is_too_large() {
    use crate::support::server::{After, Server};
    use std::io::Write as _;
    let size: usize = 20 << 20;
    let server = Server::start(move |exchange| {
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {size}\r\n\r\n",
            image::OCI_MANIFEST
        );
        let sent = exchange.out.write_all(head.as_bytes());
        let spaces = [b' '; 65536];
        for _ in 0..size / spaces.len() {
            if sent.is_err() || exchange.out.write_all(&spaces).is_err() {
                break;
            }
        }
        After::Close
    });
    let body = Client::plain(&server.address())
        .request("GET", "/v2/x/manifests/1", &[], b"")
        .body;
    assert_eq!(body.len(), size);
}
