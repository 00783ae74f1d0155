//! `lock`: locate every image and write `aosm.lock`.

use camino::Utf8Path;

use super::Ended;
use super::command_line::shell_word;
use super::context::Context;
use crate::fault::{Fault, Kind, Place};
use crate::lock::{ChangeKind, LockChange, LockChangesDocument};
use crate::plan::{Asking, Steps, World, locate_images, prepare, wanted};
use crate::report::count;

pub async fn run(context: &Context, update: Option<&[String]>, check: bool, from: Option<&Utf8Path>) -> Ended {
    let session = super::from::session(context, from)?;
    let path = session.lock_path();
    let name = path.file_name().unwrap_or("aosm.lock");
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
        return checked(context, &path, from, changes);
    }
    if !session.mode.frozen && !session.mode.locked {
        locations.lock.save(&path)?;
    }
    if context.screen.json() {
        context.screen.json_result(&LockChangesDocument::new(changes.clone()));
    } else {
        let mut lines: Vec<String> = changes.iter().map(crate::lock::LockChange::words).collect();
        lines.push(match changes.len() {
            0 => format!(
                "{name} is up to date: {}",
                count(locations.lock.images.len() as u64, "image")
            ),
            n => format!("wrote {name}: {}", count(n as u64, "change")),
        });
        context.screen.result(&lines.join("\n"));
    }
    Ok(0)
}

fn checked(context: &Context, path: &Utf8Path, from: Option<&Utf8Path>, changes: &[LockChange]) -> Ended {
    let name = path.file_name().unwrap_or("aosm.lock");
    let command = match from {
        Some(folder) => format!("aosm-build lock --from {}", shell_word(folder.as_str())),
        None => "aosm-build lock".to_owned(),
    };
    if context.screen.json() {
        context.screen.json_result(&LockChangesDocument::new(changes.to_vec()));
    }
    if changes.is_empty() {
        if !context.screen.json() {
            context
                .screen
                .result(&format!("{name} is up to date, and no source tag has moved"));
        }
        return Ok(0);
    }
    let moved = changes
        .iter()
        .any(|change| matches!(change.kind, ChangeKind::Moved | ChangeKind::Referrers));
    let mut fault = Fault::new(Kind::Stale, format!("{name} is out of date")).at(Place::file_only(path));
    for change in changes {
        fault = fault.because(change.words());
    }
    let hint = if moved {
        format!("source tags have moved: `{command} --update` takes the new digests")
    } else {
        format!("run `{command}` and commit {name}")
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
