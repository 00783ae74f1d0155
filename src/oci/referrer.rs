//! What a manifest says about what it refers to, and how a list of referrers describes it.
//!
//! Only read, never written: the bytes of a manifest stay as they are (distribution-spec, "Listing Referrers").

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::Descriptor;
use crate::digest::Digest;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    subject: Option<Subject>,
    artifact_type: Option<String>,
    config: Option<Config>,
    manifests: Option<IgnoredAny>,
    // Some tools write numbers here: they must not hide the subject.
    annotations: Option<BTreeMap<String, Value>>,
}

#[derive(Deserialize)]
struct Subject {
    digest: Digest,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Config {
    media_type: Option<String>,
}

/// The digest of the manifest that this one refers to; `None` for what refers to nothing or is no manifest.
pub fn subject_of(bytes: &[u8]) -> Option<Digest> {
    let view: View = serde_json::from_slice(bytes).ok()?;
    view.subject.map(|subject| subject.digest)
}

/// How a list of referrers describes a manifest with these bytes: media type, digest and size as given, `artifactType`
/// (the manifest's own, else for images the media type of its config) and its annotations.
pub fn described(manifest: &Descriptor, bytes: &[u8]) -> Descriptor {
    let mut entry = Descriptor::new(manifest.media_type.clone(), manifest.digest.clone(), bytes.len() as u64);
    let Ok(view) = serde_json::from_slice::<View>(bytes) else {
        return entry;
    };
    let config = view
        .config
        .filter(|_| view.manifests.is_none())
        .and_then(|config| config.media_type);
    let artifact_type = view.artifact_type.filter(|text| !text.is_empty()).or(config);
    if let Some(text) = artifact_type.filter(|text| !text.is_empty()) {
        entry.other.insert("artifactType".to_owned(), Value::String(text));
    }
    entry.annotations = view
        .annotations
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(key, value)| match value {
            Value::String(text) => Some((key, text)),
            _ => None,
        })
        .collect();
    entry
}

/// Sorts by digest and drops what is listed twice.
pub fn sorted(mut entries: Vec<Descriptor>) -> Vec<Descriptor> {
    entries.sort_by(|a, b| a.digest.cmp(&b.digest));
    entries.dedup_by(|a, b| a.digest == b.digest);
    entries
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;
    use crate::oci::manifest::{OCI_INDEX, OCI_MANIFEST};

    fn digest(text: &str) -> Digest {
        Digest::of(text.as_bytes())
    }

    #[test]
    fn the_subject_is_found_in_every_kind_of_manifest_and_nowhere_else() {
        let subject = digest("subject");
        let named = format!(r#""subject":{{"mediaType":"m","digest":"{subject}","size":7}}"#);
        for text in [
            format!(r#"{{"config":{{"mediaType":"c"}},"layers":[],{named}}}"#),
            format!(r#"{{"manifests":[],{named}}}"#),
            format!(r#"{{"blobs":[],"artifactType":"a/b",{named}}}"#),
            format!(r#"{{"annotations":{{"n":1,"z":null}},{named}}}"#),
        ] {
            assert_eq!(subject_of(text.as_bytes()), Some(subject.clone()), "{text}");
        }
        for text in [
            "{}".to_owned(),
            r#"{"subject":null}"#.to_owned(),
            r#"{"subject":{"digest":"no digest"}}"#.to_owned(),
            format!(r#"{{"annotations":{{"subject":"{subject}"}}}}"#),
            format!("[{{{named}}}]"),
            format!("{{{named}"),
            String::new(),
        ] {
            assert_eq!(subject_of(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_artifact_without_type_has_that_of_its_config_and_an_index_has_none() {
        let config = r#""config":{"mediaType":"application/x-config"}"#;
        let table = [
            (
                format!(r#"{{"artifactType":"a/b",{config}}}"#),
                OCI_MANIFEST,
                Some("a/b"),
            ),
            (
                format!(r#"{{"artifactType":"",{config}}}"#),
                OCI_MANIFEST,
                Some("application/x-config"),
            ),
            (format!("{{{config}}}"), OCI_MANIFEST, Some("application/x-config")),
            (r#"{"manifests":[]}"#.to_owned(), OCI_INDEX, None),
            (
                r#"{"manifests":[],"artifactType":"a/b"}"#.to_owned(),
                OCI_INDEX,
                Some("a/b"),
            ),
            ("no json".to_owned(), OCI_MANIFEST, None),
        ];
        for (text, media_type, expected) in table {
            let manifest = Descriptor::of(media_type, text.as_bytes());
            let entry = described(&manifest, text.as_bytes());
            assert_eq!(entry.artifact_type(), expected, "{text}");
            assert_eq!(entry.digest, manifest.digest);
        }
    }

    #[test]
    fn annotations_that_are_texts_are_listed() {
        let text = r#"{"annotations":{"a":"1","b":2,"c":["x"]}}"#;
        let entry = described(&Descriptor::of(OCI_MANIFEST, text.as_bytes()), text.as_bytes());
        assert_eq!(entry.annotations, BTreeMap::from([("a".to_owned(), "1".to_owned())]));
    }

    #[test]
    fn a_list_is_sorted_and_names_each_referrer_once() {
        let (a, b) = (Descriptor::of("m", b"a"), Descriptor::of("m", b"b"));
        let mut expected = vec![a.clone(), b.clone()];
        expected.sort_by(|x, y| x.digest.cmp(&y.digest));
        assert_eq!(sorted(vec![b.clone(), a.clone(), b]), expected);
    }
}
