//! `artifact attach`: files become a referrer of something that is there.

use clap::Args;

use super::open::{Purpose, job, open};
use super::options::RegistryArgs;
use super::packing::{PackArgs, packed};
use super::push::resolve_subject;
use crate::artifact::platform::choose;
use crate::artifact::push::{be_listed, send};
use crate::artifact::transfer_documents::{PushDocument, PushedAs};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::{Fault, Kind};
use crate::oci::{CopyOptions, Platform};
use crate::report::bytes;

/// Flags of `artifact attach`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact attach myregistry.azurecr.io/net-monitor:v1 --artifact-type signature/example signature.json
  aosm-build artifact attach images:net-monitor@sha256:… --artifact-type readme/example readme.md:text/markdown
  aosm-build artifact attach oci:out:1.0 --artifact-type audit/example --annotation reviewed-by=contoso

An attachment has no tag: it is found from its subject by `aosm-build artifact discover`. The same files attached again
give the same digest, and nothing new.")]
pub struct AttachArgs {
    /// What it is about: host/repository:tag or @digest, STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "SUBJECT")]
    pub subject: String,
    /// What is packed.
    #[command(flatten)]
    pub pack: PackArgs,
    /// What the attachment is, as a media type
    #[arg(long, value_name = "TYPE", required = true)]
    pub artifact_type: String,
    /// Attach to the image of this platform instead of the whole index
    #[arg(long, value_name = "OS/ARCHITECTURE")]
    pub platform: Option<Platform>,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &AttachArgs) -> Ended {
    if args.pack.files.is_empty() && args.pack.annotations.is_empty() && args.pack.annotation_file.is_none() {
        return Err(Fault::new(Kind::Usage, "there is nothing to attach")
            .hint("name files, or give --annotation KEY=VALUE")
            .into());
    }
    let folder = context.folder()?;
    let mut spec = args.pack.spec(&folder, Some(args.artifact_type.clone()), None)?;
    let opened = open(context, &args.registry, &args.subject, Purpose::Read).await?;
    let job = job(context, &format!("attach to {}", opened.shown));
    let mut subject = resolve_subject(&opened, &job).await?;
    if let Some(platform) = &args.platform {
        subject = choose(&opened.place.content(&job), &subject, platform, &job)
            .await
            .map_err(Fault::from)?;
    }
    spec.subject = Some(subject.clone());
    let packed = packed(context, spec, &folder).await?;
    let there = opened
        .place
        .target()
        .has_manifest(&packed.manifest, &job)
        .await
        .map_err(Fault::from)?;
    if !there {
        send(&packed, &*opened.place, &[], CopyOptions::default(), &job).await?;
    }
    be_listed(&packed, &subject, &*opened.place, &job).await?;
    args.pack.export(&folder, &packed)?;
    context.screen.finish();
    let outcome = if there { PushedAs::Present } else { PushedAs::Pushed };
    let document = PushDocument::new(
        &opened.shown,
        &packed,
        Some(&subject),
        outcome,
        Vec::new(),
        job.filled(),
    );
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&words(&document, &args.subject));
    }
    Ok(0)
}

fn words(document: &PushDocument, typed: &str) -> String {
    let first = match document.outcome {
        PushedAs::Present => format!("already attached to {}", document.reference),
        PushedAs::Pushed | PushedAs::Planned => {
            format!(
                "attached to {}, {} sent",
                document.reference,
                bytes(document.bytes_moved)
            )
        }
    };
    format!(
        "{first}\n  type   {}\n  digest {}\n  to see it: aosm-build artifact discover {}",
        document.artifact_type,
        document.digest,
        crate::cli::shell_word(typed)
    )
}
