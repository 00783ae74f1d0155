//! From files to a [`Project`]: found, read, checked, joined. All errors of all files are told in one run.

use camino::{Utf8Path, Utf8PathBuf};

use super::depth::Format;
use super::document::Document;
use super::find::{self, FoundFiles};
use super::input::{self, Input};
use super::model::{ImageSource, Project, Spanned};
use super::paths::{Resolver, normalise};
use super::settings::{self, Settings};
use super::sources::{self, SourceList, with_first};
use super::{artifacts, charts, store_drafts, stores, vhds};
use crate::fault::{Fault, Faults, Place};

/// What to load, and from where.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The folder in which a project file is looked for; absolute. Its parents are not searched.
    pub folder: Utf8PathBuf,
    /// The project file instead: an `aosm.toml` or a `*-input.jsonc`; from the current folder.
    pub project_file: Option<Utf8PathBuf>,
    /// The environment whose settings are laid over those of the stores.
    pub environment: Option<String>,
    /// The store that gets what names none (`--store`); `aosm` where the project has no stores: those that its input file names.
    pub store: Option<String>,
    /// The current folder, absolute: paths are shown from it, and the Azure CLI extension reads paths from it.
    pub current_dir: Utf8PathBuf,
}

/// Reads a project. `Ok` comes with warnings; `Err` holds every error and warning of every file.
pub fn load(options: &LoadOptions) -> Result<(Project, Faults), Faults> {
    load_for(options, true)
}

/// The same for those who only fill stores: the project need not name anything to fill them with.
pub fn load_stores(options: &LoadOptions) -> Result<(Project, Faults), Faults> {
    load_for(options, false)
}

fn load_for(options: &LoadOptions, must_name_something: bool) -> Result<(Project, Faults), Faults> {
    let current_dir = normalise(&options.current_dir);
    let folder = normalise(&current_dir.join(&options.folder));
    let files = find::find(&folder, options.project_file.as_deref(), &current_dir)?;
    let mut loading = Loading {
        resolver: Resolver {
            current_dir: &current_dir,
        },
        files: Vec::new(),
        faults: Faults::new(),
        must_name_something,
    };
    let project = loading.project(files, options);
    let faults = in_order(loading.faults, &loading.files);
    match project {
        Some(project) => faults.into_result(project),
        None => Err(faults),
    }
}

struct Loading<'a> {
    resolver: Resolver<'a>,
    files: Vec<Utf8PathBuf>,
    faults: Faults,
    must_name_something: bool,
}

impl Loading<'_> {
    fn read(&mut self, path: &Utf8Path, format: Format) -> Option<Document> {
        let shown = self.resolver.show(path);
        self.files.push(shown.clone());
        Document::read(path, &shown, format, &mut self.faults)
    }

    fn project(&mut self, files: FoundFiles, options: &LoadOptions) -> Option<Project> {
        let environment = options.environment.as_deref();
        let root = files
            .settings
            .as_deref()
            .or(files.input.as_deref())?
            .parent()?
            .to_owned();
        let has_settings = files.settings.is_some();
        let document = files.settings.and_then(|path| self.read(&path, Format::Toml));
        let settings = document
            .as_ref()
            .map(|document| settings::decode(document, environment, self.resolver, &mut self.faults));
        let named = match (
            &document,
            settings.as_ref().and_then(|settings| settings.input.as_ref()),
        ) {
            (Some(document), Some(written)) => self.named_input(document, written),
            _ => Named::Nothing,
        };
        let mut input_lost = matches!(named, Named::Broken);
        let input_path = match named {
            Named::Is(path) => Some(path),
            Named::Broken => None,
            Named::Nothing => {
                if let Some(other) = &files.other {
                    self.faults.push(two_inputs(&self.resolver.show(other), has_settings));
                }
                files.input
            }
        };
        let input_document = input_path.as_ref().and_then(|path| self.read(path, Format::Jsonc));
        input_lost |= input_path.is_some() && input_document.is_none();
        let input = input_document
            .as_ref()
            .and_then(|document| input::decode(document, self.resolver, &mut self.faults));
        input_lost |= input_document.is_some() && input.is_none();
        if has_settings && settings.is_none() {
            // The rest would be judged by half of what was written.
            return None;
        }
        if let (None, Some(environment)) = (&settings, environment) {
            self.faults.push(
                Fault::invalid(format!(
                    "environment {}: the project has none",
                    super::check::shorten(environment)
                ))
                .hint("environments are written in `aosm.toml`; `aosm-build init` writes one"),
            );
        }
        let whole = [document.as_ref(), input_document.as_ref()]
            .into_iter()
            .flatten()
            .all(|document| !document.damaged)
            && !input_lost;
        Some(self.join(root, settings, input, options.store.as_deref(), whole))
    }

    fn named_input(&mut self, document: &Document, written: &Spanned<String>) -> Named {
        let extension = Utf8Path::new(&written.value).extension();
        if !matches!(extension, Some("jsonc" | "json")) {
            self.faults.push(
                Fault::invalid(format!(
                    "input {}: not a `.jsonc` file",
                    super::check::shorten(&written.value)
                ))
                .at_opt(written.place.clone())
                .hint("name the input file of the Azure CLI extension: `cnf-input.jsonc`, `vnf-input.jsonc` or `nsd-input.jsonc`"),
            );
            return Named::Broken;
        }
        match self.resolver.existing(written, document, "input", &mut self.faults) {
            Some(path) => Named::Is(path.value),
            None => Named::Broken,
        }
    }

    fn join(
        &mut self,
        root: Utf8PathBuf,
        settings: Option<Settings>,
        input: Option<Input>,
        chosen: Option<&str>,
        whole: bool,
    ) -> Project {
        let mut unheard = Faults::new();
        let faults = if whole { &mut self.faults } else { &mut unheard };
        let mut settings = settings.unwrap_or_else(Settings::empty);
        let mut input = input.unwrap_or_else(Input::empty);
        if settings
            .image_sources
            .as_ref()
            .is_some_and(|list| !list.entries.is_empty())
        {
            // Whoever says where to look means all images.
            input.images.iter_mut().for_each(|image| image.only_from = None);
        }
        let image_sources = join_sources(settings.image_sources.take(), input.image_sources.take(), faults);
        settings.images = settings::join_images(std::mem::take(&mut input.images), settings.images, faults);
        let version = join_version(settings.version.take(), input.version.take(), faults);
        let packages = charts::join(input.packages, settings.charts, faults);
        settings.artifacts = artifacts::join(input.artifacts, settings.artifacts, faults);
        if input.vhd_lost {
            settings
                .vhds
                .retain(|vhd| vhd.version.is_some() && vhd.source.is_some());
        }
        let disks = vhds::join(input.vhds, settings.vhds, faults);
        if let Some(publication) = &mut input.publication {
            publication.version = publication.version.take().or_else(|| version.clone());
        }
        let around = store_drafts::Surroundings {
            root: &root,
            publication: input.publication.as_ref(),
            disks: &disks,
            chosen,
        };
        let project_stores = store_drafts::complete(settings.stores, &around, faults);
        let names_nothing = packages.is_empty()
            && settings.images.is_empty()
            && settings.artifacts.is_empty()
            && disks.is_empty()
            && !faults.has_errors();
        if let (true, Some(generated)) = (self.must_name_something, &input.generated) {
            generated.tell(&settings.artifacts, names_nothing, faults);
        } else if self.must_name_something && names_nothing {
            faults.push(
                Fault::invalid("the project names no chart, no image, no artifact and no disk image")
                    .at_opt(self.files.first().map(Place::file_only))
                    .hint("add `[[charts]]` to aosm.toml, or `helm_packages` to cnf-input.jsonc"),
            );
        }
        let stores_named = settings.images.iter().filter_map(|image| image.store.as_ref());
        let stores_named = stores_named.chain(settings.artifacts.iter().filter_map(|artifact| artifact.store.as_ref()));
        for store in stores_named {
            charts::check_store(store, &project_stores, faults);
        }
        let homeless = packages.iter().map(|package| (package.store.as_ref(), &package.name));
        let homeless = homeless.chain(
            settings
                .images
                .iter()
                .map(|image| (image.store.as_ref(), &image.reference)),
        );
        let homeless = homeless.chain(settings.artifacts.iter().map(|one| (one.store.as_ref(), &one.name)));
        stores::hold_artifacts(homeless, &project_stores, faults);
        let vhds = vhds::complete(disks, &project_stores, faults);
        sources::fit(&image_sources, &settings.sources, faults);
        let charts = packages
            .into_iter()
            .filter_map(|partial| charts::complete(partial, &project_stores, faults))
            .collect();
        let name = settings.name.or(input.name).map(|name| name.value);
        Project {
            name: name.unwrap_or_else(|| root.file_name().unwrap_or("project").to_owned()),
            version: version.map(|version| version.value),
            publication: input.publication,
            image_sources,
            sources: settings.sources,
            stores: project_stores,
            charts,
            images: settings.images,
            artifacts: settings.artifacts,
            vhds,
            attachments: settings.attachments,
            discovery: settings.discovery,
            copy: settings.copy,
            policy: settings.policy,
            network: settings.network,
            render_limits: settings.render_limits,
            files: self.files.clone(),
            root,
        }
    }
}

/// One input file is read; the other is not forgotten silently.
fn two_inputs(other: &Utf8Path, has_settings: bool) -> Fault {
    let name = other.file_name().unwrap_or_default();
    let hint = if has_settings {
        format!("`input` in `[project]` says which one is meant: `input = \"{name}\"` for this one")
    } else {
        format!("`--project {other}` reads this one")
    };
    Fault::warning(format!("{other}: not read, as the other input file is"))
        .at(Place::file_only(other))
        .hint(hint)
}

enum Named {
    Is(Utf8PathBuf),
    Broken,
    Nothing,
}

/// The order in which images are searched decides what is found, so two lists must be the same.
fn join_sources(
    ours: Option<SourceList>,
    theirs: Option<SourceList>,
    faults: &mut Faults,
) -> Vec<Spanned<ImageSource>> {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) if ours.entries.is_empty() && theirs.place.is_none() => theirs.entries,
        (Some(ours), Some(theirs)) if !theirs.entries.is_empty() => {
            let values = |list: &SourceList| -> Vec<ImageSource> {
                list.entries.iter().map(|entry| entry.value.clone()).collect()
            };
            // A list that nobody wrote follows from something else, and gives way.
            if theirs.place.is_some() && values(&ours) != values(&theirs) {
                let fault = Fault::invalid("image-sources: the two files differ")
                    .hint("keep the list in one of the two files, or write the same list in the same order");
                faults.push(with_first(fault, ours.place.clone(), theirs.place, "the other list"));
            }
            ours.entries
        }
        (Some(list), _) | (None, Some(list)) => list.entries,
        (None, None) => Vec::new(),
    }
}

fn join_version(
    ours: Option<Spanned<String>>,
    theirs: Option<Spanned<String>>,
    faults: &mut Faults,
) -> Option<Spanned<String>> {
    if let (Some(ours), Some(theirs)) = (&ours, &theirs)
        && ours.value != theirs.value
    {
        let fault =
            Fault::invalid("version: the two files differ").hint("leave it out in aosm.toml: the input file has it");
        faults.push(with_first(
            fault,
            ours.place.clone(),
            theirs.place.clone(),
            "the other version",
        ));
    }
    ours.or(theirs)
}

/// By file and place, each once: checks run in passes, people read from top to bottom.
fn in_order(faults: Faults, files: &[Utf8PathBuf]) -> Faults {
    let mut list: Vec<Fault> = faults.into_iter().collect();
    // By the first place in a file of the project: a fault of another file belongs where that is named.
    let key = |fault: &Fault| {
        let mut places = fault.labels().iter().map(|label| &label.place);
        let found = places.find_map(|place| {
            let file = files.iter().position(|file| file == place.path())?;
            Some((file, place.span().start))
        });
        found.unwrap_or((usize::MAX, 0))
    };
    list.sort_by_key(key);
    let mut unique: Vec<Fault> = Vec::new();
    for fault in list {
        // Layers of environments are read more than once; equal faults stand at equal places, so close together.
        if !unique.iter().rev().take(50).any(|other| *other == fault) {
            unique.push(fault);
        }
    }
    unique.into_iter().collect()
}

impl Settings {
    /// What a project without `aosm.toml` has.
    fn empty() -> Self {
        Self {
            name: None,
            version: None,
            input: None,
            image_sources: None,
            sources: std::collections::BTreeMap::new(),
            stores: Vec::new(),
            charts: Vec::new(),
            images: Vec::new(),
            artifacts: Vec::new(),
            vhds: Vec::new(),
            attachments: Vec::new(),
            discovery: super::model::Discovery::default(),
            copy: super::model::CopyOptions::default(),
            policy: super::policy::Policy::default(),
            network: super::model::Network::default(),
            render_limits: super::model::RenderLimits::default(),
        }
    }
}
