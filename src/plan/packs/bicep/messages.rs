//! What the Bicep compiler says: `PATH(LINE,COLUMN) : LEVEL CODE: TEXT`, one a line.

use std::sync::LazyLock;

use camino::Utf8Path;
use regex::Regex;

use crate::fault::{Fault, Place};

/// How many lines of the compiler are shown.
const SHOWN: usize = 10;

/// The longest line that is shown.
const LONGEST: usize = 400;

static LINE: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r"^(.*)\((\d{1,9}),(\d{1,9})\) : (Error|Warning|Info) (.*)$").ok());

/// The lines with paths from a folder on, so that they say the same on every machine.
pub(super) fn from_folder(said: &str, folder: &Utf8Path) -> String {
    let folder = format!("{folder}/");
    let lines = said.lines().map(str::trim_end).filter(|line| !line.is_empty());
    let lines: Vec<&str> = lines.map(|line| line.strip_prefix(&folder).unwrap_or(line)).collect();
    lines.join("\n")
}

/// The first few lines, none of them long, nothing in them that moves a cursor.
pub(super) fn shortened(said: &str) -> Vec<String> {
    let clean = |line: &str| {
        let plain: String = line.chars().filter(|c| !c.is_control()).collect();
        match plain.char_indices().nth(LONGEST) {
            Some((at, _)) => format!("{}…", plain.get(..at).unwrap_or_default()),
            None => plain,
        }
    };
    let lines: Vec<&str> = said.lines().filter(|line| !line.trim().is_empty()).collect();
    // What stopped it goes before what it merely noticed.
    let is_error = |line: &&&str| level(line) != Some("Warning") && level(line) != Some("Info");
    let (errors, others): (Vec<&str>, Vec<&str>) = lines.iter().partition(is_error);
    let mut shown: Vec<String> = errors.into_iter().chain(others).take(SHOWN).map(clean).collect();
    if lines.len() > SHOWN {
        shown.push(format!("and {} more", lines.len() - SHOWN));
    }
    if shown.is_empty() {
        shown.push("it said nothing".to_owned());
    }
    shown
}

fn level(line: &str) -> Option<&str> {
    let found = LINE.as_ref()?.captures(line)?;
    Some(found.get(4)?.as_str())
}

/// Line and column of the first error in a source, by its path as the lines have it.
pub(super) fn first_error(said: &str, source: &Utf8Path) -> Option<(usize, usize)> {
    let pattern = LINE.as_ref()?;
    said.lines().find_map(|line| {
        let found = pattern.captures(line)?;
        let number = |at: usize| found.get(at)?.as_str().parse().ok();
        let in_the_source = found.get(1)?.as_str() == source.as_str();
        (found.get(4)?.as_str() == "Error" && in_the_source).then(|| Some((number(2)?, number(3)?)))?
    })
}

/// The byte at a line and column, both from 1.
pub(super) fn offset(text: &str, line: usize, column: usize) -> usize {
    let before: usize = text
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    let rest = text.get(before..).unwrap_or_default();
    let inside = rest
        .char_indices()
        .nth(column.saturating_sub(1))
        .map_or(rest.len(), |(at, _)| at);
    (before + inside).min(text.len())
}

/// One warning for all of a build's warnings.
pub(super) fn warning(shown: &Utf8Path, said: &str) -> Option<Fault> {
    let count = said.lines().filter(|line| level(line) == Some("Warning")).count();
    if count == 0 {
        return None;
    }
    let name = shown.file_name().unwrap_or_default();
    let count = match count {
        1 => "a warning".to_owned(),
        n => format!("{n} warnings"),
    };
    let fault = Fault::warning(format!("template {name}: {count} of the compiler")).at(Place::file_only(shown));
    Some(shortened(said).into_iter().fold(fault, Fault::because))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAID: &str = "/w/src/main.bicep(3,7) : Warning no-unused-params: Parameter \"x\" is declared but never used.\n\
                        /w/src/net/vnet.bicep(1,1) : Error BCP007: This declaration type is not recognized.\n\n\
                        /w/src/main.bicep(12,5) : Error BCP018: Expected the \"}\" character at this location. [https://aka.ms/bicep/core-diagnostics#BCP018]\n";

    #[test]
    fn paths_start_from_the_folder_and_errors_come_first() {
        let said = from_folder(SAID, Utf8Path::new("/w/src"));
        assert!(!said.contains("/w/"), "{said}");
        let lines = shortened(&said);
        assert!(lines[0].starts_with("net/vnet.bicep(1,1) : Error BCP007"), "{lines:?}");
        assert!(lines[2].starts_with("main.bicep(3,7) : Warning"), "{lines:?}");
        assert_eq!(first_error(&said, Utf8Path::new("main.bicep")), Some((12, 5)));
    }

    #[test]
    fn what_is_said_is_bounded() {
        let many = "main.bicep(1,1) : Error X: \u{1b}[31my\n".repeat(1000);
        let lines = shortened(&many);
        assert_eq!(lines.len(), SHOWN + 1);
        assert_eq!(lines.last().map(String::as_str), Some("and 990 more"));
        assert!(!lines[0].contains('\u{1b}'));
        assert!(shortened(&"x".repeat(100_000))[0].chars().count() <= LONGEST + 1);
        assert_eq!(shortened(" \n"), ["it said nothing"]);
    }

    #[test]
    fn only_warnings_make_a_warning() {
        let shown = Utf8Path::new("main.bicep");
        assert!(warning(shown, "").is_none());
        assert!(warning(shown, "main.bicep(1,1) : Info X: y").is_none());
        let one = warning(shown, "main.bicep(1,1) : Warning X: y").map(|fault| fault.message().to_owned());
        assert_eq!(one.as_deref(), Some("template main.bicep: a warning of the compiler"));
    }

    #[test]
    fn places_are_bytes() {
        let text = "äb\ncd\n";
        for (line, column, at) in [
            (1, 1, 0),
            (1, 2, 2),
            (2, 1, 4),
            (2, 2, 5),
            (9, 9, text.len()),
            (0, 0, 0),
        ] {
            assert_eq!(offset(text, line, column), at, "{line}:{column}");
        }
    }
}
