//! `nsd-input.jsonc`, decoded in every form that the Azure CLI `aosm` extension has read.
//!
//! Its ARM templates become artifacts. What the extension makes of a network function needs the function's definition in
//! Azure: that template is built there, and only named here.

use super::artifact_model::ArtifactConfig;
use super::document::Document;
use super::input::Input;
use super::input_kind::InputKind;
use super::input_values::{is_written, missing, whole_file};
use super::model::Spanned;
use super::nsd_generated::Generated;
use super::paths::Resolver;
use super::publication::Publication;
use super::view::View;
use super::{check, input_head, input_templates, nsd_input_keys};
use crate::fault::{Fault, Faults, Place};

/// Checks and decodes.
pub(crate) fn decode(document: &Document, resolver: Resolver<'_>, faults: &mut Faults) -> Input {
    check::check(document, nsd_input_keys::ROOT, faults);
    // After a syntax error nothing of the file is left to judge.
    let mut unheard = Faults::new();
    let faults = if document.damaged { &mut unheard } else { faults };
    let root = View::root(document, nsd_input_keys::ROOT);
    let version = root.text("nsd_version");
    if let Some(version) = &version {
        input_head::check_version(version, "nsd_version", faults);
    }
    let mut publication = Publication::read(InputKind::Nsd, document, nsd_input_keys::ROOT);
    let mut name_key = "nsd_name";
    if publication.name.is_none()
        && let Some(older) = older_name(&root, faults)
    {
        publication.name = Some(older);
        name_key = "nsdg_name";
    }
    input_head::check(&root, name_key, "nsd_version", faults);
    let (artifacts, functions) = elements(&root, resolver, faults);
    Input {
        name: publication.name.clone(),
        generated: Generated::of(publication.name.clone(), version.clone(), functions),
        publication: Some(publication),
        version,
        artifacts,
        ..Input::empty()
    }
}

fn older_name(root: &View<'_>, faults: &mut Faults) -> Option<Spanned<String>> {
    let name = root.text("nsdg_name")?;
    faults.push(
        Fault::warning("nsdg_name: an older form of `nsd_name`")
            .at_opt(root.key_place("nsdg_name"))
            .hint("rename it: newer versions of the Azure CLI extension refuse it"),
    );
    Some(name)
}

/// The templates, and the names of the network functions.
fn elements(
    root: &View<'_>,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> (Vec<ArtifactConfig>, Vec<Spanned<String>>) {
    const LIST: &str = "resource_element_templates";
    let (mut templates, mut functions) = (Vec::new(), Vec::new());
    for (view, place) in root.tables(LIST) {
        let Some(properties) = view.table("properties") else {
            continue;
        };
        let place = view.value_place("properties").unwrap_or(place);
        let table = format!("{LIST}.properties");
        match view
            .text("resource_element_type")
            .as_ref()
            .map(|kind| kind.value.as_str())
        {
            Some(nsd_input_keys::TEMPLATE) => {
                let strangers = [
                    "publisher",
                    "publisher_resource_group",
                    "name",
                    "publisher_offering_location",
                    "type",
                ];
                misplaced(&properties, &strangers, nsd_input_keys::TEMPLATE, faults);
                let template = input_templates::one(&properties, &table, &place, false, resolver, faults);
                if let Some(template) = template {
                    input_templates::push(template, &mut templates, faults);
                }
            }
            Some(nsd_input_keys::NF) => {
                misplaced(&properties, &["artifact_name", "file_path"], nsd_input_keys::NF, faults);
                functions.push(function(&properties, &table, &place, faults));
            }
            // Told by the check of all words.
            _ => {}
        }
    }
    for (view, place) in root.tables("network_functions") {
        functions.push(function(&view, "network_functions", &place, faults));
    }
    if let Some(place) = root.key_place("network_functions") {
        faults.push(
            Fault::warning("network_functions: an older form of `resource_element_templates`")
                .at(place)
                .hint("write each as `{ \"resource_element_type\": \"NF\", \"properties\": { … } }`"),
        );
    }
    if let Some(name) = root.text("network_function_definition_group_name") {
        faults.push(
            Fault::warning("network_function_definition_group_name: an older form of `resource_element_templates`")
                .at_opt(root.key_place("network_function_definition_group_name"))
                .hint("write `{ \"resource_element_type\": \"NF\", \"properties\": { \"name\": …, … } }`"),
        );
        functions.push(Some(name));
    }
    let older = ["network_functions", "network_function_definition_group_name"];
    if !is_written(root, LIST) && !older.iter().any(|key| is_written(root, key)) {
        faults.push(missing(
            root.document.source.path.as_str(),
            LIST,
            &root.key_place(LIST).unwrap_or_else(|| whole_file(root)),
            "add at least one element: a network function (`NF`) or a template (`ArmTemplate`)",
        ));
    }
    (templates, functions.into_iter().flatten().collect())
}

/// Properties of the other type.
fn misplaced(properties: &View<'_>, keys: &[&str], kind: &str, faults: &mut Faults) {
    for key in keys {
        if properties.text(key).is_some() {
            faults.push(
                Fault::invalid(format!(
                    "resource_element_templates.properties.{key}: has no place in `{kind}`"
                ))
                .at_opt(properties.key_place(key))
                .hint("remove it, or correct `resource_element_type`"),
            );
        }
    }
}

/// The name of a network function. What the extension asks for besides is one warning: the store does not need it.
fn function(view: &View<'_>, table: &str, place: &Place, faults: &mut Faults) -> Option<Spanned<String>> {
    let asked = [
        "publisher",
        "publisher_resource_group",
        "name",
        "version",
        "publisher_offering_location",
        "type",
    ];
    let missing: Vec<String> = asked
        .into_iter()
        .filter(|key| view.text(key).is_none())
        .map(|key| format!("`{key}`"))
        .collect();
    if !missing.is_empty() {
        faults.push(
            Fault::warning(format!("{table}: {} not set", missing.join(", ")))
                .at(place.clone())
                .hint("the Azure CLI extension refuses a network function without; the store does not need it"),
        );
    }
    if let Some(kind) = view.text("type")
        && !["cnf", "vnf"]
            .iter()
            .any(|known| kind.value.eq_ignore_ascii_case(known))
    {
        faults.push(
            Fault::warning(format!("{table}.type: neither `cnf` nor `vnf`"))
                .at_opt(kind.place)
                .hint("the Azure CLI extension takes only these; the store does not need it"),
        );
    }
    view.text("name")
        .or_else(|| Some(Spanned::new(String::new(), place.clone())))
}
