//! The artifact manifests that a folder deploys: what each lists, from Bicep or from the JSON that was compiled from it.

use std::sync::Arc;

use camino::Utf8Path;

use super::bicep::{self, Member, Resource, Unexpected, Value};
use super::{arm_template, template};
use crate::fault::{Fault, Faults, Place, SourceFile, Span};
use crate::project::{JsonFile, Spanned, mask, read_within_bounds};

/// The type of an artifact manifest; the extension writes it in two casings.
pub(super) const MANIFEST: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests";
const STORE: &str = "Microsoft.HybridNetwork/publishers/artifactStores";

/// The fields of an entry.
pub(super) const FIELDS: [&str; 3] = ["artifactName", "artifactType", "artifactVersion"];

/// What a manifest lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedEntry {
    /// `artifactName`.
    pub name: Spanned<String>,
    /// `artifactType`.
    pub kind: Spanned<String>,
    /// `artifactVersion`.
    pub version: Spanned<String>,
}

impl ListedEntry {
    /// `NAME:VERSION`.
    pub fn title(&self) -> String {
        format!("{}:{}", self.name.value, self.version.value)
    }
}

/// A name in a template.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamedBy {
    /// Written out.
    Text(String),
    /// The value of this parameter.
    Parameter(String),
}

/// One manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedManifest {
    /// Its artifact store's name.
    pub store: NamedBy,
    /// Its name.
    pub name: NamedBy,
    /// What it lists.
    pub entries: Vec<ListedEntry>,
}

/// Reads the template in a step's folder: Bicep where it has the generated shape, else the compiled JSON beside it.
pub(super) fn read(folder: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Option<Vec<ListedManifest>> {
    let (bicep, json) = (folder.join(template::BICEP), folder.join(template::JSON));
    let shown_bicep = shown.join(template::BICEP);
    if bicep.exists() || !json.exists() {
        let hint =
            "the build of the Azure CLI extension writes it, or its compiled `deploy.json`: build the folder again";
        let text = read_within_bounds(&bicep, &shown_bicep, hint, faults)?;
        match from_bicep(&text, &shown_bicep) {
            Ok(manifests) => return Some(manifests),
            Err(found) if !json.exists() => {
                faults.extend(found);
                return None;
            }
            // Somebody changed the Bicep file and compiled it, as the error would have told them to.
            Err(_) => {}
        }
    }
    let file = JsonFile::read(&json, &shown.join(template::JSON), "compile deploy.bicep again", faults)?;
    arm_template::manifests(&file, faults)
}

fn from_bicep(text: &str, shown: &Utf8Path) -> Result<Vec<ListedManifest>, Faults> {
    let mut blank = text.to_owned();
    if mask::has_signature(text) {
        blank.clear();
    }
    let file = File {
        source: SourceFile::new(shown, blank),
    };
    let resources = bicep::resources(text).map_err(|unexpected| file.not_generated(&unexpected))?;
    let mut faults = Faults::new();
    let mut manifests = Vec::new();
    for resource in resources.iter().filter(|resource| !resource.existing) {
        if !resource.kind.eq_ignore_ascii_case(MANIFEST) {
            faults.push(file.not_generated(&Unexpected {
                expected: format!("resources of the type `{MANIFEST}`"),
                found: format!("`{}`", crate::project::shorten(&resource.kind)),
                span: resource.span.clone(),
            }));
            continue;
        }
        manifests.extend(file.manifest(resource, &resources, &mut faults));
    }
    if manifests.is_empty() && !faults.has_errors() {
        faults.push(no_manifest(shown));
    }
    faults.into_result(manifests).map(|(manifests, _)| manifests)
}

/// The error of a template that has no manifest at all.
pub(super) fn no_manifest(shown: &Utf8Path) -> Fault {
    Fault::invalid(format!("{shown}: makes no artifact manifest"))
        .at(Place::file_only(shown))
        .hint("build the folder again, or remove `artifactManifest` from index.json")
}

struct File {
    source: Arc<SourceFile>,
}

impl File {
    fn place(&self, span: &Span) -> Place {
        Place::new(Arc::clone(&self.source), span.clone())
    }

    fn not_generated(&self, unexpected: &Unexpected) -> Fault {
        let path = &self.source.path;
        Fault::invalid(format!(
            "{path}: expected {}, found {}: not the form that the Azure CLI extension writes",
            unexpected.expected, unexpected.found
        ))
        .at(self.place(&unexpected.span))
        .hint(format!(
            "`az bicep build --file {path}` writes `deploy.json` beside it, which is read then"
        ))
    }

    fn manifest(&self, resource: &Resource, all: &[Resource], faults: &mut Faults) -> Option<ListedManifest> {
        let here = |key: &str| resource.members.iter().find(|member| member.key == key);
        let before = faults.iter().count();
        let mut refuse = |expected: &str, found: String, span: &Span| {
            faults.push(self.not_generated(&Unexpected {
                expected: expected.to_owned(),
                found,
                span: span.clone(),
            }));
        };
        for member in &resource.members {
            if !matches!(
                member.key.as_str(),
                "parent" | "name" | "location" | "properties" | "tags"
            ) {
                let expected = "`parent`, `name`, `location` and `properties`";
                refuse(
                    expected,
                    format!("`{}`", crate::project::shorten(&member.key)),
                    &member.key_span,
                );
            }
        }
        let name = match here("name").map(|member| (&member.value, &member.span)) {
            Some((Value::Text(text), _)) => Some(NamedBy::Text(text.clone())),
            Some((Value::Word(word), _)) => Some(NamedBy::Parameter(word.clone())),
            Some((other, span)) => {
                refuse("a parameter as `name`", other.words().to_owned(), span);
                None
            }
            None => {
                refuse("`name`", "none".to_owned(), &resource.span);
                None
            }
        };
        let store = match here("parent").map(|member| (&member.value, &member.span)) {
            Some((Value::Word(symbol), span)) => {
                let store = store_of(symbol, all);
                if store.is_none() {
                    refuse(
                        "the symbol of an artifact store as `parent`",
                        format!("`{symbol}`"),
                        span,
                    );
                }
                store
            }
            Some((other, span)) => {
                refuse(
                    "the symbol of an artifact store as `parent`",
                    other.words().to_owned(),
                    span,
                );
                None
            }
            None => {
                refuse("`parent`", "none".to_owned(), &resource.span);
                None
            }
        };
        let list = Self::artifacts(resource).unwrap_or_else(|unexpected| {
            faults.push(self.not_generated(&unexpected));
            &[]
        });
        let entries: Vec<ListedEntry> = list
            .iter()
            .filter_map(|(value, span)| self.entry(value, span, faults))
            .collect();
        let broken = faults.iter().skip(before).any(Fault::is_error);
        (!broken).then_some(ListedManifest {
            store: store?,
            name: name?,
            entries,
        })
    }

    /// The list in `properties`.
    fn artifacts<'r>(resource: &'r Resource) -> Result<&'r [(Value, Span)], Unexpected> {
        let instead = |expected: &str, found: &str, span: &Span| Unexpected {
            expected: expected.to_owned(),
            found: found.to_owned(),
            span: span.clone(),
        };
        let find = |members: &'r [Member], key: &str| members.iter().find(|member| member.key == key);
        let properties =
            find(&resource.members, "properties").ok_or_else(|| instead("`properties`", "none", &resource.span))?;
        let Value::Object(members) = &properties.value else {
            let found = properties.value.words();
            return Err(instead("an object as `properties`", found, &properties.span));
        };
        let list = find(members, "artifacts").ok_or_else(|| instead("`artifacts`", "none", &properties.span))?;
        match &list.value {
            Value::List(items) => Ok(items),
            other => Err(instead("a list as `artifacts`", other.words(), &list.span)),
        }
    }

    /// An object of three lines, each a text in quotes.
    fn entry(&self, value: &Value, span: &Span, faults: &mut Faults) -> Option<ListedEntry> {
        let Value::Object(members) = value else {
            faults.push(self.not_generated(&Unexpected {
                expected: "an object".to_owned(),
                found: value.words().to_owned(),
                span: span.clone(),
            }));
            return None;
        };
        for member in members.iter().filter(|member| !FIELDS.contains(&member.key.as_str())) {
            faults.push(self.not_generated(&Unexpected {
                expected: "`artifactName`, `artifactType` and `artifactVersion`".to_owned(),
                found: format!("`{}`", crate::project::shorten(&member.key)),
                span: member.key_span.clone(),
            }));
        }
        let [name, kind, version] = FIELDS.map(|field| {
            let Some(member) = members.iter().find(|member| member.key == field) else {
                faults.push(
                    Fault::invalid(format!("{}: `{field}` is missing", self.source.path))
                        .at(self.place(span))
                        .hint("each artifact has `artifactName`, `artifactType` and `artifactVersion`"),
                );
                return None;
            };
            if let Value::Text(text) = &member.value {
                return Some(Spanned::new(text.clone(), self.place(&member.span)));
            }
            faults.push(self.not_generated(&Unexpected {
                expected: format!("a text in quotes as `{field}`"),
                found: member.value.words().to_owned(),
                span: member.span.clone(),
            }));
            None
        });
        Some(ListedEntry {
            name: name?,
            kind: kind?,
            version: version?,
        })
    }
}

/// What the store behind a symbol is called by.
fn store_of(symbol: &str, all: &[Resource]) -> Option<NamedBy> {
    let store = all.iter().find(|resource| resource.symbol == symbol)?;
    if !store.kind.eq_ignore_ascii_case(STORE) {
        return None;
    }
    let name = store.members.iter().find(|member| member.key == "name")?;
    match &name.value {
        Value::Text(text) => Some(NamedBy::Text(text.clone())),
        Value::Word(word) => Some(NamedBy::Parameter(word.clone())),
        _ => None,
    }
}
