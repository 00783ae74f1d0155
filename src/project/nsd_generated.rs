//! The artifact that the Azure CLI extension generates for the network functions of a service design.
//!
//! It is a Bicep template made from the functions' definitions in Azure, so this tool does not make it; it says which file
//! is needed, and where to name it.

use super::artifact_model::ArtifactConfig;
use super::check;
use super::model::Spanned;
use super::sources::with_first;
use crate::fault::{Fault, Faults, some_of};

/// Where the extension puts what it builds from an `nsd-input.jsonc`.
const FOLDER: &str = "nsd-cli-output/artifacts";

/// The artifact as the input file implies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Generated {
    /// `nsd_name`: the artifact's name.
    name: Spanned<String>,
    /// `nsd_version`: its version.
    version: Spanned<String>,
    /// Names of the network functions; an empty text where the file has none. Never empty itself.
    functions: Vec<Spanned<String>>,
}

impl Generated {
    /// `None` without network functions, and where the name or version is missing, which is told elsewhere.
    pub(crate) fn of(
        name: Option<Spanned<String>>,
        version: Option<Spanned<String>>,
        functions: Vec<Spanned<String>>,
    ) -> Option<Self> {
        functions.first()?;
        Some(Self {
            name: name?,
            version: version?,
            functions,
        })
    }

    /// The file that the extension writes for the first network function, from the folder where it is run.
    pub(crate) fn file(&self) -> String {
        let name = self.functions.first().map_or("", |name| name.value.as_str());
        let name = if name.is_empty() { "NAME" } else { name };
        format!("{FOLDER}/{name}.bicep")
    }

    /// The entry of `aosm.toml` that names the artifact.
    pub(crate) fn entry(&self) -> [(&'static str, String); 4] {
        let quote = |text: &str| toml::Value::String(text.to_owned()).to_string();
        [
            ("name", quote(&self.name.value)),
            ("version", quote(&self.version.value)),
            ("kind", quote("arm-template")),
            ("files", format!("[{{ path = {} }}]", quote(&self.file()))),
        ]
    }

    /// Says what is needed, unless `aosm.toml` names it. `alone`: the project names nothing else, so nothing would be done.
    pub(crate) fn tell(&self, named: &[ArtifactConfig], alone: bool, faults: &mut Faults) {
        let title = format!(
            "{}:{}",
            check::shorten(&self.name.value),
            check::shorten(&self.version.value)
        );
        if let Some(artifact) = named.iter().find(|artifact| artifact.name.value == self.name.value) {
            if artifact.version.value != self.version.value {
                let fault = Fault::warning(format!(
                    "artifact {}: version {} here, but the service design is {title}",
                    check::shorten(&self.name.value),
                    check::shorten(&artifact.version.value),
                ))
                .hint("the service design asks for the artifact under its own version");
                let (at, other) = (artifact.version.place.clone(), self.version.place.clone());
                faults.push(with_first(fault, at, other, "the other version"));
            }
            return;
        }
        let functions = self.functions.iter().map(|function| function.value.as_str());
        let functions: Vec<&str> = functions.filter(|function| !function.is_empty()).collect();
        let of = match self.functions.len() {
            1 => format!("the network function {}", some_of(&functions)),
            n => format!(
                "{n} network functions, which share this one name: {}",
                some_of(&functions)
            ),
        };
        let message = format!("artifact {title}: not made here: its template is generated from {of}");
        let fault = if alone {
            Fault::invalid(message)
        } else {
            Fault::warning(message)
        };
        let entry: Vec<String> = self
            .entry()
            .iter()
            .map(|(key, value)| format!("  {key} = {value}"))
            .collect();
        faults.push(
            fault
                .at_opt(self.functions.first().and_then(|name| name.place.clone()))
                .hint(format!(
                    "`az aosm nsd build` writes it; then name it in aosm.toml:\n  [[artifacts]]\n{}",
                    entry.join("\n")
                )),
        );
    }
}
