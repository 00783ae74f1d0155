//! `doctor`: what is missing is told, with what to do about it, and nothing is ever written.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::documents::fits;
use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

/// A project with one image and one registry store, and how the registry's certificate is trusted.
fn project(registry: &Registry, name: &str) -> (Project, String) {
    let from = registry.unique(name);
    registry.push(
        &ImageSpec::new(820).layers(&[100]).build(),
        &format!("{from}/a"),
        "1.0.0",
    );
    let project = Project::new();
    let ca = registry.ca_file().map_or_else(String::new, |file| {
        format!("[network]\nca-file = \"{}\"\n", file.display())
    });
    project.write(
        "aosm.toml",
        format!(
            "[project]\nname = \"patient\"\nimage-sources = [\"{host}/{from}\"]\n[[images]]\nreference = \"x.example/a:1.0.0\"\n\
             [stores.lab]\nkind = \"registry\"\nregistry = \"{host}/{from}/store\"\n[stores.here]\nkind = \"local\"\n{ca}",
            host = registry.host()
        ),
    );
    (project, from)
}

fn examine(project: &Project, code: i32) -> Value {
    let document = project.run(&["doctor", "--json"]).expect(code).json();
    fits(project, "doctor", &document);
    document
}

/// One line of the examination.
fn line<'a>(document: &'a Value, check: &str, subject: Option<&str>) -> &'a Value {
    let lines = document["checks"].as_array().unwrap();
    let found = lines
        .iter()
        .find(|line| line["check"] == check && subject.is_none_or(|subject| line["subject"] == subject));
    found.unwrap_or_else(|| panic!("no check {check} {subject:?}: {document:#}"))
}

fn state(document: &Value, check: &str, subject: Option<&str>) -> String {
    line(document, check, subject)["state"].as_str().unwrap().to_owned()
}

fn detail(document: &Value, check: &str, subject: Option<&str>) -> String {
    line(document, check, subject)["detail"].as_str().unwrap().to_owned()
}

#[test]
fn a_sound_project_has_nothing_missing_and_nothing_is_written() {
    for kind in Kind::all() {
        let registry = Registry::shared(kind);
        let (project, from) = project(registry, "sound");
        if !registry.kind().open() {
            project.login(&registry.host(), USER, PASSWORD);
        }
        project.run(&["lock"]).ok();
        project.remove(".aosm");
        let (before, mark) = (Snapshot::of(&project.folder()), registry.mark());
        let found = examine(&project, 0);
        assert_eq!(
            Snapshot::of(&project.folder()),
            before,
            "{kind:?}: something was written"
        );
        for entry in &registry.since(mark).0 {
            assert!(["GET", "HEAD"].contains(&entry.method.as_str()), "{kind:?}: {entry:?}");
        }
        let source = format!("{}/{from}", registry.host());
        let reading = detail(&found, "source", Some(&source));
        assert!(
            reading.ends_with(&format!("{from}/a can be read")),
            "{kind:?}: {reading}"
        );
        let writing = detail(&found, "store", Some("lab"));
        let expected = if kind.token() {
            format!("for writing {from}/store/a too")
        } else if kind.open() {
            "asks for no login, so only writing shows".to_owned()
        } else {
            "works with passwords, so only writing shows".to_owned()
        };
        assert!(writing.contains(&expected), "{kind:?}: {writing}");
        assert_eq!(state(&found, "store", Some("here")), "ok");
        assert_eq!(state(&found, "helm", None), "skipped", "there is no chart");
        assert_eq!(state(&found, "clock", None), "ok", "{kind:?}: {found:#}");
        assert_eq!(detail(&found, "lock", None), "1 image");
    }
}

#[test]
fn without_a_project_the_machine_alone_is_looked_at() {
    let empty = Project::new();
    let found = examine(&empty, 0);
    assert_eq!(state(&found, "project", None), "skipped");
    assert!(detail(&found, "helm", None).starts_with('v'), "{found:#}");
    assert!(
        found["checks"]
            .as_array()
            .unwrap()
            .iter()
            .all(|line| line["check"] != "store")
    );
    let output = empty.run(&["doctor"]).ok();
    assert_eq!(output.stdout.lines().last(), Some("nothing is missing"), "{output}");
    // One line each.
    assert_eq!(
        output.stdout.lines().count(),
        found["checks"].as_array().unwrap().len() + 1,
        "{output}"
    );
    assert!(
        std::fs::read_dir(empty.folder()).unwrap().next().is_none(),
        "nothing is made"
    );
    empty
        .aosm(&["doctor"])
        .env("AOSM_HELM", "/nowhere/helm")
        .run()
        .expect(5)
        .says("missing  helm: ")
        .says("→ install Helm 3.8");
}

#[test]
fn helm_is_needed_only_for_charts_and_must_be_new_enough() {
    let project = Project::new();
    charts::write(&project, "app", "app", "1.0.0", &[]);
    project.write("aosm.toml", "[[charts]]\nname = \"app\"\npath = \"app\"\n");
    assert_eq!(state(&examine(&project, 0), "helm", None), "ok");
    let old = project.path("helm");
    std::fs::write(&old, "#!/bin/sh\necho v2.17.0\n").unwrap();
    #[cfg(unix)]
    std::fs::set_permissions(&old, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    project
        .run(&["doctor", "--helm", old.to_str().unwrap()])
        .expect(5)
        .says("v2.17.0, 3.8 or newer is needed");
    project.write("aosm.toml", "[stores.here]\nkind = \"local\"\n");
    project
        .run(&["doctor", "--helm", "/nowhere"])
        .ok()
        .says("skipped  helm: not needed");
}

#[test]
fn a_login_that_is_missing_or_wrong_is_told_with_what_to_do() {
    for kind in [Kind::Basic, Kind::Token] {
        let registry = Registry::shared(kind);
        let (project, from) = project(registry, "logins");
        let source = format!("{}/{from}", registry.host());
        project.login(&registry.host(), USER, PASSWORD);
        project.run(&["lock"]).ok();
        project.login(&registry.host(), USER, "wrong hush");
        let output = project.run(&["doctor"]).expect(5);
        assert!(!output.stdout.contains("hush"), "{output}");
        output.says("config.json").says("aosm-build login");
        let found = examine(&project, 5);
        for (check, subject) in [("source", source.as_str()), ("store", "lab")] {
            assert_eq!(state(&found, check, Some(subject)), "missing", "{found:#}");
            assert!(line(&found, check, Some(subject))["hint"].is_string());
        }
        // A refusal tells the time, too.
        assert_eq!(state(&found, "clock", None), "ok");
        project.docker_config(&serde_json::json!({}));
        assert_eq!(
            state(&examine(&project, 5), "store", Some("lab")),
            "missing",
            "{kind:?}"
        );
    }
}

#[test]
fn the_right_to_push_is_known_from_the_token() {
    let registry = Registry::shared(Kind::Token);
    let (project, from) = project(registry, "rights");
    project.login(&registry.host(), READER, READER_PASSWORD);
    project.run(&["lock"]).ok();
    let found = examine(&project, 5);
    let source = format!("{}/{from}", registry.host());
    assert_eq!(state(&found, "source", Some(&source)), "ok", "{found:#}");
    let writing = detail(&found, "store", Some("lab"));
    assert!(writing.contains("its token is good for pull only"), "{writing}");
    let hint = line(&found, "store", Some("lab"))["hint"].as_str().unwrap();
    assert!(hint.contains("AcrPush"), "{hint}");
    // What docs/permissions.md says: reading is enough to plan, not to apply.
    project.run(&["plan", "--only", "copy:lab/*"]).ok();
    project.run(&["apply", "--only", "copy:lab/*"]).expect(5);
    // Without a name to ask about nothing is guessed.
    project.remove("aosm.lock");
    let found = examine(&project, 0);
    assert!(detail(&found, "store", Some("lab")).contains("the right to write is not known"));
    assert!(detail(&found, "source", Some(&source)).contains("reading was not tried"));
}

#[test]
fn a_registry_that_is_not_there_hides_nothing_of_the_others() {
    let registry = Registry::shared(Kind::Plain);
    let (project, from) = project(registry, "gone");
    let source = format!("{}/{from}", registry.host());
    let text = project
        .read("aosm.toml")
        .replace(&format!("\"{source}\""), &format!("\"127.0.0.1:1\", \"{source}\""));
    project.write("aosm.toml", &text);
    let found = examine(&project, 5);
    assert_eq!(state(&found, "source", Some("127.0.0.1:1")), "missing");
    assert_eq!(state(&found, "source", Some(&source)), "ok");
    assert_eq!(found["summary"]["missing"], 1, "{found:#}");
    // One that may be missing is a warning.
    project.write(
        "aosm.toml",
        format!("{text}\n[sources.\"127.0.0.1:1\"]\noptional = true\n"),
    );
    let found = examine(&project, 0);
    assert_eq!(state(&found, "source", Some("127.0.0.1:1")), "warning");
    assert_eq!(examine(&project, 0)["summary"]["warning"], 1);
    let offline = project.run(&["doctor", "--offline", "--json"]).ok().json();
    fits(&project, "doctor", &offline);
    for (check, subject) in [("source", Some("127.0.0.1:1")), ("store", Some("lab")), ("clock", None)] {
        assert_eq!(state(&offline, check, subject), "skipped", "{offline:#}");
    }
}

#[test]
fn what_registries_answer_wrongly_is_told() {
    let registry = Registry::shared(Kind::Plain);
    let table: Vec<(Fault, &str)> = vec![
        (Fault::Answer(http::Response::new(503, "down")), "503"),
        (Fault::Answer(http::Response::new(404, "not here")), "404"),
        (Fault::Answer(http::Response::new(403, "no")), "403"),
        (Fault::Throttle(1), "429"),
        (Fault::Reset, ""),
        (Fault::Garbage(b"what?".to_vec()), ""),
        (Fault::Hang, "no answer for"),
    ];
    for (fault, words) in table {
        let front = Faulty::before(&registry.host());
        let project = Project::new();
        project.write(
            "aosm.toml",
            format!("[stores.lab]\nkind = \"registry\"\nregistry = \"{}\"\n", front.host()),
        );
        front.rule(Rule::new(fault));
        let found = examine(&project, 5);
        assert_eq!(state(&found, "store", Some("lab")), "missing", "{found:#}");
        let said = detail(&found, "store", Some("lab"));
        assert!(said.contains(words), "{words}: {said}");
        let asked = front.traffic();
        assert!(asked.0.len() <= 6, "{said}: {}", asked.0.len());
    }
}

#[test]
fn a_clock_that_is_wrong_is_an_error_from_five_minutes_on() {
    let registry = Registry::shared(Kind::Plain);
    let front = Faulty::before(&registry.host());
    let project = Project::new();
    project.write(
        "aosm.toml",
        format!("[stores.lab]\nkind = \"registry\"\nregistry = \"{}\"\n", front.host()),
    );
    let at = |seconds: u64, ahead: bool| {
        let offset = Duration::from_secs(seconds);
        let now = SystemTime::now();
        let time = if ahead { now + offset } else { now - offset };
        front.clear();
        front.rule(Rule::new(Fault::SetHeader("Date", httpdate::fmt_http_date(time))));
    };
    at(200, true);
    assert_eq!(state(&examine(&project, 0), "clock", None), "ok");
    at(3_660, true);
    let found = examine(&project, 5);
    assert!(
        detail(&found, "clock", None).starts_with("this machine is 6"),
        "{found:#}"
    );
    assert!(detail(&found, "clock", None).contains("min behind"), "{found:#}");
    at(9_000, false);
    project
        .run(&["doctor"])
        .expect(5)
        .says("2 h ahead of")
        .says("→ set the clock");
    // A refusal tells the time as well, and a date that is none tells nothing.
    front.clear();
    front.rule(Rule::new(Fault::Answer(
        http::Response::new(403, "no").with("Date", "yesterday"),
    )));
    assert_eq!(state(&examine(&project, 5), "clock", None), "skipped");
}

#[test]
fn folders_are_looked_at_without_making_them() {
    let project = Project::new();
    project.write("aosm.toml", "[stores.here]\nkind = \"local\"\npath = \"out/store\"\n");
    let found = examine(&project, 0);
    assert!(detail(&found, "store", Some("here")).contains("not there yet, can be made"));
    assert!(!project.path("out").exists() && !project.path(".aosm").exists());
    project.write("out", "a file");
    let found = examine(&project, 5);
    assert!(
        detail(&found, "store", Some("here")).contains("it is no folder"),
        "{found:#}"
    );
    project
        .remove("out")
        .write("out/store/index.json", "no index")
        .write("out/store/oci-layout", "{\"imageLayoutVersion\":\"1.0.0\"}");
    let found = examine(&project, 0);
    assert_eq!(state(&found, "store", Some("here")), "warning", "{found:#}");
    project.write("out/store/oci-layout", "{\"imageLayoutVersion\":\"7\"}");
    assert_eq!(state(&examine(&project, 5), "store", Some("here")), "missing");
    assert_eq!(project.read("out/store/index.json"), "no index");
}

#[test]
fn damaged_caches_and_states_are_warnings_and_stay_as_they_are() {
    let project = Project::fixture("contoso-cnf");
    project.run(&["apply"]).ok();
    let found = examine(&project, 0);
    assert_eq!(found["summary"]["warning"], 0, "{found:#}");
    assert!(
        detail(&found, "store", Some("local")).contains("6 artifacts"),
        "{found:#}"
    );
    project.write(".aosm/state/history", "flipped");
    let entry = snapshot::walk(&project.path(".aosm/cache/ac"))
        .into_iter()
        .find(|path| path.is_file())
        .unwrap();
    std::fs::write(&entry, "cut").unwrap();
    let found = examine(&project, 0);
    assert!(
        detail(&found, "state", None).contains("1 file damaged: history"),
        "{found:#}"
    );
    assert!(detail(&found, "cache", None).contains("1 of "), "{found:#}");
    assert_eq!(found["summary"]["warning"], 2, "{found:#}");
    assert_eq!(std::fs::read(&entry).unwrap(), b"cut");
}

#[test]
fn sources_that_are_files_are_opened() {
    let project = Project::fixture("contoso-cnf");
    assert_eq!(state(&examine(&project, 0), "source", None), "ok");
    project.write("images/index.json", "no index");
    let found = examine(&project, 5);
    assert_eq!(state(&found, "source", None), "missing");
    project.remove("images");
    let found = examine(&project, 5);
    assert!(detail(&found, "source", None).contains("is not there"), "{found:#}");
}

#[test]
fn login_files_proxies_and_certificates_are_looked_at_and_no_secret_is_shown() {
    let project = Project::new();
    project.docker_config(&serde_json::json!({
        "auths": {"a.test": {"auth": "aHVzaDpodXNo"}}, "credHelpers": {"b.test": "is-not-installed"}
    }));
    // It may be for a host that nobody asks; the one for all hosts is asked each time.
    project
        .run(&["doctor"])
        .ok()
        .says("warning  logins")
        .says("not on PATH: docker-credential-is-not-installed");
    project.docker_config(&serde_json::json!({
        "auths": {"a.test": {"auth": "aHVzaDpodXNo"}}, "credsStore": "is-not-installed"
    }));
    let run = project
        .aosm(&["doctor"])
        .env("HTTPS_PROXY", "http://me:hush@127.0.0.1:1/")
        .run()
        .expect(5);
    assert!(!run.stdout.contains("hush") && !run.stdout.contains("aHVz"), "{run}");
    run.says("missing  logins")
        .says("not on PATH: docker-credential-is-not-installed")
        .says("missing  proxy: 127.0.0.1:1, from HTTPS_PROXY: ");
    let proxy = Faulty::before("127.0.0.1:1");
    project.docker_config(&serde_json::json!({"auths": {"a.test": {}}}));
    let run = project
        .aosm(&["doctor"])
        .env("HTTPS_PROXY", format!("http://me:hush@{}", proxy.host()))
        .run();
    run.ok().says("ok       proxy: 127.0.0.1:").says("config.json: 1 entry");
    project.write("ca.pem", "no certificate").write(
        "aosm.toml",
        "[stores.lab]\nkind = \"registry\"\nregistry = \"registry.invalid\"\n[network]\nca-file = \"ca.pem\"\n",
    );
    let found = project.run(&["doctor", "--offline", "--json"]).expect(5).json();
    assert!(detail(&found, "certificates", None).contains("ca.pem"), "{found:#}");
    std::fs::write(
        project.folder().parent().unwrap().join("docker/config.json"),
        "{\"auths\": hush",
    )
    .unwrap();
    let run = project
        .run(&["doctor", "--offline"])
        .expect(5)
        .says("is no login file: line 1");
    assert!(!run.stdout.contains("hush"), "{run}");
}

#[test]
fn a_broken_project_does_not_keep_from_looking_at_the_machine() {
    let project = Project::new();
    project.write("aosm.toml", "[stores.lab]\nkind = \"regsitry\"\n");
    let run = project.run(&["doctor", "--json"]).expect(4);
    let found = run.json();
    fits(&project, "doctor", &found);
    assert_eq!(state(&found, "project", None), "missing");
    assert_eq!(state(&found, "helm", None), "ok");
    run.says("did you mean `registry`?");
    project
        .write("aosm.toml", "[stores.here]\nkind = \"local\"\n")
        .write("aosm.lock", "version = 99\n");
    let found = examine(&project, 5);
    assert_eq!(state(&found, "lock", None), "missing");
    project.run(&["doctor", "-C", "nowhere"]).expect(64);
}
