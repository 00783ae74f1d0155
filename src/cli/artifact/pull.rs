//! `artifact pull`: the files of an artifact, into a folder.

use camino::Utf8PathBuf;
use clap::Args;

use super::open::{Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::platform::choose;
use crate::artifact::transfer_documents::{PullDocument, PulledAs, SkippedFor};
use crate::artifact::{PullOptions, pull};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, some_of};
use crate::oci::Platform;
use crate::report::bytes;

/// Flags of `artifact pull`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact pull myregistry.azurecr.io/samples/artifact:1.0
  aosm-build artifact pull -o download myregistry.azurecr.io/net-monitor@sha256:…
  aosm-build artifact pull --media-type application/vnd.unknown.layer.v1+txt images:samples/artifact:1.0

Files are named by their titles and never leave the output folder. A file that is there with the same content counts as
pulled; any other is kept unless --overwrite is given, and then nothing at all is written.")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub struct PullArgs {
    /// The artifact: host/repository:tag or @digest, STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Write the files to this folder, which is made if it is not there
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    pub output: Utf8PathBuf,
    /// Only files of this media type; may be given several times
    #[arg(long = "media-type", value_name = "TYPE")]
    pub media_types: Vec<String>,
    /// Replace files that are there with other content
    #[arg(long)]
    pub overwrite: bool,
    /// Files without a title too, named by their digest
    #[arg(long)]
    pub unnamed: bool,
    /// Leave packed folders packed
    #[arg(long)]
    pub no_unpack: bool,
    /// The files of the artifact's subject too
    #[arg(long)]
    pub include_subject: bool,
    /// Of an index, pull the manifest for this platform
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    pub platform: Option<Platform>,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &PullArgs) -> Ended {
    let opened = open(context, &args.registry, &args.reference, Purpose::Read).await?;
    let job = job(context, &format!("pull {}", opened.shown));
    let mut root = opened.place.resolve(opened.named()?, &job).await.map_err(Fault::from)?;
    let source = opened.place.content(&job);
    if let Some(platform) = &args.platform {
        root = choose(&source, &root, platform, &job).await.map_err(Fault::from)?;
    }
    let options = PullOptions {
        media_types: args.media_types.clone(),
        unnamed: args.unnamed,
        overwrite: args.overwrite,
        unpack: !args.no_unpack,
        include_subject: args.include_subject,
        ..PullOptions::into_folder(context.folder()?.join(&args.output))
    };
    let outcome = pull(&source, &root, &options, &job).await?;
    context.screen.finish();
    let document = PullDocument::new(&opened.shown, args.output.as_str(), &outcome, job.filled());
    if document.files.is_empty()
        && document
            .skipped
            .iter()
            .any(|skipped| skipped.reason == SkippedFor::MediaType)
    {
        return Err(none_of_that_type(&document, &args.media_types).into());
    }
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&words(&document));
    }
    Ok(0)
}

fn none_of_that_type(document: &PullDocument, wanted: &[String]) -> Fault {
    let mut there: Vec<&str> = document
        .skipped
        .iter()
        .map(|skipped| skipped.layer.media_type.as_str())
        .collect();
    there.sort_unstable();
    there.dedup();
    Fault::invalid(format!(
        "{} has no file of media type {}",
        document.reference,
        wanted.join(" or ")
    ))
    .because(format!("there are: {}", some_of(&there)))
    .hint("give one of these, or leave --media-type out")
}

fn words(document: &PullDocument) -> String {
    let mut lines = vec![match document.files.len() {
        0 => format!("{} holds no named files", document.reference),
        _ => format!("pulled {} into {}", document.reference, document.folder),
    }];
    for file in &document.files {
        let (what, slash) = match file.outcome {
            PulledAs::Written => ("written ", ""),
            PulledAs::Present => ("present ", ""),
            PulledAs::Unpacked => ("unpacked", "/"),
        };
        lines.push(format!("  {what} {}{slash}  {}", file.path, bytes(file.layer.size)));
    }
    for skipped in &document.skipped {
        let why = match skipped.reason {
            SkippedFor::Untitled => "has no title, --unnamed pulls it",
            SkippedFor::MediaType => "has another media type",
        };
        let name = skipped.layer.title.as_deref().unwrap_or(&skipped.layer.digest);
        lines.push(format!("  skipped  {name}: {} {why}", skipped.layer.media_type));
    }
    lines.push(format!("  digest   {}", document.digest));
    lines.join("\n")
}
