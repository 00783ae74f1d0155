//! Rounds: everybody in turn, each with a target of its own; what each run took and asked for.

use std::collections::HashMap;

use super::cases::Case;
use super::peers::Tool;
use super::scene::{Scene, Setting, Sources};
use super::support::traffic::{Traffic, What};
use super::work::{Cost, carry_out};

/// To an empty target, or once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Phase {
    Cold,
    Again,
}

/// One row of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Row {
    pub phase: Phase,
    pub tool: Tool,
    /// False only where tokens are compared with doing without.
    pub as_set: bool,
}

/// What one run came to.
#[derive(Debug, Clone, Copy)]
pub struct Outcome {
    pub cost: Cost,
    pub asked: Asked,
}

/// Requests and bytes of one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Asked {
    pub at_source: usize,
    pub at_target: usize,
    pub mounts: usize,
    pub manifests_put: usize,
    /// Uploads of a blob that had been uploaded before.
    pub sent_twice: usize,
    /// Downloads of a blob that had been downloaded before.
    pub asked_twice: usize,
    /// Bytes sent to the target, heads of requests included, and connections to it, where somebody counted.
    pub sent: Option<(u64, u64)>,
}

/// All runs of one case in one setting.
pub struct Results {
    pub setting: Setting,
    pub runs: HashMap<Row, Vec<Outcome>>,
    /// Bytes sent by each, from a run that is not timed.
    pub sent: HashMap<Row, u64>,
}

/// Runs everybody so many times, taking turns.
pub fn contest(case: &Case, sources: &Sources, setting: Setting, tools: &[Tool], rounds: usize) -> Results {
    let mut results = Results {
        setting,
        runs: HashMap::new(),
        sent: HashMap::new(),
    };
    for round in 0..rounds {
        for turn in 0..tools.len() {
            // Nobody always comes after the same one.
            let tool = tools[(turn + round) % tools.len()];
            if tool.only_again() {
                continue;
            }
            let mut variants = vec![(setting, true)];
            if setting == Setting::Token {
                variants.insert(round % 2, (Setting::Loopback, false));
            }
            for (setting, as_set) in variants {
                let scene = Scene::set(case, sources, setting, false);
                for (row, outcome) in runs(&scene, tool, tools, as_set) {
                    results.runs.entry(row).or_default().push(outcome);
                }
            }
        }
    }
    // What stands in between to count costs time: the count comes from a run of its own.
    if matches!(setting, Setting::Loopback) {
        for tool in tools.iter().copied().filter(|tool| !tool.only_again()) {
            let scene = Scene::set(case, sources, setting, true);
            for (row, outcome) in runs(&scene, tool, tools, true) {
                results.sent.extend(outcome.asked.sent.map(|(bytes, _)| (row, bytes)));
            }
        }
    } else {
        for (row, outcomes) in &results.runs {
            let sent = outcomes
                .iter()
                .filter_map(|outcome| outcome.asked.sent)
                .map(|(bytes, _)| bytes)
                .max();
            results.sent.extend(sent.map(|bytes| (*row, bytes)));
        }
    }
    results
}

/// Cold, and for the estate again.
fn runs(scene: &Scene, tool: Tool, tools: &[Tool], as_set: bool) -> Vec<(Row, Outcome)> {
    let row = |phase, tool| Row { phase, tool, as_set };
    let mut all = vec![(row(Phase::Cold, tool), one(scene, tool))];
    if scene.case.name == "estate" {
        all.push((row(Phase::Again, tool), one(scene, tool)));
        if tool == Tool::Ours && tools.contains(&Tool::OursOffline) {
            all.push((row(Phase::Again, Tool::OursOffline), one(scene, Tool::OursOffline)));
        }
    }
    all
}

fn one(scene: &Scene, tool: Tool) -> Outcome {
    let (source, target) = (scene.source.mark(), scene.target.mark());
    let before = scene.sent();
    let cost = carry_out(tool.work(scene));
    let sent = scene
        .sent()
        .zip(before)
        .map(|(now, before)| (now.0 - before.0, now.1 - before.1));
    scene.check(tool.name());
    let (source, target) = (scene.source.since(source), scene.target.since(target));
    let asked = Asked {
        at_source: source.0.len(),
        at_target: target.0.len(),
        mounts: target.mounts(),
        manifests_put: target.count("PUT manifest"),
        sent_twice: repeated(&target, |entry| {
            let put = entry.is("PUT upload") && entry.status == 201;
            let digest = entry.query.split('&').find_map(|pair| pair.strip_prefix("digest="));
            digest.filter(|_| put).map(str::to_owned)
        }),
        asked_twice: repeated(&source, |entry| {
            (entry.method == "GET" && entry.what == What::Blob).then(|| entry.reference.clone())
        }),
        sent,
    };
    Outcome { cost, asked }
}

/// How many requests are about something that an earlier one was about.
fn repeated(traffic: &Traffic, about: impl Fn(&super::support::traffic::Entry) -> Option<String>) -> usize {
    let mut seen = std::collections::HashSet::new();
    traffic
        .0
        .iter()
        .filter_map(about)
        .filter(|what| !seen.insert(what.clone()))
        .count()
}

impl Results {
    /// The median of something over all rounds.
    pub fn median(&self, row: Row, of: impl Fn(&Outcome) -> f64) -> Option<f64> {
        let mut all: Vec<f64> = self.runs.get(&row)?.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// The largest of something over all rounds.
    pub fn most(&self, row: Row, of: impl Fn(&Outcome) -> f64) -> Option<f64> {
        self.runs.get(&row)?.iter().map(of).max_by(f64::total_cmp)
    }

    /// Prints a table.
    pub fn print(&self) {
        println!(
            "  {:<26} {:>8} {:>8} {:>8} {:>7} {:>6} {:>7} {:>7} {:>7} {:>6} {:>9} {:>6} {:>6}",
            "",
            "wall s",
            "least",
            "most",
            "cpu s",
            "MiB",
            "target",
            "source",
            "mounts",
            "PUT m",
            "MB sent",
            "sent2",
            "asked2"
        );
        let mut rows: Vec<&Row> = self.runs.keys().collect();
        rows.sort();
        for row in rows {
            let of = |value: fn(&Outcome) -> f64| self.median(*row, value).unwrap_or(0.0);
            let least = -self.most(*row, |o| -o.cost.wall).unwrap_or(0.0);
            let most = self.most(*row, |o| o.cost.wall).unwrap_or(0.0);
            let (wall, cpu) = (of(|o| o.cost.wall), of(|o| o.cost.cpu));
            let peak = self.most(*row, |o| o.cost.peak).unwrap_or(0.0);
            let phase = if row.phase == Phase::Again { ", again" } else { "" };
            let without = if row.as_set { "" } else { ", no tokens" };
            let name = format!("{}{phase}{without}", row.tool.name());
            let sent = self
                .sent
                .get(row)
                .map_or("".to_owned(), |bytes| format!("{:.1}", *bytes as f64 / 1e6));
            println!(
                "  {name:<26} {wall:>8.3} {least:>8.3} {most:>8.3} {cpu:>7.3} {peak:>6.1} {:>7} {:>7} {:>7} {:>6} {sent:>9} {:>6} {:>6}",
                of(|o| o.asked.at_target as f64),
                of(|o| o.asked.at_source as f64),
                of(|o| o.asked.mounts as f64),
                of(|o| o.asked.manifests_put as f64),
                self.most(*row, |o| o.asked.sent_twice as f64).unwrap_or(0.0),
                self.most(*row, |o| o.asked.asked_twice as f64).unwrap_or(0.0),
            );
        }
    }
}
