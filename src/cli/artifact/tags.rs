//! `artifact tags`: the tags of a repository.

use clap::Args;

use super::open::{Opened, Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::documents::{Attributes, TagEntry, TagsDocument};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::fault::Fault;
use crate::oci::Job;
use crate::oci::registry::{AcrTag, is_fallback_tag};
use crate::report::artifact::tags_list;
use crate::report::count;

/// Flags of `artifact tags`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact tags myregistry.azurecr.io/net-monitor
  aosm-build artifact tags oci:images")]
pub struct TagsArgs {
    /// The repository: host/repository, STORE:repository or oci:DIR[:repository]
    #[arg(value_name = "REPOSITORY")]
    pub repository: String,
    /// Also tags that only hold lists of referrers (sha256-…)
    #[arg(long)]
    pub all: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &TagsArgs) -> Ended {
    let opened = open(context, &args.registry, &args.repository, Purpose::List).await?;
    let job = job(context, "tags");
    let mut tags = tags_of(&opened, &job).await?;
    let before = tags.len();
    if !args.all {
        tags.retain(|tag| !is_fallback_tag(&tag.name));
    }
    let document = TagsDocument {
        format: "aosm-tags/1",
        repository: opened.shown,
        hidden: (before - tags.len()) as u64,
        tags,
    };
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&document);
        return Ok(0);
    }
    if document.hidden > 0 {
        context.screen.say(&format!(
            "{} that only {} not shown: --all shows them",
            count(document.hidden, "tag"),
            if document.hidden == 1 {
                "holds a list of referrers is"
            } else {
                "hold lists of referrers are"
            }
        ));
    }
    if !document.tags.is_empty() {
        context.screen.result(&tags_list(&document, context.screen.wide()));
    }
    Ok(0)
}

async fn tags_of(opened: &Opened, job: &Job) -> Result<Vec<TagEntry>, Fault> {
    if let Some(registry) = &opened.registry
        && let Some(acr) = registry.acr(job).await?
    {
        let tags = acr.tags(registry.repository(), job).await?;
        let told = |tag: AcrTag| TagEntry {
            name: tag.name,
            digest: tag.digest.map(|digest| digest.to_string()),
            created_time: tag.created_time,
            last_update_time: tag.last_update_time,
            changeable_attributes: tag.changeable_attributes.map(Attributes::from),
        };
        return Ok(tags.into_iter().map(told).collect());
    }
    let plain = |name| TagEntry {
        name,
        digest: None,
        created_time: None,
        last_update_time: None,
        changeable_attributes: None,
    };
    Ok(opened.place.tags(job).await?.into_iter().map(plain).collect())
}
