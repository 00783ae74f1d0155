//! `[copy]`: how images are copied.

use super::artifact_model::Referrers;
use super::model::CopyOptions;
use super::names;
use super::node::{Entry, Value};
use super::view::View;
use crate::fault::{Fault, Faults};

/// Reads the table; absent, the defaults hold.
pub(crate) fn read(root: &View<'_>, faults: &mut Faults) -> CopyOptions {
    let defaults = CopyOptions::default();
    let Some(view) = root.table("copy") else {
        return defaults;
    };
    let concurrency = view
        .number("concurrency")
        .and_then(|number| usize::try_from(number).ok())
        .filter(|number| *number > 0);
    let platforms = view.texts("platforms");
    for platform in &platforms {
        if let Err(why) = names::platform(&platform.value) {
            faults.push(
                Fault::invalid(format!("copy.platforms: {why}"))
                    .at_opt(platform.place.clone())
                    .hint(
                        "write the operating system and the architecture as images do: `linux/amd64`, `linux/arm/v7`",
                    ),
            );
        }
    }
    CopyOptions {
        concurrency: concurrency.unwrap_or(defaults.concurrency),
        platforms,
        referrers: referrers(&view, faults),
    }
}

fn referrers(view: &View<'_>, faults: &mut Faults) -> Referrers {
    match view.text("referrers").as_ref().map(|text| text.value.as_str()) {
        Some("none") => return Referrers::None,
        Some(_) => return Referrers::All,
        None => {}
    }
    let types = view.texts("referrers");
    if types.is_empty() {
        let empty = |entry: &Entry| matches!(&entry.node.value, Value::List(items) if items.is_empty());
        if let Some(place) = view
            .entry("referrers")
            .filter(|entry| empty(entry))
            .and(view.value_place("referrers"))
        {
            faults.push(
                Fault::invalid("copy.referrers: the list is empty")
                    .at(place)
                    .hint("write `referrers = \"none\"` to copy none"),
            );
        }
        return Referrers::All;
    }
    for text in &types {
        if let Err(why) = names::media_type(&text.value) {
            faults.push(
                Fault::invalid(format!("copy.referrers: {why}"))
                    .at_opt(text.place.clone())
                    .hint("it lists artifact types: `referrers = [\"application/spdx+json\"]`; or write \"all\" or \"none\""),
            );
        }
    }
    Referrers::Types(types.into_iter().map(|text| text.value).collect())
}
