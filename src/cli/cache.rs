//! `cache`: look at or shrink the cache.

use super::Ended;
use super::args::CacheAction;
use super::context::Context;
use crate::cache::{PruneLimits, prune};
use crate::plan::cache_folder;
use crate::report::{CachePruneDocument, bytes, count};

pub fn run(context: &Context, action: &CacheAction) -> Ended {
    let folder = cache_folder(&context.project()?)?;
    match action {
        CacheAction::Dir => context.screen.result(folder.as_str()),
        CacheAction::Prune { max_size, max_age } => {
            let report = prune(
                &folder,
                PruneLimits {
                    max_size: *max_size,
                    max_age: *max_age,
                },
            )?;
            if context.screen.json() {
                context.screen.json_result(&CachePruneDocument {
                    format: "aosm-cache-prune/1",
                    kept: report.kept,
                    removed: report.removed,
                    bytes_freed: report.bytes_freed,
                    bytes_kept: report.bytes_kept,
                });
            } else {
                context.screen.result(&format!(
                    "removed {}, freed {}; {} and {} remain",
                    count(report.removed, "entry"),
                    bytes(report.bytes_freed),
                    count(report.kept, "entry"),
                    bytes(report.bytes_kept),
                ));
            }
        }
    }
    Ok(0)
}
