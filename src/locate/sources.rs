//! The sources during one round: what cannot be asked at all is not asked again for every image.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::request::{SourceEntry, Wanted};
use super::words;
use crate::fault::Fault;
use crate::oci::Descriptor;
use crate::oci::{ErrorKind, OciError, Selector};

/// Sources and what went wrong with each.
pub(super) struct Sources<'a> {
    entries: &'a [SourceEntry],
    broken: Vec<Mutex<Broken>>,
}

#[derive(Default)]
struct Broken {
    error: Option<OciError>,
    /// References that would have been asked for there.
    references: BTreeSet<String>,
    /// One of them could have been in a source after this one.
    in_order: bool,
}

impl<'a> Sources<'a> {
    pub(super) fn new(entries: &'a [SourceEntry]) -> Self {
        Self {
            entries,
            broken: entries.iter().map(|_| Mutex::default()).collect(),
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &'a SourceEntry)> {
        self.entries.iter().enumerate()
    }

    /// Asks a source, unless it is known that it cannot be asked.
    pub(super) async fn resolve(
        &self,
        at: usize,
        entry: &SourceEntry,
        repository: &str,
        selector: &Selector,
    ) -> Result<Descriptor, OciError> {
        if let Some(error) = self.known(at) {
            return Err(error);
        }
        entry.access.resolve(repository, selector).await
    }

    /// Notes that a source could not be asked about a reference.
    pub(super) fn note(&self, at: usize, wanted: &Wanted, error: &OciError) {
        let Some(broken) = self.broken.get(at) else { return };
        let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
        broken.references.insert(wanted.reference.as_str().to_owned());
        broken.in_order |= wanted.only_from.is_none();
        if broken.error.is_none() {
            broken.error = Some(error.clone());
        }
    }

    /// One fault for each source that could not be asked, however many images that concerned.
    pub(super) fn faults(&self) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (entry, broken) in self.entries.iter().zip(&self.broken) {
            let broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(error) = &broken.error {
                let references: Vec<&str> = broken.references.iter().map(String::as_str).collect();
                faults.push(words::source_broken(entry, error, &references, broken.in_order));
            }
        }
        faults
    }

    fn known(&self, at: usize) -> Option<OciError> {
        let broken = self.broken.get(at)?.lock().unwrap_or_else(PoisonError::into_inner);
        broken.error.clone().filter(|error| concerns_all(error.kind))
    }
}

/// Errors that the next image would meet as well.
fn concerns_all(kind: ErrorKind) -> bool {
    matches!(
        kind,
        ErrorKind::BadCredentials | ErrorKind::Throttled | ErrorKind::Unreachable
    )
}
