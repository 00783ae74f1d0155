//! `lock`: locate every image and write `aosm.lock`.

use super::Ended;
use super::context::Context;
use crate::fault::{Fault, Kind, Place};
use crate::lock::{ChangeKind, LockChange, LockChangesDocument};
use crate::plan::{Asking, Steps, World, locate_images, prepare, wanted};
use crate::report::count;

pub async fn run(context: &Context, update: Option<&[String]>, check: bool) -> Ended {
    let session = context.session()?;
    if session.mode.offline {
        return Err(
            Fault::new(Kind::Usage, "`lock` asks the sources, which --offline forbids")
                .hint("run it without --offline; `plan --offline` uses the lock as it is")
                .into(),
        );
    }
    let prepared = prepare(&session, Steps::Images).await?;
    context.screen.faults(&prepared.warnings);
    let wanted = wanted(&session.project, &prepared)?;
    let asking = match update {
        Some(references) => Asking::Anew(full_references(&wanted, references)?),
        None if check => Asking::Anew(Vec::new()),
        None => Asking::Missing,
    };
    let world = World::open(&session)?;
    let locations = locate_images(&session, &prepared, &wanted, &world, asking).await?;
    context.screen.finish();
    if locations.faults.has_errors() {
        return Err(locations.faults);
    }
    let changes = &locations.lock_changes;
    if check {
        return checked(context, &session.lock_path(), changes);
    }
    if !session.mode.frozen && !session.mode.locked {
        locations.lock.save(&session.lock_path())?;
    }
    if context.screen.json() {
        context.screen.json_result(&LockChangesDocument::new(changes.clone()));
    } else {
        let mut lines: Vec<String> = changes.iter().map(crate::lock::LockChange::words).collect();
        lines.push(match changes.len() {
            0 => format!(
                "aosm.lock is up to date: {}",
                count(locations.lock.images.len() as u64, "image")
            ),
            n => format!("wrote aosm.lock: {}", count(n as u64, "change")),
        });
        context.screen.result(&lines.join("\n"));
    }
    Ok(0)
}

fn checked(context: &Context, path: &camino::Utf8Path, changes: &[LockChange]) -> Ended {
    if context.screen.json() {
        context.screen.json_result(&LockChangesDocument::new(changes.to_vec()));
    }
    if changes.is_empty() {
        if !context.screen.json() {
            context
                .screen
                .result("aosm.lock is up to date, and no source tag has moved");
        }
        return Ok(0);
    }
    let moved = changes
        .iter()
        .any(|change| matches!(change.kind, ChangeKind::Moved | ChangeKind::Referrers));
    let mut fault = Fault::new(Kind::Stale, "aosm.lock is out of date").at(Place::file_only(path));
    for change in changes {
        fault = fault.because(change.words());
    }
    let hint = if moved {
        "source tags have moved: `aosm-build lock --update` takes the new digests"
    } else {
        "run `aosm-build lock` and commit aosm.lock"
    };
    Err(fault.hint(hint).into())
}

/// The whole references that texts name, each exactly or as a part that some have.
fn full_references(wanted: &crate::plan::Wanted, texts: &[String]) -> Result<Vec<String>, Fault> {
    let mut full = Vec::new();
    for text in texts {
        let before = full.len();
        full.extend(
            wanted
                .images
                .iter()
                .map(|image| image.reference.as_str().to_owned())
                .filter(|known| known.contains(text)),
        );
        if full.len() == before {
            return Err(Fault::new(
                Kind::Usage,
                format!("no chart of this project uses an image like {text:?}"),
            )
            .hint("`aosm-build images` lists them all"));
        }
    }
    Ok(full)
}
