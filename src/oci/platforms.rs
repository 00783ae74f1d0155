//! Subsets of an index by platform.
//!
//! A subset is a new index with a digest of its own: only the list of manifests is shorter, every other byte of value
//! stays as it was. Nothing that is named by its digest is ever cut: whoever pins a digest means all of it.

use bytes::Bytes;
use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::str::FromStr;

use super::Descriptor;
use super::manifest::{DOCKER_LIST, MANIFEST_LIMIT, OCI_INDEX};
use crate::digest::Digest;

/// By this annotation an entry says which image it belongs to (`BuildKit`, "Image attestation storage").
const ATTESTED: &str = "vnd.docker.reference.digest";

/// A platform as it is asked for: `os/architecture[/variant][:os-version]`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Platform {
    /// `linux`, `windows`, …
    pub os: String,
    /// `amd64`, `arm64`, … (`GOARCH`)
    pub architecture: String,
    /// `v7`, `v8`; any where it is not given.
    pub variant: Option<String>,
    /// Windows has several; any where it is not given.
    pub os_version: Option<String>,
}

impl FromStr for Platform {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bad = || format!("{text:?} is no platform: write os/architecture[/variant], as in linux/arm64");
        let (path, os_version) = match text.split_once(':') {
            Some((path, version)) => (path, Some(version.to_owned())),
            None => (text, None),
        };
        let parts: Vec<&str> = path.split('/').collect();
        let word =
            |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !parts.iter().all(word) || os_version.as_ref().is_some_and(String::is_empty) {
            return Err(bad());
        }
        let [os, architecture, variant @ ..] = parts.as_slice() else {
            return Err(bad());
        };
        if variant.len() > 1 {
            return Err(bad());
        }
        Ok(Self {
            os: (*os).to_owned(),
            architecture: (*architecture).to_owned(),
            variant: variant.first().map(|variant| (*variant).to_owned()),
            os_version,
        })
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if let Some(variant) = &self.variant {
            write!(f, "/{variant}")?;
        }
        if let Some(version) = &self.os_version {
            write!(f, ":{version}")?;
        }
        Ok(())
    }
}

impl Platform {
    /// The platform in a descriptor (image-spec, image-index.md); `None` where there is none.
    pub fn of(descriptor: &Descriptor) -> Option<Self> {
        Self::of_value(descriptor.other.get("platform")?)
    }

    /// The platform in an object with `os`, `architecture`, `variant`, `os.version`: a descriptor's `platform`, or an
    /// image's configuration.
    pub fn of_value(value: &serde_json::Value) -> Option<Self> {
        let text = |key: &str| {
            let text = value.get(key)?.as_str()?;
            (!text.is_empty()).then(|| text.to_owned())
        };
        Some(Self {
            os: text("os")?,
            architecture: text("architecture")?,
            variant: text("variant"),
            os_version: text("os.version"),
        })
    }

    /// Does something for `held` serve who asks for this?
    pub fn takes(&self, held: &Self) -> bool {
        self.os == held.os
            && self.architecture == held.architecture
            && self
                .variant
                .as_ref()
                .is_none_or(|variant| held.variant.as_ref() == Some(variant))
            && self
                .os_version
                .as_ref()
                .is_none_or(|version| held.os_version.as_ref() == Some(version))
    }
}

/// Part of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subset {
    /// The index that is left: the whole one where nothing was cut.
    pub index: Descriptor,
    /// Its bytes.
    pub bytes: Bytes,
    /// The entries that are left, in order.
    pub kept: Vec<Descriptor>,
    /// True when nothing was cut.
    pub whole: bool,
}

/// Is this media type one of an index?
pub fn is_index(media_type: &str) -> bool {
    matches!(media_type, OCI_INDEX | DOCKER_LIST)
}

/// Cuts an index to some platforms; what is attested of a kept image stays with it. Fails, in words, where a platform
/// is asked for that the index does not have, and where it is no index.
pub fn subset(index: &Descriptor, bytes: &Bytes, platforms: &[Platform]) -> Result<Subset, String> {
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(format!(
            "index of {} bytes: at most {MANIFEST_LIMIT} are read",
            bytes.len()
        ));
    }
    let fields: Fields<'_> = serde_json::from_slice(bytes).map_err(|e| format!("is no index: {e}"))?;
    let (_, list) = fields
        .0
        .iter()
        .find(|(key, _)| key == "manifests")
        .ok_or("is no index: it has no manifests")?;
    let raw: Vec<&RawValue> = serde_json::from_str(list.get()).map_err(|e| format!("is no index: {e}"))?;
    let entries: Vec<Descriptor> = serde_json::from_str(list.get()).map_err(|e| format!("is no index: {e}"))?;
    let held: Vec<Option<Platform>> = entries.iter().map(Platform::of).collect();
    let missing: Vec<String> = platforms
        .iter()
        .filter(|wanted| !held.iter().flatten().any(|held| wanted.takes(held)))
        .map(ToString::to_string)
        .collect();
    if !missing.is_empty() {
        let mut there: Vec<String> = held.iter().flatten().map(ToString::to_string).collect();
        there.retain(|platform| platform != "unknown/unknown");
        there.dedup();
        return Err(format!("has no {}; it has {}", missing.join(", "), some(&there)));
    }
    let meant = |held: &Option<Platform>| {
        held.as_ref()
            .is_some_and(|held| platforms.iter().any(|wanted| wanted.takes(held)))
    };
    let images: Vec<&Digest> = entries
        .iter()
        .zip(&held)
        .filter(|(_, held)| meant(held))
        .map(|(e, _)| &e.digest)
        .collect();
    let keep: Vec<bool> = entries
        .iter()
        .zip(&held)
        .map(|(entry, held)| {
            let attests = entry.annotations.get(ATTESTED);
            meant(held) || attests.is_some_and(|of| images.iter().any(|image| image.as_str() == of))
        })
        .collect();
    let kept: Vec<Descriptor> = entries
        .iter()
        .zip(&keep)
        .filter(|(_, keep)| **keep)
        .map(|(entry, _)| entry.clone())
        .collect();
    if kept.len() == entries.len() {
        return Ok(Subset {
            index: index.clone(),
            bytes: bytes.clone(),
            kept,
            whole: true,
        });
    }
    let left: Vec<&str> = raw
        .iter()
        .zip(&keep)
        .filter(|(_, keep)| **keep)
        .map(|(raw, _)| raw.get())
        .collect();
    let text = fields.with_manifests(&left);
    let mut cut = Descriptor::of(index.media_type.clone(), text.as_bytes());
    cut.annotations.clone_from(&index.annotations);
    Ok(Subset {
        index: cut,
        bytes: text.into(),
        kept,
        whole: false,
    })
}

fn some(names: &[String]) -> String {
    if names.is_empty() {
        return "no platforms at all".to_owned();
    }
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    crate::fault::some_of(&names)
}

/// The fields of an object in their order, their values as they were written.
struct Fields<'a>(Vec<(String, &'a RawValue)>);

impl Fields<'_> {
    fn with_manifests(&self, manifests: &[&str]) -> String {
        let list = format!("[{}]", manifests.join(","));
        let fields: Vec<String> = self
            .0
            .iter()
            .map(|(key, value)| {
                let value = if key == "manifests" { &list } else { value.get() };
                format!("{}:{value}", serde_json::Value::from(key.as_str()))
            })
            .collect();
        format!("{{{}}}", fields.join(","))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Fields<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Vec<(String, &'de RawValue)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut fields: Vec<(String, &'de RawValue)> = Vec::new();
                while let Some((key, value)) = map.next_entry::<String, &'de RawValue>()? {
                    // Readers differ in which of two they take.
                    if fields.iter().any(|(known, _)| *known == key) {
                        return Err(serde::de::Error::custom(format!("{key:?} is there twice")));
                    }
                    fields.push((key, value));
                }
                Ok(fields)
            }
        }
        deserializer.deserialize_map(Each).map(Self)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

    use super::*;

    fn entry(seed: &str, platform: &str, more: &str) -> String {
        let digest = Digest::of(seed.as_bytes());
        let (os, architecture) = platform.split_once('/').unwrap();
        format!(
            r#"{{"mediaType":"m", "digest":"{digest}","size":1,"platform":{{"architecture":"{architecture}","os":"{os}"}}{more}}}"#
        )
    }

    fn index(entries: &[String]) -> (Descriptor, Bytes) {
        let text = format!(
            "{{ \"z-unknown\": 1.50, \"schemaVersion\":2,\n \"manifests\":[{}], \"annotations\":{{\"b\":\"1\",\"a\":\"<2>\"}} }}",
            entries.join(" , ")
        );
        (Descriptor::of(OCI_INDEX, text.as_bytes()), Bytes::from(text))
    }

    fn platforms(texts: &[&str]) -> Vec<Platform> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_platform_is_read_and_written_alike() {
        for text in [
            "linux/amd64",
            "linux/arm/v7",
            "windows/amd64:10.0.17763",
            "linux/arm64/v8:1",
        ] {
            assert_eq!(text.parse::<Platform>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "a/b/c/d",
            "linux/amd64:",
            "linux amd64",
            "linux/am d",
        ] {
            assert!(text.parse::<Platform>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_not_asked_for_of_a_platform_may_be_anything() {
        for (wanted, held, want) in [
            ("linux/arm64", "linux/arm64/v8", true),
            ("linux/arm64/v8", "linux/arm64", false),
            ("linux/arm/v7", "linux/arm/v6", false),
            ("windows/amd64", "windows/amd64:10.0.1", true),
            ("windows/amd64:10.0.2", "windows/amd64:10.0.1", false),
            ("linux/amd64", "linux/arm64", false),
            ("linux/amd64", "windows/amd64", false),
        ] {
            let (wanted, held): (Platform, Platform) = (wanted.parse().unwrap(), held.parse().unwrap());
            assert_eq!(wanted.takes(&held), want, "{wanted} {held}");
        }
    }

    #[test]
    fn a_cut_index_keeps_every_other_value_as_it_was_written() {
        let entries = [
            entry("a", "linux/amd64", ""),
            entry("b", "linux/arm64", r#","x":1e2"#),
            entry("c", "linux/s390x", ""),
        ];
        let (root, bytes) = index(&entries);
        let cut = subset(&root, &bytes, &platforms(&["linux/arm64"])).unwrap();
        assert!(!cut.whole);
        let want = format!(
            r#"{{"z-unknown":1.50,"schemaVersion":2,"manifests":[{}],"annotations":{{"b":"1","a":"<2>"}}}}"#,
            entries.get(1).unwrap()
        );
        assert_eq!(cut.bytes, want.as_bytes());
        assert_eq!(cut.index, Descriptor::of(OCI_INDEX, want.as_bytes()));
        assert_eq!(cut.kept.len(), 1);
    }

    #[test]
    fn an_index_of_which_all_is_wanted_stays_itself() {
        let (root, bytes) = index(&[entry("a", "linux/amd64", ""), entry("b", "linux/arm64", "")]);
        let cut = subset(&root, &bytes, &platforms(&["linux/arm64", "linux/amd64"])).unwrap();
        assert!(cut.whole);
        assert_eq!((cut.index, cut.bytes), (root, bytes));
    }

    #[test]
    fn what_is_attested_of_an_image_stays_with_it() {
        let of = |seed: &str| format!(r#","annotations":{{"{ATTESTED}":"{}"}}"#, Digest::of(seed.as_bytes()));
        let (root, bytes) = index(&[
            entry("a", "linux/amd64", ""),
            entry("b", "linux/arm64", ""),
            entry("about a", "unknown/unknown", &of("a")),
            entry("about b", "unknown/unknown", &of("b")),
        ]);
        let cut = subset(&root, &bytes, &platforms(&["linux/amd64"])).unwrap();
        let kept: Vec<Digest> = cut.kept.into_iter().map(|entry| entry.digest).collect();
        assert_eq!(kept, [Digest::of(b"a"), Digest::of(b"about a")]);
    }

    #[test]
    fn a_platform_that_is_not_there_is_named_with_those_that_are() {
        let (root, bytes) = index(&[entry("a", "linux/amd64", ""), entry("x", "unknown/unknown", "")]);
        let why = subset(&root, &bytes, &platforms(&["linux/amd64", "linux/riscv64"])).unwrap_err();
        assert_eq!(why, "has no linux/riscv64; it has linux/amd64");
        for text in [
            "",
            "[]",
            "{}",
            r#"{"manifests":{}}"#,
            r#"{"manifests":[],"manifests":[]}"#,
            r#"{"manifests":[1]}"#,
        ] {
            let bytes = Bytes::from(text);
            assert!(subset(&root, &bytes, &platforms(&["linux/amd64"])).is_err(), "{text}");
        }
    }
}
