//! Finding images in rendered Kubernetes objects, each with every place it was found.
//!
//! [`discover`] is a pure function of the rendered text and the project's settings. The text is cut into documents,
//! each is read as YAML, opened into its objects (lists included), and every node is shown to the detectors, surest
//! first: containers (T1), custom resources (T2), environment and arguments (T3), texts of config maps (T4), and the
//! project's own rules. What they find is judged, sorted and freed of repetition in one place.
//!
//! Invariants: no input makes it panic or run without bound; a broken document hides no other; nothing of a Secret's
//! values leaves this room. `docs/discovery.md` has the whole behaviour for people.

mod collector;
mod containers;
mod custom;
mod documents;
mod env_args;
mod found;
mod object;
mod pointer;
mod pull_secrets;
mod rules;
mod secrecy;
mod settings;
mod shape;
mod split;
mod text;
mod walk;
mod yaml;

pub use found::{Discovered, Found, Problem, Tier};
pub use pull_secrets::{PullSecrets, pull_secrets};

use crate::project::Discovery;
use collector::{Collector, Scene};
use documents::Document;
use object::Place;
use settings::Settings;
use walk::{MAX_VISITS, walk};
use yaml::{Oddity, Tree};

/// Revision of the rules in this room: part of the key of `discover` steps. Raise it whenever the same text may now
/// give another result.
pub const REVISION: u32 = 2;

/// Finds the images of one package in its rendered text. The result is sorted and depends on nothing else.
pub fn discover(rendered: &str, package: &str, rules: &Discovery) -> Discovered {
    let (settings, faults) = Settings::compile(rules);
    let mut collector = Collector::new(package, &settings);
    for fault in faults {
        collector.setting_problem(fault);
    }
    for document in documents::split(rendered) {
        look_at(&document, &mut collector);
    }
    collector.finish()
}

fn look_at(document: &Document<'_>, collector: &mut Collector<'_>) {
    let guarded = secrecy::may_hold_secret(document.text);
    let (trees, broken) = yaml::parse(document.text, document.line);
    for tree in &trees {
        report_notes(document, guarded, tree, collector);
        look_at_tree(document, guarded, tree, collector);
    }
    if let Some(broken) = broken {
        let name = if document.template.is_empty() {
            "the rendered text"
        } else {
            document.template
        };
        let message = format!("broken YAML from {name}: {}", broken.message);
        let hint =
            "the line is that of the rendered text, as `helm template` prints it; correct the template that made it";
        collector.problem(document, guarded, true, broken.line, message, Some(hint.to_owned()));
    }
}

fn report_notes(document: &Document<'_>, guarded: bool, tree: &Tree<'_>, collector: &mut Collector<'_>) {
    for note in &tree.notes {
        let (message, hint) = match &note.oddity {
            Oddity::DuplicateKey(key) if !guarded => (
                format!("the key `{key}` is written twice in one mapping; the last one counts"),
                "remove one of the two",
            ),
            Oddity::DuplicateKey(_) => (
                "a key is written twice in one mapping; the last one counts".to_owned(),
                "remove one of the two",
            ),
            Oddity::ComplexKey => (
                "a mapping or list used as a key is skipped".to_owned(),
                "use texts as keys: Kubernetes knows no others",
            ),
            Oddity::BadMerge => (
                "`<<` merges something that is no mapping".to_owned(),
                "let it name a mapping or a list of mappings",
            ),
        };
        collector.problem(document, guarded, false, note.line, message, Some(hint.to_owned()));
    }
}

fn look_at_tree(document: &Document<'_>, guarded: bool, tree: &Tree<'_>, collector: &mut Collector<'_>) {
    let Some(root) = tree.root else { return };
    let Some(objects) = object::objects(tree) else {
        let is_empty = tree.scalar(root).is_some_and(|s| s.kind() == yaml::ScalarKind::Null);
        if !is_empty {
            let hint = "every document is one object with `apiVersion` and `kind`".to_owned();
            collector.problem(
                document,
                guarded,
                false,
                tree.line(root),
                "a document is no object".to_owned(),
                Some(hint),
            );
        }
        return;
    };
    let mut budget = MAX_VISITS;
    for object in &objects {
        if object.place() == Place::Closed || object.is_left_out(collector.settings.hooks, collector.settings.tests) {
            continue;
        }
        let scene = Scene {
            document,
            object,
            guarded,
        };
        // Texts inside texts draw on a budget of their own, as the closure cannot share the walk's.
        let mut inner_budget = MAX_VISITS;
        let outcome = walk(tree, object.root, None, &mut budget, |here| {
            rules::look(here, scene, collector, &mut inner_budget);
            if object.place() == Place::ConfigMap {
                text::config_map(here, scene, collector, &mut inner_budget);
            } else {
                containers::look(here, scene, collector);
                env_args::look(here, scene, collector, &mut inner_budget);
            }
            custom::look(here, scene, collector);
        });
        if outcome.is_err() {
            let message = format!(
                "{}: aliases stand for too many or too deeply nested nodes",
                object.label
            );
            let hint = "write the repeated parts out, or split the object".to_owned();
            collector.problem(document, guarded, true, tree.line(object.root), message, Some(hint));
            return;
        }
    }
}

#[cfg(test)]
mod tests;
