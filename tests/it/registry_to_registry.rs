//! From real registries to real registries, with every kind of login, and read back by clients that are not ours.

use std::process::Command;

use serde_json::{Value, json};

use crate::support::registry::{IDENTITY_TOKEN, PASSWORD, READER, READER_PASSWORD, USER};
use crate::support::*;

/// A project that takes from one registry and fills another.
struct Route {
    project: Project,
    /// Where its images are, and where they go.
    from: (&'static Registry, String),
    to: (&'static Registry, String),
}

impl Route {
    fn new(from: Kind, to: Kind, images: &[(&str, &Image)]) -> Self {
        let (source, target) = (Registry::shared(from), Registry::shared(to));
        let (below, prefix) = (source.unique("route-from"), target.unique("route-to"));
        for (name, image) in images {
            source.push(image, &format!("{below}/{name}"), "1.0.0");
        }
        let project = Project::new();
        let references: Vec<String> = images
            .iter()
            .map(|(name, _)| format!("registry.example/{name}:1.0.0"))
            .collect();
        let references: Vec<&str> = references.iter().map(String::as_str).collect();
        charts::write(&project, "chart", "contoso", "1.0.0", &references);
        let mut authorities = Vec::new();
        for registry in [source, target] {
            authorities.extend(
                registry
                    .ca_file()
                    .map(|file| std::fs::read(file).unwrap())
                    .unwrap_or_default(),
            );
        }
        let network = if authorities.is_empty() {
            String::new()
        } else {
            project.write("ca.pem", authorities);
            "[network]\nca-file = \"ca.pem\"\n".to_owned()
        };
        project.write(
            "aosm.toml",
            format!(
                "[project]\nname = \"contoso\"\nimage-sources = [\"{}/{below}\"]\n\
                 [[charts]]\nname = \"contoso\"\npath = \"chart\"\n\
                 [stores.target]\nkind = \"registry\"\nregistry = \"{}/{prefix}\"\n{network}",
                source.host(),
                target.host()
            ),
        );
        Self {
            project,
            from: (source, below),
            to: (target, prefix),
        }
    }

    /// Writes down logins as `docker login` does: the same entry for both registries.
    fn login(&self, entry: &Value) {
        let auths = json!({self.from.0.host(): entry, self.to.0.host(): entry});
        self.project.docker_config(&json!({ "auths": auths }));
    }

    /// The target has the image whole, byte for byte, as an independent client reads it.
    fn arrived(&self, name: &str, image: &Image) {
        let stored = self.to.0.client().pull(&format!("{}/{name}", self.to.1), "1.0.0");
        let stored = stored.unwrap_or_else(|| panic!("{name} is not there"));
        assert_eq!(stored.root(), image.root(), "{name}");
        assert_eq!(stored.manifests, image.manifests, "{name}");
    }
}

/// A login as docker writes it.
fn basic(user: &str, password: &str) -> Value {
    use base64::Engine as _;
    json!({"auth": base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"))})
}

/// What images come as: of both families of types, for one platform and for several, and with white space that no tool
/// writes.
fn images() -> Vec<(&'static str, Image)> {
    let nested = Image::index(&[ImageSpec::new(66).multi_platform(), ImageSpec::new(67).build()]);
    vec![
        ("kinds/oci", ImageSpec::new(61).layers(&[2000, 300]).build()),
        (
            "kinds/oci-platforms",
            ImageSpec::new(62).layers(&[2000]).multi_platform(),
        ),
        ("kinds/docker", ImageSpec::new(63).docker().layers(&[900]).build()),
        ("kinds/docker-platforms", ImageSpec::new(64).docker().multi_platform()),
        ("kinds/spaced", ImageSpec::new(65).spaced().multi_platform()),
        (
            "kinds/docker-spaced",
            ImageSpec::new(68).docker().spaced().multi_platform(),
        ),
        ("kinds/nested", nested),
    ]
}

#[test]
fn every_kind_of_image_arrives_byte_for_byte() {
    let images = images();
    let listed: Vec<(&str, &Image)> = images.iter().map(|(name, image)| (*name, image)).collect();
    let mut routes = vec![(Kind::Plain, Kind::Plain)];
    if Kind::Old.available() {
        routes.extend([(Kind::Plain, Kind::Old), (Kind::Old, Kind::Plain)]);
    }
    for (from, to) in routes {
        let route = Route::new(from, to, &listed);
        route.project.run(&["apply"]).ok().says("8 done");
        for (name, image) in &images {
            route.arrived(name, image);
        }
        route
            .project
            .run(&["apply"])
            .ok()
            .says("nothing to do: 8 artifacts up to date");
    }
}

#[test]
fn crane_finds_what_arrived_valid_and_of_the_same_digest() {
    let images = images();
    let listed: Vec<(&str, &Image)> = images.iter().map(|(name, image)| (*name, image)).collect();
    let route = Route::new(Kind::Plain, Kind::Plain, &listed);
    route.project.run(&["apply"]).ok();
    for (name, image) in &images {
        let place = |(registry, below): &(&Registry, String)| format!("{}/{below}/{name}:1.0.0", registry.host());
        let crane = |arguments: &[&str]| tools::run(Command::new(tools::crane()).args(arguments));
        crane(&["validate", "--remote", &place(&route.to)]);
        let digest = crane(&["digest", &place(&route.to)]);
        assert_eq!(digest.trim(), crane(&["digest", &place(&route.from)]).trim(), "{name}");
        assert_eq!(digest.trim(), image.digest(), "{name}");
    }
    let chart = format!("{}/{}/contoso:1.0.0", route.to.0.host(), route.to.1);
    tools::run(Command::new(tools::crane()).args(["validate", "--remote", &chart]));
}

#[test]
fn skopeo_reads_what_arrived() {
    if tools::without("skopeo") {
        return;
    }
    let image = ImageSpec::new(69).layers(&[4000]).multi_platform();
    let route = Route::new(Kind::Plain, Kind::Plain, &[("one", &image)]);
    route.project.run(&["apply"]).ok();
    let place = format!("docker://{}/{}/one:1.0.0", route.to.0.host(), route.to.1);
    let raw = tools::run(tools::skopeo().args(["inspect", "--raw", "--tls-verify=false", &place]));
    assert_eq!(sha256(raw.as_bytes()), image.digest());
    let copy = temp_dir();
    let layout = format!("oci:{}:copy", copy.path().display());
    tools::run(tools::skopeo().args(["copy", "--all", "--src-tls-verify=false", &place, &layout]));
    assert_eq!(layout::read(copy.path(), "copy").unwrap().root(), image.root());
}

#[test]
fn logins_of_docker_open_registries_with_passwords_tokens_and_certificates() {
    let image = ImageSpec::new(71).layers(&[1500, 200]).multi_platform();
    let password = basic(USER, PASSWORD);
    let identity = json!({"auth": basic("<token>", "")["auth"], "identitytoken": IDENTITY_TOKEN});
    let table = [
        (Kind::Basic, Kind::Basic, &password),
        (Kind::Token, Kind::Token, &password),
        (Kind::Token, Kind::Token, &identity),
        (Kind::Tls, Kind::Tls, &password),
        (Kind::TlsBasic, Kind::TlsBasic, &password),
        (Kind::Plain, Kind::TlsBasic, &password),
        (Kind::TlsBasic, Kind::Token, &password),
        (Kind::OldToken, Kind::Basic, &password),
        (Kind::Basic, Kind::OldToken, &password),
    ];
    for (from, to, entry) in table {
        if !from.available() || !to.available() {
            continue;
        }
        let route = Route::new(from, to, &[("secret/one", &image)]);
        route.login(entry);
        route.project.run(&["apply"]).ok();
        route.arrived("secret/one", &image);
        // A login costs questions of its own, but no question about an artifact twice.
        let mark = route.to.0.mark();
        route.project.run(&["apply"]).ok().says("nothing to do");
        let asked = route.to.0.since(mark);
        let asked = asked.under(&route.to.1);
        let answered = asked.0.iter().filter(|entry| entry.status != 401).count();
        assert!(
            answered <= 2 && asked.data_path() <= 3,
            "{from:?} {to:?}: {:?}",
            asked.labels()
        );
        assert_eq!(
            snapshot::holding(&route.project.folder(), PASSWORD),
            Vec::<std::path::PathBuf>::new()
        );
    }
}

#[test]
fn a_store_that_only_lets_read_is_an_error_of_access_and_stays_as_it_was() {
    let image = ImageSpec::new(72).build();
    let route = Route::new(Kind::Plain, Kind::Token, &[("one", &image)]);
    route.login(&basic(READER, READER_PASSWORD));
    let output = route
        .project
        .run(&["apply"])
        .expect(5)
        .says("the login is good")
        .silent_about(READER_PASSWORD);
    assert!(output.stderr.contains(&route.to.0.host()), "{output}");
    assert!(route.to.0.client().tags(&format!("{}/one", route.to.1)).is_empty());
}

#[test]
fn a_wrong_password_is_told_with_the_host_and_never_shown() {
    let image = ImageSpec::new(73).build();
    for kind in [Kind::Basic, Kind::Token, Kind::TlsBasic] {
        let route = Route::new(kind, Kind::Plain, &[("one", &image)]);
        route.login(&basic(USER, "not the password"));
        let output = route.project.run(&["apply"]).expect(5).says(&route.from.0.host());
        let output = output.says("aosm-build login").silent_about("not the password");
        assert!(
            !output.stderr.contains("not found at"),
            "a bad login is no missing image: {output}"
        );
    }
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused() {
    let image = ImageSpec::new(74).build();
    let route = Route::new(Kind::Tls, Kind::Plain, &[("one", &image)]);
    route.project.edit("aosm.toml", "ca-file = \"ca.pem\"", "");
    route
        .project
        .run(&["apply"])
        .expect(5)
        .says("certificate")
        .says("ca-file");
}

/// Helm with configuration folders of its own.
fn helm(project: &Project, arguments: &[&str]) -> String {
    let mut command = Command::new(tools::helm());
    command.args(arguments).current_dir(project.folder());
    for (name, folder) in [
        ("HELM_CACHE_HOME", "cache"),
        ("HELM_CONFIG_HOME", "config"),
        ("HELM_DATA_HOME", "data"),
    ] {
        command.env(name, project.home().join(folder));
    }
    tools::run(&mut command)
}

#[test]
fn helm_gets_the_chart_back_and_renders_the_same() {
    let image = ImageSpec::new(75).build();
    let route = Route::new(Kind::Plain, Kind::Plain, &[("one", &image)]);
    route.project.write("chart/templates/NOTES.txt", "have fun\n");
    route
        .project
        .write("chart/.helmignore", "*.bak\n")
        .write("chart/left.bak", "not packed");
    route.project.run(&["apply"]).ok();
    let place = format!("oci://{}/{}/contoso", route.to.0.host(), route.to.1);
    helm(
        &route.project,
        &[
            "pull",
            &place,
            "--version",
            "1.0.0",
            "--plain-http",
            "--untar",
            "--untardir",
            "pulled",
        ],
    );
    let pulled = route.project.path("pulled/contoso");
    let files: Vec<String> = Snapshot::of(&pulled).names().into_iter().map(str::to_owned).collect();
    assert!(files.contains(&"templates/app-0.yaml".to_owned()), "{files:?}");
    assert!(!files.contains(&"left.bak".to_owned()), "{files:?}");
    let ours = helm(&route.project, &["template", "contoso", "chart"]);
    assert_eq!(helm(&route.project, &["template", "contoso", "pulled/contoso"]), ours);
    let shown = helm(
        &route.project,
        &["show", "chart", &place, "--version", "1.0.0", "--plain-http"],
    );
    assert!(shown.contains("name: contoso"), "{shown}");
}

#[test]
fn a_chart_that_helm_pushed_from_equal_files_counts_as_the_same() {
    let image = ImageSpec::new(76).build();
    let route = Route::new(Kind::Plain, Kind::Plain, &[("one", &image)]);
    helm(&route.project, &["package", "chart", "--destination", "packed"]);
    let place = format!("oci://{}/{}", route.to.0.host(), route.to.1);
    helm(
        &route.project,
        &["push", "packed/contoso-1.0.0.tgz", &place, "--plain-http"],
    );
    let client = route.to.0.client();
    let chart = format!("{}/contoso", route.to.1);
    let theirs = client.digest(&chart, "1.0.0");
    let plan = route.project.run(&["plan", "--json"]).ok().json();
    let step = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .find(|step| step["kind"] == "push")
        .unwrap();
    assert_eq!(
        (step["action"].as_str(), step["effect"].as_str()),
        (Some("fresh"), Some("none")),
        "{plan}"
    );
    assert_eq!(step["reasons"][0]["type"], "same-content", "{plan}");
    assert_ne!(step["observed"], step["desired"], "another archive of the same files");
    route.project.run(&["apply"]).ok().says("1 done, 1 fresh");
    assert_eq!(client.digest(&chart, "1.0.0"), theirs, "their archive stays");
    // The comparison is remembered: after that it is one question again.
    let mark = route.to.0.mark();
    route
        .project
        .run(&["apply"])
        .ok()
        .says("nothing to do: 2 artifacts up to date");
    assert_eq!(route.to.0.since(mark).under(&chart).data_path(), 1);
    // One byte more is another chart.
    route.project.write("chart/values.yaml", "replicas: 1\n# more\n");
    route.project.run(&["apply"]).expect(4).says("--replace=contoso:1.0.0");
    assert_eq!(client.digest(&chart, "1.0.0"), theirs);
}

#[test]
fn a_ready_archive_goes_byte_for_byte() {
    let image = ImageSpec::new(77).build();
    let route = Route::new(Kind::Plain, Kind::Plain, &[("one", &image)]);
    helm(&route.project, &["package", "chart", "--destination", "."]);
    route
        .project
        .edit("aosm.toml", "path = \"chart\"", "path = \"contoso-1.0.0.tgz\"");
    route.project.run(&["apply"]).ok();
    let archive = std::fs::read(route.project.path("contoso-1.0.0.tgz")).unwrap();
    let chart = format!("{}/contoso", route.to.1);
    let manifest = route.to.0.client().manifest(&chart, "1.0.0").unwrap().json();
    let layer = &manifest["layers"][0];
    assert_eq!(
        layer["mediaType"],
        "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.cncf.helm.config.v1+json"
    );
    assert_eq!(layer["digest"], sha256(&archive).as_str());
    assert_eq!(
        route.to.0.client().blob(&chart, layer["digest"].as_str().unwrap()),
        Some(archive)
    );
}
