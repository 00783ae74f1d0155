//! T1: containers at any depth in any kind, and images mounted as volumes. Certain.

use super::collector::{Collector, Scene, Spot};
use super::found::Tier;
use super::object::Place;
use super::pointer::Step;
use super::walk::Here;
use super::yaml::{NodeId, ScalarKind, Value};

/// The keys under which Kubernetes lists containers.
pub(super) const CONTAINER_LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

/// Looks at one node.
pub(super) fn look(here: &Here<'_, '_>, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let Some(key) = here.key() else { return };
    if CONTAINER_LISTS.contains(&key) {
        for (index, item) in here.tree.items(here.id).iter().enumerate() {
            container(here, index, *item, scene, collector);
        }
    } else if key == "volumes" {
        for (index, item) in here.tree.items(here.id).iter().enumerate() {
            let image = here.tree.get(*item, "image");
            if let Some(reference) = image.and_then(|image| here.tree.get(image, "reference")) {
                let below = [Step::Index(index), Step::Key("image"), Step::Key("reference")];
                field(here, &below, reference, scene, collector);
            }
        }
    }
}

fn container(here: &Here<'_, '_>, index: usize, item: NodeId, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let is_map = !here.tree.entries(item).is_empty();
    match here.tree.get(item, "image") {
        Some(image) => field(here, &[Step::Index(index), Step::Key("image")], image, scene, collector),
        // Custom resources list containers without an image to patch what their operator creates.
        None if is_map && scene.object.place() == Place::Workload => {
            collector.no_image(
                scene,
                &here.pointer_to(&[Step::Index(index)]),
                here.line_of(item),
                "is missing",
            );
        }
        None => {}
    }
}

fn field(here: &Here<'_, '_>, below: &[Step<'_>], id: NodeId, scene: Scene<'_>, collector: &mut Collector<'_>) {
    let pointer = here.pointer_to(below);
    let line = here.line_of(id);
    match here.tree.node(id).map(|n| &n.value) {
        Some(Value::Scalar(scalar)) => match scalar.kind() {
            ScalarKind::Text => collector.image_field(
                scene,
                Spot {
                    named: None,
                    text: &scalar.text,
                    pointer,
                    line,
                },
                Tier::T1,
            ),
            ScalarKind::Null => collector.no_image(scene, &pointer, line, "is empty"),
            ScalarKind::Boolean => collector.no_image(scene, &pointer, line, "is a boolean, not a text"),
            ScalarKind::Number => collector.no_image(scene, &pointer, line, "is a number, not a text"),
        },
        // In custom resources these are looked at as what they are there.
        Some(_) if scene.object.place() != Place::Workload => {}
        Some(Value::Mapping(_)) => collector.no_image(scene, &pointer, line, "is a mapping, not a text"),
        _ => collector.no_image(scene, &pointer, line, "is a list, not a text"),
    }
}
