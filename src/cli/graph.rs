//! `graph`: the steps and what they need.

use super::Ended;
use super::args::GraphFormat;
use super::context::Context;
use crate::graph::{GraphDocument, dot, mermaid};
use crate::plan::{Depth, PlanOptions, plan};

pub async fn run(context: &Context, format: GraphFormat) -> Ended {
    let session = context.session()?;
    let options = PlanOptions {
        depth: Depth::Steps,
        ..PlanOptions::default()
    };
    let planned = plan(&session, &options).await?;
    context.screen.finish();
    // What is wrong with single steps does not stop the answer, but is said.
    context.screen.faults(&planned.faults);
    match format {
        _ if context.screen.json() => context.screen.json_result(&GraphDocument::new(&planned.graph)),
        GraphFormat::Json => context.screen.json_result(&GraphDocument::new(&planned.graph)),
        GraphFormat::Dot => context.screen.result(&dot(&planned.graph)),
        GraphFormat::Mermaid => context.screen.result(&mermaid(&planned.graph)),
    }
    Ok(0)
}
