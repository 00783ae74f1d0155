//! The rules themselves, one function each.

use std::collections::BTreeSet;

use super::finding::{Facts, Finding, Judgement};
use super::kinds;
use super::pattern::{Pattern, by, hub_as_one_host, pattern};
use crate::fault::{Fault, Place, some_of};
use crate::oci::platforms::{Platform, is_index};
use crate::project::{Policy, PolicyRule, Spanned};
use crate::reference::{LATEST, is_docker_hub, normalise_host};

/// Tags that are a warning where the project denies none by itself: whoever pushes them moves them.
pub const DEFAULT_DENIED_TAGS: [&str; 3] = ["latest", "dev", "stable"];

/// The rules of one project, ready to judge.
pub struct Judge<'a> {
    policy: &'a Policy,
    denied_tags: Option<Vec<Pattern>>,
    denied_places: Vec<Pattern>,
    exceptions: Vec<(PolicyRule, Pattern)>,
}

/// What one rule says.
enum Verdict {
    Kept,
    Open,
    Broken(Vec<Finding>),
}

impl<'a> Judge<'a> {
    /// Patterns that are none were errors when the project was read, and match nothing here.
    pub fn new(policy: &'a Policy) -> Self {
        let denied_tags = policy.deny_tags.as_ref();
        Self {
            policy,
            denied_tags: denied_tags.map(|list| list.iter().filter_map(|text| pattern(text, str::to_owned)).collect()),
            denied_places: policy
                .deny_registries
                .iter()
                .filter_map(|text| pattern(text, hub_as_one_host))
                .collect(),
            exceptions: policy
                .allow
                .iter()
                .filter_map(|allow| Some((allow.rule, pattern(&allow.reference, str::to_owned)?)))
                .collect(),
        }
    }

    /// Exceptions that none of these references matches: what they were for is gone, or they were mistyped.
    pub fn idle_exceptions(&self, references: &[&str]) -> Vec<Fault> {
        let idle = |pattern: &&Pattern| !references.iter().any(|text| pattern.matcher.is_match(text));
        let patterns = self.exceptions.iter().map(|(_, pattern)| pattern);
        let warning = |pattern: &Pattern| {
            Fault::warning(format!("policy.allow: no image matches `{}`", pattern.text))
                .at_opt(pattern.place.clone())
                .hint("remove the exception, or correct its pattern: it is compared with references as rendered")
        };
        patterns.filter(idle).map(warning).collect()
    }

    /// Does any rule need to know where images are?
    pub fn needs_locations(&self) -> bool {
        let policy = self.policy;
        !(policy.platforms.is_empty() && policy.require_referrer.is_empty() && policy.deny_registries.is_empty())
            || policy.max_size.is_some()
    }

    /// Judges one image by all rules.
    pub fn judge(&self, facts: &Facts<'_>) -> Judgement {
        let mut judgement = Judgement::default();
        for rule in PolicyRule::ALL {
            let text = facts.reference.as_str();
            if self
                .exceptions
                .iter()
                .any(|(of, pattern)| *of == rule && pattern.matcher.is_match(text))
            {
                continue;
            }
            let verdict = match rule {
                PolicyRule::DenyTags => self.tags(facts),
                PolicyRule::RequireDigest => self.digest(facts),
                PolicyRule::DenyRegistries => self.places(facts),
                PolicyRule::Platforms => self.platforms(facts),
                PolicyRule::RequireReferrer => self.referrers(facts),
                PolicyRule::MaxSize => self.size(facts),
            };
            match verdict {
                Verdict::Kept => {}
                Verdict::Open => judgement.open.push(rule),
                Verdict::Broken(findings) => judgement.findings.extend(findings),
            }
        }
        judgement
    }

    fn tags(&self, facts: &Facts<'_>) -> Verdict {
        let reference = facts.reference;
        let implied = reference.implies_latest().then_some(LATEST);
        let Some(tag) = reference.tag().or(implied).or(facts.version) else {
            return Verdict::Kept;
        };
        let Some(denied) = &self.denied_tags else {
            // A digest stays what it is, whatever happens to the tag beside it.
            let moves = DEFAULT_DENIED_TAGS.contains(&tag) && reference.digest().is_none();
            let told = implied.is_some() && facts.told_latest;
            return if moves && !told {
                Verdict::Broken(vec![Finding {
                    rule: PolicyRule::DenyTags,
                    error: false,
                    why: format!("the tag `{tag}` may name another image tomorrow"),
                    hint: "name a version, or write in [policy] which tags are refused: `deny-tags = [\"latest\"]` makes this an \
                           error, `deny-tags = []` allows all"
                        .to_owned(),
                    place: None,
                }])
            } else {
                Verdict::Kept
            };
        };
        match denied.iter().find(|pattern| pattern.matcher.is_match(tag)) {
            Some(pattern) => {
                let missing = if implied.is_some() { " (it names none)" } else { "" };
                broken(
                    PolicyRule::DenyTags,
                    format!("the tag `{tag}`{missing} is denied{}", by(&pattern.text, tag)),
                    "name another version",
                    pattern.place.clone(),
                )
            }
            None => Verdict::Kept,
        }
    }

    fn digest(&self, facts: &Facts<'_>) -> Verdict {
        let Some(place) = &self.policy.require_digest else {
            return Verdict::Kept;
        };
        if facts.reference.digest().is_some() {
            return Verdict::Kept;
        }
        let write = match facts.located {
            Some(located) => format!("name its digest: `@{}` is what its source has now", located.digest),
            None => "name its digest: `aosm-build images --locate` shows what its source has now".to_owned(),
        };
        broken(
            PolicyRule::RequireDigest,
            "the reference has no digest".to_owned(),
            &write,
            place.clone(),
        )
    }

    fn places(&self, facts: &Facts<'_>) -> Verdict {
        if self.denied_places.is_empty() {
            return Verdict::Kept;
        }
        let Some(located) = facts.located else {
            return Verdict::Open;
        };
        let host = normalise_host(&located.source.host);
        let mut names = vec![host.clone(), format!("{host}/{}", located.repository)];
        if !located.source.namespace.is_empty() {
            names.push(format!("{host}/{}", located.source.namespace));
        }
        if is_docker_hub(&host) && !located.repository.contains('/') {
            names.push(format!("{host}/library/{}", located.repository));
        }
        let denied = self
            .denied_places
            .iter()
            .find(|pattern| names.iter().any(|name| pattern.matcher.is_match(name)));
        match denied {
            Some(pattern) => {
                let from = format!("{}/{}", located.source.host, located.repository);
                broken(
                    PolicyRule::DenyRegistries,
                    format!("it comes from {from}, which is denied{}", by(&pattern.text, &from)),
                    "put it where it may come from, and name that place before this one in `image-sources`",
                    pattern.place.clone(),
                )
            }
            None => Verdict::Kept,
        }
    }

    fn platforms(&self, facts: &Facts<'_>) -> Verdict {
        let wanted = &self.policy.platforms;
        if wanted.is_empty() {
            return Verdict::Kept;
        }
        let Some(located) = facts.located else {
            return Verdict::Open;
        };
        let held: Vec<Platform> = located.platforms.iter().filter_map(|text| text.parse().ok()).collect();
        let lacks = |text: &&Spanned<String>| {
            let wanted: Option<Platform> = text.value.parse().ok();
            !wanted.is_some_and(|wanted| held.iter().any(|held| wanted.takes(held)))
        };
        let missing: Vec<&Spanned<String>> = wanted.iter().filter(lacks).collect();
        let Some(first) = missing.first() else {
            return Verdict::Kept;
        };
        let names: Vec<&str> = missing.iter().map(|text| text.value.as_str()).collect();
        let there: Vec<&str> = located.platforms.iter().map(String::as_str).collect();
        let there = if there.is_empty() {
            "it names no platform at all".to_owned()
        } else {
            format!("it has {}", some_of(&there))
        };
        broken(
            PolicyRule::Platforms,
            format!("{} is missing; {there}", some_of(&names)),
            "take a version that is built for all of them",
            first.place.clone(),
        )
    }

    fn referrers(&self, facts: &Facts<'_>) -> Verdict {
        let wanted = &self.policy.require_referrer;
        if wanted.is_empty() {
            return Verdict::Kept;
        }
        let Some((located, listed)) = facts
            .located
            .and_then(|located| Some((located, located.referrers.as_ref()?)))
        else {
            return Verdict::Open;
        };
        // What refers to a referrer (the signature of an SBOM) says nothing about the image itself.
        let referrers: BTreeSet<_> = listed.iter().map(|one| &one.digest).collect();
        let mut findings = Vec::new();
        for kind in wanted {
            let subjects: BTreeSet<_> = listed
                .iter()
                .filter(|one| kinds::is_kind(&kind.value, one) && !referrers.contains(&one.subject))
                .map(|one| &one.subject)
                .collect();
            let platforms = located.platforms.len().max(1);
            let of_all_parts = is_index(&located.media_type) && subjects.len() >= platforms;
            if subjects.contains(&located.digest) || of_all_parts {
                continue;
            }
            let words = kinds::words(&kind.value);
            let why = if subjects.is_empty() {
                format!("no {words} refers to it")
            } else {
                format!(
                    "no {words} refers to all of it, only to {} of its {platforms} platforms",
                    subjects.len()
                )
            };
            findings.push(finding(
                PolicyRule::RequireReferrer,
                why,
                "attach one at its source (`aosm-build artifact discover` shows what is there) and locate it anew: `aosm-build lock --update`",
                kind.place.clone(),
            ));
        }
        if findings.is_empty() {
            Verdict::Kept
        } else {
            Verdict::Broken(findings)
        }
    }

    fn size(&self, facts: &Facts<'_>) -> Verdict {
        let Some(limit) = &self.policy.max_size else {
            return Verdict::Kept;
        };
        // What is copied is never more than all there is.
        let (size, certain) = match (facts.size, facts.located) {
            (Some(size), _) => (size, true),
            (None, Some(located)) => (located.size, false),
            (None, None) => return Verdict::Open,
        };
        if size <= limit.value {
            return Verdict::Kept;
        }
        if !certain {
            return Verdict::Open;
        }
        broken(
            PolicyRule::MaxSize,
            format!("it has {}, more than {}", bytes(size), bytes(limit.value)),
            "make it smaller, or copy fewer platforms of it (`platforms` in [copy])",
            limit.place.clone(),
        )
    }
}

fn broken(rule: PolicyRule, why: String, remedy: &str, place: Option<Place>) -> Verdict {
    Verdict::Broken(vec![finding(rule, why, remedy, place)])
}

fn finding(rule: PolicyRule, why: String, remedy: &str, place: Option<Place>) -> Finding {
    Finding {
        rule,
        error: true,
        why,
        hint: format!("{remedy}; or allow it: [[policy.allow]] with `rule = \"{rule}\"`"),
        place,
    }
}

/// Binary units with one decimal; exact bytes below 1 KiB.
fn bytes(size: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    let mut unit = "bytes";
    let mut tenths = u128::from(size) * 10;
    for next in UNITS {
        if tenths < 10_240 {
            break;
        }
        tenths /= 1024;
        unit = next;
    }
    match (unit, tenths % 10) {
        (_, 0) => format!("{} {unit}", tenths / 10),
        (_, rest) => format!("{}.{rest} {unit}", tenths / 10),
    }
}
