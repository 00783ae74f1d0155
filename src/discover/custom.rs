//! T2: custom resources. An image-shaped text under a key `image` is an image; what only may be one (a bare word,
//! another key that speaks of an image, split fields, a text that speaks for itself) is a candidate.

use super::collector::{Collector, Scene, Spot};
use super::containers::CONTAINER_LISTS;
use super::env_args::{ARG_LISTS, ENV};
use super::found::Tier;
use super::object::Place;
use super::pointer::Step;
use super::settings::Fields;
use super::shape::{SPEAKS_FOR_ITSELF, WORTH_SHOWING, confidence, is_image_shaped, names_a_secret, names_an_image};
use super::split;
use super::walk::Here;
use crate::reference::ImageReference;

/// A bare word under `image`.
const BARE_WORD: u8 = 50;
/// Split fields.
const SPLIT: u8 = 60;
/// A repository under `image` with its tag beside it.
const TAG_BESIDE: u8 = 70;
/// A text under any key at all.
const ANY_KEY: u8 = 70;
/// What annotations must show, which are free text.
const ANNOTATION: u8 = 75;
/// Labels and selectors repeat what stands elsewhere.
const LABELS: [&str; 3] = ["labels", "matchLabels", "matchExpressions"];

/// Looks at one node of an object.
pub(super) fn look(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    if here.is_below(&LABELS) {
        return;
    }
    if here.key_above(1) == Some("annotations") {
        annotation(here, scene, collector);
        return;
    }
    if scene.object.place() != Place::Other || here.is_below(&[ENV, "annotations"]) || here.is_below(&ARG_LISTS) {
        return;
    }
    if let Some(text) = here.tree.text(here.id) {
        text_node(here, text, scene, collector);
    } else if split::is_whole(here.tree, here.id)
        && let Some(reference) = split::compose(here.tree, here.id, &Fields::default())
    {
        let spot = Spot {
            named: None,
            text: &reference,
            pointer: here.pointer(),
            line: here.line_of(here.id),
        };
        collector.candidate(scene, spot, Tier::T2, SPLIT);
    }
}

fn annotation(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let (Some(key), Some(text)) = (here.key(), here.tree.text(here.id)) else {
        return;
    };
    if names_an_image(key)
        && let Some(sure) = confidence(text, true).filter(|sure| *sure >= ANNOTATION)
    {
        collector.candidate(scene, spot(here, text), Tier::T2, sure);
    }
}

fn text_node(here: &Here<'_, '_>, text: &str, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let key = here.key().or_else(|| here.key_above(1));
    if key == Some("image") {
        image_key(here, text, scene, collector);
        return;
    }
    if is_mounted_reference(here) || key.is_some_and(names_a_secret) {
        return;
    }
    let (sure, least) = match key {
        Some(key) if names_an_image(key) => (confidence(text, true), WORTH_SHOWING),
        _ => (
            confidence(text, false).map(|sure| if sure >= SPEAKS_FOR_ITSELF { ANY_KEY } else { 0 }),
            ANY_KEY,
        ),
    };
    if let Some(sure) = sure.filter(|sure| *sure >= least) {
        collector.candidate(scene, spot(here, text), Tier::T2, sure);
    }
}

fn image_key(here: &Here<'_, '_>, text: &str, scene: Scene<'_>, collector: &mut Collector<'_>) {
    if here.key().is_some() && here.key_above(2).is_some_and(|list| CONTAINER_LISTS.contains(&list)) && is_item(here) {
        return; // a container's own, seen as T1
    }
    if let Some(reference) = with_tag_beside(here, text) {
        let spot = Spot {
            named: None,
            text: &reference,
            pointer: here.pointer(),
            line: here.line_of(here.id),
        };
        collector.candidate(scene, spot, Tier::T2, TAG_BESIDE);
    } else if is_image_shaped(text) {
        collector.certain(scene, spot(here, text));
    } else {
        match ImageReference::parse(text) {
            Ok(reference) if !reference.has_empty_registry() && !reference.path().contains(['.', '/']) => {
                collector.candidate(scene, spot(here, text), Tier::T2, BARE_WORD);
            }
            Err(error) if looks_meant(text) => {
                let what = format!("`{text}` under `image` is no image: {error}");
                collector.warn(scene, &spot(here, text), &what, error.hint());
            }
            // Switches, sizes, pictures, prose: an operator's `image` need not be a container image.
            _ => {}
        }
    }
}

/// `image: repo/app` with `tag: v1` beside it: the two make the reference.
fn with_tag_beside(here: &Here<'_, '_>, text: &str) -> Option<String> {
    let parent = here.parent?;
    here.key()?;
    ImageReference::parse(text)
        .ok()
        .filter(ImageReference::implies_latest)?;
    let beside = ["tag", "imageTag"].into_iter().find(|name| {
        here.tree
            .get(parent, name)
            .and_then(|id| here.tree.scalar(id))
            .is_some_and(|tag| !tag.text.is_empty())
    })?;
    let fields = Fields {
        repository: "image".to_owned(),
        tag: beside.to_owned(),
        ..Fields::default()
    };
    split::compose(here.tree, parent, &fields)
}

fn is_item(here: &Here<'_, '_>) -> bool {
    here.path
        .len()
        .checked_sub(2)
        .and_then(|at| here.path.get(at))
        .is_some_and(|step| matches!(step, Step::Index(_)))
}

/// `volumes[].image.reference`, seen as T1.
fn is_mounted_reference(here: &Here<'_, '_>) -> bool {
    here.key() == Some("reference") && here.key_above(1) == Some("image") && here.key_above(3) == Some("volumes")
}

/// True for texts that somebody meant as an image.
fn looks_meant(text: &str) -> bool {
    text.contains([':', '/', '@', '$', '{'])
        && !text.trim().contains(char::is_whitespace)
        && !["data:", "http://", "https://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
}

fn spot<'s>(here: &Here<'_, '_>, text: &'s str) -> Spot<'s> {
    Spot {
        named: None,
        text,
        pointer: here.pointer(),
        line: here.line_of(here.id),
    }
}
