//! The room as a whole, on real files and against a real Helm (`AOSM_HELM`, else PATH).
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests fail by panicking")]
#![allow(
    clippy::format_push_string,
    clippy::cloned_ref_to_slice_refs,
    reason = "clearest for a few lines of test data"
)]

mod artifacts;
mod effective;
mod fetching;
mod loading;
mod oracle;
mod rendering;
mod server;

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::digest::{Digest, FileDigests, ReadFiles};
use crate::fault::{Fault, Faults, Place, SourceFile};
use crate::project::{ChartInput, ChartPackage, Dependencies, RenderLimits, Spanned};

/// A folder that goes away, with files in it.
struct Folder {
    _guard: tempfile::TempDir,
    path: Utf8PathBuf,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let guard = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(guard.path().canonicalize().unwrap()).unwrap();
        let folder = Self { _guard: guard, path };
        for (name, text) in files {
            folder.write(name, text.as_bytes());
        }
        folder
    }

    fn write(&self, name: &str, bytes: &[u8]) {
        let path = self.path.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }

    fn join(&self, name: &str) -> Utf8PathBuf {
        self.path.join(name)
    }
}

const CHART_YAML: &str = "apiVersion: v2\nname: contoso\nversion: 1.0.0\nappVersion: \"2.0\"\n";
const POD: &str = "kind: Pod\nspec:\n  image: {{ .Values.image }}\n";

fn small_chart() -> Folder {
    Folder::new(&[
        ("c/Chart.yaml", CHART_YAML),
        ("c/values.yaml", "image: a:1\n"),
        ("c/templates/pod.yaml", POD),
        ("c/templates/NOTES.txt", "hello\n"),
    ])
}

fn package(path: &Utf8Path) -> ChartPackage {
    let source = SourceFile::new("aosm.toml", "name = \"contoso\"\n");
    ChartPackage {
        name: Spanned::new("contoso".into(), Place::new(source, 7..16)),
        input: ChartInput::Chart(Spanned::default_value(path.to_owned())),
        values: Vec::new(),
        set: Vec::new(),
        release_name: Spanned::default_value("rel".into()),
        namespace: Spanned::default_value("ns".into()),
        kube_version: None,
        api_versions: Vec::new(),
        include_crds: false,
        dependencies: Dependencies::Error,
        store: None,
    }
}

fn set(package: &mut ChartPackage, pairs: &[(&str, &str)]) {
    package.set = pairs
        .iter()
        .map(|(key, value)| (Spanned::default_value((*key).to_owned()), (*value).to_owned()))
        .collect();
}

fn tree_of(path: &Utf8Path) -> ChartTree {
    load(&package(path), &ReadFiles)
        .unwrap_or_else(|faults| panic!("{faults:?}"))
        .0
}

fn faults_of(path: &Utf8Path) -> Vec<Fault> {
    load(&package(path), &ReadFiles)
        .map(|_| ())
        .unwrap_err()
        .into_iter()
        .collect()
}

fn helm() -> Helm {
    Helm::find(None)
        .unwrap_or_else(|fault| panic!("these tests need Helm: {fault}; {}", fault.hint_text().unwrap_or("")))
}

/// Renders with a real Helm.
fn rendered(package: &ChartPackage) -> Result<String, Fault> {
    let tree = load(package, &ReadFiles)
        .map_err(|faults| faults.into_iter().next().unwrap())?
        .0;
    render_with(
        &helm(),
        package,
        &tree,
        &RenderLimits::default(),
        &CancellationToken::new(),
    )
}

fn render_with(
    helm: &Helm,
    package: &ChartPackage,
    tree: &ChartTree,
    limits: &RenderLimits,
    cancel: &CancellationToken,
) -> Result<String, Fault> {
    let scratch = Folder::new(&[]);
    let result = runtime().block_on(render(helm, package, tree, limits, &scratch.path, cancel));
    let left: Vec<_> = std::fs::read_dir(&scratch.path).unwrap().collect();
    assert!(left.is_empty(), "nothing may stay in the scratch folder: {left:?}");
    result
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
}

/// A plain run of a real Helm: standard output, or the error text.
fn plain_helm(args: &[&str]) -> Result<String, String> {
    let home = Folder::new(&[]);
    let done = std::process::Command::new(helm().path())
        .args(args)
        .env("HOME", &home.path)
        .env("HELM_CACHE_HOME", &home.path)
        .env("HELM_CONFIG_HOME", &home.path)
        .env("HELM_DATA_HOME", &home.path)
        .output()
        .unwrap();
    if done.status.success() {
        Ok(String::from_utf8(done.stdout).unwrap())
    } else {
        Err(String::from_utf8_lossy(&done.stderr).into_owned())
    }
}

/// Remembers everything, as the stat table would for files that do not change.
#[derive(Default)]
struct Remembering {
    texts: Mutex<HashMap<(Utf8PathBuf, String), String>>,
    digests: Mutex<HashMap<Utf8PathBuf, (Digest, u64)>>,
}

impl FileDigests for Remembering {
    fn file_digest(&self, path: &Utf8Path) -> std::io::Result<(Digest, u64)> {
        if let Some(known) = self.digests.lock().unwrap().get(path) {
            return Ok(known.clone());
        }
        let found = ReadFiles.file_digest(path)?;
        self.digests.lock().unwrap().insert(path.to_owned(), found.clone());
        Ok(found)
    }

    fn remembered(&self, path: &Utf8Path, purpose: &str) -> Option<String> {
        self.texts
            .lock()
            .unwrap()
            .get(&(path.to_owned(), purpose.to_owned()))
            .cloned()
    }

    fn remember(&self, path: &Utf8Path, purpose: &str, value: &str) {
        self.texts
            .lock()
            .unwrap()
            .insert((path.to_owned(), purpose.to_owned()), value.to_owned());
    }
}

/// A shell script that stands in for Helm.
#[cfg(unix)]
fn fake_helm(folder: &Folder, script: &str) -> Helm {
    use std::os::unix::fs::PermissionsExt as _;
    let path = folder.join("fake-helm");
    std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    Helm::find_in(Some(&path), None, None).unwrap()
}

const QUICK: RenderLimits = RenderLimits {
    timeout: Duration::from_millis(300),
    output: 1024,
};
const ROOMY: RenderLimits = RenderLimits {
    timeout: Duration::from_secs(60),
    output: 1024,
};

#[test]
fn futures_can_move_between_threads() {
    fn send<T: Send>(_: &T) {}
    let folder = small_chart();
    let (tree, package, cancel) = (
        tree_of(&folder.join("c")),
        package(&folder.join("c")),
        CancellationToken::new(),
    );
    let helm = helm();
    send(&render(&helm, &package, &tree, &ROOMY, &folder.path, &cancel));
    send(&helm.version(&ReadFiles, &cancel));
    let context = FetchContext {
        helm: &helm,
        records: &[],
        cache: &folder.path,
        scratch: &folder.path,
        files: &ReadFiles,
        offline: false,
        cancel: &cancel,
    };
    send(&build_dependencies(tree.clone(), &context));
    let _: fn(Fault) -> Faults = Faults::from;
}
