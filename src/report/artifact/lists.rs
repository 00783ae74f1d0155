//! Lists: plain lines without headings, so that they can be piped; columns where there is more to tell.

use super::{columns, word};
use crate::artifact::documents::{ManifestsDocument, RepositoriesDocument, TagsDocument};
use crate::report::bytes;

/// Tags, one a line; on a terminal with what the registry tells of each.
pub fn tags_list(document: &TagsDocument, wide: bool) -> String {
    let rows: Vec<Vec<String>> = document
        .tags
        .iter()
        .map(|tag| {
            let mut row = vec![word(&tag.name)];
            if wide {
                row.push(tag.digest.clone().unwrap_or_default());
                row.push(tag.last_update_time.as_deref().map(word).unwrap_or_default());
            }
            row
        })
        .collect();
    columns(&rows)
}

/// Manifests: digest, artifact type, tags; on a terminal aligned and with size and time.
pub fn manifests_list(document: &ManifestsDocument, wide: bool) -> String {
    let rows: Vec<Vec<String>> = document
        .manifests
        .iter()
        .map(|manifest| {
            let kind = manifest
                .artifact_type
                .as_deref()
                .or(manifest.media_type.as_deref())
                .unwrap_or("-");
            let mut row = vec![manifest.digest.clone(), word(kind)];
            if wide {
                row.push(
                    manifest
                        .image_size
                        .or(manifest.size)
                        .map_or_else(|| "-".to_owned(), bytes),
                );
                row.push(manifest.last_update_time.as_deref().map(word).unwrap_or_default());
                row.retain(|cell| !cell.is_empty());
            }
            row.push(manifest.tags.iter().map(|tag| word(tag)).collect::<Vec<_>>().join(","));
            row
        })
        .collect();
    if wide {
        return columns(&rows);
    }
    let lines: Vec<String> = rows
        .into_iter()
        .map(|row| row.join("\t").trim_end().to_owned() + "\n")
        .collect();
    lines.concat()
}

/// Repositories, one a line.
pub fn repositories_list(document: &RepositoriesDocument) -> String {
    let rows: Vec<Vec<String>> = document.repositories.iter().map(|name| vec![word(name)]).collect();
    columns(&rows)
}
