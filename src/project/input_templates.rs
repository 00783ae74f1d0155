//! ARM templates that an input file names: `artifact_name`, `version`, `file_path`. Each becomes an artifact.

use super::artifact_model::{ArtifactConfig, ArtifactFile, ArtifactType};
use super::input_values::{filled, is_written, is_wrong, missing, whole_file};
use super::keys::{Key, Shape, key, old};
use super::model::Spanned;
use super::paths::Resolver;
use super::sources::with_first;
use super::view::View;
use super::{arm_template, check, names};
use crate::fault::{Fault, Faults, Place};

/// The keys of one template.
pub(crate) const ARM_TEMPLATE: &[Key] = &[
    key(
        "artifact_name",
        Shape::MaybeText,
        "Its name: the repository in the store.",
    ),
    key("version", Shape::MaybeText, "Its version, three numbers with dots."),
    key(
        "file_path",
        Shape::MaybeText,
        "The template: a JSON file, or a `.bicep` file that is built into the cache.",
    ),
];

/// `arm_templates`.
pub(crate) const ARM_TEMPLATES: Key = key(
    "arm_templates",
    Shape::TableOrTables(ARM_TEMPLATE),
    "The ARM templates, in order: pushed to the registry store. At least one is needed.",
);

/// `arm_template`.
pub(crate) const OLDER_ARM_TEMPLATE: Key = key(
    "arm_template",
    Shape::TableOrTables(ARM_TEMPLATE),
    "Older form of `arm_templates`: one template.",
);

/// `expose_all_parameters`.
pub(crate) const EXPOSE_ALL: Key = key(
    "expose_all_parameters",
    Shape::Bool,
    "Expose every parameter of the templates as a parameter of the network function.",
);

/// `image_name_parameter`.
pub(crate) const IMAGE_NAME_PARAMETER: Key = old(
    "image_name_parameter",
    "newer versions of the Azure CLI extension refuse it; it never changed what a store holds",
);

/// `arm_templates` and the older `arm_template` of a network function: at least one.
pub(crate) fn of_network_function(root: &View<'_>, resolver: Resolver<'_>, faults: &mut Faults) -> Vec<ArtifactConfig> {
    let keys = ["arm_templates", "arm_template"];
    if !keys.iter().any(|key| is_written(root, key)) {
        let shown = root.document.source.path.as_str();
        let place = keys.iter().find_map(|key| root.key_place(key));
        faults.push(missing(
            shown,
            "arm_templates",
            &place.unwrap_or_else(|| whole_file(root)),
            "add at least one template: `\"arm_templates\": [{ \"artifact_name\": …, \"version\": \"1.0.0\", \"file_path\": … }]`",
        ));
    }
    let mut all: Vec<ArtifactConfig> = Vec::new();
    for key in keys {
        for (view, place) in root.tables(key) {
            if let Some(template) = one(&view, key, &place, true, resolver, faults) {
                push(template, &mut all, faults);
            }
        }
    }
    all
}

/// Adds a template, unless another has its name.
pub(crate) fn push(template: ArtifactConfig, all: &mut Vec<ArtifactConfig>, faults: &mut Faults) {
    let Some(first) = all.iter().find(|other| other.name.value == template.name.value) else {
        all.push(template);
        return;
    };
    let fault = Fault::invalid(format!(
        "template {}: named twice",
        check::shorten(&template.name.value)
    ))
    .hint("give one of the two another `artifact_name`");
    let (at, first) = (template.name.place.clone(), first.name.place.clone());
    faults.push(with_first(fault, at, first, "first named here"));
}

/// Reads one template; `network_function`: its resources are limited.
pub(crate) fn one(
    view: &View<'_>,
    table: &str,
    place: &Place,
    network_function: bool,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Option<ArtifactConfig> {
    let name = filled(view, table, "artifact_name", faults);
    let version = filled(view, table, "version", faults);
    let path = filled(view, table, "file_path", faults);
    for (key, is_there, hint) in [
        (
            "artifact_name",
            name.is_some(),
            "the repository it is pushed to, such as `ubuntu-vm-arm-template`",
        ),
        ("version", version.is_some(), "three numbers joined by dots: `1.0.0`"),
        ("file_path", path.is_some(), "the JSON file of the template"),
    ] {
        if !is_there && !is_wrong(view, key) {
            faults.push(missing(table, key, place, hint));
        }
    }
    if let Some(name) = &name
        && let Err(why) = names::repository_path(&name.value)
    {
        faults.push(
            Fault::invalid(format!("{table}.artifact_name: {why}"))
                .at_opt(name.place.clone())
                .hint("it is the template's repository in the store: write it like `ubuntu-vm-arm-template`"),
        );
    }
    if let Some(version) = &version
        && names::version(&version.value).is_err()
    {
        faults.push(bad_version(version, table));
    }
    let path = path.and_then(|path| arm_template::file(&path, view.document, network_function, resolver, faults))?;
    let file = ArtifactFile {
        title: arm_template::title(&path.value),
        path,
        media_type: None,
    };
    Some(ArtifactConfig {
        name: name?,
        version: version?,
        kind: ArtifactType::ArmTemplate,
        artifact_type: None,
        files: vec![file],
        annotations: std::collections::BTreeMap::new(),
        store: None,
    })
}

fn bad_version(version: &Spanned<String>, table: &str) -> Fault {
    let text = check::shorten(&version.value);
    let dotted = version.value.replace('-', ".");
    let hint = if names::version(&dotted).is_ok() {
        format!("templates have dots where disk images have hyphens: write `{dotted}`")
    } else {
        "write it like `\"version\": \"1.0.0\"`".to_owned()
    };
    Fault::invalid(format!(
        "{table}.version: AOSM takes only three numbers joined by dots for a template, not `{text}`"
    ))
    .at_opt(version.place.clone())
    .hint(hint)
}
