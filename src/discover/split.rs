//! Images written as several fields: `repository` and `tag`, perhaps `registry` and `digest`.

use super::settings::Fields;
use super::yaml::{NodeId, ScalarKind, Tree};

/// The reference that the fields of a mapping make; `None` without a repository. A missing tag stays missing.
pub(super) fn compose(tree: &Tree<'_>, id: NodeId, fields: &Fields) -> Option<String> {
    // Tags are often numbers to YAML (`tag: 16`): what counts is what is written.
    let field = |name: &str| {
        let scalar = tree.scalar(tree.get(id, name)?)?;
        (scalar.kind() != ScalarKind::Null && !scalar.text.is_empty()).then(|| scalar.text.to_string())
    };
    let repository = tree.text_at(id, &fields.repository).filter(|text| !text.is_empty())?;
    let mut reference = String::new();
    if let Some(registry) = field(&fields.registry) {
        reference.push_str(registry.trim_end_matches('/'));
        reference.push('/');
    }
    reference.push_str(repository);
    if let Some(tag) = field(&fields.tag) {
        reference.push(':');
        reference.push_str(&tag);
    }
    if let Some(digest) = field(&fields.digest) {
        reference.push('@');
        reference.push_str(&digest);
    }
    Some(reference)
}

/// True when the fields say more than a repository, so that it is worth a guess.
pub(super) fn is_whole(tree: &Tree<'_>, id: NodeId) -> bool {
    ["tag", "digest"]
        .iter()
        .any(|name| tree.get(id, name).is_some_and(|id| tree.scalar(id).is_some()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    use super::super::yaml::parse;
    use super::*;

    #[test]
    fn fields_make_a_reference() {
        let rows = [
            ("{repository: a/b, tag: 16}", Some("a/b:16")),
            ("{registry: r.io/, repository: a/b, tag: v1}", Some("r.io/a/b:v1")),
            ("{repository: a/b, tag: '', digest: 'sha256:x'}", Some("a/b@sha256:x")),
            (
                "{repository: a/b, tag: 1.0, digest: 'sha256:x'}",
                Some("a/b:1.0@sha256:x"),
            ),
            ("{repository: a/b}", Some("a/b")),
            ("{registry: null, repository: a/b, tag: ~}", Some("a/b")),
            ("{repository: '', tag: 1}", None),
            ("{tag: 1}", None),
            ("[a]", None),
        ];
        for (text, expected) in rows {
            let (trees, _) = parse(text, 1);
            assert_eq!(
                compose(&trees[0], trees[0].root.unwrap(), &Fields::default()).as_deref(),
                expected,
                "{text}"
            );
        }
    }
}
