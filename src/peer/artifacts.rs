//! `artifacts/artifacts.json`: what belongs into the artifact stores, and where each of it comes from.

use camino::Utf8Path;

use super::fields::{Fields, items};
use crate::credentials::Secret;
use crate::fault::{Fault, Faults, Place};
use crate::project::node::Node;
use crate::project::{ArtifactType, ImageSource, JsonFile, Spanned, image_source, names, shorten, suggest};

/// The file's name, in the folder of its step.
pub(super) const FILE: &str = "artifacts.json";

/// The classes, as `type` writes them.
pub(super) const ACR_FILE: &str = "ACRFromLocalFile";
pub(super) const ACR_REMOTE: &str = "ACRFromRemote";
pub(super) const DISK_FILE: &str = "StorageAccountFromLocalFile";
pub(super) const DISK_BLOB: &str = "StorageAccountFromBlob";
const CLASSES: [&str; 4] = [ACR_FILE, ACR_REMOTE, DISK_FILE, DISK_BLOB];

/// The two kinds of registry, as `source_registry.type` writes them.
pub(super) const AZURE: &str = "AzureContainerRegistry";
pub(super) const UNIVERSAL: &str = "UniversalRegistry";

/// A registry that an image comes from.
pub type Registry = ImageSource;

/// Where an artifact comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A Helm chart: `ACRFromLocalFile` of the type `OCIArtifact`.
    Chart(Spanned<String>),
    /// A template of Resource Manager: `ACRFromLocalFile` of the type `ArmTemplate`.
    Template(Spanned<String>),
    /// An image in a registry: `ACRFromRemote`.
    Image(Spanned<Registry>),
    /// A disk image in a file: `StorageAccountFromLocalFile`.
    Disk(Spanned<String>),
    /// A disk image behind a URL with a signature: `StorageAccountFromBlob`.
    DiskUrl(Spanned<Secret>),
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedArtifact {
    /// `artifact_name`.
    pub name: Spanned<String>,
    /// `artifact_version`.
    pub version: Spanned<String>,
    /// `artifact_type`.
    pub kind: Spanned<String>,
    /// Where it comes from.
    pub content: Content,
    /// Where the entry stands.
    pub place: Place,
}

impl ListedArtifact {
    /// `NAME:VERSION`.
    pub fn title(&self) -> String {
        format!("{}:{}", self.name.value, self.version.value)
    }

    /// The same but for where it stands?
    fn says_the_same(&self, other: &Self) -> bool {
        self.kind.value == other.kind.value
            && match (&self.content, &other.content) {
                (Content::Chart(a), Content::Chart(b))
                | (Content::Template(a), Content::Template(b))
                | (Content::Disk(a), Content::Disk(b)) => a.value == b.value,
                (Content::Image(a), Content::Image(b)) => a.value == b.value,
                (Content::DiskUrl(a), Content::DiskUrl(b)) => a.value == b.value,
                _ => false,
            }
    }
}

/// Reads the list. The extension writes an image that two charts use twice: equal entries count once.
pub(super) fn read(folder: &Utf8Path, shown: &Utf8Path, faults: &mut Faults) -> Option<Vec<ListedArtifact>> {
    let hint = "the build of the Azure CLI extension writes it: build the folder again";
    let file = JsonFile::read(&folder.join(FILE), &shown.join(FILE), hint, faults)?;
    let mut all: Vec<ListedArtifact> = Vec::new();
    for (number, node) in items(&file, faults).iter().enumerate() {
        let Some(artifact) = entry(&file, node, number + 1, faults) else {
            continue;
        };
        let same_name = |other: &&ListedArtifact| other.title() == artifact.title();
        match all.iter().find(same_name) {
            Some(first) if first.says_the_same(&artifact) => {}
            Some(first) => faults.push(
                Fault::invalid(format!(
                    "{}: listed twice, with two contents",
                    shorten(&artifact.title())
                ))
                .label(artifact.place.clone(), "the second")
                .label(first.place.clone(), "the first")
                .hint("remove the one that is wrong: a store holds one artifact under a name and version"),
            ),
            None => all.push(artifact),
        }
    }
    Some(all)
}

fn entry(file: &JsonFile, node: &Node, number: usize, faults: &mut Faults) -> Option<ListedArtifact> {
    let fields = Fields::of(file, node, &format!("artifacts.json: entry {number}"), faults)?;
    let before = faults.iter().count();
    let class = fields.filled("type", faults);
    let name = fields.filled("artifact_name", faults);
    let version = fields.filled("artifact_version", faults);
    let kind = fields.filled("artifact_type", faults);
    let fields = match (&name, &version) {
        (Some(name), Some(version)) => fields.named(format!(
            "artifacts.json: {}:{}",
            shorten(&name.value),
            shorten(&version.value)
        )),
        _ => fields,
    };
    let class = class?;
    let content = match class.value.as_str() {
        ACR_FILE => local(&fields, kind.as_ref(), faults),
        ACR_REMOTE => remote(&fields, faults).map(Content::Image),
        DISK_FILE => fields.filled("file_path", faults).map(Content::Disk),
        DISK_BLOB => blob(&fields, faults).map(Content::DiskUrl),
        other => {
            faults.push(
                Fault::invalid(format!(
                    "artifacts.json: entry {number}: `{}` is no type of artifact",
                    shorten(other)
                ))
                .at_opt(class.place.clone())
                .hint(suggest::hint(other, &CLASSES, "types")),
            );
            return None;
        }
    };
    known_fields(&fields, &class.value, faults);
    let is_disk = matches!(class.value.as_str(), DISK_FILE | DISK_BLOB);
    if let (Some(name), Some(version), false) = (&name, &version, is_disk) {
        fits_a_registry(name, version, faults);
    }
    let (name, version, kind, content) = (name?, version?, kind?, content?);
    let broken = faults.iter().skip(before).any(Fault::is_error);
    (!broken).then_some(ListedArtifact {
        name,
        version,
        kind,
        content,
        place: fields.place,
    })
}

fn known_fields(fields: &Fields<'_>, class: &str, faults: &mut Faults) {
    let own: &[&str] = match class {
        ACR_REMOTE => &["source_registry", "registry_namespace"],
        DISK_BLOB => &["blob_sas_uri"],
        _ => &["file_path"],
    };
    let known: Vec<&str> = ["type", "artifact_name", "artifact_type", "artifact_version"]
        .into_iter()
        .chain(own.iter().copied())
        .collect();
    fields.only(&known, faults);
}

/// The extension pushes what is no template as a Helm chart, whatever it is.
fn local(fields: &Fields<'_>, kind: Option<&Spanned<String>>, faults: &mut Faults) -> Option<Content> {
    let path = fields.filled("file_path", faults);
    let kind = kind?;
    match kind.value.as_str() {
        "OCIArtifact" => path.map(Content::Chart),
        "ArmTemplate" => path.map(Content::Template),
        other => {
            faults.push(
                Fault::invalid(format!(
                    "artifacts.json: a file of the type `{}` has no place in a registry",
                    shorten(other)
                ))
                .at_opt(kind.place.clone())
                .hint("write `OCIArtifact` for a Helm chart, `ArmTemplate` for a template"),
            );
            None
        }
    }
}

fn remote(fields: &Fields<'_>, faults: &mut Faults) -> Option<Spanned<Registry>> {
    let registry = fields.object("source_registry", faults);
    let namespace = fields.text("registry_namespace", faults);
    let registry = registry?;
    let (kind, name) = (
        registry.filled("type", faults),
        registry.filled("registry_name", faults),
    );
    registry.only(&["type", "registry_name"], faults);
    let (namespace, kind, name) = (namespace?, kind?, name?);
    let is_azure = match kind.value.as_str() {
        AZURE => true,
        UNIVERSAL => false,
        other => {
            faults.push(
                Fault::invalid(format!("artifacts.json: `{}` is no type of registry", shorten(other)))
                    .at_opt(kind.place)
                    .hint(suggest::hint(other, &[AZURE, UNIVERSAL], "types")),
            );
            return None;
        }
    };
    let host = name.value.trim().trim_end_matches('/');
    // The Azure CLI takes the bare name of one of its registries as well.
    let host = if is_azure && image_source::lacks_domain(host) {
        format!("{host}.azurecr.io")
    } else {
        host.to_owned()
    };
    let refuse = |why: &str, place: Option<Place>| {
        Fault::invalid(format!("artifacts.json: source registry: {why}"))
            .at_opt(place)
            .hint("write the host, like `myregistry.azurecr.io`, and the namespace like `samples/` or \"\"")
    };
    let parsed = image_source::parse(&format!("{host}/{}", namespace.value.trim_matches('/')));
    let parsed = parsed
        .map_err(|why| faults.push(refuse(&why, name.place.clone())))
        .ok()?;
    if image_source::lacks_domain(&parsed.source.host) {
        let why = format!("`{}` is no host: its domain is missing", shorten(&name.value));
        faults.push(refuse(&why, name.place.clone()));
        return None;
    }
    Some(Spanned {
        value: parsed.source,
        place: name.place,
    })
}

/// A URL in clear text: used, and warned about. It is not repeated.
fn blob(fields: &Fields<'_>, faults: &mut Faults) -> Option<Spanned<Secret>> {
    let url = fields.secret("blob_sas_uri", faults)?;
    let is_url =
        url::Url::parse(url.value.expose()).is_ok_and(|url| matches!(url.scheme(), "https" | "http") && url.has_host());
    if !is_url {
        faults.push(
            Fault::invalid("artifacts.json: `blob_sas_uri` is no URL of a blob")
                .at_opt(url.place)
                .hint("write it whole: `https://ACCOUNT.blob.core.windows.net/CONTAINER/BLOB?…&sig=…`"),
        );
        return None;
    }
    faults.push(
        Fault::warning("artifacts.json: a signature in clear text: whoever reads the file can read the blob")
            .at_opt(url.place.clone())
            .hint("keep the folder to yourself, and let the signature end soon; `blob-url-env` of `[[vhds]]` in aosm.toml needs none in a file"),
    );
    Some(url)
}

/// What is pushed to a registry has a repository and a tag.
fn fits_a_registry(name: &Spanned<String>, version: &Spanned<String>, faults: &mut Faults) {
    if let Err(why) = names::repository_path(&name.value) {
        let hint = if name.value.contains('@') {
            "the Azure CLI extension cuts a reference by digest in the wrong place: write the repository alone, and the tag it \
             is to have as `artifact_version`"
        } else {
            "it is the repository in the store: write it like `release/contoso-a`"
        };
        faults.push(
            Fault::invalid(format!("artifacts.json: artifact_name: {why}"))
                .at_opt(name.place.clone())
                .hint(hint),
        );
    }
    if let Err(why) = names::tag(&version.value.replace('+', "_")) {
        let quote = version.value.ends_with(['\'', '"']);
        faults.push(
            Fault::invalid(format!("artifacts.json: artifact_version: {why}, unlike `{}`", shorten(&version.value)))
                .at_opt(version.place.clone())
                .hint(if quote {
                    "the Azure CLI extension kept a quotation mark of the chart: remove it here and in the artifact manifest"
                } else {
                    "it is the tag in the store: write it like `1.0.0`"
                }),
        );
    }
}

/// The type that a manifest lists for what is made of files.
pub(super) fn listed_type(kind: ArtifactType) -> &'static str {
    match kind {
        ArtifactType::OciArtifact => "OCIArtifact",
        ArtifactType::ArmTemplate => "ArmTemplate",
        ArtifactType::ImageFile => "ImageFile",
    }
}
