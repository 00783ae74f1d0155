//! The two streams: results on standard output, everything else on standard error.

use std::io::{IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use anstyle::{AnsiColor, Style};

use super::live::Live;
use super::tree::TreeStyle;
use super::{diagnostic, suggestion};
use crate::event::{Event, Events, Outcome, Phase, Sink};
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
    /// Columns; `None` where standard error is no terminal and nobody says how wide it is.
    width: Option<usize>,
    json: bool,
    live: Option<Live>,
    /// The current folder with a `/`: paths below it are shown from there.
    here: String,
    /// The project's environment that was chosen: suggested commands stay in it.
    environment: Option<String>,
    /// A result could not be written.
    lost: AtomicBool,
    /// Lines of different threads must not mix.
    lock: Mutex<Flow>,
}

/// What was printed last.
#[derive(Default)]
struct Flow {
    /// A drawn fault: what comes next gets an empty line before it.
    after_fault: bool,
}

/// Columns when nobody says how many there are.
const WIDTH: usize = 100;

impl Screen {
    /// A screen for this process's streams. `color` forces or forbids; `None` looks at the terminal and `NO_COLOR`.
    pub fn new(verbosity: Verbosity, color: Option<bool>, json: bool, environment: Option<String>) -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let terminal = std::io::stderr().is_terminal();
        let choose = |is_terminal: bool| color.unwrap_or(is_terminal && !no_color && !dumb);
        let width = width(terminal);
        let live =
            (terminal && !dumb && !json && verbosity != Verbosity::Quiet).then(|| Live::new(width.unwrap_or(WIDTH)));
        Self {
            shared: Arc::new(Shared {
                verbosity,
                out_color: choose(std::io::stdout().is_terminal()),
                err_color: choose(terminal),
                width,
                json,
                live,
                here: here(),
                environment,
                lost: AtomicBool::new(false),
                lock: Mutex::default(),
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

    /// How a plan is drawn on standard output, or (`err`) on standard error.
    pub fn tree_style(&self, err: bool) -> TreeStyle {
        let terminal = if err {
            std::io::stderr().is_terminal()
        } else {
            std::io::stdout().is_terminal()
        };
        TreeStyle {
            color: if err {
                self.shared.err_color
            } else {
                self.shared.out_color
            },
            all: self.shared.verbosity >= Verbosity::Verbose,
            width: self
                .shared
                .width
                .filter(|_| terminal || std::env::var_os("COLUMNS").is_some()),
        }
    }

    /// This screen as a sink of events.
    pub fn events(&self) -> Events {
        Arc::new(self.clone())
    }

    /// Does somebody look at standard output, so that columns help more than plain lines?
    pub fn wide(&self) -> bool {
        std::io::stdout().is_terminal()
    }

    /// A question, to standard error; the answer follows on the same line.
    pub fn ask(&self, question: &str) {
        self.finish();
        let _guard = self.guard();
        let mut err = std::io::stderr().lock();
        let _ = err.write_all(question.as_bytes()).and_then(|()| err.flush());
    }

    /// A result, to standard output. A closed pipe is the reader's choice and no error.
    pub fn result(&self, text: &str) {
        self.finish();
        let mut flow = self.guard();
        if std::mem::take(&mut flow.after_fault) && std::io::stdout().is_terminal() {
            let _ = writeln!(std::io::stderr().lock());
        }
        drop(flow);
        let end = if text.ends_with('\n') { "" } else { "\n" };
        self.write_out(&[text.as_bytes(), end.as_bytes()]);
    }

    /// A result that is passed on byte for byte, to standard output.
    pub fn result_bytes(&self, bytes: &[u8]) {
        self.finish();
        self.write_out(&[bytes]);
    }

    fn write_out(&self, pieces: &[&[u8]]) {
        let mut out = std::io::stdout().lock();
        let written = pieces
            .iter()
            .try_for_each(|piece| out.write_all(piece))
            .and_then(|()| out.flush());
        match written {
            Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
                self.shared.lost.store(true, Ordering::Relaxed);
                self.fault(
                    &Fault::infrastructure("standard output cannot be written")
                        .because(e)
                        .hint("free some space where it goes, and run the command again"),
                );
            }
            _ => {}
        }
    }

    /// Could a result not be written?
    pub fn lost_a_result(&self) -> bool {
        self.shared.lost.load(Ordering::Relaxed)
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
            width: self.shared.width.unwrap_or(WIDTH),
        };
        let mut fault = fault.clone().rewritten(|text| self.seen_from_here(text));
        if let (Some(environment), Some(hint)) = (&self.shared.environment, fault.hint_text()) {
            let hint = suggestion::in_environment(hint, environment);
            fault = fault.hint(hint);
        }
        let drawn = diagnostic::render(&fault, style);
        self.print(drawn.trim_end(), true);
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
        self.print(text, false);
    }

    /// Prints to standard error, with an empty line before and after a fault.
    fn print(&self, text: &str, is_fault: bool) {
        let mut flow = self.guard();
        let apart = if flow.after_fault { "\n" } else { "" };
        flow.after_fault = is_fault;
        match &self.shared.live {
            Some(live) => live.print(&format!("{apart}{text}")),
            None => {
                let _ = writeln!(std::io::stderr().lock(), "{apart}{text}");
            }
        }
    }

    /// A text whose paths below the current folder are shown from there.
    pub fn seen_from_here(&self, text: &str) -> String {
        if self.shared.here.is_empty() {
            text.to_owned()
        } else {
            text.replace(&self.shared.here, "")
        }
    }

    /// Words of files and servers on one line: nothing in them moves the cursor.
    fn words(&self, text: &str) -> String {
        diagnostic::printable(&self.seen_from_here(text))
    }

    fn guard(&self) -> std::sync::MutexGuard<'_, Flow> {
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

/// `COLUMNS`, else what the terminal says; within what can be read.
fn width(terminal: bool) -> Option<usize> {
    let told = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let asked = || terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0));
    let width = told.or_else(|| if terminal { asked() } else { None })?;
    Some(width.clamp(40, 160))
}

/// The current folder with a `/`; empty where that would shorten nothing or too much.
fn here() -> String {
    let folder = std::env::current_dir()
        .ok()
        .and_then(|path| path.into_os_string().into_string().ok());
    folder
        .filter(|folder| folder.len() > 1)
        .map_or_else(String::new, |folder| format!("{folder}{}", std::path::MAIN_SEPARATOR))
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
                } else if bytes_moved > 0 {
                    format!(" ({})", super::bytes(bytes_moved))
                } else {
                    String::new()
                };
                match outcome {
                    Outcome::Done => self.say(&format!(
                        "{} {step}{}",
                        self.paint(GREEN, "done"),
                        self.paint(DIM, &moved)
                    )),
                    // The fault itself is drawn once, with everything else that failed, at the end.
                    Outcome::Failed(fault) => {
                        let words = self.words(&fault.to_string());
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
            } if verbose || delay.as_secs() >= 5 => {
                self.say(&format!(
                    "{step}: try {attempt} failed: {}; again in {:.1} s",
                    self.words(&why),
                    delay.as_secs_f64()
                ));
            }
            Event::PhaseAdvanced { phase, what, cached } if verbose => {
                let word = match phase {
                    Phase::Local | Phase::Apply | Phase::Bundle | Phase::ReadDisk | Phase::MoveDisk => "",
                    Phase::Locate => "locate ",
                    Phase::Observe => "look at ",
                };
                let cached = if cached { " (cached)" } else { "" };
                self.say(&self.paint(DIM, &format!("{word}{what}{cached}")));
            }
            // Said once; how often it is looked at is a detail.
            Event::Waiting { what, since, delay } if verbose || since.is_zero() => {
                self.say(&format!(
                    "{} (looking again in {:.0} s)",
                    self.words(&what),
                    delay.as_secs_f64()
                ));
            }
            Event::Detail(text) if verbose => self.say(&self.paint(DIM, &self.words(&text))),
            _ => {}
        }
    }
}
