//! A plan as a tree grouped by store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{bytes, count};
use crate::plan::{Action, Effect, Plan, PlanStep, Reason};

/// Draws a plan. Fresh steps are counted, and listed only when `all`.
pub fn plan_tree(plan: &Plan, color: bool, all: bool) -> String {
    let mut text = String::new();
    let mut stores: BTreeMap<&str, Vec<&PlanStep>> = BTreeMap::new();
    for step in &plan.steps {
        stores.entry(&step.store).or_default().push(step);
    }
    for (store, steps) in stores {
        let _ = writeln!(text, "store {store}");
        let fresh = steps.iter().filter(|step| step.action == Action::Fresh).count();
        for step in steps {
            if step.action != Action::Fresh || all {
                draw(&mut text, step, color);
            }
        }
        if fresh > 0 && !all {
            let _ = writeln!(
                text,
                "  {} {} already there",
                paint(DIM, "=", color),
                count(fresh as u64, "artifact")
            );
        }
    }
    for change in &plan.lock_changes {
        let _ = writeln!(text, "lock   {}", change.words());
    }
    for change in &plan.drift {
        let _ = writeln!(text, "drift  {}", change.words());
    }
    if !plan.unwanted.is_empty() {
        let _ = writeln!(text, "not wanted by this project (kept):");
        for unwanted in &plan.unwanted {
            let _ = writeln!(text, "  {}/{}", unwanted.store, unwanted.name);
        }
    }
    let _ = writeln!(text, "{}", summary(plan));
    text
}

fn draw(text: &mut String, step: &PlanStep, color: bool) {
    let (sign, style) = match (step.action, step.effect) {
        (Action::Run, Effect::Replace) => ("~", YELLOW),
        (Action::Run, _) => ("+", GREEN),
        (Action::Fresh, _) => ("=", DIM),
        (Action::Invalid, _) => ("!", RED),
        (Action::Unknown, _) => ("?", YELLOW),
        (Action::Blocked, _) => ("-", RED),
    };
    let _ = write!(text, "  {} {} {}", paint(style, sign, color), step.kind, step.name);
    if step.action == Action::Run {
        let digest = step.desired.as_ref().map_or("", |digest| digest.short());
        let change = match &step.observed {
            Some(old) if step.effect == Effect::Replace => format!("{} → {digest}", old.short()),
            _ => digest.to_owned(),
        };
        let _ = write!(text, "  {change}  {}", bytes(step.bytes));
    }
    if !step.from.is_empty() {
        let _ = write!(text, "  {}", paint(DIM, &format!("from {}", step.from), color));
    }
    text.push('\n');
    // What the line above says already needs no second one.
    let said = |reason: &&Reason| !matches!(reason, Reason::Absent { .. } | Reason::DigestDiffers { .. });
    for reason in step.reasons.iter().filter(said) {
        let _ = writeln!(text, "      {}", reason.words());
    }
}

fn summary(plan: &Plan) -> String {
    let s = &plan.summary;
    if s.run + s.invalid + s.unknown + s.blocked == 0 {
        return format!("nothing to do: {} up to date", count(s.fresh, "artifact"));
    }
    let mut parts = Vec::new();
    if s.run > 0 {
        let replace = plan
            .steps
            .iter()
            .filter(|step| step.action == Action::Run && step.effect == Effect::Replace)
            .count();
        let replacing = if replace > 0 {
            format!(" ({replace} replacing)")
        } else {
            String::new()
        };
        parts.push(format!(
            "{} to run{replacing}, at most {} to move",
            s.run,
            bytes(s.bytes)
        ));
    }
    for (number, word) in [
        (s.fresh, "fresh"),
        (s.blocked, "blocked"),
        (s.invalid, "invalid"),
        (s.unknown, "unknown"),
    ] {
        if number > 0 {
            parts.push(format!("{number} {word}"));
        }
    }
    parts.join(", ")
}

const GREEN: Style = AnsiColor::Green.on_default();
const YELLOW: Style = AnsiColor::Yellow.on_default();
const RED: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

fn paint(style: Style, text: &str, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}
