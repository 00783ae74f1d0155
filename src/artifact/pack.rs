//! Packing: files, folders and annotations become the manifest and blobs of an artifact, before anything is sent.
//!
//! The manifest is byte for byte the one oras makes, once both write the same time of creation: oras takes the present
//! one, this tool none, unless an annotation or `SOURCE_DATE_EPOCH` gives one. So the same files have the same digest
//! each time, and whether an artifact is in place can be told without sending it.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use camino::{Utf8Path, Utf8PathBuf};
use rayon::iter::{IntoParallelRefIterator as _, ParallelIterator as _};

use super::annotation_file::{Annotations, TITLE};
use super::created::{self, is_rfc3339, rfc3339, source_date_epoch};
use super::file_spec::{FileSpec, is_null_device, title_of};
use super::folder::{CONTENT_DIGEST, UNPACK, pack_folder};
use super::manifest::{ImageSpec, Manifest};
use super::media_type::{EMPTY, FILE, FOLDER, UNKNOWN_ARTIFACT, UNKNOWN_CONFIG, is_media_type};
use super::packed_content::{Held, PackedContent, Stamp};
use crate::digest::FileDigests;
use crate::fault::{Fault, Faults, Place, some_of};
use crate::oci::manifest::{MANIFEST_LIMIT, OCI_MANIFEST};
use crate::oci::{Content, Descriptor};

/// What a config holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConfigContent {
    /// A file's bytes.
    File(Utf8PathBuf),
    /// The two bytes `{}`.
    Empty,
}

/// A config that is more than the empty one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigSpec {
    /// What it holds.
    pub content: ConfigContent,
    /// Its media type; `None` for `application/vnd.unknown.config.v1+json`.
    pub media_type: Option<String>,
}

/// The time of creation that the manifest's annotations tell, unless they have one already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Created {
    /// `SOURCE_DATE_EPOCH`, where the environment has it.
    #[default]
    FromEnvironment,
    /// None.
    Never,
    /// Seconds since 1970.
    At(u64),
}

/// What is to be packed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackSpec {
    /// What the artifact is, as a media type; `None` for `application/vnd.unknown.artifact.v1` (or what the config says).
    pub artifact_type: Option<String>,
    /// Its config; `None` for the empty one.
    pub config: Option<ConfigSpec>,
    /// Its files and folders, in order.
    pub files: Vec<FileSpec>,
    /// Annotations.
    pub annotations: Annotations,
    /// What it is attached to.
    pub subject: Option<Descriptor>,
    /// By which version; `None` for 1.1, and for 1.0 where there is a config but no artifact type, as in oras.
    pub image_spec: Option<ImageSpec>,
    /// The time of creation.
    pub created: Created,
    /// Write `annotations` into the manifest even when there are none.
    pub empty_annotations: bool,
}

impl PackSpec {
    /// An ARM template as Azure Operator Service Manager has it: the config `{}` of an unknown type, one layer that is
    /// called a tar but holds the JSON as it is, titled by the file's name, and annotations that are none.
    pub fn arm_template(path: impl Into<Utf8PathBuf>) -> Self {
        let path = path.into();
        Self {
            config: Some(ConfigSpec {
                content: ConfigContent::Empty,
                media_type: None,
            }),
            files: vec![FileSpec {
                title: path.file_name().map(str::to_owned),
                path,
                media_type: Some(FILE.to_owned()),
            }],
            image_spec: Some(ImageSpec::V1_0),
            created: Created::Never,
            empty_annotations: true,
            ..Self::default()
        }
    }
}

/// A packed artifact: all is known, nothing was sent.
#[derive(Clone)]
pub struct Packed {
    /// Names the manifest.
    pub manifest: Descriptor,
    /// The manifest.
    pub bytes: Bytes,
    /// What it calls itself: its artifact type, or its config's media type.
    pub artifact_type: String,
    /// Its config.
    pub config: Descriptor,
    /// Its layers, in order, with their titles.
    pub layers: Vec<Descriptor>,
    /// Manifest and blobs, to copy from. Files are read where they lie, when they are asked for.
    pub content: Arc<dyn Content>,
    /// What the person should know.
    pub warnings: Faults,
}

impl Packed {
    /// Bytes of manifest and all different blobs together: what sending it takes at most.
    pub fn size(&self) -> u64 {
        let different: BTreeMap<_, _> = std::iter::once(&self.manifest)
            .chain([&self.config])
            .chain(&self.layers)
            .map(|descriptor| (&descriptor.digest, descriptor.size))
            .collect();
        different.values().sum()
    }
}

/// Packs. Relative paths start from `folder`; files are hashed through `digests`, several at a time. Reads whole files and
/// may compress folders: call it where blocking is allowed. Fails with everything that is wrong.
pub fn pack(spec: &PackSpec, folder: &Utf8Path, digests: &dyn FileDigests) -> Result<Packed, Faults> {
    let mut faults = check(spec);
    let version = version(spec);
    let annotations = manifest_annotations(spec).unwrap_or_else(|fault| {
        faults.push(fault);
        BTreeMap::new()
    });
    let config = pack_config(spec, version, folder, digests);
    let files: Vec<Result<PackedFile, Faults>> = spec
        .files
        .par_iter()
        .map(|file| pack_file(file, &spec.annotations, folder, digests))
        .collect();
    let config = config.map_err(|fault| faults.push(fault)).ok();
    let mut packed_files = Vec::new();
    for file in files {
        match file {
            Ok(file) => packed_files.push(file),
            Err(more) => faults.extend(more),
        }
    }
    faults.extend(twice_titled(&packed_files));
    let (Some((config, config_held)), false) = (config, faults.has_errors()) else {
        return Err(faults);
    };

    let mut content = PackedContent::new(label(spec));
    content.insert(config.digest.clone(), config_held);
    let mut layers = Vec::new();
    for file in packed_files {
        content.insert(file.descriptor.digest.clone(), file.held);
        layers.push(file.descriptor);
    }
    if layers.is_empty() && version == ImageSpec::V1_1 {
        let (layer, held) = empty();
        content.insert(layer.digest.clone(), held);
        layers.push(layer);
    }
    let artifact_type = match (version, &spec.artifact_type) {
        (ImageSpec::V1_0, _) => None,
        (ImageSpec::V1_1, Some(named)) => Some(named.as_str()),
        (ImageSpec::V1_1, None) => Some(UNKNOWN_ARTIFACT),
    };
    // Of a subject only what names it: annotations and the like are those of whoever listed it.
    let subject = spec
        .subject
        .as_ref()
        .map(|subject| Descriptor::new(&subject.media_type, subject.digest.clone(), subject.size));
    let bytes = Manifest {
        artifact_type,
        config: &config,
        layers: &layers,
        subject: subject.as_ref(),
        annotations: &annotations,
        empty_annotations: spec.empty_annotations,
    }
    .to_bytes()
    .map_err(|e| Fault::bug("the manifest cannot be written as JSON").because(e))?;
    if bytes.len() as u64 > MANIFEST_LIMIT {
        faults.push(
            Fault::invalid(format!(
                "the manifest has {} bytes, more than the {} MiB that registries take",
                bytes.len(),
                MANIFEST_LIMIT >> 20
            ))
            .hint("use fewer files (a folder is one), or shorter annotations"),
        );
        return Err(faults);
    }
    let manifest = Descriptor::of(OCI_MANIFEST, &bytes);
    content.insert(manifest.digest.clone(), Held::Memory(bytes.clone()));
    Ok(Packed {
        manifest,
        bytes,
        artifact_type: artifact_type.unwrap_or(&config.media_type).to_owned(),
        config,
        layers,
        content: Arc::new(content),
        warnings: faults,
    })
}

/// Files that are not there or cannot be packed by their kind, without reading any: for those who have errors of their own
/// to tell as well.
pub fn missing_files(files: &[FileSpec], folder: &Utf8Path) -> Vec<Fault> {
    files.iter().filter_map(|file| find(&file.path, folder).err()).collect()
}

/// As oras decides it: a config without an artifact type is what 1.0 has; a subject is what only 1.1 has.
fn version(spec: &PackSpec) -> ImageSpec {
    let by_config = spec.config.is_some() && spec.artifact_type.is_none() && spec.subject.is_none();
    spec.image_spec
        .unwrap_or(if by_config { ImageSpec::V1_0 } else { ImageSpec::V1_1 })
}

/// What can be told wrong without reading a file.
fn check(spec: &PackSpec) -> Faults {
    let mut faults = Faults::new();
    let mut media_type = |what: String, text: Option<&String>| {
        if let Some(text) = text.filter(|text| !is_media_type(text)) {
            faults.push(
                Fault::invalid(format!("{what}: {text:?} is no media type (RFC 6838)"))
                    .hint("write type/subtype, as in application/vnd.example.sbom.v1+json"),
            );
        }
    };
    media_type("artifact type".to_owned(), spec.artifact_type.as_ref());
    if let Some(config) = &spec.config {
        media_type("config".to_owned(), config.media_type.as_ref());
    }
    for file in &spec.files {
        media_type(format!("file {}", file.path), file.media_type.as_ref());
    }
    match (version(spec), &spec.config, &spec.artifact_type) {
        (ImageSpec::V1_0, Some(_), Some(_)) => faults.push(
            Fault::invalid("packed by image-spec 1.0, a config and an artifact type exclude each other")
                .hint("the config's media type is the artifact's type there: leave the artifact type out"),
        ),
        (ImageSpec::V1_1, Some(_), None) => faults.push(
            Fault::invalid("packed by image-spec 1.1, an artifact with a config needs an artifact type")
                .hint("name an artifact type, or pack by image-spec 1.0"),
        ),
        _ => {}
    }
    if version(spec) == ImageSpec::V1_0 && spec.subject.is_some() {
        faults.push(
            Fault::invalid("packed by image-spec 1.0, an artifact has no subject").hint("pack by image-spec 1.1"),
        );
    }
    let unknown: Vec<&str> = spec
        .annotations
        .files
        .keys()
        .map(String::as_str)
        .filter(|key| !spec.files.iter().any(|file| names(key, file)))
        .collect();
    if !unknown.is_empty() {
        faults.push(
            Fault::warning(format!(
                "annotations for files that are not packed: {}",
                some_of(&unknown)
            ))
            .hint("name files as they are typed, or write $manifest and $config"),
        );
    }
    faults
}

/// Does an annotation's key mean this file? As typed, or the same path written otherwise.
fn names(key: &str, file: &FileSpec) -> bool {
    key == file.path || title_of(Utf8Path::new(key)).is_some_and(|key| title_of(&file.path) == Some(key))
}

fn manifest_annotations(spec: &PackSpec) -> Result<BTreeMap<String, String>, Fault> {
    let mut annotations = spec.annotations.manifest.clone();
    if let Some(time) = annotations.get(created::ANNOTATION) {
        if is_rfc3339(time) {
            return Ok(annotations);
        }
        return Err(Fault::invalid(format!(
            "annotation {}: {time:?} is no date and time",
            created::ANNOTATION
        ))
        .hint("write it by RFC 3339, as in 2024-01-31T23:59:59Z"));
    }
    let seconds = match spec.created {
        Created::Never => None,
        Created::At(seconds) => Some(seconds),
        Created::FromEnvironment => source_date_epoch()?,
    };
    if let Some(seconds) = seconds {
        annotations.insert(created::ANNOTATION.to_owned(), rfc3339(seconds));
    }
    Ok(annotations)
}

/// The empty JSON object, whose descriptor carries it.
fn empty() -> (Descriptor, Held) {
    let bytes = Bytes::from_static(b"{}");
    let mut descriptor = Descriptor::of(EMPTY, &bytes);
    // Base64 of the two bytes.
    descriptor.other.insert("data".to_owned(), "e30=".into());
    (descriptor, Held::Memory(bytes))
}

fn pack_config(
    spec: &PackSpec,
    version: ImageSpec,
    folder: &Utf8Path,
    digests: &dyn FileDigests,
) -> Result<(Descriptor, Held), Fault> {
    let named = |media_type: &str| {
        let bytes = Bytes::from_static(b"{}");
        (Descriptor::of(media_type, &bytes), Held::Memory(bytes))
    };
    let (mut descriptor, held) = match (&spec.config, version) {
        (None, ImageSpec::V1_1) => empty(),
        (None, ImageSpec::V1_0) => named(spec.artifact_type.as_deref().unwrap_or(UNKNOWN_CONFIG)),
        (Some(config), _) => {
            let media_type = config.media_type.as_deref().unwrap_or(UNKNOWN_CONFIG);
            match &config.content {
                ConfigContent::Empty => named(media_type),
                ConfigContent::File(path) => match find(path, folder)? {
                    Found::Folder(_) => {
                        return Err(Fault::invalid(format!("config {path} is a folder"))
                            .at(Place::file_only(path))
                            .hint("name a file"));
                    }
                    Found::Nothing => nothing(media_type),
                    Found::File(at, stamp) => hash(path, at, stamp, media_type, digests)?,
                },
            }
        }
    };
    descriptor.annotations.clone_from(&spec.annotations.config);
    Ok((descriptor, held))
}

struct PackedFile {
    typed: Utf8PathBuf,
    descriptor: Descriptor,
    held: Held,
}

fn pack_file(
    file: &FileSpec,
    annotations: &Annotations,
    folder: &Utf8Path,
    digests: &dyn FileDigests,
) -> Result<PackedFile, Faults> {
    let own = annotations
        .files
        .iter()
        .find(|(key, _)| **key == file.path)
        .or_else(|| annotations.files.iter().find(|(key, _)| names(key, file)))
        .map(|(_, own)| own);
    let found = find(&file.path, folder)?;
    let title = own
        .and_then(|own| own.get(TITLE))
        .or(file.title.as_ref())
        .cloned()
        .or_else(|| title_of(&file.path))
        .or_else(|| match &found {
            // `.` and `..`: the name that folder really has.
            Found::Folder(at) => at.canonicalize_utf8().ok()?.file_name().map(str::to_owned),
            _ => None,
        })
        .filter(|title| !title.is_empty());
    let Some(title) = title else {
        return Err(Fault::invalid(format!("{}: has no name of its own", file.path))
            .at(Place::file_only(&file.path))
            .hint("give it a title by an annotation")
            .into());
    };
    let media_type = file.media_type.as_deref();
    let (mut descriptor, held) = match found {
        Found::Nothing => nothing(media_type.unwrap_or(FILE)),
        Found::File(at, stamp) => hash(&file.path, at, stamp, media_type.unwrap_or(FILE), digests)?,
        Found::Folder(at) => {
            let packed = pack_folder(&at, &title)?;
            let mut descriptor = Descriptor::new(media_type.unwrap_or(FOLDER), packed.digest, packed.size);
            descriptor
                .annotations
                .insert(CONTENT_DIGEST.to_owned(), packed.tar_digest.to_string());
            descriptor.annotations.insert(UNPACK.to_owned(), "true".to_owned());
            (descriptor, Held::Nameless(packed.file))
        }
    };
    descriptor.annotations.insert(TITLE.to_owned(), title);
    if let Some(own) = own {
        descriptor.annotations.extend(own.clone());
    }
    Ok(PackedFile {
        typed: file.path.clone(),
        descriptor,
        held,
    })
}

/// Two files with one title: only one of them could be pulled.
fn twice_titled(files: &[PackedFile]) -> Vec<Fault> {
    let mut by_title: BTreeMap<&str, Vec<&Utf8Path>> = BTreeMap::new();
    for file in files {
        let title = file.descriptor.annotations.get(TITLE).map_or("", String::as_str);
        by_title.entry(title).or_default().push(&file.typed);
    }
    by_title
        .into_iter()
        .filter(|(_, paths)| paths.len() > 1)
        .map(|(title, paths)| {
            let paths: Vec<&str> = paths.iter().map(|path| path.as_str()).collect();
            Fault::invalid(format!(
                "{} files get the title {title:?}: {}",
                paths.len(),
                some_of(&paths)
            ))
            .hint(format!("give one another title by an annotation: {TITLE}"))
        })
        .collect()
}

enum Found {
    Nothing,
    File(Utf8PathBuf, Stamp),
    Folder(Utf8PathBuf),
}

fn find(path: &Utf8Path, folder: &Utf8Path) -> Result<Found, Fault> {
    let at = folder.join(path);
    // Where it is no device, a file may well be called NUL.
    if is_null_device(path) && (cfg!(windows) || path == "/dev/null" || !at.is_file()) {
        return Ok(Found::Nothing);
    }
    let metadata = std::fs::metadata(&at).map_err(|e| {
        let fault = Fault::invalid(match e.kind() {
            std::io::ErrorKind::NotFound => format!("file {path} is not there"),
            _ => format!("file {path} cannot be read"),
        });
        let fault = fault.at(Place::file_only(path));
        match e.kind() {
            std::io::ErrorKind::NotFound if path.is_relative() => {
                fault.hint(format!("paths start from {folder}: check the name"))
            }
            std::io::ErrorKind::NotFound => fault.hint("check the name"),
            _ => fault.because(e).hint("check its permissions"),
        }
    })?;
    if metadata.is_dir() {
        Ok(Found::Folder(at))
    } else if metadata.is_file() {
        Ok(Found::File(at, Stamp::of(&metadata)))
    } else {
        Err(Fault::invalid(format!("{path} is neither a file nor a folder"))
            .at(Place::file_only(path))
            .hint("write what it gives to a file, and push that"))
    }
}

fn nothing(media_type: &str) -> (Descriptor, Held) {
    (Descriptor::of(media_type, b""), Held::Memory(Bytes::new()))
}

fn hash(
    typed: &Utf8Path,
    at: Utf8PathBuf,
    stamp: Stamp,
    media_type: &str,
    digests: &dyn FileDigests,
) -> Result<(Descriptor, Held), Fault> {
    let read = digests
        .file_digest(&at)
        .and_then(|hashed| Ok((hashed, Stamp::of(&std::fs::metadata(&at)?))));
    let ((digest, size), after) = read.map_err(|e| {
        Fault::infrastructure(format!("file {typed} cannot be read"))
            .at(Place::file_only(typed))
            .because(e)
            .hint("check its permissions")
    })?;
    if after != stamp || size != stamp.size() {
        return Err(Fault::invalid(format!("file {typed} changed while it was read"))
            .at(Place::file_only(typed))
            .hint("run the command again, once nobody writes to it any more"));
    }
    Ok((
        Descriptor::new(media_type, digest, size),
        Held::File { path: at, stamp },
    ))
}

/// What errors call the packed files.
fn label(spec: &PackSpec) -> String {
    let paths: Vec<&str> = spec.files.iter().map(|file| file.path.as_str()).collect();
    if paths.is_empty() {
        "packed artifact".to_owned()
    } else {
        format!("packed {}", some_of(&paths))
    }
}

#[cfg(test)]
#[path = "pack_tests.rs"]
mod tests;
