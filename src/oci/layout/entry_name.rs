//! Names of entries in layouts and archives, and when one answers to a repository and tag.

/// An entry's name taken apart: `[registry/]repository:tag`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntryName<'a> {
    /// The first segment, where it can only be a registry: it has a dot, a port or an upper-case letter, or it is
    /// `localhost`.
    pub registry: Option<&'a str>,
    /// What follows the registry.
    pub repository: &'a str,
    /// The tag.
    pub tag: &'a str,
    whole: &'a str,
}

impl<'a> EntryName<'a> {
    /// Takes a name apart. `None` for one without repository or tag (a bare `1.0.0`, or a digest).
    pub fn parse(text: &'a str) -> Option<Self> {
        if text.contains('@') {
            return None;
        }
        let (path, tag) = text.rsplit_once(':')?;
        // `host:5000/name` has no tag: the colon belongs to the port.
        if tag.contains('/') || tag.is_empty() || path.is_empty() {
            return None;
        }
        let (registry, repository) = match path.split_once('/') {
            Some((first, rest)) if is_registry(first) => (Some(first), rest),
            _ => (None, path),
        };
        (!repository.is_empty()).then_some(Self {
            registry,
            repository,
            tag,
            whole: path,
        })
    }

    /// How well this name answers to a repository and tag; `None`: not at all. Lower is better: the whole name,
    /// then the name without its registry, then Docker Hub's `library/` left out.
    pub fn rank(&self, repository: &str, tag: &str) -> Option<u8> {
        if self.tag != tag {
            return None;
        }
        if self.whole == repository {
            return Some(0);
        }
        if self.repository == repository {
            return Some(1);
        }
        let hub = matches!(self.registry, Some("docker.io" | "index.docker.io"));
        (hub && self.repository.strip_prefix("library/") == Some(repository)).then_some(2)
    }
}

fn is_registry(segment: &str) -> bool {
    segment == "localhost" || segment.contains(['.', ':']) || segment.bytes().any(|b| b.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_answers_whole_then_without_its_registry_then_without_library() {
        let table: &[(&str, &str, &str, Option<u8>)] = &[
            ("release/contoso-a:1.0.0", "release/contoso-a", "1.0.0", Some(0)),
            ("release/contoso-a:1.0.0", "release/contoso-a", "1.0.1", None),
            ("release/contoso-a:1.0.0", "contoso-a", "1.0.0", None),
            ("myreg.azurecr.io/release/a:1.0", "release/a", "1.0", Some(1)),
            (
                "myreg.azurecr.io/release/a:1.0",
                "myreg.azurecr.io/release/a",
                "1.0",
                Some(0),
            ),
            ("localhost:5000/a:1", "a", "1", Some(1)),
            ("localhost/a:1", "a", "1", Some(1)),
            ("REG/a:1", "a", "1", Some(1)),
            ("docker.io/library/redis:7", "library/redis", "7", Some(1)),
            ("docker.io/library/redis:7", "redis", "7", Some(2)),
            ("quay.io/library/redis:7", "redis", "7", None),
            // A namespace is never taken for a registry.
            ("acme/redis:7", "redis", "7", None),
        ];
        for (name, repository, tag, want) in table {
            let got = EntryName::parse(name).and_then(|n| n.rank(repository, tag));
            assert_eq!(got, *want, "{name} asked for {repository}:{tag}");
        }
    }

    #[test]
    fn what_is_no_repository_and_tag_has_no_name() {
        for text in ["", "1.0.0", "localhost:5000/a", ":1", "a:", "a.io/:1", "a@sha256:00"] {
            assert_eq!(EntryName::parse(text), None, "{text:?}");
        }
    }
}
