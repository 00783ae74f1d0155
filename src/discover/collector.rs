//! Gathers what the detectors find in one render, judges image texts, and puts everything in order at the end.
//!
//! Invariant: everything that enters here comes from objects that are not Secrets.

use std::collections::BTreeSet;

use super::documents::Document;
use super::found::{Discovered, Found, Problem, Tier};
use super::object::{Object, Place};
use super::settings::Settings;
use crate::project::Candidates;
use crate::reference::ImageReference;

/// Texts that charts put in image fields for something else to fill in.
const PLACEHOLDERS: [&str; 9] = [
    "auto",
    "none",
    "null",
    "nil",
    "undefined",
    "placeholder",
    "changeme",
    "replaceme",
    "todo",
];
/// Most problems of one render: enough to see what is wrong, few enough to read.
const MAX_PROBLEMS: usize = 1_000;
/// Longest excerpt in characters.
const EXCERPT: usize = 200;

/// The object that is being looked at, and where its text stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scene<'s> {
    pub(super) document: &'s Document<'s>,
    pub(super) object: &'s Object,
    /// True when a Secret may stand in the same document, so that no line of it may be repeated.
    pub(super) guarded: bool,
}

/// A text at a place.
#[derive(Debug)]
pub(super) struct Spot<'s> {
    /// `env NAME` or `--flag`: what a rule would match.
    pub(super) named: Option<String>,
    pub(super) text: &'s str,
    pub(super) pointer: String,
    pub(super) line: u64,
}

/// Everything found so far.
#[derive(Debug)]
pub(super) struct Collector<'c> {
    package: &'c str,
    pub(super) settings: &'c Settings,
    images: Vec<Found>,
    candidates: Vec<Found>,
    problems: Vec<Problem>,
    dropped: usize,
    warned: BTreeSet<String>,
}

impl<'c> Collector<'c> {
    pub(super) fn new(package: &'c str, settings: &'c Settings) -> Self {
        Self {
            package,
            settings,
            images: Vec::new(),
            candidates: Vec::new(),
            problems: Vec::new(),
            dropped: 0,
            warned: BTreeSet::new(),
        }
    }

    /// A text in a field that holds an image by its nature (T1) or by a rule: an error if it is none.
    pub(super) fn image_field(&mut self, scene: Scene<'_>, spot: Spot<'_>, tier: Tier) {
        if self.settings.ignores(spot.text) {
            return;
        }
        if spot.text.trim().is_empty() {
            self.no_image(scene, &spot.pointer, spot.line, "is empty");
        } else if PLACEHOLDERS.contains(&spot.text) {
            let message = format!(
                "{}: `{}` is a placeholder, not an image",
                place(scene, &spot.pointer),
                spot.text
            );
            let hint = format!(
                "if something else fills it in, add it: `ignore = [{:?}]` under [discovery]",
                spot.text
            );
            self.problem(scene.document, scene.guarded, true, spot.line, message, Some(hint));
        } else {
            match ImageReference::parse(spot.text) {
                Ok(reference) => self.take(scene, spot, tier, None, &reference),
                Err(error) => {
                    // Policies match images by patterns in the same fields that hold images elsewhere.
                    let is_pattern = scene.object.place() == Place::Other
                        && (spot.text.contains(['*', '?', '|', '&']) || spot.text.starts_with(['!', '(', '^', '=']));
                    let message = format!(
                        "{}: `{}` is no image: {error}",
                        place(scene, &spot.pointer),
                        shown(spot.text)
                    );
                    let hint = if is_pattern {
                        format!(
                            "a pattern is no image; silence this with `ignore = [{:?}]` under [discovery]",
                            escape_glob(spot.text)
                        )
                    } else {
                        error.hint().to_owned()
                    };
                    self.problem(
                        scene.document,
                        scene.guarded,
                        !is_pattern,
                        spot.line,
                        message,
                        Some(hint),
                    );
                }
            }
        }
    }

    /// A field that must hold an image and holds none.
    pub(super) fn no_image(&mut self, scene: Scene<'_>, pointer: &str, line: u64, what: &str) {
        if self.settings.ignores("") {
            return;
        }
        let message = format!("{}: the image {what}", place(scene, pointer));
        let hint =
            "set the chart's image value; if something else fills it in, add `\"\"` to `ignore` under [discovery]";
        self.problem(
            scene.document,
            scene.guarded,
            true,
            line,
            message,
            Some(hint.to_owned()),
        );
    }

    /// An image-shaped text under a key `image` of a custom resource (T2).
    pub(super) fn certain(&mut self, scene: Scene<'_>, spot: Spot<'_>) {
        if !self.settings.ignores(spot.text)
            && let Ok(reference) = ImageReference::parse(spot.text)
        {
            self.take(scene, spot, Tier::T2, None, &reference);
        }
    }

    /// A text that may be an image.
    pub(super) fn candidate(&mut self, scene: Scene<'_>, spot: Spot<'_>, tier: Tier, confidence: u8) {
        if self.settings.candidates == Candidates::Ignore || self.settings.ignores(spot.text) {
            return;
        }
        let Ok(reference) = ImageReference::parse(spot.text) else {
            return;
        };
        if self.settings.candidates == Candidates::Include {
            self.take(scene, spot, tier, Some(confidence), &reference);
        } else {
            let found = self.found(scene, spot, tier, Some(confidence));
            self.candidates.push(found);
        }
    }

    /// A warning about a place in an object.
    pub(super) fn warn(&mut self, scene: Scene<'_>, spot: &Spot<'_>, what: &str, hint: &str) {
        if !self.settings.ignores(spot.text) {
            let message = format!("{}: {what}", place(scene, &spot.pointer));
            self.problem(
                scene.document,
                scene.guarded,
                false,
                spot.line,
                message,
                Some(hint.to_owned()),
            );
        }
    }

    fn take(
        &mut self,
        scene: Scene<'_>,
        spot: Spot<'_>,
        tier: Tier,
        confidence: Option<u8>,
        reference: &ImageReference,
    ) {
        if (reference.implies_latest() || reference.has_empty_registry()) && self.warned.insert(spot.text.to_owned()) {
            if reference.implies_latest() {
                let message = format!(
                    "{}: `{}` has no tag, so `latest` is taken",
                    place(scene, &spot.pointer),
                    spot.text
                );
                let hint = "give a tag or a digest: what `latest` names changes without notice".to_owned();
                self.problem(scene.document, scene.guarded, false, spot.line, message, Some(hint));
            }
            if reference.has_empty_registry() {
                let message = format!("{}: `{}` has an empty registry", place(scene, &spot.pointer), spot.text);
                let hint = "AOSM replaces a registry only where there is one: give a legal dummy such as `azure.io`"
                    .to_owned();
                self.problem(scene.document, scene.guarded, false, spot.line, message, Some(hint));
            }
        }
        let found = self.found(scene, spot, tier, confidence);
        self.images.push(found);
    }

    fn found(&self, scene: Scene<'_>, spot: Spot<'_>, tier: Tier, confidence: Option<u8>) -> Found {
        Found {
            reference: spot.text.to_owned(),
            package: self.package.to_owned(),
            template: scene.document.template.to_owned(),
            object: scene.object.label.clone(),
            pointer: spot.pointer,
            line: spot.line,
            tier,
            hook: scene.object.hook.clone(),
            named: spot.named,
            confidence,
        }
    }

    /// A problem of a document. The excerpt stays empty where the document is guarded.
    pub(super) fn problem(
        &mut self,
        document: &Document<'_>,
        guarded: bool,
        error: bool,
        line: u64,
        message: String,
        hint: Option<String>,
    ) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.dropped += 1;
            return;
        }
        let excerpt = if guarded {
            String::new()
        } else {
            excerpt(document, line)
        };
        let template = document.template.to_owned();
        self.problems.push(Problem {
            error,
            message,
            package: self.package.to_owned(),
            template,
            line,
            excerpt,
            hint,
        });
    }

    /// A problem of the settings rather than of a document.
    pub(super) fn setting_problem(&mut self, message: String) {
        self.problems.push(Problem {
            error: true,
            message,
            package: self.package.to_owned(),
            template: String::new(),
            line: 0,
            excerpt: String::new(),
            hint: Some("correct it in [discovery] of the project file".to_owned()),
        });
    }

    /// Everything, sorted, each place once; a candidate that is an image anyway is left out.
    pub(super) fn finish(mut self) -> Discovered {
        self.images.sort();
        // Sorted by place before tier, so the surest of several finds at one place comes first and stays.
        self.images.dedup_by(|later, first| same_place(first, later));
        let known: BTreeSet<&str> = self.images.iter().map(|found| found.reference.as_str()).collect();
        self.candidates
            .retain(|found| !known.contains(found.reference.as_str()));
        self.candidates.sort();
        self.candidates.dedup_by(|later, first| same_place(first, later));
        self.problems
            .sort_by(|a, b| (a.line, !a.error, &a.message).cmp(&(b.line, !b.error, &b.message)));
        self.problems.dedup();
        if self.dropped > 0 {
            self.problems.push(Problem {
                error: true,
                message: format!("{} more problems are not shown", self.dropped),
                package: self.package.to_owned(),
                template: String::new(),
                line: 0,
                excerpt: String::new(),
                hint: Some("correct the ones above first".to_owned()),
            });
        }
        Discovered {
            images: self.images,
            candidates: self.candidates,
            problems: self.problems,
        }
    }
}

fn same_place(a: &Found, b: &Found) -> bool {
    (&a.reference, &a.template, &a.object, &a.pointer, a.line)
        == (&b.reference, &b.template, &b.object, &b.pointer, b.line)
}

fn place(scene: Scene<'_>, pointer: &str) -> String {
    format!("{} {pointer}", scene.object.label)
}

/// A text short enough for a message.
fn shown(text: &str) -> String {
    let mut short: String = text
        .chars()
        .take(EXCERPT)
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() > EXCERPT {
        short.push('…');
    }
    short
}

/// A glob that matches just this text.
fn escape_glob(text: &str) -> String {
    text.chars().fold(String::new(), |mut glob, c| {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}') {
            glob.push('[');
            glob.push(c);
            glob.push(']');
        } else {
            glob.push(c);
        }
        glob
    })
}

fn excerpt(document: &Document<'_>, line: u64) -> String {
    let index = line.checked_sub(document.line).and_then(|n| usize::try_from(n).ok());
    index
        .and_then(|n| document.text.lines().nth(n))
        .map(shown)
        .unwrap_or_default()
}
