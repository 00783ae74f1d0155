//! `[[artifacts]]` and `[[attachments]]`: read, and refused where they could not be packed.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::artifact_model::{ArtifactConfig, ArtifactFile, ArtifactType, AttachmentConfig, Subject};
use super::model::Spanned;
use super::node::Value;
use super::paths::Resolver;
use super::sources::with_first;
use super::view::View;
use super::{arm_template, check, names};
use crate::fault::{Fault, Faults, Place};

/// Reads `[[artifacts]]`.
pub(crate) fn artifacts(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<ArtifactConfig> {
    let mut all: Vec<ArtifactConfig> = Vec::new();
    for (view, place) in root.tables("artifacts") {
        let Some(artifact) = artifact(&view, &place, resolver, faults) else {
            continue;
        };
        match all.iter().find(|other| other.name.value == artifact.name.value) {
            Some(first) => {
                let name = check::shorten(&artifact.name.value);
                let fault =
                    Fault::invalid(format!("artifact {name}: named twice")).hint("give one of the two another name");
                let first = first.name.place.clone();
                faults.push(with_first(
                    fault,
                    artifact.name.place.clone(),
                    first,
                    "first named here",
                ));
            }
            None => all.push(artifact),
        }
    }
    all
}

/// Those of an input file, then those of `aosm.toml`; a name that both have is told with both places.
pub(crate) fn join(
    input: Vec<ArtifactConfig>,
    settings: Vec<ArtifactConfig>,
    faults: &mut Faults,
) -> Vec<ArtifactConfig> {
    let mut joined = input;
    for artifact in settings {
        match joined.iter().find(|other| other.name.value == artifact.name.value) {
            Some(first) => {
                let name = check::shorten(&artifact.name.value);
                let fault = Fault::invalid(format!("artifact {name}: named in both files"))
                    .hint("leave it out here: the input file has it");
                let (at, first) = (artifact.name.place.clone(), first.name.place.clone());
                faults.push(with_first(fault, at, first, "the other"));
            }
            None => joined.push(artifact),
        }
    }
    joined
}

fn artifact(view: &View<'_>, place: &Place, resolver: Resolver<'_>, faults: &mut Faults) -> Option<ArtifactConfig> {
    let name = view.text("name");
    let version = view.text("version");
    let kind = match view.text("kind").as_ref().map(|kind| kind.value.as_str()) {
        Some("arm-template") => ArtifactType::ArmTemplate,
        Some("image-file") => ArtifactType::ImageFile,
        _ => ArtifactType::OciArtifact,
    };
    if let Some(name) = &name {
        check_name(name, faults);
    }
    if let Some(version) = &version {
        check_version(version, kind, faults);
    }
    let files = files(view, "artifacts", kind, resolver, faults);
    let artifact_type = media_type(view, "artifact-type", "artifacts.artifact-type", faults);
    if kind == ArtifactType::ArmTemplate {
        check_template(view, files.as_deref(), place, resolver, faults);
    }
    Some(ArtifactConfig {
        name: name?,
        version: version?,
        kind,
        artifact_type,
        files: files?,
        annotations: annotations(view, "artifacts.annotations", faults),
        store: view.text("store"),
    })
}

/// Reads `[[attachments]]`.
pub(crate) fn attachments(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<AttachmentConfig> {
    let tables = root.tables("attachments");
    tables
        .iter()
        .filter_map(|(view, _)| attachment(view, resolver, faults))
        .collect()
}

fn attachment(view: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Option<AttachmentConfig> {
    let subject = view.text("subject");
    let artifact_type = media_type(view, "artifact-type", "attachments.artifact-type", faults);
    let files = files(view, "attachments", ArtifactType::OciArtifact, resolver, faults);
    let annotations = annotations(view, "attachments.annotations", faults);
    let text = subject?;
    let subject = Subject::parse(&text.value);
    let (Subject::Image(name) | Subject::Chart(name) | Subject::Artifact(name) | Subject::Reference(name)) = &subject;
    if name.trim().is_empty() {
        faults.push(
            Fault::invalid(format!(
                "attachments.subject: `{}` names nothing",
                check::shorten(&text.value)
            ))
            .at_opt(text.place.clone())
            .hint("write `image:NAME`, `chart:NAME`, `artifact:NAME`, or an image's reference"),
        );
    }
    Some(AttachmentConfig {
        subject_text: text.value,
        subject: Spanned {
            value: subject,
            place: text.place,
        },
        artifact_type: artifact_type?,
        files: files?,
        annotations,
    })
}

fn check_name(name: &Spanned<String>, faults: &mut Faults) {
    if let Err(why) = names::repository_path(&name.value) {
        faults.push(
            Fault::invalid(format!("artifacts.name: {why}"))
                .at_opt(name.place.clone())
                .hint("it is the artifact's repository in the store: write it like `name = \"samples/template\"`"),
        );
    }
}

/// Versions: templates `N.N.N`, images of virtual machines `~?N.N.N` (what AOSM takes), the others any tag.
fn check_version(version: &Spanned<String>, kind: ArtifactType, faults: &mut Faults) {
    let text = version.value.as_str();
    let result = match kind {
        ArtifactType::OciArtifact => names::tag(text).map_err(|why| (why, "write it like `version = \"1.0.0\"`")),
        ArtifactType::ArmTemplate => names::version(text).map_err(|_| {
            let why = format!(
                "AOSM takes only three numbers joined by dots for a template, not `{}`",
                check::shorten(text)
            );
            (why, "write it like `version = \"1.0.0\"`")
        }),
        ArtifactType::ImageFile => names::version(text.strip_prefix('~').unwrap_or(text)).map_err(|_| {
            let text = check::shorten(text);
            let why = format!(
                "AOSM takes only three numbers joined by dots, `~` before them or not, for an image file, not `{text}`"
            );
            (why, "write it like `version = \"1.0.0\"`")
        }),
    };
    if let Err((why, hint)) = result {
        faults.push(
            Fault::invalid(format!("artifacts.version: {why}"))
                .at_opt(version.place.clone())
                .hint(hint),
        );
    } else if kind == ArtifactType::ImageFile && text.starts_with('~') {
        // A tag cannot begin with a tilde (distribution-spec, "Pulling manifests").
        faults.push(
            Fault::invalid("artifacts.version: no registry takes a tag that begins with `~`")
                .at_opt(version.place.clone())
                .hint("leave the `~` out: it is for names in AOSM's own files"),
        );
    }
}

/// The files of an artifact; `None` when what is written cannot be used.
fn files(
    view: &View<'_>,
    table: &str,
    kind: ArtifactType,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<Vec<ArtifactFile>> {
    let mut all: Vec<ArtifactFile> = Vec::new();
    let mut whole = true;
    for (file, place) in view.tables("files") {
        let Some(read) = file_of(&file, table, kind, resolver, faults) else {
            whole = false;
            continue;
        };
        if let Some(first) = all.iter().find(|other| other.title == read.title) {
            let title = check::shorten(&read.title);
            let fault = Fault::invalid(format!("{table}.files: two are titled `{title}`"))
                .hint("give one of them a `title` of its own: pulling writes each file under its title");
            let at = read.path.place.clone().or(Some(place));
            faults.push(with_first(fault, at, first.path.place.clone(), "the other"));
        }
        all.push(read);
    }
    whole.then_some(all)
}

fn file_of(
    view: &View<'_>,
    table: &str,
    kind: ArtifactType,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<ArtifactFile> {
    let media_type = media_type(view, "media-type", &format!("{table}.files.media-type"), faults);
    let title = view.text("title");
    if let Some(title) = &title {
        check_title(title, table, faults);
    }
    let written = view.text("path")?;
    let path = resolver.existing(&written, view.document, "file", faults)?;
    let good = std::fs::metadata(&path.value).is_ok_and(|meta| meta.is_file() || meta.is_dir());
    if !good {
        faults.push(
            Fault::invalid(format!("file {}: neither a regular file nor a folder", written.value))
                .at_opt(written.place)
                .hint("name something that can be read to its end"),
        );
        return None;
    }
    let title = title.map_or_else(|| default_title(&written.value, &path.value, kind), |title| title.value);
    Some(ArtifactFile {
        path,
        media_type,
        title,
    })
}

/// The path as written where it stays below the folder it starts from, else the last part of it; of a template always
/// the last part, as AOSM's own tools push it.
fn default_title(written: &str, resolved: &Utf8Path, kind: ArtifactType) -> String {
    if kind == ArtifactType::ArmTemplate {
        return arm_template::title(resolved);
    }
    let last = resolved.file_name().unwrap_or("file").to_owned();
    let path = written.trim_start_matches("./").trim_end_matches('/');
    if title_trouble(path).is_some() {
        last
    } else {
        path.to_owned()
    }
}

fn check_title(title: &Spanned<String>, table: &str, faults: &mut Faults) {
    if let Some(why) = title_trouble(&title.value) {
        faults.push(
            Fault::invalid(format!("{table}.files.title: `{}` {why}", check::shorten(&title.value)))
                .at_opt(title.place.clone())
                .hint("it is the path that pulling writes, below the folder chosen there: `docs/readme.md`"),
        );
    }
}

/// Why nobody could safely pull a file of this title.
fn title_trouble(title: &str) -> Option<&'static str> {
    if title.is_empty() {
        return Some("is empty");
    }
    if title.starts_with('/') || title.get(1..2) == Some(":") {
        return Some("is an absolute path");
    }
    if title.contains('\\') {
        return Some("has a backslash");
    }
    if title.chars().any(char::is_control) {
        return Some("has a control character");
    }
    let bad = |part: &str| matches!(part, "" | "." | "..");
    title
        .split('/')
        .any(bad)
        .then_some("climbs out of its folder, or has an empty part")
}

fn media_type(view: &View<'_>, key: &str, label: &str, faults: &mut Faults) -> Option<String> {
    let text = view.text(key)?;
    if let Err(why) = names::media_type(&text.value) {
        faults.push(
            Fault::invalid(format!("{label}: {why}"))
                .at_opt(text.place.clone())
                .hint("write it like `application/vnd.example.sbom.v1+json`"),
        );
    }
    Some(text.value)
}

fn annotations(view: &View<'_>, label: &str, faults: &mut Faults) -> BTreeMap<String, String> {
    let Some(entry) = view.entry("annotations") else {
        return BTreeMap::new();
    };
    let Value::Table(table) = &entry.node.value else {
        return BTreeMap::new();
    };
    let mut all = BTreeMap::new();
    for entry in &table.entries {
        if entry.key.trim().is_empty() {
            faults.push(
                Fault::invalid(format!("{label}: a key is empty"))
                    .at(view.document.place(&entry.key_span))
                    .hint("name the annotation: `\"org.opencontainers.image.vendor\" = \"Contoso\"`"),
            );
        } else if let Value::Text(text) = &entry.node.value {
            all.insert(entry.key.clone(), text.clone());
        }
    }
    all
}

/// What AOSM takes as a template: one file, in the one form that it was seen to take.
fn check_template(
    view: &View<'_>,
    files: Option<&[ArtifactFile]>,
    place: &Place,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) {
    for key in ["artifact-type", "annotations"] {
        if let Some(at) = view.key_place(key) {
            faults.push(
                Fault::invalid(format!("artifacts.{key}: has no place in a template"))
                    .at(at)
                    .hint("AOSM takes templates in one form only: remove it, or write `kind = \"oci-artifact\"`"),
            );
        }
    }
    let Some(files) = files else { return };
    let [file] = files else {
        faults.push(
            Fault::invalid(format!(
                "artifacts.files: a template is one file, these are {}",
                files.len()
            ))
            .at(view.key_place("files").unwrap_or_else(|| place.clone()))
            .hint("write one `[[artifacts]]` for each template"),
        );
        return;
    };
    arm_template::check_file(&file.path, false, resolver, faults);
    if file.media_type.is_some() {
        let name = file.path.value.file_name().unwrap_or_default();
        faults.push(
            Fault::invalid(format!("template {name}: its media type is fixed"))
                .at_opt(file.path.place.clone())
                .hint("AOSM takes templates in one form only: remove `media-type`"),
        );
    }
}
