//! The chart families of the repository: what makes each of their images, by hand and checked with Helm.

use std::fmt::Write as _;

use serde_json::json;

use super::{one, table};
use crate::support::*;

fn family(name: &str) -> Project {
    let project = Project::new();
    let family = root().join("fixtures/families").join(name);
    project.copy_in(&family, "family");
    let mut config = String::from("[project]\nimage-sources = [\"source.test\"]\n\n");
    config.push_str(&std::fs::read_to_string(family.join("discovery.toml")).unwrap_or_default());
    write!(
        config,
        "\n[[charts]]\nname = \"{name}\"\npath = \"family/chart\"\ninclude-crds = true\n"
    )
    .unwrap();
    if family.join("values.yaml").is_file() {
        config.push_str("values = [\"family/values.yaml\"]\n");
    }
    project.write("aosm.toml", config);
    project
}

#[test]
fn the_chart_families_have_the_values_written_down_by_hand() {
    let rows: &[(&str, &[&str], &[&str])] = &[
        (
            "app-version",
            &[
                "ghcr.io/acme/probe-worker:v2.7.0 fixed-registry | worker.image.repository | worker.image.repository |  | ",
                "ghcr.io/acme/probe:2.7.0 fixed-registry | image.repository | image.repository | +image.tag | ",
            ],
            &[],
        ),
        (
            "global-registry",
            &[
                "registry.k8s.io/pause:3.9 fixed-registry | fixed | fixed | fixed | ",
                "repository/relay/relay:5.0.0 redirected | global.imageRegistry | image.repository | image.tag | ",
                "repository/relay/sidecar:1.0.0 redirected | global.imageRegistry | sidecar.repository | sidecar.tag | ",
            ],
            &["global.imageRegistry"],
        ),
        (
            "one-string",
            &[
                "busybox fixed-registry |  | busybox |  | ",
                "docker.example.co/beats/beat:8.1.0 fixed-registry | image | image | imageTag | ",
                "docker.example.co/beats/helper:8.1.0 hard-coded |  |  |  | ",
                "docker.example.co/beats/json:8.1.0 hard-coded |  |  |  | ",
                "elastic-seed:8.1.0 fixed-registry |  | seed | seed | ",
                "nginx:1.25-alpine fixed-registry |  | proxy | proxy | ",
            ],
            &[],
        ),
        (
            "onap-like",
            &[
                "docker.io/mariadb:10.11 redirected | global.dockerHubRepository | dbImage | dbImage | ",
                "registry.lab.example:5000/mirror/example/oom/readiness:6.0.3 fixed-registry | global.repository | global.readinessImage global.repository | global.readinessImage | ",
                "registry.lab.example:5000/mirror/example/so/api-handler:1.13.0 fixed-registry | global.repository | global.repository image | image | ",
            ],
            &["global.dockerHubRepository"],
        ),
        (
            "tpl-strings",
            &[
                "reg.acme.dev/courier/extra:tpl-strings redirected | registry |  |  | ",
                "reg.acme.dev/courier/main:3.0.0 redirected | registry | image |  | ",
                "reg.acme.dev/courier/main:3.0.0-debug redirected | registry | image | extraDeploy[0].spec.containers[0].image | ",
            ],
            &["registry"],
        ),
        (
            "umbrella",
            &[
                "suite.example.io/exporter:0.9 fixed-registry | primary.exporter | primary.exporter | primary.exporter | ",
                "suite.example.io/store:14.9 fixed-registry | replica.image.repository | replica.image.repository | replica.image.tag | ",
                "suite.example.io/store:15.2 fixed-registry | primary.image.repository | primary.image.repository | +primary.image.tag | ",
                "suite.example.io/web:4.1.7 fixed-registry | web.image.repository | web.image.repository | +web.image.tag | ",
            ],
            &[],
        ),
        (
            "common-helper",
            &[
                "docker.io/keeperhub/keeper-exporter@sha256:7f1f0a5c7d6a1f7d3e3c9f0b5a4d3c2b1a0f9e8d7c6b5a4f3e2d1c0b9a8f7e6d redirected | metrics.image.registry +global.imageRegistry | metrics.image.repository |  | metrics.image.digest",
                "docker.io/keeperhub/keeper:8.2.1-debian-12-r3 redirected | image.registry +global.imageRegistry | image.repository | image.tag | +image.digest",
                "docker.io/keeperhub/os-shell:12 redirected | volumePermissions.image.registry +global.imageRegistry | volumePermissions.image.repository | volumePermissions.image.tag | ",
            ],
            &["global.imageRegistry"],
        ),
        (
            "library-chart",
            &[
                "postgres:16 fixed-registry |  | workloads[1].containers[0].image.path | workloads[1].containers[0].image.version | ",
                "reg.acme.dev/tenant/api:1.0.0 fixed-registry | workloads[0].containers[0].image.registry | workloads[0].containers[0].image.path | workloads[0].containers[0].image.version | ",
                "tenant/sidecar:0.1 fixed-registry |  | workloads[0].containers[1].image | workloads[0].containers[1].image | ",
            ],
            &[],
        ),
        (
            "list-kind",
            &[
                "reg.acme.dev/bundle/json:1.0.0 hard-coded |  |  |  | ",
                "reg.acme.dev/bundle/worker-0:1.0.0 hard-coded |  |  |  | ",
                "reg.acme.dev/bundle/worker-1:1.0.0 hard-coded |  |  |  | ",
            ],
            &[],
        ),
    ];
    for (name, images, registries) in rows {
        let package = one(&family(name));
        assert_eq!(table(&package), *images, "{name}");
        assert_eq!(package["registry-values-paths"], json!(registries), "{name}");
    }
}

#[test]
fn every_family_is_asked_within_four_renders_and_keeps_its_images() {
    for entry in std::fs::read_dir(root().join("fixtures/families")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        let project = family(name);
        let package = one(&project);
        let mut listed: Vec<String> = package["images"]
            .as_array()
            .unwrap()
            .iter()
            .map(|image| image["reference"].as_str().unwrap().to_owned())
            .collect();
        listed.sort();
        let expected = std::fs::read_to_string(path.join("expected-images.txt")).unwrap_or_default();
        assert_eq!(listed, expected.lines().collect::<Vec<_>>(), "{name}");
        assert!(package["renders"].as_u64().unwrap() <= 4, "{name}: {package:#}");
        assert_eq!(package["undecided"], json!([]), "{name}");
    }
}

#[test]
fn what_is_set_as_the_service_sets_it_redirects_the_images() {
    // The claim is checked with Helm itself: the paths that are printed, set as `--set`, give the other registry.
    for name in [
        "global-registry",
        "common-helper",
        "onap-like",
        "library-chart",
        "split-maps",
        "tpl-strings",
    ] {
        let project = family(name);
        let package = one(&project);
        let mut command = std::process::Command::new(tools::helm());
        command.args(["template", name]).arg(project.path("family/chart"));
        if project.path("family/values.yaml").is_file() {
            command.arg("--values").arg(project.path("family/values.yaml"));
        }
        for path in package["registry-values-paths"].as_array().unwrap() {
            command.args(["--set", &format!("{}=store.azurecr.io", path.as_str().unwrap())]);
        }
        let output = command.env("HOME", project.home()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        for image in package["images"].as_array().unwrap() {
            let reference = image["reference"].as_str().unwrap();
            let rest = reference.split_once('/').map_or(reference, |(_, rest)| rest);
            let there = text.contains(&format!("store.azurecr.io/{rest}"));
            assert_eq!(there, image["status"] == "redirected", "{name}: {reference}\n{text}");
        }
    }
}
