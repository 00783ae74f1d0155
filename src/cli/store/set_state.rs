//! `store set-state`: one version of an artifact is made active, deprecated, or a preview again.
//!
//! Nothing is sent where the version has that state already, and the end is what the service then says, not what was
//! asked of it.

use clap::{Args, ValueEnum};

use super::artifacts::{expect_region, versions};
use super::options::StoreArgs;
use crate::azure::artifact_documents::ArtifactStateDocument;
use crate::azure::{ArtifactState, ArtifactVersion, StoreId};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::cli::prompt;
use crate::fault::{Fault, Kind, some_of};
use crate::report::diagnostic::printable;

/// States that can be asked for, in the service's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "PascalCase")]
pub enum StateArg {
    /// May still change
    Preview,
    /// Does not change any more
    Active,
    /// Should not be used any more
    Deprecated,
}

impl StateArg {
    fn state(self) -> ArtifactState {
        match self {
            Self::Preview => ArtifactState::Preview,
            Self::Active => ArtifactState::Active,
            Self::Deprecated => ArtifactState::Deprecated,
        }
    }
}

/// Flags of `store set-state`.
#[derive(Debug, Args)]
#[command(
    override_usage = "aosm-build store set-state [OPTIONS] --name <NAME> --version <VERSION>
           --state <STATE> [STORE]"
)]
#[command(after_help = "Examples:
  aosm-build store set-state images --name contoso-cnf --version 1.0.0 --state Active
  aosm-build store set-state -g contoso-rg --publisher contoso --artifact-store contoso-acr \\
    --name contoso-cnf --version 1.0.0 --state Deprecated

Asks before it changes anything, unless --yes is given. The service decides which changes it takes, and may refuse
one for what still uses this version: its reason is shown, and nothing is changed then.")]
pub struct SetStateArgs {
    /// A store of the project, which says what the flags leave out
    #[arg(value_name = "STORE")]
    pub of: Option<String>,
    /// Which store.
    #[command(flatten)]
    pub store: StoreArgs,
    /// The artifact
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// Its version
    #[arg(long, value_name = "VERSION")]
    pub version: String,
    /// The state that it gets
    #[arg(long, value_name = "STATE", value_enum, ignore_case = true)]
    pub state: StateArg,
    /// Do not ask
    #[arg(short, long)]
    pub yes: bool,
}

pub async fn run(context: &Context, args: &SetStateArgs) -> Ended {
    let what = format!("{}:{}", args.name, args.version);
    if !args.yes && !prompt::possible() {
        return Err(Fault::new(
            Kind::Usage,
            format!("store set-state {what}: nobody is here to be asked"),
        )
        .hint("--yes changes the state without asking")
        .into());
    }
    let (id, chosen) = args.store.chosen(context, args.of.as_deref())?;
    let (arm, job) = chosen.arm(context, "store set-state")?;
    expect_region(&chosen, &arm, &id, &job).await?;
    let wanted = args.state.state();
    let before = version_of(versions(&arm, &id, &args.name, &job).await?, args, &id)?.state;
    context.screen.finish();
    if before.as_ref() == Some(&wanted) {
        if !context.screen.json() {
            context.screen.say(&format!("{what} is {wanted} already"));
        }
        return Ok(told(context, args, &id, before.as_ref(), &wanted));
    }
    let from = before.as_ref().map_or_else(
        || "a state that is not known".to_owned(),
        |state| printable(state.as_str()),
    );
    let question = format!("change {what} in {id} from {from} to {wanted}? [y/N] ");
    if !args.yes && !prompt::agreed(&question, &context.cancel).await? {
        context.screen.say("nothing was changed");
        return Ok(0);
    }
    ArtifactVersion::set_state(&arm, &id, &args.name, &args.version, &wanted, &job)
        .await
        .map_err(Fault::from)?;
    let now = version_of(versions(&arm, &id, &args.name, &job).await?, args, &id)?.state;
    context.screen.finish();
    if now.as_ref() != Some(&wanted) {
        let shown = now.as_ref().map_or("no state", ArtifactState::as_str);
        return Err(Fault::new(
            Kind::StepsFailed,
            format!("{what} in {id}: the service took the change to {wanted}, but still shows {shown}"),
        )
        .hint(format!(
            "look again in a while: aosm-build store artifacts --name {}",
            args.name
        ))
        .into());
    }
    if !context.screen.json() {
        context.screen.say(&format!("{what} was {from}, and is {wanted} now"));
    }
    Ok(told(context, args, &id, before.as_ref(), &wanted))
}

/// The version that is meant, among those that are there.
fn version_of(versions: Vec<ArtifactVersion>, args: &SetStateArgs, id: &StoreId) -> Result<ArtifactVersion, Fault> {
    let names: Vec<String> = versions.iter().map(|version| version.version.clone()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let found = versions.into_iter().find(|version| version.version == args.version);
    found.ok_or_else(|| {
        Fault::invalid(format!(
            "artifact {} in {id} has no version {}: it has {}",
            args.name,
            args.version,
            some_of(&names)
        ))
        .hint("name one of these with --version")
    })
}

fn told(
    context: &Context,
    args: &SetStateArgs,
    id: &StoreId,
    before: Option<&ArtifactState>,
    state: &ArtifactState,
) -> u8 {
    if context.screen.json() {
        context.screen.json_result(&ArtifactStateDocument {
            format: "aosm-artifact-state/1",
            publisher: id.publisher.publisher.clone(),
            artifact_store: id.store.clone(),
            artifact: args.name.clone(),
            version: args.version.clone(),
            before: before.map(ArtifactState::to_string),
            state: state.to_string(),
            changed: before != Some(state),
        });
    }
    0
}
