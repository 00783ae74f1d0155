//! `login` and `logout`, and the logins that other commands find: in files, in helpers, for namespaces, in variables.
#![cfg(unix)]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::registry::{PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

/// docker's configuration file of a project.
fn config_file(project: &Project) -> PathBuf {
    project.folder().parent().unwrap().join("docker/config.json")
}

fn config(project: &Project) -> Value {
    serde_json::from_str(&std::fs::read_to_string(config_file(project)).unwrap()).unwrap()
}

/// Runs `login` with a password on its standard input; code, standard output, standard error.
fn login(run: Aosm, password: &str) -> (i32, String, String) {
    let mut command = run.into_command();
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // It may have ended without reading.
    let _ = child.stdin.take().unwrap().write_all(password.as_bytes());
    let output = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

/// The tags of a repository, as another tool reads them with the logins of docker's configuration file; `None` when it fails.
fn read_by_others(project: &Project, registry: &Registry, reference: &str) -> Option<String> {
    // Newer versions of crane ask no token server on loopback.
    let mut command = if registry.kind().token() {
        let mut command = tools::skopeo();
        let place = format!("docker://{reference}");
        command
            .args(["list-tags", "--tls-verify=false", "--authfile"])
            .arg(config_file(project))
            .arg(place);
        command
    } else {
        let mut command = Command::new(tools::crane());
        command.args(["ls", reference]);
        command
    };
    command.env("HOME", project.home());
    command.env("DOCKER_CONFIG", config_file(project).parent().unwrap());
    if let Some(file) = registry.ca_file() {
        command.env("SSL_CERT_FILE", file);
    }
    let output = command.output().unwrap();
    eprintln!("{}", String::from_utf8_lossy(&output.stderr));
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

#[test]
fn a_login_is_checked_and_kept_where_docker_and_others_find_it() {
    for kind in [Kind::Basic, Kind::Token, Kind::TlsBasic] {
        if kind.token() && tools::without("skopeo") {
            continue;
        }
        let registry = Registry::shared(kind);
        let repository = registry.unique("login");
        registry.push(&ImageSpec::new(3).build(), &repository, "1.0.0");
        let reference = format!("{}/{repository}", registry.host());
        let project = Project::new();
        std::fs::write(
            config_file(&project),
            "{\n\t\"psFormat\": \"x\",\n\t\"auths\": {\n\t\t\"z.test\": {}\n\t}\n}",
        )
        .unwrap();
        assert_eq!(
            read_by_others(&project, registry, &reference),
            None,
            "{kind:?}: a login before"
        );
        let ca = registry.ca_file().map(|file| file.to_str().unwrap().to_owned());
        let mut arguments = vec![
            "login".to_owned(),
            registry.host(),
            "-u".into(),
            USER.into(),
            "--password-stdin".into(),
        ];
        if let Some(ca) = &ca {
            arguments.extend(["--ca-file".to_owned(), ca.clone()]);
        }
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, out, err) = login(project.aosm(&arguments), &format!("{PASSWORD}\n"));
        assert_eq!(code, 0, "{kind:?}: {out}{err}");
        assert!(out.contains(USER) && out.contains("config.json"), "{out}");
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "{out}{err}");
        let listed = read_by_others(&project, registry, &reference).unwrap_or_default();
        assert!(listed.contains("1.0.0"), "{kind:?}: {listed}");
        let text = std::fs::read_to_string(config_file(&project)).unwrap();
        assert!(
            text.starts_with("{\n\t\"psFormat\": \"x\",\n\t\"auths\": {\n\t\t\"z.test\": {},"),
            "{text}"
        );
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(config_file(&project)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
        // And forgotten again: once with effect, once without.
        project.run(&["logout", &registry.host()]).ok().says("removed from");
        assert_eq!(config(&project)["auths"], json!({"z.test": {}}));
        project
            .run(&["logout", &registry.host()])
            .ok()
            .says("there was no login");
        assert_eq!(read_by_others(&project, registry, &reference), None);
    }
}

#[test]
fn a_login_that_is_wrong_or_cannot_be_checked_is_not_kept() {
    let gone = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap().to_string()
    };
    let (basic, token) = (
        Registry::shared(Kind::Basic).host(),
        Registry::shared(Kind::Token).host(),
    );
    for (host, words) in [(&basic, "is wrong"), (&token, "refuses the login"), (&gone, "refused")] {
        let project = Project::new();
        let arguments = ["login", host.as_str(), "-u", USER, "--password-stdin"];
        let (code, out, err) = login(project.aosm(&arguments), "planted-wrong-password-Pd7");
        assert_eq!(code, 5, "{out}{err}");
        assert!(err.contains(words) && !err.contains("planted-wrong"), "{host}: {err}");
        assert!(!config_file(&project).exists(), "{host}");
    }
}

#[test]
fn a_credential_helper_keeps_the_secret_and_gives_it_back() {
    use std::os::unix::fs::PermissionsExt as _;
    let registry = Registry::shared(Kind::Basic);
    let repository = registry.unique("login-helper");
    registry.push(&ImageSpec::new(4).build(), &repository, "1.0.0");
    let project = Project::new();
    let bin = temp_dir();
    let script = bin.path().join("docker-credential-drawer");
    let text = "#!/bin/sh\ndrawer=\"${0%/*}/drawer\"\ncase \"$1\" in\nstore) cat > \"$drawer\";;\n\
        get) read key; grep -q \"\\\"ServerURL\\\":\\\"$key\\\"\" \"$drawer\" 2>/dev/null && exec cat \"$drawer\"\n\
        echo 'credentials not found in native keychain'; exit 1;;\nerase) rm -f \"$drawer\";;\nesac\n";
    std::fs::write(&script, text).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    project.docker_config(&json!({"credsStore": "drawer"}));
    let path = format!("{}:{}", bin.path().display(), std::env::var("PATH").unwrap());
    let arguments = ["login", &registry.host(), "-u", USER, "--password-stdin", "--json"];
    let (code, out, err) = login(project.aosm(&arguments).env("PATH", &path), PASSWORD);
    assert_eq!(code, 0, "{out}{err}");
    let document: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(
        (&document["format"], &document["helper"], &document["checked"]),
        (&json!("aosm-login/1"), &json!("drawer"), &json!(true))
    );
    assert_eq!(
        config(&project),
        json!({"credsStore": "drawer", "auths": {registry.host(): {}}})
    );
    let reference = format!("{}/{repository}", registry.host());
    let tags = || project.aosm(&["artifact", "tags", &reference]).env("PATH", &path).run();
    tags().ok().says("1.0.0");
    let out = project
        .aosm(&["logout", &registry.host(), "--json"])
        .env("PATH", &path)
        .run()
        .ok();
    assert_eq!(
        (&out.json()["removed"], &out.json()["helper"]),
        (&json!(true), &json!("drawer"))
    );
    assert!(!bin.path().join("drawer").exists());
    tags().expect(5);
    // A helper that fails says so, and not with what it was given.
    std::fs::write(&script, "#!/bin/sh\necho \"no room for $(cat)\" >&2\nexit 2\n").unwrap();
    let (code, out, err) = login(project.aosm(&arguments).env("PATH", &path), PASSWORD);
    assert_eq!(code, 5, "{out}{err}");
    assert!(err.contains("no room for") && !err.contains(PASSWORD), "{err}");
}

#[test]
fn a_password_is_asked_for_on_a_terminal_only_and_never_shown() {
    let registry = Registry::shared(Kind::Basic);
    let host = registry.host();
    let project = Project::new();
    project
        .run(&["login", &host])
        .expect(64)
        .says("no terminal")
        .says("--password-stdin");
    project
        .run(&["login", &host, "-u", USER, "--password", "planted-in-arguments-Zt6"])
        .expect(64)
        .says("no password is taken as an argument")
        .silent_about("planted-in-arguments-Zt6");
    let command = project.aosm(&["login", &host]).into_command();
    let answers = [
        ("user name for", format!("{USER}\n")),
        ("password of", format!("{PASSWORD}\n")),
    ];
    let answers: Vec<(&str, &str)> = answers
        .iter()
        .map(|(question, answer)| (*question, answer.as_str()))
        .collect();
    let (code, screen) = terminal::converse(command, &answers);
    assert_eq!(code, 0, "{screen}");
    assert!(screen.contains("kept in") && !screen.contains(PASSWORD), "{screen}");
    assert!(config(&project)["auths"][&host]["auth"].is_string());
}

#[test]
fn logins_of_podman_for_a_namespace_are_used_below_it() {
    let registry = Registry::shared(Kind::Token);
    let team = registry.unique("login-team");
    for name in ["one", "inner/two"] {
        registry.push(&ImageSpec::new(6).build(), &format!("{team}/{name}"), "1.0.0");
    }
    let other = registry.unique("login-other");
    registry.push(&ImageSpec::new(6).build(), &other, "1.0.0");
    let entry = |user: &str, password: &str| json!({"username": user, "password": password});
    let project = Project::new();
    let auths = json!({"auths": {
        registry.host(): entry(USER, "wrong for the host"),
        format!("{}/{team}", registry.host()): entry(USER, "wrong for the team"),
        format!("{}/{team}/inner", registry.host()): entry(READER, READER_PASSWORD),
        format!("{}/{team}/one", registry.host()): entry(USER, PASSWORD),
    }});
    project.write("auth.json", auths.to_string());
    for (repository, code) in [
        (format!("{team}/one"), 0),
        (format!("{team}/inner/two"), 0),
        (format!("{team}/three"), 5),
        (other, 5),
    ] {
        project
            .aosm(&["artifact", "tags", &format!("{}/{repository}", registry.host())])
            .env("REGISTRY_AUTH_FILE", project.path("auth.json"))
            .run()
            .expect(code);
    }
}

#[test]
fn variables_hold_logins_for_one_host_or_for_all() {
    let registry = Registry::shared(Kind::Basic);
    let repository = registry.unique("login-variables");
    registry.push(&ImageSpec::new(7).build(), &repository, "1.0.0");
    let reference = format!("{}/{repository}", registry.host());
    let own = format!("AOSM_REGISTRY_{}", registry.host().replace(['.', ':'], "_"));
    let run = |variables: &[(&str, &str)]| {
        let project = Project::new();
        let mut run = project.aosm(&["artifact", "tags", &reference, "--auth", "environment"]);
        for (name, value) in variables {
            run = run.env(name, value);
        }
        run.run().silent_about(PASSWORD)
    };
    let (user, password) = (format!("{own}_USERNAME"), format!("{own}_PASSWORD"));
    run(&[("AOSM_REGISTRY_USERNAME", USER), ("AOSM_REGISTRY_PASSWORD", PASSWORD)]).ok();
    run(&[
        (user.as_str(), USER),
        (password.as_str(), PASSWORD),
        ("AOSM_REGISTRY_USERNAME", "other"),
        ("AOSM_REGISTRY_PASSWORD", "other"),
    ])
    .ok();
    run(&[]).expect(5).says(&user).says("AOSM_REGISTRY_PASSWORD");
    run(&[(user.as_str(), USER)])
        .expect(5)
        .says(&format!("{password} is not"));
    run(&[
        ("AOSM_REGISTRY_USERNAME", USER),
        ("AOSM_REGISTRY_PASSWORD", "planted-Mn2"),
    ])
    .expect(5)
    .says("variables AOSM_REGISTRY_USERNAME and AOSM_REGISTRY_PASSWORD")
    .silent_about("planted-Mn2");
}
