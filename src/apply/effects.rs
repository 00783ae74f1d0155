//! What a stale step does: fill the store, guarded by what the plan saw.

use std::sync::Arc;

use crate::fault::{Fault, Kind};
use crate::graph::StepKind;
use crate::oci::Content;
use crate::oci::recursive::{Along, ReferrerFound};
use crate::plan::{CacheContent, Desired, Effect, PlanStep, Planned, Reason, Session, Target, Transfer, pack_now};
use crate::store::{ArtifactStore, Guard, Job};

/// Everything one step needs, owned, so that it can run as a task.
pub(super) struct Running {
    pub session: Arc<Session>,
    pub planned: Arc<Planned>,
    pub index: usize,
    pub job: Job,
}

impl Running {
    /// Runs the step.
    pub async fn run(self) -> Result<(), Fault> {
        let (Some(target), Some(step)) = (
            self.planned.targets.get(self.index),
            self.planned.plan.steps.get(self.index),
        ) else {
            return Err(Fault::bug("a step without a target"));
        };
        if target.kind == StepKind::Seal {
            return self.seal(target).await;
        }
        if let Some(disk) = &target.disk {
            return self.put_disk(target, step, disk).await;
        }
        let Some(store) = self.planned.world.stores.get(&target.store) else {
            return Err(Fault::bug(format!("{}: its store is not open", target.id)));
        };
        self.fill(target, step, store).await
    }

    async fn fill(&self, target: &Target, step: &PlanStep, store: &Arc<dyn ArtifactStore>) -> Result<(), Fault> {
        if self.session.mode.offline && store.is_remote() {
            return Err(
                Fault::infrastructure(format!("--offline forbids writing to the store {}", store.name()))
                    .hint("run without --offline"),
            );
        }
        let Desired::Known(root) = &target.desired else {
            return Err(Fault::bug("it has no known digest"));
        };
        if step.transfer == Some(Transfer::ServerSide) && self.import(target, root, store).await? {
            return Ok(());
        }
        let content = content_of(&self.session, &self.planned, target, &self.job).await?;
        if target.kind == StepKind::Attach {
            store.put(&target.name.repository, root, content, &self.job).await?;
            return Ok(());
        }
        let guard = match (step.effect, &step.observed) {
            (Effect::Replace, Some(old)) => Guard::Replace(old.clone()),
            _ => Guard::Create,
        };
        let referrers = along(target, step);
        let along = Along {
            referrers: &referrers,
            guards: &target.guards,
        };
        store
            .fill_along(&target.name, root, content, &guard, along, &self.job)
            .await?;
        Ok(())
    }
}

/// What has to travel with an image: of an image that is there only what was seen to be missing.
fn along(target: &Target, step: &PlanStep) -> Vec<ReferrerFound> {
    let missing = step.reasons.iter().find_map(|reason| match reason {
        Reason::ReferrersMissing { missing } => Some(missing),
        _ => None,
    });
    let moves = |one: &&ReferrerFound| missing.is_none_or(|missing| missing.contains(&one.descriptor.digest));
    target.along.iter().filter(moves).cloned().collect()
}

/// Where the content of a step is.
pub(super) async fn content_of(
    session: &Arc<Session>,
    planned: &Planned,
    target: &Target,
    job: &Job,
) -> Result<Arc<dyn Content>, Fault> {
    if let Some(bundle) = planned.locations.bundle() {
        return Ok(Arc::clone(bundle));
    }
    match (&target.chart, &target.pack, target.image) {
        (Some(chart), _, _) => packed_chart(session, planned, chart.package).await,
        (None, Some(pack), _) => pack.content(session).await,
        (None, None, Some(image)) => planned
            .locations
            .content(image, &planned.world, &session.cache, job)
            .ok_or_else(|| Fault::bug("its image has no place"))?,
        (None, None, None) => Err(Fault::bug("it has neither image, chart nor files")),
    }
}

/// A packed chart's content. Should the cache have been damaged since the plan, it is packed again.
async fn packed_chart(session: &Arc<Session>, planned: &Planned, package: usize) -> Result<Arc<dyn Content>, Fault> {
    let prepared = planned.prepared.packages.iter().find(|p| p.index == package);
    let Some((prepared, output)) = prepared.and_then(|p| Some((p, p.chart.as_ref()?))) else {
        return Err(Fault::bug("its package has no chart"));
    };
    if !output.is_whole(&session.cache) {
        let key = prepared
            .keys
            .package
            .as_ref()
            .ok_or_else(|| Fault::bug("its package has no key"))?;
        let again = pack_now(session, &prepared.tree, key).await?;
        if again.manifest.digest != output.manifest.digest {
            return Err(Fault::new(Kind::Stale, "its files changed since the plan was made").hint("run `apply` again"));
        }
    }
    let label = format!("packed chart {}", prepared.name);
    Ok(Arc::new(CacheContent::new(Arc::clone(&session.cache), label)))
}
