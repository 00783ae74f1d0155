//! One artifact, field by field.

use std::fmt::Write as _;

use super::{columns, word};
use crate::artifact::documents::{ArtifactDocument, Attributes, PartEntry};
use crate::report::bytes;

/// Parts that are listed; the others are counted.
const PARTS: usize = 50;

/// An artifact in words.
pub fn artifact(document: &ArtifactDocument) -> String {
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut row = |name: &str, value: String| rows.push(vec![name.to_owned(), value]);
    row("reference", word(&document.reference));
    row("digest", document.digest.clone());
    row("media type", word(&document.media_type));
    if let Some(kind) = &document.artifact_type {
        row("artifact type", word(kind));
    }
    let total = document
        .total_size
        .map_or_else(|| "parts of it are missing".to_owned(), bytes);
    row("size", format!("{total} (manifest {})", bytes(document.size)));
    if let Some(subject) = &document.subject {
        row("refers to", word(subject));
    }
    if let Some(created) = &document.created {
        row("created", word(created));
    }
    if !document.platforms.is_empty() {
        row("platforms", word(&document.platforms.join(", ")));
    }
    if let Some(facts) = &document.registry {
        let times = [
            ("pushed", &facts.created_time),
            ("last update", &facts.last_update_time),
        ];
        for (name, time) in times {
            if let Some(time) = time {
                row(name, word(time));
            }
        }
        if let Some(size) = facts.image_size {
            row("image size", bytes(size));
        }
        if !facts.tags.is_empty() {
            row("tags", word(&facts.tags.join(", ")));
        }
        if let Some(attributes) = facts.changeable_attributes {
            row("allowed", allowed(attributes));
        }
    }
    let mut text = columns(&rows);
    if !document.annotations.is_empty() {
        text.push_str("annotations\n");
        for (key, value) in &document.annotations {
            let _ = writeln!(text, "  {}: {}", word(key), word(value));
        }
    }
    let config: Vec<&PartEntry> = document.config.iter().collect();
    parts(&mut text, "config", &config);
    parts(&mut text, "layers", &document.layers.iter().collect::<Vec<_>>());
    parts(&mut text, "manifests", &document.manifests.iter().collect::<Vec<_>>());
    text
}

fn allowed(attributes: Attributes) -> String {
    let each = [
        ("read", attributes.read_enabled),
        ("write", attributes.write_enabled),
        ("delete", attributes.delete_enabled),
        ("list", attributes.list_enabled),
    ];
    let words: Vec<String> = each
        .into_iter()
        .filter_map(|(name, value)| value.map(|yes| if yes { name.to_owned() } else { format!("no {name}") }))
        .collect();
    words.join(", ")
}

fn parts(text: &mut String, heading: &str, parts: &[&PartEntry]) {
    if parts.is_empty() {
        return;
    }
    let _ = writeln!(text, "{heading}");
    let rows: Vec<Vec<String>> = parts
        .iter()
        .take(PARTS)
        .map(|part| {
            let mut row = vec![format!("  {}", part.digest), bytes(part.size), word(&part.media_type)];
            row.extend(part.platform.as_deref().map(word));
            row.extend(part.title.as_deref().map(word));
            row
        })
        .collect();
    text.push_str(&columns(&rows));
    if parts.len() > PARTS {
        let _ = writeln!(text, "  and {} more (--json lists all)", parts.len() - PARTS);
    }
}
