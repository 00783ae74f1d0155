//! What a copy is known by: which state of which source it is of.
//!
//! The service copies without telling what it copied, so a copy's freshness is judged by its source: where it is (URL without
//! query, so that a new signature changes nothing), its entity tag, its length and its footer (which holds the image's own
//! unique id). The key is the SHA-256 of this text, each line ended by a line feed; a source without entity tag leaves that
//! line's value empty:
//!
//! ```text
//! aosm-vhd-copy/1
//! source https://account.blob.core.windows.net/images/ubuntu.vhd
//! etag "0x8DC…"
//! length 32213303808
//! footer sha256:…
//! ```

use serde::{Deserialize, Serialize};

use crate::blob::Etag;
use crate::digest::Digest;

/// Name of the metadata that holds the key.
pub const COPY: &str = "aosm_copy";

/// The key of a copy.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct CopyKey(pub Digest);

impl CopyKey {
    /// Of a source in one state.
    pub fn of(source: &str, etag: Option<&Etag>, length: u64, footer: &Digest) -> Self {
        let etag = etag.map_or("", |etag| etag.0.as_str());
        let text = format!("aosm-vhd-copy/1\nsource {source}\netag {etag}\nlength {length}\nfooter {footer}\n");
        Self(Digest::of(text.as_bytes()))
    }
}

impl std::fmt::Display for CopyKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_counts() {
        let (footer, etag) = (Digest::of(b"footer"), Etag("\"1\"".into()));
        let key = CopyKey::of("https://a/b", Some(&etag), 1024, &footer);
        assert_eq!(key, CopyKey::of("https://a/b", Some(&etag), 1024, &footer));
        for other in [
            CopyKey::of("https://a/c", Some(&etag), 1024, &footer),
            CopyKey::of("https://a/b", Some(&Etag("\"2\"".into())), 1024, &footer),
            CopyKey::of("https://a/b", None, 1024, &footer),
            CopyKey::of("https://a/b", Some(&etag), 1536, &footer),
            CopyKey::of("https://a/b", Some(&etag), 1024, &Digest::of(b"other")),
        ] {
            assert_ne!(key, other);
        }
    }
}
