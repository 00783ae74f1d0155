//! Places that the project's own rules name. What matches is an image, and an error if it is none.

use super::collector::{Collector, Scene, Spot};
use super::env_args::{arguments, variables};
use super::found::Tier;
use super::object::{Object, Place};
use super::pointer::Step;
use super::settings::Rule;
use super::walk::{Here, Inside, walk};
use super::yaml::{NodeId, Value};
use super::{split, text};

/// Looks at one node with every rule; texts of config maps are opened when a pointer leads into them.
pub(super) fn look(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>, budget: &mut usize) {
    if collector.settings.rules.is_empty() {
        return;
    }
    at_node(here, scene, collector);
    let is_text_value =
        scene.object.place() == Place::ConfigMap && here.path.len() == 2 && here.key_above(1) == Some("data");
    if is_text_value && let Some(scalar) = here.tree.scalar(here.id) {
        let base = format!("{}#", here.pointer());
        let inside = Inside {
            base: &base,
            scalar,
            line: here.line_of(here.id),
        };
        for tree in &text::structured(&scalar.text).unwrap_or_default() {
            if let Some(root) = tree.root {
                let _ = walk(tree, root, Some(inside), budget, |here| {
                    at_node(here, scene, collector);
                });
            }
        }
    }
}

fn at_node(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let settings = collector.settings;
    for rule in settings.rules.iter().filter(|rule| concerns(rule, scene.object)) {
        if rule.env.is_some() || rule.arg.is_some() {
            environment(rule, here, scene, collector);
            argument(rule, here, scene, collector);
        } else if rule
            .pointer
            .as_ref()
            .is_none_or(|pattern| pattern.matches(&here.pointer()))
        {
            place(rule, here, scene, collector);
        }
    }
}

fn concerns(rule: &Rule, object: &Object) -> bool {
    rule.kind.as_ref().is_none_or(|kind| *kind == object.kind)
        && rule.group.as_ref().is_none_or(|group| *group == object.group)
}

fn environment(rule: &Rule, here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let Some(glob) = &rule.env else { return };
    for (name, value, below) in variables(here) {
        let pointer = here.pointer_to(&below);
        if !glob.is_match(name) || rule.pointer.as_ref().is_some_and(|pattern| !pattern.matches(&pointer)) {
            continue;
        }
        let Some(scalar) = here.tree.scalar(value) else {
            continue;
        };
        let line = here.line_of(value);
        if rule.regex.is_none() && scalar.text.trim().contains('\n') {
            // A map of references, one a line.
            for (index, entry) in scalar
                .text
                .lines()
                .enumerate()
                .filter(|(_, entry)| !entry.trim().is_empty())
            {
                let reference = text::assignment(entry)
                    .filter(|_| entry.contains('='))
                    .map_or(entry.trim(), |(_, value)| value);
                let line = scalar.inner_line(line, index);
                collector.image_field(
                    scene,
                    Spot {
                        named: None,
                        text: reference,
                        pointer: pointer.clone(),
                        line,
                    },
                    Tier::Rule,
                );
            }
        } else {
            extract(rule, &scalar.text, &pointer, |_| line, scene, collector);
        }
    }
}

fn argument(rule: &Rule, here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let Some(glob) = &rule.arg else { return };
    for (flag, text, id, index) in arguments(here) {
        let pointer = here.pointer_to(&[Step::Index(index)]);
        let named = flag.is_some_and(|flag| glob.is_match(flag));
        if named && rule.pointer.as_ref().is_none_or(|pattern| pattern.matches(&pointer)) {
            let line = here.line_of(id);
            extract(rule, text, &pointer, |_| line, scene, collector);
        }
    }
}

fn place(rule: &Rule, here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    match here.tree.node(here.id).map(|n| &n.value) {
        Some(Value::Scalar(scalar)) if !rule.is_split => {
            let line = here.line_of(here.id);
            let inner = |index: usize| {
                if here.inside.is_some() {
                    line
                } else {
                    scalar.inner_line(line, index)
                }
            };
            extract(rule, &scalar.text, &here.pointer(), inner, scene, collector);
        }
        Some(Value::Mapping(_)) if rule.regex.is_none() => split_map(rule, here, here.id, scene, collector),
        _ => {}
    }
}

fn split_map(rule: &Rule, here: &Here<'_, '_>, id: NodeId, scene: Scene<'_>, collector: &mut Collector<'_>) {
    if let Some(reference) = split::compose(here.tree, id, &rule.fields) {
        let spot = Spot {
            named: None,
            text: &reference,
            pointer: here.pointer(),
            line: here.line_of(id),
        };
        collector.image_field(scene, spot, Tier::Rule);
    }
}

/// The references in a text: the whole of it, or what the rule's expression captures.
fn extract(
    rule: &Rule,
    text: &str,
    pointer: &str,
    line_of: impl Fn(usize) -> u64,
    scene: Scene<'_>,
    collector: &mut Collector<'_>,
) {
    let Some(regex) = &rule.regex else {
        let spot = Spot {
            named: None,
            text,
            pointer: pointer.to_owned(),
            line: line_of(0),
        };
        if text.is_empty() {
            collector.warn(
                scene,
                &spot,
                "a discovery rule names this place, but it is empty",
                "set the value, or narrow the rule",
            );
        } else {
            collector.image_field(scene, spot, Tier::Rule);
        }
        return;
    };
    for capture in regex.captures_iter(text).filter_map(|captures| captures.get(1)) {
        let before = text.get(..capture.start()).unwrap_or_default();
        let line = line_of(before.bytes().filter(|b| *b == b'\n').count());
        collector.image_field(
            scene,
            Spot {
                named: None,
                text: capture.as_str(),
                pointer: pointer.to_owned(),
                line,
            },
            Tier::Rule,
        );
    }
}
