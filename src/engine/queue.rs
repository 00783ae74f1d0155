//! The ready queue: which step may run now. Pure; time and tasks are the driver's.
//!
//! Every change of a step's state passes through [`Queue::set`].

use std::collections::BTreeSet;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Needs this many other steps to end well first.
    Waiting(usize),
    /// Everything it needs is done; not begun.
    Ready,
    /// Begun.
    Running,
    /// Ended well.
    Done,
    /// Ended badly.
    Failed,
    /// Something it needs failed or was blocked: it never ran.
    Blocked,
}

/// The states of all steps of a frozen graph; steps are their indices, in order of their ids.
#[derive(Debug)]
pub struct Queue {
    states: Vec<State>,
    /// For each step, those that need it.
    dependents: Vec<Vec<usize>>,
    /// Redundant view of `states`: all that are `Ready`, smallest index first.
    ready: BTreeSet<usize>,
    open: usize,
}

impl Queue {
    /// A queue over `dependencies[i]` = the steps that step `i` needs. Indices out of range are ignored.
    pub fn new(dependencies: &[Vec<usize>]) -> Self {
        let count = dependencies.len();
        let mut queue = Self {
            states: vec![State::Waiting(0); count],
            dependents: vec![Vec::new(); count],
            ready: BTreeSet::new(),
            open: count,
        };
        for (step, needs) in dependencies.iter().enumerate() {
            let needs: BTreeSet<usize> = needs.iter().copied().filter(|need| *need < count).collect();
            for need in &needs {
                if let Some(list) = queue.dependents.get_mut(*need) {
                    list.push(step);
                }
            }
            queue.set(step, State::Waiting(needs.len()));
        }
        for step in 0..count {
            if queue.state(step) == Some(State::Waiting(0)) {
                queue.set(step, State::Ready);
            }
        }
        queue
    }

    /// The state of a step.
    pub fn state(&self, step: usize) -> Option<State> {
        self.states.get(step).copied()
    }

    /// The next ready step; it is `Running` from now on.
    pub fn start(&mut self) -> Option<usize> {
        let step = *self.ready.first()?;
        self.set(step, State::Running);
        Some(step)
    }

    /// A running step ended. Returns the steps that can never run because of it.
    pub fn finish(&mut self, step: usize, well: bool) -> Vec<usize> {
        self.set(step, if well { State::Done } else { State::Failed });
        let mut blocked = Vec::new();
        let mut changed = vec![(step, well)];
        while let Some((from, well)) = changed.pop() {
            for dependent in self.dependents.get(from).cloned().unwrap_or_default() {
                match self.state(dependent) {
                    Some(State::Waiting(left)) if well => {
                        let next = if left <= 1 {
                            State::Ready
                        } else {
                            State::Waiting(left - 1)
                        };
                        self.set(dependent, next);
                    }
                    Some(State::Waiting(_)) => {
                        self.set(dependent, State::Blocked);
                        blocked.push(dependent);
                        changed.push((dependent, false));
                    }
                    _ => {}
                }
            }
        }
        blocked.sort_unstable();
        blocked
    }

    /// True when every step has ended or can never run.
    pub fn is_finished(&self) -> bool {
        self.open == 0
    }

    fn set(&mut self, step: usize, state: State) {
        let Some(slot) = self.states.get_mut(step) else { return };
        *slot = state;
        if state == State::Ready {
            self.ready.insert(step);
        } else {
            self.ready.remove(&step);
        }
        if matches!(state, State::Done | State::Failed | State::Blocked) {
            self.open = self.open.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_without_needs_are_ready_in_order() {
        let mut queue = Queue::new(&[vec![], vec![0], vec![]]);
        assert_eq!(queue.start(), Some(0));
        assert_eq!(queue.start(), Some(2));
        assert_eq!(queue.start(), None);
    }

    #[test]
    fn a_step_waits_for_all_it_needs() {
        let mut queue = Queue::new(&[vec![], vec![], vec![0, 1, 1]]);
        queue.start();
        queue.start();
        assert!(queue.finish(0, true).is_empty());
        assert_eq!(queue.start(), None);
        queue.finish(1, true);
        assert_eq!(queue.start(), Some(2));
    }

    #[test]
    fn a_failure_blocks_everything_behind_it_and_nothing_else() {
        // 0 → 1 → 2, and 3 stands alone.
        let mut queue = Queue::new(&[vec![], vec![0], vec![1], vec![]]);
        queue.start();
        assert_eq!(queue.finish(0, false), [1, 2]);
        assert_eq!(queue.start(), Some(3));
        assert!(!queue.is_finished());
        queue.finish(3, true);
        assert!(queue.is_finished());
    }

    #[test]
    fn a_step_that_needs_a_good_and_a_bad_one_is_blocked_once() {
        let mut queue = Queue::new(&[vec![], vec![], vec![0, 1]]);
        queue.start();
        queue.start();
        assert_eq!(queue.finish(0, false), [2]);
        assert!(queue.finish(1, true).is_empty());
        assert_eq!(queue.state(2), Some(State::Blocked));
        assert!(queue.is_finished());
    }
}
