//! What each store was last seen to hold: serves `--offline` only.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::durable::{self, Sync};
use crate::fault::Fault;

/// The receipts of one store.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Receipts {
    store: String,
    names: BTreeMap<String, Digest>,
}

impl Receipts {
    /// Reads the receipts of the store with this identity; absent, damaged or another store's: none.
    pub fn load(folder: &Utf8Path, identity: &str) -> Self {
        durable::read_sealed(&Self::path(folder, identity))
            .and_then(|text| serde_json::from_str::<Self>(&text).ok())
            .filter(|receipts| receipts.store == identity)
            .unwrap_or_else(|| Self {
                store: identity.to_owned(),
                names: BTreeMap::new(),
            })
    }

    /// Writes them, if they differ from what is there.
    pub fn save(&self, folder: &Utf8Path) -> Result<(), Fault> {
        if Self::load(folder, &self.store) == *self {
            return Ok(());
        }
        let path = Self::path(folder, &self.store);
        let text = format!("{}\n", serde_json::to_string(self).unwrap_or_default());
        durable::write_sealed(&path, &text, Sync::No).map_err(|e| {
            Fault::infrastructure(format!("cannot write {path}"))
                .because(e)
                .hint("check free space and permissions of .aosm/state")
        })
    }

    /// What a name was last seen to hold.
    pub fn get(&self, name: &str) -> Option<&Digest> {
        self.names.get(name)
    }

    /// A name was seen to hold this, or (`None`) nothing.
    pub fn set(&mut self, name: String, digest: Option<Digest>) {
        match digest {
            Some(digest) => self.names.insert(name, digest),
            None => self.names.remove(&name),
        };
    }

    fn path(folder: &Utf8Path, identity: &str) -> Utf8PathBuf {
        folder.join(format!("{}.json", Digest::of(identity.as_bytes()).short()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn receipts_of_one_store_are_not_those_of_another() {
        let folder = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(folder.path().to_owned()).unwrap();
        let mut receipts = Receipts::load(&folder, "registry:a");
        receipts.set("x:1".into(), Some(Digest::of(b"x")));
        receipts.save(&folder).unwrap();
        assert_eq!(
            Receipts::load(&folder, "registry:a").get("x:1"),
            Some(&Digest::of(b"x"))
        );
        assert_eq!(Receipts::load(&folder, "registry:b").get("x:1"), None);
    }
}
