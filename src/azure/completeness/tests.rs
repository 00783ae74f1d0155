//! Every rule of the join as a row of a table.
#![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

use std::collections::BTreeMap;

use super::*;
use crate::azure::manifest::{ArtifactManifest, ManifestEntry};
use crate::azure::state::{ArtifactType, ManifestState};
use crate::digest::Digest;

fn digest(of: &str) -> Digest {
    Digest::of(of.as_bytes())
}

fn wanted(name: &str, version: &str, kind: ArtifactType) -> WantedArtifact {
    WantedArtifact {
        name: name.into(),
        version: version.into(),
        kind,
        digest: Some(digest(name)),
        why_unknown: None,
    }
}

fn manifest(entries: &[(&str, &str, &str)]) -> ArtifactManifest {
    ArtifactManifest {
        id: "/m".into(),
        name: "m".into(),
        location: "westeurope".into(),
        state: Some(ManifestState::Uploading),
        provisioning_state: None,
        artifacts: entries
            .iter()
            .map(|(name, version, kind)| ManifestEntry {
                name: (*name).into(),
                artifact_type: (*kind).into(),
                version: (*version).into(),
            })
            .collect(),
    }
}

fn held(entries: &[(&str, &str, Held)]) -> BTreeMap<(String, String), Held> {
    entries
        .iter()
        .map(|(name, version, held)| (((*name).into(), (*version).into()), held.clone()))
        .collect()
}

/// `name:version: words; words` of each row with findings.
fn told(completeness: &Completeness) -> Vec<String> {
    completeness
        .rows
        .iter()
        .filter(|row| !row.findings.is_empty())
        .map(|row| {
            let words: Vec<String> = row.findings.iter().map(Finding::words).collect();
            format!("{}:{}: {}", row.name, row.version, words.join("; "))
        })
        .collect()
}

use ArtifactType::{ArmTemplate, ImageFile, OciArtifact, VhdImageFile};

#[test]
fn what_is_listed_held_and_as_locked_is_complete() {
    let wanted = [
        wanted("release/a", "1.0.0", OciArtifact),
        wanted("chart", "2.0.0_build.7", OciArtifact),
    ];
    let manifest = manifest(&[
        ("chart", "2.0.0_build.7", "OCIArtifact"),
        ("release/a", "1.0.0", "ociartifact"),
    ]);
    let held = held(&[
        ("release/a", "1.0.0", Held::Digest(digest("release/a"))),
        ("chart", "2.0.0_build.7", Held::SameContent(digest("other archive"))),
    ]);
    let joined = join(&wanted, ManifestSide::Read(&manifest), &held);
    assert_eq!(told(&joined), Vec::<String>::new());
    assert!(joined.is_complete() && !joined.is_sealed());
    let names: Vec<&str> = joined.rows.iter().map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["chart", "release/a"]);
}

#[test]
fn every_finding_has_its_row_and_its_level() {
    let a = || wanted("a", "1.0.0", OciArtifact);
    let there = || held(&[("a", "1.0.0", Held::Digest(digest("a")))]);
    let table = [
        (
            a(),
            manifest(&[]),
            there(),
            Level::Gap,
            "a:1.0.0: missing in the manifest",
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "ArmTemplate")]),
            there(),
            Level::Warning,
            "a:1.0.0: listed as ArmTemplate, wanted as OCIArtifact (warning)",
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "OCIArtifact"), ("a", "1.0.0", "OCIArtifact")]),
            there(),
            Level::Warning,
            "a:1.0.0: listed 2 times (warning)",
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "OCIArtifact")]),
            held(&[("a", "1.0.0", Held::Absent)]),
            Level::Gap,
            "a:1.0.0: not in the store",
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "OCIArtifact")]),
            held(&[("a", "1.0.0", Held::Digest(digest("else")))]),
            Level::Gap,
            &format!(
                "a:1.0.0: the store holds {}, not {}",
                digest("else").short(),
                digest("a").short()
            ),
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "OCIArtifact")]),
            held(&[(
                "a",
                "1.0.0",
                Held::Other {
                    digest: None,
                    why: "cut".into(),
                },
            )]),
            Level::Gap,
            "a:1.0.0: the store holds something else: cut",
        ),
        (
            a(),
            manifest(&[("a", "1.0.0", "OCIArtifact")]),
            held(&[("a", "1.0.0", Held::Unknown("no right to ask".into()))]),
            Level::Unknown,
            "a:1.0.0: the store cannot be read: no right to ask",
        ),
        (
            WantedArtifact {
                digest: None,
                why_unknown: Some("nowhere".into()),
                ..a()
            },
            manifest(&[("a", "1.0.0", "OCIArtifact")]),
            there(),
            Level::Unknown,
            "a:1.0.0: not located: nowhere",
        ),
    ];
    for (wanted, manifest, held, level, words) in table {
        let joined = join(&[wanted], ManifestSide::Read(&manifest), &held);
        assert_eq!(told(&joined), [words]);
        assert_eq!(joined.findings(level).count(), 1, "{words}");
        assert_eq!(joined.is_complete(), level == Level::Warning, "{words}");
    }
}

#[test]
fn what_nobody_wants_is_extra_whether_it_is_held_or_not() {
    let manifest = manifest(&[("old", "0.9.0", "OCIArtifact"), ("older", "0.8.0", "OCIArtifact")]);
    let held = held(&[
        ("old", "0.9.0", Held::Digest(digest("old"))),
        ("older", "0.8.0", Held::Absent),
    ]);
    let joined = join(&[], ManifestSide::Read(&manifest), &held);
    assert_eq!(
        told(&joined),
        [
            "old:0.9.0: extra in the manifest: nothing here needs it",
            "older:0.8.0: extra in the manifest: nothing here needs it; not in the store",
        ]
    );
    assert!(!joined.is_complete());
}

#[test]
fn a_version_in_another_form_is_one_finding_and_not_two() {
    for (wanted, listed, rule) in [
        (wanted("chart", "1.0.0_b", OciArtifact), "1.0.0+b", "Helm writes the +"),
        (wanted("t", "1.0.0", ArmTemplate), "1-0-0", "with dots between"),
        (wanted("i", "~1.0.0", ImageFile), "1-0-0", "perhaps after a ~"),
        (wanted("d-vhd", "1-0-0", VhdImageFile), "1.0.0", "with hyphens between"),
    ] {
        let manifest = manifest(&[(&wanted.name, listed, wanted.kind.as_str())]);
        let joined = join(
            std::slice::from_ref(&wanted),
            ManifestSide::Read(&manifest),
            &BTreeMap::new(),
        );
        let told = told(&joined);
        assert_eq!(told.len(), 1, "{told:?}");
        let expected = format!("listed as {listed}, not as {}: it must be", wanted.version);
        assert!(told[0].contains(&expected) && told[0].contains(rule), "{told:?}");
        assert_eq!(joined.findings(Level::Gap).count(), 1);
    }
}

#[test]
fn an_exact_entry_is_never_taken_by_a_version_in_another_form() {
    let wanted = [wanted("a", "1-0", OciArtifact), wanted("a", "1.0", OciArtifact)];
    let manifest = manifest(&[("a", "1.0", "OCIArtifact")]);
    let joined = join(&wanted, ManifestSide::Read(&manifest), &BTreeMap::new());
    assert_eq!(told(&joined), ["a:1-0: missing in the manifest"]);
}

#[test]
fn another_version_that_may_stand_there_is_another_version() {
    let manifest = manifest(&[("i", "~1.0.0", "ImageFile")]);
    let joined = join(
        &[wanted("i", "1.0.0", ImageFile)],
        ManifestSide::Read(&manifest),
        &BTreeMap::new(),
    );
    assert_eq!(
        told(&joined),
        [
            "i:1.0.0: missing in the manifest",
            "i:~1.0.0: extra in the manifest: nothing here needs it"
        ]
    );
}

#[test]
fn versions_keep_to_the_form_of_their_type() {
    let long = "1".repeat(129);
    for (kind, good, bad) in [
        (
            OciArtifact,
            &["1.0.0", "stable", "879624", "1.0.0_b", "v1"][..],
            &["1.0.0+b", "", ".1", "-1", "a b", &long][..],
        ),
        (
            ArmTemplate,
            &["1.0.0", "10.20.30"],
            &["1.0", "1-0-0", "~1.0.0", "1.0.x", "1..0", "v1.0.0"],
        ),
        (ImageFile, &["1.0.0", "~1.0.0"], &["1.0", "~~1.0.0", "1-0-0"]),
        (VhdImageFile, &["1-0-0"], &["1.0.0", "1-0", "1-0-0-0", ""]),
    ] {
        for version in good {
            assert_eq!(broken_rule(&kind, version), None, "{kind} {version}");
        }
        for version in bad {
            assert!(broken_rule(&kind, version).is_some(), "{kind} {version}");
        }
    }
    let joined = join(
        &[wanted("t", "latest", ArmTemplate)],
        ManifestSide::Read(&manifest(&[("t", "latest", "ArmTemplate")])),
        &BTreeMap::new(),
    );
    assert!(
        told(&joined)[0].contains("the version latest must be three numbers"),
        "{:?}",
        told(&joined)
    );
}

#[test]
fn a_manifest_that_is_absent_or_unknown_says_so_for_each_artifact() {
    let one = [wanted("a", "1.0.0", OciArtifact)];
    let absent = join(&one, ManifestSide::Absent, &BTreeMap::new());
    assert_eq!(absent.exists, Some(false));
    assert_eq!(told(&absent), ["a:1.0.0: missing in the manifest"]);
    let unknown = join(&one, ManifestSide::Unknown("denied"), &BTreeMap::new());
    assert_eq!(unknown.exists, None);
    assert_eq!(told(&unknown), ["a:1.0.0: the manifest cannot be read: denied"]);
    assert_eq!(unknown.findings(Level::Gap).count(), 0);
    assert!(!unknown.is_complete());
}

#[test]
fn what_two_charts_want_is_one_row() {
    let two = [wanted("a", "1.0.0", OciArtifact), wanted("a", "1.0.0", OciArtifact)];
    let joined = join(
        &two,
        ManifestSide::Read(&manifest(&[("a", "1.0.0", "OCIArtifact")])),
        &BTreeMap::new(),
    );
    assert_eq!(joined.rows.len(), 1);
    assert_eq!(told(&joined), Vec::<String>::new());
}
