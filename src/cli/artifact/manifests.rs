//! `artifact manifests`: the manifests of a repository, as far as they can be seen.

use clap::Args;

use super::open::{Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::documents::{Attributes, ManifestEntry, ManifestsDocument};
use crate::artifact::survey::{Reach, Seen, Survey};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::digest::Digest;
use crate::fault::Fault;
use crate::oci::registry::is_fallback_tag;
use crate::report::artifact::manifests_list;

/// Flags of `artifact manifests`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact manifests myregistry.azurecr.io/net-monitor
  aosm-build artifact manifests --json images:net-monitor | jq '.manifests[] | select(.tags == [])'")]
pub struct ManifestsArgs {
    /// The repository: host/repository, STORE:repository or oci:DIR[:repository]
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
    /// Also lists of referrers (tagged sha256-…)
    #[arg(long)]
    pub all: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &ManifestsArgs) -> Ended {
    let opened = open(context, &args.registry, &args.repository, Purpose::List).await?;
    let job = job(context, "manifests");
    let survey = Survey::of(&opened.place, opened.registry.as_ref(), Reach::All, &job)
        .await
        .map_err(Fault::from)?;
    let is_list = |seen: &Seen| !seen.tags.is_empty() && seen.tags.iter().all(|tag| is_fallback_tag(tag));
    let document = ManifestsDocument {
        format: "aosm-manifests/1",
        repository: opened.shown,
        complete: survey.complete,
        manifests: survey
            .manifests
            .into_iter()
            .filter(|(_, seen)| args.all || !is_list(seen))
            .map(|(digest, seen)| entry(&digest, seen))
            .collect(),
    };
    context.screen.finish();
    if !document.complete {
        context
            .screen
            .say("these are the manifests that tags lead to; untagged ones that nothing refers to cannot be seen here");
    }
    if context.screen.json() {
        context.screen.json_result(&document);
    } else if !document.manifests.is_empty() {
        context.screen.result(&manifests_list(&document, context.screen.wide()));
    }
    Ok(0)
}

fn entry(digest: &Digest, seen: Seen) -> ManifestEntry {
    let facts = seen.facts;
    let of_image = facts
        .as_ref()
        .and_then(|facts| Some(format!("{}/{}", facts.os.as_ref()?, facts.architecture.as_ref()?)));
    ManifestEntry {
        digest: digest.to_string(),
        media_type: seen.media_type,
        artifact_type: seen.artifact_type,
        size: seen.size,
        tags: seen.tags.into_iter().collect(),
        subject: seen.subject.map(|subject| subject.to_string()),
        parents: seen.parents.iter().map(ToString::to_string).collect(),
        platform: seen.platform.or(of_image),
        created_time: facts.as_ref().and_then(|facts| facts.created_time.clone()),
        last_update_time: facts.as_ref().and_then(|facts| facts.last_update_time.clone()),
        image_size: facts.as_ref().and_then(|facts| facts.image_size),
        changeable_attributes: facts
            .and_then(|facts| facts.changeable_attributes)
            .map(Attributes::from),
    }
}
