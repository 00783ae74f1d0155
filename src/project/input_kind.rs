//! Which of the Azure CLI extension's input files a file is. What it says decides; its name only where that says too little
//! or two things.

use super::document::Document;
use super::node::Value;

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
    /// Looks at the keys of the root.
    pub(crate) fn of(document: &Document) -> Self {
        let value = |key: &str| {
            let entry = document.root.get(key)?;
            (!matches!(entry.node.value, Value::Null)).then_some(&entry.node.value)
        };
        let any = |keys: &[&str]| keys.iter().any(|key| value(key).is_some());
        let has_vhd = any(&["vhd"]);
        let cnf = any(&["helm_packages", "image_sources"]);
        let vnf = has_vhd || any(&["arm_templates", "arm_template"]);
        let nsd = any(&["resource_element_templates", "nsd_name", "network_functions"]);
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
        // Both files for virtual machines have one name: only Nexus lists images.
        if kind == Self::Vnf && !has_vhd && matches!(value("images"), Some(Value::List(_))) {
            return Self::Nexus;
        }
        kind
    }
}
