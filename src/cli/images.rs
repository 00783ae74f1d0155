//! `images`: which images the charts use, and where each was found.

use std::fmt::Write as _;

use super::Ended;
use super::args::ValuesFormat;
use super::context::Context;
use crate::fault::{Fault, Kind};
use crate::plan::{Asking, ImagesDocument, Locations, Steps, World, images_from_lock, locate_images, prepare, wanted};
use crate::plan::{FoundAt, ImageEntry, values_paths};
use crate::report::{images_list, values_paths_list};
use crate::values::{bicep, profiles};

pub async fn run(context: &Context, locate: bool, why: Option<&str>) -> Ended {
    let session = context.session()?;
    let prepared = prepare(&session, Steps::Images).await?;
    context.screen.faults(&prepared.warnings);
    let wanted = wanted(&session.project, &prepared)?;
    let world = World::open(&session)?;
    let (document, code) = if locate {
        let locations: Locations = locate_images(&session, &prepared, &wanted, &world, Asking::Missing).await?;
        context.screen.finish();
        context.screen.faults(&locations.faults);
        let code = locations.faults.worst().map_or(0, Kind::exit_code);
        (ImagesDocument::new(&wanted, &locations.described()), code)
    } else {
        (
            ImagesDocument::new(&wanted, &images_from_lock(&session, &wanted, &world).await?),
            0,
        )
    };
    if let Some(text) = why {
        let chosen = chosen(&document, text)?;
        if context.screen.json() {
            context.screen.json_result(&document.only(chosen));
        } else {
            context.screen.result(&chain(chosen));
        }
    } else if context.screen.json() {
        context.screen.json_result(&document);
    } else {
        context.screen.result(&images_list(&document));
    }
    Ok(code)
}

/// `--values-paths`.
pub async fn values(context: &Context, format: Option<ValuesFormat>) -> Ended {
    let session = context.session()?;
    let prepared = prepare(&session, Steps::Images).await?;
    context.screen.faults(&prepared.warnings);
    let document = values_paths(&session, &prepared).await?;
    context.screen.finish();
    match format {
        Some(ValuesFormat::Json) => context.screen.json_result(&profiles(&document)),
        Some(ValuesFormat::Bicep) => context.screen.result(&bicep(&document)),
        None if context.screen.json() => context.screen.json_result(&document),
        None => context.screen.result(&values_paths_list(&document)),
    }
    Ok(0)
}

/// The one image that a text names: the whole reference, else a part that only one has.
fn chosen<'d>(document: &'d ImagesDocument, text: &str) -> Result<&'d ImageEntry, Fault> {
    if let Some(exact) = document.images.iter().find(|image| image.reference == text) {
        return Ok(exact);
    }
    let matching: Vec<&ImageEntry> = document
        .images
        .iter()
        .filter(|image| image.reference.contains(text))
        .collect();
    match matching.as_slice() {
        [one] => Ok(one),
        [] => Err(Fault::new(
            Kind::Usage,
            format!("no chart of this project uses an image like {text:?}"),
        )
        .hint("`aosm-build images` lists them all")),
        several => {
            let names: Vec<&str> = several.iter().map(|image| image.reference.as_str()).collect();
            Err(Fault::new(
                Kind::Usage,
                format!("{text:?} fits several images: {}", names.join(", ")),
            )
            .hint("give more of the reference"))
        }
    }
}

fn chain(image: &ImageEntry) -> String {
    let mut text = format!("{}\n", image.reference);
    for found in &image.found {
        let _ = writeln!(text, "  {}", place(found));
    }
    match &image.name {
        Some(name) => {
            let _ = writeln!(text, "  in the store: {name}:{}", image.tag);
        }
        None => text.push_str(
            "  in the store: not decided yet (its first segment may be a registry or a namespace; `--locate` asks)\n",
        ),
    }
    if let Some(located) = &image.located {
        let _ = writeln!(
            text,
            "  located: {} {} ({})",
            located.source, located.repository, located.digest
        );
        for answer in &located.answers {
            let _ = writeln!(text, "    asked {}: {}", answer.place, answer.answer);
        }
    }
    text
}

fn place(found: &FoundAt) -> String {
    let hook = found
        .hook
        .as_ref()
        .map_or_else(String::new, |hook| format!(", hook {hook}"));
    if found.package.is_empty() {
        return format!("named in {} line {}", found.template, found.line);
    }
    format!(
        "package {}: {} {} {} (rendered line {}, {}{hook})",
        found.package, found.template, found.object, found.pointer, found.line, found.tier
    )
}
