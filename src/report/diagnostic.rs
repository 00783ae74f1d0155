//! Faults on the screen: message, causes, the lines they point into, and the hint.
//!
//! Texts come from files and servers, so control characters in them are replaced before they reach a terminal, and long
//! lines are cropped around what is marked.

mod excerpt;

use std::fmt;
use std::sync::Arc;

use miette::{Diagnostic, GraphicalReportHandler, GraphicalTheme, LabeledSpan, NamedSource, SourceCode};

use crate::fault::{Fault, Label, Place, Severity};

/// How to draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// With colours.
    pub color: bool,
    /// With box-drawing characters; otherwise plain ASCII.
    pub unicode: bool,
    /// Columns of the screen.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            unicode: false,
            width: 100,
        }
    }
}

/// The narrowest screen that is respected; below, lines wrap by themselves.
const MIN_WIDTH: usize = 40;

/// Draws one fault; ends with a line end.
pub fn render(fault: &Fault, style: Style) -> String {
    let handler = GraphicalReportHandler::new_themed(theme(style))
        .with_width(style.width.max(MIN_WIDTH))
        .with_context_lines(1)
        .with_links(false)
        // At spaces only: a path or a reference that is broken in two can be neither copied nor searched for.
        .with_word_separator(textwrap::WordSeparator::AsciiSpace)
        .with_word_splitter(textwrap::WordSplitter::NoHyphenation)
        .with_break_words(false)
        // The place is part of the source's name, as its lines may be cropped.
        .without_primary_span_start()
        .without_syntax_highlighting();
    let mut out = String::new();
    for part in parts(fault, style.width) {
        // Writing to a String cannot fail; should miette ever refuse a span, the words still come.
        if handler.render_report(&mut out, &part).is_err() {
            return format!("{}\n", one_line(fault));
        }
    }
    let mut tidy = String::with_capacity(out.len());
    for line in out.trim_start_matches('\n').lines() {
        tidy.push_str(line.trim_end());
        tidy.push('\n');
    }
    tidy
}

/// One line for logs: `error: message (file:line:column): cause; hint`.
pub fn one_line(fault: &Fault) -> String {
    let mut line = format!("{}: {}", word(fault.severity()), fault.message());
    if let Some(label) = fault.labels().first() {
        let place = label.place.to_string();
        // A message about a file as a whole starts with its name.
        if !fault.message().contains(&place) {
            line = format!("{line} ({place})");
        }
    }
    for cause in fault.causes() {
        line.push_str(": ");
        line.push_str(cause);
    }
    if let Some(hint) = fault.hint_text() {
        line.push_str("; hint: ");
        line.push_str(hint);
    }
    let words: Vec<&str> = line
        .split(['\n', '\r'])
        .map(str::trim)
        .filter(|part| !part.is_empty())
        .collect();
    excerpt::printable(&words.join(" "), false)
}

/// A text on one line, safe for a terminal.
pub fn printable(text: &str) -> String {
    excerpt::printable(text, false)
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Warning => "warning",
        Severity::Error => "error",
    }
}

fn theme(style: Style) -> GraphicalTheme {
    let mut theme = match (style.unicode, style.color) {
        (true, true) => GraphicalTheme::unicode(),
        (true, false) => GraphicalTheme::unicode_nocolor(),
        (false, true) => GraphicalTheme::ascii(),
        (false, false) => GraphicalTheme::none(),
    };
    // Colour and signs must not be the only carriers of meaning: the word is.
    theme.characters.error = "error:".into();
    theme.characters.warning = "warning:".into();
    theme.characters.advice = "note:".into();
    theme
}

/// What is drawn under one message: the first part carries the fault's own, each further one is a note on another place.
#[derive(Debug)]
struct Part {
    message: String,
    severity: miette::Severity,
    causes: Option<Box<Cause>>,
    source: Option<NamedSource<String>>,
    labels: Vec<LabeledSpan>,
    hint: Option<String>,
}

/// Causes, outermost first.
#[derive(Debug)]
struct Cause {
    text: String,
    next: Option<Box<Cause>>,
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for Cause {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.next
            .as_deref()
            .map(|next| next as &(dyn std::error::Error + 'static))
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Part {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.causes
            .as_deref()
            .map(|cause| cause as &(dyn std::error::Error + 'static))
    }
}

impl Diagnostic for Part {
    fn severity(&self) -> Option<miette::Severity> {
        Some(self.severity)
    }

    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.hint
            .as_ref()
            .map(|hint| Box::new(hint) as Box<dyn fmt::Display + 'a>)
    }

    fn source_code(&self) -> Option<&dyn SourceCode> {
        self.source.as_ref().map(|source| source as &dyn SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        self.source
            .as_ref()
            .map(|_| Box::new(self.labels.iter().cloned()) as Box<dyn Iterator<Item = LabeledSpan> + '_>)
    }
}

fn parts(fault: &Fault, width: usize) -> Vec<Part> {
    let severity = match fault.severity() {
        Severity::Error => miette::Severity::Error,
        Severity::Warning => miette::Severity::Warning,
    };
    let mut causes = None;
    for text in fault.causes().iter().rev() {
        causes = Some(Box::new(Cause {
            text: excerpt::printable(text.trim_end(), true),
            next: causes,
        }));
    }
    let mut parts: Vec<Part> = Vec::new();
    for group in groups(fault.labels()) {
        let note = group
            .first()
            .map(|label| label.text.clone())
            .filter(|_| !parts.is_empty());
        let message = match &note {
            None => fault.message().to_owned(),
            Some(text) if text.is_empty() => "see also".to_owned(),
            Some(text) => text.clone(),
        };
        let mut part = excerpt_part(&message, &group, note.is_some(), width);
        part.severity = if note.is_some() {
            miette::Severity::Advice
        } else {
            severity
        };
        parts.push(part);
    }
    if parts.is_empty() {
        let mut part = excerpt_part(fault.message(), &[], false, width);
        part.severity = severity;
        parts.push(part);
    }
    if let Some(first) = parts.first_mut() {
        first.causes = causes;
    }
    if let Some(last) = parts.last_mut() {
        last.hint = fault.hint_text().map(|hint| excerpt::printable(hint, true));
    }
    parts
}

fn excerpt_part(message: &str, group: &[&Label], is_note: bool, width: usize) -> Part {
    let mut part = Part {
        message: excerpt::printable(message, true),
        severity: miette::Severity::Error,
        causes: None,
        source: None,
        labels: Vec::new(),
        hint: None,
    };
    let Some(first) = group.first() else { return part };
    if first.place.text().is_empty() {
        let path = excerpt::printable(first.place.path().as_str(), false);
        if !part.message.contains(&path) {
            part.message = format!("{} ({path})", part.message);
        }
        return part;
    }
    let spans: Vec<_> = group.iter().map(|label| label.place.span()).collect();
    // Line numbers and the frame take some room.
    let cut = excerpt::cut(first.place.text(), &spans, width.saturating_sub(12));
    part.labels = group
        .iter()
        .zip(&cut.marks)
        .enumerate()
        .map(|(index, (label, mark))| {
            // A note's words stand above its excerpt already.
            let text = Some(&label.text).filter(|text| !(text.is_empty() || is_note && index == 0));
            LabeledSpan::new(text.map(|text| excerpt::printable(text, false)), mark.start, mark.len())
        })
        .collect();
    part.source = Some(NamedSource::new(
        excerpt::printable(&first.place.to_string(), false),
        cut.text,
    ));
    part
}

/// Labels near each other in one file share an excerpt; every other one gets its own.
fn groups(labels: &[Label]) -> Vec<Vec<&Label>> {
    const NEAR: usize = 4;
    let line = |place: &Place| place.line_column().map(|(line, _)| line);
    let mut groups: Vec<Vec<&Label>> = Vec::new();
    for label in labels {
        let near = groups.iter_mut().find(|group| {
            group.first().is_some_and(|first| {
                let same = Arc::ptr_eq(first.place.source(), label.place.source());
                same && matches!((line(&first.place), line(&label.place)), (Some(a), Some(b)) if a.abs_diff(b) <= NEAR)
            })
        });
        match near {
            Some(group) => group.push(label),
            None => groups.push(vec![label]),
        }
    }
    groups
}

#[cfg(test)]
mod tests;
