//! A project of a list: stores, sources, policy and network are those of the `aosm.toml` at hand, all that goes into the stores is the
//! list's. An input file is not read, as the list was made of it.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;

use super::depth::Format;
use super::find::PROJECT_FILE;
use super::input::Input;
use super::listed::{Listed, ListedChart, ListedDisk, ListedImage, ListedInput};
use super::load::{LoadOptions, Loading, in_order};
use super::model::{ChartInput, ChartPackage, Dependencies, ExtraImage, Project, Spanned};
use super::paths::{Resolver, normalise};
use super::settings::{self, Settings};
use super::sources::SourceList;
use super::vhds::PartialVhd;
use crate::fault::{Fault, Faults, Place};

/// Makes a project of a list. `Ok` comes with warnings; `Err` holds every error and warning.
pub fn load_listed(options: &LoadOptions, list: ListedInput) -> Result<(Project, Faults), Faults> {
    let current_dir = normalise(&options.current_dir);
    let mut loading = Loading {
        resolver: Resolver {
            current_dir: &current_dir,
        },
        files: vec![list.shown.clone()],
        faults: Faults::new(),
        must_name_something: false,
    };
    let project = loading.of_list(options, &current_dir, list);
    let faults = in_order(loading.faults, &loading.files);
    match project {
        Some(project) => faults.into_result(project),
        None => Err(faults),
    }
}

impl Loading<'_> {
    fn of_list(&mut self, options: &LoadOptions, current_dir: &Utf8Path, list: ListedInput) -> Option<Project> {
        let folder = normalise(&current_dir.join(&options.folder));
        let file = match &options.project_file {
            Some(file) if file.extension() != Some("toml") => {
                self.faults.push(
                    Fault::invalid(format!(
                        "--project {file}: beside a list only an `aosm.toml` has anything to say"
                    ))
                    .at(Place::file_only(file))
                    .hint("leave it out: the list was made of the input file"),
                );
                return None;
            }
            Some(file) => Some(normalise(&current_dir.join(file))),
            None => Some(folder.join(PROJECT_FILE)).filter(|file| file.exists()),
        };
        let root = file.as_deref().and_then(Utf8Path::parent).unwrap_or(&folder).to_owned();
        let document = match &file {
            Some(file) => Some(self.read(file, Format::Toml)?),
            None => None,
        };
        let settings = match &document {
            Some(document) => settings::decode(
                document,
                options.environment.as_deref(),
                self.resolver,
                &mut self.faults,
            ),
            None => Settings::empty(),
        };
        if let (None, Some(environment)) = (&document, &options.environment) {
            self.faults.push(
                Fault::invalid(format!(
                    "environment {}: there is no aosm.toml that has it",
                    super::check::shorten(environment)
                ))
                .hint("environments are written in `aosm.toml`; `aosm-build init` writes one"),
            );
        }
        let whole = document.is_none_or(|document| !document.damaged);
        let settings = only_surroundings(settings, &list);
        let input = Input {
            name: list.publication.name.clone(),
            version: list.publication.version.clone(),
            publication: Some(list.publication.clone()),
            image_sources: Some(sources(&list)),
            vhds: list.disks.iter().map(partial).collect(),
            ..Input::empty()
        };
        let project = self.join(root, Some(settings), Some(input), options.store.as_deref(), whole);
        if project.default_store().is_none()
            && !(list.charts.is_empty() && list.images.is_empty() && list.templates.is_empty())
        {
            self.faults.push(
                Fault::invalid(format!(
                    "{}: no store can hold its charts, images and templates: a storage account holds only disk images",
                    list.shown
                ))
                .at(Place::file_only(&list.shown))
                .hint("add a store to aosm.toml: `[stores.local]` with `kind = \"local\"`"),
            );
        }
        Some(filled(project, list))
    }
}

/// What `aosm.toml` says about everything but its own charts and images. Of its disk images only those that the list has, for the
/// signatures of their containers; of its sources only those where the list's images are.
fn only_surroundings(mut settings: Settings, list: &ListedInput) -> Settings {
    settings.image_sources = None;
    settings.charts.clear();
    settings.images.clear();
    settings.artifacts.clear();
    settings.attachments.clear();
    settings
        .sources
        .retain(|host, _| list.images.iter().any(|image| image.source.value.host == *host));
    settings
        .vhds
        .retain(|vhd| list.disks.iter().any(|disk| disk.name.value == vhd.name.value));
    settings
}

/// Where its images are, each place once, in the order of the list.
fn sources(list: &ListedInput) -> SourceList {
    let mut seen = BTreeSet::new();
    let all = list.images.iter().map(|image| image.source.clone());
    SourceList {
        place: None,
        entries: all.filter(|source| seen.insert(source.value.clone())).collect(),
    }
}

fn partial(disk: &ListedDisk) -> PartialVhd {
    PartialVhd {
        name: disk.name.clone(),
        version: Some(disk.version.clone()),
        source: Some(disk.source.clone()),
        source_broken: false,
        sas: None,
        sas_broken: false,
        container: None,
        store: None,
    }
}

/// The project with what is listed.
fn filled(project: Project, list: ListedInput) -> Project {
    let mut named: BTreeMap<String, ListedChart> = BTreeMap::new();
    let mut charts = Vec::new();
    for chart in list.charts {
        let mut package = chart.name.clone();
        // Two versions of one chart are two packages.
        if named.contains_key(&package.value) {
            package.value = format!("{}-{}", chart.name.value, chart.version.value);
        }
        charts.push(chart_package(&package, &chart));
        named.insert(package.value, chart);
    }
    Project {
        charts,
        images: list.images.into_iter().map(extra).collect(),
        artifacts: list.templates,
        listed: Some(Listed {
            lock: list.lock,
            lock_command: list.lock_command,
            charts: named,
        }),
        ..project
    }
}

/// A chart as it lies there: nothing of it is rendered.
fn chart_package(package: &Spanned<String>, chart: &ListedChart) -> ChartPackage {
    ChartPackage {
        name: package.clone(),
        input: ChartInput::Chart(chart.path.clone()),
        values: Vec::new(),
        set: Vec::new(),
        release_name: package.clone(),
        namespace: package.clone(),
        kube_version: None,
        api_versions: Vec::new(),
        include_crds: false,
        dependencies: Dependencies::Error,
        store: None,
    }
}

fn extra(image: ListedImage) -> ExtraImage {
    ExtraImage {
        reference: image.reference,
        kind: image.kind,
        only_from: Some(image.source.value),
        named_in: "artifacts.json",
        version: None,
        store: None,
    }
}
