//! `artifact push`: files become an artifact of a registry, store or layout.

use clap::Args;

use super::open::{Opened, Purpose, job, open_all};
use super::options::RegistryArgs;
use super::packing::{PackArgs, complete, packed};
use crate::artifact::push::{TagHolds, be_listed, look, send};
use crate::artifact::transfer_documents::{PushDocument, PushedAs, TagEntry};
use crate::artifact::{ImageSpec, Packed};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::digest::Digest;
use crate::fault::{Fault, some_of};
use crate::oci::{CopyOptions, Descriptor, ErrorKind, Job};
use crate::report::bytes;

/// Flags of `artifact push`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact push myregistry.azurecr.io/samples/artifact:1.0 artifact.txt:application/vnd.unknown.layer.v1+txt
  aosm-build artifact push images:config:1.0,latest ./settings --artifact-type application/vnd.example.config.v1
  aosm-build artifact push oci:out:1.0 notes.txt

The same files give the same digest each time: no time of creation is written, unless SOURCE_DATE_EPOCH or an annotation
gives one. A file's title is its path as typed when that stays in the current folder, else its name.")]
pub struct PushArgs {
    /// Where to: host/repository:tag[,tag…], STORE:repository:tag or oci:DIR:NAME; without a tag it is found by its digest
    #[arg(value_name = "REF")]
    pub reference: String,
    /// What is packed.
    #[command(flatten)]
    pub pack: PackArgs,
    /// What the artifact is, as a media type [default: application/vnd.unknown.artifact.v1]
    #[arg(long, value_name = "TYPE")]
    pub artifact_type: Option<String>,
    /// Attach it to this artifact of the same repository
    #[arg(long, value_name = "REF")]
    pub subject: Option<String>,
    /// Pack by this version of the image-spec [default: v1.1; v1.0 with --config and no --artifact-type]
    #[arg(long, value_name = "VERSION")]
    pub image_spec: Option<ImageSpec>,
    /// Move tags that hold something else
    #[arg(long)]
    pub replace: bool,
    /// Pack and compare, send nothing
    #[arg(long)]
    pub dry_run: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &PushArgs) -> Ended {
    let folder = context.folder()?;
    let mut spec = args.pack.spec(&folder, args.artifact_type.clone(), args.image_spec)?;
    let mut texts = vec![(args.reference.as_str(), Purpose::Write)];
    texts.extend(args.subject.as_deref().map(|subject| (subject, Purpose::Read)));
    let mut opened = open_all(context, &args.registry, &texts).await?.into_iter();
    let lost = || Fault::bug("an opened reference was lost");
    let target = opened.next().ok_or_else(lost)?;
    let job = job(context, &format!("push {}", target.shown));
    if let Some(subject) = opened.next() {
        spec.subject = Some(find_subject(&subject, &target, &job).await?);
    }
    let packed = packed(context, spec.clone(), &folder).await?;

    let tags = target.tags();
    let held = look(&*target.place, &tags, &packed.manifest, &job)
        .await
        .map_err(Fault::from)?;
    let tags: Vec<(&str, TagHolds)> = tags.into_iter().zip(held).collect();
    if !args.replace {
        refuse_to_replace(&target, &tags, &packed)?;
    }
    let there = !tags.is_empty() && tags.iter().all(|(_, held)| *held == TagHolds::Same);
    let outcome = match (there, args.dry_run) {
        (true, _) => PushedAs::Present,
        (false, true) => PushedAs::Planned,
        (false, false) => PushedAs::Pushed,
    };
    if outcome == PushedAs::Pushed {
        send(&packed, &*target.place, &tags, CopyOptions::default(), &job).await?;
    }
    if let (Some(subject), false) = (&spec.subject, args.dry_run) {
        be_listed(&packed, subject, &*target.place, &job).await?;
    }
    args.pack.export(&folder, &packed)?;
    context.screen.finish();
    let tags = tags
        .into_iter()
        .map(|(tag, held)| TagEntry {
            tag: tag.to_owned(),
            replaced: match held {
                TagHolds::Other(digest) => Some(digest.to_string()),
                TagHolds::Nothing | TagHolds::Same => None,
            },
        })
        .collect();
    let document = PushDocument::new(
        &target.shown,
        &packed,
        spec.subject.as_ref(),
        outcome,
        tags,
        job.filled(),
    );
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&words(&document));
    }
    Ok(0)
}

/// A subject lies in the repository that refers to it: nobody would find it from elsewhere.
async fn find_subject(subject: &Opened, target: &Opened, job: &Job) -> Result<Descriptor, Fault> {
    if subject.place.label() != target.place.label() {
        return Err(Fault::invalid(format!(
            "--subject {}: it is in another repository than {}",
            subject.shown, target.shown
        ))
        .hint("referrers are found in the repository of their subject: push there"));
    }
    resolve_subject(subject, job).await
}

/// What a subject's reference names.
pub async fn resolve_subject(subject: &Opened, job: &Job) -> Result<Descriptor, Fault> {
    let found = subject.place.resolve(subject.named()?, job).await.map_err(|error| {
        if error.kind == ErrorKind::Absent {
            Fault::invalid(format!("subject {} is not there", subject.shown))
                .because(error.detail)
                .hint("push it first; `aosm-build artifact tags` lists what is there")
        } else {
            Fault::from(error)
        }
    })?;
    complete(found, &*subject.place, job).await
}

/// Refuses to move tags that hold something else, with what to type.
fn refuse_to_replace(target: &Opened, tags: &[(&str, TagHolds)], packed: &Packed) -> Result<(), Fault> {
    let others: Vec<(&str, &Digest)> = tags
        .iter()
        .filter_map(|(tag, held)| match held {
            TagHolds::Other(digest) => Some((*tag, digest)),
            TagHolds::Nothing | TagHolds::Same => None,
        })
        .collect();
    if others.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = others.iter().map(|(tag, _)| *tag).collect();
    let holds = if names.len() == 1 { "tag" } else { "tags" };
    let fault = Fault::invalid(format!(
        "{}: something else is there under {holds} {}",
        target.place.label(),
        some_of(&names)
    ));
    let fault = others.iter().fold(fault, |fault, (tag, digest)| {
        fault.because(format!("{tag} is {digest}"))
    });
    let again = crate::cli::command_line(&["--replace"]);
    Err(fault
        .because(format!("the files give {}", packed.manifest.digest))
        .hint(format!("nothing was sent; to replace it: {again}")))
}

fn words(document: &PushDocument) -> String {
    let reference = &document.reference;
    let sent = bytes(document.bytes_moved);
    let first = match document.outcome {
        PushedAs::Pushed => format!("pushed {reference}, {sent} sent"),
        PushedAs::Present => format!("already there: {reference}"),
        PushedAs::Planned => format!("would push {reference}"),
    };
    let mut lines = vec![first];
    if document.tags.len() > 1 {
        let tags: Vec<&str> = document.tags.iter().map(|tag| tag.tag.as_str()).collect();
        lines.push(format!("  tags   {}", tags.join(", ")));
    }
    for tag in &document.tags {
        if let Some(replaced) = &tag.replaced {
            lines.push(format!("  before {} was {replaced}", tag.tag));
        }
    }
    lines.push(format!("  type   {}", document.artifact_type));
    lines.push(format!("  digest {}", document.digest));
    if document.tags.is_empty() && document.subject.is_none() {
        lines.push("  no tag: it is found by its digest only".to_owned());
    }
    lines.join("\n")
}
