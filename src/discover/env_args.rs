//! T3: environment values and arguments. Candidates: nothing in Kubernetes says what they hold.

use super::collector::{Collector, Scene, Spot};
use super::found::Tier;
use super::pointer::Step;
use super::shape::{SPEAKS_FOR_ITSELF, WORTH_SHOWING, confidence, names_a_secret, names_an_image};
use super::text;
use super::walk::Here;
use super::yaml::NodeId;

/// The key of environment variables.
pub(super) const ENV: &str = "env";
/// The keys of arguments.
pub(super) const ARG_LISTS: [&str; 2] = ["args", "command"];
/// An argument that follows no flag.
const POSITIONAL: u8 = 70;
/// What parts of a list in one value must show when the variable's name speaks of images.
const LISTED: u8 = 75;

/// One environment variable: name, the node of its value, and the steps from `env` to that value.
pub(super) type Variable<'t> = (&'t str, NodeId, Vec<Step<'t>>);

/// The variables below a node, when it is an `env`: a list of `name` and `value`, or a mapping.
pub(super) fn variables<'t>(here: &Here<'_, 't>) -> Vec<Variable<'t>> {
    if here.key() != Some(ENV) {
        return Vec::new();
    }
    let listed = here.tree.items(here.id).iter().enumerate().filter_map(|(index, item)| {
        let value = here.tree.get(*item, "value")?;
        Some((
            here.tree.text_at(*item, "name")?,
            value,
            vec![Step::Index(index), Step::Key("value")],
        ))
    });
    let mapped = here
        .tree
        .entries(here.id)
        .iter()
        .map(|(name, value)| (name.as_ref(), *value, vec![Step::Key(name.as_ref())]));
    listed.chain(mapped).collect()
}

/// One argument that may be an image: the flag before it without dashes, the text, the node, its index.
pub(super) type Argument<'t> = (Option<&'t str>, &'t str, NodeId, usize);

/// The values among arguments: `--flag=value`, `--flag` and `value` as two items, and values without a flag.
pub(super) fn arguments<'t>(here: &Here<'_, 't>) -> Vec<Argument<'t>> {
    if !here.key().is_some_and(|key| ARG_LISTS.contains(&key)) {
        return Vec::new();
    }
    let mut arguments = Vec::new();
    let mut flag: Option<&'t str> = None;
    for (index, item) in here.tree.items(here.id).iter().enumerate() {
        let Some(text) = here.tree.text(*item) else {
            flag = None;
            continue;
        };
        match text.split_once('=') {
            Some((name, value)) => {
                arguments.push((Some(name.trim_start_matches('-')), value, *item, index));
                flag = None;
            }
            None if text.starts_with('-') => flag = Some(text.trim_start_matches('-')),
            None => arguments.push((flag.take(), text, *item, index)),
        }
    }
    arguments
}

/// Looks at one node.
pub(super) fn look(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>, budget: &mut usize) {
    for (name, value, below) in variables(here) {
        if !names_a_secret(name) {
            variable(here, name, value, &below, scene, collector, budget);
        }
    }
    for (flag, text, id, index) in arguments(here) {
        if flag.is_some_and(names_a_secret) {
            continue;
        }
        // `--set image=reg.io/app:1` has a second assignment in its value.
        let (name, text) = match text.rsplit_once('=') {
            Some((name, text)) => (Some(name), text),
            None => (flag, text),
        };
        let named = name.is_some_and(names_an_image) || flag.is_some_and(names_an_image);
        let sure = match confidence(text, named) {
            Some(sure) if flag.is_none() => (sure >= SPEAKS_FOR_ITSELF).then_some(POSITIONAL),
            sure => sure.filter(|sure| *sure >= WORTH_SHOWING),
        };
        if let Some(sure) = sure {
            let spot = Spot {
                named: flag.or(name).map(|flag| format!("--{flag}")),
                text,
                pointer: here.pointer_to(&[Step::Index(index)]),
                line: here.line_of(id),
            };
            collector.candidate(scene, spot, Tier::T3, sure);
        }
    }
}

fn variable(
    here: &Here<'_, '_>,
    name: &str,
    value: NodeId,
    below: &[Step<'_>],
    scene: Scene<'_>,
    collector: &mut Collector<'_>,
    budget: &mut usize,
) {
    let Some(scalar) = here.tree.scalar(value) else { return };
    let pointer = here.pointer_to(below);
    let line = here.line_of(value);
    let whole = scalar.text.trim();
    let named = names_an_image(name);
    if whole.contains('\n') || whole.starts_with(['{', '[']) {
        text::look(
            &text::Outer {
                scalar,
                pointer: &pointer,
                line,
                tier: Tier::T3,
                named: Some(name),
            },
            scene,
            collector,
            budget,
        );
    } else if let Some(sure) = confidence(whole, named).filter(|sure| *sure >= WORTH_SHOWING) {
        collector.candidate(
            scene,
            Spot {
                named: Some(format!("env {name}")),
                text: whole,
                pointer,
                line,
            },
            Tier::T3,
            sure,
        );
    } else {
        for part in whole.split([',', ';', ' ']) {
            let part = part
                .rsplit_once('=')
                .map_or(part, |(_, value)| value)
                .trim_matches(['"', '\'']);
            let least = if named { LISTED } else { SPEAKS_FOR_ITSELF };
            if let Some(sure) = confidence(part, named).filter(|sure| *sure >= least) {
                let spot = Spot {
                    named: Some(format!("env {name}")),
                    text: part,
                    pointer: pointer.clone(),
                    line,
                };
                collector.candidate(scene, spot, Tier::T3, sure);
            }
        }
    }
}
