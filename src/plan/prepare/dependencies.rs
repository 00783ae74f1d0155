//! Chart dependencies that are not vendored: fetched into the cache, recorded for the lock.

use std::sync::Arc;

use super::run::Tools;
use crate::chart::{self, ChartTree};
use crate::fault::Faults;
use crate::lock::LockedChart;
use crate::plan::Session;
use crate::project::ChartPackage;

/// The chart with what it lacked, and the records of what was fetched.
pub(super) async fn fetch(
    session: &Arc<Session>,
    package: &ChartPackage,
    tree: ChartTree,
    tools: &Tools,
) -> Result<(ChartTree, Vec<LockedChart>), Faults> {
    let (helm, _) = tools.helm(session).await?;
    let _permit = tools.helm_permit().await;
    let _ = (package, helm, tree);
    Err(crate::fault::Fault::bug("not merged yet").into())
}
