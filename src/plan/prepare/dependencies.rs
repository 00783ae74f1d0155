//! Chart dependencies that are not vendored: fetched into the cache, recorded for the lock.

use std::sync::Arc;

use super::run::Tools;
use crate::chart::{ChartTree, FetchContext, FetchedDependency, build_dependencies};
use crate::fault::Faults;
use crate::lock::{Lock, LockedChart};
use crate::plan::Session;

/// The chart with what it lacked, and the records of what was fetched.
pub(super) async fn fetch(
    session: &Arc<Session>,
    tree: ChartTree,
    tools: &Tools,
) -> Result<(ChartTree, Vec<LockedChart>), Faults> {
    let helm = tools.helm(session).await?;
    tools.helm_version(session).await?;
    let records: Vec<FetchedDependency> = Lock::load(&session.lock_path())?
        .map(|lock| lock.charts.into_iter().map(fetched).collect())
        .unwrap_or_default();
    let _permit = tools.helm_permit().await;
    let context = FetchContext {
        helm: &helm,
        records: &records,
        cache: &session.cache.root().join("charts"),
        scratch: &session.scratch(),
        files: &*session.stats,
        offline: session.mode.offline || session.mode.frozen,
        cancel: &session.cancel,
    };
    let (tree, fetched) = build_dependencies(tree, &context).await?;
    Ok((tree, fetched.into_iter().map(locked).collect()))
}

fn fetched(locked: LockedChart) -> FetchedDependency {
    FetchedDependency {
        name: locked.name,
        version: locked.version,
        url: locked.url,
        digest: locked.digest,
    }
}

fn locked(fetched: FetchedDependency) -> LockedChart {
    LockedChart {
        name: fetched.name,
        version: fetched.version,
        url: fetched.url,
        digest: fetched.digest,
    }
}
