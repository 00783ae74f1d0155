//! `manifests = […]`: patterns into files, sorted.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

use super::document::Document;
use super::model::Spanned;
use super::paths::{Resolver, normalise};
use crate::fault::{Fault, Faults};

/// How deep folders are searched, and how many entries are looked at: a pattern at a disk's root must end.
const MAX_DEPTH: usize = 32;
const MAX_ENTRIES: usize = 200_000;

/// Expands all patterns of one package; every pattern must match something.
pub(crate) fn expand(
    patterns: &[Spanned<String>],
    document: &Document,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> Vec<Spanned<Utf8PathBuf>> {
    let mut files: Vec<Spanned<Utf8PathBuf>> = Vec::new();
    for pattern in patterns {
        for path in one(pattern, document, resolver, faults) {
            if !files.iter().any(|file| file.value == path) {
                files.push(Spanned {
                    value: path,
                    place: pattern.place.clone(),
                });
            }
        }
    }
    files.sort_by(|a, b| a.value.cmp(&b.value));
    files
}

fn one(
    pattern: &Spanned<String>,
    document: &Document,
    resolver: Resolver<'_>,
    faults: &mut Faults,
) -> BTreeSet<Utf8PathBuf> {
    if !pattern.value.contains(['*', '?', '[', '{']) {
        let found = resolver.existing(pattern, document, "manifest", faults);
        let Some(path) = found.map(|path| path.value) else {
            return BTreeSet::new();
        };
        if path.is_file() {
            return BTreeSet::from([path]);
        }
        let fault = if path.is_dir() {
            Fault::invalid(format!("manifest {}: is a folder", pattern.value))
                .hint(format!("write `{}/*.yaml`", pattern.value.trim_end_matches('/')))
        } else {
            Fault::invalid(format!("manifest {}: not a regular file", pattern.value))
                .hint("name a file that can be read to its end")
        };
        faults.push(fault.at_opt(pattern.place.clone()));
        return BTreeSet::new();
    }
    let text = pattern.value.trim_start_matches("./");
    let glob = match globset::GlobBuilder::new(text).literal_separator(true).build() {
        Ok(glob) => glob.compile_matcher(),
        Err(error) => {
            faults.push(
                Fault::invalid("charts.manifests: not a pattern")
                    .at_opt(pattern.place.clone())
                    .because(error.kind())
                    .hint("`*` matches within a folder, `**` over folders: `rendered/*.yaml`"),
            );
            return BTreeSet::new();
        }
    };
    let files = search(document.folder(), text, &glob);
    if !files.is_empty() {
        return files;
    }
    let elsewhere = search(resolver.current_dir, text, &glob);
    faults.push(if elsewhere.is_empty() {
        Fault::invalid(format!("manifests {}: nothing matches", pattern.value))
            .at_opt(pattern.place.clone())
            .hint(format!(
                "patterns start from the folder of {}; `**` matches folders",
                document.source.path
            ))
    } else {
        Fault::warning(format!(
            "manifests {}: found only from the current folder",
            pattern.value
        ))
        .at_opt(pattern.place.clone())
        .hint("patterns start from the file that names them")
    });
    elsewhere
}

/// All files below `base` whose path from it matches.
fn search(base: &Utf8Path, pattern: &str, glob: &globset::GlobMatcher) -> BTreeSet<Utf8PathBuf> {
    // Only the folder before the first special character can hold matches.
    let literal: Utf8PathBuf = Utf8Path::new(pattern)
        .components()
        .map(|part| part.as_str())
        .take_while(|part| !part.contains(['*', '?', '[', '{']))
        .collect();
    let mut files = BTreeSet::new();
    let mut left = MAX_ENTRIES;
    let mut folders = vec![(literal, 0_usize)];
    while let Some((folder, depth)) = folders.pop() {
        let Ok(entries) = base.join(&folder).read_dir_utf8() else {
            continue;
        };
        for entry in entries.flatten() {
            left = left.saturating_sub(1);
            if left == 0 {
                return files;
            }
            let path = folder.join(entry.file_name());
            let Ok(kind) = entry.file_type() else {
                continue;
            };
            if kind.is_dir() {
                // Folders of tools are no place for manifests, and can be huge.
                if depth < MAX_DEPTH && !matches!(entry.file_name(), ".git" | ".aosm") {
                    folders.push((path, depth + 1));
                }
            } else if glob.is_match(&path) && base.join(&path).is_file() {
                // Links to files count; links to folders are not followed, as they may lead in circles.
                files.insert(normalise(&base.join(&path)));
            }
        }
    }
    files
}
