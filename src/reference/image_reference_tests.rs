#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use super::*;

const HEX: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

type Row<'a> = (&'a str, Option<&'a str>, &'a str, Option<&'a str>, bool);

#[test]
fn references_are_taken_apart_and_their_text_is_kept() {
    // text, registry, path, tag, ambiguous first segment
    let rows: &[Row] = &[
        ("nginx", None, "nginx", None, false),
        ("nginx:1.25", None, "nginx", Some("1.25"), false),
        (
            "docker.io/library/nginx:1.25",
            Some("docker.io"),
            "library/nginx",
            Some("1.25"),
            false,
        ),
        ("library/nginx:1.25", None, "library/nginx", Some("1.25"), true),
        ("localhost/app:1", Some("localhost"), "app", Some("1"), false),
        ("localhost:5000/app", Some("localhost:5000"), "app", None, false),
        (
            "reg.io:443/ns/app:2.0",
            Some("reg.io:443"),
            "ns/app",
            Some("2.0"),
            false,
        ),
        ("REG/app:1", Some("REG"), "app", Some("1"), false),
        (
            "MyReg.azurecr.io/a/b/c:1",
            Some("MyReg.azurecr.io"),
            "a/b/c",
            Some("1"),
            false,
        ),
        ("[::1]:5000/app:1", Some("[::1]:5000"), "app", Some("1"), false),
        ("[2001:db8::1]/app", Some("[2001:db8::1]"), "app", None, false),
        ("10.0.0.1/app:1", Some("10.0.0.1"), "app", Some("1"), false),
        (
            "repository/release/contoso-a:1.0.0",
            None,
            "repository/release/contoso-a",
            Some("1.0.0"),
            true,
        ),
        (
            "/release/contoso-a:1.0.0",
            None,
            "release/contoso-a",
            Some("1.0.0"),
            false,
        ),
        ("foo.bar:1", None, "foo.bar", Some("1"), false),
        ("my_org/app:1", None, "my_org/app", Some("1"), true),
    ];
    for (text, registry, path, tag, ambiguous) in rows {
        let reference = ImageReference::parse(text).unwrap();
        assert_eq!(reference.as_str(), *text);
        assert_eq!(reference.to_string(), *text);
        assert_eq!(reference.registry(), *registry, "{text}");
        assert_eq!(reference.path(), *path, "{text}");
        assert_eq!(reference.tag(), *tag, "{text}");
        assert_eq!(reference.is_ambiguous_first_segment(), *ambiguous, "{text}");
        assert_eq!(reference.has_empty_registry(), text.starts_with('/'), "{text}");
        assert_eq!(reference.implies_latest(), tag.is_none(), "{text}");
    }
}

#[test]
fn a_reference_may_have_tag_and_digest_or_either() {
    let both = ImageReference::parse(&format!("reg.io/app:1.0@sha256:{HEX}")).unwrap();
    assert_eq!(both.tag(), Some("1.0"));
    assert_eq!(both.digest().unwrap().hex(), HEX);
    assert!(!both.implies_latest());
    let digest = ImageReference::parse(&format!("reg.io:5000/app@sha512:{HEX}{HEX}")).unwrap();
    assert_eq!(digest.tag(), None);
    assert_eq!(digest.path(), "app");
    assert_eq!(digest.digest().unwrap().algorithm(), "sha512");
    assert!(!digest.implies_latest());
}

#[test]
fn each_fault_is_named_for_what_it_is() {
    use ReferenceError as E;
    let long_tag = format!("app:{}", "a".repeat(129));
    let long_path = format!("reg.io/{}", "a".repeat(256));
    let huge = "a".repeat(5000);
    let upper_digest = format!("app@sha256:{}", HEX.to_uppercase());
    let rows: Vec<(&str, E)> = vec![
        ("", E::Empty),
        (":1", E::Empty),
        ("reg.io/", E::EmptySegment),
        ("reg.io/:1", E::EmptySegment),
        ("reg.io//app:1", E::EmptySegment),
        ("//app:1", E::EmptySegment),
        ("/", E::EmptySegment),
        ("app/", E::EmptySegment),
        ("https://reg.io/app:1.0", E::Scheme("https://".into())),
        ("docker://reg.io/app:1.0", E::Scheme("docker://".into())),
        ("reg.io/app: 1.0", E::Whitespace),
        (" reg.io/app:1.0", E::Whitespace),
        ("reg.io/app:1.0\n", E::Whitespace),
        ("reg.io/app\u{0}:1", E::Whitespace),
        ("reg.io/app:\u{a0}1", E::Whitespace),
        ("reg.io/app:$(TAG)", E::Unrendered("$(TAG)".into())),
        ("reg.io/app:${TAG}", E::Unrendered("${TAG}".into())),
        (
            "reg.io/app:{{ .Values.tag }}",
            E::Unrendered("{{ .Values.tag }}".into()),
        ),
        ("{{ .Values.hub", E::Unrendered("{{ .Values.hub}}".into())),
        ("reg.io/App:1", E::UpperCase("App".into())),
        ("MyReg/App:1", E::UpperCase("App".into())),
        ("App:1", E::UpperCase("App".into())),
        ("app:", E::EmptyTag),
        ("reg.io/app:", E::EmptyTag),
        ("app@", E::EmptyDigest),
        ("app:1@", E::EmptyDigest),
        ("reg.io/app:1.0.0'", E::BadTag("1.0.0'".into())),
        ("reg.io/app:1:2", E::BadTag("1:2".into())),
        ("reg.io/app:1/b", E::BadTag("1/b".into())),
        (&long_tag, E::TagTooLong(129)),
        (&long_path, E::PathTooLong(256)),
        (&huge, E::TooLong(5000)),
        ("app@sha256:abc", E::BadDigest("sha256:abc".into())),
        (
            "app@md5:d41d8cd98f00b204e9800998ecf8427e",
            E::BadDigest("md5:d41d8cd98f00b204e9800998ecf8427e".into()),
        ),
        ("a_b.c/app:1", E::BadHost("a_b.c".into())),
        ("reg.io:99999/app:1", E::BadHost("reg.io:99999".into())),
        ("reg.io:/app:1", E::BadHost("reg.io:".into())),
        ("[::1/app:1", E::BadHost("[::1".into())),
        ("-app:1", E::BadSegment("-app".into())),
        ("reg.io/a*:1", E::BadSegment("a*".into())),
        ("\"app\":1", E::BadSegment("\"app\"".into())),
    ];
    for (text, error) in rows {
        assert_eq!(ImageReference::parse(text), Err(error), "{text:?}");
    }
    assert!(matches!(ImageReference::parse(&upper_digest), Err(E::BadDigest(_))));
}

#[test]
fn every_fault_has_words_and_a_hint() {
    for text in [
        "",
        " ",
        "https://a",
        "$(A)",
        "A:1",
        "a//b",
        "-a",
        "a.b:0/c",
        "a:",
        "a:.",
        "a@",
        "a@b",
    ] {
        let error = ImageReference::parse(text).unwrap_err();
        assert!(
            !error.to_string().is_empty() && !error.to_string().ends_with('.'),
            "{text}"
        );
        assert!(!error.hint().is_empty() && !error.hint().ends_with('.'), "{text}");
    }
}

#[test]
fn no_text_makes_the_parser_panic() {
    // Every string of up to four characters over the grammar's own punctuation, and some beyond it.
    let alphabet = [
        'a', 'B', '0', '.', ':', '/', '@', '[', ']', '-', '_', '$', '{', '(', 'é', '\u{0}',
    ];
    let mut texts = vec![String::new()];
    for _ in 0..4 {
        texts = texts
            .iter()
            .flat_map(|t| alphabet.iter().map(move |c| format!("{t}{c}")))
            .collect();
        for text in &texts {
            if let Ok(reference) = ImageReference::parse(text) {
                assert_eq!(reference.as_str(), text);
                assert!(!reference.path().is_empty());
            }
        }
    }
}

#[test]
fn the_store_tag_is_the_tag_then_the_version_then_the_digest() {
    let digest = format!("reg.io/app@sha256:{HEX}");
    let both = format!("reg.io/app:1.0@sha256:{HEX}");
    let rows = [
        ("reg.io/app:1.0", None, "1.0"),
        ("reg.io/app:1.0", Some("9"), "1.0"),
        (both.as_str(), Some("9"), "1.0"),
        (digest.as_str(), None, "digest-0123456789ab"),
        (digest.as_str(), Some("2.3.4"), "2.3.4"),
        ("reg.io/app", None, "latest"),
    ];
    for (text, version, tag) in rows {
        assert_eq!(
            ImageReference::parse(text).unwrap().store_tag(version).as_deref(),
            Ok(tag),
            "{text} {version:?}"
        );
    }
    let reference = ImageReference::parse(&digest).unwrap();
    assert!(
        reference.store_tag(Some("sha256-0123")).is_err(),
        "the referrers tag schema owns such tags"
    );
    assert!(reference.store_tag(Some("no tag")).is_err());
}

#[test]
fn the_own_source_is_the_first_on_the_registry_that_the_reference_names() {
    let source = |host: &str, namespace: &str| ImageSource {
        host: host.into(),
        namespace: namespace.into(),
    };
    let sources = [
        source("a.io", ""),
        source("docker.io", "acme"),
        source("docker.io", ""),
        source("b.io:5000", ""),
    ];
    let own = |text: &str| {
        ImageReference::parse(text)
            .unwrap()
            .own_source(&sources)
            .map(ToString::to_string)
    };
    assert_eq!(own("A.io/x:1").as_deref(), Some("a.io"));
    assert_eq!(own("index.docker.io/x:1").as_deref(), Some("docker.io/acme"));
    assert_eq!(own("b.io:5000/x:1").as_deref(), Some("b.io:5000"));
    for foreign in ["b.io/x:1", "c.io/x:1", "x:1", "a/x:1", "/x:1"] {
        assert_eq!(own(foreign), None, "{foreign}");
    }
}
