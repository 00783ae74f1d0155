//! The decision about a disk image: a pure function of what is desired, what was seen, and what is allowed.

use super::{DiskContent, DiskSeen};
use crate::digest::Digest;
use crate::fault::{Fault, Faults, Kind};
use crate::graph::StepId;
use crate::plan::decide::decision;
use crate::plan::{Action, Decision, DiskSize, Effect, PlanStep, Reason, Target, Transfer};

/// What is allowed, and how people allow it.
#[derive(Debug, Clone, Copy)]
pub(in crate::plan) struct DiskRule<'a> {
    /// The command that would allow replacing; `None` when it is allowed.
    pub replace_hint: Option<&'a str>,
}

/// Decides about one upload step whose content is known.
pub(in crate::plan) fn decide_disk(new: &Digest, seen: &DiskSeen, rule: DiskRule<'_>) -> Decision {
    let other = |old: Option<Digest>, why: &str| {
        let reason = Reason::OtherContent {
            old,
            new: new.clone(),
            why: why.to_owned(),
            hint: rule.replace_hint.map(str::to_owned),
        };
        match rule.replace_hint {
            None => decision(Action::Run, Effect::Replace, reason),
            Some(_) => decision(Action::Invalid, Effect::None, reason),
        }
    };
    match seen {
        DiskSeen::Absent => decision(Action::Run, Effect::Create, Reason::Absent { new: new.clone() }),
        DiskSeen::Same { .. } => Decision {
            action: Action::Fresh,
            effect: Effect::None,
            reasons: Vec::new(),
        },
        DiskSeen::Other { digest, why, .. } => other(digest.clone(), why),
        DiskSeen::OtherType { kind, .. } => other(None, &format!("a {kind}, not a page blob")),
        DiskSeen::Partial => decision(Action::Run, Effect::Create, Reason::GoesOn),
        DiskSeen::Copying { id, wanted: true } => {
            decision(Action::Run, Effect::Create, Reason::CopyUnderWay { copy: id.clone() })
        }
        DiskSeen::Copying { id, wanted: false } => {
            let why = format!("the service is copying something else into it (copy {id})");
            decision(Action::Unknown, Effect::None, Reason::CannotTell { why })
        }
        DiskSeen::Unknown { why, will_compare, .. } => {
            let reason = Reason::CannotTell { why: why.clone() };
            match rule.replace_hint {
                // What is compared first may turn out to be right.
                _ if *will_compare => decision(Action::Run, Effect::None, reason),
                None => decision(Action::Run, Effect::Replace, reason),
                Some(_) => decision(Action::Unknown, Effect::None, reason),
            }
        }
    }
}

/// What only steps of disk images have: sizes, the way, and faults that say what to do.
pub(in crate::plan) fn finish(step: &mut PlanStep, target: &Target, replace_hint: &str, faults: &mut Faults) {
    let Some(disk) = &target.disk else { return };
    faults.extend(disk.problems.iter().cloned());
    if step.action == Action::Run
        && let Some(error) = &disk.cannot_write
    {
        step.action = Action::Unknown;
        step.effect = Effect::None;
        step.reasons = vec![Reason::StoreUnreadable { why: error.to_string() }];
        let mut fault = Fault::infrastructure(format!("{}: {error}", step.id)).at_opt(target.place.clone());
        if let Some(hint) = &error.hint {
            fault = fault.hint(hint);
        }
        faults.push(fault);
    }
    if step.action == Action::Unknown
        && let Some(Reason::CannotTell { why }) = step.reasons.first()
    {
        faults.push(cannot_tell(&step.id, why, replace_hint).at_opt(target.place.clone()));
    }
    let (data, transfer) = match &disk.content {
        Some(DiskContent::File { scanned, .. }) => (scanned.data_bytes(), Transfer::Stream),
        Some(content @ DiskContent::Copy { .. }) => (content.length(), Transfer::ServerSide),
        None => return,
    };
    let length = disk.content.as_ref().map_or(0, DiskContent::length);
    step.disk = Some(DiskSize {
        size: length,
        zero: length.saturating_sub(data),
    });
    if step.action == Action::Run {
        step.bytes = data;
        step.transfer = Some(transfer);
    }
}

fn cannot_tell(id: &StepId, why: &str, replace_hint: &str) -> Fault {
    Fault::new(Kind::Invalid, format!("{id}: nobody can tell what the blob holds: {why}")).hint(format!(
        "`aosm-build apply --verify full` reads it back, and adopts it where it is right; `{replace_hint}` overwrites it"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::blob::Etag;

    const HINT: &str = "aosm-build apply --replace=a-vhd:1-0-0";

    fn same() -> DiskSeen {
        DiskSeen::Same {
            digest: Digest::of(b"new"),
            receipt: None,
        }
    }

    fn other() -> DiskSeen {
        DiskSeen::Other {
            digest: Some(Digest::of(b"old")),
            etag: Some(Etag("1".into())),
            why: "content a instead of b".into(),
        }
    }

    fn unknown(will_compare: bool) -> DiskSeen {
        DiskSeen::Unknown {
            etag: Etag("1".into()),
            why: "it says nothing of its content".into(),
            will_compare,
        }
    }

    fn copying(wanted: bool) -> DiskSeen {
        DiskSeen::Copying { id: "7".into(), wanted }
    }

    fn block() -> DiskSeen {
        DiskSeen::OtherType {
            kind: "block blob".into(),
            etag: Etag("1".into()),
        }
    }

    #[test]
    fn every_state_of_a_blob_has_its_decision() {
        // What is seen, what happens where nothing may be replaced, and where it may.
        let table = [
            (
                DiskSeen::Absent,
                (Action::Run, Effect::Create),
                (Action::Run, Effect::Create),
            ),
            (same(), (Action::Fresh, Effect::None), (Action::Fresh, Effect::None)),
            (other(), (Action::Invalid, Effect::None), (Action::Run, Effect::Replace)),
            (block(), (Action::Invalid, Effect::None), (Action::Run, Effect::Replace)),
            (
                DiskSeen::Partial,
                (Action::Run, Effect::Create),
                (Action::Run, Effect::Create),
            ),
            (
                copying(true),
                (Action::Run, Effect::Create),
                (Action::Run, Effect::Create),
            ),
            (
                copying(false),
                (Action::Unknown, Effect::None),
                (Action::Unknown, Effect::None),
            ),
            (
                unknown(false),
                (Action::Unknown, Effect::None),
                (Action::Run, Effect::Replace),
            ),
            (unknown(true), (Action::Run, Effect::None), (Action::Run, Effect::None)),
        ];
        for (seen, refused, allowed) in table {
            for (replace_hint, expected) in [(Some(HINT), refused), (None, allowed)] {
                let decision = decide_disk(&Digest::of(b"new"), &seen, DiskRule { replace_hint });
                assert_eq!(
                    (decision.action, decision.effect),
                    expected,
                    "{seen:?} {replace_hint:?}"
                );
            }
        }
    }

    #[test]
    fn a_refused_overwrite_names_both_contents_and_the_command() {
        let rule = DiskRule {
            replace_hint: Some(HINT),
        };
        let decision = decide_disk(&Digest::of(b"new"), &other(), rule);
        let words: Vec<String> = decision.reasons.iter().map(Reason::words).collect();
        assert_eq!(
            words,
            [format!(
                "the blob holds something else: content a instead of b; to replace it: {HINT}"
            )]
        );
    }
}
