//! Manifests, read and never written: what hangs below one, whatever its media type.
//!
//! Only the fields that name other content are looked at; the bytes themselves travel untouched. Untrusted: the
//! size is bounded by [`MANIFEST_LIMIT`], nesting by the JSON parser, and a text that can be read both as an index
//! and as an image is refused (image-spec security advisory GHSA-77vh-xpmg-72qh).

use serde::Deserialize;
use serde::de::IgnoredAny;

use super::Descriptor;

/// No manifest is larger (the distribution spec asks registries to take at least 4 MiB).
pub const MANIFEST_LIMIT: u64 = 4 * 1024 * 1024;

/// OCI image manifest (image-spec, manifest.md).
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index (image-spec, image-index.md).
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Docker image manifest, version 2 schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list.
pub const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Artifact manifest of the image-spec 1.1 release candidates.
pub const OCI_ARTIFACT: &str = "application/vnd.oci.artifact.manifest.v1+json";
/// Artifact manifest of early oras.
pub const ORAS_ARTIFACT: &str = "application/vnd.cncf.oras.artifact.manifest.v1+json";

/// All manifest types that are asked for, the usual first.
pub const MANIFEST_TYPES: [&str; 6] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_LIST,
    OCI_ARTIFACT,
    ORAS_ARTIFACT,
];

/// What a manifest names directly.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Children {
    /// Manifests below it, in order.
    pub manifests: Vec<Descriptor>,
    /// Blobs that belong to it: config and layers, in order.
    pub blobs: Vec<Descriptor>,
    /// Layers that live elsewhere (non-distributable, with `urls`): registries do not ask for them, nor do we.
    pub foreign: Vec<Descriptor>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Index,
    Image,
    Artifact,
}

fn shape_of(media_type: &str) -> Option<Shape> {
    match media_type {
        OCI_MANIFEST | DOCKER_MANIFEST => Some(Shape::Image),
        OCI_INDEX | DOCKER_LIST => Some(Shape::Index),
        OCI_ARTIFACT | ORAS_ARTIFACT => Some(Shape::Artifact),
        _ => None,
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct View {
    schema_version: Option<u64>,
    media_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    blobs: Option<Vec<Descriptor>>,
    fs_layers: Option<IgnoredAny>,
}

/// The `mediaType` written in a manifest itself, for answers that do not carry one.
pub fn own_media_type(bytes: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Only {
        media_type: Option<String>,
        manifests: Option<IgnoredAny>,
        layers: Option<IgnoredAny>,
    }
    let only: Only = serde_json::from_slice(bytes).ok()?;
    only.media_type.or_else(|| {
        // OCI types may leave it out (image-spec, manifest.md, "mediaType").
        let guess = if only.manifests.is_some() {
            OCI_INDEX
        } else {
            only.layers.map(|_| OCI_MANIFEST)?
        };
        Some(guess.to_owned())
    })
}

/// What hangs below a manifest. An unknown media type is read by its fields, and is a leaf without any that we
/// know. Fails, in words, for what is no manifest.
pub fn children(bytes: &[u8], media_type: &str) -> Result<Children, String> {
    if bytes.len() as u64 > MANIFEST_LIMIT {
        return Err(format!(
            "manifest of {} bytes: at most {MANIFEST_LIMIT} are read",
            bytes.len()
        ));
    }
    let declared = shape_of(media_type);
    let view: View = match serde_json::from_slice(bytes) {
        Ok(view) => view,
        Err(_) if declared.is_none() && serde_json::from_slice::<IgnoredAny>(bytes).is_err() => {
            // Not JSON and not a type that must be: content of its own kind, with nothing below.
            return Ok(Children::default());
        }
        Err(error) => return Err(format!("is no manifest: {error}")),
    };
    if media_type.contains("distribution.manifest.v1+") || view.schema_version == Some(1) || view.fs_layers.is_some() {
        return Err("is a Docker schema 1 manifest, which is obsolete and not supported: \
                    build and push the image again with a current tool"
            .to_owned());
    }
    let inner = view.media_type.as_deref().and_then(shape_of);
    if let (Some(declared), Some(inner)) = (declared, inner)
        && declared != inner
    {
        return Err(format!(
            "is announced as {media_type} but calls itself {}",
            view.media_type.as_deref().unwrap_or_default()
        ));
    }
    let image_fields = view.config.is_some() || view.layers.is_some();
    if view.manifests.is_some() && image_fields {
        return Err("can be read both as an index and as an image: refused".to_owned());
    }
    match declared.or(inner) {
        Some(Shape::Index) if view.manifests.is_none() && (image_fields || view.blobs.is_some()) => {
            return Err(format!("is announced as {media_type} but has no manifests"));
        }
        Some(Shape::Image) if view.config.is_none() || view.layers.is_none() => {
            return Err("is an image manifest without config or layers".to_owned());
        }
        _ => {}
    }
    let mut found = Children {
        manifests: view.manifests.unwrap_or_default(),
        ..Children::default()
    };
    let blobs = view
        .config
        .into_iter()
        .chain(view.layers.unwrap_or_default())
        .chain(view.blobs.unwrap_or_default());
    for blob in blobs {
        if is_foreign(&blob) {
            found.foreign.push(blob);
        } else {
            found.blobs.push(blob);
        }
    }
    Ok(found)
}

/// A layer that its manifest allows to be absent: a non-distributable type *and* a URL to fetch it from. Without
/// a URL registries insist on the blob, so it is treated as any other.
fn is_foreign(blob: &Descriptor) -> bool {
    let kind =
        blob.media_type.contains(".image.layer.nondistributable.") || blob.media_type.contains(".rootfs.foreign.");
    kind && blob
        .other
        .get("urls")
        .and_then(|urls| urls.as_array())
        .is_some_and(|urls| !urls.is_empty())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn descriptor(media_type: &str, seed: &str) -> String {
        let digest = crate::digest::Digest::of(seed.as_bytes());
        format!(
            r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#,
            seed.len()
        )
    }

    #[test]
    fn an_image_names_its_config_and_layers_in_order() {
        let text = format!(
            r#"{{"schemaVersion":2,"config":{},"layers":[{},{}],"x-unknown":{{"a":[1]}}}}"#,
            descriptor("c", "config"),
            descriptor("l", "one"),
            descriptor("l", "two")
        );
        for media_type in [OCI_MANIFEST, DOCKER_MANIFEST, "application/vnd.example.unknown"] {
            let found = children(text.as_bytes(), media_type).unwrap();
            assert_eq!(
                found.blobs.iter().map(|b| b.size).collect::<Vec<_>>(),
                [6, 3, 3],
                "{media_type}"
            );
            assert!(found.manifests.is_empty());
        }
    }

    #[test]
    fn an_index_names_its_manifests_whatever_their_type() {
        let text = format!(
            r#"{{"manifests":[{},{}]}}"#,
            descriptor(OCI_MANIFEST, "a"),
            descriptor("odd/type", "b")
        );
        for media_type in [OCI_INDEX, DOCKER_LIST] {
            assert_eq!(children(text.as_bytes(), media_type).unwrap().manifests.len(), 2);
        }
        assert_eq!(
            children(br#"{"manifests":null}"#, OCI_INDEX).unwrap(),
            Children::default()
        );
    }

    #[test]
    fn an_early_artifact_manifest_names_its_blobs() {
        let text = format!(
            r#"{{"blobs":[{}],"subject":{}}}"#,
            descriptor("b", "b"),
            descriptor(OCI_MANIFEST, "s")
        );
        assert_eq!(children(text.as_bytes(), ORAS_ARTIFACT).unwrap().blobs.len(), 1);
    }

    #[test]
    fn content_of_an_unknown_kind_is_a_leaf() {
        assert_eq!(
            children(b"not json", "application/x-thing").unwrap(),
            Children::default()
        );
        assert_eq!(children(b"{}", "application/x-thing").unwrap(), Children::default());
    }

    #[test]
    fn only_foreign_layers_with_urls_are_left_where_they_are() {
        let foreign = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip";
        let with_url = descriptor(foreign, "f").replace("\"size\"", "\"urls\":[\"https://example.test/f\"],\"size\"");
        let plain_with_url = descriptor("l", "p").replace("\"size\"", "\"urls\":[\"https://example.test/p\"],\"size\"");
        let text = format!(
            r#"{{"config":{},"layers":[{with_url},{},{plain_with_url}]}}"#,
            descriptor("c", "c"),
            descriptor(foreign, "without")
        );
        let found = children(text.as_bytes(), DOCKER_MANIFEST).unwrap();
        assert_eq!((found.foreign.len(), found.blobs.len()), (1, 3));
    }

    #[test]
    fn what_is_no_manifest_is_refused_in_words() {
        let image = format!(r#""config":{},"layers":[]"#, descriptor("c", "c"));
        let deep = "[".repeat(10_000);
        let cases: [(String, &str, &str); 10] = [
            ("<html>".into(), OCI_MANIFEST, "is no manifest"),
            (String::new(), OCI_INDEX, "is no manifest"),
            (deep, OCI_MANIFEST, "is no manifest"),
            (
                r#"{"schemaVersion":1,"fsLayers":[]}"#.into(),
                DOCKER_MANIFEST,
                "schema 1",
            ),
            (
                "{}".into(),
                "application/vnd.docker.distribution.manifest.v1+prettyjws",
                "schema 1",
            ),
            (format!("{{{image},\"manifests\":[]}}"), OCI_INDEX, "both"),
            (format!("{{{image}}}"), OCI_INDEX, "no manifests"),
            (
                format!("{{\"mediaType\":\"{OCI_INDEX}\",{image}}}"),
                OCI_MANIFEST,
                "calls itself",
            ),
            (r#"{"layers":[]}"#.into(), OCI_MANIFEST, "without config"),
            (
                r#"{"config":{"mediaType":"c","digest":"sha256:zz","size":1},"layers":[]}"#.into(),
                OCI_MANIFEST,
                "not a digest",
            ),
        ];
        for (text, media_type, part) in cases {
            let error = children(text.as_bytes(), media_type).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
    }

    #[test]
    fn a_manifest_above_the_limit_is_refused_before_it_is_parsed() {
        let huge = vec![b' '; usize::try_from(MANIFEST_LIMIT).unwrap() + 1];
        assert!(children(&huge, OCI_MANIFEST).unwrap_err().contains("at most"));
    }

    #[test]
    fn the_media_type_is_taken_from_the_manifest_or_guessed_by_its_fields() {
        assert_eq!(own_media_type(br#"{"mediaType":"a/b"}"#).as_deref(), Some("a/b"));
        assert_eq!(own_media_type(br#"{"manifests":[]}"#).as_deref(), Some(OCI_INDEX));
        assert_eq!(own_media_type(br#"{"layers":[]}"#).as_deref(), Some(OCI_MANIFEST));
        assert_eq!(own_media_type(b"{}"), None);
        assert_eq!(own_media_type(b"nonsense"), None);
    }
}
