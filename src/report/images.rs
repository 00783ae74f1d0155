//! Images as a list: what is used, by what, and under which name it goes to the store.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::count;
use crate::plan::{FoundAt, ImageEntry, ImagesDocument};

/// References are padded to the longest, but not beyond this.
const COLUMN: usize = 64;

/// Objects that are named for one image; the others are counted.
const OBJECTS: usize = 1;

/// Draws the list, a line an image.
pub fn images_list(document: &ImagesDocument) -> String {
    let mut text = String::new();
    let column = document
        .images
        .iter()
        .map(|image| image.reference.chars().count())
        .max();
    let column = column.unwrap_or(0).min(COLUMN);
    for image in &document.images {
        let gap = column.saturating_sub(image.reference.chars().count());
        let _ = writeln!(
            text,
            "{}{}  {}",
            image.reference,
            " ".repeat(gap),
            used_by(&image.found)
        );
        if let Some(name) = other_name(image) {
            let _ = writeln!(text, "    → {name}");
        }
        if let Some(located) = &image.located {
            let digest = located.digest.short();
            let _ = writeln!(text, "    at {} {} ({digest})", located.source, located.repository);
        }
    }
    candidates(&mut text, document);
    for missing in &document.missing {
        let _ = writeln!(text, "missing: {}", missing.reference);
    }
    let _ = writeln!(text, "{}", summary(document));
    text
}

/// `Deployment/shop and 2 more`.
fn used_by(found: &[FoundAt]) -> String {
    let mut objects: Vec<String> = Vec::new();
    for found in found {
        let hook = found
            .hook
            .as_ref()
            .map_or_else(String::new, |hook| format!(" ({hook})"));
        let object = if found.package.is_empty() {
            format!("{}:{}", found.template, found.line)
        } else {
            format!("{}{hook}", found.object)
        };
        if !objects.contains(&object) {
            objects.push(object);
        }
    }
    let shown = objects
        .iter()
        .take(OBJECTS)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match objects.len().saturating_sub(OBJECTS) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// The name in the store, where it is another one.
fn other_name(image: &ImageEntry) -> Option<String> {
    let name = format!("{}:{}", image.name.as_ref()?, image.tag);
    // What a registry host before it hides is no news, and `latest` is told by a warning of its own.
    let path = match image.reference.split_once('/') {
        Some((host, path)) if host == "localhost" || host.contains(['.', ':']) => path,
        _ => image.reference.as_str(),
    };
    let same = name == path || name.strip_suffix(":latest") == Some(path);
    (!same).then_some(name)
}

/// Texts that may be images, each once with the place that makes it likeliest.
fn candidates(text: &mut String, document: &ImagesDocument) {
    let mut each: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (index, candidate) in document.candidates.iter().enumerate() {
        each.entry(&candidate.reference).or_default().push(index);
    }
    if each.is_empty() {
        return;
    }
    text.push_str("perhaps images, not taken:\n");
    for (reference, places) in each {
        let likeliest = places
            .iter()
            .filter_map(|index| document.candidates.get(*index))
            .max_by_key(|candidate| candidate.confidence);
        let Some(candidate) = likeliest else { continue };
        let more = match places.len() - 1 {
            0 => String::new(),
            n => format!(" and {n} more"),
        };
        let found = &candidate.found;
        let place = found.named.as_ref().map_or_else(
            || format!("{} {}", found.object, found.pointer),
            |named| format!("{named} of {}", found.object),
        );
        let _ = writeln!(text, "  {reference}  {} % sure: {place}{more}", candidate.confidence);
    }
    text.push_str(
        "  take them with rules or `candidates = \"include\"` in [discovery], or silence them with `ignore`\n",
    );
}

fn summary(document: &ImagesDocument) -> String {
    let mut parts = vec![count(document.images.len() as u64, "image")];
    let each: std::collections::BTreeSet<&str> = document
        .candidates
        .iter()
        .map(|candidate| candidate.reference.as_str())
        .collect();
    if !each.is_empty() {
        parts.push(count(each.len() as u64, "candidate"));
    }
    if !document.missing.is_empty() {
        parts.push(format!("{} missing", document.missing.len()));
    }
    parts.join(", ")
}
