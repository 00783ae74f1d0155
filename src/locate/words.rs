//! The messages of locating, all in one place.

use super::answer::{Answer, Verdict};
use super::request::{SourceEntry, Wanted};
use crate::digest::Digest;
use crate::fault::{Fault, Kind, some_of};
use crate::lock::Lock;
use crate::oci::{ErrorKind, OciError};
use crate::project::ImageSource;
use crate::reference::Candidate;

/// No source has it: every place asked, and its answer.
pub(super) fn nowhere(wanted: &Wanted, sources: &[SourceEntry], answers: &[Answer]) -> Fault {
    let reference = &wanted.reference;
    let mut fault = match answers.len() {
        0 => Fault::invalid(format!("image {reference}: there is no place to look for it")),
        1 => Fault::invalid(format!("image {reference}: not found at the one place asked")),
        many => Fault::invalid(format!("image {reference}: not found at any of {many} places asked")),
    };
    for answer in answers {
        fault = fault.because(answer);
    }
    let listed: Vec<ImageSource> = sources.iter().map(|entry| entry.source.clone()).collect();
    let denied = answers.iter().find(|answer| answer.verdict == Verdict::Denied);
    let skipped = answers.iter().any(|answer| answer.verdict == Verdict::Skipped);
    let hint = if sources.is_empty() {
        "name the registries to search in image-sources".to_owned()
    } else if let (Some(registry), None) = (reference.registry(), reference.own_source(&listed)) {
        format!(
            "its own registry {registry} is not searched: add it to image-sources, or copy the image to one of them"
        )
    } else if skipped {
        "an optional source could not be asked: it may be there".to_owned()
    } else if let Some(answer) = denied {
        let host = answer.place.split('/').next().unwrap_or_default();
        format!("a denied place may only lack your login: try aosm-build login {host}")
    } else {
        "check the name and the tag, or push the image to one of these places".to_owned()
    };
    fault.at_opt(wanted.place.clone()).hint(hint)
}

/// A source that could not be asked; once for all images. `in_order`: some of them may be in another source as well.
pub(super) fn source_broken(entry: &SourceEntry, error: &OciError, references: &[&str], in_order: bool) -> Fault {
    let images = some_of(references);
    // A token server is another name for trouble than the source's own; a file is told by its place.
    let what = if entry.is_file || error.subject.starts_with(&entry.source.host) {
        error.detail.clone()
    } else {
        format!("{}: {}", error.subject, error.detail)
    };
    if Verdict::of(error.kind, entry.optional) == Verdict::Skipped {
        return Fault::warning(format!("optional image source {} was left out: {what}", entry.source))
            .because(format!("not searched for {images}"))
            .hint("images that it has too may have been taken from a later source");
    }
    let kind = match error.kind {
        ErrorKind::Unreachable | ErrorKind::Protocol if entry.is_file => Kind::Invalid,
        _ => Fault::from(error.clone()).kind(),
    };
    let fault = Fault::new(kind, format!("image source {} cannot be asked: {what}", entry.source))
        .at_opt(entry.place.clone())
        .because(format!("needed for {images}"));
    let hint = error.hint.clone().unwrap_or_else(|| match error.kind {
        _ if entry.is_file => "name a good one in the source's `path`, or make this one again".to_owned(),
        ErrorKind::BadCredentials => format!("log in again: aosm-build login {}", entry.source.host),
        ErrorKind::Throttled => "wait a while, or lower requests-per-second in [network]".to_owned(),
        _ if !in_order => format!("check that {} can be reached from here, and try again", entry.source.host),
        _ => format!(
            "sources are searched in order, so none can be passed over: try again, or set optional = true in [sources.\"{}\"]",
            entry.source.host
        ),
    });
    fault.hint(hint)
}

/// Something is there, but cannot be used.
pub(super) fn unusable(wanted: &Wanted, error: &OciError) -> Fault {
    let fault = Fault::from(error.clone())
        .context(format!("image {}", wanted.reference))
        .at_opt(wanted.place.clone());
    if fault.hint_text().is_some() {
        return fault;
    }
    fault.hint("look at what the source holds under this name (`crane manifest` shows it), and push the image again")
}

/// A source has both readings of a reference, and they differ.
pub(super) fn two_readings(wanted: &Wanted, entry: &SourceEntry, readings: &[(&Candidate, &Digest)]) -> Fault {
    let reference = &wanted.reference;
    let first = reference.path().split('/').next().unwrap_or_default();
    let mut fault = Fault::invalid(format!(
        "image {reference}: {:?} may be a registry's placeholder or a namespace, and {} has both readings",
        first, entry.source
    ));
    for (candidate, digest) in readings {
        fault = fault.because(format!(
            "{}/{} is {}, to be stored as {}",
            entry.source.host,
            candidate.repository,
            digest.short(),
            candidate.store_name
        ));
    }
    fault.at_opt(wanted.place.clone()).hint(format!(
        "decide in [discovery]: registry-placeholders = [{first:?}] cuts it, namespaces = [{first:?}] keeps it"
    ))
}

/// What deserves a word about an image that was found.
pub(super) fn warnings(wanted: &Wanted, sources: &[SourceEntry], hit: &SourceEntry, denied: &[String]) -> Vec<Fault> {
    let reference = &wanted.reference;
    let mut warnings = Vec::new();
    if !denied.is_empty() {
        let mut fault = Fault::warning(format!(
            "image {reference}: taken from {}, but an earlier source denied it, and may have another",
            hit.source
        ));
        for place in denied {
            fault = fault.because(format!("{place}: absent or denied"));
        }
        warnings.push(
            fault
                .at_opt(wanted.place.clone())
                .hint("log in there if the image should come from it"),
        );
    }
    let listed: Vec<ImageSource> = sources.iter().map(|entry| entry.source.clone()).collect();
    if let Some(own) = reference.own_source(&listed)
        && !reference.is_own_host(&hit.source)
    {
        warnings.push(
            Fault::warning(format!(
                "image {reference}: taken from {}, not from its own registry {}",
                hit.source, own.host
            ))
            .at_opt(wanted.place.clone())
            .hint("put its own registry first in image-sources if that is not meant"),
        );
    }
    warnings
}

/// `--locked`, and there is no lock for these image sources.
pub(super) fn lock_does_not_count(lock: Option<&Lock>, order: &[String]) -> Fault {
    let fault = match lock {
        None => Fault::new(Kind::Stale, "aosm.lock is missing, and nothing may be asked"),
        Some(lock) => Fault::new(
            Kind::Stale,
            "aosm.lock was made for other image sources, so its entries do not count",
        )
        .because(format!("then: {}", lock.image_sources.join(", ")))
        .because(format!("now: {}", order.join(", "))),
    };
    fault.hint("run aosm-build lock, and commit aosm.lock")
}

/// `--locked`, and the lock lacks an image.
pub(super) fn not_in_lock(wanted: &Wanted) -> Fault {
    Fault::new(
        Kind::Stale,
        format!("image {}: not in the lock, and nothing may be asked", wanted.reference),
    )
    .at_opt(wanted.place.clone())
    .hint("run aosm-build lock, and commit aosm.lock")
}
