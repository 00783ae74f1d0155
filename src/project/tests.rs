//! Behaviour of [`super::load`], file by file and as a whole.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a failed unwrap is a failed test"
)]
#![allow(clippy::too_many_lines, reason = "tables of cases are long")]

use camino::{Utf8Path, Utf8PathBuf};

use super::*;
use crate::fault::{Fault, Faults, Severity};

mod aosm_stores;
mod arm_templates;
mod artifacts;
mod both_files;
mod damage;
mod example;
mod input_file;
mod nexus_input;
mod nsd_input;
mod paths;
mod policy;
mod proposal;
mod publication;
mod schemas;
mod settings_errors;
mod settings_file;
mod vhds;
mod vnf_input;

/// A folder that is gone with the test.
struct Folder {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Folder {
    fn new() -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        Self { _guard: guard, path }
    }

    /// With a file.
    fn with(self, name: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
        self
    }

    /// With a chart folder.
    fn with_chart(self, name: &str) -> Self {
        let last = name.rsplit('/').next().unwrap().to_owned();
        self.with(
            &format!("{name}/Chart.yaml"),
            format!("apiVersion: v2\nname: {last}\nversion: 1.0.0\n"),
        )
    }

    fn options(&self) -> LoadOptions {
        LoadOptions {
            store: None,
            folder: self.path.clone(),
            project_file: None,
            environment: None,
            current_dir: self.path.clone(),
        }
    }

    fn load(&self) -> Result<(Project, Faults), Faults> {
        load(&self.options())
    }

    /// The project, which must load without any word.
    fn clean(&self) -> Project {
        let (project, warnings) = self.load().unwrap_or_else(|faults| panic!("{}", lines(&faults)));
        assert!(warnings.is_empty(), "{}", lines(&warnings));
        project
    }

    /// The project and its warnings.
    fn warned(&self) -> (Project, Vec<String>) {
        let (project, warnings) = self.load().unwrap_or_else(|faults| panic!("{}", lines(&faults)));
        (
            project,
            warnings.iter().map(|fault| fault.message().to_owned()).collect(),
        )
    }

    /// The errors.
    fn errors(&self) -> Vec<Fault> {
        match self.load() {
            Ok(_) => panic!("the project loads"),
            Err(faults) => faults.into_iter().filter(Fault::is_error).collect(),
        }
    }

    /// The one error, as `file:line:column message / hint`.
    fn error(&self) -> String {
        let errors = self.errors();
        assert_eq!(errors.len(), 1, "{}", lines(&errors.into_iter().collect()));
        line(&errors[0])
    }
}

fn line(fault: &Fault) -> String {
    let places: Vec<String> = fault.labels().iter().map(|label| label.place.to_string()).collect();
    let severity = if fault.severity() == Severity::Error {
        ""
    } else {
        "warning "
    };
    format!(
        "{severity}{} {} / {}",
        places.join(" "),
        fault.message(),
        fault.hint_text().unwrap_or("-")
    )
}

fn lines(faults: &Faults) -> String {
    faults.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// An `aosm.toml` beside a chart named `app`.
fn toml(text: &str) -> Folder {
    Folder::new().with_chart("app").with("aosm.toml", text)
}

/// A `cnf-input.jsonc` beside a chart named `app`.
fn jsonc(text: &str) -> Folder {
    Folder::new().with_chart("app").with("cnf-input.jsonc", text)
}

const APP: &str = "[[charts]]\nname = \"app\"\npath = \"app\"\n";

const PACKAGE: &str = r#""helm_packages": [{"name": "app", "path_to_chart": "app"}]"#;

/// A template that Azure Resource Manager could deploy.
const TEMPLATE: &str = r#"{"$schema": "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"contentVersion": "1.0.0.0", "resources": [{"type": "Microsoft.Compute/virtualMachines"}]}"#;
