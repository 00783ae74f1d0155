//! Reading a chart: folder or archive, all faults in one go.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::decode::{Decoded, decode, name_of};
use super::file::ChartFile;
use super::metadata::Metadata;
use super::tree::{ChartTree, Form, Missing};
use super::walk::{not_loaded, walk};
use crate::archive::{self, Entry, Limits};
use crate::digest::FileDigests;
use crate::fault::{Fault, Faults, Place, SourceFile};
use crate::project::{ChartInput, ChartPackage, Dependencies, Spanned};

/// `Chart.yaml` and the like: far more than any has.
const MAX_METADATA: u64 = 4 * 1024 * 1024;

/// What is remembered of an archive that has nothing wrong with it.
const PURPOSE: &str = "chart-archive/1";

/// Reads the chart (or the manifests) of a package. Warnings come with the tree, errors instead of it.
///
/// Dependencies that `charts/` lacks are an error, unless the package says to build them: then [`ChartTree::missing`]
/// lists them for [`super::build_dependencies`].
pub fn load(package: &ChartPackage, files: &dyn FileDigests) -> Result<(ChartTree, Faults), Faults> {
    let mut faults = Faults::new();
    let tree = match &package.input {
        ChartInput::Manifests(list) => Some(manifests(list, files, &mut faults)),
        ChartInput::Chart(path) => load_path(path, files, &mut faults),
    };
    let Some(tree) = tree else {
        if !faults.has_errors() {
            faults.push(Fault::bug("a chart was neither read nor refused"));
        }
        return Err(faults);
    };
    if package.dependencies == Dependencies::Error && !tree.missing.is_empty() {
        faults.push(missing_fault(&tree));
    }
    faults.into_result(tree)
}

/// Reads the chart at a path that a project names.
pub(super) fn load_path(
    path: &Spanned<Utf8PathBuf>,
    files: &dyn FileDigests,
    faults: &mut Faults,
) -> Option<ChartTree> {
    match std::fs::metadata(&path.value) {
        Ok(meta) if meta.is_dir() => folder(&path.value, files, faults),
        Ok(meta) if meta.is_file() => archived(&path.value, files, faults),
        Ok(_) => {
            faults.push(
                Fault::invalid(format!(
                    "{}: neither a chart folder nor an archive",
                    super::shown(&path.value)
                ))
                .at_opt(path.place.clone())
                .hint("name a chart folder, a `.tgz`, a `.tar` or a `.tar.gz`"),
            );
            None
        }
        Err(e) => {
            faults.push(
                Fault::invalid(format!("{}: no chart there", super::shown(&path.value)))
                    .at_opt(path.place.clone())
                    .because(e)
                    .hint("name a chart folder, a `.tgz`, a `.tar` or a `.tar.gz`; relative paths start at the file that names them"),
            );
            None
        }
    }
}

fn manifests(list: &[Spanned<Utf8PathBuf>], files: &dyn FileDigests, faults: &mut Faults) -> ChartTree {
    let mut found = Vec::new();
    for file in list {
        // The shown path is what people recognise in `# Source:` lines; it does not depend on where the project lies.
        let name = common_name(list, &file.value);
        match ChartFile::new(name, file.value.clone(), files) {
            Ok(file) => found.push(file),
            Err(e) => faults.push(
                Fault::invalid(format!("{}: cannot be read", super::shown(&file.value)))
                    .at_opt(file.place.clone())
                    .because(e)
                    .hint("check that it may be read"),
            ),
        }
    }
    let path = list.first().map(|f| f.value.clone()).unwrap_or_default();
    ChartTree::new(Form::Manifests, path, Metadata::default(), found)
}

/// A manifest's path below the folder that all of them share, with that folder's own name before it.
fn common_name(list: &[Spanned<Utf8PathBuf>], path: &Utf8Path) -> String {
    let mut shared = path.parent().unwrap_or(Utf8Path::new(""));
    while !list.iter().all(|file| file.value.starts_with(shared)) {
        match shared.parent() {
            Some(parent) => shared = parent,
            None => break,
        }
    }
    let below = path.strip_prefix(shared).unwrap_or(path);
    let name = match shared.file_name() {
        Some(folder) => format!("{folder}/{below}"),
        None => below.to_string(),
    };
    name.replace('\\', "/")
}

fn folder(root: &Utf8Path, files: &dyn FileDigests, faults: &mut Faults) -> Option<ChartTree> {
    let listing = match walk(root) {
        Ok(listing) => listing,
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    };
    if !listing.contains_key("Chart.yaml") {
        faults.push(no_chart_yaml(root));
        return None;
    }
    let source = |name: &str| -> Option<Arc<SourceFile>> {
        let path = listing.get(name)?;
        let bytes = read_small(path).ok()?;
        Some(SourceFile::new(super::shown(path), String::from_utf8_lossy(&bytes)))
    };
    let Some(chart) = source("Chart.yaml") else {
        faults.push(
            Fault::infrastructure("Chart.yaml: cannot be read, or larger than 4 MiB")
                .at(Place::file_only(super::shown(&root.join("Chart.yaml"))))
                .hint("check that it may be read; real ones have some kilobytes"),
        );
        return None;
    };
    let decoded = decode(&chart, source("requirements.yaml").as_ref(), faults)?;
    let present = vendored(&listing, files, faults);
    let locked = ["Chart.lock", "requirements.lock"].iter().find_map(|name| source(name));

    let mut found = Vec::with_capacity(listing.len());
    for (name, path) in listing {
        match ChartFile::new(name, path.clone(), files) {
            Ok(file) => found.push(file),
            Err(e) => faults.push(
                Fault::infrastructure(format!("{}: cannot be read", super::shown(&path)))
                    .at(Place::file_only(super::shown(&path)))
                    .because(e)
                    .hint("check that it may be read"),
            ),
        }
    }
    let (metadata, missing) = split_missing(decoded, &present);
    let mut tree = ChartTree::new(Form::Folder, root.to_owned(), metadata, found);
    tree.missing = missing;
    tree.locked = locked.map(|file| locked_versions(&file.text)).unwrap_or_default();
    Some(tree)
}

fn no_chart_yaml(root: &Utf8Path) -> Fault {
    let ignored = root.join("Chart.yaml").is_file();
    Fault::invalid(format!("{}: no Chart.yaml", super::shown(root)))
        .at(Place::file_only(super::shown(root)))
        .hint(if ignored {
            "the file is there, but `.helmignore` hides it (a line with `!` hides everything that it does not match)"
        } else {
            "a chart folder holds a `Chart.yaml` with `apiVersion`, `name` and `version`"
        })
}

fn read_small(path: &Utf8Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_METADATA + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_METADATA {
        return Err(std::io::Error::other("larger than 4 MiB"));
    }
    Ok(bytes)
}

/// The names of the charts that lie in `charts/`, folders and archives alike.
fn vendored(listing: &BTreeMap<String, Utf8PathBuf>, files: &dyn FileDigests, faults: &mut Faults) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for (name, path) in listing.iter().filter(|(name, _)| name.starts_with("charts/")) {
        if is_vendored_chart_yaml(name) {
            names.extend(
                read_small(path)
                    .ok()
                    .and_then(|bytes| name_of(&String::from_utf8_lossy(&bytes))),
            );
        } else if is_vendored_archive(name) {
            match vendored_name(path, files) {
                Ok(name) => names.extend(name),
                Err(fault) => faults.push(fault),
            }
        }
    }
    names
}

/// The name of a packed chart in `charts/`, without unpacking it again while it is unchanged.
fn vendored_name(path: &Utf8Path, files: &dyn FileDigests) -> Result<Option<String>, Fault> {
    const PURPOSE: &str = "chart-name/1";
    if let Some(name) = files.remembered(path, PURPOSE) {
        return Ok(Some(name));
    }
    let label = super::shown(path);
    let bytes = std::fs::read(path).map_err(|e| {
        Fault::infrastructure(format!("{label}: cannot be read"))
            .at(Place::file_only(&label))
            .because(e)
            .hint("check that it may be read")
    })?;
    let name = name_in_archive(&bytes, &label)?;
    if let Some(name) = &name {
        files.remember(path, PURPOSE, name);
    }
    Ok(name)
}

fn is_vendored_chart_yaml(name: &str) -> bool {
    let mut parts = name.split('/');
    parts.next() == Some("charts")
        && parts.next().is_some()
        && parts.next() == Some("Chart.yaml")
        && parts.next().is_none()
}

/// Does Helm take this entry of `charts/` for a packed chart? It compares the suffix with its case.
pub(super) fn is_packed(entry: &str) -> bool {
    !entry.contains('/') && Utf8Path::new(entry).extension() == Some("tgz")
}

fn is_vendored_archive(name: &str) -> bool {
    name.strip_prefix("charts/").is_some_and(is_packed)
}

fn split_missing(decoded: Decoded, present: &BTreeSet<String>) -> (Metadata, Vec<Missing>) {
    // Helm asks for every dependency, whatever its condition and tags say, and compares names only.
    let missing = decoded
        .metadata
        .dependencies
        .iter()
        .zip(decoded.dependency_places)
        .filter(|(dependency, _)| !present.contains(&dependency.name))
        .map(|(dependency, place)| Missing {
            dependency: dependency.clone(),
            place,
        })
        .collect();
    (decoded.metadata, missing)
}

/// Name and version of each entry of a `Chart.lock`.
fn locked_versions(text: &str) -> Vec<(String, String)> {
    use super::yaml::{Node, parse};
    let Ok(root) = parse(text) else { return Vec::new() };
    let Some(Node::List(items)) = root.get("dependencies").map(|at| &at.node) else {
        return Vec::new();
    };
    items
        .iter()
        .filter_map(|item| Some((item.get("name")?.node.text()?, item.get("version")?.node.text()?)))
        .collect()
}

fn missing_fault(tree: &ChartTree) -> Fault {
    let mut names: Vec<&str> = tree.missing.iter().map(|m| m.dependency.name.as_str()).collect();
    names.dedup();
    let shown = super::shown(&tree.path);
    let mut fault = Fault::invalid(format!(
        "chart {}: dependencies missing in charts/: {}",
        tree.name(),
        names.join(", ")
    ))
    .hint(format!(
        "run `helm dependency build {shown}`, or write `dependencies = \"build\"` to have them fetched into the cache"
    ));
    for missing in &tree.missing {
        fault = fault.label(missing.place.clone(), "asked for here");
    }
    fault
}

/// What is known of an archive without unpacking it again.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Facts {
    metadata: Metadata,
    #[serde(skip)]
    missing: Vec<Missing>,
    compressed: bool,
}

fn archived(path: &Utf8Path, files: &dyn FileDigests, faults: &mut Faults) -> Option<ChartTree> {
    let facts = match facts(path, files) {
        Ok(facts) => facts,
        Err(inner) => {
            faults.extend(inner);
            return None;
        }
    };
    let name = format!(
        "{}-{}.{}",
        facts.metadata.name,
        facts.metadata.version,
        if facts.compressed { "tgz" } else { "tar" }
    );
    let digest = |path: &Utf8Path, name: String, faults: &mut Faults| match files.file_digest(path) {
        Ok((digest, size)) => Some(ChartFile {
            name,
            path: path.to_owned(),
            digest,
            size,
            converted: false,
        }),
        Err(e) => {
            faults.push(
                Fault::infrastructure(format!("{}: cannot be read", super::shown(path)))
                    .at(Place::file_only(super::shown(path)))
                    .because(e)
                    .hint("check that it may be read"),
            );
            None
        }
    };
    let file = digest(path, name.clone(), faults)?;
    let form = if facts.compressed {
        Form::Compressed
    } else {
        Form::Plain
    };
    let mut tree = ChartTree::new(form, path.to_owned(), facts.metadata, vec![file]);
    tree.missing = facts.missing;
    // Only a signature over these very bytes makes sense; a tar is packed again.
    let beside = Utf8PathBuf::from(format!("{path}.prov"));
    if form == Form::Compressed && beside.is_file() {
        tree.prov = digest(&beside, format!("{name}.prov"), faults);
        tree.seal();
    }
    Some(tree)
}

fn facts(path: &Utf8Path, files: &dyn FileDigests) -> Result<Facts, Faults> {
    if let Some(facts) = files
        .remembered(path, PURPOSE)
        .and_then(|text| serde_json::from_str(&text).ok())
    {
        return Ok(facts);
    }
    let label = super::shown(path);
    let open = || {
        File::open(path).map_err(|e| {
            Fault::infrastructure(format!("{label}: cannot be read"))
                .at(Place::file_only(&label))
                .because(e)
                .hint("check that it may be read")
        })
    };
    let compressed = archive::detect(open()?).map_err(|e| {
        Fault::infrastructure(format!("{label}: cannot be read"))
            .at(Place::file_only(&label))
            .because(e)
            .hint("check that it may be read")
    })? == archive::Format::Gzip;
    let mut seen = Seen::default();
    archive::for_each_entry(std::io::BufReader::new(open()?), &label, &Limits::CHART, &mut |entry| {
        seen.entry(entry, &label)?;
        Ok(ControlFlow::Continue(()))
    })?;
    let facts = seen.into_facts(&label, compressed)?;
    if facts.missing.is_empty()
        && let Ok(text) = serde_json::to_string(&facts)
    {
        files.remember(path, PURPOSE, &text);
    }
    Ok(facts)
}

/// What one walk over an archive gathers.
#[derive(Default)]
struct Seen {
    top: Option<String>,
    others: BTreeSet<String>,
    dotted: bool,
    texts: BTreeMap<String, String>,
    vendored: BTreeSet<String>,
}

impl Seen {
    fn entry(&mut self, entry: &mut Entry<'_>, label: &Utf8Path) -> Result<(), Fault> {
        self.dotted |= entry.raw_name.starts_with("./");
        let (top, inner) = entry.name.split_first();
        match &self.top {
            None => self.top = Some(top.to_owned()),
            Some(known) if known != top => drop(self.others.insert(top.to_owned())),
            Some(_) => {}
        }
        let Some(inner) = inner.map(str::to_owned) else {
            // A file beside the chart's folder; reported with the other folders.
            self.others.insert(top.to_owned());
            return Ok(());
        };
        if not_loaded(&inner) {
            return Ok(());
        }
        if matches!(inner.as_str(), "Chart.yaml" | "requirements.yaml") || is_vendored_chart_yaml(&inner) {
            if entry.size > MAX_METADATA {
                return Err(Fault::invalid(format!("{inner}: larger than 4 MiB"))
                    .at(Place::file_only(label))
                    .hint("real ones have some kilobytes: pack the chart again"));
            }
            let text = String::from_utf8_lossy(&entry.read()?).into_owned();
            if inner.starts_with("charts/") {
                self.vendored.extend(name_of(&text));
            } else {
                self.texts.insert(inner, text);
            }
        } else if is_vendored_archive(&inner) {
            self.vendored.extend(name_in_archive(&entry.read()?, label)?);
        }
        Ok(())
    }

    fn into_facts(self, label: &Utf8Path, compressed: bool) -> Result<Facts, Faults> {
        let place = || Place::file_only(label);
        let Some(top) = self.top else {
            return Err(Fault::invalid(format!("{label}: the archive holds no files"))
                .at(place())
                .hint("a chart archive is what `helm package` or `tar -czf` writes")
                .into());
        };
        if !self.others.is_empty() {
            let mut names: Vec<&str> = self.others.iter().map(String::as_str).take(3).collect();
            names.push(&top);
            names.dedup();
            return Err(Fault::invalid(format!(
                "{label}: a chart archive has one top folder, this one has {}",
                names.join(", ")
            ))
            .at(place())
            .hint("pack the chart's folder alone: `helm package`, or `tar -czf chart.tgz CHART_FOLDER`")
            .into());
        }
        // Helm cuts the first segment, whatever it is, and then finds no Chart.yaml. A plain tar is packed again.
        if self.dotted && compressed {
            return Err(
                Fault::invalid(format!("{label}: its names begin with `./`, which Helm cannot read"))
                    .at(place())
                    .hint("pack it with `helm package`, or with `tar -czf chart.tgz CHART_FOLDER` (no `./`)")
                    .into(),
            );
        }
        let source = |name: &str| {
            self.texts
                .get(name)
                .map(|text| SourceFile::new(label.join(&top).join(name), text.clone()))
        };
        let Some(chart) = source("Chart.yaml") else {
            return Err(
                Fault::invalid(format!("{label}: no Chart.yaml in the top folder {top}"))
                    .at(place())
                    .hint("a chart archive holds one folder with a `Chart.yaml` in it")
                    .into(),
            );
        };
        let mut faults = Faults::new();
        let decoded = decode(&chart, source("requirements.yaml").as_ref(), &mut faults);
        match decoded {
            Some(decoded) if !faults.has_errors() => {
                let (metadata, missing) = split_missing(decoded, &self.vendored);
                Ok(Facts {
                    metadata,
                    missing,
                    compressed,
                })
            }
            _ => Err(faults),
        }
    }
}

/// The name of a chart in an archive within an archive. One that cannot be read is for Helm to complain about.
fn name_in_archive(bytes: &[u8], label: &Utf8Path) -> Result<Option<String>, Fault> {
    let mut name = None;
    archive::for_each_entry(bytes, label, &Limits::CHART, &mut |entry| {
        if entry.name.split_first().1 == Some("Chart.yaml") && entry.size <= MAX_METADATA {
            name = name_of(&String::from_utf8_lossy(&entry.read()?));
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(name)
}
