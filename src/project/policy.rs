//! `[policy]`: what every image must keep to. Here it is only read; [`crate::policy`] judges.

use schemars::JsonSchema;
use serde::Serialize;

use super::keys::{Choice, choice};
use super::model::{CopyOptions, Spanned};
use super::rules::check_glob;
use super::size::parse_size;
use super::view::View;
use super::{check, names, suggest};
use crate::fault::{Fault, Faults, Place};

/// A rule of `[policy]`, by the name of its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum PolicyRule {
    /// Tags that no image may have.
    DenyTags,
    /// References must have a digest.
    RequireDigest,
    /// Platforms that every image must have.
    Platforms,
    /// What must refer to every image.
    RequireReferrer,
    /// Places that no image may come from.
    DenyRegistries,
    /// How large an image may be.
    MaxSize,
}

impl PolicyRule {
    /// All rules, in the order in which they are told.
    pub const ALL: [Self; 6] = [
        Self::DenyTags,
        Self::RequireDigest,
        Self::DenyRegistries,
        Self::Platforms,
        Self::RequireReferrer,
        Self::MaxSize,
    ];

    /// The key.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::DenyTags => "deny-tags",
            Self::RequireDigest => "require-digest",
            Self::Platforms => "platforms",
            Self::RequireReferrer => "require-referrer",
            Self::DenyRegistries => "deny-registries",
            Self::MaxSize => "max-size",
        }
    }
}

impl std::fmt::Display for PolicyRule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The rules as words of `[[policy.allow]] rule`.
pub(crate) const RULES: &[Choice] = &[
    choice("deny-tags", "the tag is fine here"),
    choice("require-digest", "a tag alone is fine here"),
    choice("deny-registries", "it may come from there"),
    choice("platforms", "it may lack platforms"),
    choice("require-referrer", "nothing needs to refer to it"),
    choice("max-size", "it may be larger"),
];

/// Something that must refer to every image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferrerKind {
    /// A signature of any known kind, cosign's tags included.
    Signature,
    /// A bill of materials of any known kind.
    Sbom,
    /// Exactly this artifact type.
    Type(String),
}

impl std::fmt::Display for ReferrerKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Signature => "signature",
            Self::Sbom => "sbom",
            Self::Type(artifact_type) => artifact_type,
        })
    }
}

/// `[[policy.allow]]`: one rule does not hold for some images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyException {
    /// Images by their references as rendered; globs match.
    pub reference: Spanned<String>,
    /// The rule that does not hold.
    pub rule: PolicyRule,
    /// Why; for those who read the file.
    pub reason: String,
}

/// `[policy]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Policy {
    /// Tags that are errors; globs match. `None`: the usual moving tags are warnings.
    pub deny_tags: Option<Vec<Spanned<String>>>,
    /// Where `require-digest = true` stands.
    pub require_digest: Option<Option<Place>>,
    /// Platforms that every image must have, as `os/architecture[/variant]`.
    pub platforms: Vec<Spanned<String>>,
    /// What must refer to every image: each of these.
    pub require_referrer: Vec<Spanned<ReferrerKind>>,
    /// Hosts, namespaces and repositories that no image may come from; globs match.
    pub deny_registries: Vec<Spanned<String>>,
    /// Bytes that one image may have at most.
    pub max_size: Option<Spanned<u64>>,
    /// Exceptions.
    pub allow: Vec<PolicyException>,
}

/// Reads the table; absent, the defaults hold. `copy` is what `[copy]` says: a platform that it cuts away cannot be required.
pub(crate) fn read(root: &View<'_>, copy: &CopyOptions, faults: &mut Faults) -> Policy {
    let Some(view) = root.table("policy") else {
        return Policy::default();
    };
    Policy {
        deny_tags: view
            .entry("deny-tags")
            .map(|_| globs(&view, "deny-tags", Spelling::AsWritten, faults)),
        require_digest: view
            .truth("require-digest")
            .filter(|wanted| *wanted)
            .map(|_| view.value_place("require-digest")),
        platforms: platforms(&view, copy, faults),
        require_referrer: referrers(&view, faults),
        deny_registries: globs(&view, "deny-registries", Spelling::Host, faults),
        max_size: max_size(&view, faults),
        allow: exceptions(&view, faults),
    }
}

/// How what a glob is compared with is written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Spelling {
    AsWritten,
    /// Hosts are compared in lower case, without a scheme.
    Host,
}

fn globs(view: &View<'_>, key: &str, spelling: Spelling, faults: &mut Faults) -> Vec<Spanned<String>> {
    let mut texts = view.texts(key);
    for text in &mut texts {
        let label = format!("policy.{key}");
        if spelling == Spelling::Host {
            if text.value.contains("://") {
                faults.push(
                    Fault::invalid(format!("{label}: write the host without a scheme"))
                        .at_opt(text.place.clone())
                        .hint("it is compared with hosts and the paths on them: `docker.io`, `ghcr.io/team/*`"),
                );
            }
            let lower = text.value.trim().to_ascii_lowercase();
            lower.trim_end_matches('/').clone_into(&mut text.value);
        }
        check_glob(&label, &text.value, text.place.clone(), faults);
    }
    texts
}

fn platforms(view: &View<'_>, copy: &CopyOptions, faults: &mut Faults) -> Vec<Spanned<String>> {
    let wanted = view.texts("platforms");
    for platform in &wanted {
        if let Err(why) = names::platform(&platform.value) {
            faults.push(
                Fault::invalid(format!("policy.platforms: {why}"))
                    .at_opt(platform.place.clone())
                    .hint(
                        "write the operating system and the architecture as images do: `linux/amd64`, `linux/arm/v7`",
                    ),
            );
        } else if !copy.platforms.is_empty() && !copy.platforms.iter().any(|kept| overlap(&kept.value, &platform.value))
        {
            let mut fault = Fault::invalid(format!(
                "policy.platforms: every image must have {}, and copy.platforms cuts it away",
                platform.value
            ))
            .at_opt(platform.place.clone())
            .hint("name it in both lists, or in neither");
            if let Some(place) = copy.platforms.first().and_then(|kept| kept.place.clone()) {
                fault = fault.label(place, "only these are copied");
            }
            faults.push(fault);
        }
    }
    wanted
}

/// Is one of two platforms the other, perhaps with its variant?
fn overlap(a: &str, b: &str) -> bool {
    let begins = |long: &str, short: &str| {
        long.strip_prefix(short)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    begins(a, b) || begins(b, a)
}

fn referrers(view: &View<'_>, faults: &mut Faults) -> Vec<Spanned<ReferrerKind>> {
    let mut kinds = Vec::new();
    for text in view.texts("require-referrer") {
        let kind = match text.value.as_str() {
            "signature" => ReferrerKind::Signature,
            "sbom" => ReferrerKind::Sbom,
            other => {
                if names::media_type(other).is_err() {
                    faults.push(
                        Fault::invalid(format!(
                            "policy.require-referrer: `{}` is no artifact type",
                            check::shorten(other)
                        ))
                        .at_opt(text.place.clone())
                        .hint(match suggest::nearest(other, ["signature", "sbom"]) {
                            Some(word) => format!("did you mean `{word}`?"),
                            None => "write `signature`, `sbom`, or an artifact type such as `application/spdx+json`"
                                .to_owned(),
                        }),
                    );
                }
                ReferrerKind::Type(text.value)
            }
        };
        kinds.push(Spanned {
            value: kind,
            place: text.place,
        });
    }
    kinds
}

fn max_size(view: &View<'_>, faults: &mut Faults) -> Option<Spanned<u64>> {
    let text = view.text("max-size")?;
    match parse_size(text.value.trim()) {
        Ok(0) => Err("no image has 0 bytes".to_owned()),
        size => size,
    }
    .map(|value| Spanned {
        value,
        place: text.place.clone(),
    })
    .map_err(|why| {
        faults.push(
            Fault::invalid(format!("policy.max-size: {why}"))
                .at_opt(text.place.clone())
                .hint("write it like `max-size = \"2 GiB\"`"),
        );
    })
    .ok()
}

fn exceptions(view: &View<'_>, faults: &mut Faults) -> Vec<PolicyException> {
    let mut exceptions = Vec::new();
    for (view, _) in view.tables("allow") {
        // What is missing was told by the check of all keys.
        let (Some(reference), Some(rule), Some(reason)) =
            (view.text("reference"), view.text("rule"), view.text("reason"))
        else {
            continue;
        };
        check_glob(
            "policy.allow.reference",
            &reference.value,
            reference.place.clone(),
            faults,
        );
        let Some(rule) = PolicyRule::ALL.into_iter().find(|known| known.as_str() == rule.value) else {
            continue;
        };
        exceptions.push(PolicyException {
            reference,
            rule,
            reason: reason.value,
        });
    }
    exceptions
}
