//! What is promised, and whether it holds.

use super::cases::Case;
use super::contest::{Outcome, Phase, Results, Row};
use super::measure::Limits;
use super::peers::Tool;
use super::scene::Setting;

/// Memory of one copy: so much, and a MiB for each stream.
const MEMORY: f64 = 32.0;
/// Requests to one host at a time, of which one is kept for small ones.
const STREAMS: usize = 15;

struct Judge<'a> {
    case: &'a Case,
    results: &'a Results,
    limits: &'a mut Limits,
}

/// Compares results with what is promised for this case and setting.
pub fn judge(case: &Case, results: &Results, limits: &mut Limits) {
    let mut judge = Judge { case, results, limits };
    match (case.name, results.setting) {
        ("estate", Setting::Loopback) => {
            judge.wall(Phase::Cold, Tool::SkopeoSync, 0.6);
            judge.cpu(Phase::Cold, Tool::SkopeoSync, 0.5);
            judge.bytes(1.02);
            judge.nothing_twice();
            judge.again();
        }
        ("estate", Setting::Far) => {
            judge.wall(Phase::Cold, Tool::Regsync, 0.6);
            judge.nothing_twice();
            judge.again();
        }
        ("big", Setting::Loopback) => {
            judge.wall(Phase::Cold, Tool::Crane, 0.8);
            judge.cpu(Phase::Cold, Tool::Crane, 0.8);
            judge.wall(Phase::Cold, Tool::OrasGo, 1.05);
        }
        ("many", Setting::Loopback) => judge.wall(Phase::Cold, Tool::OrasGo, 0.9),
        ("many", Setting::Far) => judge.wall(Phase::Cold, Tool::Regctl, 0.8),
        ("multi", Setting::Loopback) => judge.wall(Phase::Cold, Tool::OrasGo, 1.0),
        (_, Setting::Token) => judge.tokens(1.15),
        _ => {}
    }
    judge.memory();
}

fn ours(phase: Phase) -> Row {
    Row {
        phase,
        tool: Tool::Ours,
        as_set: true,
    }
}

impl Judge<'_> {
    fn title(&self, what: &str) -> String {
        format!("{}, {}: {what}", self.case.name, self.results.setting.name())
    }

    /// Both ways of ours against a peer; `artifact copy` only where it took part.
    fn ratio(&mut self, phase: Phase, peer: Tool, limit: f64, what: &str, of: fn(&Outcome) -> f64) {
        let row = |tool| Row { tool, ..ours(phase) };
        let Some(theirs) = self.results.median(row(peer), of) else {
            println!("        {}: {} did not take part", self.title(what), peer.name());
            return;
        };
        for tool in [Tool::Ours, Tool::OursCopy] {
            if let Some(ours) = self.results.median(row(tool), of) {
                let title = self.title(&format!("{what} of {}, as a share of {}", tool.name(), peer.name()));
                self.limits.at_most(&title, ours / theirs, limit);
            }
        }
    }

    fn wall(&mut self, phase: Phase, peer: Tool, limit: f64) {
        let what = if phase == Phase::Again { "wall again" } else { "wall" };
        self.ratio(phase, peer, limit, what, |outcome| outcome.cost.wall);
    }

    fn cpu(&mut self, phase: Phase, peer: Tool, limit: f64) {
        self.ratio(phase, peer, limit, "cpu", |outcome| outcome.cost.cpu);
    }

    fn bytes(&mut self, limit: f64) {
        if let Some(sent) = self.results.sent.get(&ours(Phase::Cold)) {
            let title = self.title("bytes sent, as a share of the different ones");
            self.limits
                .at_most(&title, *sent as f64 / self.case.unique as f64, limit);
        }
    }

    fn count(&mut self, row: Row, what: &str, limit: f64, of: fn(&Outcome) -> f64) {
        if let Some(most) = self.results.most(row, of) {
            let title = self.title(what);
            self.limits.at_most(&title, most, limit);
        }
    }

    fn nothing_twice(&mut self) {
        self.count(ours(Phase::Cold), "blobs sent twice", 0.0, |o| {
            o.asked.sent_twice as f64
        });
        self.count(ours(Phase::Cold), "blobs asked for twice", 0.0, |o| {
            o.asked.asked_twice as f64
        });
    }

    /// Everything is there, and there is a lock.
    fn again(&mut self) {
        let (images, again) = (self.case.images.len() as f64, ours(Phase::Again));
        self.count(again, "manifests written again", 0.0, |o| o.asked.manifests_put as f64);
        self.count(again, "requests to the target again", images, |o| {
            o.asked.at_target as f64
        });
        self.count(again, "requests to the source again", 0.0, |o| o.asked.at_source as f64);
        let offline = Row {
            tool: Tool::OursOffline,
            ..again
        };
        self.count(offline, "requests again, offline", 0.0, |o| {
            (o.asked.at_source + o.asked.at_target) as f64
        });
        self.wall(Phase::Again, Tool::Regsync, 0.9);
    }

    fn tokens(&mut self, limit: f64) {
        let without = Row {
            as_set: false,
            ..ours(Phase::Cold)
        };
        let wall = |row| self.results.median(row, |outcome: &Outcome| outcome.cost.wall);
        if let (Some(with), Some(without)) = (wall(ours(Phase::Cold)), wall(without)) {
            let title = self.title("wall, as a share of the same without tokens");
            self.limits.at_most(&title, with / without, limit);
        }
    }

    fn memory(&mut self) {
        let streams = self.case.unique_blobs.min(STREAMS) as f64;
        let title = format!("peak memory, MiB, {streams} streams");
        self.count(ours(Phase::Cold), &title, MEMORY + streams, |o| o.cost.peak);
    }
}
