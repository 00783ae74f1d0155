//! `attach` steps: named before anything is asked, packed once the digest of their subject is known.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;

use super::locating::Locations;
use super::observe::Answers;
use super::packs::{PackInput, packed};
use super::subject::{At, resolve};
use super::target::{Target, files};
use super::wanted::Wanted;
use super::world::World;
use super::{Desired, Seen, Session};
use crate::fault::{Fault, Faults};
use crate::graph::{Step, StepId, StepKind};
use crate::oci::{Descriptor, ErrorKind, Selector};
use crate::project::{AttachmentConfig, Project};
use crate::state::Receipts;
use crate::store::{ArtifactName, Observed};

/// Attachments looked at a time; each registry host has a smaller limit of its own.
const AT_A_TIME: usize = 16;

/// An attachment to one thing in one store, before anything is known of its digest.
pub(super) struct Named {
    /// Its index in the project.
    pub config: usize,
    /// What it is attached to.
    pub subject: SubjectAt,
    /// The step, without a desired digest yet.
    pub target: Target,
}

/// One thing in one store.
#[derive(Debug, Clone)]
pub(super) enum SubjectAt {
    /// What a step puts there.
    Step(StepId),
    /// What the store holds.
    Held(Selector),
}

/// All `attach` steps with their ids. Two that could not be told apart are an error with both places.
pub(super) fn named(
    project: &Project,
    wanted: &Wanted,
    locations: &Locations,
    targets: &[Target],
) -> Result<Vec<Named>, Faults> {
    let mut faults = Faults::new();
    let mut all: Vec<Named> = Vec::new();
    for (index, config) in project.attachments.iter().enumerate() {
        match resolve(project, wanted, locations, targets, config) {
            Ok(At::Steps(steps)) => {
                let steps = steps.iter().filter_map(|at| targets.get(*at));
                all.extend(steps.map(|subject| to_step(index, config, subject)));
            }
            Ok(At::Held {
                store,
                repository,
                selector,
            }) => all.push(to_held(project, index, config, store, &repository, selector)),
            Err(fault) => faults.push(fault),
        }
    }
    let mut counts: BTreeMap<StepId, usize> = BTreeMap::new();
    for one in &all {
        *counts.entry(one.target.id.clone()).or_default() += 1;
    }
    for one in &mut all {
        if counts.get(&one.target.id).is_some_and(|count| *count > 1)
            && let Some(file) = project
                .attachments
                .get(one.config)
                .and_then(|config| config.files.first())
        {
            let title = format!("{}/{}", one.target.title, file.title);
            rename(&mut one.target, title);
        }
    }
    all.sort_by(|a, b| a.target.id.cmp(&b.target.id));
    for pair in all.windows(2) {
        if let [first, second] = pair
            && first.target.id == second.target.id
        {
            faults.push(alike(project, first, second));
        }
    }
    faults.into_result(all).map(|(all, _)| all)
}

/// What can be said without the network: every subject is something of this project, or names a store.
pub(super) fn check(project: &Project, wanted: &Wanted) -> Faults {
    let locations = Locations::default();
    let refused = |config| resolve(project, wanted, &locations, &[], config).err();
    project.attachments.iter().filter_map(refused).collect()
}

fn to_step(index: usize, config: &AttachmentConfig, subject: &Target) -> Named {
    let mut target = new_target(
        config,
        subject.store,
        &subject.store_name,
        subject.name.clone(),
        &subject.title,
    );
    target.needs_effects = vec![subject.id.clone()];
    target.needs.push(subject.id.clone());
    // Packing needs the digest of the subject, which the steps before it tell.
    for step in &mut target.local {
        step.needs.clone_from(&subject.needs);
    }
    Named {
        config: index,
        subject: SubjectAt::Step(subject.id.clone()),
        target,
    }
}

fn to_held(
    project: &Project,
    index: usize,
    config: &AttachmentConfig,
    store: usize,
    repository: &str,
    selector: Selector,
) -> Named {
    let store_name = project.stores.get(store).map_or("", |store| store.name.value.as_str());
    let name = ArtifactName {
        repository: repository.to_owned(),
        tag: match &selector {
            Selector::Tag(tag) => tag.clone(),
            Selector::Digest(digest) => format!("digest-{}", digest.short()),
        },
    };
    let title = name.to_string();
    Named {
        config: index,
        subject: SubjectAt::Held(selector),
        target: new_target(config, store, store_name, name, &title),
    }
}

fn new_target(config: &AttachmentConfig, store: usize, store_name: &str, name: ArtifactName, subject: &str) -> Target {
    let mut target = Target {
        id: StepId::effect(StepKind::Attach, store_name, &""),
        kind: StepKind::Attach,
        store,
        store_name: store_name.to_owned(),
        name,
        title: String::new(),
        desired: Desired::NotAsked,
        from: String::new(),
        place: config.subject.place.clone(),
        needs: Vec::new(),
        needs_effects: Vec::new(),
        chart: None,
        pack: None,
        subject: None,
        local: vec![Step {
            id: StepId::local(StepKind::Pack, ""),
            kind: StepKind::Pack,
            store: None,
            needs: Vec::new(),
        }],
        guards: BTreeMap::new(),
        along: Vec::new(),
        image: None,
        disk: None,
    };
    rename(&mut target, format!("{subject}/{}", config.artifact_type));
    target
}

/// Gives the step and its packing their ids.
fn rename(target: &mut Target, title: String) {
    let pack = StepId::local(StepKind::Pack, &format!("{}/{title}", target.store_name));
    target.id = StepId::effect(StepKind::Attach, &target.store_name, &title);
    target.needs.retain(|need| !need.as_str().starts_with("pack:"));
    target.needs.push(pack.clone());
    for step in &mut target.local {
        step.id = pack.clone();
    }
    target.title = title;
}

fn alike(project: &Project, first: &Named, second: &Named) -> Fault {
    let place = |named: &Named| {
        project
            .attachments
            .get(named.config)
            .and_then(|config| config.subject.place.clone())
    };
    let mut fault = Fault::invalid(format!("two attachments cannot be told apart: {}", second.target.title));
    for (place, what) in [(place(first), "one of them"), (place(second), "the other")] {
        if let Some(place) = place {
            fault = fault.label(place, what);
        }
    }
    fault.hint("give one another `artifact-type`, or its first file another `title`")
}

/// Packs attachments and looks whether they are there. `targets` and `seen` tell of the subjects.
pub(super) async fn looked_at(
    session: &Arc<Session>,
    world: &World,
    locations: &Locations,
    answers: Option<&Answers>,
    subjects: (&[Target], &[Seen]),
    named: Vec<Named>,
) -> Result<Vec<(Target, Seen)>, Faults> {
    let mut faults = Faults::new();
    let mut all = Vec::new();
    let looks: Vec<BoxFuture<'_, _>> = named
        .into_iter()
        .map(|one| -> BoxFuture<'_, _> { Box::pin(look_at(session, world, locations, answers, subjects, one)) })
        .collect();
    let mut looks = futures_util::stream::iter(looks).buffered(AT_A_TIME);
    while let Some(look) = looks.next().await {
        match look {
            Ok(done) => all.push(done),
            Err(found) => faults.extend(found),
        }
    }
    drop(looks);
    session.stopped()?;
    faults.into_result(all).map(|(all, _)| all)
}

/// What is known of a subject.
enum Known {
    /// Its descriptor, and whether the store was seen to hold it.
    Root(Descriptor, bool),
    /// The desired state of the attachment and what was seen, where there is no descriptor.
    Not(Desired, Seen),
}

async fn look_at(
    session: &Arc<Session>,
    world: &World,
    locations: &Locations,
    answers: Option<&Answers>,
    subjects: (&[Target], &[Seen]),
    named: Named,
) -> Result<(Target, Seen), Faults> {
    let mut target = named.target;
    let Some(config) = session.project.attachments.get(named.config) else {
        return Err(Fault::bug("an attachment without a configuration").into());
    };
    let known = match &named.subject {
        SubjectAt::Step(id) => {
            let at = subjects.0.iter().position(|subject| subject.id == *id);
            match at.and_then(|at| Some((subjects.0.get(at)?, subjects.1.get(at)?))) {
                Some((subject, seen)) => of_step(session, world, locations, subject, seen).await?,
                None => return Err(Fault::bug(format!("{}: its subject is not planned", target.id)).into()),
            }
        }
        SubjectAt::Held(selector) => held(session, world, &target, selector).await,
    };
    let (root, there) = match known {
        Known::Root(root, there) => (root, there),
        Known::Not(desired, seen) => {
            target.desired = desired;
            return Ok((target, seen));
        }
    };
    target.subject = Some(root.digest.clone());
    let subject = Descriptor::new(root.media_type.clone(), root.digest.clone(), root.size);
    let name = target.local.first().map_or("", |step| step.id.as_str());
    let name = name.strip_prefix("pack:").unwrap_or(name).to_owned();
    let pack = packed(session, PackInput::attachment(config, name, subject)).await?;
    target.from = files(&session.project, &pack);
    target.desired = Desired::Known(pack.output.manifest.clone());
    let digest = pack.output.manifest.digest.clone();
    target.pack = Some(Arc::new(pack));
    let Some(store) = world.stores.get(&target.store) else {
        return Err(Fault::bug(format!("{}: its store is not open", target.id)).into());
    };
    if answers.is_some() && session.mode.offline && store.is_remote() {
        let receipts = Receipts::load(&session.state.path("receipts"), &store.identity().to_string());
        let seen = match receipts.get(&target.title) {
            Some(digest) => Seen::Store(Observed::Present(Descriptor::new("", digest.clone(), 0))),
            None => Seen::NotAsked,
        };
        return Ok((target, seen));
    }
    if !there {
        return Ok((target, Seen::Store(Observed::Absent)));
    }
    let Some(answers) = answers else {
        return Ok((target, Seen::NotAsked));
    };
    let job = session.job(target.id.as_str());
    let listed = answers.listed(store, &target.name.repository, &root.digest, &job).await;
    let seen = match listed {
        Ok(listed) if listed.contains(&digest) => {
            let size = target.pack.as_ref().map_or(0, |pack| pack.output.manifest.size);
            Seen::Store(Observed::Present(Descriptor::new("", digest, size)))
        }
        Ok(_) => Seen::Store(Observed::Absent),
        Err(error) => Seen::Unreadable {
            why: error.detail,
            hint: error.hint,
        },
    };
    Ok((target, seen))
}

/// What a step puts there, whatever is there now.
async fn of_step(
    session: &Arc<Session>,
    world: &World,
    locations: &Locations,
    subject: &Target,
    seen: &Seen,
) -> Result<Known, Faults> {
    let root = match &subject.desired {
        Desired::Known(root) => root,
        Desired::NotAsked => return Ok(Known::Not(Desired::NotAsked, Seen::NotAsked)),
        Desired::NotLocated(_) | Desired::NoSubject(_) | Desired::Unfit(_) | Desired::Barred(_) => {
            let why = format!("it waits for {}", subject.id);
            return Ok(Known::Not(Desired::NoSubject(why), Seen::NotAsked));
        }
    };
    let held = match seen {
        Seen::Store(Observed::Present(held) | Observed::Damaged { root: Some(held), .. })
        | Seen::Incomplete { root: held, .. } => Some(held),
        // A chart whose files are equal stays as it is, so it is what is attached to.
        Seen::SameContent(held) => return Ok(Known::Root(whole_of(held, root), true)),
        _ => None,
    };
    let there = held.is_some_and(|held| held.digest == root.digest);
    if root.size > 0 {
        return Ok(Known::Root(root.clone(), there));
    }
    // The lock does not know the size of a root manifest: the store tells it, or its bytes do.
    if let Some(held) = held.filter(|held| held.digest == root.digest && held.size > 0) {
        return Ok(Known::Root(
            Descriptor::new(root.media_type.clone(), root.digest.clone(), held.size),
            there,
        ));
    }
    let job = session.job(subject.id.as_str());
    let Some(content) = subject
        .image
        .and_then(|image| locations.content(image, world, &session.cache, &job))
    else {
        return Err(Fault::bug(format!("{}: its size is not known", subject.id)).into());
    };
    match content?.manifest(root).await {
        Ok(bytes) => {
            let size = bytes.len() as u64;
            Ok(Known::Root(
                Descriptor::new(root.media_type.clone(), root.digest.clone(), size),
                there,
            ))
        }
        Err(error) if session.mode.offline && error.kind == ErrorKind::Unreachable => {
            Ok(Known::Not(Desired::NotAsked, Seen::NotAsked))
        }
        Err(error) => Ok(Known::Not(Desired::NoSubject(error.to_string()), Seen::NotAsked)),
    }
}

/// What a store holds, with what its answer left out.
fn whole_of(held: &Descriptor, like: &Descriptor) -> Descriptor {
    let media_type = if held.media_type.is_empty() {
        &like.media_type
    } else {
        &held.media_type
    };
    Descriptor::new(media_type.clone(), held.digest.clone(), held.size)
}

/// What a store holds, whoever put it there: asked once.
async fn held(session: &Arc<Session>, world: &World, target: &Target, selector: &Selector) -> Known {
    let Some(store) = world.stores.get(&target.store) else {
        return Known::Not(Desired::NotAsked, Seen::NotAsked);
    };
    if session.mode.offline && store.is_remote() {
        return Known::Not(Desired::NotAsked, Seen::NotAsked);
    }
    let job = session.job(target.id.as_str());
    let found = match store.place(&target.name.repository) {
        Ok(place) => place.resolve(selector, &job).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(root) => Known::Root(root, true),
        Err(error) if error.kind == ErrorKind::Absent => {
            let why = format!(
                "the store {} holds no {}{selector}",
                store.name(),
                target.name.repository
            );
            Known::Not(Desired::NotLocated(why), Seen::NotAsked)
        }
        // The step says what was looked for, and the store where.
        Err(error) => Known::Not(
            Desired::NotAsked,
            Seen::Unreadable {
                why: error.detail,
                hint: error.hint,
            },
        ),
    }
}
