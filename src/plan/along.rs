//! What travels with an image: its referrers, found once and kept in the lock; and which of them the project takes.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{FutureExt as _, StreamExt as _};

use super::locating::Manifests;
use super::{Session, World};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Kind};
use crate::locate::{Cached, Located};
use crate::lock::LockedReferrer;
use crate::oci::recursive::{ReferrerFound, Selection, TagLookup, TagsOfSource, find_referrers};
use crate::oci::{Content, Descriptor, Job, OciError};
use crate::project::Referrers;

/// Images whose referrers are looked for at a time; each host has a smaller limit of its own.
const AT_A_TIME: usize = 16;

/// Fills in the referrers of images of which nobody knows yet. An image whose source cannot tell becomes an error: "none" is
/// never guessed. What was in the lock is not asked again.
pub(super) async fn find(
    session: &Arc<Session>,
    world: &World,
    located: Vec<Located>,
    job: &Job,
    faults: &mut Faults,
) -> Vec<Located> {
    if session.project.copy.referrers == Referrers::None && session.project.policy.require_referrer.is_empty() {
        return located;
    }
    let unknown = located.iter().any(|image| image.referrers.is_none());
    if unknown && (session.mode.locked || session.mode.frozen) {
        faults.extend(
            located
                .iter()
                .filter(|image| image.referrers.is_none())
                .map(not_in_lock),
        );
        return located;
    }
    if session.mode.offline || !unknown {
        return located;
    }
    let rounds: Vec<_> = located
        .into_iter()
        .map(|mut image| {
            async move {
                if image.referrers.is_some() {
                    return Ok(image);
                }
                match of_image(session, world, &image, job).await {
                    Ok(found) => {
                        image.referrers = Some(found);
                        Ok(image)
                    }
                    Err(error) => Err(cannot_tell(&image, error)),
                }
            }
            .boxed()
        })
        .collect();
    let mut rounds = futures_util::stream::iter(rounds).buffered(AT_A_TIME);
    let mut whole = Vec::new();
    while let Some(round) = rounds.next().await {
        match round {
            Ok(image) => whole.push(image),
            Err(fault) => faults.push(fault),
        }
    }
    whole
}

fn not_in_lock(image: &Located) -> Fault {
    Fault::new(
        Kind::Stale,
        format!("aosm.lock does not say what refers to the image {}", image.reference),
    )
    .at_opt(image.place.clone())
    .hint("run `aosm-build lock` and commit aosm.lock, or write `referrers = \"none\"` in [copy]")
}

fn cannot_tell(image: &Located, error: OciError) -> Fault {
    let hint = error.hint.clone();
    let what = format!("image {}: its source does not tell what refers to it", image.reference);
    let kind = Fault::from(error.clone()).kind();
    Fault::new(kind, what)
        .at_opt(image.place.clone())
        .because(error)
        .hint(hint.unwrap_or_else(|| {
            "to copy images without signatures and the like, write `referrers = \"none\"` in [copy]".to_owned()
        }))
}

async fn of_image(
    session: &Arc<Session>,
    world: &World,
    image: &Located,
    job: &Job,
) -> Result<Vec<LockedReferrer>, OciError> {
    let source = world.reach(&image.source.host, job)?;
    let plain = source.content(&image.repository);
    let cache = Arc::new(Manifests(Arc::clone(&session.cache)));
    let content: Arc<dyn Content> = Arc::new(Cached::new(plain, cache));
    let root = Descriptor::new(image.media_type.clone(), image.digest.clone(), image.root_size);
    let place = world.repository(&image.source.host, &image.repository)?;
    let of_source = TagsOfSource {
        source: &*source,
        repository: &image.repository,
    };
    let tags: &dyn TagLookup = match &place {
        Some(place) => place,
        None => &of_source,
    };
    let found = find_referrers(&content, Some(tags), &root, &Selection::All, job).await?;
    let mut locked = Vec::new();
    for one in found {
        let artifact_type = match one.tag {
            // What cosign tagged has no type of its own.
            Some(_) => first_layer_type(&content.manifest(&one.descriptor).await?),
            None => one.artifact_type().to_owned(),
        };
        locked.push(LockedReferrer {
            digest: one.descriptor.digest,
            subject: one.subject,
            media_type: one.descriptor.media_type,
            artifact_type,
            size: one.descriptor.size,
            tag: one.tag,
        });
    }
    locked.sort();
    locked.dedup();
    Ok(locked)
}

fn first_layer_type(manifest: &[u8]) -> String {
    #[derive(serde::Deserialize)]
    struct View {
        #[serde(default)]
        layers: Vec<Descriptor>,
    }
    let view: Option<View> = serde_json::from_slice(manifest).ok();
    let first = view.and_then(|view| view.layers.into_iter().next());
    first.map_or_else(String::new, |layer| layer.media_type)
}

/// Those that the project takes: of the types it names, and only where what they refer to is copied as well. `cut` names the
/// manifests that are left of an index that was cut; what refers to the whole index says nothing about a part of it.
pub(super) fn taken(
    listed: &[LockedReferrer],
    wanted: &Referrers,
    cut: Option<&BTreeSet<Digest>>,
) -> Vec<ReferrerFound> {
    let selection = match wanted {
        Referrers::All => Selection::All,
        Referrers::None => Selection::None,
        Referrers::Types(types) => Selection::Types(types.clone()),
    };
    let referrers: BTreeSet<&Digest> = listed.iter().map(|one| &one.digest).collect();
    let mut there: BTreeSet<&Digest> = BTreeSet::new();
    let mut taken: Vec<ReferrerFound> = Vec::new();
    let mut waiting: Vec<&LockedReferrer> = listed
        .iter()
        .filter(|one| selection.takes(&one.artifact_type))
        .collect();
    // Referrers of referrers come after what they refer to: round by round, until nothing is added.
    loop {
        let is_there = |subject: &Digest| match cut {
            _ if referrers.contains(subject) => there.contains(subject),
            Some(kept) => kept.contains(subject),
            None => true,
        };
        let (now, later): (Vec<_>, Vec<_>) = waiting.into_iter().partition(|one| is_there(&one.subject));
        if now.is_empty() {
            break;
        }
        for one in now {
            there.insert(&one.digest);
            taken.push(found(one));
        }
        waiting = later;
    }
    taken
}

fn found(locked: &LockedReferrer) -> ReferrerFound {
    let mut descriptor = Descriptor::new(locked.media_type.clone(), locked.digest.clone(), locked.size);
    if locked.tag.is_none() && !locked.artifact_type.is_empty() {
        let artifact_type = locked.artifact_type.clone().into();
        descriptor.other.insert("artifactType".to_owned(), artifact_type);
    }
    ReferrerFound {
        subject: locked.subject.clone(),
        descriptor,
        tag: locked.tag.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    fn one(name: &str, subject: &str, artifact_type: &str) -> LockedReferrer {
        LockedReferrer {
            digest: Digest::of(name.as_bytes()),
            subject: Digest::of(subject.as_bytes()),
            media_type: "m".into(),
            artifact_type: artifact_type.into(),
            size: 1,
            tag: None,
        }
    }

    fn names(taken: &[ReferrerFound], all: &[&'static str]) -> Vec<&'static str> {
        let mut names = Vec::new();
        for found in taken {
            names.extend(
                all.iter()
                    .filter(|name| Digest::of(name.as_bytes()) == found.descriptor.digest),
            );
        }
        names.sort_unstable();
        names
    }

    type Case<'a> = (Referrers, Option<&'a BTreeSet<Digest>>, &'a [&'a str]);

    #[test]
    fn types_are_taken_with_what_they_refer_to_and_never_without() {
        let all = ["sbom", "signature of sbom", "signature", "of child"];
        let listed = [
            one("signature of sbom", "sbom", "sig"),
            one("sbom", "root", "sbom"),
            one("signature", "root", "sig"),
            one("of child", "child", "sig"),
        ];
        let types = |types: &[&str]| Referrers::Types(types.iter().map(|t| (*t).to_owned()).collect());
        let child = BTreeSet::from([Digest::of(b"child")]);
        let table: [Case<'_>; 6] = [
            (
                Referrers::All,
                None,
                &["of child", "sbom", "signature", "signature of sbom"],
            ),
            (Referrers::None, None, &[]),
            (types(&["sig"]), None, &["of child", "signature"]),
            (types(&["sbom"]), None, &["sbom"]),
            (
                types(&["sbom", "sig"]),
                None,
                &["of child", "sbom", "signature", "signature of sbom"],
            ),
            (Referrers::All, Some(&child), &["of child"]),
        ];
        for (wanted, cut, expected) in table {
            assert_eq!(
                names(&taken(&listed, &wanted, cut), &all),
                expected,
                "{wanted:?} {cut:?}"
            );
        }
    }

    #[test]
    fn referrers_that_refer_to_each_other_in_a_circle_are_not_taken_and_end() {
        let listed = [one("a", "b", "t"), one("b", "a", "t")];
        assert!(taken(&listed, &Referrers::All, None).is_empty());
    }
}
