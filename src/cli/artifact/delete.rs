//! `artifact delete`: a manifest with all its tags, alone or with its graph.

use std::io::{BufRead as _, IsTerminal as _};

use clap::Args;

use super::open::{Opened, Purpose, job, open};
use super::options::RegistryArgs;
use crate::artifact::deletion::{self, Deletion, DeletionPlan, Obstacle};
use crate::artifact::documents::{DeleteDocument, DeletedEntry};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Kind, some_of};
use crate::oci::{Descriptor, Job, Selector};
use crate::report::{artifact, count};

/// Flags of `artifact delete`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  aosm-build artifact delete myregistry.azurecr.io/net-monitor:v1 --graph
  aosm-build artifact delete --yes images:samples/artifact@sha256:…

A manifest goes with all its tags. Where it has others than the one named, that is refused: name it by digest if they may go.")]
pub struct DeleteArgs {
    /// The artifact: host/repository:tag, STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "REF")]
    pub reference: String,
    /// Also what refers to it, and the manifests of an index that nothing else needs
    #[arg(long)]
    pub graph: bool,
    /// Take off the tag only; the manifest stays (Azure Container Registry)
    #[arg(long, conflicts_with = "graph")]
    pub tag_only: bool,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
    /// How to reach the registry.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

pub async fn run(context: &Context, args: &DeleteArgs) -> Ended {
    let somebody_is_here = std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    if !args.yes && !somebody_is_here {
        return Err(
            Fault::new(Kind::Usage, format!("{}: nobody is here to be asked", args.reference))
                .hint("--yes deletes without asking; run it on a terminal to see what will go")
                .into(),
        );
    }
    let opened = open(context, &args.registry, &args.reference, Purpose::Delete).await?;
    let job = job(context, "delete");
    let selector = opened.named()?;
    if args.tag_only {
        return untag(context, args, &opened, selector, &job).await;
    }
    let root = opened.place.resolve(selector, &job).await.map_err(Fault::from)?;
    // In a layout tags are known by their whole names.
    let tag = match selector {
        Selector::Tag(tag) => Some(format!("{}{tag}", opened.prefix)),
        Selector::Digest(_) => None,
    };
    let deletion = Deletion {
        root: &root,
        tag: tag.as_deref(),
        graph: args.graph,
    };
    let plan = deletion::plan(&opened.whole, opened.registry.as_ref(), &deletion, &job)
        .await
        .map_err(Fault::from)?;
    context.screen.finish();
    if !plan.obstacles.is_empty() {
        return Err(refusals(&opened, &root, &plan));
    }
    if !context.screen.json() {
        context.screen.say(artifact::deletion(&opened.shown, &plan).trim_end());
    }
    if !args.yes && !confirmed(context).await? {
        context.screen.say("nothing was deleted");
        return Ok(0);
    }
    let (done, outcome) = deletion::delete(&opened.whole, &plan, &job).await;
    context.screen.finish();
    let deleted: Vec<DeletedEntry> = done.iter().map(deletion::Going::entry).collect();
    let number = count(deleted.len() as u64, "manifest");
    if let Err(error) = outcome {
        let all = plan.going.len();
        let fault = Fault::from(error).context(format!("{}: deleted {number} of {all}", opened.shown));
        return Err(fault.into());
    }
    let document = DeleteDocument {
        format: "aosm-delete/1",
        reference: opened.shown.clone(),
        deleted,
        kept: plan.kept,
        untagged: None,
    };
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&format!("deleted {} ({number})", opened.shown));
    }
    Ok(0)
}

async fn untag(context: &Context, args: &DeleteArgs, opened: &Opened, selector: &Selector, job: &Job) -> Ended {
    let Selector::Tag(tag) = selector else {
        return Err(Fault::new(
            Kind::Usage,
            format!("{}: --tag-only takes off a tag, this is a digest", opened.shown),
        )
        .hint("name the tag")
        .into());
    };
    let acr = match &opened.registry {
        Some(registry) => registry.acr(job).await.map_err(Fault::from)?.map(|acr| (acr, registry)),
        None => None,
    };
    let Some((acr, registry)) = acr else {
        return Err(Fault::invalid(format!(
            "{}: only Azure Container Registry takes off a tag alone",
            opened.shown
        ))
        .hint("without --tag-only the manifest goes with all its tags")
        .into());
    };
    // A tag that is not there is an error of its own before anybody is asked.
    opened.place.resolve(selector, job).await.map_err(Fault::from)?;
    if !args.yes {
        context
            .screen
            .say(&format!("{}: the tag will go, its manifest stays", opened.shown));
        if !confirmed(context).await? {
            context.screen.say("nothing was deleted");
            return Ok(0);
        }
    }
    acr.untag(registry.repository(), tag, job).await.map_err(Fault::from)?;
    if context.screen.json() {
        context.screen.json_result(&DeleteDocument {
            format: "aosm-delete/1",
            reference: opened.shown.clone(),
            deleted: Vec::new(),
            kept: Vec::new(),
            untagged: Some(tag.clone()),
        });
    } else {
        context.screen.result(&format!("took off {}", opened.shown));
    }
    Ok(0)
}

/// What stands in the way, each with who and what to do.
fn refusals(opened: &Opened, root: &Descriptor, plan: &DeletionPlan) -> Faults {
    let mut faults = Faults::new();
    for obstacle in &plan.obstacles {
        let fault = match obstacle {
            Obstacle::OtherTags(tags) => {
                let names: Vec<&str> = tags.iter().map(String::as_str).collect();
                Fault::invalid(format!(
                    "{}: would also delete {}: they name the same manifest",
                    opened.shown,
                    some_of(&names)
                ))
                .hint(format!(
                    "if they may go, name the digest: {}",
                    by_digest(opened, &root.digest)
                ))
            }
            Obstacle::Parents(parents) => {
                let names: Vec<&str> = parents.iter().map(Digest::as_str).collect();
                Fault::invalid(format!(
                    "{}: {} it: {}",
                    opened.shown,
                    names_it(parents.len()),
                    some_of(&names)
                ))
                .hint("delete the index instead, with --graph")
            }
            Obstacle::Referrers(referrers) => {
                let names: Vec<String> = referrers
                    .iter()
                    .map(|(digest, kind)| format!("{kind} {digest}"))
                    .collect();
                let names: Vec<&str> = names.iter().map(String::as_str).collect();
                Fault::invalid(format!(
                    "{}: {} to it: {}",
                    opened.shown,
                    refers(referrers.len()),
                    some_of(&names)
                ))
                .hint("--graph deletes them too; `aosm-build artifact discover` shows them")
            }
        };
        faults.push(fault);
    }
    faults
}

fn names_it(number: usize) -> String {
    if number == 1 {
        "an index names".to_owned()
    } else {
        format!("{number} indexes name")
    }
}

fn refers(number: usize) -> String {
    if number == 1 {
        "1 manifest refers".to_owned()
    } else {
        format!("{number} manifests refer")
    }
}

/// The reference with a digest instead of its tag, in the form it was typed.
fn by_digest(opened: &Opened, digest: &Digest) -> String {
    format!("{}@{digest}", opened.path())
}

/// Asks on the terminal. Ctrl-C is an answer, too.
async fn confirmed(context: &Context) -> Result<bool, Fault> {
    context.screen.ask("delete? [y/N] ");
    let reading = tokio::task::spawn_blocking(|| {
        let mut answer = String::new();
        std::io::stdin().lock().read_line(&mut answer).map(|_| answer)
    });
    let answer = tokio::select! {
        () = context.cancel.cancelled() => {
            return Err(Fault::new(Kind::Interrupted, "stopped before anything was deleted"));
        }
        answer = reading => answer.map_err(std::io::Error::other).and_then(|answer| answer),
    };
    let answer = answer.map_err(|e| {
        Fault::infrastructure("the answer cannot be read")
            .because(e)
            .hint("--yes deletes without asking")
    })?;
    Ok(matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes"))
}
