//! Closing an artifact manifest: everything is looked at once more, then it is asked for, then its end is waited for.
//!
//! Order matters: the manifest is read again (somebody may have changed it since the plan), every digest is read from the
//! store again, in this run and not from anything remembered; a note is written before the service is asked, as that goes
//! on when we do not.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt as _, TryStreamExt as _};

use super::effects::Running;
use crate::azure::arm::ArmErrorKind;
use crate::azure::completeness::Held;
use crate::azure::{self, ArtifactManifest, ManifestEntry, Sealed};
use crate::event::Event;
use crate::fault::{Fault, Kind};
use crate::plan::{Planned, SealTarget, Session, StoreCompleteness, Target, incomplete, obstacles};
use crate::state::SealNote;
use crate::store::{ArtifactName, Job, Observed};

/// Names asked at a time.
const AT_A_TIME: usize = 32;

impl Running {
    /// Closes the manifest of a store.
    pub(super) async fn seal(&self, target: &Target) -> Result<(), Fault> {
        let Some(seal) = self.planned.seals.get(&target.id) else {
            return Err(Fault::bug("it has no manifest"));
        };
        seal_manifest(&self.session, &self.planned, seal, &self.job)
            .await
            .map(drop)
    }
}

/// Seals a manifest after everything was looked at again. Gaps are an error of [`Kind::Invalid`], a manifest that is another
/// one than the plan saw of [`Kind::Stale`], a validation that failed of [`Kind::StepsFailed`].
pub async fn seal_manifest(
    session: &Arc<Session>,
    planned: &Planned,
    seal: &SealTarget,
    job: &Job,
) -> Result<Sealed, Fault> {
    if session.mode.offline {
        return Err(
            Fault::infrastructure("--offline forbids asking Resource Manager to seal a manifest")
                .hint("run without --offline"),
        );
    }
    let seen = &seal.seen;
    let reached = planned
        .world
        .sites
        .get(&seen.store)
        .and_then(|site| site.reached.clone());
    let Some(reached) = reached else {
        return Err(Fault::bug("its store was not reached"));
    };
    let manifest = ArtifactManifest::get(&reached.arm, &reached.id, job).await?;
    unchanged(seen, &manifest)?;
    let held = held_now(planned, seen, job).await?;
    let now = seen.clone().with_manifest(manifest).with_held(held);
    if !now.table.is_complete() {
        return Err(incomplete(&now, &obstacles(&now.table)));
    }
    session.stopped()?;
    let note = SealNote::of(&session.state, &reached.id.id());
    let begun = note.is_there();
    if !now.table.is_sealed() && !begun {
        note.write()?;
    }
    session.events.emit(Event::Detail(format!(
        "{}: {} artifacts were looked at again, sealing",
        reached.id,
        now.table.rows.len()
    )));
    let sealed = azure::seal(&reached.arm, &reached.id, begun, job).await;
    // What may go on without us keeps its note.
    if !sealed.as_ref().is_err_and(|error| may_go_on(error.kind)) {
        note.remove();
    }
    match sealed? {
        Sealed::Failed(reasons) => Err(failed(seen, reasons)),
        sealed => Ok(sealed),
    }
}

/// After such an error nobody knows whether the service began.
fn may_go_on(kind: ArmErrorKind) -> bool {
    matches!(
        kind,
        ArmErrorKind::Unreachable
            | ArmErrorKind::Server
            | ArmErrorKind::Protocol
            | ArmErrorKind::Unfinished
            | ArmErrorKind::Cancelled
    )
}

/// What the store holds under each wanted name, asked now.
async fn held_now(
    planned: &Planned,
    seen: &StoreCompleteness,
    job: &Job,
) -> Result<Vec<((String, String), Held)>, Fault> {
    let Some(store) = planned.world.stores.get(&seen.store) else {
        return Err(Fault::bug("its store is not open"));
    };
    futures_util::stream::iter(seen.expected())
        .map(|name| {
            let store = Arc::clone(store);
            async move {
                let observed = store.observe(&name, false, job).await.map_err(Fault::from)?;
                let held = held(seen, &name, &observed);
                Ok::<_, Fault>(((name.repository, name.tag), held))
            }
        })
        .buffered(AT_A_TIME)
        .try_collect()
        .await
}

/// Another archive with the same files, as the plan saw it, is as good as before if it is still that one.
fn held(seen: &StoreCompleteness, name: &ArtifactName, observed: &Observed) -> Held {
    match observed {
        Observed::Absent => Held::Absent,
        Observed::Present(root) if seen.is_same_content(name, &root.digest) => Held::SameContent(root.digest.clone()),
        Observed::Present(root) => Held::Digest(root.digest.clone()),
        Observed::Damaged { root, why } => Held::Other {
            digest: root.as_ref().map(|root| root.digest.clone()),
            why: why.clone(),
        },
    }
}

/// Fails if the manifest lists something else than when the plan was made.
fn unchanged(seen: &StoreCompleteness, now: &ArtifactManifest) -> Result<(), Fault> {
    let entries = |manifest: &ArtifactManifest| manifest.artifacts.iter().cloned().collect::<BTreeSet<_>>();
    let before = seen.manifest.as_ref().map(entries).unwrap_or_default();
    let now = entries(now);
    if before == now {
        return Ok(());
    }
    let mut fault = Fault::new(
        Kind::Stale,
        format!(
            "artifact manifest {}: somebody changed it since the plan was made",
            seen.id.manifest
        ),
    );
    let line = |sign: &str, entry: &ManifestEntry| {
        format!("{sign} {}:{} ({})", entry.name, entry.version, entry.artifact_type)
    };
    for entry in now.difference(&before) {
        fault = fault.because(line("+", entry));
    }
    for entry in before.difference(&now) {
        fault = fault.because(line("-", entry));
    }
    Err(fault.hint("nothing was sealed: look at `aosm-build plan`, then run `apply` again"))
}

fn failed(seen: &StoreCompleteness, reasons: Vec<String>) -> Fault {
    let name = &seen.id.manifest;
    let mut fault = Fault::new(
        Kind::StepsFailed,
        format!("artifact manifest {name}: the service's validation failed"),
    );
    let none = reasons.is_empty();
    for reason in reasons {
        fault = fault.because(reason);
    }
    if none {
        fault = fault.because("it gives no reasons");
    }
    fault.hint(
        "the store holds all that is listed, by digest: look at the activity log of the artifact store for its reasons",
    )
}
