//! The live display: one line for the whole, one for each running step.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::event::{Event, Phase};

/// Steps shown at once; the others still count in the line for the whole.
const ROWS: usize = 8;

/// Fewer columns than this: no bars and no rates, so that lines stay lines.
const NARROW: usize = 80;

/// Progress bars on standard error.
pub struct Live {
    narrow: bool,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    whole: Option<ProgressBar>,
    steps: BTreeMap<Arc<str>, ProgressBar>,
    /// Bytes announced and moved by all steps so far.
    announced: u64,
    total_steps: u64,
    ended_steps: u64,
}

impl Live {
    /// A display that is still empty, for a screen of so many columns.
    pub fn new(width: usize) -> Self {
        Self {
            narrow: width < NARROW,
            bars: MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(10)),
            state: Mutex::new(State::default()),
        }
    }

    /// Prints a line above the bars.
    pub fn print(&self, text: &str) {
        use std::io::Write as _;
        // Not `println` of the bars: it fills lines with spaces instead of ending them, which spoils what people copy.
        self.bars.suspend(|| {
            let _ = writeln!(std::io::stderr().lock(), "{text}");
        });
    }

    /// Removes the bars.
    pub fn finish(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (_, bar) in std::mem::take(&mut state.steps) {
            bar.finish_and_clear();
        }
        if let Some(bar) = state.whole.take() {
            bar.finish_and_clear();
        }
    }

    /// Takes note of an event.
    pub fn observe(&self, event: &Event) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::PhaseStarted { phase, total } => self.begin(&mut state, *phase, *total),
            Event::PhaseAdvanced { what, .. } => {
                if let Some(bar) = &state.whole {
                    bar.inc(1);
                    bar.set_message(what.clone());
                }
            }
            Event::PhaseFinished { .. } => {
                if let Some(bar) = state.whole.take() {
                    bar.finish_and_clear();
                }
            }
            Event::StepStarted { step, bytes } => {
                state.announced += bytes.unwrap_or(0);
                if let Some(bar) = &state.whole {
                    bar.set_length(state.announced.max(1));
                }
                if state.steps.len() < ROWS {
                    let bar = self.bars.add(ProgressBar::new(bytes.unwrap_or(0)));
                    bar.set_style(style(if self.narrow {
                        "  {spinner} {wide_msg} {bytes}"
                    } else {
                        "  {spinner} {wide_msg} {bytes}/{total_bytes} {binary_bytes_per_sec}"
                    }));
                    bar.set_message(step.to_string());
                    bar.enable_steady_tick(Duration::from_millis(200));
                    state.steps.insert(Arc::clone(step), bar);
                }
            }
            Event::StepTotal { step, bytes } => {
                // Of a command that moves one thing the whole is that thing.
                if let Some(bar) = state.steps.get(step).or(state.whole.as_ref()) {
                    bar.set_length(*bytes);
                }
            }
            Event::StepProgress { step, moved } => {
                if let Some(bar) = state.steps.get(step) {
                    bar.inc(*moved);
                }
                if let Some(bar) = &state.whole {
                    bar.inc(*moved);
                }
            }
            Event::StepRetry { step, delay, .. } => {
                if let Some(bar) = state.steps.get(step) {
                    bar.set_message(format!("{step} (again in {} s)", delay.as_secs().max(1)));
                }
            }
            Event::StepFinished { step, .. } => {
                if let Some(bar) = state.steps.remove(step) {
                    bar.finish_and_clear();
                    self.bars.remove(&bar);
                }
                state.ended_steps += 1;
                if let Some(bar) = &state.whole {
                    bar.set_message(format!("{}/{} steps", state.ended_steps, state.total_steps));
                }
            }
            _ => {}
        }
    }

    fn begin(&self, state: &mut State, phase: Phase, total: Option<u64>) {
        if let Some(bar) = state.whole.take() {
            bar.finish_and_clear();
        }
        let (word, counts_bytes) = match phase {
            Phase::Local => ("charts", false),
            Phase::Locate => ("locating", false),
            Phase::Observe => ("looking at stores", false),
            Phase::Apply => ("applying", true),
            Phase::Bundle => ("bundling", true),
            Phase::ReadDisk => ("reading", true),
            Phase::MoveDisk => ("moving", true),
        };
        // Of one disk image the bytes are known from the start; other phases learn them step by step.
        let whole_known = matches!(phase, Phase::ReadDisk | Phase::MoveDisk);
        let bar = self.bars.add(ProgressBar::new(if counts_bytes && !whole_known {
            0
        } else {
            total.unwrap_or(0)
        }));
        bar.set_style(style(match (counts_bytes, self.narrow) {
            _ if whole_known && self.narrow => "{bytes}/{total_bytes} {eta} left",
            _ if whole_known => "{prefix} [{bar:24}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
            (true, true) => "{bytes}/{total_bytes} {eta} left, {msg}",
            (true, false) => "{prefix} [{bar:24}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left, {msg}",
            (false, true) => "{prefix} {pos}/{len} {wide_msg}",
            (false, false) => "{prefix} [{bar:24}] {pos}/{len} {wide_msg}",
        }));
        bar.set_prefix(word);
        state.total_steps = total.unwrap_or(0);
        state.ended_steps = 0;
        state.announced = 0;
        bar.enable_steady_tick(Duration::from_millis(200));
        state.whole = Some(bar);
    }
}

fn style(template: &str) -> ProgressStyle {
    // The templates above are constants; a wrong one would only cost the bar its looks.
    ProgressStyle::with_template(template)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}
