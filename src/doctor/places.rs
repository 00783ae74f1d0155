//! Sources and stores that are files and folders.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use super::check::{Check, CheckKind, State};
use super::folder::Folder;
use super::registry::failed;
use super::words::count;
use crate::digest::ReadFiles;
use crate::oci::layout::{LayoutFolder, check_marker, read_limited};
use crate::oci::{ErrorKind, Job, Selector, Source, docker_archive, oci_archive};
use crate::project::{SourceConfig, SourceKind};
use crate::store::{ArtifactName, ArtifactStore as _, LocalStore, Observed};

/// What no layout has: an answer of "absent" means that the index could be read.
const NOWHERE: (&str, &str) = ("aosm-build/doctor", "none");

/// An `oci-layout` file has some 30 bytes.
const MARKER_LIMIT: u64 = 4096;

/// A source that is a folder or an archive: can its index be read?
pub(super) async fn source(subject: String, config: SourceConfig) -> Check {
    let check = |state, detail: String| Check::new(CheckKind::Source, state, detail).of(subject.as_str());
    let Some(path) = config.path.as_ref().map(|path| path.value.clone()) else {
        return check(State::Missing, "it has no path".to_owned())
            .hint("name the folder or the archive: path = \"images\"");
    };
    if !path.exists() {
        return check(State::Missing, format!("{path} is not there"))
            .hint("put it there, or correct `path` of this source");
    }
    let host = config.host.value.as_str();
    let source: Arc<dyn Source> = match config.kind {
        SourceKind::OciArchive => Arc::new(oci_archive::open(host, path.clone(), Arc::new(ReadFiles))),
        SourceKind::DockerArchive => Arc::new(docker_archive::open(host, path.clone(), Arc::new(ReadFiles))),
        SourceKind::OciLayout | SourceKind::Registry => Arc::new(LayoutFolder::new(host, path.clone())),
    };
    let (repository, tag) = NOWHERE;
    match source.resolve(repository, &Selector::Tag(tag.to_owned())).await {
        Ok(_) => check(State::Ok, format!("{path} can be read")),
        Err(error) if error.kind == ErrorKind::Absent => check(State::Ok, format!("{path} can be read")),
        Err(error) => failed(CheckKind::Source, error, host).of(subject.as_str()),
    }
}

/// Why the folder is somebody else's: a layout of a version that is not known. What cannot be read at all is damage, which is
/// repaired.
fn other_version(path: &Utf8Path) -> Option<String> {
    let bytes = read_limited(&path.join("oci-layout"), MARKER_LIMIT).ok()?;
    // Only the error about versions has a hint.
    let error = check_marker(&bytes, path.as_str()).err()?;
    error.hint.is_some().then_some(error.detail)
}

/// A local store: may it be written, is what it holds readable?
pub(super) async fn local_store(name: String, path: Utf8PathBuf, job: Job) -> Check {
    let (state, words, hint) = Folder::look(&path).judged();
    let check = Check {
        hint: hint.map(str::to_owned),
        ..Check::new(CheckKind::Store, state, format!("{path}: {words}"))
    }
    .of(name.as_str());
    if state == State::Missing {
        let or = "make it writable with some space, or set another `path` for this store";
        return check.hint(or);
    }
    if !path.exists() {
        return check;
    }
    let store = LocalStore::new(name, path.clone(), Arc::new(ReadFiles));
    let (repository, tag) = NOWHERE;
    let nowhere = ArtifactName {
        repository: repository.to_owned(),
        tag: tag.to_owned(),
    };
    let unreadable = |why: String| {
        Check {
            state: State::Missing,
            detail: format!("{path}: {why}"),
            ..check.clone()
        }
        .hint("look at what lies there: move it away, or set another `path` for this store")
    };
    if let Some(error) = other_version(&path) {
        return unreadable(error);
    }
    match store.observe(&nowhere, false, &job).await {
        Ok(Observed::Damaged { why, .. }) => {
            return Check {
                state: State::Warning,
                detail: format!("{}; damaged: {why}", check.detail),
                ..check
            }
            .hint("aosm-build apply repairs it");
        }
        Ok(_) => {}
        Err(error) => return unreadable(error.detail),
    }
    match store.names(&job).await {
        Ok(names) => {
            let held = count(names.map_or(0, |names| names.len()), "artifact");
            Check {
                detail: format!("{}, {held}", check.detail),
                ..check
            }
        }
        Err(error) => unreadable(error.detail),
    }
}
