//! Ready-made Kubernetes YAML in place of a render: the files one after the other, each document with the `# Source:`
//! line that Helm would write, so that whatever reads the text can say which file an object came from.

use super::tree::ChartTree;
use crate::fault::{Fault, Place};
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
    use super::*;

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
