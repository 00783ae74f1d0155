//! Opening a bundle. Whatever was done to it since it was written is noticed here, before anything is filled from it: cut,
//! padded, put in another order, packed by another tool. What changed inside a blob is noticed when the blob is copied.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;

use camino::Utf8Path;

use super::members::{DOCUMENT, blob_of, lay_out};
use super::{BundleDocument, BundleEntry, EntryKind, FORMAT};
use crate::digest::{Digest, FileDigests};
use crate::fault::{Fault, Place};
use crate::oci::graph::read_graph;
use crate::oci::layout::{ArchiveFile, MemberKind, ScanError};
use crate::oci::{Content, Descriptor, OciError, Source as _, oci_archive};

/// The list of entries is never larger: some 100,000 entries.
const DOCUMENT_LIMIT: u64 = 64 * 1024 * 1024;

const HINT: &str = "copy the bundle again, or write it again: aosm-build export --bundle FILE";

/// A bundle that is whole, as far as can be told without reading its blobs.
pub struct Bundle {
    /// What it says of itself.
    pub document: BundleDocument,
    /// Its content, by digest.
    pub content: Arc<dyn Content>,
}

/// What a walk over the tar found.
#[derive(Default)]
struct Scanned {
    document: Option<Vec<u8>>,
    /// Name, offset of the content, size, in the order they lie.
    members: Vec<(String, u64, u64)>,
    odd: Option<String>,
}

impl Bundle {
    /// Opens a bundle and checks that all that its entries need is in it.
    pub async fn open(path: &Utf8Path, digests: Arc<dyn FileDigests>) -> Result<Self, Fault> {
        let target = path.to_owned();
        let scanned = tokio::task::spawn_blocking(move || scan(&target)).await;
        let (document, sizes) = scanned.map_err(|_| Fault::bug("reading the bundle ended unexpectedly"))??;
        let source = oci_archive::open("bundle", path, digests);
        let content = source.content("");
        let bundle = Self { document, content };
        bundle.check_entries(path, &sizes).await?;
        Ok(bundle)
    }

    /// Every manifest below every entry is read, verified, and what it names has to be there.
    async fn check_entries(&self, path: &Utf8Path, sizes: &BTreeMap<Digest, u64>) -> Result<(), Fault> {
        for entry in &self.document.entries {
            let along = entry.referrers.iter().map(|one| {
                let descriptor = Descriptor::new(one.media_type.clone(), one.digest.clone(), one.size);
                (descriptor, &entry.title)
            });
            for (root, title) in std::iter::once((entry.root(), &entry.title)).chain(along) {
                let never = |_: Descriptor| -> futures_util::future::BoxFuture<'_, Result<bool, OciError>> {
                    Box::pin(async { Ok(false) })
                };
                let graph = read_graph(&self.content, &root, &never).await;
                let graph = graph.map_err(|e| damaged(path, &format!("{title}: {e}")))?;
                for blob in &graph.blobs {
                    if sizes.get(&blob.digest) != Some(&blob.size) {
                        let what = format!("{title}: the blob {} is not in it", blob.digest.short());
                        return Err(damaged(path, &what));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Walks the tar, and compares it with the one that would be written of the same members.
fn scan(path: &Utf8Path) -> Result<(BundleDocument, BTreeMap<Digest, u64>), Fault> {
    let length = match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => meta.len(),
        Ok(_) => {
            return Err(Fault::invalid("the bundle is not a file")
                .at(Place::file_only(path))
                .hint("name the file that `aosm-build export --bundle` wrote"));
        }
        Err(e) => {
            return Err(Fault::invalid("the bundle cannot be read")
                .at(Place::file_only(path))
                .because(e)
                .hint("name the file that `aosm-build export --bundle` wrote"));
        }
    };
    let file = ArchiveFile::open(path).map_err(|e| damaged(path, &e.detail))?;
    let mut scanned = Scanned::default();
    let walked = file.scan(&mut |member, body| {
        if member.kind != MemberKind::File && scanned.odd.is_none() {
            scanned.odd = Some(member.path.clone());
        }
        if scanned.members.is_empty() && member.path == DOCUMENT {
            let mut bytes = Vec::new();
            body.take(DOCUMENT_LIMIT + 1).read_to_end(&mut bytes)?;
            if bytes.len() as u64 > DOCUMENT_LIMIT {
                return Err(ScanError::Bad(format!(
                    "its {DOCUMENT} is larger than {} MiB",
                    DOCUMENT_LIMIT >> 20
                )));
            }
            scanned.document = Some(bytes);
        }
        scanned.members.push((member.path.clone(), member.offset, member.size));
        Ok(())
    });
    let Some(document) = scanned.document.take() else {
        let why = match walked {
            Err(e) => e.detail,
            Ok(()) => format!("there is no {DOCUMENT} at its front"),
        };
        return Err(Fault::invalid("this is no bundle")
            .at(Place::file_only(path))
            .because(why)
            .hint("name the file that `aosm-build export --bundle` wrote; other archives are sources: kind = \"oci-archive\""));
    };
    let document = parse(path, &document)?;
    walked.map_err(|e| damaged(path, &e.detail))?;
    if let Some(odd) = scanned.odd {
        return Err(damaged(path, &format!("{odd:?} in it is no plain file")));
    }
    let mut sizes: BTreeMap<String, u64> = BTreeMap::new();
    for (name, _, size) in &scanned.members {
        if sizes.insert(name.clone(), *size).is_some() {
            return Err(damaged(path, &format!("{name} is in it twice")));
        }
    }
    let expected = lay_out(&sizes);
    let same = expected.as_ref().is_some_and(|(members, size)| {
        let places = members.iter().map(|member| (&member.name, member.offset, member.size));
        let found = scanned
            .members
            .iter()
            .map(|(name, offset, size)| (name, *offset, *size));
        places.eq(found) && *size == length
    });
    if !same {
        let why = match expected {
            Some((_, size)) if size != length => format!("it has {length} bytes, {size} were written"),
            _ => "its members are not as they were written: another tool packed it again".to_owned(),
        };
        return Err(damaged(path, &why));
    }
    let blobs = sizes
        .into_iter()
        .filter_map(|(name, size)| Some((blob_of(&name)?, size)));
    Ok((document, blobs.collect()))
}

fn parse(path: &Utf8Path, bytes: &[u8]) -> Result<BundleDocument, Fault> {
    #[derive(serde::Deserialize)]
    struct Only {
        format: String,
    }
    let broken = |e: serde_json::Error| damaged(path, &format!("its {DOCUMENT} cannot be read: {e}"));
    // A newer form may mean anything: nothing else of it is looked at.
    let only: Only = serde_json::from_slice(bytes).map_err(broken)?;
    if only.format != FORMAT {
        let form: String = only.format.chars().take(60).collect();
        return Err(Fault::invalid(format!(
            "the bundle has the form {form:?}, this aosm-build reads {FORMAT}"
        ))
        .at(Place::file_only(path))
        .hint("use the aosm-build that wrote it, or a newer one"));
    }
    let document: BundleDocument = serde_json::from_slice(bytes).map_err(broken)?;
    match document.entries.iter().find(|entry| !is_well_formed(entry)) {
        None => Ok(document),
        Some(entry) => {
            let title: String = entry.title.chars().filter(|c| !c.is_control()).take(60).collect();
            Err(damaged(
                path,
                &format!("the name {title:?} in it is none that a store can have"),
            ))
        }
    }
}

/// Names come from outside: they reach stores, plans and screens only when they are what names can be (distribution-spec,
/// "Pulling manifests").
fn is_well_formed(entry: &BundleEntry) -> bool {
    let part = |part: &str| {
        let letter = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = part.as_bytes();
        let inside = |b: &u8| letter(Some(b)) || matches!(b, b'.' | b'_' | b'-');
        letter(bytes.first()) && letter(bytes.last()) && bytes.iter().all(inside)
    };
    let tag = |tag: &str| {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        tag.len() <= 128 && tag.starts_with(word) && tag.chars().all(|c| word(c) || matches!(c, '.' | '-'))
    };
    let name = format!("{}:{}", entry.repository, entry.tag);
    let below = entry.title.strip_prefix(&name);
    let titled = match entry.kind {
        EntryKind::Attach => below.is_some_and(|kind| kind.starts_with('/') && !kind.contains(char::is_control)),
        EntryKind::Copy | EntryKind::Push => below == Some(""),
    };
    titled
        && entry.repository.split('/').all(part)
        && tag(&entry.tag)
        && entry.referrers.iter().all(|one| one.tag.as_deref().is_none_or(tag))
}

fn damaged(path: &Utf8Path, why: &str) -> Fault {
    Fault::invalid("the bundle is damaged")
        .at(Place::file_only(path))
        .because(why)
        .hint(HINT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_taken_only_where_a_store_could_have_them() {
        let entry = |repository: &str, tag: &str, title: &str, kind| BundleEntry {
            store: "main".into(),
            repository: repository.into(),
            tag: tag.into(),
            title: title.into(),
            kind,
            digest: Digest::of(b"x"),
            media_type: "m".into(),
            size: 1,
            subject: None,
            referrers: Vec::new(),
        };
        let good = [
            entry("release/a", "1.0.0", "release/a:1.0.0", EntryKind::Copy),
            entry("a", "_1", "a:_1", EntryKind::Push),
            entry("a", "1", "a:1/sbom/example", EntryKind::Attach),
        ];
        assert!(good.iter().all(is_well_formed));
        let bad = [
            entry("../a", "1", "../a:1", EntryKind::Copy),
            entry("A", "1", "A:1", EntryKind::Copy),
            entry("", "1", ":1", EntryKind::Copy),
            entry("a//b", "1", "a//b:1", EntryKind::Copy),
            entry("a", "", "a:", EntryKind::Copy),
            entry("a", "-1", "a:-1", EntryKind::Copy),
            entry("a", "1\u{1b}[2J", "a:1\u{1b}[2J", EntryKind::Copy),
            entry("a", "1", "b:1", EntryKind::Copy),
            entry("a", "1", "a:1", EntryKind::Attach),
            entry("a", "1", "a:1/\u{1b}[2J", EntryKind::Attach),
        ];
        for one in bad {
            assert!(!is_well_formed(&one), "{:?}", one.title);
        }
    }
}
