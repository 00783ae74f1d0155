//! A plan that fills stores from a bundle: what belongs where is what the bundle says, and no source is asked.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::aosm;
use super::build::{PlanOptions, Planned, finish, select_all};
use super::locating::Locations;
use super::observe::{Answers, Look, observe};
use super::prepare::Prepared;
use super::target::Target;
use super::wanted::Wanted;
use super::world::World;
use super::{Desired, Seen, Session};
use crate::bundle::{Bundle, BundleEntry, EntryKind};
use crate::fault::{Fault, Faults};
use crate::graph::{StepId, StepKind};
use crate::oci::Descriptor;
use crate::oci::recursive::ReferrerFound;
use crate::project::StoreConfig;
use crate::store::{ArtifactName, Observed};

/// Makes the plan.
pub async fn plan_bundle(session: &Arc<Session>, options: &PlanOptions, bundle: Bundle) -> Result<Planned, Faults> {
    let mut targets = targets(session, &bundle)?;
    select_all(&options.only, &mut targets);
    let mut world = World::open(session)?;
    world.connect(session, true).await?;
    aosm::bar(&session.project, &world.sites, &mut targets);
    let answers = Arc::new(Answers::default());
    let mut looks = Vec::new();
    for target in &targets {
        let Some(store) = world.stores.get(&target.store) else {
            return Err(Fault::bug(format!("{}: its store is not open", target.id)).into());
        };
        looks.push(Look {
            store: Arc::clone(store),
            name: target.name.clone(),
            title: target.title.clone(),
            chart: None,
            desired: target.desired_digest().cloned(),
            along: target.along.clone(),
        });
    }
    // What is attached is looked for below its subject; the name is the subject's, and asked once.
    let barred = |at: &usize| matches!(targets.get(*at).map(|target| &target.desired), Some(Desired::Barred(_)));
    let own: Vec<usize> = (0..targets.len())
        .filter(|at| !is_attached(&targets, *at) && !barred(at))
        .collect();
    let asked: Vec<Look> = own.iter().filter_map(|at| looks.get(*at).cloned()).collect();
    let found = observe(session, asked, options.force_check, &answers).await?;
    let mut seen: BTreeMap<usize, Seen> = own.into_iter().zip(found).collect();
    seen.extend((0..targets.len()).filter(barred).map(|at| (at, Seen::NotAsked)));
    for (at, look) in looks.iter().enumerate() {
        if is_attached(&targets, at)
            && let Some(target) = targets.get(at)
        {
            let what = attached(session, target, look, &targets, &seen, &answers).await;
            seen.insert(at, what);
        }
    }
    let seen = seen.into_values().collect();
    let prepared = Prepared {
        packages: Vec::new(),
        artifacts: Vec::new(),
        helm: None,
        warnings: Faults::new(),
    };
    let locations = Locations::of_bundle(bundle.content);
    finish(
        session,
        options,
        prepared,
        Wanted::default(),
        world,
        locations,
        targets,
        seen,
    )
    .await
}

fn is_attached(targets: &[Target], at: usize) -> bool {
    targets.get(at).is_some_and(|target| target.kind == StepKind::Attach)
}

/// Is an attachment there? Its subject may be one of the bundle's, or something that the store holds already.
async fn attached(
    session: &Arc<Session>,
    target: &Target,
    look: &Look,
    targets: &[Target],
    seen: &BTreeMap<usize, Seen>,
    answers: &Answers,
) -> Seen {
    let (Some(subject), Some(desired)) = (&target.subject, &look.desired) else {
        return Seen::NotAsked;
    };
    if session.mode.offline && look.store.is_remote() {
        return Seen::NotAsked;
    }
    let step = target.needs_effects.first();
    let of_subject = step.and_then(|step| seen.get(&targets.iter().position(|other| other.id == *step)?));
    match of_subject {
        Some(Seen::Store(Observed::Present(held)) | Seen::Incomplete { root: held, .. }) if held.digest == *subject => {
        }
        Some(Seen::Unreadable { why, hint }) => {
            return Seen::Unreadable {
                why: why.clone(),
                hint: hint.clone(),
            };
        }
        // Its subject is put there first.
        Some(_) => return Seen::Store(Observed::Absent),
        None => {}
    }
    let job = session.job(target.id.as_str());
    match answers.listed(&look.store, &look.name.repository, subject, &job).await {
        Ok(listed) if listed.contains(desired) => {
            Seen::Store(Observed::Present(Descriptor::new("", desired.clone(), 0)))
        }
        Ok(_) => Seen::Store(Observed::Absent),
        Err(e) => Seen::Unreadable {
            why: e.detail,
            hint: e.hint,
        },
    }
}

/// The entries as steps. An entry for a store that the project has not is an error.
fn targets(session: &Session, bundle: &Bundle) -> Result<Vec<Target>, Faults> {
    let mut faults = Faults::new();
    let mut by_id: BTreeMap<StepId, Target> = BTreeMap::new();
    let stores = &session.project.stores;
    let mut unknown: Vec<&str> = Vec::new();
    for entry in &bundle.document.entries {
        let fits = |store: &StoreConfig| store.name.value == entry.store && !store.kind.is_for_disks();
        let Some(store) = stores.iter().position(fits) else {
            if !unknown.contains(&entry.store.as_str()) {
                unknown.push(&entry.store);
            }
            continue;
        };
        let target = target(entry, store, &bundle.document.entries);
        if let Some(twin) = by_id.insert(target.id.clone(), target) {
            faults.push(
                Fault::invalid(format!("the bundle names {} twice", twin.id))
                    .hint("write it again: aosm-build export --bundle FILE"),
            );
        }
    }
    if !unknown.is_empty() {
        let known: Vec<&str> = stores.iter().map(|store| store.name.value.as_str()).collect();
        faults.push(
            Fault::invalid(format!(
                "the bundle fills stores that this project has not: {}",
                unknown.join(", ")
            ))
            .at_opt(session.project.files.first().map(crate::fault::Place::file_only))
            .because(format!("stores of this project: {}", known.join(", ")))
            .hint(format!(
                "add [stores.{}] to aosm.toml, or rename a store",
                unknown.join("], [stores.")
            )),
        );
    }
    faults
        .into_result(by_id.into_values().collect())
        .map(|(targets, _)| targets)
}

fn target(entry: &BundleEntry, store: usize, all: &[BundleEntry]) -> Target {
    let kind = match entry.kind {
        EntryKind::Copy => StepKind::Copy,
        EntryKind::Push => StepKind::Push,
        EntryKind::Attach => StepKind::Attach,
    };
    let name = ArtifactName {
        repository: entry.repository.clone(),
        tag: entry.tag.clone(),
    };
    let subject = all.iter().find(|other| {
        entry.kind == EntryKind::Attach
            && other.kind != EntryKind::Attach
            && other.store == entry.store
            && (&other.repository, &other.tag) == (&entry.repository, &entry.tag)
            && entry.subject.as_ref() == Some(&other.digest)
    });
    let needs: Vec<StepId> = subject
        .map(|other| {
            let kind = if other.kind == EntryKind::Copy {
                StepKind::Copy
            } else {
                StepKind::Push
            };
            StepId::effect(kind, &other.store, &other.title)
        })
        .into_iter()
        .collect();
    Target {
        id: StepId::effect(kind, &entry.store, &entry.title),
        kind,
        store,
        store_name: entry.store.clone(),
        name,
        title: entry.title.clone(),
        desired: Desired::Known(entry.root()),
        from: "the bundle".to_owned(),
        place: None,
        needs: needs.clone(),
        needs_effects: needs,
        chart: None,
        pack: None,
        subject: entry.subject.clone(),
        local: Vec::new(),
        guards: BTreeMap::new(),
        image: None,
        disk: None,
        along: entry.referrers.iter().map(ReferrerFound::from).collect(),
    }
}
