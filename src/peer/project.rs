//! A folder's list as a project: the same value that an `aosm.toml` would give, so that all else is no different.

use std::collections::{BTreeMap, BTreeSet};

use camino::{Utf8Path, Utf8PathBuf};

use super::artifacts::{Content, ListedArtifact};
use super::find_file::Finder;
use super::folder::OutputFolder;
use crate::fault::{Fault, Faults, Place};
use crate::project::{
    ArtifactConfig, ArtifactFile, ArtifactType, ChartInput, ChartPackage, Dependencies, ExtraImage, Listed,
    ListedChart, Project, Spanned, StoreConfig, StoreKind, VhdConfig, VhdSource,
};
use crate::vhd::VhdName;

/// The choices that go with a folder.
#[derive(Debug)]
pub struct Choice<'a> {
    /// What all but the list comes from: stores, sources, policy, network.
    pub base: Project,
    /// The stores that are filled, by name; empty: the first for each kind of artifact.
    pub stores: &'a [String],
    /// The command that was given, for hints.
    pub command: String,
    /// The current folder; absolute.
    pub current_dir: &'a Utf8Path,
}

/// Makes the project. `Ok` comes with warnings; `Err` holds every fault.
pub fn project_of(folder: &OutputFolder, choice: Choice<'_>) -> Result<(Project, Faults), Faults> {
    let mut faults = Faults::new();
    let has_disks = folder.artifacts.iter().any(is_disk);
    let has_others = folder.artifacts.iter().any(|artifact| !is_disk(artifact));
    let stores = chosen_stores(&choice, (has_others, has_disks), &folder.shown, &mut faults);
    let mut making = Making {
        finder: Finder {
            folder: &folder.path,
            current_dir: choice.current_dir,
        },
        known_disks: &choice.base.vhds,
        base_stores: &choice.base.stores,
        stores: &stores,
        list: List::default(),
        faults,
    };
    for artifact in &folder.artifacts {
        making.take(artifact);
    }
    let (list, mut faults) = (making.list, making.faults);
    if folder.artifacts.is_empty() && !faults.has_errors() {
        faults.push(
            Fault::invalid(format!("{}: its list of artifacts is empty", folder.shown))
                .at(Place::file_only(&folder.shown))
                .hint("build the folder again"),
        );
    }
    let mut seen = BTreeSet::new();
    let mut image_sources = list.sources;
    image_sources.retain(|source| seen.insert(source.value.clone()));
    let base = choice.base;
    let project = Project {
        files: std::iter::once(folder.shown.clone()).chain(base.files).collect(),
        name: folder.parameters.name().map_or(base.name, |name| name.value),
        version: folder
            .parameters
            .version()
            .map(|version| version.value)
            .or(base.version),
        image_sources,
        stores,
        charts: list.charts,
        images: list.images,
        artifacts: list.artifacts,
        vhds: list.vhds,
        attachments: Vec::new(),
        listed: Some(Listed {
            lock: lock_of(&folder.path),
            command: choice.command,
            images: list.exact,
            charts: list.named,
        }),
        ..base
    };
    faults.into_result(project)
}

/// The lock lies beside the folder, which the extension's build removes and writes anew.
fn lock_of(folder: &Utf8Path) -> Utf8PathBuf {
    let name = folder.file_name().unwrap_or("cli-output");
    folder.with_file_name(format!("{name}.aosm.lock"))
}

fn is_disk(artifact: &ListedArtifact) -> bool {
    matches!(artifact.content, Content::Disk(_) | Content::DiskUrl(_))
}

/// At most one store for images, charts and templates, and one for disk images: those named, else the first of each kind.
fn chosen_stores(choice: &Choice<'_>, needed: (bool, bool), shown: &Utf8Path, faults: &mut Faults) -> Vec<StoreConfig> {
    let all = &choice.base.stores;
    let mut chosen: Vec<StoreConfig> = Vec::new();
    for name in choice.stores {
        match all.iter().find(|store| store.name.value == *name) {
            None => {
                let known: Vec<&str> = all.iter().map(|store| store.name.value.as_str()).collect();
                faults.push(
                    Fault::invalid(format!(
                        "--store {}: there is no such store",
                        crate::project::shorten(name)
                    ))
                    .hint(crate::project::suggest::hint(name, &known, "stores")),
                );
            }
            Some(store) => match chosen
                .iter()
                .find(|other| other.kind.is_for_disks() == store.kind.is_for_disks())
            {
                Some(other) if other.name.value == store.name.value => {}
                Some(other) => faults.push(
                    Fault::invalid(format!(
                        "--store {name}: holds the same kind of artifacts as the store {}",
                        other.name.value
                    ))
                    .hint("name at most one store for images, charts and templates, and one for disk images"),
                ),
                None => chosen.push(store.clone()),
            },
        }
    }
    for (disks, needed) in [(false, needed.0), (true, needed.1)] {
        if chosen.iter().any(|store| store.kind.is_for_disks() == disks) {
            continue;
        }
        let first = all.iter().find(|store| store.kind.is_for_disks() == disks);
        chosen.extend(first.filter(|_| needed).cloned());
    }
    let lacks = |disks: bool| !chosen.iter().any(|store| store.kind.is_for_disks() == disks);
    if needed.1 && lacks(true) {
        faults.push(
            Fault::invalid(format!(
                "{shown}: lists a disk image, and no store can hold it: only a storage account does"
            ))
            .at(Place::file_only(shown))
            .hint("add `[stores.disks]` with `kind = \"storage-account\"` to aosm.toml"),
        );
    }
    if needed.0 && lacks(false) {
        faults.push(
            Fault::invalid(format!("{shown}: no store can hold its charts, images and templates"))
                .at(Place::file_only(shown))
                .hint("add one to aosm.toml: `[stores.local]` with `kind = \"local\"`"),
        );
    }
    chosen
}

/// What the list amounts to.
#[derive(Default)]
struct List {
    charts: Vec<ChartPackage>,
    images: Vec<ExtraImage>,
    artifacts: Vec<ArtifactConfig>,
    vhds: Vec<VhdConfig>,
    sources: Vec<Spanned<crate::project::ImageSource>>,
    exact: BTreeMap<String, crate::project::ImageSource>,
    named: BTreeMap<String, ListedChart>,
}

struct Making<'a> {
    finder: Finder<'a>,
    known_disks: &'a [VhdConfig],
    base_stores: &'a [StoreConfig],
    stores: &'a [StoreConfig],
    list: List,
    faults: Faults,
}

impl Making<'_> {
    fn take(&mut self, artifact: &ListedArtifact) {
        match &artifact.content {
            Content::Chart(path) => self.chart(artifact, path),
            Content::Template(path) => self.template(artifact, path),
            Content::Image(source) => self.image(artifact, source),
            Content::Disk(path) => {
                let found = self.finder.find(path, "disk image", false, &mut self.faults);
                if let Some(path) = found {
                    self.disk(artifact, VhdSource::File(path));
                }
            }
            Content::DiskUrl(url) => self.disk(artifact, VhdSource::Url(url.clone())),
        }
    }

    /// A chart is pushed as it lies there, under the name and version of its `Chart.yaml`, which are compared with the list's.
    fn chart(&mut self, artifact: &ListedArtifact, path: &Spanned<String>) {
        let Some(path) = self.finder.find(path, "chart", true, &mut self.faults) else {
            return;
        };
        let name = &artifact.name;
        // Two versions of one chart are two packages.
        let mut package = name.clone();
        if self.list.charts.iter().any(|chart| chart.name.value == package.value) {
            package.value = format!("{}-{}", name.value, artifact.version.value);
        }
        self.list.named.insert(
            package.value.clone(),
            ListedChart {
                name: name.clone(),
                version: artifact.version.clone(),
            },
        );
        self.list.charts.push(ChartPackage {
            input: ChartInput::Chart(path),
            values: Vec::new(),
            set: Vec::new(),
            release_name: package.clone(),
            namespace: package.clone(),
            kube_version: None,
            api_versions: Vec::new(),
            include_crds: false,
            dependencies: Dependencies::Error,
            store: None,
            name: package,
        });
    }

    fn template(&mut self, artifact: &ListedArtifact, path: &Spanned<String>) {
        let Some(path) = self.finder.find(path, "template", false, &mut self.faults) else {
            return;
        };
        let path = compiled(path, &mut self.faults);
        if let Some(first) = self
            .list
            .artifacts
            .iter()
            .find(|other| other.name.value == artifact.name.value)
        {
            self.faults.push(
                Fault::invalid(format!("template {}: listed in two versions", artifact.name.value))
                    .at_opt(artifact.name.place.clone())
                    .because(format!("the other is {}", first.version.value))
                    .hint("a project has one version of a template: publish the two one after the other"),
            );
            return;
        }
        let title = path.value.file_name().unwrap_or("template.json").to_owned();
        self.list.artifacts.push(ArtifactConfig {
            name: artifact.name.clone(),
            version: artifact.version.clone(),
            kind: ArtifactType::ArmTemplate,
            artifact_type: None,
            files: vec![ArtifactFile {
                path,
                media_type: None,
                title,
            }],
            annotations: BTreeMap::new(),
            store: None,
        });
    }

    /// The reference has the image's own registry, so that its name in the store is what follows; the namespace of the registry is no
    /// part of that name.
    fn image(&mut self, artifact: &ListedArtifact, source: &Spanned<crate::project::ImageSource>) {
        let reference = format!("{}/{}", source.value.host, artifact.title());
        self.list.exact.insert(reference.clone(), source.value.clone());
        self.list.sources.push(source.clone());
        self.list.images.push(ExtraImage {
            reference: Spanned {
                value: reference,
                place: artifact.name.place.clone(),
            },
            version: None,
            store: None,
        });
    }

    /// How its container is opened is not in the list: `[[vhds]]` of this name may say it, or its store.
    fn disk(&mut self, artifact: &ListedArtifact, source: VhdSource) {
        let name = VhdName {
            artifact: artifact.name.value.clone(),
            version: artifact.version.value.clone(),
        };
        for (why, place) in [
            (name.check_version(), &artifact.version.place),
            (name.check_container(), &artifact.name.place),
        ] {
            self.faults.extend(why.map(|fault| fault.at_opt(place.clone())));
        }
        if let Some(word) = name.check_form() {
            self.faults.push(word.at_opt(artifact.name.place.clone()));
        }
        let known = self
            .known_disks
            .iter()
            .find(|vhd| vhd.name.value == artifact.name.value);
        let wanted = known.and_then(|vhd| self.base_stores.get(vhd.store));
        let same = |store: &&StoreConfig| wanted.is_some_and(|wanted| wanted.name.value == store.name.value);
        let store = self
            .stores
            .iter()
            .find(same)
            .or_else(|| self.stores.iter().find(|store| store.kind.is_for_disks()));
        let Some(store) = store else { return };
        let position = self
            .stores
            .iter()
            .position(|other| other.name.value == store.name.value);
        let sas = known.and_then(|vhd| vhd.sas.clone());
        if needs_signature(&store.kind) && sas.is_none() {
            self.faults.push(
                Fault::invalid(format!(
                    "disk image {}: the store {} has no signature for its container",
                    artifact.title(),
                    store.name.value
                ))
                .at_opt(artifact.name.place.clone())
                .hint(format!(
                    "in aosm.toml write `[[vhds]]` with `name = \"{}\"` and `sas-env = \"DISKS_SAS\"`, the variable with the container's SAS URL",
                    artifact.name.value
                )),
            );
        }
        self.list.vhds.push(VhdConfig {
            name: artifact.name.clone(),
            version: artifact.version.clone(),
            source,
            sas: sas.filter(|_| needs_signature(&store.kind)),
            store: position.unwrap_or_default(),
            container: known.and_then(|vhd| vhd.container.clone()),
        });
    }
}

/// Only an account that nothing else opens.
fn needs_signature(kind: &StoreKind) -> bool {
    match kind {
        StoreKind::StorageAccount(account) => account.emulator.is_none(),
        _ => false,
    }
}

/// The extension lists templates as Bicep and compiles them beside their source when it publishes. What is compiled already is taken.
fn compiled(path: Spanned<Utf8PathBuf>, faults: &mut Faults) -> Spanned<Utf8PathBuf> {
    if path.value.extension() != Some("bicep") {
        return path;
    }
    let json = path.value.with_extension("json");
    if !json.is_file() {
        return path;
    }
    faults.push(
        Fault::warning(format!(
            "template {}: the compiled {} beside it is taken",
            path.value.file_name().unwrap_or_default(),
            json.file_name().unwrap_or_default()
        ))
        .at_opt(path.place.clone())
        .hint("compile it again if the source was changed since: `az bicep build --file FILE`"),
    );
    Spanned {
        value: json,
        place: path.place,
    }
}
