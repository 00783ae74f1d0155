//! Manifests as oras writes them, byte for byte: the field order of the image-spec's Go types (`specs-go/v1`), the escapes
//! of Go's `encoding/json`.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;
use serde_json::Value;
use serde_json::ser::Formatter;

use crate::oci::Descriptor;
use crate::oci::manifest::OCI_MANIFEST;

/// Which version of the image-spec an artifact is packed by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ImageSpec {
    /// 1.0: the config's media type says what the artifact is.
    V1_0,
    /// 1.1: `artifactType` says it.
    #[default]
    V1_1,
}

impl std::str::FromStr for ImageSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "v1.0" | "1.0" => Ok(Self::V1_0),
            "v1.1" | "1.1" => Ok(Self::V1_1),
            _ => Err(format!("{text:?} is no version to pack by: v1.0 and v1.1 are")),
        }
    }
}

/// What a manifest says.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    pub artifact_type: Option<&'a str>,
    pub config: &'a Descriptor,
    pub layers: &'a [Descriptor],
    pub subject: Option<&'a Descriptor>,
    pub annotations: &'a BTreeMap<String, String>,
    /// Write `annotations` even when there are none.
    pub empty_annotations: bool,
}

impl Manifest<'_> {
    /// Its bytes.
    pub fn to_bytes(&self) -> Result<Bytes, serde_json::Error> {
        let go = GoManifest {
            schema_version: 2,
            media_type: OCI_MANIFEST,
            artifact_type: self.artifact_type,
            config: GoDescriptor(self.config),
            layers: self.layers.iter().map(GoDescriptor).collect(),
            subject: self.subject.map(GoDescriptor),
            annotations: Some(self.annotations).filter(|map| self.empty_annotations || !map.is_empty()),
        };
        let mut bytes = Vec::new();
        go.serialize(&mut serde_json::Serializer::with_formatter(&mut bytes, GoEscapes))?;
        Ok(bytes.into())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct GoManifest<'a> {
    schema_version: u8,
    media_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    artifact_type: Option<&'a str>,
    config: GoDescriptor<'a>,
    layers: Vec<GoDescriptor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<GoDescriptor<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<&'a BTreeMap<String, String>>,
}

/// A descriptor in the order of the Go type.
struct GoDescriptor<'a>(&'a Descriptor);

impl Serialize for GoDescriptor<'_> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Fields<'a> {
            media_type: &'a str,
            digest: &'a str,
            size: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            urls: Option<&'a Value>,
            #[serde(skip_serializing_if = "BTreeMap::is_empty")]
            annotations: &'a BTreeMap<String, String>,
            #[serde(skip_serializing_if = "Option::is_none")]
            data: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            platform: Option<&'a Value>,
            #[serde(skip_serializing_if = "Option::is_none")]
            artifact_type: Option<&'a Value>,
        }
        let other = |key: &str| self.0.other.get(key);
        Fields {
            media_type: &self.0.media_type,
            digest: self.0.digest.as_str(),
            size: self.0.size,
            urls: other("urls"),
            annotations: &self.0.annotations,
            data: other("data"),
            platform: other("platform"),
            artifact_type: other("artifactType"),
        }
        .serialize(serializer)
    }
}

/// Go's `encoding/json` makes texts safe for HTML and JavaScript: five characters more are escaped than JSON needs.
struct GoEscapes;

impl Formatter for GoEscapes {
    fn write_string_fragment<W: ?Sized + std::io::Write>(&mut self, writer: &mut W, text: &str) -> std::io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (before, after) = rest.split_at(at);
            writer.write_all(before.as_bytes())?;
            let mut chars = after.chars();
            if let Some(special) = chars.next() {
                write!(writer, "\\u{:04x}", u32::from(special))?;
            }
            rest = chars.as_str();
        }
        writer.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use serde_json::json;

    fn descriptor(media_type: &str, content: &str) -> Descriptor {
        Descriptor::of(media_type, content.as_bytes())
    }

    #[test]
    fn fields_stand_in_the_order_of_the_go_types() {
        let mut config = descriptor("c/c", "{}");
        config.other.insert("data".into(), json!("e30="));
        config.other.insert("x-unknown".into(), json!(1));
        config.annotations.insert("k".into(), "v".into());
        let mut layer = descriptor("l/l", "l");
        layer.other.insert("artifactType".into(), json!("a/t"));
        layer.other.insert("platform".into(), json!({"architecture": "amd64"}));
        layer.other.insert("urls".into(), json!(["https://example.com"]));
        let bytes = Manifest {
            artifact_type: Some("a/b"),
            config: &config,
            layers: std::slice::from_ref(&layer),
            subject: Some(&descriptor("s/s", "s")),
            annotations: &[("b".to_owned(), "2".to_owned()), ("a".to_owned(), "1".to_owned())].into(),
            empty_annotations: false,
        }
        .to_bytes()
        .unwrap();
        let expected = format!(
            r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","artifactType":"a/b","config":{{"mediaType":"c/c","digest":"{}","size":2,"annotations":{{"k":"v"}},"data":"e30="}},"layers":[{{"mediaType":"l/l","digest":"{}","size":1,"urls":["https://example.com"],"platform":{{"architecture":"amd64"}},"artifactType":"a/t"}}],"subject":{{"mediaType":"s/s","digest":"{}","size":1}},"annotations":{{"a":"1","b":"2"}}}}"#,
            config.digest,
            layer.digest,
            descriptor("s/s", "s").digest,
        );
        assert_eq!(std::str::from_utf8(&bytes).unwrap(), expected);
    }

    #[test]
    fn texts_are_escaped_as_go_escapes_them() {
        let config = descriptor("c/c", "{}");
        let value = "<a href=\"x\">&amp;</a>\u{2028}\u{2029}\n\t\r\u{8}\u{c}\u{1}\u{7f}é\\";
        let bytes = Manifest {
            artifact_type: None,
            config: &config,
            layers: &[],
            subject: None,
            annotations: &[("k".to_owned(), value.to_owned())].into(),
            empty_annotations: false,
        }
        .to_bytes()
        .unwrap();
        let text = std::str::from_utf8(&bytes).unwrap();
        let expected = concat!(
            r#""annotations":{"k":"\u003ca href=\"x\"\u003e\u0026amp;\u003c/a\u003e\u2028\u2029\n\t\r\b\f\u0001"#,
            "\u{7f}é\\\\\"}}"
        );
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains(r#""layers":[],"#), "never null: {text}");
        let read: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(read["annotations"]["k"], value);
    }

    #[test]
    fn annotations_that_are_none_are_written_on_demand_only() {
        let config = descriptor("c/c", "{}");
        for (empty_annotations, there) in [(false, false), (true, true)] {
            let bytes = Manifest {
                artifact_type: None,
                config: &config,
                layers: &[],
                subject: None,
                annotations: &BTreeMap::new(),
                empty_annotations,
            }
            .to_bytes()
            .unwrap();
            let text = std::str::from_utf8(&bytes).unwrap();
            assert_eq!(text.contains(r#""annotations":{}"#), there);
        }
    }
}
