//! Flags by which an artifact is packed, shared by `push` and `attach`.

use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::artifact::pack::missing_files;
use crate::artifact::{
    Annotations, ConfigContent, ConfigSpec, FileSpec, ImageSpec, PackSpec, Packed, annotation_file, pack,
};
use crate::cli::context::Context;
use crate::digest::ReadFiles;
use crate::durable;
use crate::fault::{Fault, Faults, Kind};
use crate::oci::Descriptor;

/// What is packed, and how.
#[derive(Debug, Clone, Args, Default)]
pub struct PackArgs {
    /// Files and folders; after a colon their media type, as in notes.txt:text/plain
    #[arg(value_name = "FILE[:TYPE]")]
    pub files: Vec<String>,
    /// A file for the config; after a colon its media type. Without --artifact-type that is what the artifact is
    #[arg(long, value_name = "FILE[:TYPE]")]
    pub config: Option<String>,
    /// Annotate the manifest; may be given several times
    #[arg(short, long = "annotation", value_name = "KEY=VALUE")]
    pub annotations: Vec<String>,
    /// Annotations from a JSON file: {"$manifest": {…}, "$config": {…}, "FILE": {…}}
    #[arg(long, value_name = "FILE")]
    pub annotation_file: Option<Utf8PathBuf>,
    /// Write the manifest to a file too
    #[arg(long, value_name = "FILE")]
    pub export_manifest: Option<Utf8PathBuf>,
}

impl PackArgs {
    /// What is to be packed. Fails with everything that is wrong with the arguments.
    pub fn spec(
        &self,
        folder: &Utf8Path,
        artifact_type: Option<String>,
        image_spec: Option<ImageSpec>,
    ) -> Result<PackSpec, Faults> {
        let mut faults = Faults::new();
        let mut files = Vec::new();
        for argument in &self.files {
            match FileSpec::parse(argument, folder) {
                Ok(file) => files.push(file),
                Err(fault) => faults.push(fault),
            }
        }
        let config = self
            .config
            .as_deref()
            .map(|argument| FileSpec::parse(argument, folder).map_err(|fault| faults.push(fault.context("--config"))));
        let annotations = self.annotations(folder).unwrap_or_else(|more| {
            faults.extend(more);
            Annotations::default()
        });
        if faults.has_errors() {
            faults.extend(missing_files(&files, folder));
        }
        let spec = PackSpec {
            artifact_type,
            config: config.and_then(Result::ok).map(|file| ConfigSpec {
                content: ConfigContent::File(file.path),
                media_type: file.media_type,
            }),
            files,
            annotations,
            image_spec,
            ..PackSpec::default()
        };
        faults.into_result(spec).map(|(spec, _)| spec)
    }

    /// Those of the file, then those of the command line, which win.
    fn annotations(&self, folder: &Utf8Path) -> Result<Annotations, Faults> {
        let mut faults = Faults::new();
        let mut annotations = match &self.annotation_file {
            Some(path) => annotation_file::read(&folder.join(path)).unwrap_or_else(|more| {
                faults.extend(more);
                Annotations::default()
            }),
            None => Annotations::default(),
        };
        let mut given = std::collections::BTreeMap::new();
        for annotation in &self.annotations {
            match annotation.split_once('=') {
                Some((key, value)) if !key.is_empty() => {
                    if given.insert(key.to_owned(), value.to_owned()).is_some() {
                        faults.push(
                            Fault::new(Kind::Usage, format!("--annotation: {key:?} is given twice"))
                                .hint("give each key once"),
                        );
                    }
                }
                _ => faults.push(
                    Fault::new(Kind::Usage, format!("--annotation: {annotation:?} is no key=value"))
                        .hint("write --annotation org.opencontainers.image.source=https://example.com"),
                ),
            }
        }
        annotations.manifest.extend(given);
        faults.into_result(annotations).map(|(annotations, _)| annotations)
    }

    /// Writes the manifest where that was asked for.
    pub fn export(&self, folder: &Utf8Path, packed: &Packed) -> Result<(), Fault> {
        let Some(path) = &self.export_manifest else {
            return Ok(());
        };
        durable::write(&folder.join(path), &packed.bytes, durable::Sync::Yes).map_err(|e| {
            Fault::infrastructure(format!("the manifest cannot be written to {path}"))
                .because(durable::words(&e))
                .hint("check the folder's permissions, or name another file")
        })
    }
}

/// Packs away from the runtime's workers; warnings go to the screen.
pub async fn packed(context: &Context, spec: PackSpec, folder: &Utf8Path) -> Result<Packed, Faults> {
    let folder = folder.to_owned();
    let packed = tokio::task::spawn_blocking(move || pack(&spec, &folder, &ReadFiles));
    let packed = packed
        .await
        .map_err(|e| Fault::bug("packing ended unexpectedly").because(e))??;
    context.screen.faults(&packed.warnings);
    Ok(packed)
}

/// The subject of an attachment with everything that names it. A registry that does not tell a manifest's size is asked
/// for the manifest.
pub async fn complete(
    subject: Descriptor,
    place: &dyn crate::oci::Place,
    job: &crate::oci::Job,
) -> Result<Descriptor, Fault> {
    if subject.size > 0 {
        return Ok(subject);
    }
    let bytes = place.content(job).manifest(&subject).await?;
    Ok(Descriptor {
        size: bytes.len() as u64,
        ..subject
    })
}
