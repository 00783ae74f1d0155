//! `all_deploy.parameters.json`: values for all templates of a folder, as one flat object.
//!
//! It is no parameter file of Resource Manager: it has more than any one template declares, and no `parameters` around the values.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::json_text::Json;
use crate::fault::{Fault, Faults, Place};
use crate::project::node::{Node, Value};
use crate::project::{JsonFile, Spanned};

/// The file's name.
pub(super) const FILE: &str = "all_deploy.parameters.json";

/// What every folder has.
const ALWAYS: [&str; 5] = [
    "location",
    "publisherName",
    "publisherResourceGroupName",
    "acrArtifactStoreName",
    "acrManifestName",
];

/// The values, by name.
#[derive(Debug, Clone)]
pub struct Parameters {
    /// Where they stand.
    pub place: Place,
    values: BTreeMap<String, Spanned<Json>>,
}

/// Reads the values; those that every folder has must be there.
pub(super) fn read(folder: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Option<Parameters> {
    let hint = "the build of the Azure CLI extension writes it: build the folder again";
    let file = JsonFile::read(&folder.join(FILE), &shown.join(FILE), hint, faults)?;
    let Value::Table(table) = &file.root.value else {
        faults.push(
            Fault::invalid(format!(
                "{}: expected an object, found {}",
                file.source.path,
                file.root.value.word()
            ))
            .at(file.place(&file.root.span))
            .hint(hint),
        );
        return None;
    };
    let mut values = BTreeMap::new();
    for entry in &table.entries {
        let value = Spanned::new(json(&entry.node), file.place(&entry.node.span));
        values.insert(entry.key.clone(), value);
    }
    let parameters = Parameters {
        place: Place::new(std::sync::Arc::clone(&file.source), 0..1),
        values,
    };
    let shape = parameters.values.contains_key("$schema") && parameters.values.contains_key("parameters");
    if shape {
        faults.push(
            Fault::invalid(format!(
                "{}: is a parameter file of Resource Manager, not the flat list of the Azure CLI extension",
                file.source.path
            ))
            .at(parameters.place.clone())
            .hint(hint),
        );
        return None;
    }
    for key in ALWAYS.into_iter().chain(parameters.of_this_kind()) {
        match parameters.values.get(key).map(|value| (&value.value, &value.place)) {
            Some((Json::Text(text), _)) if !text.trim().is_empty() => {}
            Some((_, place)) => faults.push(
                Fault::invalid(format!("{FILE}: `{key}` must be a text that is not empty"))
                    .at_opt(place.clone())
                    .hint(hint),
            ),
            None => faults.push(
                Fault::invalid(format!("{FILE}: `{key}` is missing"))
                    .at(parameters.place.clone())
                    .hint(hint),
            ),
        }
    }
    Some(parameters)
}

impl Parameters {
    /// A value as JSON.
    pub fn get(&self, name: &str) -> Option<&Json> {
        self.values.get(name).map(|value| &value.value)
    }

    /// A text that is not empty, with its place.
    pub fn text(&self, name: &str) -> Option<Spanned<String>> {
        let value = self.values.get(name)?;
        match &value.value {
            Json::Text(text) if !text.trim().is_empty() => Some(Spanned {
                value: text.clone(),
                place: value.place.clone(),
            }),
            _ => None,
        }
    }

    /// `true` or `false`, with its place.
    pub fn truth(&self, name: &str) -> Option<Spanned<bool>> {
        let value = self.values.get(name)?;
        match &value.value {
            Json::Raw(word) => Some(Spanned {
                value: word.parse().ok()?,
                place: value.place.clone(),
            }),
            _ => None,
        }
    }

    /// The texts of a list; all of them stand where the list does.
    pub fn texts(&self, name: &str) -> Vec<Spanned<String>> {
        let Some(value) = self.values.get(name) else {
            return Vec::new();
        };
        let Json::List(items) = &value.value else {
            return Vec::new();
        };
        let texts = items.iter().filter_map(|item| match item {
            Json::Text(text) => Some(Spanned {
                value: text.clone(),
                place: value.place.clone(),
            }),
            _ => None,
        });
        texts.collect()
    }

    /// The name of what the folder defines: the group of its network function or network service design.
    pub fn name(&self) -> Option<Spanned<String>> {
        self.text("nfDefinitionGroup").or_else(|| self.text("nsDesignGroup"))
    }

    /// Its version.
    pub fn version(&self) -> Option<Spanned<String>> {
        self.text("nfDefinitionVersion")
            .or_else(|| self.text("nsDesignVersion"))
    }

    /// The values that come in groups: with one of them the others must be there.
    fn of_this_kind(&self) -> Vec<&'static str> {
        const GROUPS: [&[&str]; 3] = [
            &["nsDesignGroup", "nsDesignVersion"],
            &["nfDefinitionGroup", "nfDefinitionVersion"],
            &["saArtifactStoreName", "saManifestName"],
        ];
        let one_is_there = |group: &&&[&str]| group.iter().any(|key| self.values.contains_key(*key));
        GROUPS
            .iter()
            .filter(one_is_there)
            .flat_map(|group| group.iter().copied())
            .collect()
    }
}

fn json(node: &Node) -> Json {
    match &node.value {
        Value::Null => Json::Raw("null".to_owned()),
        // JSON has no moments.
        Value::Text(text) | Value::Moment(text) => Json::Text(text.clone()),
        Value::Integer(number) => Json::Raw(number.to_string()),
        Value::Number(number) => Json::Raw(number.clone()),
        Value::Bool(truth) => Json::Raw(truth.to_string()),
        Value::List(items) => Json::List(items.iter().map(json).collect()),
        Value::Table(table) => Json::Object(
            table
                .entries
                .iter()
                .map(|entry| (entry.key.clone(), json(&entry.node)))
                .collect(),
        ),
    }
}
