//! A plan as a tree grouped by store.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::{bytes, count, manifest_lines};
use crate::graph::StepKind;
use crate::lock::ChangeKind;
use crate::plan::{Action, Effect, Plan, PlanStep, Reason, Transfer};

/// How a plan is drawn.
#[derive(Debug, Clone, Copy)]
pub struct TreeStyle {
    /// With colours.
    pub color: bool,
    /// List what is only counted otherwise: fresh steps, additions to the lock.
    pub all: bool,
    /// Columns of the screen; `None` when nobody looks at one.
    pub width: Option<usize>,
}

/// Names are padded to the longest of a store; longer ones than this do not count.
const NAME_COLUMN: usize = 52;

/// Draws a plan as a tree grouped by store.
pub fn plan_tree(plan: &Plan, style: TreeStyle) -> String {
    let TreeStyle { color, all, .. } = style;
    let mut text = String::new();
    let mut stores: BTreeMap<&str, Vec<&PlanStep>> = BTreeMap::new();
    for step in &plan.steps {
        stores.entry(&step.store).or_default().push(step);
    }
    for (store, steps) in stores {
        let fresh = steps.iter().filter(|step| step.action == Action::Fresh).count();
        if fresh == steps.len() && !all {
            // The last line says it.
            continue;
        }
        let _ = writeln!(text, "store {store}");
        if let Some(link) = plan.private_links.iter().find(|link| link.store == store) {
            let _ = writeln!(text, "  {} first lets in {}", paint(DIM, "·", color), link.words());
        }
        let drawn: Vec<&PlanStep> = steps
            .into_iter()
            .filter(|step| step.action != Action::Fresh || all)
            .collect();
        let running = drawn.iter().filter(|step| step.action == Action::Run);
        // One long name does not push all the others apart.
        let lengths = running.map(|step| title(step).chars().count());
        let column = lengths.filter(|length| *length <= NAME_COLUMN).max().unwrap_or(0);
        let mut said: BTreeSet<String> = BTreeSet::new();
        for step in drawn {
            draw(&mut text, step, style, column, &mut said);
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
    text.push_str(&manifest_lines(&plan.completeness));
    // What was asked for and is not done must not be lost among fresh steps.
    for step in plan
        .steps
        .iter()
        .filter(|step| step.reasons.contains(&Reason::NeverSealed))
    {
        let _ = writeln!(
            text,
            "manifest {} (store {}): {}",
            step.title,
            step.store,
            Reason::NeverSealed.words()
        );
    }
    lock_lines(&mut text, plan, all);
    if !plan.unwanted.is_empty() {
        let _ = writeln!(text, "not wanted by this project (kept):");
        for unwanted in &plan.unwanted {
            let _ = writeln!(text, "  {}/{}", unwanted.store, unwanted.name);
        }
    }
    let _ = writeln!(text, "{}", summary(plan));
    text
}

/// What becomes of the lock. New entries repeat what the steps above say, so they are counted.
fn lock_lines(text: &mut String, plan: &Plan, all: bool) {
    let (added, other): (Vec<_>, Vec<_>) = plan
        .lock_changes
        .iter()
        .partition(|change| change.kind == ChangeKind::Added && !all);
    if !added.is_empty() {
        let _ = writeln!(text, "lock   + {}", count(added.len() as u64, "new entry"));
    }
    for change in other {
        let _ = writeln!(text, "lock   {}", change.words());
    }
    for change in &plan.drift {
        let _ = writeln!(text, "drift  {}", change.words());
    }
}

fn title(step: &PlanStep) -> String {
    format!("{} {}", step.kind, step.title)
}

fn draw(text: &mut String, step: &PlanStep, style: TreeStyle, column: usize, said: &mut BTreeSet<String>) {
    let color = style.color;
    let (sign, sign_style) = match (step.action, step.effect) {
        (Action::Run, Effect::Replace | Effect::Seal) => ("~", YELLOW),
        (Action::Run, _) => ("+", GREEN),
        (Action::Fresh, _) => ("=", DIM),
        (Action::Invalid, _) => ("!", RED),
        (Action::Unknown, _) => ("?", YELLOW),
        (Action::Blocked, _) => ("-", RED),
    };
    let title = title(step);
    let mut used = 4 + title.chars().count();
    let _ = write!(text, "  {} {title}", paint(sign_style, sign, color));
    if step.action == Action::Run && step.effect != Effect::Seal {
        let digest = step.desired.as_ref().map_or("", |digest| digest.short());
        let change = match &step.observed {
            Some(old) if step.effect == Effect::Replace => format!("{} → {digest}", old.short()),
            _ => digest.to_owned(),
        };
        let gap = column.saturating_sub(title.chars().count());
        let rest = format!(
            "{}  {change}  {:>9}{}",
            " ".repeat(gap),
            bytes(step.bytes),
            of_size(step)
        );
        used += rest.chars().count();
        text.push_str(&rest);
    }
    if !step.from.is_empty() {
        let word = match (step.action, step.transfer) {
            (Action::Run, Some(Transfer::ServerSide)) => "imported from",
            _ => "from",
        };
        let from = format!("{word} {}", step.from);
        let fits = style.width.is_none_or(|width| used + 2 + from.chars().count() <= width);
        text.push_str(if fits { "  " } else { "\n      " });
        text.push_str(&paint(DIM, &from, color));
    }
    text.push('\n');
    if let (Action::Run, Some(transfer), Some(why)) = (step.action, step.transfer, &step.transfer_why) {
        let words = super::diagnostic::printable(&format!("{}: {why}", way(transfer)));
        if said.insert(words.clone()) {
            let _ = writeln!(text, "      {words}");
        }
    }
    // What the line above says already needs no second one, nor does what was said about an earlier step; what is wrong with
    // a disk image is an error of its own.
    let new = |reason: &&Reason| match reason {
        // The lines about the manifests have their gaps, one each.
        Reason::Absent { .. } | Reason::DigestDiffers { .. } | Reason::Unfit { .. } | Reason::ManifestGaps { .. } => {
            false
        }
        Reason::OtherContent { old, hint, .. } => old.is_none() || hint.is_some(),
        _ => true,
    };
    for reason in step.reasons.iter().filter(new) {
        let mut words = super::diagnostic::printable(&reason.words());
        if step.action == Action::Unknown {
            // Told in full as an error of its own.
            words = shortened(&words);
        }
        if said.insert(words.clone()) {
            let _ = writeln!(text, "      {words}");
        }
    }
}

/// At most so many characters of why a store could not be asked.
const SHORT: usize = 160;

fn shortened(words: &str) -> String {
    match words.char_indices().nth(SHORT) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or(words).trim_end()),
        None => words.to_owned(),
    }
}

/// How it gets there.
fn way(transfer: Transfer) -> &'static str {
    match transfer {
        Transfer::Stream => "through this machine",
        Transfer::Mount => "mounted",
        Transfer::ServerSide => "imported",
    }
}

/// Of a disk image that is sent: how large it is with its zeros.
fn of_size(step: &PlanStep) -> String {
    match step.disk.filter(|disk| disk.zero > 0) {
        Some(disk) => format!(" of {}", bytes(disk.size)),
        None => String::new(),
    }
}

fn summary(plan: &Plan) -> String {
    let s = &plan.summary;
    if s.run + s.invalid + s.unknown + s.blocked == 0 {
        let seals = plan.steps.iter().filter(|step| step.kind == StepKind::Seal).count() as u64;
        let artifacts = count(s.fresh.saturating_sub(seals), "artifact");
        return format!("nothing to do: {artifacts} up to date");
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
        let streamed = match s.bytes_streamed {
            Some(streamed) => format!(" ({} of it through this machine)", bytes(streamed)),
            None => String::new(),
        };
        let moving = if s.bytes > 0 {
            format!(", at most {} to move{streamed}", bytes(s.bytes))
        } else {
            String::new()
        };
        parts.push(format!("{} to run{replacing}{moving}", s.run));
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
