//! One Helm package through its local steps.

use std::sync::Arc;

use crate::cache::KeyDocument;
use crate::chart::{self, ChartTree};
use crate::digest::Digest;
use crate::discover::{self, Discovered};
use crate::engine::cpu;
use crate::event::{Event, Phase};
use crate::fault::{Fault, Faults};
use crate::oci::Descriptor;
use crate::plan::Session;
use crate::project::{ChartInput, ChartPackage};

use super::run::{Steps, Tools};
use super::{ChartOutput, dependencies};

/// Bumped when rendering itself changes what it gives for the same inputs.
const RENDER_REVISION: u32 = 1;
/// Bumped when packing gives other bytes for the same files.
const PACKAGE_REVISION: u32 = 1;

/// The names of outputs in the cache.
const RENDERED: &str = "rendered.yaml";
const DISCOVERED: &str = "discovered.json";
const CHART: &str = "chart.json";

/// The key documents of a package's local steps.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Of `render`; `None` where a list says which images there are.
    pub render: Option<KeyDocument>,
    /// Of `discover`; `None` in the same case.
    pub discover: Option<KeyDocument>,
    /// Of `package`; `None` for ready-made manifests.
    pub package: Option<KeyDocument>,
}

/// What a package's local steps gave.
#[derive(Debug, Clone)]
pub struct Package {
    /// Its index among the project's packages.
    pub index: usize,
    /// Its name.
    pub name: String,
    /// Its files.
    pub tree: Arc<ChartTree>,
    /// Its images.
    pub discovered: Arc<Discovered>,
    /// Its packed chart; `None` for ready-made manifests, and where only images are wanted.
    pub chart: Option<ChartOutput>,
    /// What the steps were made of.
    pub keys: Keys,
    /// Dependencies that were fetched, for the lock.
    pub fetched: Vec<crate::lock::LockedChart>,
}

/// Runs (or finds in the cache) all local steps of one package.
pub(super) async fn prepare(
    session: &Arc<Session>,
    index: usize,
    package: &ChartPackage,
    tools: &Tools,
    steps: Steps,
) -> Result<(Package, Faults), Faults> {
    let (tree, warnings) = {
        let (session, package) = (Arc::clone(session), package.clone());
        let loaded = cpu({
            let package = package.clone();
            move || chart::load(&package, &*session.stats)
        });
        loaded.await?.map_err(|faults| for_package(faults, &package))?
    };
    let (tree, fetched) = if tree.missing().is_empty() {
        (tree, Vec::new())
    } else {
        dependencies::fetch(session, tree, tools).await?
    };
    let tree = Arc::new(tree);
    session.stopped()?;
    if let Some(listed) = &session.project.listed {
        let package = super::listed::of_list(session, index, package, listed, tree).await?;
        return Ok((package, warnings));
    }
    // The key needs Helm's version, which takes a process of its own to learn. Where nothing can be cached anyway,
    // the render need not wait for it.
    let (render, early) = if tools.cold && tree.is_chart() {
        let key = render_key(session, package, &tree, tools);
        let (key, text) = tokio::join!(key, render_now(session, package, &tree, tools));
        (key?, Some(text?))
    } else {
        (render_key(session, package, &tree, tools).await?, None)
    };
    let (rendered, fresh_text) = rendered(session, package, &tree, tools, &render, early).await?;
    session.stopped()?;
    let rules = serde_json::to_string(&session.project.discovery).unwrap_or_default();
    let discover = KeyDocument::new("discover", discover::REVISION)
        .field("package", package.name.value.clone())
        .field("rules", rules)
        .input("rendered", rendered);
    let discovered = discovered(session, package, &tree, tools, &render, &discover, fresh_text).await?;
    session.stopped()?;
    let (chart, package_key) = if tree.is_chart() && steps == Steps::All {
        let (output, key) = packed(session, package, &tree).await?;
        (Some(output), Some(key))
    } else {
        (None, None)
    };
    let keys = Keys {
        render: Some(render),
        discover: Some(discover),
        package: package_key,
    };
    let name = package.name.value.clone();
    Ok((
        Package {
            index,
            name,
            tree,
            discovered: Arc::new(discovered),
            chart,
            keys,
            fetched,
        },
        warnings,
    ))
}

/// Errors of a chart with the place that names the chart: a project has many, and an archive has no lines.
pub(super) fn for_package(faults: Faults, package: &ChartPackage) -> Faults {
    let ChartInput::Chart(path) = &package.input else {
        return faults;
    };
    let Some(named) = &path.place else { return faults };
    let told = |fault: Fault| {
        let known = fault.labels().iter().any(|label| label.place.path() == named.path());
        if known || !fault.is_error() {
            fault
        } else {
            fault.label(named.clone(), format!("the chart of package {}", package.name.value))
        }
    };
    faults.into_iter().map(told).collect()
}

async fn render_key(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: &Arc<ChartTree>,
    tools: &Tools,
) -> Result<KeyDocument, Faults> {
    let inputs = {
        let (session, package, tree) = (Arc::clone(session), package.clone(), Arc::clone(tree));
        cpu(move || chart::render_inputs(&package, &tree, &*session.stats)).await??
    };
    let mut key = KeyDocument::new("render", RENDER_REVISION);
    for (name, value) in inputs.fields {
        key = key.field(name, value);
    }
    for (name, digest) in inputs.inputs {
        key = key.input(name, digest);
    }
    if tree.is_chart() {
        key = key.field("helm", tools.helm_version(session).await?);
    }
    Ok(key)
}

/// The digest of the rendered text, and the text itself when it was made just now.
async fn rendered(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: &Arc<ChartTree>,
    tools: &Tools,
    key: &KeyDocument,
    early: Option<Arc<str>>,
) -> Result<(Digest, Option<Arc<str>>), Fault> {
    let advanced = |cached| Event::PhaseAdvanced {
        phase: Phase::Local,
        what: format!("render:{}", package.name.value),
        cached,
    };
    if let Some(digest) = session
        .cache
        .lookup(&key.key())
        .and_then(|r| r.output(RENDERED).map(|o| o.digest.clone()))
    {
        session.events.emit(advanced(true));
        return Ok((digest, None));
    }
    let text = match early {
        Some(text) => text,
        None => render_now(session, package, tree, tools).await?,
    };
    let result = session.cache.store(key, &[(RENDERED, text.as_bytes())])?;
    session.events.emit(advanced(false));
    let digest = result
        .output(RENDERED)
        .map_or_else(|| Digest::of(text.as_bytes()), |o| o.digest.clone());
    Ok((digest, Some(text)))
}

async fn render_now(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: &Arc<ChartTree>,
    tools: &Tools,
) -> Result<Arc<str>, Fault> {
    let limits = &session.project.render_limits;
    let text = if tree.is_chart() {
        let helm = tools.helm(session).await?;
        let _permit = tools.helm_permit().await;
        chart::render(&helm, package, tree, limits, &session.scratch(), &session.cancel).await?
    } else {
        chart::concatenate(tree, limits)?
    };
    // Only the text without secrets goes on from here, cached or not: discovery sees the same either way.
    cpu(move || Arc::from(chart::blank_secrets(&text))).await
}

#[allow(
    clippy::too_many_arguments,
    reason = "one step of one pipeline; a struct would only rename its locals"
)]
async fn discovered(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: &Arc<ChartTree>,
    tools: &Tools,
    render: &KeyDocument,
    key: &KeyDocument,
    text: Option<Arc<str>>,
) -> Result<Discovered, Fault> {
    let advanced = |cached| Event::PhaseAdvanced {
        phase: Phase::Local,
        what: format!("discover:{}", package.name.value),
        cached,
    };
    let cached = session.cache.lookup(&key.key()).and_then(|result| {
        let bytes = session.cache.output(result.output(DISCOVERED)?)?;
        serde_json::from_slice::<Discovered>(&bytes).ok()
    });
    if let Some(found) = cached {
        session.events.emit(advanced(true));
        return Ok(found);
    }
    let text = if let Some(text) = text {
        text
    } else {
        let kept = session.cache.lookup(&render.key()).and_then(|result| {
            let bytes = session.cache.output(result.output(RENDERED)?)?;
            String::from_utf8(bytes).ok()
        });
        match kept {
            Some(text) => Arc::from(text),
            // The entry was there and its content damaged: rendered again.
            None => render_now(session, package, tree, tools).await?,
        }
    };
    let (name, rules) = (package.name.value.clone(), session.project.discovery.clone());
    let found = cpu(move || discover::discover(&text, &name, &rules)).await?;
    let bytes = serde_json::to_vec(&found).unwrap_or_default();
    session.cache.store(key, &[(DISCOVERED, &bytes)])?;
    session.events.emit(advanced(false));
    Ok(found)
}

/// The packed chart, from the cache or made now.
pub(super) async fn packed(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: &Arc<ChartTree>,
) -> Result<(ChartOutput, KeyDocument), Fault> {
    let mut key = KeyDocument::new("package", PACKAGE_REVISION);
    for file in tree.files().iter().chain(tree.provenance()) {
        key = key.input(format!("chart {}", file.name), file.digest.clone());
    }
    // The time of creation is part of the manifest only where the environment gives one.
    if let Ok(epoch) = std::env::var("SOURCE_DATE_EPOCH") {
        key = key.field("source-date-epoch", epoch);
    }
    let advanced = |cached| Event::PhaseAdvanced {
        phase: Phase::Local,
        what: format!("package:{}", package.name.value),
        cached,
    };
    let cached = session.cache.lookup(&key.key()).and_then(|result| {
        let bytes = session.cache.output(result.output(CHART)?)?;
        serde_json::from_slice::<ChartOutput>(&bytes).ok()
    });
    if let Some(output) = cached {
        session.events.emit(advanced(true));
        return Ok((output, key));
    }
    let output = pack_now(session, tree, &key).await?;
    session.events.emit(advanced(false));
    Ok((output, key))
}

/// Packs a chart and keeps manifest, config and layers in the cache.
pub async fn pack_now(session: &Arc<Session>, tree: &Arc<ChartTree>, key: &KeyDocument) -> Result<ChartOutput, Fault> {
    let artifact = {
        let tree = Arc::clone(tree);
        cpu(move || chart::pack(&tree).and_then(|packed| chart::artifact(&tree, &packed))).await??
    };
    let mut blobs = vec![Descriptor::of(chart::CONFIG_TYPE, &artifact.config)];
    blobs.extend(artifact.layers.iter().map(|(descriptor, _)| descriptor.clone()));
    let manifest = artifact.descriptor();
    let output = ChartOutput {
        name: tree.name().to_owned(),
        version: tree.version().to_owned(),
        tag: artifact.tag.clone(),
        archive: artifact
            .layers
            .first()
            .map_or_else(|| manifest.digest.clone(), |layer| layer.0.digest.clone()),
        manifest,
        blobs,
    };
    let described = serde_json::to_vec(&output).unwrap_or_default();
    let names: Vec<String> = (0..artifact.layers.len()).map(|n| format!("layer-{n}")).collect();
    let mut outputs: Vec<(&str, &[u8])> = vec![
        (CHART, &described),
        ("manifest.json", &artifact.manifest),
        ("config.json", &artifact.config),
    ];
    outputs.extend(
        names
            .iter()
            .zip(&artifact.layers)
            .map(|(name, (_, bytes))| (name.as_str(), &bytes[..])),
    );
    session.cache.store(key, &outputs)?;
    Ok(output)
}
