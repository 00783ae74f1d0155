//! `why`: explain one step.

use std::fmt::Write as _;

use camino::Utf8Path;

use super::Ended;
use super::context::Context;
use crate::fault::{Fault, Kind};
use crate::plan::{Explained, PlanOptions, explain, plan};

pub async fn run(context: &Context, step: &str, from: Option<&Utf8Path>) -> Ended {
    let session = super::from::session(context, from)?;
    let options = PlanOptions::default();
    let planned = plan(&session, &options).await?;
    context.screen.finish();
    // What is wrong with single steps does not stop the answer, but is said.
    context.screen.faults(&planned.faults);
    let id = chosen(planned.graph.steps().map(|step| step.id.as_str()), step)?;
    let explained = explain(&session, &planned, &id);
    if context.screen.json() {
        context.screen.json_result(&explained);
    } else {
        context.screen.result(&words(&explained));
    }
    Ok(0)
}

/// The one step that a text names: the whole id, else a part that only one has.
fn chosen<'g>(ids: impl Iterator<Item = &'g str>, text: &str) -> Result<String, Fault> {
    let ids: Vec<&str> = ids.collect();
    if ids.contains(&text) {
        return Ok(text.to_owned());
    }
    let matching: Vec<&str> = ids.iter().copied().filter(|id| id.contains(text)).collect();
    // An effect is what people mean when a part fits it and the steps before it.
    let effects: Vec<&str> = matching
        .iter()
        .copied()
        .filter(|id| {
            ["copy:", "push:", "upload:", "attach:"]
                .iter()
                .any(|kind| id.starts_with(kind))
        })
        .collect();
    match (matching.as_slice(), effects.as_slice()) {
        ([one], _) | (_, [one]) => Ok((*one).to_owned()),
        ([], _) => Err(Fault::new(Kind::Usage, format!("no step is like {text:?}"))
            .hint("`aosm-build graph --format json` lists all steps")),
        (several, _) => Err(Fault::new(
            Kind::Usage,
            format!("{text:?} fits several steps: {}", several.join(", ")),
        )
        .hint("give the whole id")),
    }
}

fn words(explained: &Explained) -> String {
    let mut text = format!("{}\n", explained.id);
    if let Some(action) = &explained.action {
        let _ = writeln!(text, "  {action}");
    }
    for reason in &explained.reasons {
        let _ = writeln!(text, "  {reason}");
    }
    if let Some(desired) = &explained.desired {
        let _ = writeln!(text, "  desired:  {desired}");
    }
    if explained.action.is_some() {
        let observed = explained.observed.as_ref().map_or("nothing", |digest| digest.as_str());
        let _ = writeln!(text, "  observed: {observed}");
    }
    for place in &explained.comes_from {
        let _ = writeln!(text, "  comes from {place}");
    }
    if explained.changes.is_empty() {
        let none = if explained.known {
            "nothing it depends on changed since it last ran"
        } else {
            "it has not run on this machine yet"
        };
        let _ = writeln!(text, "  {none}");
    } else {
        text.push_str("  changed since it last ran:\n");
        for change in &explained.changes {
            let _ = writeln!(text, "    {}: {}", change.step, change.what);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_names_the_effect_before_the_steps_that_feed_it() {
        let ids = ["copy:local/release/a:1", "locate:r/release/a:1", "push:local/c:1"];
        assert_eq!(
            chosen(ids.into_iter(), "release/a").ok().as_deref(),
            Some("copy:local/release/a:1")
        );
        assert_eq!(
            chosen(ids.into_iter(), "push:local/c:1").ok().as_deref(),
            Some("push:local/c:1")
        );
        assert!(chosen(ids.into_iter(), "nowhere").is_err());
        assert!(chosen(["copy:a", "copy:b"].into_iter(), "copy").is_err());
    }
}
