//! The costs of all runs, by who ran: medians, and ratios between them.

use super::work::Cost;

/// All runs.
#[derive(Default)]
pub struct Rounds(Vec<(&'static str, Vec<Cost>)>);

impl Rounds {
    /// One more run.
    pub fn add(&mut self, name: &'static str, cost: Cost) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, costs)) => costs.push(cost),
            None => self.0.push((name, vec![cost])),
        }
    }

    /// The median of one contestant; `None` where it did not take part.
    fn median(&self, name: &str, of: fn(&Cost) -> f64) -> Option<f64> {
        let (_, costs) = self.0.iter().find(|(known, _)| *known == name)?;
        let mut all: Vec<f64> = costs.iter().map(of).collect();
        all.sort_by(f64::total_cmp);
        all.get(all.len() / 2).copied()
    }

    /// One median to another.
    pub fn ratio(&self, name: &str, to: &str, of: fn(&Cost) -> f64) -> Option<f64> {
        Some(self.median(name, of)? / self.median(to, of)?)
    }

    /// The largest peak of all whose names begin so, in MiB.
    pub fn peak(&self, name: &str) -> f64 {
        let ours = self.0.iter().filter(|(known, _)| known.starts_with(name));
        ours.flat_map(|(_, costs)| costs)
            .map(|cost| cost.peak)
            .fold(0.0, f64::max)
    }

    /// A table.
    pub fn print(&self) {
        println!(
            "{:<18} {:>5} {:>9} {:>9} {:>9}",
            "", "runs", "wall s", "CPU s", "peak MiB"
        );
        for (name, costs) in &self.0 {
            let of = |of| self.median(name, of).unwrap_or_default();
            println!(
                "{name:<18} {:>5} {:>9.2} {:>9.2} {:>9.1}",
                costs.len(),
                of(|cost| cost.wall),
                of(|cost| cost.cpu),
                self.peak(name)
            );
        }
    }
}
