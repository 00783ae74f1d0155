//! `image_sources`: what people write, brought into one form.

use super::model::ImageSource;
use super::{mask, names};

/// An image source as it is meant, with a warning where that had to be guessed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Parsed {
    /// The source.
    pub(crate) source: ImageSource,
    /// What deserves a word.
    pub(crate) warning: Option<String>,
}

/// Reads one entry. `https://` and a trailing `/` are tolerated, as the Azure CLI extension does; the host is lower-cased.
/// The error follows "…: ".
pub(crate) fn parse(text: &str) -> Result<Parsed, String> {
    if mask::has_user_info(text) {
        return Err("user and password do not belong here: use `aosm-build login`".into());
    }
    let mut warning = None;
    let mut rest = text.trim();
    if let Some((scheme, after)) = rest.split_once("://") {
        match scheme.to_ascii_lowercase().as_str() {
            "https" | "oci" | "docker" => {}
            "http" => {
                warning = Some("`http://` has no effect here: name the host in `plain-http` of `[network]`".to_owned());
            }
            _ => {
                return Err(format!(
                    "`{}://` is no way to reach a registry",
                    super::check::shorten(scheme)
                ));
            }
        }
        rest = after;
    }
    let rest = rest.trim_end_matches('/');
    let (host, namespace) = rest.split_once('/').unwrap_or((rest, ""));
    let host = host.to_ascii_lowercase();
    names::host(&host)?;
    if let Some(at) = namespace.find(['@', ':']) {
        let tag = super::check::shorten(namespace.get(at..).unwrap_or_default());
        return Err(format!(
            "this is an image, not a place to search: leave out `{tag}` and the image's own name"
        ));
    }
    names::repository_path(namespace)?;
    Ok(Parsed {
        source: ImageSource {
            host,
            namespace: namespace.to_owned(),
        },
        warning,
    })
}

/// `source_registry` of older files: a login server, or the Azure resource ID of a registry, whose login server is
/// `<name>.azurecr.io`. These files were lower-cased as a whole by the tool that read them.
pub(crate) fn parse_old(registry: &str, namespace: &str) -> Result<Parsed, String> {
    let registry = registry.trim().to_ascii_lowercase();
    let host = match registry.strip_prefix("/subscriptions/") {
        Some(id) => match id.split_once("/providers/microsoft.containerregistry/registries/") {
            Some((_, name)) if !name.is_empty() && !name.contains('/') => {
                format!("{name}.azurecr.io")
            }
            _ => {
                return Err("this resource ID names no container registry: it ends in \
                            `/providers/Microsoft.ContainerRegistry/registries/NAME`"
                    .into());
            }
        },
        None => registry,
    };
    let namespace = namespace.trim().trim_matches('/').to_ascii_lowercase();
    let host = host.trim_end_matches('/');
    parse(&if namespace.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{namespace}")
    })
}

/// Does a host look as if its domain was forgotten? Such a name is fine where `[sources]` says what it is.
pub(crate) fn lacks_domain(host: &str) -> bool {
    !host.contains(['.', ':']) && host != "localhost"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
    use super::*;

    #[test]
    fn every_way_to_write_a_source_comes_to_one_form() {
        let cases = [
            ("myregistry.azurecr.io", "myregistry.azurecr.io", ""),
            ("https://myregistry.azurecr.io/", "myregistry.azurecr.io", ""),
            ("https://MyRegistry.azurecr.io/test/", "myregistry.azurecr.io", "test"),
            ("HTTPS://ghcr.io/a/b", "ghcr.io", "a/b"),
            ("oci://ghcr.io/a", "ghcr.io", "a"),
            (" ghcr.io ", "ghcr.io", ""),
            ("localhost:5000/x", "localhost:5000", "x"),
            ("[::1]:5000/x", "[::1]:5000", "x"),
        ];
        for (text, host, namespace) in cases {
            let parsed = parse(text).unwrap();
            assert_eq!(
                (parsed.source.host.as_str(), parsed.source.namespace.as_str()),
                (host, namespace),
                "{text}"
            );
            assert_eq!(parsed.warning, None);
        }
    }

    #[test]
    fn what_is_no_source_is_refused() {
        for text in [
            "",
            "/",
            "https://",
            "ftp://x.io",
            "my registry.io",
            "x.io//y",
            "x.io/UPPER",
            "x.io/a:1.0",
            "x.io/a@sha256:1",
            "https://me:pw@x.io",
            "x.io:99999",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_password_is_not_repeated_in_the_error() {
        assert!(!parse("https://me:s3cret@x.io/a").unwrap_err().contains("s3cret"));
    }

    #[test]
    fn old_source_registries_are_login_servers_or_resource_ids() {
        let id = "/subscriptions/0/resourceGroups/RG/providers/Microsoft.ContainerRegistry/registries/MyAcr";
        let cases = [
            ("MyAcr.azurecr.io", "", "myacr.azurecr.io"),
            ("https://myacr.azurecr.io/", "/Samples/", "myacr.azurecr.io/samples"),
            (id, "", "myacr.azurecr.io"),
            (id, "samples", "myacr.azurecr.io/samples"),
        ];
        for (registry, namespace, expected) in cases {
            assert_eq!(parse_old(registry, namespace).unwrap().source.to_string(), expected);
        }
        assert!(parse_old("/subscriptions/0/resourceGroups/rg", "").is_err());
        assert!(parse_old("/subscriptions/0/providers/Microsoft.ContainerRegistry/registries/", "").is_err());
    }

    #[test]
    fn plain_http_schemes_warn() {
        assert!(parse("http://x.io").unwrap().warning.is_some());
    }
}
