//! The lock as text: always the same bytes for the same content.
//!
//! Written by hand and not by a TOML library, whose layout of arrays or strings may change with its version.

use std::fmt::Write as _;

use super::{Lock, LockedReferrer, VERSION};

impl Lock {
    /// The text of the file.
    pub fn to_text(&self) -> String {
        let mut out = String::from(
            "# Written by aosm-build: where each image was found. Commit this file.\n# It is renewed with: aosm-build lock --update\n",
        );
        let _ = writeln!(out, "version = {VERSION}");
        list(&mut out, "image-sources", self.image_sources.iter().map(String::as_str));
        let mut images: Vec<_> = self.images.iter().collect();
        images.sort();
        images.dedup();
        for image in images {
            out.push_str("\n[[image]]\n");
            pair(&mut out, "reference", &image.reference);
            pair(&mut out, "name", &image.name.to_string());
            pair(&mut out, "source", &image.source);
            pair(&mut out, "repository", &image.repository);
            if let Some(tag) = &image.tag {
                pair(&mut out, "tag", tag);
            }
            pair(&mut out, "digest", image.digest.as_str());
            pair(&mut out, "media-type", &image.media_type);
            let _ = writeln!(out, "size = {}", image.size);
            list(&mut out, "platforms", image.platforms.iter().map(String::as_str));
            if let Some(found) = &image.referrers {
                referrers(&mut out, found);
            }
        }
        let mut charts: Vec<_> = self.charts.iter().collect();
        charts.sort();
        charts.dedup();
        for chart in charts {
            out.push_str("\n[[chart]]\n");
            pair(&mut out, "name", &chart.name);
            pair(&mut out, "version", &chart.version);
            pair(&mut out, "url", &chart.url);
            pair(&mut out, "digest", chart.digest.as_str());
        }
        let mut stores: Vec<_> = self.stores.iter().collect();
        stores.sort();
        stores.dedup();
        for store in stores {
            out.push_str("\n[[store]]\n");
            pair(&mut out, "name", &store.name);
            pair(&mut out, "layout", &store.layout);
        }
        out
    }
}

/// One line each, so that a diff shows single ones.
fn referrers(out: &mut String, found: &[LockedReferrer]) {
    let mut found: Vec<&LockedReferrer> = found.iter().collect();
    found.sort();
    found.dedup();
    if found.is_empty() {
        out.push_str("referrers = []\n");
        return;
    }
    out.push_str("referrers = [\n");
    for referrer in found {
        let size = referrer.size.to_string();
        let mut parts = vec![
            ("digest", quoted(referrer.digest.as_str())),
            ("subject", quoted(referrer.subject.as_str())),
            ("media-type", quoted(&referrer.media_type)),
        ];
        if !referrer.artifact_type.is_empty() {
            parts.push(("artifact-type", quoted(&referrer.artifact_type)));
        }
        parts.push(("size", size));
        if let Some(tag) = &referrer.tag {
            parts.push(("tag", quoted(tag)));
        }
        let parts: Vec<String> = parts
            .into_iter()
            .map(|(key, value)| format!("{key} = {value}"))
            .collect();
        let _ = writeln!(out, "    {{ {} }},", parts.join(", "));
    }
    out.push_str("]\n");
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    string(&mut out, text);
    out
}

fn pair(out: &mut String, key: &str, value: &str) {
    out.push_str(key);
    out.push_str(" = ");
    string(out, value);
    out.push('\n');
}

fn list<'a>(out: &mut String, key: &str, values: impl Iterator<Item = &'a str>) {
    out.push_str(key);
    out.push_str(" = [");
    for (at, value) in values.enumerate() {
        if at > 0 {
            out.push_str(", ");
        }
        string(out, value);
    }
    out.push_str("]\n");
}

/// A basic string (TOML 1.0, "String").
fn string(out: &mut String, value: &str) {
    out.push('"');
    for c in value.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => _ = write!(out, "\\u{:04X}", u32::from(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}
