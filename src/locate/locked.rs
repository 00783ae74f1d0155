//! An image taken from the lock, without asking anybody.

use super::answer::{Answer, Verdict};
use super::outcome::Located;
use super::request::{Request, Wanted};
use crate::lock::LockedImage;
use crate::oci::Selector;

/// What the lock has.
pub(super) enum FromLock {
    /// An entry that counts.
    Has(Box<Located>),
    /// None, or one that the project contradicts by now.
    Lacks,
}

/// Takes an entry, if the project would still look there: a `namespaces` rule written since may forbid the reading
/// that was locked, and a reference may have got another digest.
pub(super) fn take(request: &Request<'_>, wanted: &Wanted, entry: &LockedImage) -> FromLock {
    let Some(source) = request
        .sources
        .iter()
        .find(|held| held.source.to_string() == entry.source && wanted.may_be_at(&held.source))
    else {
        return FromLock::Lacks;
    };
    let candidates = wanted.reference.candidates(&source.source, request.first_segment);
    let Some(candidate) = candidates
        .into_iter()
        .find(|c| c.repository == entry.repository && c.store_name == entry.name.repository)
    else {
        return FromLock::Lacks;
    };
    let selector = match (wanted.reference.digest(), &entry.tag) {
        (Some(digest), None) if *digest == entry.digest => Selector::Digest(digest.clone()),
        (None, Some(tag)) if tag == wanted.reference.effective_tag() => Selector::Tag(tag.clone()),
        _ => return FromLock::Lacks,
    };
    let place = format!("{}/{}{selector}", source.source.host, entry.repository);
    FromLock::Has(Box::new(Located {
        reference: wanted.reference.clone(),
        source: source.source.clone(),
        repository: entry.repository.clone(),
        selector,
        digest: entry.digest.clone(),
        media_type: entry.media_type.clone(),
        root_size: 0,
        size: entry.size,
        platforms: entry.platforms.clone(),
        name: entry.name.clone(),
        form: candidate.form,
        answers: vec![Answer {
            place,
            verdict: Verdict::Locked,
            detail: entry.digest.to_string(),
        }],
        from_lock: true,
        referrers: entry.referrers.clone(),
        place: wanted.place.clone(),
    }))
}
