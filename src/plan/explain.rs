//! Why: a step's desired and observed state, and what changed since it last ran, down to the line.

use camino::Utf8Path;
use schemars::JsonSchema;
use serde::Serialize;

use super::packs::PackStep;
use super::prepare::Package;
use super::{DiskContent, Planned, Session};
use crate::archive::{Limits, read_all};
use crate::cache::{KeyChange, KeyDocument};
use crate::digest::Digest;
use crate::graph::{StepId, StepKind};
use crate::state::History;

/// One change since a step last ran.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Change {
    /// The step whose input changed.
    pub step: String,
    /// What changed, in words: `chart templates/a.yaml changed at line 31`.
    pub what: String,
}

/// A step, explained: `aosm-why/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct Explained {
    /// `aosm-why/1`.
    pub format: &'static str,
    /// The step.
    pub id: String,
    /// What the plan does with it; `null` for local steps.
    pub action: Option<String>,
    /// Why, in words.
    pub reasons: Vec<String>,
    /// The digest that should be in the store.
    pub desired: Option<Digest>,
    /// The digest that is there.
    pub observed: Option<Digest>,
    /// Where it comes from: sources, template lines.
    pub comes_from: Vec<String>,
    /// Has it run on this machine before?
    pub known: bool,
    /// What changed since then.
    pub changes: Vec<Change>,
}

/// Explains a step of a plan.
pub fn explain(session: &Session, planned: &Planned, id: &str) -> Explained {
    let history = History::load(&session.state.path("history"));
    let step = planned.plan.steps.iter().find(|step| step.id.as_str() == id);
    let mut explained = Explained {
        format: "aosm-why/1",
        id: id.to_owned(),
        action: step.and_then(|step| serde_json::to_value(step.action).ok()?.as_str().map(str::to_owned)),
        reasons: step
            .map(|step| step.reasons.iter().map(super::Reason::words).collect())
            .unwrap_or_default(),
        desired: step.and_then(|step| step.desired.clone()),
        observed: step.and_then(|step| step.observed.clone()),
        comes_from: comes_from(planned, id),
        known: history.get(id).is_some(),
        changes: Vec::new(),
    };
    if let (Some(step), Some(old)) = (step, history.get(id).and_then(|known| known.desired.as_ref()))
        && let Some(new) = step.desired.as_ref().filter(|new| *new != old)
    {
        let what = format!("what it wants changed: {} → {}", old.short(), new.short());
        explained.changes.push(Change {
            step: id.to_owned(),
            what,
        });
    }
    let mut local: Vec<String> = planned
        .graph
        .steps()
        .find(|step| step.id.as_str() == id)
        .map(|step| step.id.clone())
        .map_or_else(Vec::new, |id| {
            planned
                .graph
                .ancestors(&id)
                .iter()
                .map(|step| step.id.as_str().to_owned())
                .collect()
        });
    local.push(id.to_owned());
    for package in &planned.prepared.packages {
        for (kind, key) in [
            (StepKind::Render, Some(&package.keys.render)),
            (StepKind::Discover, Some(&package.keys.discover)),
            (StepKind::Package, package.keys.package.as_ref()),
        ] {
            let step = StepId::local(kind, &package.name);
            let Some(key) = key.filter(|_| local.iter().any(|id| id == step.as_str())) else {
                continue;
            };
            let told = |change: &KeyChange| words(session, &history, package, change);
            explained
                .changes
                .extend(changed(session, &history, step.as_str(), key, &told));
        }
    }
    for target in &planned.targets {
        let id = StepId::local(StepKind::Inspect, &target.name.repository);
        if let Some(DiskContent::File { key, path, .. }) = target.disk.as_ref().and_then(|disk| disk.content.as_ref())
            && local.iter().any(|known| known == id.as_str())
        {
            let told = |change: &KeyChange| format!("{} {}", shown(session, path), verb(change));
            explained
                .changes
                .extend(changed(session, &history, id.as_str(), key, &told));
        }
    }
    for pack in planned.packs() {
        if local.iter().any(|id| id == pack.id.as_str()) {
            let told = |change: &KeyChange| pack_words(session, pack, change);
            let changes = changed(session, &history, pack.id.as_str(), &pack.key, &told);
            explained.changes.extend(changes);
        }
    }
    explained
}

/// What of a local step's key changed since it last ran here.
fn changed(
    session: &Session,
    history: &History,
    step: &str,
    key: &KeyDocument,
    words: &dyn Fn(&KeyChange) -> String,
) -> Vec<Change> {
    let old = history.get(step).and_then(|known| known.key.clone());
    let Some(old) = old.filter(|old| *old != key.key()) else {
        return Vec::new();
    };
    let words: Vec<String> = match session.cache.document(&old) {
        Some(document) => key.changes_since(&document).iter().map(words).collect(),
        None => vec!["something changed; what it was is no longer in the cache".to_owned()],
    };
    let change = |what| Change {
        step: step.to_owned(),
        what,
    };
    words.into_iter().map(change).collect()
}

/// A change of what was packed, in words: files as they are named in the project.
fn pack_words(session: &Session, pack: &PackStep, change: &KeyChange) -> String {
    let verb = verb(change);
    if let Some(title) = change.name.strip_prefix("file ") {
        if let Some(source) = &pack.input.built_from {
            return format!("what {} is built to {verb}", shown(session, source));
        }
        let files = &pack.input.files;
        let path = files.iter().find_map(|file| {
            if file.title == title {
                return Some(file.path.value.clone());
            }
            let below = title.strip_prefix(&file.title)?.strip_prefix('/')?;
            Some(file.path.value.join(below))
        });
        return match path {
            Some(path) => format!("{} {verb}", shown(session, &path)),
            None => format!("{title} {verb}"),
        };
    }
    if change.name == "subject" {
        return "what it is attached to changed".to_owned();
    }
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if !looks_like_digest(old) => format!("{}: {old} → {new}", change.name),
        _ => format!("{} {verb}", change.name),
    }
}

fn verb(change: &KeyChange) -> &'static str {
    match (&change.old, &change.new) {
        (None, _) => "is new",
        (_, None) => "is gone",
        _ => "changed",
    }
}

fn comes_from(planned: &Planned, id: &str) -> Vec<String> {
    let target = planned.targets.iter().find(|target| target.id.as_str() == id);
    let image = match target {
        Some(target) => target.image,
        None => planned
            .wanted
            .images
            .iter()
            .position(|image| StepId::local(StepKind::Locate, image.reference.as_str()).as_str() == id),
    };
    let mut places: Vec<String> = target
        .filter(|target| !target.from.is_empty())
        .map(|t| t.from.clone())
        .into_iter()
        .collect();
    if let Some(image) = image.and_then(|index| planned.wanted.images.get(index)) {
        places.extend(image.found.iter().map(|found| {
            if found.package.is_empty() {
                format!("{} line {} ([[images]])", found.template, found.line)
            } else {
                format!(
                    "{} {} {}, rendered line {}",
                    found.template, found.object, found.pointer, found.line
                )
            }
        }));
    }
    places
}

/// A change in words; for a file of a chart with the first line that differs, where the old archive is still known.
fn words(session: &Session, history: &History, package: &Package, change: &KeyChange) -> String {
    let verb = verb(change);
    if let Some(name) = change.name.strip_prefix("chart ") {
        let line = match (&change.old, &change.new) {
            (Some(_), Some(_)) => first_changed_line(session, history, package, name),
            _ => None,
        };
        let line = line.map_or_else(String::new, |line| format!(" at line {line}"));
        return format!("{} {verb}{line}", shown(session, &package.tree.path().join(name)));
    }
    if let Some(file) = values_file(session, package, &change.name) {
        return format!("{file} {verb}");
    }
    match (&change.old, &change.new) {
        (Some(old), Some(new)) if !looks_like_digest(old) => format!("{}: {old} → {new}", change.name),
        _ => format!("{} {verb}", change.name),
    }
}

/// Keys number values files, since their order matters and paths have no place in a key; people want the name.
fn values_file(session: &Session, package: &Package, name: &str) -> Option<String> {
    let number: usize = name.strip_prefix("values ")?.parse().ok()?;
    let values = &session.project.charts.get(package.index)?.values;
    Some(shown(session, &values.get(number.checked_sub(1)?)?.value).to_string())
}

/// A path from the project's folder on, where it lies below: the same words on any machine.
fn shown<'p>(session: &Session, path: &'p Utf8Path) -> &'p Utf8Path {
    path.strip_prefix(&session.project.root).unwrap_or(path)
}

fn looks_like_digest(text: &str) -> bool {
    text.starts_with("sha256:")
}

fn first_changed_line(session: &Session, history: &History, package: &Package, name: &str) -> Option<usize> {
    let step = StepId::local(StepKind::Package, &package.name);
    let archive = history.get(step.as_str())?.archive.as_ref()?;
    let bytes = session.cache.cas().get(archive)?;
    let entries = read_all(bytes.as_slice(), Utf8Path::new("the chart as it was"), &Limits::CHART).ok()?;
    let old = entries
        .into_iter()
        .find(|(entry, _)| entry.split_first().1 == Some(name))?
        .1;
    let new = package
        .tree
        .files()
        .iter()
        .find(|file| file.name == name)?
        .content()
        .ok()?;
    let (old, new) = (
        String::from_utf8_lossy(&old).into_owned(),
        String::from_utf8_lossy(&new).into_owned(),
    );
    let same = old.lines().zip(new.lines()).take_while(|(a, b)| a == b).count();
    Some(same + 1)
}
