//! T4 and its kin: texts inside objects. YAML and JSON are read as such; anything else (TOML, properties, templates
//! of other tools) line by line.

use super::collector::{Collector, Scene, Spot};
use super::found::Tier;
use super::settings::Fields;
use super::shape::{SPEAKS_FOR_ITSELF, WORTH_SHOWING, confidence, names_a_secret, names_an_image};
use super::split;
use super::walk::{Here, Inside, walk};
use super::yaml::{self, Scalar, Tree, Value};

/// Split fields in a text.
const SPLIT: u8 = 55;

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outer<'o> {
    pub(super) scalar: &'o Scalar<'o>,
    pub(super) pointer: &'o str,
    pub(super) line: u64,
    pub(super) tier: Tier,
    /// The variable whose value it is.
    pub(super) named: Option<&'o str>,
}

impl Outer<'_> {
    fn named(&self) -> Option<String> {
        self.named.map(|name| format!("env {name}"))
    }
}

/// Looks at the values of a `ConfigMap`, given its `data`.
pub(super) fn config_map(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>, budget: &mut usize) {
    if here.path.len() != 2 || here.key_above(1) != Some("data") {
        return;
    }
    let (Some(key), Some(scalar)) = (here.key(), here.tree.scalar(here.id)) else {
        return;
    };
    let (pointer, line) = (here.pointer(), here.line_of(here.id));
    let whole = scalar.text.trim();
    let named = names_an_image(key);
    let least = if named { WORTH_SHOWING } else { SPEAKS_FOR_ITSELF };
    if whole.contains('\n') || whole.starts_with(['{', '[']) || whole.contains(": ") {
        look(
            &Outer {
                scalar,
                pointer: &pointer,
                line,
                tier: Tier::T4,
                named: None,
            },
            scene,
            collector,
            budget,
        );
    } else if let Some(sure) = confidence(whole, named).filter(|sure| *sure >= least && !names_a_secret(key)) {
        collector.candidate(
            scene,
            Spot {
                named: None,
                text: whole,
                pointer,
                line,
            },
            Tier::T4,
            sure,
        );
    }
}

/// Looks into a text.
pub(super) fn look(outer: &Outer<'_>, scene: Scene<'_>, collector: &mut Collector<'_>, budget: &mut usize) {
    match structured(&outer.scalar.text) {
        Some(trees) => {
            let base = format!("{}#", outer.pointer);
            let inside = Inside {
                base: &base,
                scalar: outer.scalar,
                line: outer.line,
            };
            for tree in &trees {
                let Some(root) = tree.root else { continue };
                // What lies beyond the bound is not looked at: it is a guess in any case.
                let _ = walk(tree, root, Some(inside), budget, |here| {
                    node(here, outer, scene, collector);
                });
            }
        }
        None => lines(outer, scene, collector),
    }
}

/// The documents of a text that is YAML or JSON through and through; `None` for other texts.
pub(super) fn structured(text: &str) -> Option<Vec<Tree<'_>>> {
    let (trees, broken) = yaml::parse(text, 1);
    let is_structured = broken.is_none()
        && trees.iter().all(|tree| {
            tree.root
                .and_then(|root| tree.node(root))
                .is_none_or(|node| !matches!(node.value, Value::Scalar(_)))
        });
    is_structured.then_some(trees)
}

fn node(here: &Here<'_, '_>, outer: &Outer<'_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let (reference, sure) = if let Some(text) = here.tree.text(here.id) {
        let key = here.key().or_else(|| here.key_above(1));
        let named = key.is_some_and(names_an_image);
        let least = if named { WORTH_SHOWING } else { SPEAKS_FOR_ITSELF };
        match confidence(text, named).filter(|sure| *sure >= least && !key.is_some_and(names_a_secret)) {
            Some(sure) => (text.to_owned(), sure),
            None => return,
        }
    } else if split::is_whole(here.tree, here.id) {
        match split::compose(here.tree, here.id, &Fields::default()) {
            Some(reference) => (reference, SPLIT),
            None => return,
        }
    } else {
        return;
    };
    let spot = Spot {
        named: outer.named(),
        text: &reference,
        pointer: here.pointer(),
        line: here.line_of(here.id),
    };
    collector.candidate(scene, spot, outer.tier, sure);
}

/// `key = value`, `key: value`, `"key": "value",`: one find a line at most.
fn lines(outer: &Outer<'_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    for (index, line) in outer.scalar.text.lines().enumerate() {
        let Some((key, value)) = assignment(line) else { continue };
        let named = names_an_image(key);
        let least = if named { WORTH_SHOWING } else { SPEAKS_FOR_ITSELF };
        if let Some(sure) = confidence(value, named).filter(|sure| *sure >= least && !names_a_secret(key)) {
            let line = outer.scalar.inner_line(outer.line, index);
            collector.candidate(
                scene,
                Spot {
                    named: outer.named(),
                    text: value,
                    pointer: outer.pointer.to_owned(),
                    line,
                },
                outer.tier,
                sure,
            );
        }
    }
}

/// Key and value of a line that assigns one to the other.
pub(super) fn assignment(line: &str) -> Option<(&str, &str)> {
    let line = line.trim().trim_start_matches("- ");
    if line.starts_with(['#', ';']) || line.starts_with("//") {
        return None;
    }
    let (key, value) = line.split_once(['=', ':'])?;
    let value = value.trim_start();
    let value = match value.chars().next() {
        Some(quote @ ('"' | '\'')) => value.get(1..)?.split(quote).next()?,
        _ => value.split([' ', '\t', ',', ';']).next()?,
    };
    Some((key.trim().trim_matches(['"', '\'']), value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_many_formats_assign() {
        let rows = [
            ("image = \"ubuntu:22.04\"", Some(("image", "ubuntu:22.04"))),
            ("  \"image\": \"proxyv2\",", Some(("image", "proxyv2"))),
            ("- image: reg.io/a:1 # c", Some(("image", "reg.io/a:1"))),
            ("4.2.0=quay.io/a:1", Some(("4.2.0", "quay.io/a:1"))),
            ("helper='a:1' x", Some(("helper", "a:1"))),
            ("key:", Some(("key", ""))),
            ("x=\"", Some(("x", ""))),
            ("# image: a:1", None),
            ("// image: a:1", None),
            ("plain words", None),
            ("", None),
        ];
        for (line, expected) in rows {
            assert_eq!(assignment(line), expected, "{line}");
        }
    }

    #[test]
    fn only_text_that_is_structured_through_and_through_is_read_as_yaml() {
        assert!(structured("a: b\n---\nc: [d]\n").is_some());
        assert!(structured("{\"a\": 1}").is_some());
        assert!(structured("a=b\nc=d\n").is_none());
        assert!(structured("{{ if x }}\na: b\n").is_none());
        assert!(structured("[runners]\n  image = \"a:1\"\n").is_none());
    }
}
