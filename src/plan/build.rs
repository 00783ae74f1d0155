//! From a project to a plan: locate, look, decide.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use globset::GlobMatcher;

use super::aosm;
use super::attach::{self, Named};
use super::bytes::transfer_sizes;
use super::completeness::{self, StoreCompleteness};
use super::disks;
use super::locating::{Asking, Locations, locate_images};
use super::observe::{Answers, Look, observe};
use super::packs::PackStep;
use super::policy;
use super::prepare::{Prepared, Steps, prepare};
use super::seal::{self, SealTarget};
use super::target::{Target, targets};
use super::wanted::{Wanted, wanted};
use super::world::World;
use super::{Action, Desired, Effect, Plan, PlanStep, Seen, Session, Transfer, Unwanted, decide};
use crate::disk::Verify;
use crate::event::Event;
use crate::fault::some_of;
use crate::fault::{Fault, Faults};
use crate::graph::{Graph, Step, StepId, StepKind};
use crate::project::StoreKind;
use crate::store::{Guard, Observed};

/// What the command line asks of a plan.
#[derive(Debug, Clone)]
pub struct PlanOptions {
    /// Names that may be replaced, besides stores with `replace = true`.
    pub replace: Vec<GlobMatcher>,
    /// Check everything below each tag.
    pub force_check: bool,
    /// Only steps that match; empty: all.
    pub only: Vec<GlobMatcher>,
    /// Only steps of the store at this position.
    pub store: Option<usize>,
    /// How the lock takes part.
    pub asking: Asking,
    /// How far to look.
    pub depth: Depth,
    /// How blobs are proven, where the command line says so: `Full` reads back what is there, too.
    pub verify: Option<Verify>,
    /// Seal the artifact manifests of all stores, whatever the stores say.
    pub seal: bool,
}

/// How far a plan looks. The graph is the same in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// Which steps there are: neither are attachments packed nor stores asked.
    Steps,
    /// What each step wants: no store is asked, but for what is attached to what it holds already.
    Digests,
    /// What each store holds.
    Stores,
}

impl Default for PlanOptions {
    fn default() -> Self {
        Self {
            replace: Vec::new(),
            force_check: false,
            only: Vec::new(),
            store: None,
            asking: Asking::Missing,
            depth: Depth::Stores,
            verify: None,
            seal: false,
        }
    }
}

/// A plan, and what `apply` needs to carry it out.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// All steps, local ones included.
    pub graph: Graph,
    /// Effect steps, in the order of the plan.
    pub targets: Vec<Target>,
    /// What the local steps gave.
    pub prepared: Prepared,
    /// What the stores should hold.
    pub wanted: Wanted,
    /// Where the images are.
    pub locations: Locations,
    /// Sources and stores.
    pub world: World,
    /// How blobs are proven, where the command line says so.
    pub verify: Option<Verify>,
    /// For each store of AOSM what its manifest lacks; empty where only a part of the steps was chosen.
    pub completeness: Vec<StoreCompleteness>,
    /// What seal steps need, by step.
    pub seals: BTreeMap<StepId, SealTarget>,
    /// Errors that made steps invalid, each with its place.
    pub faults: Faults,
}

impl Planned {
    /// Everything that was packed: artifacts, then attachments.
    pub fn packs(&self) -> impl Iterator<Item = &PackStep> {
        let attached = self.targets.iter().filter(|target| target.kind == StepKind::Attach);
        let attached = attached.filter_map(|target| target.pack.as_deref());
        self.prepared.artifacts.iter().chain(attached)
    }
}

/// Makes the plan. Errors that concern single steps make those steps invalid; errors that concern the project as a
/// whole (broken charts, one name wanted with two contents) come back as such, before anything is looked at.
pub async fn plan(session: &Arc<Session>, options: &PlanOptions) -> Result<Planned, Faults> {
    let prepared = prepare(session, Steps::All).await?;
    for warning in &prepared.warnings {
        session.events.emit(Event::Fault(warning.clone()));
    }
    let wanted = wanted(&session.project, &prepared)?;
    aosm::split(&session.project, &wanted).into_result(())?;
    if let Some(warning) = wanted.undecided() {
        session.events.emit(Event::Fault(warning));
    }
    let mut world = World::open(session)?;
    let asks =
        options.depth == Depth::Stores || options.depth == Depth::Digests && !session.project.attachments.is_empty();
    world.connect(session, asks).await?;
    let locations = locate_images(session, &prepared, &wanted, &world, options.asking.clone()).await?;
    let mut targets = targets(&session.project, &wanted, &locations)?;
    let mut disks = disks::named(&session.project);
    let mut named = attach::named(&session.project, &wanted, &locations, &targets)?;
    if let Some(store) = options.store {
        targets.retain(|target| target.store == store);
        named.retain(|one| one.target.store == store);
        disks.retain(|target| target.store == store);
    }
    if !options.only.is_empty() {
        select(&options.only, &mut targets, &mut named);
        disks.retain(|target| selected(&options.only, target));
    }
    if options.depth == Depth::Stores {
        aosm::bar(&session.project, &world.sites, &mut targets);
        aosm::bar(&session.project, &world.sites, &mut disks);
    }
    let answers = Arc::new(Answers::default());
    let mut seen = vec![Seen::NotAsked; targets.len()];
    if options.depth == Depth::Stores {
        let (asked, looks): (Vec<usize>, Vec<Look>) = looks(&targets, &world).into_iter().unzip();
        let found = observe(session, looks, options.force_check, &answers).await?;
        for (at, what) in asked.into_iter().zip(found) {
            if let Some(seen) = seen.get_mut(at) {
                *seen = what;
            }
        }
    }
    let attached = if options.depth == Depth::Steps {
        named.into_iter().map(|one| (one.target, Seen::NotAsked)).collect()
    } else {
        let answers = (options.depth == Depth::Stores).then_some(&*answers);
        attach::looked_at(session, &world, &locations, answers, (&targets, &seen), named).await?
    };
    let looked_at = disks::looked_at(session, &world, options, disks).await?;
    for (target, what) in attached.into_iter().chain(looked_at) {
        let at = targets.partition_point(|other| other.id < target.id);
        targets.insert(at, target);
        seen.insert(at, what);
    }
    finish(session, options, prepared, wanted, world, locations, targets, seen).await
}

/// The decision about each step, and everything that follows from it.
#[allow(
    clippy::too_many_arguments,
    reason = "the parts of one plan; a struct would only rename them"
)]
pub(super) async fn finish(
    session: &Arc<Session>,
    options: &PlanOptions,
    prepared: Prepared,
    wanted: Wanted,
    world: World,
    locations: Locations,
    mut targets: Vec<Target>,
    seen: Vec<Seen>,
) -> Result<Planned, Faults> {
    let mut faults = Faults::new();
    let mut steps = Vec::new();
    for (target, seen) in targets.iter_mut().zip(&seen) {
        steps.push(decided(session, options, &world, target, seen, &mut faults));
    }
    faults.extend(unreadable(session, &world, &targets, &seen));
    faults.extend(aosm::sealed(&world.sites, &targets, &mut steps));
    faults.extend(policy::judge(session, options, (&wanted, &world, &locations), &targets, &mut steps).await);
    blocked(&mut steps);
    faults.extend(transfer_sizes(session, &targets, &mut steps, &world, &locations).await?);
    let completeness = if options.only.is_empty() {
        completeness::tables(&session.project, &wanted, &world, &targets, &seen)
    } else {
        Vec::new()
    };
    let (seals, unfit) = seal::add(session, options, &world, &completeness, &mut targets, &mut steps);
    faults.extend(unfit);
    blocked(&mut steps);
    let unwanted = if options.only.is_empty() {
        unwanted(session, &targets, &world).await
    } else {
        Vec::new()
    };
    let graph = Graph::freeze(nodes(&prepared, &wanted, &targets))?;
    session.remember();
    let changes = locations.lock_changes.clone();
    let links = aosm::private_links(&world.sites, &steps);
    let tables = completeness.iter().filter(|_| options.depth == Depth::Stores);
    let plan = Plan::new(prepared.helm.clone(), steps, changes, locations.drift.clone(), unwanted)
        .with_private_links(links)
        .with_completeness(tables.map(StoreCompleteness::document).collect());
    faults.extend(locations.faults.iter().cloned());
    Ok(Planned {
        plan,
        graph,
        targets,
        prepared,
        wanted,
        locations,
        world,
        verify: options.verify,
        completeness,
        seals,
        faults,
    })
}

/// What stores are asked, each with the position of its target. Nobody is asked about what may not go there.
fn looks(targets: &[Target], world: &World) -> Vec<(usize, Look)> {
    let may_go = |target: &&Target| !matches!(target.desired, Desired::Barred(_));
    let looks = targets.iter().enumerate().filter_map(|(at, target)| {
        let target = Some(target).filter(may_go)?;
        let look = Look {
            store: Arc::clone(world.stores.get(&target.store)?),
            name: target.name.clone(),
            title: target.title.clone(),
            chart: target.chart.as_ref().map(|chart| chart.output.clone()),
            desired: target.desired_digest().cloned(),
            along: target.along.clone(),
        };
        Some((at, look))
    });
    looks.collect()
}

/// Keeps the steps that match, and the effects they need.
fn select(only: &[GlobMatcher], targets: &mut Vec<Target>, named: &mut Vec<Named>) {
    named.retain(|one| selected(only, &one.target));
    let needed: BTreeSet<&StepId> = named.iter().flat_map(|one| &one.target.needs_effects).collect();
    targets.retain(|target| needed.contains(&target.id) || selected(only, target));
}

/// The same where all steps are named already.
pub(super) fn select_all(only: &[GlobMatcher], targets: &mut Vec<Target>) {
    if only.is_empty() {
        return;
    }
    let chosen: Vec<&Target> = targets.iter().filter(|target| selected(only, target)).collect();
    let needed: BTreeSet<StepId> = chosen
        .into_iter()
        .flat_map(|target| target.needs_effects.iter().chain([&target.id]))
        .cloned()
        .collect();
    targets.retain(|target| needed.contains(&target.id));
}

fn selected(only: &[GlobMatcher], target: &Target) -> bool {
    only.iter().any(|glob| {
        glob.is_match(target.id.as_str())
            || glob.is_match(&target.title)
            || glob.is_match(target.name.to_string())
            || glob.is_match(&target.name.repository)
    })
}

fn decided(
    session: &Session,
    options: &PlanOptions,
    world: &World,
    target: &mut Target,
    seen: &Seen,
    faults: &mut Faults,
) -> PlanStep {
    let store = session.project.stores.get(target.store);
    let store_name = store.map_or_else(String::new, |store| store.name.value.clone());
    let name = target.name.to_string();
    // What a seal forbids no flag allows, so none is named.
    let sealed = world.sites.get(&target.store).is_some_and(|site| site.is_sealed());
    let allowed = sealed
        || store.is_some_and(|store| store.replace)
        || options.replace.iter().any(|glob| {
            glob.is_match(&name) || glob.is_match(&target.name.repository) || glob.is_match(target.id.as_str())
        });
    let hint = format!("aosm-build apply --replace={name}");
    let decision = decide(&target.desired, seen, (!allowed).then_some(hint.as_str()));
    let observed = match seen {
        Seen::Store(Observed::Present(root) | Observed::Damaged { root: Some(root), .. })
        | Seen::SameContent(root)
        | Seen::Incomplete { root, .. } => Some(root.digest.clone()),
        Seen::Disk(seen) => seen.digest().cloned(),
        _ => None,
    };
    if decision.action == Action::Invalid && matches!(target.desired, Desired::Known(_)) {
        let words: Vec<String> = decision.reasons.iter().map(super::Reason::words).collect();
        faults.push(
            Fault::invalid(format!("{}: {}", target.id, words.join("; ")))
                .at_opt(store.and_then(|store| store.name.place.clone()))
                .hint(format!(
                    "`{hint}` replaces it once; `replace = true` in the store allows it always"
                )),
        );
    }
    if let Desired::Barred(fault) = &target.desired {
        faults.push((**fault).clone().context(&target.id));
    }
    if let (StepKind::Attach, Desired::NotLocated(why)) = (target.kind, &target.desired) {
        faults.push(
            Fault::invalid(format!("{}: {why}", target.id))
                .at_opt(target.place.clone())
                .hint("correct `subject`, or put what it names into the store first"),
        );
    }
    if let Seen::Incomplete { taken, .. } = seen {
        for one in taken {
            target.guards.insert(one.tag.clone(), Guard::Replace(one.old.clone()));
        }
    }
    let mut step = PlanStep {
        id: target.id.clone(),
        kind: target.kind,
        store: store_name,
        action: decision.action,
        effect: decision.effect,
        desired: target.desired_digest().cloned(),
        observed,
        transfer: (decision.action == Action::Run).then_some(Transfer::Stream),
        transfer_why: None,
        bytes: 0,
        reasons: decision.reasons,
        deps: target.needs_effects.clone(),
        disk: None,
        title: target.title.clone(),
        from: target.from.clone(),
    };
    disks::finish(&mut step, target, &hint, faults);
    step
}

/// One fault for each store that could not be read, however many steps that concerns.
fn unreadable(session: &Session, world: &World, targets: &[Target], seen: &[Seen]) -> Vec<Fault> {
    // By store and answer: the first hint, and the steps concerned.
    type Concerned<'a> = (Option<&'a str>, Vec<&'a str>);
    let mut answers: BTreeMap<(usize, &str), Concerned<'_>> = BTreeMap::new();
    for (target, seen) in targets.iter().zip(seen) {
        if let Seen::Unreadable { why, hint } = seen {
            let (first_hint, steps) = answers.entry((target.store, why)).or_default();
            *first_hint = first_hint.or(hint.as_deref());
            steps.push(target.id.as_str());
        }
    }
    let faults = answers.into_iter().map(|((index, why), (hint, steps))| {
        let store = session.project.stores.get(index);
        let name = store.map_or("", |store| store.name.value.as_str());
        // What is the matter with a store of AOSM was learnt before its steps were asked about.
        if let Some(problem) = world.sites.get(&index).and_then(|site| site.problem.clone()) {
            return problem.because(format!("needed for {}", some_of(&steps)));
        }
        let otherwise = match store.map(|store| &store.kind) {
            Some(StoreKind::Registry { host, .. }) => {
                format!("check that {host} can be reached, or log in: aosm-build login {host}")
            }
            Some(StoreKind::Acr(_)) => "check that its registry can be reached from here".to_owned(),
            Some(StoreKind::StorageAccount(_)) => "check that it can be reached, and the signature at hand".to_owned(),
            _ => "look at what lies at the store's path: move it away, or set another path for this store".to_owned(),
        };
        Fault::infrastructure(format!("store {name} could not be read: {why}"))
            .at_opt(store.and_then(|store| store.name.place.clone()))
            .because(format!("needed for {}", some_of(&steps)))
            .hint(hint.map_or(otherwise, str::to_owned))
    });
    faults.collect()
}

/// Steps that need an invalid or unknown one are blocked: attachments, where what they are attached to cannot be there.
fn blocked(steps: &mut [PlanStep]) {
    let stuck: BTreeSet<StepId> = steps
        .iter()
        .filter(|step| matches!(step.action, Action::Invalid | Action::Unknown))
        .map(|step| step.id.clone())
        .collect();
    for step in steps.iter_mut().filter(|step| step.action == Action::Run) {
        if step.deps.iter().any(|dep| stuck.contains(dep)) {
            step.action = Action::Blocked;
            step.effect = Effect::None;
        }
    }
}

/// What local stores hold and nobody wants. Registries are not listed: that would take requests without end.
async fn unwanted(session: &Arc<Session>, targets: &[Target], world: &World) -> Vec<Unwanted> {
    let mut names: BTreeMap<usize, BTreeSet<String>> = BTreeMap::new();
    for target in targets {
        let names = names.entry(target.store).or_default();
        names.insert(target.name.to_string());
        for tag in target.along.iter().filter_map(|one| one.tag.as_ref()) {
            names.insert(format!("{}:{tag}", target.name.repository));
        }
    }
    let mut unwanted = Vec::new();
    for (index, store) in &world.stores {
        let Ok(Some(held)) = store.names(&session.job("list")).await else {
            continue;
        };
        let kept = names.remove(index).unwrap_or_default();
        unwanted.extend(
            held.into_iter()
                .map(|name| name.to_string())
                .filter(|name| !kept.contains(name))
                .map(|name| Unwanted {
                    store: store.name().to_owned(),
                    name,
                }),
        );
    }
    unwanted
}

fn nodes(prepared: &Prepared, wanted: &Wanted, targets: &[Target]) -> Vec<Step> {
    let mut steps = prepared.steps();
    for image in &wanted.images {
        let packages: BTreeSet<&str> = image
            .found
            .iter()
            .map(|found| found.package.as_str())
            .filter(|name| !name.is_empty())
            .collect();
        steps.push(Step {
            id: StepId::local(StepKind::Locate, image.reference.as_str()),
            kind: StepKind::Locate,
            store: None,
            needs: packages
                .into_iter()
                .map(|name| StepId::local(StepKind::Discover, name))
                .collect(),
        });
    }
    steps.extend(targets.iter().flat_map(|target| target.local.iter().cloned()));
    steps.extend(targets.iter().map(|target| Step {
        id: target.id.clone(),
        kind: target.kind,
        store: Some(target.store_name.clone()),
        needs: target.needs.clone(),
    }));
    steps
}
