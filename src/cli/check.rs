//! `check`: all validation that needs no network.

use super::Ended;
use super::context::Context;
use crate::plan::{Steps, prepare, wanted};
use crate::report::{CheckDocument, count};

pub async fn run(context: &Context) -> Ended {
    let session = context.session()?;
    let prepared = prepare(&session, Steps::All).await?;
    context.screen.faults(&prepared.warnings);
    let wanted = wanted(&session.project, &prepared)?;
    if context.screen.json() {
        context.screen.json_result(&CheckDocument {
            format: "aosm-check/1",
            packages: prepared.packages.len(),
            charts: wanted.charts.len(),
            images: wanted.images.len(),
            candidates: wanted.candidates.len(),
            warnings: prepared.warnings.len(),
        });
    } else {
        context.screen.result(&format!(
            "ok: {}, {}, {}",
            count(prepared.packages.len() as u64, "Helm package"),
            count(wanted.charts.len() as u64, "chart"),
            count(wanted.images.len() as u64, "image"),
        ));
    }
    Ok(0)
}
