//! Which of the Azure CLI extension's input files a file is. What it says decides; its name only where that says too little
//! or two things.

use super::document::Document;
use super::node::{Entry, Value};
use crate::fault::Fault;

/// The kinds of input files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InputKind {
    /// Containerised network functions: Helm packages.
    Cnf,
    /// Virtualised network functions: a VHD and templates.
    Vnf,
    /// The same for Azure Operator Nexus: images of a registry and templates.
    Nexus,
    /// Network service designs.
    Nsd,
}

impl InputKind {
    /// Looks at the keys of the root. A file that says to be two things is an error with both places.
    pub(crate) fn of(document: &Document) -> Result<Self, Fault> {
        let value = |key: &str| {
            let entry = document.root.get(key)?;
            (!matches!(entry.node.value, Value::Null)).then_some(&entry.node.value)
        };
        let any = |keys: &[&str]| keys.iter().any(|key| value(key).is_some());
        // Of `cnf-input.jsonc` it is an object.
        let has_images = matches!(value("images"), Some(Value::List(items)) if !items.is_empty());
        let cnf = any(&["helm_packages", "image_sources"]);
        let vnf = has_images || any(&["vhd", "arm_templates", "arm_template"]);
        let nsd = any(&[
            "resource_element_templates",
            "nsd_name",
            "nsdg_name",
            "network_functions",
            "network_function_definition_group_name",
        ]);
        let kind = match (cnf, vnf, nsd) {
            (true, false, false) => Self::Cnf,
            (false, true, false) => Self::Vnf,
            (false, false, true) => Self::Nsd,
            _ => match document.path.file_name().unwrap_or_default() {
                name if name.starts_with("vnf") => Self::Vnf,
                name if name.starts_with("nsd") => Self::Nsd,
                _ => Self::Cnf,
            },
        };
        // Both files for virtual machines have one name: only that for Nexus lists images.
        if kind != Self::Vnf || !has_images {
            return Ok(kind);
        }
        match document.root.get("vhd") {
            Some(vhd) if !is_empty(&vhd.node.value) => Err(two_forms(document, vhd)),
            _ => Ok(Self::Nexus),
        }
    }

    /// Virtual machines: templates of such files may have some resources only.
    pub fn is_virtual_machine(self) -> bool {
        matches!(self, Self::Vnf | Self::Nexus)
    }
}

/// What a template leaves empty says nothing.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Text(text) => text.trim().is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Table(table) => table.entries.is_empty(),
        _ => false,
    }
}

fn two_forms(document: &Document, vhd: &Entry) -> Fault {
    let shown = &document.source.path;
    let fault = Fault::invalid(format!("{shown}: `vhd` and `images` at once"))
        .label(document.place(&vhd.key_span), "virtual machines with a VHD")
        .hint("keep one of the two, or write two input files: each is one definition of a network function");
    match document.root.get("images") {
        Some(images) => fault.label(document.place(&images.key_span), "images for Azure Operator Nexus"),
        None => fault,
    }
}
