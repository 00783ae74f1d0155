//! Which text Helm's complaint is about: a template, a values file, or what a template rendered to.

use std::ops::Range;

use camino::Utf8Path;

use super::secrets;
use super::tree::ChartTree;
use super::yaml::{Node, parse};
use crate::fault::{Place, SourceFile};
use crate::project::ChartPackage;

/// What Helm says of a template whose output is no YAML.
const BROKEN_YAML: &str = "YAML parse error on ";

/// What it says of a values file.
const BROKEN_VALUES: [&str; 2] = ["failed to parse ", "cannot load values.yaml"];

/// Stands for a line of a values file.
const HIDDEN_VALUES: &str = "(not shown: values may be secrets)";

/// Lines of rendered text that a place keeps around the one that is wrong.
const AROUND: usize = 2;

/// Did a template render to something that is no YAML?
pub(super) fn is_broken_yaml(text: &str) -> bool {
    text.contains(BROKEN_YAML)
}

/// Is a values file no good?
pub(super) fn is_about_values(text: &str) -> bool {
    BROKEN_VALUES.iter().any(|words| text.contains(words))
}

/// The place that Helm's message `text` is about, with a word on it. `rendered` is what Helm printed with `--debug`.
pub(super) fn blamed(
    package: &ChartPackage,
    tree: &ChartTree,
    text: &str,
    rendered: Option<&str>,
) -> Option<(Place, &'static str)> {
    if let Some(rendered) = rendered {
        return Some((in_rendered(rendered, text)?, "this is no YAML"));
    }
    if is_about_values(text) {
        return Some((in_values(package, tree, text)?, "helm cannot read this"));
    }
    Some((in_template(tree, text)?, "helm stopped here"))
}

/// The first document of the blamed template that is no map, or no YAML at all. The line is that of the whole output.
fn in_rendered(rendered: &str, text: &str) -> Option<Place> {
    let at = text.find(BROKEN_YAML)? + BROKEN_YAML.len();
    let template = text.get(at..)?.split(": ").next()?.trim();
    let shown = format!("{template} (rendered)");
    let (mut line, mut ours, mut first) = (1, false, None);
    for document in secrets::documents(rendered) {
        let source = document
            .lines()
            .take(3)
            .find_map(|line| line.strip_prefix("# Source: "));
        ours = source.map_or(ours, |source| source.trim() == template);
        if ours {
            let found = match parse(document) {
                Err(bad) => Some(bad.span.unwrap_or(0..0)),
                Ok(root) if !matches!(root.node, Node::Map(_) | Node::Null) => Some(root.span),
                Ok(_) => None,
            };
            if let Some(span) = found {
                return Some(excerpt(&shown, document, line, &span));
            }
            first.get_or_insert(line);
        }
        line += document.matches('\n').count();
    }
    // Helm's reader is stricter than ours: then the beginning of the template's output is what can be said.
    first.map(|line| {
        Place::new(
            SourceFile::new(shown, format!("{}# Source: {template}\n", "\n".repeat(line))),
            line..line + 1,
        )
    })
}

/// A place that keeps only the lines around it; none of a document that may hold a Secret.
fn excerpt(shown: &str, document: &str, first_line: usize, span: &Range<usize>) -> Place {
    let start = floor(document, span.start);
    let before = document.get(..start).unwrap_or_default();
    let number = before.matches('\n').count();
    let column = before.rsplit('\n').next().unwrap_or_default().len();
    let hidden = secrets::may_hold_secret(document);
    let mut text = "\n".repeat(first_line - 1);
    let mut at = text.len();
    for (index, line) in document.lines().enumerate().take(number + AROUND + 1) {
        if index == number {
            at = text.len();
        }
        if index + AROUND >= number && !hidden {
            text.push_str(line);
        } else if index == number {
            text.push_str("(not shown: a Secret may be in it)");
        }
        text.push('\n');
    }
    let length = text.get(at..).unwrap_or_default().lines().next().map_or(0, str::len);
    let column = if hidden { 0 } else { column };
    let column = floor(text.get(at..).unwrap_or_default(), column.min(length));
    Place::new(SourceFile::new(shown, text), at + column..at + length)
}

fn floor(text: &str, at: usize) -> usize {
    (0..=at.min(text.len()))
        .rev()
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(0)
}

/// The values file that Helm names, at the line where it stops being YAML.
fn in_values(package: &ChartPackage, tree: &ChartTree, text: &str) -> Option<Place> {
    let named = package
        .values
        .iter()
        .map(|file| file.value.clone())
        .find(|path| text.contains(&format!("failed to parse {}", super::shown(path))));
    let own = || {
        tree.files
            .iter()
            .find(|file| file.name == "values.yaml")
            .map(|file| file.path.clone())
    };
    let path = named.or_else(own)?;
    let shown = super::shown(&path);
    let place = std::fs::read_to_string(&path).ok().map(|content| {
        let span = match parse(&content) {
            Err(bad) => bad.span.unwrap_or(0..0),
            Ok(root) => root.span,
        };
        // Its lines stay where they are: values may be secrets.
        let before = content.get(..floor(&content, span.start)).unwrap_or_default();
        let start = before.matches('\n').count();
        let text = format!("{}{HIDDEN_VALUES}\n", "\n".repeat(start));
        Place::new(SourceFile::new(shown.clone(), text), start..start + HIDDEN_VALUES.len())
    });
    Some(place.unwrap_or_else(|| Place::file_only(shown)))
}

/// The first `NAME/templates/…:LINE[:COLUMN]` of a message, when it is a file of this chart folder.
fn in_template(tree: &ChartTree, text: &str) -> Option<Place> {
    let prefix = format!("{}/", tree.name());
    for (at, _) in text.match_indices(&prefix) {
        let rest = text.get(at + prefix.len()..)?;
        let (name, rest) = rest.split_once(':')?;
        let Some(file) = tree.files.iter().find(|file| file.name == name) else {
            continue;
        };
        let mut numbers = rest.splitn(3, ':').map(number);
        let Some(line) = numbers.next().flatten() else { continue };
        let column = numbers.next().flatten();
        let content = String::from_utf8_lossy(&file.content().ok()?).into_owned();
        return Some(at_line(&file.path, content, line, column));
    }
    None
}

fn number(text: &str) -> Option<usize> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn at_line(path: &Utf8Path, content: String, line: usize, column: Option<usize>) -> Place {
    let start: usize = content
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let length = content.lines().nth(line.saturating_sub(1)).map_or(0, str::len);
    let skip = column.map_or(0, |column| column.min(length));
    Place::new(
        SourceFile::new(super::shown(path), content),
        start + skip..start + length,
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests fail by panicking")]
    use super::*;

    const SAID: &str = "Error: YAML parse error on c/templates/b.yaml: error converting YAML to JSON: yaml: line 3: no";

    #[test]
    fn the_line_is_that_of_the_whole_rendered_text() {
        let rendered =
            "---\n# Source: c/templates/a.yaml\nx: [\n---\n# Source: c/templates/b.yaml\na: 1\n---\nb: 2\nc: d: e\n";
        let place = in_rendered(rendered, SAID).unwrap();
        let (line, _) = place.line_column().unwrap();
        assert_eq!((place.path().as_str(), line), ("c/templates/b.yaml (rendered)", 9));
        assert!(place.text().contains("c: d: e"));
        assert!(!place.text().contains("x: ["), "only the lines around it are kept");
    }

    #[test]
    fn nothing_of_a_document_that_may_be_a_secret_is_kept() {
        let rendered = "---\n# Source: c/templates/b.yaml\nkind: Secret\nstringData:\n  p: hunter2: x\n";
        let place = in_rendered(rendered, SAID).unwrap();
        assert_eq!(place.line_column().unwrap().0, 5);
        assert!(!place.text().contains("hunter2"), "{}", place.text());
    }

    #[test]
    fn what_only_helm_cannot_read_is_at_the_templates_beginning() {
        let rendered = "---\n# Source: c/templates/b.yaml\na: 1\n";
        let place = in_rendered(rendered, SAID).unwrap();
        assert_eq!(place.line_column().unwrap().0, 2);
        assert!(in_rendered("---\n# Source: other\na: 1\n", SAID).is_none());
    }

    #[test]
    fn a_document_that_is_no_map_is_the_one() {
        let rendered = "---\n# Source: c/templates/b.yaml\na: 1\n---\njust words\n";
        assert_eq!(in_rendered(rendered, SAID).unwrap().line_column().unwrap().0, 5);
    }
}
