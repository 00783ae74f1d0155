//! `check`: all validation that needs no network.

use std::sync::Arc;

use camino::Utf8Path;

use super::Ended;
use super::context::Context;
use crate::fault::{Fault, Faults};
use crate::lock::Lock;
use crate::plan::{Prepared, Session, Steps, Wanted, check_disks, check_names, check_policy, prepare, wanted};
use crate::report::{CheckDocument, Screen, count};

/// Judges by `[policy]`, as far as that needs no network; how many warnings were told.
async fn judged(
    screen: &Screen,
    session: &Arc<Session>,
    prepared: Prepared,
    wanted: Wanted,
) -> Result<(Prepared, Wanted, usize), Faults> {
    let findings = check_policy(session, &wanted).await?;
    let (errors, warnings): (Vec<Fault>, Vec<Fault>) = findings.into_iter().partition(Fault::is_error);
    let warned = warnings.len();
    screen.faults(&warnings.into_iter().collect());
    if errors.is_empty() {
        Ok((prepared, wanted, warned))
    } else {
        Err(errors.into_iter().collect())
    }
}

pub async fn run(context: &Context, from: Option<&Utf8Path>) -> Ended {
    let session = super::from::session(context, from)?;
    let mut faults = Faults::new();
    faults.extend(check_disks(&session.project));
    faults.extend(Lock::load(&session.lock_path()).err().into_iter().flatten());
    let outcome = prepare(&session, Steps::All).await.and_then(|prepared| {
        context.screen.faults(&prepared.warnings);
        let wanted = wanted(&session.project, &prepared)?;
        if let Some(warning) = wanted.undecided() {
            context.screen.fault(&warning);
        }
        check_names(&session.project, &wanted)?;
        Ok((prepared, wanted))
    });
    let outcome = match outcome {
        Ok((prepared, wanted)) if faults.is_empty() => judged(&context.screen, &session, prepared, wanted).await,
        other => other.map(|(prepared, wanted)| (prepared, wanted, 0)),
    };
    context.screen.finish();
    let (prepared, wanted, warned) = match outcome {
        Ok(good) if faults.is_empty() => good,
        Ok(_) => return Err(faults),
        Err(found) => {
            faults.extend(found);
            return Err(faults);
        }
    };
    if context.screen.json() {
        context.screen.json_result(&CheckDocument {
            format: "aosm-check/1",
            packages: prepared.packages.len(),
            charts: wanted.charts.len(),
            images: wanted.images.len(),
            artifacts: wanted.artifacts.len(),
            vhds: session.project.vhds.len(),
            attachments: session.project.attachments.len(),
            candidates: wanted.candidates.len(),
            warnings: prepared.warnings.len() + warned,
        });
    } else {
        let mut found = vec![
            count(prepared.packages.len() as u64, "Helm package"),
            count(wanted.charts.len() as u64, "chart"),
            count(wanted.images.len() as u64, "image"),
        ];
        for (number, word) in [
            (wanted.artifacts.len(), "artifact"),
            (session.project.vhds.len(), "disk image"),
            (session.project.attachments.len(), "attachment"),
        ] {
            if number > 0 {
                found.push(count(number as u64, word));
            }
        }
        context.screen.result(&format!("ok: {}", found.join(", ")));
    }
    Ok(0)
}
