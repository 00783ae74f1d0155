//! Registries that answer nonsense: no request goes on without end, nothing is taken for an image, nothing is left behind.

use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::json;

use crate::support::http::Response;
use crate::support::image::{OCI_CONFIG, OCI_INDEX, OCI_MANIFEST};
use crate::support::refusal::{Refusal, refused, refused_run};
use crate::support::registry::Kind;
use crate::support::server::{After, Exchange, Server};
use crate::support::traffic::{Entry, What};
use crate::support::{Fault, Faulty, Hostile, Image, ImageSpec, Project, Registry, Rule, sha256};

/// A project that wants one image from a registry.
fn wanting(host: &str, reference: &str) -> Project {
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"{host}\"]\n\n[[images]]\nreference = \"{host}/{reference}\"\n"
        ),
    );
    project
}

/// Neither `plan` nor `lock` nor `apply` takes what this registry says.
fn never_taken(host: &str, code: i32) -> Refusal {
    let project = wanting(host, "team/app:1");
    refused(&project, &["lock"], code).one();
    refused(&project, &["apply"], code).one();
    let refusal = refused(&project, &["plan"], code).one();
    assert!(!project.path("aosm.lock").exists());
    assert!(!project.path(".aosm/store").exists());
    refusal
}

#[test]
fn a_login_page_is_not_an_image() {
    let portal = Hostile::Portal.start();
    never_taken(&portal.address(), 5)
        .says("the answer is a web page")
        .says("aosm.toml:4:18")
        .says("login page or a proxy");
}

#[test]
fn a_login_page_that_calls_itself_a_manifest_is_not_an_image_either() {
    let page = b"<html><body>please log in</body></html>";
    let host = answering(page.to_vec(), "application/vnd.example.unknown", None);
    never_taken(&host.address(), 5).says("is not a JSON object");
    let host = answering(page.to_vec(), OCI_MANIFEST, None);
    never_taken(&host.address(), 5).says("is no");
    let host = answering(b"\"text\"".to_vec(), "application/vnd.example.unknown", None);
    never_taken(&host.address(), 5).says("is not a JSON object");
}

#[test]
fn manifests_that_are_none_are_refused_with_their_place() {
    let config = json!({"mediaType": OCI_CONFIG, "digest": sha256(b"{}"), "size": 2});
    let image = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": config, "layers": []});
    let both = json!({"schemaVersion": 2, "config": config, "layers": [], "manifests": []});
    for (body, media_type, words) in [
        ("{}".to_owned(), OCI_MANIFEST, "without config or layers"),
        (image.to_string(), OCI_INDEX, "calls itself"),
        (both.to_string(), OCI_INDEX, "both as an index and as an image"),
        (
            "{\"schemaVersion\":1,\"fsLayers\":[]}".to_owned(),
            "application/vnd.docker.distribution.manifest.v1+json",
            "schema 1",
        ),
        (
            image.to_string().replace("sha256:", "md5:"),
            OCI_MANIFEST,
            "not a digest",
        ),
        (
            image.to_string().replace("\"size\":2", "\"size\":-2"),
            OCI_MANIFEST,
            "is no manifest",
        ),
    ] {
        let server = answering(body.into_bytes(), media_type, None);
        never_taken(&server.address(), 5).says(words).says("aosm.toml:7:13");
    }
    let nojson = Hostile::NoJson.start();
    never_taken(&nojson.address(), 5).says("is no").says("aosm.toml:7:13");
}

#[test]
fn ten_thousand_brackets_from_a_registry_end_no_run() {
    let nested = Hostile::Nested(10_000).start();
    never_taken(&nested.address(), 5).says("is no");
}

#[test]
fn a_digest_that_is_not_the_contents_is_an_error() {
    let body = b"{\"schemaVersion\":2}".to_vec();
    let lie = answering(body.clone(), OCI_MANIFEST, Some(sha256(b"something else")));
    never_taken(&lie.address(), 4).says("instead of").says("aosm.toml:7:13");
    let none = answering(body, OCI_MANIFEST, Some("hello".to_owned()));
    never_taken(&none.address(), 5)
        .says("\"hello\" is not a digest")
        .says("aosm.toml:4:18");
    let cycle = Hostile::Cycle.start();
    never_taken(&cycle.address(), 4).says("instead of");
}

#[test]
fn manifests_that_nest_without_end_are_refused() {
    let registry = Registry::shared(Kind::Plain);
    let name = registry.unique("tower");
    let mut tower = ImageSpec::new(7).build();
    (0..60).for_each(|_| tower = Image::index(std::slice::from_ref(&tower)));
    registry.push(&tower, &format!("{name}/app"), "1");
    let project = wanting(&registry.host(), &format!("{name}/app:1"));
    refused(&project, &["plan"], 4)
        .one()
        .says("nest deeper than")
        .says("aosm.toml:7:13");
}

#[test]
fn a_manifest_of_300_mebibytes_is_left_where_it_is() {
    for told in [true, false] {
        let served = Arc::new(AtomicU64::new(0));
        let server = endless(told, 300 << 20, &served);
        never_taken(&server.address(), 4)
            .says("larger than 4 MiB")
            .says("aosm.toml:7:13");
        // Three runs of 300 MiB each; what stands in socket buffers counts as served, and those grow with the machine.
        let most = 120 << 20;
        let served = served.load(Ordering::SeqCst);
        assert!(served < most, "{served} bytes were taken although told={told}");
    }
}

#[test]
fn garbage_in_place_of_http_is_told_with_the_source() {
    for bytes in [
        b"\x00\x01\x02garbage\r\n\r\n".to_vec(),
        b"SSH-2.0-OpenSSH_9.6\r\n".to_vec(),
        Vec::new(),
    ] {
        let server = Server::start(move |exchange| {
            let _ = exchange.out.write_all(&bytes);
            After::Close
        });
        let project = wanting(&server.address(), "team/app:1");
        refused(&project, &["plan"], 5)
            .one()
            .says("cannot be asked")
            .says("aosm.toml:4:18");
    }
}

#[test]
fn answers_that_make_no_sense_are_told_with_the_source() {
    for (response, words) in [
        (Response::new(418, "no"), "418"),
        (Response::new(500, "no"), "500"),
        (Response::new(200, "no").with("Content-Length", "-1"), "cannot be asked"),
        (
            Response::new(307, "").with("Location", "/v2/team/app/manifests/1"),
            "sent on more than",
        ),
        (
            Response::new(307, "").with("Location", "ftp://x.example/"),
            "cannot be asked",
        ),
        (
            Response::new(307, "").with("Location", "http://[::bad"),
            "cannot be asked",
        ),
    ] {
        let server = Server::start(move |exchange| exchange.answer(&response));
        let project = wanting(&server.address(), "team/app:1");
        refused(&project, &["plan"], 5).one().says(words).says("aosm.toml:4:18");
    }
}

#[test]
fn a_challenge_that_nobody_understands_is_told_as_a_denial() {
    for challenge in ["Bearer realm=\"not a url\"", "Digest what", "", "\u{e9}"] {
        let response = Response::new(401, "").with("Www-Authenticate", challenge);
        let server = Server::start(move |exchange| exchange.answer(&response));
        let project = wanting(&server.address(), "team/app:1");
        let output = project.run(&["plan"]);
        let code = output.code();
        assert!(matches!(code, 4 | 5), "{output}");
        Refusal::of(&project, output, code).one().says("aosm.toml:");
    }
}

#[test]
fn a_registry_that_is_not_there_is_told_once_for_all_images() {
    let project = wanting("127.0.0.1:1", "team/app:1");
    let more = project.read("aosm.toml")
        + "[[images]]\nreference = \"127.0.0.1:1/b:1\"\n[[images]]\nreference = \"127.0.0.1:1/c:1\"\n";
    project.write("aosm.toml", more);
    refused(&project, &["plan"], 5)
        .one()
        .says("image source 127.0.0.1:1 cannot be asked")
        .says("needed for 127.0.0.1:1/b:1, 127.0.0.1:1/c:1, 127.0.0.1:1/team/app:1")
        .says("aosm.toml:4:18");
}

#[test]
fn a_store_that_cannot_be_read_is_told_once_for_all_steps() {
    let registry = Registry::shared(Kind::Plain);
    let name = registry.unique("source");
    let image = ImageSpec::new(3).build();
    for app in ["a", "b", "c"] {
        registry.push(&image, &format!("{name}/{app}"), "1");
    }
    let project = Project::new();
    let host = registry.host();
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"p\"\nversion = \"1.0.0\"\nimage-sources = [\"{host}/{name}\"]\n\n[stores.lab]\nkind = \"registry\"\nregistry = \"127.0.0.1:1\"\n\n[[images]]\nreference = \"a:1\"\n[[images]]\nreference = \"b:1\"\n[[images]]\nreference = \"c:1\"\n"
        ),
    );
    refused(&project, &["plan"], 5)
        .one()
        .says("store lab could not be read")
        .says("needed for copy:lab/a:1, copy:lab/b:1, copy:lab/c:1")
        .says("aosm.toml:6:9");
    refused_run(&project, project.aosm(&["apply"]), 5, &["aosm.lock"]).one();
}

#[test]
fn a_store_that_fails_under_way_is_told_once_and_left_without_a_tag() {
    let registry = Registry::shared(Kind::Plain);
    let name = registry.unique("target");
    let proxy = Faulty::before(&registry.host());
    let refuse = Response::error(403, "DENIED", "you may not write here");
    proxy.rule(Rule::new(Fault::Answer(refuse)).when(|entry| entry.method != "GET" && entry.method != "HEAD"));
    let project = Project::fixture("contoso-cnf");
    let stores = format!(
        "\n[stores.lab]\nkind = \"registry\"\nregistry = \"{}/{name}\"\n",
        proxy.host()
    );
    let text = project.read("aosm.toml") + &stores;
    project.write("aosm.toml", text);
    let output = project.run(&["apply"]).expect(5);
    let refusal = Refusal::of(&project, output, 5);
    assert!(refusal.errors().len() <= 6, "{}", refusal.0);
    assert!(refusal.0.stdout.contains("0 done, 6 failed"), "{}", refusal.0);
    let refusal = refusal.says("copy:lab/release/contoso-a:1.0.0");
    assert!(refusal.0.stderr.contains("docker login"), "{}", refusal.0);
    for entry in proxy.traffic().0 {
        assert!(entry.method != "PUT" || entry.status != 201, "{entry:?}");
    }
}

#[test]
fn what_a_registry_says_cannot_move_the_cursor() {
    let body = json!({"errors": [{"code": "DENIED", "message": "\u{1b}[2J\u{1b}[31mowned\r\nerror: fake"}]});
    let response = Response::new(500, body.to_string()).with("Content-Type", "application/json");
    let server = Server::start(move |exchange| exchange.answer(&response));
    let refusal = refused(&wanting(&server.address(), "team/app:1"), &["plan"], 5).one();
    assert!(
        !refusal.0.stderr.contains('\u{1b}') && !refusal.0.stdout.contains('\u{1b}'),
        "{}",
        refusal.0
    );
    assert!(
        !refusal.0.stderr.lines().any(|line| line.starts_with("error: fake")),
        "{}",
        refusal.0
    );
}

/// Answers every manifest request with this.
fn answering(body: Vec<u8>, media_type: &'static str, digest: Option<String>) -> Server {
    Server::start(move |exchange| {
        let entry = Entry::new(&exchange.head.method, &exchange.head.target, 0);
        if entry.what != What::Manifest {
            return exchange.answer(&Response::new(if entry.what == What::Ping { 200 } else { 404 }, "{}"));
        }
        let digest = digest.clone().unwrap_or_else(|| sha256(&body));
        let response = Response::new(200, body.clone()).with("Content-Type", media_type);
        exchange.answer(&response.with("Docker-Content-Digest", &digest))
    })
}

/// A manifest of white space, its bytes counted as they leave.
fn endless(told: bool, size: u64, served: &Arc<AtomicU64>) -> Server {
    let served = Arc::clone(served);
    Server::start(move |exchange: &mut Exchange<'_>| {
        let mut head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: {OCI_MANIFEST}\r\nDocker-Content-Digest: {}\r\nConnection: close\r\n",
            sha256(b"whatever")
        );
        if told {
            head += &format!("Content-Length: {size}\r\n");
        }
        head += "\r\n";
        if exchange.out.write_all(head.as_bytes()).is_err() || exchange.head.method == "HEAD" {
            return After::Close;
        }
        let spaces = [b' '; 16 * 1024];
        for _ in 0..size / spaces.len() as u64 {
            if exchange.out.write_all(&spaces).is_err() {
                break;
            }
            served.fetch_add(spaces.len() as u64, Ordering::SeqCst);
        }
        After::Close
    })
}
