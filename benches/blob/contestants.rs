//! Who uploads, and where to.

use std::path::Path;
use std::process::Command;

use super::sink::Sink;
use super::support::azurite::{Azurite, Sas};
use super::support::{Project, python_sdk, tools};
use super::undigested;
use super::work::{Cost, carry_out};

const BLOB: &str = "disk-1-0-0.vhd";

/// Who uploads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// `aosm-build vhd upload`: reads the file, hashes it, sends it, proves it.
    Ours,
    /// The same through the library, with a scan that does not hash: what the content digest costs shows in the difference.
    OursUndigested,
    /// `upload_blob` of the official Python SDK, as it comes.
    Python,
}

/// An empty container, and a home folder that knows nothing.
pub struct Scene<'a> {
    project: Project,
    container: String,
    blob: String,
    azurite: Option<&'a Azurite>,
}

impl<'a> Scene<'a> {
    /// In an emulator.
    pub fn in_emulator(azurite: &'a Azurite) -> Self {
        let container = azurite.container("bench");
        let sas = Sas::default();
        Self {
            project: Project::new(),
            blob: azurite.url(&format!("{container}/{BLOB}"), &sas),
            container: azurite.url(&container, &sas),
            azurite: Some(azurite),
        }
    }

    /// In a server that throws everything away.
    pub fn in_sink(sink: &Sink) -> Self {
        Self {
            project: Project::new(),
            container: sink.url("bench"),
            blob: sink.url(&format!("bench/{BLOB}")),
            azurite: None,
        }
    }

    /// The same through something in between.
    pub fn by_way_of(self, address: &str) -> Self {
        let host = self.azurite.map(Azurite::host).unwrap_or_default();
        Self {
            container: self.container.replace(&host, address),
            blob: self.blob.replace(&host, address),
            ..self
        }
    }

    /// Uploads a file.
    pub fn time(&self, contestant: Contestant, file: &Path) -> Cost {
        let file = file.to_str().expect("UTF-8");
        let command = match contestant {
            Contestant::Ours => {
                let arguments = ["--quiet", "vhd", "upload", file, "--sas-env", "DISKS", "--blob", BLOB];
                self.project
                    .aosm(&arguments)
                    .env("DISKS", &self.container)
                    .into_command()
            }
            Contestant::OursUndigested => {
                let state = self.project.home().join("state");
                undigested::command(file, &self.container, BLOB, &state)
            }
            Contestant::Python => {
                let mut command = Command::new(tools::pythonsdk());
                command.args(["-c", PYTHON, &self.blob, file]);
                command.env_remove("HTTP_PROXY").env_remove("http_proxy");
                command
            }
        };
        carry_out(command.into())
    }

    /// The emulator holds what the file does: read by the Python SDK.
    pub fn check(&self, file: &Path) {
        let held = python_sdk::properties(&self.blob);
        let length = std::fs::metadata(file).expect("the file").len();
        assert_eq!(
            (&held["type"], &held["size"]),
            (&"PageBlob".into(), &length.into()),
            "{held}"
        );
        assert!(held["metadata"]["aosm_digest"].is_string(), "{held}");
    }
}

const PYTHON: &str = "
import sys
from azure.storage.blob import BlobClient
with open(sys.argv[2], 'rb') as file:
    BlobClient.from_blob_url(sys.argv[1]).upload_blob(file, blob_type='PageBlob', overwrite=True)
";
