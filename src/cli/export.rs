//! `export`: everything the stores should hold, in one file.

use camino::Utf8Path;

use super::Ended;
use super::context::{Context, current_folder};
use crate::apply;
use crate::plan::{Depth, PlanOptions, plan};
use crate::report::{bytes, count};

pub async fn run(context: &Context, file: &Utf8Path, only: &[String]) -> Ended {
    let options = PlanOptions {
        only: super::plan::globs("--only", only)?,
        depth: Depth::Digests,
        ..PlanOptions::default()
    };
    let path = current_folder()?.join(file);
    let session = context.session()?;
    let _lock = apply::lock(&session)?;
    let planned = plan(&session, &options).await?;
    let exported = apply::export(&session, &planned, &path).await?;
    context.screen.finish();
    if context.screen.json() {
        context.screen.json_result(&exported);
    } else {
        context.screen.result(&format!(
            "wrote {file}: {}, {}",
            count(exported.entries, "artifact"),
            bytes(exported.bytes)
        ));
    }
    Ok(0)
}
