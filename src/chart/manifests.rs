//! Ready-made Kubernetes YAML in place of a render: the files one after the other, each document with the `# Source:`
//! line that Helm would write, so that whatever reads the text can say which file an object came from.

use super::tree::ChartTree;
use crate::fault::{Fault, Place, SourceFile};
use crate::project::RenderLimits;

/// Puts the manifests of a tree together.
pub fn concatenate(tree: &ChartTree, limits: &RenderLimits) -> Result<String, Fault> {
    let mut out = String::new();
    for file in &tree.files {
        let content = file.content()?;
        let text = std::str::from_utf8(&content).map_err(|e| {
            Fault::invalid(format!("{}: not UTF-8", super::shown(&file.path)))
                .at(Place::file_only(super::shown(&file.path)))
                .because(e)
                .hint("Kubernetes YAML is UTF-8: save the file so")
        })?;
        append(&mut out, &file.name, text);
        if out.len() as u64 > limits.output {
            return Err(Fault::invalid(format!("manifests: more than {} bytes", limits.output))
                .at(Place::file_only(super::shown(&file.path)))
                .hint("set a larger `render-output-limit` in `[project]`"));
        }
    }
    Ok(out)
}

/// Where a line (from 1) of what [`concatenate`] gives stands in the files; `None` for lines that it added.
/// `hidden` stands in for all text where it may not be shown.
pub fn manifest_place(tree: &ChartTree, line: usize, hidden: Option<&str>) -> Option<Place> {
    let mut before = 0;
    for file in &tree.files {
        let content = String::from_utf8(file.content().ok()?).ok()?;
        let mut written = String::new();
        append(&mut written, &file.name, &content);
        let count = written.lines().count();
        if line > before + count {
            before += count;
            continue;
        }
        // What was added stands nowhere in the file: the other lines are those of the file, in their order.
        let mut start = content.len() - content.trim_start_matches('\u{feff}').len();
        let mut own = content.get(start..)?.split_inclusive('\n').peekable();
        for (number, text) in (before + 1..).zip(written.lines()) {
            let next = own.peek().map_or("", |next| next.trim_end_matches(['\n', '\r']));
            let is_own = own.peek().is_some() && next == text;
            if number == line {
                let indent = next.len() - next.trim_start().len();
                let span = start + indent..start + next.trim_end().len();
                let (text, span) = match hidden {
                    None => (content.clone(), span),
                    Some(hidden) => {
                        let before = content.get(..start).unwrap_or_default().matches('\n').count();
                        (
                            format!("{}{hidden}\n", "\n".repeat(before)),
                            before..before + hidden.len(),
                        )
                    }
                };
                return is_own.then(|| Place::new(SourceFile::new(super::shown(&file.path), text), span));
            }
            if is_own {
                start += own.next().map_or(0, str::len);
            }
        }
        return None;
    }
    None
}

fn append(out: &mut String, name: &str, text: &str) {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut lines = text.lines().peekable();
    // A directive (`%YAML`) must stay before the marker that ends it.
    let marked = lines
        .clone()
        .find(|line| !is_blank_or_comment(line))
        .is_some_and(|l| is_marker(l) || l.starts_with('%'));
    if !marked {
        out.push_str("---\n");
        add_source(out, name, lines.clone());
    }
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if is_marker(line) && lines.peek().is_some() {
            add_source(out, name, lines.clone());
        }
    }
}

fn add_source<'a>(out: &mut String, name: &str, lines: impl Iterator<Item = &'a str>) {
    let present = lines
        .take_while(|line| is_blank_or_comment(line))
        .any(|line| line.starts_with("# Source: "));
    if !present {
        out.extend(["# Source: ", name, "\n"]);
    }
}

fn is_marker(line: &str) -> bool {
    line == "---"
        || line
            .strip_prefix("---")
            .is_some_and(|rest| rest.starts_with([' ', '\t']))
}

fn is_blank_or_comment(line: &str) -> bool {
    let line = line.trim_start();
    line.is_empty() || line.starts_with('#')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    #[test]
    fn lines_are_found_again_in_the_files_they_came_from() {
        use crate::chart::{Form, Metadata, file::ChartFile};
        let folder = tempfile::tempdir().unwrap();
        let root = camino::Utf8Path::from_path(folder.path()).unwrap();
        let mut files = Vec::new();
        for (name, text) in [
            ("a.yaml", "\u{feff}x: 1\n---\n  y: 2\n"),
            ("b.yaml", "---\r\n# c\r\nz: 3\r\n"),
        ] {
            std::fs::write(root.join(name), text).unwrap();
            let digests = crate::cache::StatTable::load(&root.join("stat"));
            files.push(ChartFile::new(format!("m/{name}"), root.join(name), &digests).unwrap());
        }
        let tree = ChartTree::new(Form::Manifests, root.to_owned(), Metadata::default(), files);
        let text = concatenate(&tree, &crate::project::RenderLimits::default()).unwrap();
        for (content, file, line, column) in [
            ("x: 1", "a.yaml", 1, 1),
            ("  y: 2", "a.yaml", 3, 3),
            ("z: 3", "b.yaml", 3, 1),
        ] {
            let at = text.lines().position(|line| line == content).unwrap() + 1;
            let place = manifest_place(&tree, at, None).unwrap();
            assert!(place.path().as_str().ends_with(file), "{place}");
            assert_eq!(
                place.line_column().unwrap(),
                (line, column + usize::from(content == "x: 1")),
                "{content}"
            );
        }
        let added = text.lines().position(|line| line.starts_with("# Source")).unwrap() + 1;
        assert_eq!(manifest_place(&tree, added, None), None);
        let secret = text.lines().position(|line| line == "  y: 2").unwrap() + 1;
        let place = manifest_place(&tree, secret, Some("(not shown)")).unwrap();
        assert_eq!(place.line_column().unwrap(), (3, 1));
        assert!(!place.text().contains("y: 2"));
        assert_eq!(manifest_place(&tree, 1000, None), None);
    }

    #[test]
    fn every_document_says_where_it_came_from() {
        for (text, expected) in [
            ("a: 1", "---\n# Source: m/f.yaml\na: 1\n"),
            (
                "---\na: 1\n---\nb: 2\n",
                "---\n# Source: m/f.yaml\na: 1\n---\n# Source: m/f.yaml\nb: 2\n",
            ),
            (
                "# note\n---\n# Source: c/t.yaml\na: 1\n",
                "# note\n---\n# Source: c/t.yaml\na: 1\n",
            ),
            ("%YAML 1.2\n---\na: 1\n", "%YAML 1.2\n---\n# Source: m/f.yaml\na: 1\n"),
            ("a: |\n  --- x\n", "---\n# Source: m/f.yaml\na: |\n  --- x\n"),
            ("\u{feff}a: 1\r\n", "---\n# Source: m/f.yaml\na: 1\n"),
        ] {
            let mut out = String::new();
            append(&mut out, "m/f.yaml", text);
            assert_eq!(out, expected, "{text:?}");
        }
    }
}
