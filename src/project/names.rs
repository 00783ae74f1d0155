//! What may be a name, a version or a host. Every rule returns why a text is refused, in words that follow "…: ".

use std::sync::LazyLock;

use regex::Regex;

/// The longest release name that Helm takes (it leaves room for what charts append within Kubernetes' 63).
const MAX_RELEASE: usize = 53;

/// The longest RFC 1123 label, so the longest namespace.
const MAX_LABEL: usize = 63;

fn is_label(text: &str) -> bool {
    let ends = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let bytes = text.as_bytes();
    ends(bytes.first())
        && ends(bytes.last())
        && bytes
            .iter()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-')
}

/// A Helm release name: labels of RFC 1123 joined by dots, at most 53 characters together.
pub(crate) fn release(text: &str) -> Result<(), String> {
    if text.len() > MAX_RELEASE {
        return Err(format!(
            "Helm takes at most {MAX_RELEASE} characters as a release name, these are {}",
            text.len()
        ));
    }
    if text.split('.').all(is_label) {
        Ok(())
    } else {
        Err("Helm takes only lower-case letters, digits, `-` and `.` as a release name, with a letter or digit at both \
             ends"
            .into())
    }
}

/// A Kubernetes namespace: a label of RFC 1123.
pub(crate) fn namespace(text: &str) -> Result<(), String> {
    if text.len() > MAX_LABEL {
        Err(format!(
            "a namespace has at most {MAX_LABEL} characters, these are {}",
            text.len()
        ))
    } else if is_label(text) {
        Ok(())
    } else {
        Err("a namespace has only lower-case letters, digits and `-`, with a letter or digit at both ends".into())
    }
}

/// The name of a package: part of step ids.
pub(crate) fn package(text: &str) -> Result<(), String> {
    word(text, "-_.", "a package name")
}

/// The name of a store or an environment: part of step ids and of `NAME:REFERENCE` on the command line.
pub(crate) fn store(text: &str) -> Result<(), String> {
    if text == "oci" {
        return Err("`oci:DIR:REF` on the command line means an image layout".into());
    }
    word(text, "-_", "such a name")
}

/// An Entra tenant: its id or one of its domains. It becomes part of a URL's path and an argument of `az`.
pub(crate) fn tenant(text: &str) -> Result<(), String> {
    const MAX: usize = 253;
    if text.len() <= MAX && text.split('.').all(|part| is_label(&part.to_ascii_lowercase())) {
        Ok(())
    } else {
        Err("is neither the id of a tenant nor a domain".into())
    }
}

fn word(text: &str, more: &str, what: &str) -> Result<(), String> {
    const MAX: usize = 100;
    if text.chars().count() > MAX {
        return Err(format!("{what} has at most {MAX} characters"));
    }
    let inside = |c: char| c.is_ascii_alphanumeric() || more.contains(c);
    if text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(inside) {
        Ok(())
    } else {
        let more: Vec<String> = more.chars().map(|c| format!("`{c}`")).collect();
        Err(format!(
            "{what} has only letters, digits, {}, and starts with a letter or digit",
            more.join(", ")
        ))
    }
}

/// A tag (distribution spec, "Pulling manifests").
pub(crate) fn tag(text: &str) -> Result<(), String> {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let good = text.len() <= 128 && text.starts_with(first) && text.chars().all(|c| first(c) || matches!(c, '.' | '-'));
    if good {
        Ok(())
    } else {
        Err("a tag has at most 128 letters, digits, `_`, `.` and `-`, and does not start with `.` or `-`".into())
    }
}

/// A project's version: three numbers joined by dots.
pub(crate) fn version(text: &str) -> Result<(), String> {
    let parts: Vec<&str> = text.split('.').collect();
    let number = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if parts.len() == 3 && parts.iter().all(number) {
        Ok(())
    } else {
        Err("a version is three numbers joined by dots".into())
    }
}

/// A media type: a type and a subtype of "restricted names" (RFC 6838, 4.2), perhaps with parameters.
pub(crate) fn media_type(text: &str) -> Result<(), String> {
    let name = |part: &str| {
        let inside = |b: u8| b.is_ascii_alphanumeric() || b"!#$&-^_.+".contains(&b);
        part.len() <= 127 && part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.bytes().all(inside)
    };
    let essence = text.split_once(';').map_or(text, |(essence, _)| essence.trim_end());
    match essence.split_once('/') {
        Some((kind, subtype)) if name(kind) && name(subtype) => Ok(()),
        _ => Err(format!("`{}` is no media type", super::check::shorten(text))),
    }
}

/// A platform as indexes name it: `os/architecture`, perhaps with a variant.
pub(crate) fn platform(text: &str) -> Result<(), String> {
    let part = |part: &str| {
        !part.is_empty()
            && part
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-' | b'.'))
    };
    let parts: Vec<&str> = text.split('/').collect();
    if matches!(parts.len(), 2 | 3) && parts.iter().all(|text| part(text)) {
        Ok(())
    } else {
        Err(format!("`{}` is no platform", super::check::shorten(text)))
    }
}

/// A Kubernetes version as Helm takes it.
pub(crate) fn kube_version(text: &str) -> Result<(), String> {
    // Helm reads it as a semantic version in which the last parts may be missing.
    static SHAPE: LazyLock<Option<Regex>> =
        LazyLock::new(|| Regex::new(r"^v?\d+(\.\d+){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$").ok());
    match &*SHAPE {
        Some(shape) if !shape.is_match(text) => Err("a Kubernetes version looks like `1.31` or `v1.31.2`".into()),
        _ => Ok(()),
    }
}

/// A host, perhaps with a port: a DNS name, an IPv4 address or an IPv6 address in brackets; already in lower case.
pub(crate) fn host(text: &str) -> Result<(), String> {
    let (name, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, rest)) => {
            if address.parse::<std::net::Ipv6Addr>().is_err() {
                return Err(format!("`[{address}]` is no IPv6 address"));
            }
            match rest.strip_prefix(':') {
                Some(port) => (None, Some(port)),
                None if rest.is_empty() => (None, None),
                None => return Err("after an IPv6 address only `:` and a port may stand".into()),
            }
        }
        None => match text.split_once(':') {
            Some((name, port)) => (Some(name), Some(port)),
            None => (Some(text), None),
        },
    };
    if let Some(port) = port
        && (!port.parse::<u16>().is_ok_and(|number| number > 0) || !port.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(format!("`{port}` is no port from 1 to 65535"));
    }
    let Some(name) = name else { return Ok(()) };
    if name.is_empty() {
        return Err("the host is missing".into());
    }
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        // Underscores are no DNS host names, but people name hosts of composed containers so.
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
        !part.is_empty()
            && part.len() <= 63
            && bytes.iter().all(inside)
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    if name.len() <= 253 && name.split('.').all(is_part) {
        Ok(())
    } else {
        Err(format!("`{}` is no host name", super::check::shorten(name)))
    }
}

/// A path of repository names (distribution spec, "Pulling manifests"); may be empty.
pub(crate) fn repository_path(text: &str) -> Result<(), String> {
    let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    for part in text.split('/').filter(|_| !text.is_empty()) {
        let bytes = part.as_bytes();
        let ends = bytes.first().is_some_and(|b| letter(*b)) && bytes.last().is_some_and(|b| letter(*b));
        if !ends || !bytes.iter().all(|b| letter(*b) || matches!(b, b'.' | b'_' | b'-')) {
            return Err(format!(
                "`{}` is no repository name: lower-case letters, digits, `.`, `_` and `-`",
                super::check::shorten(part)
            ));
        }
    }
    Ok(())
}

/// A container of a storage account (REST reference, "Naming and Referencing Containers, Blobs, and Metadata").
pub(crate) fn container(text: &str) -> Result<(), String> {
    let length = text.chars().count();
    if (3..=MAX_LABEL).contains(&length) && is_label(text) && !text.contains("--") {
        return Ok(());
    }
    Err(format!(
        "`{}` is no name of a container: 3 to {MAX_LABEL} lower-case letters, digits and single hyphens, with a letter or \
         digit at both ends",
        super::check::shorten(text)
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(rule: fn(&str) -> Result<(), String>, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(rule(text), Ok(()), "{text:?} should be fine");
        }
        for text in bad {
            assert!(rule(text).is_err(), "{text:?} should be refused");
        }
    }

    #[test]
    fn release_names_are_those_that_helm_takes() {
        let longest = "a".repeat(53);
        let too_long = "a".repeat(54);
        table(
            release,
            &["a", "a-b", "a.b", "0a", &longest],
            &["", "A", "a_b", "-a", "a-", "a..b", ".a", "ä", &too_long],
        );
    }

    #[test]
    fn namespaces_are_labels() {
        table(namespace, &["a", "a-1"], &["", "a.b", "A", "-a", "a-", &"a".repeat(64)]);
    }

    #[test]
    fn versions_are_three_numbers() {
        table(
            version,
            &["1.0.0", "10.20.30"],
            &["", "1", "1.", "1.0", "1.0.0.0", "1-0-0", "v1.0.0", "1.0.x", "1.0.0-a"],
        );
    }

    #[test]
    fn kube_versions_are_those_that_helm_takes() {
        table(
            kube_version,
            &["1", "1.31", "v1.31.2", "1.31.2-gke.1"],
            &["", "latest", "1.31.2.3", "1.x"],
        );
    }

    #[test]
    fn media_types_are_a_type_and_a_subtype() {
        table(
            media_type,
            &[
                "a/b",
                "application/vnd.oci.image.layer.v1.tar+gzip",
                "text/plain; charset=utf-8",
                "readme/example",
            ],
            &[
                "",
                "a",
                "/b",
                "a/",
                "a/b/c",
                "a b/c",
                "-a/b",
                "a/\u{e4}",
                &format!("a/{}", "b".repeat(128)),
            ],
        );
    }

    #[test]
    fn platforms_have_two_or_three_parts() {
        table(
            platform,
            &["linux/amd64", "linux/arm/v7", "windows/amd64", "js/wasm"],
            &[
                "",
                "amd64",
                "linux/",
                "/amd64",
                "linux/arm/v7/x",
                "Linux/amd64",
                "linux amd64",
            ],
        );
    }

    #[test]
    fn tags_follow_the_distribution_spec() {
        table(
            tag,
            &["1.0.0", "latest", "_x", &"a".repeat(128)],
            &["", ".a", "-a", "a b", "a/b", "a+b", &"a".repeat(129)],
        );
    }

    #[test]
    fn hosts_have_a_name_and_perhaps_a_port() {
        table(
            host,
            &[
                "ghcr.io",
                "localhost",
                "localhost:5000",
                "127.0.0.1:5000",
                "[::1]:5000",
                "[2001:db8::1]",
                "a_b.example:1",
            ],
            &[
                "", ":5000", "a b", "a:", "a:0", "a:70000", "a:+5", "[::1", "[x]:1", "[::1]x", "-a", "a-.b", "a..b",
                "host/x", "ä.io",
            ],
        );
    }

    #[test]
    fn store_names_fit_on_the_command_line() {
        table(
            store,
            &["local", "a-b_c", "1"],
            &["", "oci", "a:b", "a/b", "a b", "-a", "a.b"],
        );
    }

    #[test]
    fn repository_paths_follow_the_distribution_spec() {
        table(
            repository_path,
            &["", "a", "a/b.c/d-e_f"],
            &["/a", "a/", "a//b", "A", "a/-b", "a b", "a:b"],
        );
    }
}
