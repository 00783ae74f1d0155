//! The lines of a source text that a person is to see, safe for a terminal and of bounded length.

use crate::fault::Span;

/// Lines shown before and after a marked one.
const CONTEXT: usize = 1;

/// Characters of a line that are shown, whatever the screen.
const COLUMNS: std::ops::RangeInclusive<usize> = 40..=160;

/// A text with as many lines as its source, of which only those near a mark are filled in, and the marks in it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Excerpt {
    /// The text.
    pub(crate) text: String,
    /// The marks, in the order given; each on one line and at least one character long.
    pub(crate) marks: Vec<Span>,
}

/// Cuts an excerpt whose lines are `columns` wide at most: longer ones are cropped around their first mark. Marks that
/// reach over several lines end with their first.
pub(crate) fn cut(source: &str, marks: &[Span], columns: usize) -> Excerpt {
    let columns = columns.clamp(*COLUMNS.start(), *COLUMNS.end());
    let lines = lines(source);
    let at: Vec<usize> = marks.iter().map(|mark| line_of(&lines, mark.start)).collect();
    let mut out = Excerpt {
        text: String::new(),
        marks: vec![0..0; marks.len()],
    };
    for (number, line) in lines.iter().enumerate() {
        if at.iter().any(|marked| marked.abs_diff(number) <= CONTEXT) {
            let here = marks
                .iter()
                .enumerate()
                .filter(|(index, _)| at.get(*index) == Some(&number));
            let here: Vec<(usize, &Span)> = here.collect();
            fill(source, line, &here, columns, &mut out);
        }
        out.text.push('\n');
    }
    out
}

/// The byte ranges of all lines without their ends; a last empty line does not count, unless it is the only one.
fn lines(source: &str) -> Vec<Span> {
    let mut lines = Vec::new();
    let mut start = 0;
    for line in source.split_inclusive('\n') {
        let end = start + line.trim_end_matches(['\n', '\r']).len();
        lines.push(start..end);
        start += line.len();
    }
    if lines.is_empty() {
        lines.push(0..0);
    }
    lines
}

fn line_of(lines: &[Span], offset: usize) -> usize {
    lines.partition_point(|line| line.start <= offset).saturating_sub(1)
}

fn fill(source: &str, line: &Span, marks: &[(usize, &Span)], columns: usize, out: &mut Excerpt) {
    let text = source.get(line.clone()).unwrap_or_default();
    let first = marks
        .iter()
        .map(|(_, mark)| mark.start.saturating_sub(line.start))
        .min()
        .unwrap_or(0);
    let column = text.char_indices().take_while(|(at, _)| *at < first).count();
    let long = text.chars().nth(columns).is_some();
    let skip = if long { column.saturating_sub(columns / 4) } else { 0 };
    if skip > 0 {
        out.text.push('…');
    }
    // Where each byte of the line that starts a shown character went.
    let mut shown: Vec<(usize, usize)> = Vec::new();
    for (at, c) in text.char_indices().skip(skip).take(columns) {
        shown.push((at, out.text.len()));
        out.text.push(visible(c));
    }
    let end = out.text.len();
    if long && text.chars().nth(skip + columns).is_some() {
        out.text.push('…');
    }
    let place = |offset: usize| {
        shown
            .iter()
            .find(|(at, _)| *at >= offset)
            .map_or(end, |(_, place)| *place)
    };
    let mut needs_room = false;
    for (index, mark) in marks {
        let start = place(mark.start.saturating_sub(line.start));
        let stop = place(mark.end.saturating_sub(line.start)).min(end).max(start);
        // A mark of no length, or behind the line's end, still needs one character to stand under.
        let next = shown
            .iter()
            .map(|(_, place)| *place)
            .find(|place| *place > start)
            .unwrap_or(end.max(start + 1));
        needs_room |= start >= out.text.len();
        if let Some(slot) = out.marks.get_mut(*index) {
            *slot = start..if stop > start { stop } else { next };
        }
    }
    if needs_room {
        out.text.push(' ');
    }
}

fn visible(c: char) -> char {
    match c {
        '\t' => ' ',
        c if is_unprintable(c) => '\u{fffd}',
        c => c,
    }
}

/// Control characters, and those that change the direction of a text: both could make a terminal show something else.
fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{feff}')
}

/// A text safe for a terminal; line ends stay if asked for.
pub(crate) fn printable(text: &str, keep_lines: bool) -> String {
    text.chars()
        .filter(|c| *c != '\r')
        .map(|c| match c {
            '\n' if keep_lines => '\n',
            '\t' | '\n' => ' ',
            c if is_unprintable(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marked(excerpt: &Excerpt) -> Vec<&str> {
        excerpt
            .marks
            .iter()
            .map(|mark| excerpt.text.get(mark.clone()).unwrap_or("out of bounds"))
            .collect()
    }

    #[test]
    fn line_numbers_stay_and_far_lines_are_empty() {
        let source = "one\ntwo\nthree\nfour\nfive\n";
        let excerpt = cut(source, std::slice::from_ref(&(14..18)), 80);
        assert_eq!(excerpt.text, "\n\nthree\nfour\nfive\n");
        assert_eq!(marked(&excerpt), ["four"]);
    }

    #[test]
    fn long_lines_are_cropped_around_the_mark() {
        let source = format!("{}X{}\n", "é".repeat(10_000), "b".repeat(10_000));
        let start = 20_000;
        let excerpt = cut(&source, std::slice::from_ref(&(start..start + 1)), 80);
        assert_eq!(marked(&excerpt), ["X"]);
        assert!(excerpt.text.chars().count() <= 83, "{}", excerpt.text.len());
    }

    #[test]
    fn escape_sequences_do_not_reach_the_terminal() {
        let excerpt = cut("a\u{1b}[31mb\u{202e}c", std::slice::from_ref(&(6..7)), 80);
        assert!(!excerpt.text.contains(['\u{1b}', '\u{202e}']));
        assert_eq!(marked(&excerpt), ["b"]);
        assert_eq!(printable("a\u{1b}[0m\r\nb\tc", true), "a\u{fffd}[0m\nb c");
    }

    #[test]
    fn marks_at_the_end_and_beyond_are_inside() {
        for (source, mark) in [
            ("abc", 3..3),
            ("abc\n", 4..4),
            ("", 0..0),
            ("a\n\nb", 2..2),
            ("abc", 9..12),
            ("é", 1..1),
        ] {
            let excerpt = cut(source, std::slice::from_ref(&mark), 80);
            let mark = excerpt.marks.first().cloned().unwrap_or(0..0);
            assert!(mark.start < mark.end, "{source:?} {mark:?}");
            assert!(excerpt.text.get(mark).is_some(), "{source:?}");
        }
    }

    #[test]
    fn marks_over_several_lines_end_with_the_first() {
        let excerpt = cut("a = [\n1,\n2]\n", std::slice::from_ref(&(4..11)), 80);
        assert_eq!(marked(&excerpt), ["["]);
    }

    #[test]
    fn crlf_ends_are_not_shown() {
        let excerpt = cut("one\r\ntwo\r\n", std::slice::from_ref(&(5..8)), 80);
        assert_eq!(excerpt.text, "one\ntwo\n");
    }
}
