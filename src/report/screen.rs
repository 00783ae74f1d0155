//! The two streams: results on standard output, everything else on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::{Arc, Mutex};

use anstyle::{AnsiColor, Style};

use super::diagnostic;
use super::live::Live;
use crate::event::{Event, Events, Outcome, Sink};
use crate::fault::{Fault, Faults};

/// How much to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors and results.
    Quiet,
    /// What a person needs.
    Normal,
    /// Cache hits, fresh steps, retries.
    Verbose,
}

/// The person's screen. Cheap to clone; safe to share.
#[derive(Clone)]
pub struct Screen {
    shared: Arc<Shared>,
}

struct Shared {
    verbosity: Verbosity,
    out_color: bool,
    err_color: bool,
    width: usize,
    json: bool,
    live: Option<Live>,
    /// Lines of different threads must not mix.
    lock: Mutex<()>,
}

impl Screen {
    /// A screen for this process's streams. `color` forces or forbids; `None` looks at the terminal and `NO_COLOR`.
    pub fn new(verbosity: Verbosity, color: Option<bool>, json: bool) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal();
        let choose = |is_terminal: bool| color.unwrap_or(is_terminal && !no_color && !dumb);
        let live = (terminal && !dumb && !json && verbosity != Verbosity::Quiet).then(Live::new);
        let width = std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(100_usize)
            .clamp(40, 160);
        Self {
            shared: Arc::new(Shared {
                verbosity,
                out_color: choose(std::io::stdout().is_terminal()),
                err_color: choose(terminal),
                width,
                json,
                live,
                lock: Mutex::new(()),
            }),
        }
    }

    /// How much to say.
    pub fn verbosity(&self) -> Verbosity {
        self.shared.verbosity
    }

    /// Is standard output coloured?
    pub fn out_color(&self) -> bool {
        self.shared.out_color
    }

    /// Is standard error coloured?
    pub fn err_color(&self) -> bool {
        self.shared.err_color
    }

    /// Is the result JSON?
    pub fn json(&self) -> bool {
        self.shared.json
    }

    /// This screen as a sink of events.
    pub fn events(&self) -> Events {
        Arc::new(self.clone())
    }

    /// A result, to standard output. A closed pipe is the reader's choice and no error.
    pub fn result(&self, text: &str) {
        let _guard = self.guard();
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes());
        if !text.ends_with('\n') {
            let _ = out.write_all(b"\n");
        }
        let _ = out.flush();
    }

    /// A JSON result, to standard output.
    pub fn json_result(&self, value: &impl serde::Serialize) {
        let text = serde_json::to_string_pretty(value).unwrap_or_default();
        self.result(&text);
    }

    /// A word to the person, to standard error; not when quiet.
    pub fn say(&self, text: &str) {
        if self.shared.verbosity > Verbosity::Quiet {
            self.line(text);
        }
    }

    /// A fault, drawn with its place.
    pub fn fault(&self, fault: &Fault) {
        if !fault.is_error() && self.shared.verbosity == Verbosity::Quiet {
            return;
        }
        let style = diagnostic::Style {
            color: self.shared.err_color,
            unicode: !cfg!(windows) || self.shared.err_color,
            width: self.shared.width,
        };
        self.line(diagnostic::render(fault, style).trim_end());
    }

    /// All faults.
    pub fn faults(&self, faults: &Faults) {
        for fault in faults {
            self.fault(fault);
        }
    }

    /// Ends the live display.
    pub fn finish(&self) {
        if let Some(live) = &self.shared.live {
            live.finish();
        }
    }

    fn line(&self, text: &str) {
        let _guard = self.guard();
        match &self.shared.live {
            Some(live) => live.print(text),
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{text}");
            }
        }
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, ()> {
        self.shared
            .lock
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn paint(&self, style: Style, text: &str) -> String {
        if self.shared.err_color {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }
}

const GREEN: Style = AnsiColor::Green.on_default();
const RED: Style = AnsiColor::Red.on_default();
const DIM: Style = Style::new().dimmed();

impl Sink for Screen {
    fn emit(&self, event: Event) {
        if let Some(live) = &self.shared.live {
            live.observe(&event);
        }
        let verbose = self.shared.verbosity >= Verbosity::Verbose;
        match event {
            Event::Fault(fault) => self.fault(&fault),
            Event::StepFinished {
                step,
                outcome,
                bytes_moved,
                bytes_mounted,
                ..
            } => {
                let moved = if bytes_mounted > 0 {
                    format!(
                        " ({} sent, {} mounted)",
                        super::bytes(bytes_moved),
                        super::bytes(bytes_mounted)
                    )
                } else {
                    format!(" ({})", super::bytes(bytes_moved))
                };
                match outcome {
                    Outcome::Done => self.say(&format!(
                        "{} {step}{}",
                        self.paint(GREEN, "done"),
                        self.paint(DIM, &moved)
                    )),
                    // The fault itself is drawn once, with everything else that failed, at the end.
                    Outcome::Failed(fault) => {
                        // It begins with the step already.
                        let words = fault.to_string();
                        let words = words.strip_prefix(&format!("{step}: ")).unwrap_or(&words);
                        self.say(&format!("{} {step}: {words}", self.paint(RED, "failed")));
                    }
                    Outcome::Blocked => self.say(&format!("{} {step}", self.paint(RED, "blocked"))),
                    Outcome::Cancelled => self.say(&format!("{} {step}", self.paint(DIM, "stopped"))),
                    Outcome::Fresh if verbose => self.say(&format!("{} {step}", self.paint(DIM, "fresh"))),
                    Outcome::Fresh => {}
                }
            }
            Event::StepRetry {
                step,
                attempt,
                delay,
                why,
            } if (verbose || delay.as_secs() >= 5) => {
                self.say(&format!(
                    "{step}: try {attempt} failed: {why}; again in {:.1} s",
                    delay.as_secs_f64()
                ));
            }
            Event::PhaseAdvanced { what, cached, .. } if verbose => {
                self.say(&self.paint(DIM, &format!("{what}{}", if cached { " (cached)" } else { "" })));
            }
            Event::Detail(text) if verbose => self.say(&self.paint(DIM, &text)),
            _ => {}
        }
    }
}
