//! `cnf-input.jsonc` decoded, in every form that the Azure CLI `aosm` extension has read; other input files are handed on.
//!
//! What that tool takes is taken. What it asks for and the stores of this tool do not need is one warning.

use super::artifact_model::ArtifactConfig;
use super::charts::{self, Partial};
use super::document::Document;
use super::image_source;
use super::input_kind::InputKind;
use super::model::{ExtraImage, Spanned};
use super::nsd_generated::Generated;
use super::paths::Resolver;
use super::publication::Publication;
use super::sources::{self, SourceList};
use super::vhds::PartialVhd;
use super::view::View;
use super::{check, input_head, input_keys, nexus_input, nsd_input, vnf_input};
use crate::fault::{Fault, Faults};

/// What the input file says.
pub(crate) struct Input {
    /// What concerns AOSM's resources.
    pub(crate) publication: Option<Publication>,
    /// `nf_name`, or `nsd_name`.
    pub(crate) name: Option<Spanned<String>>,
    /// `version`, or `nsd_version`.
    pub(crate) version: Option<Spanned<String>>,
    /// `image_sources`, what the older `images` amounts to, or the registries of single images; without a place where the
    /// file holds no such list.
    pub(crate) image_sources: Option<SourceList>,
    /// `helm_packages`.
    pub(crate) packages: Vec<Partial>,
    /// Images named one by one, of a network function on Azure Operator Nexus.
    pub(crate) images: Vec<ExtraImage>,
    /// Templates.
    pub(crate) artifacts: Vec<ArtifactConfig>,
    /// The artifact that another tool generates, of a network service design.
    pub(crate) generated: Option<Generated>,
    /// Disk images: one, of a virtualised network function.
    pub(crate) vhds: Vec<PartialVhd>,
    /// One of them is of no use, which was told: what leans on it needs no word.
    pub(crate) vhd_lost: bool,
}

impl Input {
    /// What a project without an input file has.
    pub(crate) fn empty() -> Self {
        Self {
            publication: None,
            name: None,
            version: None,
            image_sources: None,
            packages: Vec::new(),
            images: Vec::new(),
            artifacts: Vec::new(),
            generated: None,
            vhds: Vec::new(),
            vhd_lost: false,
        }
    }
}

/// Checks and decodes whichever input file it is; `None` where that cannot be said, which is told.
pub(crate) fn decode(document: &Document, resolver: Resolver<'_>, faults: &mut Faults) -> Option<Input> {
    let kind = match InputKind::of(document) {
        Ok(kind) => kind,
        Err(fault) => {
            faults.push(fault);
            return None;
        }
    };
    Some(match kind {
        InputKind::Cnf => decode_cnf(document, resolver, faults),
        InputKind::Vnf => vnf_input::decode(document, resolver, faults),
        InputKind::Nexus => nexus_input::decode(document, resolver, faults),
        InputKind::Nsd => nsd_input::decode(document, resolver, faults),
    })
}

fn decode_cnf(document: &Document, resolver: Resolver<'_>, faults: &mut Faults) -> Input {
    check::check(document, input_keys::ROOT, faults);
    // After a syntax error nothing of the file is left to judge.
    let mut unheard = Faults::new();
    let faults = if document.damaged { &mut unheard } else { faults };
    let root = View::root(document, input_keys::ROOT);
    let version = root.text("version");
    if let Some(version) = &version {
        input_head::check_version(version, "version", faults);
    }
    input_head::check(&root, "nf_name", "version", faults);
    Input {
        publication: Some(Publication::read(InputKind::Cnf, document, input_keys::ROOT)),
        name: root.text("nf_name"),
        version,
        image_sources: image_sources(&root, faults),
        packages: charts::from_input(&root, resolver, faults),
        ..Input::empty()
    }
}

fn image_sources(root: &View<'_>, faults: &mut Faults) -> Option<SourceList> {
    let current = sources::list(root, "image_sources", faults);
    let older = older_images(root, faults);
    match (current, older) {
        (Some(current), Some(older)) if !current.entries.is_empty() => {
            if older
                .entries
                .iter()
                .any(|source| !current.entries.iter().any(|other| other.value == source.value))
            {
                faults.push(
                    Fault::warning("images: has no effect beside `image_sources`")
                        .at_opt(older.place)
                        .hint("remove it: `image_sources` took its place"),
                );
            }
            Some(current)
        }
        (current, older) => older.filter(|older| !older.entries.is_empty()).or(current),
    }
}

/// `images: {source_registry, source_registry_namespace, source_local_docker_image}`.
fn older_images(root: &View<'_>, faults: &mut Faults) -> Option<SourceList> {
    let place = root.key_place("images")?;
    let view = root.table("images")?;
    if let Some(image) = view.text("source_local_docker_image") {
        faults.push(
            Fault::invalid("images.source_local_docker_image: images of the local docker cannot be read")
                .at_opt(image.place.clone())
                .hint(docker_save_hint(&image.value)),
        );
    }
    let namespace = view.text("source_registry_namespace");
    let Some(registry) = view.text("source_registry") else {
        if let Some(namespace) = namespace {
            faults.push(
                Fault::invalid("images.source_registry_namespace: a namespace without a registry")
                    .at_opt(namespace.place)
                    .hint("fill in `source_registry`"),
            );
        }
        return None;
    };
    let namespace = namespace.map(|text| text.value).unwrap_or_default();
    let entries = sources::one(&registry, image_source::parse_old(&registry.value, &namespace), faults);
    Some(SourceList {
        place: Some(place),
        entries: entries.into_iter().collect(),
    })
}

/// The whole way from an image in the local docker to a source.
fn docker_save_hint(image: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    // Text for a shell is only repeated when nothing in it means anything to one.
    let image = if image.chars().all(plain) { image } else { "NAME:TAG" };
    format!(
        "save it to a file:\n  docker save {image} -o images.tar\nthen write in aosm.toml:\n  [project]\n  image-sources = \
         [\"local-images\"]\n  [sources.\"local-images\"]\n  kind = \"docker-archive\"\n  path = \"images.tar\"\nand \
         remove `images` from the input file"
    )
}
