//! `[policy]`: what it means, and one wrong thing at a time.

use super::*;
use crate::project::{PolicyRule, ReferrerKind};

fn with(policy: &str) -> Folder {
    toml(&format!("{APP}{policy}"))
}

#[test]
fn everything_is_read_with_its_place() {
    let folder = with(
        "[policy]\ndeny-tags = [\"latest\", \"*-rc*\"]\nrequire-digest = true\nplatforms = [\"linux/amd64\"]\n\
         require-referrer = [\"signature\", \"sbom\", \"application/x+json\"]\n\
         deny-registries = [\"Docker.IO/\", \"ghcr.io/team/*\"]\nmax-size = \"2 GiB\"\n\
         [[policy.allow]]\nreference = \"x/*\"\nrule = \"max-size\"\nreason = \"it is large\"\n",
    );
    let policy = folder.clean().policy;
    let tags: Vec<&str> = policy
        .deny_tags
        .iter()
        .flatten()
        .map(|text| text.value.as_str())
        .collect();
    assert_eq!(tags, ["latest", "*-rc*"]);
    assert_eq!(policy.require_digest.flatten().unwrap().to_string(), "aosm.toml:6:18");
    let kinds: Vec<ReferrerKind> = policy.require_referrer.into_iter().map(|kind| kind.value).collect();
    assert_eq!(
        kinds,
        [
            ReferrerKind::Signature,
            ReferrerKind::Sbom,
            ReferrerKind::Type("application/x+json".to_owned())
        ]
    );
    let places: Vec<&str> = policy.deny_registries.iter().map(|text| text.value.as_str()).collect();
    assert_eq!(places, ["docker.io", "ghcr.io/team/*"]);
    assert_eq!(policy.max_size.unwrap().value, 2 << 30);
    assert_eq!(
        (policy.allow[0].rule, policy.allow[0].reason.as_str()),
        (PolicyRule::MaxSize, "it is large")
    );
}

#[test]
fn no_list_is_not_the_same_as_an_empty_one() {
    assert_eq!(with("").clean().policy.deny_tags, None);
    assert_eq!(
        with("[policy]\nrequire-digest = false\n").clean().policy,
        crate::project::Policy::default()
    );
    assert_eq!(
        with("[policy]\ndeny-tags = []\n").clean().policy.deny_tags,
        Some(Vec::new())
    );
}

#[test]
fn a_required_platform_may_be_copied_with_or_without_its_variant() {
    for (kept, wanted) in [
        ("linux/arm64", "linux/arm64"),
        ("linux/arm64/v8", "linux/arm64"),
        ("linux/arm64", "linux/arm64/v8"),
    ] {
        with(&format!(
            "[copy]\nplatforms = [\"{kept}\"]\n[policy]\nplatforms = [\"{wanted}\"]\n"
        ))
        .clean();
    }
}

#[test]
fn one_wrong_thing_gives_one_error_with_its_place_and_a_hint() {
    let cases: &[(&str, &str)] = &[
        ("deny-tags = \"latest\"", "aosm.toml:5:13 policy.deny-tags: "),
        (
            "deny-tags = [\"a[\"]",
            "aosm.toml:5:14 policy.deny-tags: not a pattern / `*` is any text",
        ),
        (
            "deny-tag = [\"x\"]",
            "aosm.toml:5:1 policy.deny-tag: unknown key / did you mean `deny-tags`?",
        ),
        ("platforms = [\"amd64\"]", "aosm.toml:5:14 policy.platforms: "),
        (
            "require-referrer = [\"signatures\"]",
            "aosm.toml:5:21 policy.require-referrer: `signatures` is no artifact type / did you mean `signature`?",
        ),
        (
            "require-referrer = [\"everything\"]",
            "aosm.toml:5:21 policy.require-referrer: `everything` is no artifact type / write `signature`, `sbom`",
        ),
        (
            "deny-registries = [\"https://docker.io\"]",
            "aosm.toml:5:20 policy.deny-registries: write the host without a scheme",
        ),
        (
            "max-size = \"2 GiBs\"",
            "aosm.toml:5:12 policy.max-size: \"2 GiBs\" has no known unit",
        ),
        ("max-size = \"much\"", "aosm.toml:5:12 policy.max-size: "),
        (
            "max-size = \"0\"",
            "aosm.toml:5:12 policy.max-size: no image has 0 bytes",
        ),
        (
            "max-size = \"99999999999 TiB\"",
            "aosm.toml:5:12 policy.max-size: \"99999999999 TiB\" is too large",
        ),
        (
            "[[policy.allow]]\nreference = \"x\"\nrule = \"max-size\"",
            "aosm.toml:5:1 policy.allow: `reason` is missing",
        ),
        (
            "[[policy.allow]]\nreference = \"x\"\nrule = \"max-sice\"\nreason = \"x\"",
            "aosm.toml:7:8 policy.allow.rule: ",
        ),
        (
            "[[policy.allow]]\nreference = \"[\"\nrule = \"max-size\"\nreason = \"x\"",
            "aosm.toml:6:13 policy.allow.reference: not a pattern",
        ),
    ];
    for (text, expected) in cases {
        let error = with(&format!("[policy]\n{text}\n")).error();
        assert!(error.starts_with(expected), "{text}\n{error}\n{expected}");
    }
    let cut = with("[copy]\nplatforms = [\"linux/arm64\"]\n[policy]\nplatforms = [\"linux/amd64\"]\n").error();
    assert!(
        cut.starts_with("aosm.toml:7:14 aosm.toml:5:14 policy.platforms: every image must have linux/amd64, and copy.platforms cuts it away"),
        "{cut}"
    );
}
