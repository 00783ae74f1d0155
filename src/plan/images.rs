//! The images document: `aosm-images/1`.

use schemars::JsonSchema;
use serde::Serialize;

use super::wanted::Wanted;
use crate::digest::Digest;
use crate::discover::{Found, Tier};
use crate::locate::{Answer, Located};

/// One place where an image was found.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct FoundAt {
    /// The Helm package; empty for `[[images]]`.
    pub package: String,
    /// Template file.
    pub template: String,
    /// `Kind/name`.
    pub object: String,
    /// JSON pointer within the object.
    pub pointer: String,
    /// Line in the rendered text.
    pub line: u64,
    /// How certain: `T1` to `T4`, `Rule`, `Named`.
    pub tier: String,
    /// The hook, if the object is one.
    pub hook: Option<String>,
    /// For environment variables and arguments: `env NAME` or `--flag`, which is what a discovery rule would match.
    pub named: Option<String>,
}

/// Where an image was located.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct LocatedAt {
    /// The source, as `image-sources` writes it.
    pub source: String,
    /// The repository there.
    pub repository: String,
    /// The digest its tag names.
    pub digest: Digest,
    /// Every place asked, with its answer; empty when the lock knew.
    pub answers: Vec<AnswerAt>,
}

/// What one place answered.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct AnswerAt {
    /// The place asked.
    pub place: String,
    /// What it answered.
    pub answer: String,
}

/// One image.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ImageEntry {
    /// The reference as rendered.
    pub reference: String,
    /// The name in the store; `null` while undecided.
    pub name: Option<String>,
    /// The tag in the store.
    pub tag: String,
    /// The digest, if the reference has one.
    pub digest: Option<Digest>,
    /// Where it was located; `null` without `--locate` or lock.
    pub located: Option<LocatedAt>,
    /// Every place it was found.
    pub found: Vec<FoundAt>,
}

/// A candidate: a text that looks like an image in a place where images are not certain.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CandidateEntry {
    /// The text.
    pub reference: String,
    /// How sure, 0 to 100.
    pub confidence: u8,
    /// Where.
    #[serde(flatten)]
    pub found: FoundAt,
}

/// An image that no source has.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct MissingEntry {
    /// The reference.
    pub reference: String,
    /// What was asked and answered.
    pub error: String,
}

/// The whole document.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ImagesDocument {
    /// `aosm-images/1`.
    pub format: &'static str,
    /// Images, sorted by reference.
    pub images: Vec<ImageEntry>,
    /// Candidates, sorted.
    pub candidates: Vec<CandidateEntry>,
    /// Images that no source has.
    pub missing: Vec<MissingEntry>,
}

impl ImagesDocument {
    /// Makes the document. `located` gives, for an image's position, what locating found or why it failed.
    pub fn new(wanted: &Wanted, located: &[Option<Result<Located, String>>]) -> Self {
        let mut images = Vec::new();
        let mut missing = Vec::new();
        for (index, image) in wanted.images.iter().enumerate() {
            let located = match located.get(index) {
                Some(Some(Ok(located))) => Some(located),
                Some(Some(Err(error))) => {
                    missing.push(MissingEntry {
                        reference: image.reference.as_str().to_owned(),
                        error: error.clone(),
                    });
                    None
                }
                _ => None,
            };
            let undecided = image.reference.is_ambiguous_first_segment();
            let name = match located {
                Some(located) => Some(located.name.repository.clone()),
                None if undecided => None,
                None => Some(image.reference.path().to_owned()),
            };
            let tag = located.map_or_else(
                || image.reference.store_tag(image.version.as_deref()).unwrap_or_default(),
                |located| located.name.tag.clone(),
            );
            images.push(ImageEntry {
                reference: image.reference.as_str().to_owned(),
                name,
                tag,
                digest: image.reference.digest().cloned(),
                located: located.map(LocatedAt::from),
                found: image.found.iter().map(FoundAt::from).collect(),
            });
        }
        let candidates = wanted
            .candidates
            .iter()
            .map(|found| CandidateEntry {
                reference: found.reference.clone(),
                confidence: found.confidence.unwrap_or(0),
                found: found.into(),
            })
            .collect();
        Self {
            format: "aosm-images/1",
            images,
            candidates,
            missing,
        }
    }
}

impl ImagesDocument {
    /// The same form with nothing but this image.
    #[must_use]
    pub fn only(&self, image: &ImageEntry) -> Self {
        Self {
            format: self.format,
            images: vec![image.clone()],
            candidates: Vec::new(),
            missing: self
                .missing
                .iter()
                .filter(|m| m.reference == image.reference)
                .cloned()
                .collect(),
        }
    }
}

impl From<&Found> for FoundAt {
    fn from(found: &Found) -> Self {
        let tier = match found.tier {
            Tier::T1 => "T1",
            Tier::T2 => "T2",
            Tier::T3 => "T3",
            Tier::T4 => "T4",
            Tier::Rule => "Rule",
            Tier::Named => "Named",
        };
        Self {
            package: found.package.clone(),
            template: found.template.clone(),
            object: found.object.clone(),
            pointer: found.pointer.clone(),
            line: found.line,
            tier: tier.to_owned(),
            hook: found.hook.clone(),
            named: found.named.clone(),
        }
    }
}

impl From<&Located> for LocatedAt {
    fn from(located: &Located) -> Self {
        Self {
            source: located.source.to_string(),
            repository: located.repository.clone(),
            digest: located.digest.clone(),
            answers: located.answers.iter().map(AnswerAt::from).collect(),
        }
    }
}

impl From<&Answer> for AnswerAt {
    fn from(answer: &Answer) -> Self {
        Self {
            place: answer.place.clone(),
            answer: if answer.detail.is_empty() {
                answer.verdict.as_str().to_owned()
            } else {
                format!("{} ({})", answer.verdict.as_str(), answer.detail)
            },
        }
    }
}
