//! Media types: which texts are ones, and those that artifacts are packed with.
//!
//! The defaults are those of oras, so that what reads its artifacts reads ours: artifacts and configs that nobody named a
//! type for are `unknown`, files are called an image layer whatever they hold.

/// The type of an artifact that nobody named one for (oras-go, `MediaTypeUnknownArtifact`).
pub const UNKNOWN_ARTIFACT: &str = "application/vnd.unknown.artifact.v1";
/// The type of a config that nobody named one for (oras-go, `MediaTypeUnknownConfig`).
pub const UNKNOWN_CONFIG: &str = "application/vnd.unknown.config.v1+json";
/// The empty JSON object (image-spec 1.1, manifest.md, "Guidance for an Empty Descriptor").
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The type of a file that nobody named one for.
pub const FILE: &str = "application/vnd.oci.image.layer.v1.tar";
/// The type of a packed folder that nobody named one for.
pub const FOLDER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Longest name on either side of the slash (RFC 6838, section 4.2).
const NAME_LIMIT: usize = 127;

/// Is this a media type (RFC 6838, section 4.2; the pattern of the image-spec's descriptor schema)?
pub fn is_media_type(text: &str) -> bool {
    text.split_once('/')
        .is_some_and(|(kind, subtype)| is_name(kind) && is_name(subtype))
}

/// `restricted-name` of RFC 6838.
fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    name.len() <= NAME_LIMIT
        && bytes.next().is_some_and(|first| first.is_ascii_alphanumeric())
        && bytes.all(|b| b.is_ascii_alphanumeric() || b"!#$&^_.+-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_with_two_restricted_names_are_media_types() {
        let long = "a".repeat(NAME_LIMIT);
        for good in [
            "text/plain",
            "a/b",
            "application/vnd.oci.image.layer.v1.tar+gzip",
            "x/a!#$&^_.+-",
            &format!("{long}/{long}"),
        ] {
            assert!(is_media_type(good), "{good}");
        }
        for bad in [
            "",
            "text",
            "/plain",
            "text/",
            "text/plain/x",
            "text /plain",
            "text/plain; charset=utf-8",
            ".a/b",
            "a/+b",
            "a\\b/c",
            "é/b",
            "a/b\n",
            &format!("{long}a/b"),
        ] {
            assert!(!is_media_type(bad), "{bad}");
        }
    }
}
