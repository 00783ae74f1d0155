//! Values paths for people: what makes each image, and what AOSM can set.

use std::fmt::Write as _;

use super::count;
use crate::values::{ImageValues, MadeBy, PackageValues, SecretForm, Status, ValuesPathsDocument};

/// Draws the document, a block a package.
pub fn values_paths_list(document: &ValuesPathsDocument) -> String {
    let mut text = String::new();
    for package in &document.packages {
        draw(&mut text, package);
        text.push('\n');
    }
    let summary = &document.summary;
    let _ = write!(
        text,
        "{}, {} redirected by values",
        count(summary.images as u64, "image"),
        summary.redirected
    );
    if summary.not_redirected > 0 {
        let _ = write!(
            text,
            ", {} not: for those the network function needs `injectArtifactStoreDetails` in its `roleOverrideValues`",
            summary.not_redirected
        );
    }
    text.push('\n');
    text
}

fn draw(text: &mut String, package: &PackageValues) {
    let chart = match (&package.chart, &package.version) {
        (Some(chart), Some(version)) => format!("chart {chart} {version}, {}", count(package.renders as u64, "render")),
        _ => "ready-made manifests, which have no values".to_owned(),
    };
    let _ = writeln!(text, "{} ({chart})", package.package);
    for image in &package.images {
        draw_image(text, image);
    }
    if package.chart.is_some() {
        paths(text, "registryValuesPaths", &package.registry_values_paths);
        paths(
            text,
            "imagePullSecretsValuesPaths",
            &package.image_pull_secrets_values_paths,
        );
    }
    for secrets in package.pull_secrets.iter().filter(|s| s.form != SecretForm::Maps) {
        let form = match secrets.form {
            SecretForm::Texts => "a list of names",
            _ => "one name",
        };
        let _ = writeln!(
            text,
            "  {} takes pull secrets as {form}, which AOSM does not set",
            secrets.path
        );
    }
    for unused in &package.unused {
        let reference = unused.reference.as_deref().unwrap_or("(from `set`)");
        let _ = writeln!(text, "  not used in this render: {reference} at {}", unused.path);
    }
    for guarded in &package.guarded {
        let _ = writeln!(text, "  {} takes no other value: {}", guarded.path, guarded.why);
    }
    if !package.undecided.is_empty() {
        let _ = writeln!(
            text,
            "  not asked for, as {} were used up: {}",
            count(package.renders as u64, "render"),
            package.undecided.join(", ")
        );
    }
    if package.left_out > 0 {
        let _ = writeln!(
            text,
            "  {} are too many or too deep to be asked for",
            count(package.left_out as u64, "value")
        );
    }
}

fn draw_image(text: &mut String, image: &ImageValues) {
    let told = match image.status {
        Status::Redirected | Status::NoValues => "",
        Status::FixedRegistry => "  no value is its registry alone",
        Status::HardCoded => "  hard-coded: no value reaches it",
        Status::Unknown => "  unknown: the chart takes no other values for it, or was not asked for all",
    };
    let _ = writeln!(text, "  {}{told}", image.reference);
    row(text, "registry", &image.registry);
    row(text, "repository", &image.repository);
    row_with(
        text,
        "tag",
        &image.tag,
        image.tag_is_app_version.then_some("appVersion of the chart"),
    );
    row(text, "digest", &image.digest);
    if !image.pull_secrets.is_empty() {
        let _ = writeln!(text, "    {:<12}  {}", "pull secrets", image.pull_secrets.join(", "));
    }
}

fn row(text: &mut String, name: &str, made: &[MadeBy]) {
    row_with(text, name, made, None);
}

/// What makes a part now, and what would take its place; `instead` is what it falls back to where nothing does.
fn row_with(text: &mut String, name: &str, made: &[MadeBy], instead: Option<&str>) {
    let paths = |current: bool| {
        let found: Vec<&str> = made
            .iter()
            .filter(|m| m.current == current)
            .map(|m| m.path.as_str())
            .collect();
        found.join(", ")
    };
    let (now, others) = (paths(true), paths(false));
    let mut parts: Vec<String> = instead.map(str::to_owned).into_iter().collect();
    if !now.is_empty() {
        parts.push(now);
    }
    if !others.is_empty() {
        parts.push(format!("replaced by {others}"));
    }
    if parts.is_empty() {
        return;
    }
    let _ = writeln!(text, "    {name:<12}  {}", parts.join("; "));
}

fn paths(text: &mut String, name: &str, paths: &[String]) {
    let paths = if paths.is_empty() {
        "none".to_owned()
    } else {
        paths.join(", ")
    };
    let _ = writeln!(text, "  {name}: {paths}");
}
