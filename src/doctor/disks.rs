//! The check of a storage account: one line for each disk image that goes there. Its signature is read and judged by what it
//! says of itself, then the blob is asked for; nothing is written.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::check::{Check, CheckKind, State};
use crate::oci::Job;
use crate::plan::DiskStores;
use crate::plan::aosm::AosmSite;
use crate::project::Project;

pub(super) async fn disk_store(
    offline: bool,
    project: Arc<Project>,
    store: usize,
    name: String,
    job: Job,
    sites: Option<BTreeMap<usize, Arc<AosmSite>>>,
) -> Vec<Check> {
    let mut checks = Vec::new();
    if let Some(mut stores) = DiskStores::of(&project) {
        if let Some(sites) = &sites {
            stores.connected(sites, &job);
        }
        for vhd in project.vhds.iter().filter(|vhd| vhd.store == store) {
            let subject = format!("{name}/{}", vhd.name.value);
            checks.push(
                match stores.blob(vhd) {
                    Ok(opened) if offline => check(
                        State::Skipped,
                        format!("{}: --offline forbids asking it", opened.blob.label()),
                    ),
                    Ok(opened) => {
                        let label = opened.blob.label();
                        match (opened.blob.properties(&job).await, opened.cannot_write) {
                            (Err(error), _) => with_hint(check(State::Missing, error.to_string()), error.hint),
                            (Ok(_), Some(error)) => with_hint(
                                check(
                                    State::Warning,
                                    format!("{label}: can be read, not written: {}", error.detail),
                                ),
                                error.hint,
                            ),
                            (Ok(Some(_)), None) => check(State::Ok, format!("{label}: is there")),
                            (Ok(None), None) => check(State::Ok, format!("{label}: answers; nothing is there yet")),
                        }
                    }
                    Err(error) => with_hint(check(State::Missing, error.to_string()), error.hint),
                }
                .of(subject),
            );
        }
    }
    if checks.is_empty() {
        checks.push(check(State::Skipped, "no disk image goes there".to_owned()).of(name));
    }
    checks
}

fn check(state: State, detail: String) -> Check {
    Check::new(CheckKind::Store, state, detail)
}

fn with_hint(check: Check, hint: Option<String>) -> Check {
    match hint {
        Some(hint) => check.hint(hint),
        None => check,
    }
}
