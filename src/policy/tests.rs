#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use super::*;
use crate::digest::Digest;
use crate::locate::Located;
use crate::lock::LockedReferrer;
use crate::oci::Selector;
use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};
use crate::project::{ImageSource, Policy, PolicyException, PolicyRule, ReferrerKind, Spanned};
use crate::reference::{Form, ImageReference};
use crate::store::ArtifactName;

fn texts(list: &[&str]) -> Vec<Spanned<String>> {
    let one = |text: &&str| Spanned::default_value((*text).to_owned());
    list.iter().map(one).collect()
}

fn reference(text: &str) -> ImageReference {
    ImageReference::parse(text).unwrap()
}

fn root() -> Digest {
    Digest::of(b"root")
}

fn at(host: &str, namespace: &str, repository: &str) -> Located {
    Located {
        reference: reference("x.example/a:1"),
        source: ImageSource {
            host: host.to_owned(),
            namespace: namespace.to_owned(),
        },
        repository: repository.to_owned(),
        selector: Selector::Tag("1".to_owned()),
        digest: root(),
        media_type: OCI_INDEX.to_owned(),
        root_size: 1,
        size: 1000,
        platforms: vec!["linux/amd64".to_owned(), "linux/arm64/v8".to_owned()],
        name: ArtifactName {
            repository: "a".to_owned(),
            tag: "1".to_owned(),
        },
        form: Form::Whole,
        answers: Vec::new(),
        from_lock: true,
        referrers: Some(Vec::new()),
        place: None,
    }
}

fn judged(policy: &Policy, text: &str, located: Option<&Located>) -> Judgement {
    let reference = reference(text);
    let facts = Facts {
        reference: &reference,
        version: None,
        told_latest: false,
        located,
        size: located.map(|located| located.size),
    };
    Judge::new(policy).judge(&facts)
}

/// `kept`, `warned`, `broken`, or the rules that are open.
fn outcome(judgement: &Judgement) -> String {
    match (judgement.findings.as_slice(), judgement.open.as_slice()) {
        ([], []) => "kept".to_owned(),
        ([], open) => format!("open {open:?}"),
        (findings, _) if findings.iter().any(|finding| finding.error) => "broken".to_owned(),
        _ => "warned".to_owned(),
    }
}

const PIN: &str = "@sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

#[test]
fn tags_that_move_are_warnings_until_the_project_names_its_own() {
    let default = Policy::default();
    let own = Policy {
        deny_tags: Some(texts(&["latest", "*-rc*", "v?"])),
        ..Policy::default()
    };
    let none = Policy {
        deny_tags: Some(Vec::new()),
        ..Policy::default()
    };
    let table = [
        ("x.io/a:1.0.0", "kept", "kept"),
        ("x.io/a:latest", "warned", "broken"),
        ("x.io/a", "warned", "broken"),
        ("x.io/a:dev", "warned", "kept"),
        ("x.io/a:stable", "warned", "kept"),
        ("x.io/a:stable-1", "kept", "kept"),
        ("x.io/a:Latest", "kept", "kept"),
        ("x.io/a:1.0.0-rc1", "kept", "broken"),
        ("x.io/a:v1", "kept", "broken"),
        ("x.io/a:v10", "kept", "kept"),
        // What is pinned stays what it is; a tag that is denied by name stays denied.
        (&format!("x.io/a:latest{PIN}"), "kept", "broken"),
        (&format!("x.io/a{PIN}"), "kept", "kept"),
    ];
    for (text, by_default, by_own) in table {
        assert_eq!(outcome(&judged(&default, text, None)), by_default, "{text}");
        assert_eq!(outcome(&judged(&own, text, None)), by_own, "{text}");
        assert_eq!(outcome(&judged(&none, text, None)), "kept", "{text}");
    }
}

#[test]
fn a_missing_tag_is_told_once_and_a_version_counts_as_tag() {
    let implied = reference("x.io/a");
    let pinned = reference(&format!("x.io/a{PIN}"));
    let facts = Facts {
        reference: &implied,
        version: None,
        told_latest: true,
        located: None,
        size: None,
    };
    let default = Policy::default();
    assert_eq!(outcome(&Judge::new(&default).judge(&facts)), "kept");
    let own = Policy {
        deny_tags: Some(texts(&["latest", "dev"])),
        ..Policy::default()
    };
    let judgement = Judge::new(&own).judge(&facts);
    assert!(
        judgement.findings[0].why.contains("`latest` (it names none) is denied"),
        "{judgement:?}"
    );
    let facts = Facts {
        reference: &pinned,
        version: Some("dev"),
        ..facts
    };
    assert_eq!(outcome(&Judge::new(&own).judge(&facts)), "broken");
}

#[test]
fn a_digest_is_required_of_the_reference_itself() {
    let policy = Policy {
        require_digest: Some(None),
        ..Policy::default()
    };
    for (text, expected) in [
        ("x.io/a:1", "broken"),
        (&format!("x.io/a{PIN}"), "kept"),
        (&format!("x.io/a:1{PIN}"), "kept"),
    ] {
        assert_eq!(outcome(&judged(&policy, text, None)), expected, "{text}");
    }
    let there = at("x.io", "", "a");
    let hint = judged(&policy, "x.io/a:1", Some(&there)).findings.remove(0).hint;
    assert!(hint.contains(&format!("@{}", root())), "{hint}");
}

#[test]
fn places_are_denied_by_host_namespace_or_repository() {
    let table: &[(&str, (&str, &str, &str), &str)] = &[
        ("docker.io", ("docker.io", "", "acme/a"), "broken"),
        ("docker.io", ("index.docker.io", "", "acme/a"), "broken"),
        ("index.docker.io", ("docker.io", "", "acme/a"), "broken"),
        ("docker.io", ("docker.io.example", "", "a"), "kept"),
        ("docker.io/library/*", ("docker.io", "", "redis"), "broken"),
        ("docker.io/library/*", ("docker.io", "", "acme/redis"), "kept"),
        ("ghcr.io/team", ("ghcr.io", "team", "team/a"), "broken"),
        ("ghcr.io/team/*", ("ghcr.io", "", "team/a"), "broken"),
        ("ghcr.io/team/*", ("ghcr.io", "", "team2/a"), "kept"),
        ("*.azurecr.io", ("x.azurecr.io", "", "a"), "broken"),
        ("*.azurecr.io", ("x.azurecr.us", "", "a"), "kept"),
        ("localhost:5000", ("localhost:5000", "", "a"), "broken"),
        ("localhost", ("localhost:5000", "", "a"), "kept"),
    ];
    for (pattern, (host, namespace, repository), expected) in table {
        let policy = Policy {
            deny_registries: texts(&[pattern]),
            ..Policy::default()
        };
        let there = at(host, namespace, repository);
        // What the reference itself names is not where the image comes from.
        let judgement = judged(&policy, "docker.io/acme/a:1", Some(&there));
        assert_eq!(
            outcome(&judgement),
            *expected,
            "{pattern} / {host} {namespace} {repository}"
        );
        assert_eq!(
            outcome(&judged(&policy, "docker.io/acme/a:1", None)),
            "open [DenyRegistries]"
        );
    }
}

#[test]
fn every_platform_must_be_there() {
    let there = at("x.io", "", "a");
    let nothing = Located {
        platforms: Vec::new(),
        ..there.clone()
    };
    for (wanted, expected) in [
        (&["linux/amd64"][..], "kept"),
        (&["linux/amd64", "linux/arm64"], "kept"),
        (&["linux/arm64/v8"], "kept"),
        (&["linux/arm64/v9"], "broken"),
        (&["linux/amd64", "windows/amd64"], "broken"),
    ] {
        let policy = Policy {
            platforms: texts(wanted),
            ..Policy::default()
        };
        let judgement = judged(&policy, "x.io/a:1", Some(&there));
        assert_eq!(outcome(&judgement), expected, "{wanted:?}");
        if let Some(finding) = judgement.findings.first() {
            assert!(
                finding.why.contains("it has linux/amd64, linux/arm64/v8"),
                "{finding:?}"
            );
        }
        assert_eq!(outcome(&judged(&policy, "x.io/a:1", Some(&nothing))), "broken");
        assert_eq!(outcome(&judged(&policy, "x.io/a:1", None)), "open [Platforms]");
    }
}

fn referrer(subject: &Digest, artifact_type: &str, tag: Option<&str>) -> LockedReferrer {
    let seed = format!("{subject}{artifact_type}{tag:?}");
    LockedReferrer {
        digest: Digest::of(seed.as_bytes()),
        subject: subject.clone(),
        media_type: OCI_MANIFEST.to_owned(),
        artifact_type: artifact_type.to_owned(),
        size: 1,
        tag: tag.map(str::to_owned),
    }
}

#[test]
fn signatures_and_sboms_are_known_by_type_and_by_cosigns_tags() {
    let table: &[(&str, Option<&str>, bool, bool)] = &[
        (
            "application/vnd.dev.cosign.simplesigning.v1+json",
            Some("sha256-1.sig"),
            true,
            false,
        ),
        ("", Some("sha256-1.sig"), true, false),
        ("application/vnd.dev.cosign.artifact.sig.v1+json", None, true, false),
        ("application/vnd.cncf.notary.signature", None, true, false),
        ("application/vnd.dev.sigstore.bundle.v0.3+json", None, true, false),
        (
            "application/vnd.dev.sigstore.bundle+json;version=0.1",
            None,
            true,
            false,
        ),
        ("application/spdx+json", None, false, true),
        ("application/spdx+json; charset=utf-8", None, false, true),
        ("text/spdx", Some("sha256-1.sbom"), false, true),
        ("application/vnd.cyclonedx+xml", None, false, true),
        ("application/vnd.syft+json", None, false, true),
        ("", Some("sha256-1.sbom"), false, true),
        (
            "application/vnd.dsse.envelope.v1+json",
            Some("sha256-1.att"),
            false,
            false,
        ),
        ("application/spdxish", None, false, false),
        ("signature/example", None, false, false),
    ];
    for (artifact_type, tag, signature, sbom) in table {
        let there = Located {
            referrers: Some(vec![referrer(&root(), artifact_type, *tag)]),
            ..at("x.io", "", "a")
        };
        for (kind, expected) in [(ReferrerKind::Signature, *signature), (ReferrerKind::Sbom, *sbom)] {
            let policy = Policy {
                require_referrer: vec![Spanned::default_value(kind.clone())],
                ..Policy::default()
            };
            let kept = outcome(&judged(&policy, "x.io/a:1", Some(&there))) == "kept";
            assert_eq!(kept, expected, "{kind} by {artifact_type:?} {tag:?}");
        }
        let own = Policy {
            require_referrer: vec![Spanned::default_value(ReferrerKind::Type(
                "signature/example".to_owned(),
            ))],
            ..Policy::default()
        };
        let kept = outcome(&judged(&own, "x.io/a:1", Some(&there))) == "kept";
        assert_eq!(kept, *artifact_type == "signature/example");
    }
}

#[test]
fn what_is_required_must_refer_to_all_of_the_image() {
    const SIGNATURE: &str = "application/vnd.cncf.notary.signature";
    let policy = Policy {
        require_referrer: vec![
            Spanned::default_value(ReferrerKind::Signature),
            Spanned::default_value(ReferrerKind::Sbom),
        ],
        ..Policy::default()
    };
    let (first, second) = (Digest::of(b"first"), Digest::of(b"second"));
    let sbom = referrer(&root(), "application/spdx+json", None);
    let of_sbom = referrer(&sbom.digest, SIGNATURE, None);
    let (of_first, of_second) = (referrer(&first, SIGNATURE, None), referrer(&second, SIGNATURE, None));
    let table: &[(&[&LockedReferrer], &[&str])] = &[
        (&[], &["no signature refers to it", "no SBOM refers to it"]),
        (&[&sbom], &["no signature refers to it"]),
        // Only the SBOM is signed.
        (&[&sbom, &of_sbom], &["no signature refers to it"]),
        (
            &[&sbom, &of_first],
            &["no signature refers to all of it, only to 1 of its 2 platforms"],
        ),
        (&[&sbom, &of_first, &of_second], &[]),
        (&[&sbom, &referrer(&root(), SIGNATURE, None)], &[]),
    ];
    for (listed, expected) in table {
        let there = Located {
            referrers: Some(listed.iter().map(|one| (*one).clone()).collect()),
            ..at("x.io", "", "a")
        };
        let judgement = judged(&policy, "x.io/a:1", Some(&there));
        let said: Vec<&str> = judgement.findings.iter().map(|finding| finding.why.as_str()).collect();
        assert_eq!(said, *expected);
    }
    let unknown = Located {
        referrers: None,
        ..at("x.io", "", "a")
    };
    assert_eq!(
        outcome(&judged(&policy, "x.io/a:1", Some(&unknown))),
        "open [RequireReferrer]"
    );
}

#[test]
fn sizes_are_judged_by_what_is_copied() {
    let policy = Policy {
        max_size: Some(Spanned::default_value(1536)),
        ..Policy::default()
    };
    let reference = reference("x.io/a:1");
    let whole = Located {
        size: 5 << 20,
        ..at("x.io", "", "a")
    };
    let small = Located {
        size: 1536,
        ..whole.clone()
    };
    let table = [
        (None, None, "open [MaxSize]"),
        (Some(&small), None, "kept"),
        // More than all of it is never copied, but less may be.
        (Some(&whole), None, "open [MaxSize]"),
        (Some(&whole), Some(1536), "kept"),
        (Some(&whole), Some(1537), "broken"),
    ];
    for (located, size, expected) in table {
        let facts = Facts {
            reference: &reference,
            version: None,
            told_latest: false,
            located,
            size,
        };
        assert_eq!(outcome(&Judge::new(&policy).judge(&facts)), expected, "{size:?}");
    }
    let finding = judged(&policy, "x.io/a:1", Some(&whole)).findings.remove(0);
    assert_eq!(finding.why, "it has 5 MiB, more than 1.5 KiB");
}

#[test]
fn an_exception_lifts_one_rule_for_the_images_it_names() {
    let mut policy = Policy {
        deny_tags: Some(texts(&["dev"])),
        require_digest: Some(None),
        ..Policy::default()
    };
    let rules = |policy: &Policy, text: &str| {
        let judgement = judged(policy, text, None);
        let rules: Vec<PolicyRule> = judgement.findings.iter().map(|finding| finding.rule).collect();
        rules
    };
    assert_eq!(
        rules(&policy, "x.io/debug/a:dev"),
        [PolicyRule::DenyTags, PolicyRule::RequireDigest]
    );
    policy.allow.push(PolicyException {
        reference: Spanned::default_value("x.io/debug/*".to_owned()),
        rule: PolicyRule::DenyTags,
        reason: "built in the lab".to_owned(),
    });
    assert_eq!(rules(&policy, "x.io/debug/a:dev"), [PolicyRule::RequireDigest]);
    assert_eq!(
        rules(&policy, "x.io/a:dev"),
        [PolicyRule::DenyTags, PolicyRule::RequireDigest]
    );
}
