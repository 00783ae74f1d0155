//! Asking renders: all candidates at once where the chart takes that, in smaller groups where it does not.
//!
//! A round gives every candidate its sentinel in one render. A value that covers another (a global one, a digest
//! before a tag) hides it; so where nothing that was seen explains what stands in a reference now, one more round
//! leaves out what was seen already. A chart that refuses, or whose images are no longer the same ones, is asked for
//! parts of the group, those first that the refusal names, until single values are left.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::document::SecretForm;
use super::evidence::{Evidence, Spot, is_current};
use super::hint::Hint;
use super::leaf::{Leaf, LeafId};
use super::pairing::pair;
use super::path;
use super::read_back::{Part, hits};
use super::sentinel;
use crate::discover::{Discovered, PullSecrets};
use crate::fault::Fault;
use crate::reference::ImageReference;

/// Most renders for one package; what is not known by then is reported.
pub const MAX_RENDERS: usize = 64;
/// Most rounds: values that hide values that hide values are as deep as charts go.
const MAX_ROUNDS: usize = 4;
/// Longest refusal that is kept, in characters.
const MAX_WHY: usize = 800;

/// What a render gave.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Rendered {
    /// Its images.
    pub discovered: Discovered,
    /// The pull secrets of its pods.
    pub pull_secrets: Vec<PullSecrets>,
}

/// What came of a render.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It was rendered.
    Rendered(Rendered),
    /// The chart refuses these values, in these words.
    Refused(String),
}

/// Renders a package with more values over its own.
#[async_trait]
pub trait Prober: Send + Sync {
    /// One render. An error is one of this machine, not of the chart.
    async fn probe(&self, over: &Value) -> Result<Answer, Fault>;
}

/// A leaf and which of its shapes it is given.
type Given = (LeafId, usize);

/// What a render says about a group.
enum Verdict {
    Good,
    Bad(String),
}

/// One package's search.
pub(super) struct Search<'s> {
    pub leaves: &'s [Leaf],
    pub spots: &'s [Spot],
    pub effective: &'s Value,
    pub app_version: Option<&'s str>,
    pub prober: &'s dyn Prober,
}

impl Search<'_> {
    /// Asks until there is nothing more to ask.
    pub async fn run(&self) -> Result<Evidence, Fault> {
        let mut evidence = Evidence::new(self.spots.len());
        if self.spots.is_empty() {
            return Ok(evidence);
        }
        let mut round: Vec<LeafId> = self
            .all()
            .filter(|id| self.leaf(*id).is_some_and(|l| l.is_named))
            .collect();
        for number in 0..MAX_ROUNDS {
            let before = evidence.reached.len();
            self.settle(&round, &mut evidence).await?;
            if number > 0 && evidence.reached.len() == before {
                break;
            }
            round = self.unexplained(&evidence, number == 0);
            if round.is_empty() {
                break;
            }
        }
        Ok(evidence)
    }

    fn all(&self) -> impl Iterator<Item = LeafId> {
        0..self.leaves.len().min(sentinel::MAX_ID)
    }

    pub(super) fn leaf(&self, id: LeafId) -> Option<&Leaf> {
        self.leaves.get(id)
    }

    fn shape(&self, (id, shape): Given) -> Option<Value> {
        let leaf = self.leaf(id)?;
        sentinel::shapes(leaf, id, self.app_version).into_iter().nth(shape)
    }

    /// Candidates not seen yet that may make what nothing seen explains.
    fn unexplained(&self, evidence: &Evidence, is_first: bool) -> Vec<LeafId> {
        let mut open: Vec<(Part, &ImageReference)> = Vec::new();
        for (at, spot) in self.spots.iter().enumerate() {
            for part in Part::ALL {
                let explained = evidence
                    .makers(at, part)
                    .filter_map(|id| self.leaf(id))
                    .any(|leaf| is_current(leaf, part, &spot.reference));
                if !explained && !part.of(&spot.reference).is_empty() {
                    open.push((part, &spot.reference));
                }
            }
        }
        open.sort_by_key(|(part, reference)| (*part, part.of(reference)));
        open.dedup_by_key(|(part, reference)| (*part, part.of(reference)));
        let may = |leaf: &Leaf| {
            // An empty registry may be one that is only looked at where another is empty.
            (is_first && leaf.is_named && leaf.is_empty() && leaf.hint == Hint::Registry)
                || open.iter().any(|(part, reference)| is_current(leaf, *part, reference))
        };
        self.all()
            .filter(|id| !evidence.knows(*id))
            .filter(|id| {
                self.leaf(*id)
                    .is_some_and(|leaf| leaf.hint != Hint::PullSecret && may(leaf))
            })
            .collect()
    }

    /// Asks for a group, and for parts of it where the chart does not take the whole.
    async fn settle(&self, group: &[LeafId], evidence: &mut Evidence) -> Result<(), Fault> {
        let first = group
            .iter()
            .map(|id| (*id, 0))
            .filter(|given| self.shape(*given).is_some());
        let mut open: Vec<Vec<Given>> = vec![first.collect()];
        while let Some(group) = open.pop() {
            if group.is_empty() {
                continue;
            }
            if evidence.renders >= MAX_RENDERS {
                evidence.undecided.extend(group.iter().map(|(id, _)| *id));
                continue;
            }
            let mut again = Vec::new();
            match self.ask(&group, evidence, &mut again).await? {
                Verdict::Good => open.push(again),
                Verdict::Bad(why) => match group.as_slice() {
                    [(id, shape)] => {
                        if self.shape((*id, shape + 1)).is_some() {
                            open.push(vec![(*id, shape + 1)]);
                        } else {
                            evidence.guarded.insert(*id, why);
                        }
                    }
                    _ => open.extend(self.split(group, &why).into_iter().rev()),
                },
            }
        }
        Ok(())
    }

    /// One render. `again` gets those whose form was wrong.
    async fn ask(&self, group: &[Given], evidence: &mut Evidence, again: &mut Vec<Given>) -> Result<Verdict, Fault> {
        let values: Vec<_> = group
            .iter()
            .filter_map(|given| Some((&self.leaf(given.0)?.path, self.shape(*given)?)))
            .collect();
        evidence.renders += 1;
        let rendered = match self.prober.probe(&path::overlay(self.effective, &values)).await? {
            Answer::Refused(why) => return Ok(Verdict::Bad(cut(&why))),
            Answer::Rendered(rendered) => rendered,
        };
        if let Some(problem) = rendered.discovered.problems.iter().find(|problem| problem.error) {
            return Ok(Verdict::Bad(cut(&problem.message)));
        }
        let base: Vec<_> = self.spots.iter().map(|spot| spot.found.clone()).collect();
        let pairs = pair(&base, &rendered.discovered.images);
        if pairs.iter().any(Option::is_none) {
            return Ok(Verdict::Bad("with another value, other images are rendered".to_owned()));
        }
        let ids: BTreeSet<LeafId> = group.iter().map(|(id, _)| *id).collect();
        for (spot, seen) in pairs.iter().enumerate() {
            let Some(seen) = seen.and_then(|at| rendered.discovered.images.get(at)) else {
                continue;
            };
            if let (Ok(reference), Some(known)) = (ImageReference::parse(&seen.reference), evidence.hits.get_mut(spot))
            {
                let mut found = hits(&reference, &ids);
                // What stood there before is no mark, whatever it looks like.
                if let Some(base) = self.spots.get(spot) {
                    found.retain(|hit| !sentinel::marks(hit.part.of(&base.reference)).contains(&hit.leaf));
                }
                evidence.reached.extend(found.iter().map(|hit| hit.leaf));
                if let Some(base) = self.spots.get(spot) {
                    let registries = found.iter().filter(|hit| hit.is_whole_registry).map(|hit| hit.leaf);
                    evidence
                        .doubted
                        .extend(registries.filter(|id| self.is_doubtful(*id, &base.reference, &reference)));
                }
                known.extend(found);
            }
            let names = rendered
                .pull_secrets
                .iter()
                .filter(|secrets| secrets.object == seen.object)
                .flat_map(|secrets| &secrets.names);
            for name in names {
                self.take_secret(name, spot, group, evidence, again);
            }
        }
        again.sort_unstable();
        again.dedup();
        Ok(Verdict::Good)
    }

    /// A pull secret's name: a sentinel, or one that was written in the wrong form.
    fn take_secret(&self, name: &str, spot: usize, group: &[Given], evidence: &mut Evidence, again: &mut Vec<Given>) {
        for id in sentinel::marks(name) {
            let Some((_, shape)) = group.iter().find(|(given, _)| *given == id) else {
                continue;
            };
            if name == sentinel::word(id) {
                let form = match self.shape((id, *shape)) {
                    Some(Value::Array(items)) if items.iter().all(Value::is_object) => SecretForm::Maps,
                    Some(Value::Array(_)) => SecretForm::Texts,
                    _ => SecretForm::Text,
                };
                evidence.reached.insert(id);
                if let Some(known) = evidence.secrets.get_mut(spot) {
                    known.insert(id, form);
                }
            } else if self.shape((id, shape + 1)).is_some() {
                again.push((id, shape + 1));
            }
        }
    }

    /// Smaller groups: those that the refusal names apart from the others, else by kind, else halves.
    fn split(&self, group: Vec<Given>, why: &str) -> Vec<Vec<Given>> {
        let marks = sentinel::marks(why);
        let is_named = |id: LeafId| {
            marks.contains(&id)
                || self
                    .leaf(id)
                    .is_some_and(|leaf| names(why, &leaf.path.to_string()) || names(why, &leaf.path.slashed()))
        };
        let (named, others): (Vec<Given>, Vec<Given>) = group.into_iter().partition(|(id, _)| is_named(*id));
        if !named.is_empty() && !others.is_empty() {
            return vec![others, named];
        }
        let group = if named.is_empty() { others } else { named };
        let mut kinds: Vec<(Hint, Vec<Given>)> = Vec::new();
        for given in &group {
            let Some(hint) = self.leaf(given.0).map(|leaf| leaf.hint) else {
                continue;
            };
            match kinds.iter_mut().find(|(kind, _)| *kind == hint) {
                Some((_, members)) => members.push(*given),
                None => kinds.push((hint, vec![*given])),
            }
        }
        if kinds.len() > 1 {
            return kinds.into_iter().map(|(_, members)| members).collect();
        }
        let (a, b) = group.split_at(group.len() / 2);
        vec![a.to_vec(), b.to_vec()]
    }
}

/// Does a message name this path, as a whole?
fn names(message: &str, path: &str) -> bool {
    let goes_on = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    message.match_indices(path).any(|(at, _)| {
        let before = message.get(..at).and_then(|t| t.chars().next_back());
        let after = message.get(at + path.len()..).and_then(|t| t.chars().next());
        !before.is_some_and(goes_on) && !after.is_some_and(goes_on)
    })
}

/// A refusal on one line of bounded length.
fn cut(why: &str) -> String {
    let words: Vec<&str> = why.split_whitespace().collect();
    let line = words.join(" ");
    // What Helm wraps around a chart's own words says nothing here.
    let line = line.strip_prefix("Error: ").unwrap_or(&line);
    let line = line
        .strip_suffix("Use --debug flag to render out invalid YAML")
        .unwrap_or(line)
        .trim_end();
    match line.char_indices().nth(MAX_WHY) {
        Some((at, _)) => format!("{}…", line.get(..at).unwrap_or_default()),
        None => line.to_owned(),
    }
}
