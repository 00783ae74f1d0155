//! A folder's list as a project sees it: every file found, every artifact in the words of a project.

use camino::{Utf8Path, Utf8PathBuf};

use super::artifacts::{Content, ListedArtifact};
use super::find_file::Finder;
use super::folder::OutputFolder;
use super::parameters::Parameters;
use crate::fault::{Fault, Faults, Place};
use crate::project::{
    ArtifactConfig, ArtifactFile, ArtifactType, ImageSource, InputKind, ListedChart, ListedDisk, ListedImage,
    ListedInput, Publication, Spanned, VhdSource,
};

/// Makes the list. `Ok` comes with warnings; `Err` holds every fault. `lock_command`: what writes its lock, for hints.
pub fn listed_input(
    folder: &OutputFolder,
    lock_command: String,
    current_dir: &Utf8Path,
) -> Result<(ListedInput, Faults), Faults> {
    let mut making = Making {
        finder: Finder::new(&folder.path, current_dir),
        list: ListedInput {
            shown: folder.shown.clone(),
            lock: lock_of(&folder.path),
            lock_command,
            publication: publication(&folder.parameters),
            charts: Vec::new(),
            images: Vec::new(),
            templates: Vec::new(),
            disks: Vec::new(),
        },
        faults: Faults::new(),
    };
    for artifact in &folder.artifacts {
        making.take(artifact);
    }
    making.faults.extend(making.finder.moved());
    if folder.artifacts.is_empty() {
        making.faults.push(
            Fault::invalid(format!("{}: its list of artifacts is empty", folder.shown))
                .at(Place::file_only(&folder.shown))
                .hint("build the folder again"),
        );
    }
    making.faults.into_result(making.list)
}

/// The lock lies beside the folder, which the extension's build removes and writes anew.
fn lock_of(folder: &Utf8Path) -> Utf8PathBuf {
    let name = folder.file_name().unwrap_or("cli-output");
    folder.with_file_name(format!("{name}.aosm.lock"))
}

/// Which publisher, stores and manifests the folder is for.
fn publication(parameters: &Parameters) -> Publication {
    let disk_store = parameters.text("saArtifactStoreName");
    let kind = if parameters.get("nsDesignGroup").is_some() {
        InputKind::Nsd
    } else if disk_store.is_some() {
        InputKind::Vnf
    } else {
        InputKind::Cnf
    };
    Publication {
        kind,
        file: parameters.place.path().to_owned(),
        name: parameters.name(),
        version: parameters.version(),
        location: parameters.text("location"),
        publisher: parameters.text("publisherName"),
        resource_group: parameters.text("publisherResourceGroupName"),
        registry_store: parameters.text("acrArtifactStoreName"),
        disk_store,
        private_only: parameters.truth("disablePublicNetworkAccess"),
        private_end_points: parameters.texts("vnetPrivateEndPoints"),
        network_fabric_controllers: parameters.texts("networkFabricControllerIds"),
        named_registry_manifest: parameters.text("acrManifestName"),
        named_disk_manifest: parameters.text("saManifestName"),
    }
}

struct Making<'a> {
    finder: Finder<'a>,
    list: ListedInput,
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

    fn chart(&mut self, artifact: &ListedArtifact, path: &Spanned<String>) {
        if let Some(path) = self.finder.find(path, "chart", true, &mut self.faults) {
            self.list.charts.push(ListedChart {
                name: artifact.name.clone(),
                version: artifact.version.clone(),
                path,
            });
        }
    }

    fn template(&mut self, artifact: &ListedArtifact, path: &Spanned<String>) {
        let Some(path) = self.finder.find(path, "template", false, &mut self.faults) else {
            return;
        };
        let same_name = |other: &&ArtifactConfig| other.name.value == artifact.name.value;
        if let Some(first) = self.list.templates.iter().find(same_name) {
            self.faults.push(
                Fault::invalid(format!("template {}: listed in two versions", artifact.name.value))
                    .at_opt(artifact.name.place.clone())
                    .because(format!("the other is {}", first.version.value))
                    .hint("one run has one version of a template: publish the two one after the other"),
            );
            return;
        }
        let path = compiled(path, &mut self.faults);
        let title = path.value.file_name().unwrap_or("template.json").to_owned();
        self.list.templates.push(ArtifactConfig {
            name: artifact.name.clone(),
            version: artifact.version.clone(),
            kind: ArtifactType::ArmTemplate,
            artifact_type: None,
            files: vec![ArtifactFile {
                path,
                media_type: None,
                title,
            }],
            annotations: std::collections::BTreeMap::new(),
            store: None,
        });
    }

    /// The reference has the image's own registry, so that its name in the store is what follows; the namespace of the registry is no
    /// part of that name.
    fn image(&mut self, artifact: &ListedArtifact, source: &Spanned<ImageSource>) {
        self.list.images.push(ListedImage {
            reference: Spanned {
                value: format!("{}/{}", source.value.host, artifact.title()),
                place: artifact.name.place.clone(),
            },
            source: source.clone(),
            kind: match artifact.kind.value.as_str() {
                "ArmTemplate" => ArtifactType::ArmTemplate,
                "ImageFile" => ArtifactType::ImageFile,
                _ => ArtifactType::OciArtifact,
            },
        });
    }

    fn disk(&mut self, artifact: &ListedArtifact, source: VhdSource) {
        self.list.disks.push(ListedDisk {
            name: artifact.name.clone(),
            version: artifact.version.clone(),
            source,
        });
    }
}

/// The extension lists templates as Bicep and compiles them beside their source when it publishes. What is compiled already is taken.
fn compiled(path: Spanned<Utf8PathBuf>, faults: &mut Faults) -> Spanned<Utf8PathBuf> {
    let json = path.value.with_extension("json");
    if path.value.extension() != Some("bicep") || !json.is_file() {
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
