//! Bicep sources, built to templates in the cache: never beside the source, and only where a compiler is there.
//!
//! What a build depends on is the source, every file that its texts name, the configuration files above them and the
//! compiler's version: with all of that unchanged nothing is built again. Files that are only known while it is being
//! built (`loadDirectoryFileInfo`) make it run each time.

mod compiler;
mod messages;
mod scan;
mod sources;

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use futures_util::{FutureExt as _, StreamExt as _};

use super::PackInput;
use crate::cache::KeyDocument;
use crate::engine::cpu;
use crate::fault::{Fault, Faults, Place, SourceFile, some_of};
use crate::plan::Session;
use crate::project::{ArtifactConfig, ArtifactType, InputKind, Project, is_bicep, judge_template};
use compiler::{Built, Compiler};
use sources::Sources;

/// Bumped when the same source and compiler give another output.
const REVISION: u32 = 1;

/// Names of the outputs in the cache.
const TEMPLATE: &str = "template.json";
const MESSAGES: &str = "messages";

/// Compilers at a time: each takes a core and some hundred MiB.
const AT_ONCE: usize = 2;

/// What is packed, with what is to be said about it.
type Prepared = Result<(PackInput, Faults), Faults>;

/// The artifacts of a project as packing takes them: Bicep sources built, everything else as it is. In their order.
pub(in crate::plan) async fn inputs(session: &Arc<Session>) -> Vec<Prepared> {
    let artifacts = &session.project.artifacts;
    let sources: Vec<&ArtifactConfig> = artifacts.iter().filter(|artifact| source(artifact).is_some()).collect();
    let ready = |artifact: &ArtifactConfig| Ok((PackInput::artifact(artifact), Faults::new()));
    if sources.is_empty() {
        return artifacts.iter().map(ready).collect();
    }
    let compiler = match compiler(session, &sources).await {
        Ok(compiler) => compiler,
        Err(fault) => {
            // One compiler for all: its absence is told once, with all that need it.
            let mut fault = Some(fault);
            let one = |artifact: &ArtifactConfig| match source(artifact) {
                None => ready(artifact),
                Some(_) => Err(fault.take().into_iter().collect()),
            };
            return artifacts.iter().map(one).collect();
        }
    };
    let compiler = &compiler;
    let one = |artifact| {
        async move {
            match source(artifact) {
                None => ready(artifact),
                Some(path) => built(session, compiler, artifact, path).await,
            }
        }
        .boxed()
    };
    futures_util::stream::iter(artifacts.iter().map(one).collect::<Vec<_>>())
        .buffered(AT_ONCE)
        .collect()
        .await
}

/// The Bicep source of an artifact that is a template.
fn source(artifact: &ArtifactConfig) -> Option<&Utf8Path> {
    let file = artifact
        .files
        .first()
        .filter(|_| artifact.kind == ArtifactType::ArmTemplate)?;
    Some(file.path.value.as_path()).filter(|path| is_bicep(path))
}

/// The compiler; its absence with everything that needs it.
async fn compiler(session: &Arc<Session>, needed: &[&ArtifactConfig]) -> Result<Compiler, Fault> {
    let found = Compiler::find(&*session.stats, session.mode.offline, &session.cancel).await;
    found.map_err(|fault| {
        let names: Vec<&str> = needed
            .iter()
            .filter_map(|artifact| source(artifact)?.file_name())
            .collect();
        let place = needed.first().and_then(|artifact| artifact.files.first());
        fault
            .because(format!("needed for {}", some_of(&names)))
            .at_opt(place.and_then(|file| file.path.place.clone()))
    })
}

async fn built(session: &Arc<Session>, compiler: &Compiler, artifact: &ArtifactConfig, path: &Utf8Path) -> Prepared {
    session.stopped()?;
    let mut input = PackInput::artifact(artifact);
    let result = template(session, compiler, path).await;
    let template = result.map_err(|fault| Faults::from(input.here(fault)))?;
    let limited = is_of_network_function(&session.project, artifact);
    let shown = shown(session, path);
    let mut warnings = Faults::new();
    warnings.extend(messages::warning(&shown, &template.messages));
    // There is no such file, so its name says what it is.
    let name = format!("{} as JSON", shown.file_name().unwrap_or_default());
    let judged = judge_template(&shown.with_file_name(name), &template.text, limited);
    warnings.extend(judged.into_iter().map(|fault| input.here(fault)));
    if let Some(file) = input.files.first_mut() {
        file.path.value = template.path;
        input.built_from = Some(path.to_owned());
    }
    let ((), warnings) = warnings.into_result(())?;
    Ok((input, warnings))
}

/// Templates of virtual machines may have some resources only; those of `[[artifacts]]` are not known to be such.
fn is_of_network_function(project: &Project, artifact: &ArtifactConfig) -> bool {
    let place = artifact.name.place.as_ref();
    project.publication.as_ref().is_some_and(|publication| {
        matches!(publication.kind, InputKind::Vnf | InputKind::Nexus)
            && place.is_some_and(|place| *place.path() == publication.file)
    })
}

/// A template that was built, now or earlier.
struct Template {
    /// Where it lies in the cache.
    path: Utf8PathBuf,
    text: String,
    /// What the compiler said besides, by lines.
    messages: String,
}

async fn template(session: &Arc<Session>, compiler: &Compiler, path: &Utf8Path) -> Result<Template, Fault> {
    let (worker, main, version) = (Arc::clone(session), path.to_owned(), compiler.version().to_owned());
    let (key, is_whole) = cpu(move || {
        let sources = Sources::of(&main, &worker.project.root, &*worker.stats)?;
        Ok::<_, Fault>((key(&sources, &version), sources.is_whole))
    })
    .await??;
    if is_whole && let Some(template) = kept(session, &key) {
        return Ok(template);
    }
    let built = compiler.build(path, &session.cancel).await?;
    let root = &session.project.root;
    let Built { text, messages } = match built {
        Ok(built) => built,
        Err(said) => return Err(failed(session, path, &messages::from_folder(&said, root))),
    };
    let messages = messages::from_folder(&messages, root);
    let outputs = [(TEMPLATE, text.as_bytes()), (MESSAGES, messages.as_bytes())];
    let result = session.cache.store(&key, &outputs)?;
    let digest = result.output(TEMPLATE).map(|output| &output.digest);
    let digest = digest.ok_or_else(|| Fault::bug("what was just kept in the cache is not in its entry"))?;
    Ok(Template {
        path: session.cache.cas().path(digest),
        text,
        messages,
    })
}

fn key(sources: &Sources, compiler: &str) -> KeyDocument {
    let key = KeyDocument::new("bicep", REVISION).field("compiler", compiler);
    let files = sources.files.iter();
    files.fold(key, |key, (name, digest)| {
        key.input(format!("file {name}"), digest.clone())
    })
}

fn kept(session: &Session, key: &KeyDocument) -> Option<Template> {
    let result = session.cache.lookup(&key.key())?;
    let output = result.output(TEMPLATE)?;
    let text = |name| String::from_utf8(session.cache.output(result.output(name)?)?).ok();
    Some(Template {
        path: session.cache.cas().path(&output.digest),
        text: text(TEMPLATE)?,
        messages: text(MESSAGES)?,
    })
}

/// The error of a source that the compiler does not take: at the place of its first error, with its own lines.
fn failed(session: &Session, path: &Utf8Path, said: &str) -> Fault {
    let shown = shown(session, path);
    let fault = Fault::invalid(format!(
        "template {}: cannot be built",
        path.file_name().unwrap_or_default()
    ));
    let fault = match messages::first_error(said, &shown) {
        Some((line, column)) => match std::fs::read_to_string(path) {
            Ok(text) => {
                let at = messages::offset(&text, line, column);
                fault.at(Place::new(SourceFile::new(&shown, text), at..at))
            }
            Err(_) => fault.at(Place::file_only(&shown)),
        },
        None => fault.at(Place::file_only(&shown)),
    };
    let lines = messages::shortened(said);
    let fault = lines.into_iter().fold(fault, Fault::because);
    fault.hint("these are the compiler's words: correct the source, or build it where that works and name the JSON")
}

/// A path as people know it: from the project on, where it lies there.
fn shown(session: &Session, path: &Utf8Path) -> Utf8PathBuf {
    let below = path.strip_prefix(&session.project.root);
    below.unwrap_or(path).to_owned()
}
