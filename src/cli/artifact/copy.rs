//! `artifact copy`: one artifact from place to place, with what refers to it on request.

use clap::Args;

use super::open::{Opened, Purpose, job, open_with};
use super::options::{AuthMode, Login, LoginArgs, RegistryArgs};
use crate::artifact::copying::{CopyRequest, Occupied, PreparedCopy, carry_out, prepare};
use crate::artifact::documents::{CopiedReferrer, CopyDocument};
use crate::cli::Ended;
use crate::cli::context::Context;
use crate::event::{Event, Outcome};
use crate::fault::{Fault, Faults, Kind};
use crate::oci::recursive::Selection;
use crate::oci::{CopyOptions, Job, OciError, Platform, Selector};
use crate::report::artifact::copied;

/// Flags of `artifact copy`.
#[derive(Debug, Args)]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
#[command(after_help = "Examples:
  aosm-build artifact copy --recursive quay.io/team/app:1.0 myregistry.azurecr.io/team/app:1.0,latest
  aosm-build artifact copy --platform linux/amd64 docker.io/library/nginx:1.27 oci:images:nginx:1.27

With --platform the target gets a new index that lists only those, with a digest of its own. What is named by its digest is never cut.")]
pub struct CopyArgs {
    /// What is copied: host/repository:tag (or @digest), STORE:repository:tag or oci:DIR:NAME
    #[arg(value_name = "SOURCE")]
    pub source: String,
    /// Where to, with any number of tags: host/repository:tag,tag
    #[arg(value_name = "TARGET[,TAG…]")]
    pub target: String,
    /// Also what refers to it, and to that: signatures, SBOMs, cosign's tags
    #[arg(short, long)]
    pub recursive: bool,
    /// Only this platform; may be given several times
    #[arg(long, value_name = "OS/ARCH")]
    pub platform: Vec<Platform>,
    /// Keep the index as it is, with the manifests of other platforms missing
    #[arg(long, requires = "platform")]
    pub sparse: bool,
    /// Overwrite tags that hold something else
    #[arg(long)]
    pub replace: bool,
    /// Look below what the target has already
    #[arg(long)]
    pub force_check: bool,
    /// How to log in to each side.
    #[command(flatten)]
    pub sides: SideArgs,
    /// How to reach both.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// How to log in where both sides differ.
#[derive(Debug, Clone, Args)]
pub struct SideArgs {
    /// How to log in to the source
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Registry options")]
    pub from_auth: Option<AuthMode>,
    /// The Entra tenant of the source
    #[arg(long, value_name = "TENANT", help_heading = "Registry options")]
    pub from_tenant: Option<String>,
    /// User name at the source; the password is read from standard input
    #[arg(
        long,
        value_name = "USER",
        requires = "from_password_stdin",
        conflicts_with_all = ["from_auth", "from_tenant", "username"],
        help_heading = "Registry options"
    )]
    pub from_username: Option<String>,
    /// Read the source's password from standard input
    #[arg(long, requires = "from_username", help_heading = "Registry options")]
    pub from_password_stdin: bool,
    /// How to log in to the target
    #[arg(long, value_name = "MODE", value_enum, help_heading = "Registry options")]
    pub to_auth: Option<AuthMode>,
    /// The Entra tenant of the target
    #[arg(long, value_name = "TENANT", help_heading = "Registry options")]
    pub to_tenant: Option<String>,
    /// User name at the target; the password is read from standard input
    #[arg(
        long,
        value_name = "USER",
        requires = "to_password_stdin",
        conflicts_with_all = ["to_auth", "to_tenant", "username", "from_username"],
        help_heading = "Registry options"
    )]
    pub to_username: Option<String>,
    /// Read the target's password from standard input
    #[arg(long, requires = "to_username", help_heading = "Registry options")]
    pub to_password_stdin: bool,
}

impl CopyArgs {
    fn logins(&self) -> Result<(Login, Login), Fault> {
        let common = Login::of(&self.registry.login)?;
        let sides = &self.sides;
        let from = Login::of(&LoginArgs {
            auth: sides.from_auth,
            tenant: sides.from_tenant.clone(),
            username: sides.from_username.clone(),
            password_stdin: sides.from_password_stdin,
        })?;
        let to = Login::of(&LoginArgs {
            auth: sides.to_auth,
            tenant: sides.to_tenant.clone(),
            username: sides.to_username.clone(),
            password_stdin: sides.to_password_stdin,
        })?;
        Ok((from.or(&common), to.or(&common)))
    }
}

pub async fn run(context: &Context, args: &CopyArgs) -> Ended {
    let (from, to) = args.logins()?;
    let sides = [
        (args.source.as_str(), Purpose::Read, &from),
        (args.target.as_str(), Purpose::Write, &to),
    ];
    let mut opened = open_with(context, &args.registry.reach, &sides).await?.into_iter();
    let (Some(source), Some(target)) = (opened.next(), opened.next()) else {
        return Err(Fault::bug("an opened reference was lost").into());
    };
    let selector = source.named()?.clone();
    if matches!(selector, Selector::Digest(_)) && !args.platform.is_empty() {
        return Err(Fault::new(
            Kind::Usage,
            format!(
                "{}: what is named by its digest is never cut to some platforms",
                source.shown
            ),
        )
        .hint("name a tag, or the digest of the one manifest")
        .into());
    }
    let request = CopyRequest {
        source: source.place.clone(),
        selector,
        target: target.place.clone(),
        tags: target.tags().into_iter().map(str::to_owned).collect(),
        platforms: args.platform.clone(),
        sparse: args.sparse,
        referrers: if args.recursive {
            Selection::All
        } else {
            Selection::None
        },
        replace: args.replace,
        thorough: args.force_check,
        blobs_at_once: (args.registry.reach.concurrency)
            .map_or(CopyOptions::default().blobs_at_once, std::num::NonZeroUsize::get),
    };
    let name = format!("copy {} to {}", source.shown, target.shown);
    let job = job(context, &name);
    let told = |error: OciError| side(error, &source, &target).context(&name);
    let copy = prepare(&request, &job).await.map_err(told)?;
    if !args.replace && !copy.occupied.is_empty() {
        return Err(refusals(&target, &copy));
    }
    if !copy.fresh {
        watched(&request, &copy, &job).await.map_err(told)?;
    }
    context.screen.finish();
    let document = document(&source, &target, &request, &copy, &job);
    if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&copied(&document));
    }
    Ok(0)
}

/// The copy, with a bar.
async fn watched(request: &CopyRequest, copy: &PreparedCopy, job: &Job) -> Result<(), OciError> {
    job.events.emit(Event::StepStarted {
        step: job.step.clone(),
        bytes: Some(copy.size),
    });
    let outcome = carry_out(request, copy, job).await;
    let filled = job.filled();
    if outcome.is_ok() {
        // What became of it is told as the result; this only takes the bar away.
        job.events.emit(Event::StepFinished {
            step: job.step.clone(),
            outcome: Outcome::Fresh,
            bytes_moved: filled.bytes_moved,
            bytes_mounted: filled.bytes_mounted,
            requests: filled.requests,
        });
    }
    outcome
}

/// An error with the side that it happened on.
fn side(error: OciError, source: &Opened, target: &Opened) -> Fault {
    // The most that the error tells of a side: its repository, else (where a login fails) its registry. Within one
    // repository, or registry, there are no sides.
    let told = |opened: &Opened| {
        let host = opened
            .registry
            .as_ref()
            .map(|registry| registry.client().host.name.as_str());
        let labels = [Some(opened.place.label()), host].into_iter().flatten();
        labels.filter(|label| error.subject.contains(label)).map(str::len).max()
    };
    let side = match told(source).cmp(&told(target)) {
        std::cmp::Ordering::Greater => Some("source"),
        std::cmp::Ordering::Less => Some("target"),
        std::cmp::Ordering::Equal => None,
    };
    match side {
        Some(side) => Fault::from(error).context(side),
        None => Fault::from(error),
    }
}

fn refusals(target: &Opened, copy: &PreparedCopy) -> Faults {
    let mut faults = Faults::new();
    for Occupied { tag, held } in &copy.occupied {
        faults.push(
            Fault::invalid(format!("{}: tag {tag} holds {held}", target.path()))
                .because(format!("{} was to be written", copy.wanted(tag)))
                .hint("--replace overwrites it"),
        );
    }
    faults
}

fn document(source: &Opened, target: &Opened, request: &CopyRequest, copy: &PreparedCopy, job: &Job) -> CopyDocument {
    let filled = job.filled();
    CopyDocument {
        format: "aosm-copy/1",
        source: source.shown.clone(),
        target: target.path(),
        source_digest: copy.source_root.digest.to_string(),
        digest: copy.root.digest.to_string(),
        tags: request.tags.clone(),
        bytes_moved: filled.bytes_moved,
        bytes_mounted: filled.bytes_mounted,
        requests: filled.requests,
        referrers: copy
            .referrers
            .iter()
            .map(|referrer| CopiedReferrer {
                digest: referrer.descriptor.digest.to_string(),
                artifact_type: referrer.descriptor.artifact_type().map(str::to_owned),
                subject: referrer.subject.to_string(),
                tag: referrer.tag.clone(),
            })
            .collect(),
    }
}
