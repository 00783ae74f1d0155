//! What a layout or archive holds, by name and by digest.

use serde::{Deserialize, Serialize};

use super::entry_name::EntryName;
use super::index::{CONTAINERD_NAME, LayoutIndex, REF_NAME};
use crate::digest::Digest;
use crate::oci::{Descriptor, ErrorKind, OciError};

/// How many names an "absent" message lists.
const SHOWN: usize = 8;

/// One root and the names it goes by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CatalogEntry {
    /// Names as written, with or without registry; may be empty.
    pub names: Vec<String>,
    /// The root, without the annotations of its entry.
    pub root: Descriptor,
}

/// The entries of one layout or archive.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// In the order of the index.
    pub entries: Vec<CatalogEntry>,
}

impl Catalog {
    /// The entries of `index.json`.
    pub fn of_index(index: &LayoutIndex) -> Self {
        let entries = index
            .manifests
            .iter()
            .map(|entry| CatalogEntry {
                names: [REF_NAME, CONTAINERD_NAME]
                    .iter()
                    .filter_map(|key| entry.annotations.get(*key))
                    .cloned()
                    .collect(),
                root: Descriptor::new(entry.media_type.clone(), entry.digest.clone(), entry.size),
            })
            .collect();
        Self { entries }
    }

    /// The root that goes by a name: the best match wins. Two equally good ones with different digests are an
    /// error, since taking either would be a guess.
    pub fn by_tag(&self, place: &str, repository: &str, tag: &str) -> Result<Descriptor, OciError> {
        let mut best: Option<(u8, &str, &Descriptor)> = None;
        let mut rival: Option<&str> = None;
        for entry in &self.entries {
            for name in &entry.names {
                let Some(rank) = EntryName::parse(name).and_then(|n| n.rank(repository, tag)) else {
                    continue;
                };
                match best {
                    Some((held, ..)) if rank > held => {}
                    Some((held, _, root)) if rank == held => {
                        if root.digest != entry.root.digest {
                            rival = Some(name);
                        }
                    }
                    _ => (best, rival) = (Some((rank, name.as_str(), &entry.root)), None),
                }
            }
        }
        match (best, rival) {
            (Some((_, name, _)), Some(other)) => Err(OciError::new(
                ErrorKind::Conflict,
                "look up",
                format!("{repository}:{tag}"),
                format!("{place} holds two that differ: {name} and {other}"),
            )
            .hint("keep one of them in it, or name the image by digest")),
            (Some((_, _, root)), None) => Ok(root.clone()),
            (None, _) => Err(OciError::new(
                ErrorKind::Absent,
                "look up",
                format!("{repository}:{tag}"),
                format!("no such entry in {place} ({})", self.inventory()),
            )),
        }
    }

    /// The root that goes by exactly this name, or, for one written `repository:tag`, by one that answers to it as in
    /// [`Self::by_tag`].
    pub fn by_name(&self, place: &str, name: &str) -> Result<Descriptor, OciError> {
        let mut exact = self
            .entries
            .iter()
            .filter(|entry| entry.names.iter().any(|held| held == name));
        let first = exact.next();
        match first {
            Some(first) if exact.all(|other| other.root.digest == first.root.digest) => return Ok(first.root.clone()),
            Some(_) => {
                return Err(OciError::new(
                    ErrorKind::Conflict,
                    "look up",
                    name,
                    format!("{place} holds several that differ under this name"),
                )
                .hint("keep one of them in it, or name the image by digest"));
            }
            None => {}
        }
        match name.rsplit_once(':') {
            Some((repository, tag)) => self.by_tag(place, repository, tag),
            None => Err(OciError::new(
                ErrorKind::Absent,
                "look up",
                name,
                format!("no such entry in {place} ({})", self.inventory()),
            )),
        }
    }

    /// A root by digest.
    pub fn by_digest(&self, digest: &Digest) -> Option<Descriptor> {
        self.entries
            .iter()
            .find(|e| e.root.digest == *digest)
            .map(|e| e.root.clone())
    }

    /// What there is, in words: a few names.
    pub(crate) fn inventory(&self) -> String {
        let mut names: Vec<&str> = self
            .entries
            .iter()
            .flat_map(|e| e.names.iter().map(String::as_str))
            .collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            return "it holds no named entry".to_owned();
        }
        let shown: Vec<String> = names
            .iter()
            .take(SHOWN)
            .map(|name| name.chars().take(120).collect::<String>())
            .collect();
        let more = names.len().saturating_sub(SHOWN);
        let tail = if more > 0 {
            format!(", and {more} more")
        } else {
            String::new()
        };
        format!("it holds {}{tail}", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    #![allow(
        clippy::unwrap_used,
        clippy::expect_used,
        reason = "a failed expectation is a failed test"
    )]
    use super::*;

    fn catalog(entries: &[(&[&str], &[u8])]) -> Catalog {
        let entries = entries
            .iter()
            .map(|(names, bytes)| CatalogEntry {
                names: names.iter().map(|n| (*n).to_owned()).collect(),
                root: Descriptor::of("m", bytes),
            })
            .collect();
        Catalog { entries }
    }

    #[test]
    fn the_whole_name_wins_over_one_with_its_registry_cut() {
        let catalog = catalog(&[(&["a.io/x:1"], b"cut"), (&["x:1"], b"whole")]);
        assert_eq!(catalog.by_tag("here", "x", "1").unwrap().digest, Digest::of(b"whole"));
        assert_eq!(
            catalog.by_tag("here", "a.io/x", "1").unwrap().digest,
            Digest::of(b"cut")
        );
    }

    #[test]
    fn two_registries_with_different_images_of_one_name_are_not_guessed_between() {
        let two = catalog(&[(&["a.io/x:1"], b"one"), (&["b.io/x:1"], b"two")]);
        let error = two.by_tag("here", "x", "1").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Conflict);
        assert!(
            error.detail.contains("a.io/x:1") && error.detail.contains("b.io/x:1"),
            "{error}"
        );
        // The same image twice is no conflict.
        let same = catalog(&[(&["a.io/x:1"], b"one"), (&["b.io/x:1"], b"one")]);
        assert_eq!(same.by_tag("here", "x", "1").unwrap().digest, Digest::of(b"one"));
    }

    #[test]
    fn an_absent_name_tells_what_there_is() {
        let error = catalog(&[(&["x:1"], b"one")]).by_tag("here", "y", "1").unwrap_err();
        assert_eq!(error.kind, ErrorKind::Absent);
        assert!(error.detail.contains("x:1"), "{error}");
        let empty = Catalog::default().by_tag("here", "y", "1").unwrap_err();
        assert!(empty.detail.contains("no named entry"), "{empty}");
    }
}
