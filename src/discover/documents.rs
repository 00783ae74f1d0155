//! Cutting rendered text into documents before it is parsed, so that a broken one cannot hide the others.
//!
//! A line that starts with `---` and white space (or nothing) begins a document: such a line can stand inside no
//! valid scalar (YAML 1.2, 9.1.2), and Helm cuts its templates there too. Each document knows the template that it
//! came from by Helm's `# Source:` comment; one without that comment (the second object of a CRD file) goes with
//! the one before it.

/// One document as text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Document<'a> {
    /// The text, its `---` and directives included.
    pub(super) text: &'a str,
    /// Number of its first line in the whole text, from 1.
    pub(super) line: u64,
    /// The template's name; empty if unknown.
    pub(super) template: &'a str,
}

/// Cuts the text. Documents without content are left out.
pub(super) fn split(rendered: &str) -> Vec<Document<'_>> {
    let mut documents = Vec::new();
    let mut template = "";
    let mut chunk = Chunk { start: 0, line: 1 };
    // Where a run of directives, comments and blank lines begins that may belong to the next document.
    let mut preamble: Option<(Chunk, bool)> = Some((Chunk { start: 0, line: 1 }, false));
    let mut offset = 0;
    for (number, line) in (1..).zip(rendered.split_inclusive('\n')) {
        let bare = line.trim_start_matches('\u{feff}');
        if is_marker(bare) {
            let next = match preamble {
                Some((from, true)) => from,
                _ => Chunk {
                    start: offset,
                    line: number,
                },
            };
            close(&mut documents, rendered, chunk, next.start, &mut template);
            chunk = next;
            preamble = None;
        } else if bare.starts_with('%') {
            let from = preamble.map_or(
                Chunk {
                    start: offset,
                    line: number,
                },
                |(from, _)| from,
            );
            preamble = Some((from, true));
        } else if bare.trim().is_empty() || bare.starts_with('#') {
            preamble.get_or_insert((
                Chunk {
                    start: offset,
                    line: number,
                },
                false,
            ));
        } else {
            preamble = None;
        }
        offset += line.len();
    }
    close(&mut documents, rendered, chunk, rendered.len(), &mut template);
    documents
}

#[derive(Clone, Copy)]
struct Chunk {
    start: usize,
    line: u64,
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn close<'a>(documents: &mut Vec<Document<'a>>, whole: &'a str, chunk: Chunk, end: usize, template: &mut &'a str) {
    let text = whole.get(chunk.start..end).unwrap_or_default();
    if let Some(named) = source_comment(text) {
        *template = named;
    }
    let text = text.trim_start_matches('\u{feff}');
    let has_content = text.lines().any(|line| {
        let line = line.strip_prefix("---").unwrap_or(line).trim();
        !line.is_empty() && !line.starts_with('#') && !line.starts_with('%') && line != "..."
    });
    if has_content {
        documents.push(Document {
            text,
            line: chunk.line,
            template,
        });
    }
}

/// The name in the `# Source:` comment above the content.
fn source_comment(text: &str) -> Option<&str> {
    text.lines()
        .map(|line| line.trim_start_matches('\u{feff}').trim_end())
        .take_while(|line| line.is_empty() || line.starts_with('#') || line.starts_with('%') || is_marker(line))
        .filter_map(|line| line.strip_prefix("# Source:"))
        .map(str::trim)
        .last()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<(u64, &str, &str)> {
        split(text).into_iter().map(|d| (d.line, d.template, d.text)).collect()
    }

    #[test]
    fn documents_know_their_line_and_template() {
        let text = "---\n# Source: a/t/x.yaml\na: 1\n---\n# Source: a/t/y.yaml\nb: 2\n";
        assert_eq!(
            cut(text),
            [
                (1, "a/t/x.yaml", "---\n# Source: a/t/x.yaml\na: 1\n"),
                (4, "a/t/y.yaml", "---\n# Source: a/t/y.yaml\nb: 2\n")
            ]
        );
    }

    #[test]
    fn a_document_without_its_own_comment_goes_with_the_one_before() {
        let templates: Vec<_> = cut("# Source: a/crds/x.yaml\na: 1\n---\nb: 2\n")
            .into_iter()
            .map(|d| d.1)
            .collect();
        assert_eq!(templates, ["a/crds/x.yaml", "a/crds/x.yaml"]);
        assert_eq!(cut("a: 1\n"), [(1, "", "a: 1\n")]);
    }

    #[test]
    fn a_source_comment_below_the_content_is_no_name() {
        assert_eq!(cut("a: |\n  x\n# Source: b\n"), [(1, "", "a: |\n  x\n# Source: b\n")]);
    }

    #[test]
    fn carriage_returns_and_byte_order_marks_hide_no_marker() {
        let text = "\u{feff}---\r\n# Source: a/t/x.yaml\r\na: 1\r\n---\r\nb: 2\r\n";
        let lines: Vec<_> = cut(text).into_iter().map(|d| (d.0, d.1)).collect();
        assert_eq!(lines, [(1, "a/t/x.yaml"), (4, "a/t/x.yaml")]);
    }

    #[test]
    fn content_beside_the_marker_belongs_to_its_document() {
        assert_eq!(
            cut("--- {a: 1}\n--- # c\nb: 2\n"),
            [(1, "", "--- {a: 1}\n"), (2, "", "--- # c\nb: 2\n")]
        );
        assert_eq!(cut("a: 1\n---b: 2\n").len(), 1, "no white space, no marker");
        assert_eq!(cut("a: |\n  ---\n  x\n").len(), 1, "an indented one is text");
    }

    #[test]
    fn directives_go_with_the_document_after_them() {
        let text = "a: 1\n# c\n%YAML 1.1\n---\nb: 2\n";
        assert_eq!(cut(text), [(1, "", "a: 1\n"), (2, "", "# c\n%YAML 1.1\n---\nb: 2\n")]);
        assert_eq!(cut("%YAML 1.1\n---\nb: 2\n"), [(1, "", "%YAML 1.1\n---\nb: 2\n")]);
    }

    #[test]
    fn documents_without_content_are_left_out() {
        for text in [
            "",
            "---",
            "---\n---\n",
            "# only\n---\n# Source: x\n\n",
            "\u{feff}",
            "---\n...\n",
        ] {
            assert_eq!(cut(text), [], "{text:?}");
        }
    }
}
