//! The project's discovery settings, compiled once for one run over a render.

use globset::{GlobBuilder, GlobMatcher};
use regex::{Regex, RegexBuilder};

use super::pointer::Pattern;
use crate::project::{Candidates, Discovery, DiscoveryRule};

/// Largest compiled regular expression: a rule is a line, not a program.
const REGEX_SIZE: usize = 1024 * 1024;

/// Compiled settings.
#[derive(Debug)]
pub(super) struct Settings {
    /// What to do with candidates.
    pub(super) candidates: Candidates,
    /// Take images of hooks.
    pub(super) hooks: bool,
    /// Take images of tests.
    pub(super) tests: bool,
    /// More places that hold images.
    pub(super) rules: Vec<Rule>,
    ignore: Vec<GlobMatcher>,
    ignore_empty: bool,
}

/// One compiled rule.
#[derive(Debug)]
pub(super) struct Rule {
    pub(super) kind: Option<String>,
    pub(super) group: Option<String>,
    pub(super) pointer: Option<Pattern>,
    pub(super) env: Option<GlobMatcher>,
    pub(super) arg: Option<GlobMatcher>,
    pub(super) regex: Option<Regex>,
    /// Field names of split images.
    pub(super) fields: Fields,
    /// True when the rule itself names the field with the repository.
    pub(super) is_split: bool,
}

/// Field names of split images.
#[derive(Debug, Clone)]
pub(super) struct Fields {
    pub(super) registry: String,
    pub(super) repository: String,
    pub(super) tag: String,
    pub(super) digest: String,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            registry: "registry".into(),
            repository: "repository".into(),
            tag: "tag".into(),
            digest: "digest".into(),
        }
    }
}

impl Settings {
    /// Compiles the settings; what cannot be compiled is left out and named in the second value.
    pub(super) fn compile(discovery: &Discovery) -> (Self, Vec<String>) {
        let mut faults = Vec::new();
        let mut ignore = Vec::new();
        for text in discovery.ignore.iter().filter(|text| !text.is_empty()) {
            match glob(text) {
                Ok(matcher) => ignore.push(matcher),
                Err(error) => faults.push(format!("`ignore` of [discovery]: {error}")),
            }
        }
        let mut rules = Vec::new();
        for (index, rule) in discovery.rules.iter().enumerate() {
            match compile_rule(rule) {
                Ok(rule) => rules.push(rule),
                Err(error) => faults.push(format!("discovery rule {}: {error}", index + 1)),
            }
        }
        let settings = Self {
            candidates: discovery.candidates,
            hooks: discovery.hooks,
            tests: discovery.tests,
            rules,
            ignore,
            ignore_empty: discovery.ignore.iter().any(String::is_empty),
        };
        (settings, faults)
    }

    /// True for texts that the project says are no image. An empty pattern stands for an empty or missing image.
    pub(super) fn ignores(&self, text: &str) -> bool {
        if text.trim().is_empty() {
            self.ignore_empty
        } else {
            self.ignore.iter().any(|glob| glob.is_match(text))
        }
    }
}

fn glob(text: &str) -> Result<GlobMatcher, String> {
    GlobBuilder::new(text)
        .literal_separator(false)
        .build()
        .map(|g| g.compile_matcher())
        .map_err(|e| e.to_string())
}

fn compile_rule(rule: &DiscoveryRule) -> Result<Rule, String> {
    if [&rule.pointer, &rule.env, &rule.arg, &rule.regex, &rule.repository]
        .iter()
        .all(|field| field.is_none())
    {
        return Err("it names no place: give `pointer`, `env`, `arg`, `regex` or `repository`".to_owned());
    }
    let regex = match &rule.regex {
        None => None,
        Some(text) => {
            let regex = RegexBuilder::new(text)
                .size_limit(REGEX_SIZE)
                .build()
                .map_err(|e| e.to_string())?;
            if regex.captures_len() != 2 {
                return Err("`regex` needs exactly one group, which captures the reference".to_owned());
            }
            Some(regex)
        }
    };
    let defaults = Fields::default();
    let field = |given: &Option<String>, default: String| given.clone().unwrap_or(default);
    Ok(Rule {
        kind: rule.kind.clone(),
        group: rule.group.clone(),
        pointer: rule.pointer.as_deref().map(Pattern::parse).transpose()?,
        env: rule.env.as_deref().map(glob).transpose()?,
        // Flags are compared without their dashes, so that `--image`, `-image` and `image` all name one.
        arg: rule
            .arg
            .as_deref()
            .map(|arg| glob(arg.trim_start_matches('-')))
            .transpose()?,
        regex,
        is_split: rule.repository.is_some(),
        fields: Fields {
            registry: field(&rule.registry, defaults.registry),
            repository: field(&rule.repository, defaults.repository),
            tag: field(&rule.tag, defaults.tag),
            digest: field(&rule.digest, defaults.digest),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignore_takes_globs_and_an_empty_one_for_empty_images() {
        let ignore = |patterns: &[&str]| {
            Settings::compile(&Discovery {
                ignore: patterns.iter().map(ToString::to_string).collect(),
                ..Discovery::default()
            })
            .0
        };
        assert!(ignore(&["auto"]).ignores("auto"));
        assert!(!ignore(&["auto"]).ignores("automatic"));
        assert!(
            ignore(&["registry.k8s.io/*"]).ignores("registry.k8s.io/a/b:1"),
            "a star crosses slashes"
        );
        assert!(!ignore(&["*"]).ignores(""));
        assert!(ignore(&[""]).ignores("  "));
        assert!(!ignore(&[""]).ignores("x"));
    }

    #[test]
    fn what_cannot_be_compiled_is_named() {
        let rule = |change: fn(&mut DiscoveryRule)| {
            let mut rule = DiscoveryRule::default();
            change(&mut rule);
            rule
        };
        let discovery = Discovery {
            ignore: vec!["[".into()],
            rules: vec![
                rule(|r| r.kind = Some("Pod".into())),
                rule(|r| r.regex = Some("(".into())),
                rule(|r| r.regex = Some("a(b)(c)".into())),
                rule(|r| r.regex = Some("abc".into())),
                rule(|r| r.pointer = Some("spec/image".into())),
                rule(|r| r.env = Some("[".into())),
                rule(|r| r.regex = Some("(a{500}){500}".into())),
                rule(|r| r.arg = Some("--image".into())),
            ],
            ..Discovery::default()
        };
        let (settings, faults) = Settings::compile(&discovery);
        assert_eq!(settings.rules.len(), 1);
        assert_eq!(faults.len(), 8);
        assert!(
            faults
                .iter()
                .skip(1)
                .enumerate()
                .all(|(n, f)| f.starts_with(&format!("discovery rule {}:", n + 1))),
            "{faults:?}"
        );
    }
}
