//! How much a text that stands where no image must stand looks like one: the confidence of candidates.
//!
//! The scale was set against renders of public charts. Above all it must not take `host:port`, `namespace/service`,
//! paths and numbers for images; what it misses a rule can name.

use crate::reference::ImageReference;

/// Candidates below this are not worth a line.
pub(super) const WORTH_SHOWING: u8 = 50;
/// Where nothing at all speaks for an image but the text itself, it must look like this much.
pub(super) const SPEAKS_FOR_ITSELF: u8 = 85;

/// How sure it is that a text is an image, 0 to 100; `None` when it is none. `named` tells that the name beside it
/// (a key, a flag, a variable) speaks of an image.
pub(super) fn confidence(text: &str, named: bool) -> Option<u8> {
    let reference = ImageReference::parse(text).ok()?;
    if reference.has_empty_registry() || is_file(reference.path()) {
        return None;
    }
    let has_path = reference.registry().is_some() || reference.path().contains('/');
    if reference.digest().is_some() {
        return Some(if has_path { 98 } else { 95 });
    }
    let Some(tag) = reference.tag() else {
        return match (named, reference.registry()) {
            (true, Some(_)) => Some(60),
            (true, None) if has_path => Some(50),
            _ => None,
        };
    };
    let numeric = tag.bytes().all(|b| b.is_ascii_digit());
    match reference.registry() {
        Some(host) if host.contains(['.', ':']) || host == "localhost" => Some(match (named, numeric) {
            (true, _) => 95,
            (false, false) => 90,
            (false, true) => 60,
        }),
        Some(_) => named.then_some(70),
        None if has_path => match (named, numeric) {
            (true, _) => Some(85),
            (false, false) if is_version(tag) => Some(60),
            _ => None,
        },
        None => match (named, numeric) {
            (true, false) => Some(75),
            (true, true) if tag.len() <= 3 => Some(60),
            (false, false) if is_version(tag) && !reference.path().contains('.') => Some(50),
            _ => None,
        },
    }
}

/// A tag that looks like a version: a dot between digits, perhaps after a `v`, or one of the moving tags.
fn is_version(tag: &str) -> bool {
    let digits = tag.strip_prefix('v').unwrap_or(tag);
    matches!(tag, "latest" | "stable" | "edge")
        || (digits.starts_with(|c: char| c.is_ascii_digit()) && digits.contains('.'))
}

/// A picture or a file rather than an image.
fn is_file(path: &str) -> bool {
    path.rsplit_once('.').is_some_and(|(_, end)| {
        matches!(
            end,
            "png"
                | "svg"
                | "jpg"
                | "jpeg"
                | "gif"
                | "ico"
                | "webp"
                | "yaml"
                | "yml"
                | "json"
                | "toml"
                | "sh"
                | "conf"
                | "html"
        )
    })
}

/// True when the name beside a text speaks of an image.
pub(super) fn names_an_image(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    (name.contains("image") || name.contains("img"))
        && !["pull", "policy", "imagine", "imagesecret"]
            .iter()
            .any(|other| name.contains(other))
}

/// True when the name beside a text speaks of a secret: such texts are not repeated anywhere.
pub(super) fn names_a_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    !names_an_image(&name)
        && [
            "password",
            "passwd",
            "secret",
            "token",
            "credential",
            "apikey",
            "api_key",
            "api-key",
            "private",
        ]
        .iter()
        .any(|word| name.contains(word))
}

/// Image-shaped enough to be certain under a key `image` of a custom resource: a tag, a digest or a path.
pub(super) fn is_image_shaped(text: &str) -> bool {
    ImageReference::parse(text).is_ok_and(|reference| {
        !reference.implies_latest()
            || (!reference.has_empty_registry()
                && (reference.registry().is_some() || reference.path().contains('/'))
                && !is_file(reference.path()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn confidence_grows_with_what_speaks_for_an_image() {
        let digest = format!("reg.io/app@sha256:{}", "a".repeat(64));
        let rows: &[(&str, bool, Option<u8>)] = &[
            (&digest, false, Some(98)),
            ("quay.io/jetstack/acmesolver:v1.2", true, Some(95)),
            (
                "quay.io/prometheus-operator/prometheus-config-reloader:v0.7",
                false,
                Some(90),
            ),
            ("reg.io/app:12345", false, Some(60)),
            ("acme/app:1.2.3", true, Some(85)),
            ("acme/app:1.2.3", false, Some(60)),
            ("redis:7", true, Some(60)),
            ("busybox:1.36", false, Some(50)),
            ("quay.io/foo/bar", true, Some(60)),
            ("quay.io/foo/bar", false, None),
            // Not images.
            ("redis:6379", true, None),
            ("redis:6379", false, None),
            ("kafka.default.svc:9092", false, None),
            ("default/backend:8080", false, None),
            ("default/backend:http", false, None),
            ("localhost:8080", false, None),
            ("https://example.com/a:1", true, None),
            ("/etc/app/config:ro", false, None),
            ("10.0.0.0/8", false, None),
            ("application/json", false, None),
            ("app.kubernetes.io/name", false, None),
            ("IfNotPresent", true, None),
            ("info", true, None),
            ("icons/logo.png", true, None),
            ("12:30", false, None),
            ("user:pass@host", true, None),
            ("", true, None),
        ];
        for (text, named, expected) in rows {
            assert_eq!(confidence(text, *named), *expected, "{text} {named}");
        }
    }

    #[test]
    fn names_speak_of_images_or_of_secrets() {
        for name in [
            "image",
            "RELATED_IMAGE_DATABASE",
            "--acme-http01-solver-image",
            "baseImage",
            "--img",
        ] {
            assert!(names_an_image(name), "{name}");
        }
        for name in ["imagePullPolicy", "IMAGE_PULL_SECRET", "config", "imagePullSecrets"] {
            assert!(!names_an_image(name), "{name}");
        }
        assert!(names_a_secret("DB_PASSWORD") && names_a_secret("--token"));
        assert!(!names_a_secret("SECRET_OPERATOR_IMAGE"));
    }

    #[test]
    fn a_bare_word_is_not_image_shaped() {
        for text in ["reg/app:1", "app:1", "reg.io/app", "ns/app"] {
            assert!(is_image_shaped(text), "{text}");
        }
        for text in [
            "app",
            "",
            "true value",
            "logo.png",
            "/static/logo.png",
            "img/logo.png",
            "App:1",
        ] {
            assert!(!is_image_shaped(text), "{text}");
        }
    }
}
