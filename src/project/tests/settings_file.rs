//! `aosm.toml` by itself.

use super::*;
use std::time::Duration;

#[test]
fn the_smallest_project_gets_a_local_store_and_all_defaults() {
    let folder = toml(APP);
    let project = folder.clean();
    assert_eq!(project.root, folder.path);
    assert_eq!(project.files, ["aosm.toml"]);
    assert_eq!(project.name, folder.path.file_name().unwrap());
    assert_eq!(project.version, None);
    assert_eq!(project.stores.len(), 1);
    assert_eq!(project.stores[0].name.value, "local");
    assert_eq!(
        project.stores[0].kind,
        StoreKind::Local {
            path: folder.path.join(".aosm/store")
        }
    );
    assert!(project.stores[0].replace);
    assert_eq!(project.discovery, Discovery::default());
    assert_eq!(project.copy, CopyOptions::default());
    assert_eq!(project.render_limits, RenderLimits::default());
    let chart = &project.charts[0];
    assert_eq!(chart.name.place.as_ref().unwrap().to_string(), "aosm.toml:2:8");
    assert_eq!(
        (chart.release_name.value.as_str(), chart.namespace.value.as_str()),
        ("app", "app")
    );
    assert!(matches!(&chart.input, ChartInput::Chart(path) if path.value == folder.path.join("app")));
}

#[test]
fn every_wrong_line_is_told_in_one_run_each_at_its_place() {
    let folder = toml(concat!(
        "[project]\n",
        "verison = \"1.0.0\"\n",
        "name = 5\n",
        "image-sources = \"x.io\"\n",
        "[stores.main]\n",
        "kind = \"regsitry\"\n",
        "[[charts]]\n",
        "name = \"\"\n",
        "path = \"app\"\n",
        "[copy]\n",
        "concurrency = 0\n",
        "[unknown]\n",
        "[[charts]]\n",
        "path = \"app\"\n",
        "include-crds = \"yes\"\n",
    ));
    let errors: Vec<String> = folder.errors().iter().map(line).collect();
    assert_eq!(
        errors,
        [
            "aosm.toml:2:1 project.verison: unknown key / did you mean `version`?",
            "aosm.toml:3:8 project.name: expected text, found a number / write it in quotes",
            "aosm.toml:4:17 project.image-sources: expected a list of texts, found text / put it in brackets: `[\"…\"]`",
            "aosm.toml:6:8 stores.main.kind: `regsitry` is none of the possible words / did you mean `registry`?",
            "aosm.toml:8:8 charts.name: is empty / fill it in, or leave it out: the package's name: what AOSM installs it as",
            "aosm.toml:11:15 copy.concurrency: 0 is out of range / from 1 to 64 is possible",
            "aosm.toml:12:2 unknown: unknown key / known keys: `project`, `sources`, `stores`, `environments`, `charts`, \
             `images`, `artifacts`, `vhds`, `attachments`, `discovery`, `copy`, `policy`, `network`",
            "aosm.toml:13:1 charts: `name` is missing / add `name`: the package's name: what AOSM installs it as",
            "aosm.toml:15:16 charts.include-crds: expected true or false, found text / write `true` or `false` without quotes",
        ]
    );
}

#[test]
fn syntax_errors_are_all_told_and_no_error_follows_from_them() {
    let folder = toml("[project\nname = \"x\"\n[[charts]]\nname = \"app\npath = \"app\"\n");
    let errors = folder.errors();
    let errors: Vec<String> = errors.iter().map(line).collect();
    assert_eq!(
        errors,
        [
            "aosm.toml:1:9 unclosed table, expected `]` / the format is TOML 1.0 (toml.io)",
            "aosm.toml:4:12 invalid basic string, expected `\"` / the format is TOML 1.0 (toml.io)",
        ]
    );
}

#[test]
fn duplicate_keys_are_an_error() {
    let error = toml("[project]\nname = \"a\"\nname = \"b\"\n[[charts]]\nname = \"app\"\npath = \"app\"\n").error();
    assert!(
        error.starts_with("aosm.toml:3:1 aosm.toml:2:1 `name` stands twice in one table"),
        "{error}"
    );
    let error = toml(&format!("[copy]\n{APP}[copy]\n")).error();
    assert!(
        error.starts_with("aosm.toml:5:2 `copy` stands twice in one table / remove one of the two"),
        "{error}"
    );
    let error = toml(&format!("{APP}set = {{ name = \"x\" }}\nname = \"b\"\n")).error();
    assert!(error.starts_with("aosm.toml:5:1 aosm.toml:2:1 `name`"), "{error}");
}

#[test]
fn ten_thousand_brackets_are_one_error() {
    for text in [
        "[".repeat(10_000),
        format!("a = {}", "[".repeat(10_000)),
        format!("a = {}1", "{a = ".repeat(10_000)),
    ] {
        let error = toml(&text).error();
        assert!(error.contains("nested deeper than 64 levels"), "{error}");
    }
    let text = format!("a{} = 1\n{APP}", ".a".repeat(10_000));
    assert!(!toml(&text).errors().is_empty());
}

#[test]
fn what_is_no_text_file_is_one_error() {
    assert!(
        toml("")
            .error()
            .contains("names no chart, no image, no artifact and no disk image")
    );
    let folder = Folder::new().with("aosm.toml", [b'a', b'\n', 0xff, 0xfe]);
    assert!(folder.error().contains("aosm.toml: line 2 is not UTF-8"));
    let folder = Folder::new().with("aosm.toml", vec![b'#'; 2 * 1024 * 1024]);
    assert!(folder.error().contains("aosm.toml: larger than 1 MiB"));
    let folder = Folder::new().with("aosm.toml/file", "");
    assert!(folder.error().contains("aosm.toml: is a folder"));
    let garbage: Vec<u8> = (0..100_000_u32).map(|n| b"=]\"'\n#"[n as usize % 6]).collect();
    let errors = Folder::new().with("aosm.toml", garbage).errors();
    assert!(!errors.is_empty() && errors.len() <= 21, "{}", errors.len());
}

#[test]
fn byte_order_marks_and_windows_line_ends_are_fine() {
    let text = format!("\u{feff}{}", APP.replace('\n', "\r\n"));
    assert_eq!(toml(&text).clean().charts.len(), 1);
}

#[test]
fn all_keys_reach_the_project() {
    let folder = toml(concat!(
        "[project]\nname = \"n\"\nversion = \"1.2.3\"\nimage-sources = [\"https://Ghcr.io/ns/\", \"bundle\"]\n",
        "render-timeout = 7\nrender-output-limit = 2048\n",
        "[sources.\"bundle\"]\nkind = \"docker-archive\"\npath = \"images.tar\"\nauth = \"anonymous\"\noptional = true\n",
        "[stores.b]\nkind = \"registry\"\nregistry = \"Localhost:5000/team/x/\"\nreplace = true\nauth = \"docker-config\"\n",
        "[stores.a]\nkind = \"local\"\npath = \"out\"\nreplace = false\n",
        "[[charts]]\nname = \"app\"\npath = \"app\"\nvalues = [\"app/Chart.yaml\"]\nrelease-name = \"r\"\nnamespace = \"ns\"\n",
        "kube-version = \"1.31\"\napi-versions = [\"x/v1\"]\ninclude-crds = true\ndependencies = \"build\"\nstore = \"a\"\n",
        "set = { a.b = \"1\", n = 2, t = true, l = [\"x\", { y = 1.5 }], m = [\"a,b\", 3] }\n",
        "[[images]]\nreference = \"x@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a\"\nversion = \"1\"\nstore = \"b\"\n",
        "[discovery]\ncandidates = \"include\"\nhooks = false\ntests = false\nregistry-placeholders = [\"repository\"]\n",
        "namespaces = [\"core\"]\nignore = [\"auto\"]\n[[discovery.rules]]\nkind = \"K\"\ngroup = \"g\"\npointer = \"/spec/**/x\"\n",
        "repository = \"r\"\ntag = \"t\"\nregistry = \"g\"\ndigest = \"d\"\n",
        "[copy]\nconcurrency = 3\n",
        "[network]\nproxy = \"http://u:p@proxy:1\"\nno-proxy = [\"x\"]\nca-file = \"app/Chart.yaml\"\n",
        "client-certificate = \"app/Chart.yaml\"\nplain-http = [\"http://Plain:80/\"]\nrequests-per-second = 9\n",
    ));
    let project = folder.clean();
    assert_eq!(
        (project.name.as_str(), project.version.as_deref()),
        ("n", Some("1.2.3"))
    );
    let sources: Vec<String> = project
        .image_sources
        .iter()
        .map(|source| source.value.to_string())
        .collect();
    assert_eq!(sources, ["ghcr.io/ns", "bundle"]);
    assert_eq!(
        project.render_limits,
        RenderLimits {
            timeout: Duration::from_secs(7),
            output: 2048
        }
    );
    let bundle = &project.sources["bundle"];
    assert_eq!(
        (bundle.kind, bundle.auth, bundle.optional),
        (SourceKind::DockerArchive, Auth::Anonymous, true)
    );
    assert_eq!(bundle.path.as_ref().unwrap().value, folder.path.join("images.tar"));
    let names: Vec<&str> = project.stores.iter().map(|store| store.name.value.as_str()).collect();
    assert_eq!(names, ["b", "a"], "stores stand in the order written");
    assert_eq!(
        project.stores[0].kind,
        StoreKind::Registry {
            host: "localhost:5000".into(),
            prefix: "team/x".into()
        }
    );
    assert!(project.stores[0].replace && project.stores[0].auth == Auth::DockerConfig);
    assert_eq!(
        project.stores[1].kind,
        StoreKind::Local {
            path: folder.path.join("out")
        }
    );
    assert!(!project.stores[1].replace);
    let chart = &project.charts[0];
    assert_eq!(
        (chart.release_name.value.as_str(), chart.namespace.value.as_str()),
        ("r", "ns")
    );
    assert_eq!(chart.kube_version.as_ref().unwrap().value, "1.31");
    assert_eq!(chart.api_versions[0].value, "x/v1");
    assert!(chart.include_crds);
    assert_eq!(
        (chart.dependencies, chart.store.as_ref().unwrap().value.as_str()),
        (Dependencies::Build, "a")
    );
    let set: Vec<(&str, &str)> = chart
        .set
        .iter()
        .map(|(key, value)| (key.value.as_str(), value.as_str()))
        .collect();
    assert_eq!(
        set,
        [
            ("a.b", "1"),
            ("n", "2"),
            ("t", "true"),
            ("l[0]", "x"),
            ("l[1].y", "1.5"),
            ("m", "{a\\,b,3}"),
        ]
    );
    assert_eq!(
        project.images[0].reference.value,
        "x@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    );
    assert_eq!(project.discovery.candidates, Candidates::Include);
    assert!(!project.discovery.hooks && !project.discovery.tests);
    assert_eq!(project.discovery.registry_placeholders, ["repository"]);
    assert_eq!(project.discovery.namespaces, ["core"]);
    assert_eq!(project.discovery.ignore, ["auto"]);
    let rule = &project.discovery.rules[0];
    assert_eq!(
        [
            &rule.kind,
            &rule.group,
            &rule.pointer,
            &rule.repository,
            &rule.tag,
            &rule.registry,
            &rule.digest
        ]
        .map(Option::as_deref),
        [
            Some("K"),
            Some("g"),
            Some("/spec/**/x"),
            Some("r"),
            Some("t"),
            Some("g"),
            Some("d")
        ]
    );
    assert_eq!(project.copy.concurrency, 3);
    assert_eq!(project.network.proxy.as_ref().unwrap().value, "http://u:p@proxy:1");
    assert_eq!(project.network.plain_http, ["plain:80"]);
    assert_eq!(project.network.requests_per_second, Some(9));
    assert!(project.network.ca_file.is_some() && project.network.client_certificate.is_some());
}

#[test]
fn secrets_are_in_no_debug_text_and_no_excerpt() {
    let text =
        format!("{APP}set = {{ password = \"s3cret\", sett = 5 }}\n[network]\nproxy = \"http://me:s3cret@p:1\"\n");
    let project = toml(&text).clean();
    assert!(!format!("{project:?}").contains("s3cret"));
    let errors = toml(&format!("{APP}set = {{ password = [\"s3cret\", {{}}] }}\n")).errors();
    assert_eq!(errors.len(), 1);
    assert!(!format!("{errors:?}").contains("s3cret"));
    let errors = toml(&format!("{APP}set = {{ password = \"s3cret }}\n")).errors();
    assert!(!format!("{errors:?}").contains("s3cret"));
}

#[test]
fn environments_lay_their_keys_over_the_stores() {
    let text = format!(
        "{APP}[stores.main]\nkind = \"local\"\npath = \"out\"\n[environments.prod.stores.main]\nkind = \"registry\"\nregistry = \
         \"x.io\"\n[environments.prod.stores.more]\nkind = \"local\"\n[environments.dev.stores.main]\nreplace = false\n"
    );
    let folder = toml(&text);
    let with = |environment: &str| {
        let options = LoadOptions {
            environment: Some(environment.to_owned()),
            ..folder.options()
        };
        load(&options)
    };
    assert_eq!(folder.clean().stores.len(), 1);
    let (prod, _) = with("prod").unwrap();
    assert_eq!(prod.stores.len(), 2);
    assert_eq!(
        prod.stores[0].kind,
        StoreKind::Registry {
            host: "x.io".into(),
            prefix: String::new()
        }
    );
    assert!(!prod.stores[0].replace, "the default follows the kind in force");
    let (dev, _) = with("dev").unwrap();
    assert_eq!(
        dev.stores[0].kind,
        StoreKind::Local {
            path: folder.path.join("out")
        }
    );
    assert!(!dev.stores[0].replace);
    let error = lines(&with("prd").unwrap_err());
    assert!(
        error.contains("environment prd") && error.contains("did you mean `prod`?"),
        "{error}"
    );
}

#[test]
fn an_environment_that_is_not_chosen_is_checked_too() {
    let text = format!("{APP}[environments.prod.stores.main]\nkind = \"registry\"\nregistry = \"a b\"\n");
    assert!(toml(&text).error().contains("`a b` is no host name"));
}

#[test]
fn odd_but_harmless_things_are_warnings() {
    let cases = [
        (
            "[sources.\"y.io\"]\noptional = true",
            "sources.\"y.io\": no image source names it",
        ),
        (
            "[project]\nimage-sources = [\"myregistry\"]",
            "image source myregistry: a host without a domain",
        ),
        (
            "[project]\nimage-sources = [\"x.io\", \"https://X.io/\"]",
            "image source x.io: stands twice",
        ),
        (
            "[project]\nimage-sources = [\"http://x.io\"]",
            "image source x.io: `http://` has no effect here",
        ),
    ];
    for (text, expected) in cases {
        let (_, warnings) = toml(&format!("{APP}{text}\n")).warned();
        assert!(
            warnings.len() == 1 && warnings[0].starts_with(expected),
            "{text}: {warnings:?}"
        );
    }
}
