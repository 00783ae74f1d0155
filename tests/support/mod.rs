//! What the tests stand on: real registries, a proxy with faults, images, projects, and the built binary.
//!
//! Nothing here uses the product's own code, so that a mistake in the product cannot hide behind the same mistake in its
//! tests: HTTP, digests, image layouts and tokens are done once more, in the simplest way that works.

pub mod acr;
pub mod acr_records;
pub mod aosm;
pub mod arm;
pub mod arm_import;
pub mod arm_operations;
pub mod arm_shapes;
pub mod azurite;
pub mod blob_server;
pub mod charts;
pub mod cli_output;
pub mod client;
pub mod cloud;
pub mod cloud_estate;
pub mod cloud_project;
pub mod contoso;
pub mod disk;
pub mod disks;
pub mod entra;
pub mod fault;
pub mod faulty;
pub mod giant;
pub mod guise;
pub mod hostile;
pub mod http;
pub mod image;
pub mod layout;
pub mod peers;
pub mod publisher;
pub mod python_sdk;
pub mod referring;
pub mod refusal;
pub mod registry;
pub mod server;
pub mod small;
pub mod snapshot;
pub mod storm;
#[cfg(unix)]
pub mod terminal;
pub mod tls;
pub mod tokens;
pub mod tools;
pub mod traffic;
pub mod vhd;

pub use acr::Acr;
#[allow(unused_imports, reason = "names for signatures of test helpers")]
pub use aosm::{Aosm, Output, Project};
pub use azurite::{Azurite, Sas};
pub use client::Client;
pub use cloud::Cloud;
pub use fault::{Fault, Rule};
pub use faulty::Faulty;
pub use guise::Guise;
pub use hostile::Hostile;
pub use image::{Image, ImageSpec};
pub use registry::{Kind, Registry};
pub use snapshot::Snapshot;

/// The repository's root.
pub fn root() -> std::path::PathBuf {
    std::path::PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

static SCRATCH: std::sync::OnceLock<std::path::PathBuf> = std::sync::OnceLock::new();

/// Has all scratch folders of this process made in this folder: measurements want one in memory. Only the first call counts.
pub fn scratch_in(folder: std::path::PathBuf) {
    let _ = SCRATCH.set(folder);
}

/// A folder that is removed when dropped, below cargo's own scratch folder.
pub fn temp_dir() -> tempfile::TempDir {
    let folder = SCRATCH.get_or_init(|| env!("CARGO_TARGET_TMPDIR").into());
    tempfile::Builder::new()
        .prefix("it-")
        .tempdir_in(folder)
        .expect("a scratch folder")
}

/// SHA-256 in the form `sha256:<hex>`.
pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut text = String::from("sha256:");
    for byte in aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref() {
        write!(text, "{byte:02x}").expect("writing to a string");
    }
    text
}
