//! The decision: a pure function of what is desired, what was observed, and whether replacing is allowed.

use schemars::JsonSchema;
use serde::Serialize;

use super::disks::{DiskRule, decide_disk};
use super::{DiskSeen, Reason};
use crate::digest::Digest;
use crate::fault::Fault;
use crate::oci::Descriptor;
use crate::store::Observed;

/// What a plan does with a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// It runs.
    Run,
    /// Nothing is to be done.
    Fresh,
    /// Something it needs is invalid or unknown.
    Blocked,
    /// It cannot run as things are: missing image, refused overwrite.
    Invalid,
    /// Nobody can tell: the store could not be read.
    Unknown,
}

/// What running changes in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Effect {
    /// A new name.
    Create,
    /// A name that held something else.
    Replace,
    /// An artifact manifest is closed for good.
    Seal,
    /// Nothing.
    None,
}

/// What should be in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Desired {
    /// This root.
    Known(Descriptor),
    /// The image could not be located; why, in words.
    NotLocated(String),
    /// Nobody was asked (offline, and not in the lock).
    NotAsked,
    /// What it is attached to has no known digest; why, in words.
    NoSubject(String),
    /// What should be there is no good; all that is wrong with it.
    Unfit(Vec<String>),
    /// The artifact manifest does not let it in; why, in a fault of its own.
    Barred(Box<Fault>),
}

/// What is in the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    /// The store answered.
    Store(Observed),
    /// The root is there, and some of what should travel with it is not.
    Incomplete {
        /// The root.
        root: Descriptor,
        /// The referrers that are missing.
        missing: Vec<Digest>,
        /// Tags beside it that hold something else.
        taken: Vec<TakenTag>,
    },
    /// The store holds another archive whose files are equal.
    SameContent(Descriptor),
    /// The store could not be read; why, in words.
    Unreadable {
        /// What it answered.
        why: String,
        /// What to do about it.
        hint: Option<String>,
    },
    /// A storage account answered, about a disk image.
    Disk(DiskSeen),
    /// The store was not asked.
    NotAsked,
}

/// A tag that holds something else than it should.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenTag {
    /// The tag.
    pub tag: String,
    /// What it holds.
    pub old: Digest,
    /// What it should hold.
    pub new: Digest,
}

/// The decision about one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// What happens.
    pub action: Action,
    /// What that changes.
    pub effect: Effect,
    /// Why.
    pub reasons: Vec<Reason>,
}

/// Decides about one effect step. `replace_hint` is the command that would allow replacing; `None` when it is allowed.
pub fn decide(desired: &Desired, seen: &Seen, replace_hint: Option<&str>) -> Decision {
    let root = match desired {
        Desired::Known(root) => root,
        Desired::NotLocated(why) => {
            return decision(Action::Invalid, Effect::None, Reason::NotLocated { why: why.clone() });
        }
        Desired::NotAsked => {
            let reason = match seen {
                Seen::Unreadable { why, .. } => Reason::StoreUnreadable { why: why.clone() },
                _ => Reason::NotAsked,
            };
            return decision(Action::Unknown, Effect::None, reason);
        }
        Desired::NoSubject(why) => {
            return decision(Action::Blocked, Effect::None, Reason::NoSubject { why: why.clone() });
        }
        Desired::Unfit(problems) => {
            let problems = problems.clone();
            return decision(Action::Invalid, Effect::None, Reason::Unfit { problems });
        }
        Desired::Barred(fault) => {
            let why = fault.message().to_owned();
            return decision(Action::Invalid, Effect::None, Reason::NotAllowed { why });
        }
    };
    let new = root.digest.clone();
    match seen {
        Seen::Unreadable { why, .. } => decision(
            Action::Unknown,
            Effect::None,
            Reason::StoreUnreadable { why: why.clone() },
        ),
        Seen::Disk(seen) => decide_disk(&new, seen, DiskRule { replace_hint }),
        Seen::NotAsked => decision(Action::Unknown, Effect::None, Reason::NotAsked),
        Seen::SameContent(old) => decision(
            Action::Fresh,
            Effect::None,
            Reason::SameContent {
                old: old.digest.clone(),
            },
        ),
        Seen::Incomplete { missing, taken, .. } => match (taken.first(), replace_hint) {
            (Some(taken), Some(hint)) => decision(
                Action::Invalid,
                Effect::None,
                Reason::OverwriteRefused {
                    old: taken.old.clone(),
                    new: taken.new.clone(),
                    hint: hint.to_owned(),
                },
            ),
            _ => decision(
                Action::Run,
                Effect::Create,
                Reason::ReferrersMissing {
                    missing: missing.clone(),
                },
            ),
        },
        Seen::Store(Observed::Absent) => decision(Action::Run, Effect::Create, Reason::Absent { new }),
        Seen::Store(Observed::Present(old)) if old.digest == new => Decision {
            action: Action::Fresh,
            effect: Effect::None,
            reasons: Vec::new(),
        },
        Seen::Store(Observed::Damaged { root: None, why }) => {
            decision(Action::Run, Effect::Create, Reason::Damaged { why: why.clone() })
        }
        Seen::Store(Observed::Damaged { root: Some(old), why }) if old.digest == new => {
            decision(Action::Run, Effect::Create, Reason::Damaged { why: why.clone() })
        }
        Seen::Store(Observed::Present(old) | Observed::Damaged { root: Some(old), .. }) => {
            let old = old.digest.clone();
            match replace_hint {
                None => decision(Action::Run, Effect::Replace, Reason::DigestDiffers { old, new }),
                Some(hint) => decision(
                    Action::Invalid,
                    Effect::None,
                    Reason::OverwriteRefused {
                        old,
                        new,
                        hint: hint.to_owned(),
                    },
                ),
            }
        }
    }
}

pub(super) fn decision(action: Action, effect: Effect, reason: Reason) -> Decision {
    Decision {
        action,
        effect,
        reasons: vec![reason],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(content: &str) -> Descriptor {
        Descriptor::of("application/vnd.oci.image.manifest.v1+json", content.as_bytes())
    }

    fn stale_signature() -> TakenTag {
        TakenTag {
            tag: "sha256-12.sig".into(),
            old: root("old signature").digest,
            new: root("signature").digest,
        }
    }

    #[test]
    #[allow(clippy::too_many_lines, reason = "one table, a row a combination")]
    fn every_combination_of_desired_and_observed_has_its_decision() {
        let new = Desired::Known(root("new"));
        let damaged = |content| Observed::Damaged {
            root: Some(root(content)),
            why: "cut".into(),
        };
        let hint = Some("aosm-build apply --replace");
        let table = [
            (&new, Seen::Store(Observed::Absent), None, Action::Run, Effect::Create),
            (&new, Seen::Store(Observed::Absent), hint, Action::Run, Effect::Create),
            (
                &new,
                Seen::Store(Observed::Damaged {
                    root: None,
                    why: "cut".into(),
                }),
                hint,
                Action::Run,
                Effect::Create,
            ),
            (
                &new,
                Seen::Store(Observed::Present(root("new"))),
                None,
                Action::Fresh,
                Effect::None,
            ),
            (
                &new,
                Seen::Store(Observed::Present(root("new"))),
                hint,
                Action::Fresh,
                Effect::None,
            ),
            (
                &new,
                Seen::Store(Observed::Present(root("old"))),
                None,
                Action::Run,
                Effect::Replace,
            ),
            (
                &new,
                Seen::Store(Observed::Present(root("old"))),
                hint,
                Action::Invalid,
                Effect::None,
            ),
            (&new, Seen::Store(damaged("new")), hint, Action::Run, Effect::Create),
            (&new, Seen::Store(damaged("old")), hint, Action::Invalid, Effect::None),
            (&new, Seen::Store(damaged("old")), None, Action::Run, Effect::Replace),
            (&new, Seen::SameContent(root("old")), hint, Action::Fresh, Effect::None),
            (
                &new,
                Seen::Unreadable {
                    why: "503".into(),
                    hint: None,
                },
                None,
                Action::Unknown,
                Effect::None,
            ),
            (&new, Seen::NotAsked, None, Action::Unknown, Effect::None),
            (
                &new,
                Seen::Incomplete {
                    root: root("new"),
                    missing: vec![root("signature").digest],
                    taken: Vec::new(),
                },
                hint,
                Action::Run,
                Effect::Create,
            ),
            (
                &new,
                Seen::Incomplete {
                    root: root("new"),
                    missing: vec![root("signature").digest],
                    taken: vec![stale_signature()],
                },
                hint,
                Action::Invalid,
                Effect::None,
            ),
            (
                &new,
                Seen::Incomplete {
                    root: root("new"),
                    missing: vec![root("signature").digest],
                    taken: vec![stale_signature()],
                },
                None,
                Action::Run,
                Effect::Create,
            ),
            (
                &Desired::NoSubject("nowhere".into()),
                Seen::Store(Observed::Absent),
                None,
                Action::Blocked,
                Effect::None,
            ),
            (
                &Desired::Barred(Box::new(Fault::invalid("the artifact manifest does not list it"))),
                Seen::NotAsked,
                None,
                Action::Invalid,
                Effect::None,
            ),
            (
                &Desired::NotAsked,
                Seen::Store(Observed::Absent),
                None,
                Action::Unknown,
                Effect::None,
            ),
            (
                &Desired::NotLocated("nowhere".into()),
                Seen::Store(Observed::Absent),
                None,
                Action::Invalid,
                Effect::None,
            ),
        ];
        for (desired, seen, hint, action, effect) in table {
            let decision = decide(desired, &seen, hint);
            assert_eq!(
                (decision.action, decision.effect),
                (action, effect),
                "{desired:?} / {seen:?} / {hint:?}"
            );
        }
    }

    #[test]
    fn a_refused_overwrite_names_both_digests_and_the_command() {
        let decision = decide(
            &Desired::Known(root("new")),
            &Seen::Store(Observed::Present(root("old"))),
            Some("aosm-build apply --replace=a"),
        );
        let words = decision.reasons[0].words();
        assert!(words.contains(root("old").digest.short()), "{words}");
        assert!(words.contains(root("new").digest.short()), "{words}");
        assert!(words.contains("aosm-build apply --replace=a"), "{words}");
    }
}
