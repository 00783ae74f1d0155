//! Charts in the manner of real families: what discovery finds in what Helm renders equals the sets written by hand.
//!
//! Each folder of `fixtures/families` has a `chart`, perhaps `values.yaml` and `discovery.toml`, and the sets
//! `expected-images.txt` and `expected-candidates.txt`: one reference a line, sorted, derived by reading the chart.
#![allow(clippy::expect_used, clippy::panic, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use aosm_build::discover::{Discovered, Found, discover};
use aosm_build::project::Discovery;

/// Helm as the tests find it: `AOSM_HELM`, else the one on PATH.
fn helm() -> PathBuf {
    std::env::var_os("AOSM_HELM").map_or_else(|| PathBuf::from("helm"), PathBuf::from)
}

fn families() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/families");
    let mut families: Vec<PathBuf> = std::fs::read_dir(&folder)
        .expect("fixtures/families can be read")
        .map(|entry| entry.expect("its entries can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    families.sort();
    families
}

fn name_of(family: &Path) -> String {
    family
        .file_name()
        .expect("a family has a name")
        .to_string_lossy()
        .into_owned()
}

/// What Helm renders with the family's name as release and namespace, CRDs included.
fn render(family: &Path) -> String {
    let name = name_of(family);
    let mut command = Command::new(helm());
    command
        .args(["template", &name])
        .arg(family.join("chart"))
        .args(["--namespace", &name, "--include-crds"]);
    let values = family.join("values.yaml");
    if values.is_file() {
        command.arg("--values").arg(values);
    }
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("these tests need Helm: set AOSM_HELM or put helm on PATH ({error})"));
    assert!(
        output.status.success(),
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("Helm writes UTF-8")
}

/// The defaults, with what the family's `[discovery]` says on top.
fn settings(family: &Path) -> Discovery {
    let mut settings = toml::Table::try_from(Discovery::default()).expect("the defaults are TOML");
    if let Ok(text) = std::fs::read_to_string(family.join("discovery.toml")) {
        let file: toml::Table = text.parse().expect("discovery.toml is TOML");
        let own = file
            .get("discovery")
            .and_then(toml::Value::as_table)
            .expect("it has [discovery]");
        settings.extend(own.clone());
    }
    settings.try_into().expect("the settings are known ones")
}

fn expected(family: &Path, file: &str) -> Vec<String> {
    let text = std::fs::read_to_string(family.join(file)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn references(found: &[Found]) -> Vec<String> {
    found
        .iter()
        .map(|f| f.reference.clone())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn discovered(family: &Path) -> Discovered {
    discover(&render(family), &name_of(family), &settings(family))
}

#[test]
fn every_family_gives_exactly_the_images_written_down_for_it() {
    let families = families();
    assert!(families.len() >= 12, "only {} families", families.len());
    let mut wrong = Vec::new();
    for family in &families {
        let found = discovered(family);
        let name = name_of(family);
        for (what, found, file) in [
            ("images", &found.images, "expected-images.txt"),
            ("candidates", &found.candidates, "expected-candidates.txt"),
        ] {
            let (is, should) = (references(found), expected(family, file));
            if is != should {
                wrong.push(format!("{name}: {what}\n  found    {is:#?}\n  expected {should:#?}"));
            }
        }
        wrong.extend(
            found
                .problems
                .iter()
                .filter(|p| p.error)
                .map(|p| format!("{name}: {p:#?}")),
        );
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_sets_written_down_are_sorted_and_not_empty() {
    for family in families() {
        for file in ["expected-images.txt", "expected-candidates.txt"] {
            let lines = expected(&family, file);
            let sorted: BTreeSet<_> = lines.iter().cloned().collect();
            assert_eq!(
                lines,
                sorted.into_iter().collect::<Vec<_>>(),
                "{} {file}",
                name_of(&family)
            );
        }
        assert!(
            !expected(&family, "expected-images.txt").is_empty(),
            "{}",
            name_of(&family)
        );
    }
}

#[test]
fn every_place_points_at_a_line_that_holds_the_reference() {
    for family in families() {
        let text = render(&family);
        let lines: Vec<&str> = text.lines().collect();
        let found = discover(&text, "p", &settings(&family));
        for place in found.images.iter().chain(&found.candidates) {
            let line = usize::try_from(place.line).expect("a line is a small number");
            let written = lines.get(line - 1).copied().unwrap_or_default();
            let path = place.reference.rsplit('/').next().unwrap_or_default();
            let last = path.split([':', '@']).next().unwrap_or_default();
            // Split images and merged ones stand on several lines; all others on the one that is named.
            let is_split =
                place.pointer.ends_with("/image") && !written.contains(&place.reference) || place.pointer == "/spec";
            assert!(
                is_split || written.contains(last),
                "{} {place:?}: {written}",
                name_of(&family)
            );
            assert!(place.template.contains("/templates/"), "{place:?}");
            assert_ne!(place.object, "?/?");
        }
    }
}

#[test]
fn a_chart_that_renders_differently_each_time_gives_the_same_finds() {
    let family = families()
        .into_iter()
        .find(|f| name_of(f) == "random-secrets")
        .expect("the family is there");
    let (first, second) = (render(&family), render(&family));
    assert_ne!(first, second, "the chart is random");
    let settings = settings(&family);
    let (first, second) = (discover(&first, "p", &settings), discover(&second, "p", &settings));
    assert_eq!(first, second);
    assert!(!format!("{first:?}").contains("never"), "nothing of a Secret is found");
}

#[test]
fn hooks_are_named_where_they_are() {
    let family = families()
        .into_iter()
        .find(|f| name_of(f) == "hooks-tests")
        .expect("the family is there");
    let found = discovered(&family);
    let hook = |reference: &str| {
        found
            .images
            .iter()
            .find(|f| f.reference == reference)
            .unwrap_or_else(|| panic!("{reference} is found"))
            .hook
            .clone()
    };
    assert_eq!(hook("busybox:1.36").as_deref(), Some("test-success"));
    assert_eq!(
        hook("reg.acme.dev/migrate/schema:1.1.0").as_deref(),
        Some("pre-install,pre-upgrade")
    );
    assert_eq!(hook("reg.acme.dev/migrate/app:1.1.0"), None);
}

#[test]
fn a_placeholder_that_is_not_ignored_is_an_error_with_its_place() {
    let family = families()
        .into_iter()
        .find(|f| name_of(f) == "injector")
        .expect("the family is there");
    let found = discover(&render(&family), "mesh", &Discovery::default());
    let errors: Vec<_> = found.problems.iter().filter(|p| p.error).collect();
    assert_eq!(errors.len(), 1, "{errors:#?}");
    assert_eq!(errors[0].template, "mesh/templates/control.yaml");
    assert!(errors[0].message.contains("Deployment/gateway") && errors[0].excerpt.contains("image: auto"));
}
