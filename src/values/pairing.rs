//! Which image of one render is which of another: the same place, whatever its reference has become.

use std::collections::BTreeMap;

use crate::discover::Found;

/// For each image of `base`, the one of `seen` at the same place; `None` where it is gone.
///
/// First by template, object and field. What is left then, where names of objects come from values, by template, kind
/// and field, in the order written; that only counts where both renders have as many.
pub(super) fn pair(base: &[Found], seen: &[Found]) -> Vec<Option<usize>> {
    let mut pairs: Vec<Option<usize>> = vec![None; base.len()];
    let mut taken = vec![false; seen.len()];
    let exact = |found: &Found| (found.template.clone(), found.object.clone(), found.pointer.clone());
    join(base, seen, &mut pairs, &mut taken, exact, false);
    let loose = |found: &Found| {
        let kind = found.object.split('/').next().unwrap_or_default().to_owned();
        (found.template.clone(), kind, found.pointer.clone())
    };
    join(base, seen, &mut pairs, &mut taken, loose, true);
    pairs
}

fn join<K: Ord>(
    base: &[Found],
    seen: &[Found],
    pairs: &mut [Option<usize>],
    taken: &mut [bool],
    key: impl Fn(&Found) -> K,
    only_as_many: bool,
) {
    let mut left: BTreeMap<K, (Vec<usize>, Vec<usize>)> = BTreeMap::new();
    for (at, found) in base.iter().enumerate() {
        if pairs.get(at).is_some_and(Option::is_none) {
            left.entry(key(found)).or_default().0.push(at);
        }
    }
    for (at, found) in seen.iter().enumerate() {
        if taken.get(at) == Some(&false) {
            left.entry(key(found)).or_default().1.push(at);
        }
    }
    for (mut ours, mut theirs) in left.into_values() {
        if only_as_many && ours.len() != theirs.len() {
            continue;
        }
        ours.sort_by_key(|at| base.get(*at).map(|found| found.line));
        theirs.sort_by_key(|at| seen.get(*at).map(|found| found.line));
        for (our, their) in ours.into_iter().zip(theirs) {
            if let (Some(pair), Some(taken)) = (pairs.get_mut(our), taken.get_mut(their)) {
                *pair = Some(their);
                *taken = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::Tier;

    fn found(object: &str, pointer: &str, line: u64) -> Found {
        Found {
            reference: "x".into(),
            package: "p".into(),
            template: "t".into(),
            object: object.into(),
            pointer: pointer.into(),
            line,
            tier: Tier::T1,
            hook: None,
            named: None,
            confidence: None,
        }
    }

    #[test]
    fn places_are_paired_whatever_their_line() {
        let base = [found("Pod/a", "/0", 1), found("Pod/b", "/0", 9)];
        let seen = [found("Pod/b", "/0", 19), found("Pod/a", "/0", 11)];
        assert_eq!(pair(&base, &seen), [Some(1), Some(0)]);
    }

    #[test]
    fn objects_that_are_called_otherwise_are_paired_in_order() {
        let base = [
            found("Pod/a", "/0", 1),
            found("Pod/b", "/0", 9),
            found("Job/c", "/0", 20),
        ];
        let seen = [
            found("Pod/z-b", "/0", 19),
            found("Pod/z-a", "/0", 11),
            found("Job/c", "/0", 30),
        ];
        assert_eq!(pair(&base, &seen), [Some(1), Some(0), Some(2)]);
    }

    #[test]
    fn what_is_gone_has_no_pair() {
        let base = [found("Pod/a", "/0", 1), found("Pod/a", "/1", 2)];
        assert_eq!(pair(&base, &[found("Pod/a", "/1", 2)]), [None, Some(0)]);
        let two = [found("Pod/x", "/0", 1), found("Pod/y", "/0", 2)];
        assert_eq!(pair(&base[..1], &two), [None]);
    }
}
