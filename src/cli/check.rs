//! `check`: all validation that needs no network.

use super::Ended;
use super::context::Context;
use crate::fault::Faults;
use crate::lock::Lock;
use crate::plan::{Steps, check_disks, check_names, prepare, wanted};
use crate::report::{CheckDocument, count};

pub async fn run(context: &Context) -> Ended {
    let session = context.session()?;
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
    context.screen.finish();
    let (prepared, wanted) = match outcome {
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
            warnings: prepared.warnings.len(),
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
