//! The files that the Azure CLI `aosm` extension writes when it builds a definition, read and written.
//!
//! Its `nfd build` and `nsd build` leave a folder (`cnf-cli-output`, `vnf-cli-output`, `nsd-cli-output`) with a list of deployment steps
//! (`index.json`), values for all of them (`all_deploy.parameters.json`), a template of the artifact manifest (`artifactManifest`)
//! and the list of what belongs into the artifact stores (`artifacts/artifacts.json`). [`read`] takes them in, with every fault of
//! every file in one go; [`listed_input`] makes of them what [`load_listed`](crate::project::load_listed) takes: the same project
//! that an `aosm.toml` would give, so that planning, applying and locking are no different. [`artifacts_json`] and
//! [`parameter_files`] go the other way.
//!
//! - The list is complete: charts are not rendered, and every image has exactly one place.
//! - What the artifact manifest lists and the list lacks is an error: such a manifest could never be filled.
//! - A signature in clear text is a [`Secret`](crate::credentials::Secret) from the moment it is read.

mod arm_template;
mod artifacts;
mod bicep;
mod compare;
mod fields;
mod find_file;
mod folder;
mod index;
mod json_text;
mod manifest;
mod parameter_files;
mod parameters;
mod project;
mod template;
mod write;

pub use artifacts::{Content, ListedArtifact, Registry};
pub use folder::{OutputFolder, read, read_steps};
pub use index::{Element, ElementKind};
pub use manifest::{ListedEntry, ListedManifest};
pub use parameter_files::{ParameterFile, parameter_files, parameter_files_of};
pub use parameters::Parameters;
pub use project::listed_input;
pub use write::{Placed, artifacts_json};
