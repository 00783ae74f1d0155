//! What a stale step does: fill the store, guarded by what the plan saw.

use std::sync::Arc;

use crate::fault::{Fault, Kind};
use crate::oci::Content;
use crate::plan::{CacheContent, Desired, Effect, PlanStep, Planned, Session, Target, pack_now};
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
        let Some(store) = self.planned.world.stores.get(target.store) else {
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
        let content = match (&target.chart, target.image) {
            (Some(chart), _) => self.chart(chart.package).await?,
            (None, Some(image)) => self
                .planned
                .locations
                .content(image, &self.planned.world, &self.session.cache, &self.job)
                .ok_or_else(|| Fault::bug("its image has no place"))??,
            (None, None) => return Err(Fault::bug("it has neither image nor chart")),
        };
        let guard = match (step.effect, &step.observed) {
            (Effect::Replace, Some(old)) => Guard::Replace(old.clone()),
            _ => Guard::Create,
        };
        store.fill(&target.name, root, content, &guard, &self.job).await?;
        Ok(())
    }

    /// A packed chart's content. Should the cache have been damaged since the plan, it is packed again.
    async fn chart(&self, package: usize) -> Result<Arc<dyn Content>, Fault> {
        let prepared = self.planned.prepared.packages.iter().find(|p| p.index == package);
        let Some((prepared, output)) = prepared.and_then(|p| Some((p, p.chart.as_ref()?))) else {
            return Err(Fault::bug("its package has no chart"));
        };
        if !output.is_whole(&self.session.cache) {
            let key = prepared
                .keys
                .package
                .as_ref()
                .ok_or_else(|| Fault::bug("its package has no key"))?;
            let again = pack_now(&self.session, &prepared.tree, key).await?;
            if again.manifest.digest != output.manifest.digest {
                return Err(
                    Fault::new(Kind::Stale, "its files changed since the plan was made").hint("run `apply` again")
                );
            }
        }
        let label = format!("packed chart {}", prepared.name);
        Ok(Arc::new(CacheContent::new(Arc::clone(&self.session.cache), label)))
    }
}
