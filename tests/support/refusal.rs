//! What every refusal must be, whatever was wrong: the right exit code, errors with hints, no panic, and nothing half-written.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::SystemTime;

use super::aosm::{Aosm, Output, Project};

/// The remains of a run that refused what it was given, for more questions.
#[derive(Debug)]
pub struct Refusal(pub Output);

/// Runs a command that must fail with `code` and leave the project as it was, its store and its lock included.
pub fn refused(project: &Project, arguments: &[&str], code: i32) -> Refusal {
    refused_run(project, project.aosm(arguments), code, &[])
}

/// The same for a run prepared by hand. Paths that begin with one of `except` may change.
pub fn refused_run(project: &Project, run: Aosm, code: i32, except: &[&str]) -> Refusal {
    let before = state(&project.folder());
    let output = run.run();
    let after = state(&project.folder());
    let changed: Vec<&String> = before
        .keys()
        .chain(after.keys())
        .filter(|name| before.get(*name) != after.get(*name) && !except.iter().any(|part| name.starts_with(part)))
        .collect();
    assert!(changed.is_empty(), "{changed:?} changed: {output}");
    Refusal::of(project, output, code)
}

impl Refusal {
    /// Judges the output of a run.
    pub fn of(project: &Project, output: Output, code: i32) -> Self {
        let output = output.expect(code);
        let refusal = Self(output);
        let errors = refusal.errors();
        assert!(!errors.is_empty(), "nothing is called an error: {}", refusal.0);
        for error in &errors {
            assert!(error.contains("help: "), "no hint in\n{error}\nof {}", refusal.0);
        }
        for word in ["panicked", "RUST_BACKTRACE", "this is a bug", "unreachable", "Os {"] {
            assert!(!refusal.0.stderr.contains(word), "{word:?} is said: {}", refusal.0);
        }
        let folder = project.folder().display().to_string();
        assert!(
            !refusal.0.stderr.contains(&folder),
            "a path is not told from here: {}",
            refusal.0
        );
        let left: Vec<_> = super::snapshot::walk(&project.folder())
            .into_iter()
            .filter(|path| {
                path.file_name()
                    .is_some_and(|name| name.to_string_lossy().contains(".tmp-"))
            })
            .collect();
        assert!(left.is_empty(), "{left:?} is left behind: {}", refusal.0);
        refusal
    }

    /// The drawn errors, each with its excerpt and hint, on single-spaced lines as they stand.
    pub fn errors(&self) -> Vec<String> {
        let mut errors: Vec<String> = Vec::new();
        let mut inside = false;
        for line in self.0.stderr.lines() {
            let is_error = line.starts_with("  error:");
            // An empty line may stand in the words of somebody else.
            if is_error || line.starts_with("  warning:") || !line.is_empty() && !line.starts_with(' ') {
                inside = is_error;
            }
            if is_error {
                errors.push(String::new());
            }
            if let (true, Some(error)) = (inside, errors.last_mut()) {
                error.push_str(line);
                error.push('\n');
            }
        }
        errors
    }

    /// There is exactly one error.
    pub fn one(self) -> Self {
        self.count(1)
    }

    /// There are exactly so many errors.
    pub fn count(self, count: usize) -> Self {
        assert_eq!(self.errors().len(), count, "{}", self.0);
        self
    }

    /// The errors say this, however it was wrapped.
    pub fn says(self, text: &str) -> Self {
        let flat = unwrapped(&self.0.stderr);
        assert!(flat.contains(&unwrapped(text)), "nothing says {text:?}: {}", self.0);
        self
    }

    /// The errors do not say this.
    pub fn silent_about(self, text: &str) -> Self {
        let flat = unwrapped(&self.0.stderr);
        assert!(!flat.contains(&unwrapped(text)), "{text:?} is said: {}", self.0);
        self
    }
}

/// A text without the marks and breaks of a drawn error.
fn unwrapped(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|c| if "│╰╭├─▶·┬".contains(c) { ' ' } else { c })
        .collect();
    plain.split_whitespace().collect::<Vec<_>>().join("")
}

/// Path, kind, size and time of everything in a project but its cache and its state.
fn state(folder: &Path) -> BTreeMap<String, (bool, u64, Option<SystemTime>)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(current) = folders.pop() {
        for entry in std::fs::read_dir(&current).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = path.strip_prefix(folder).expect("below").to_string_lossy().into_owned();
            if matches!(name.as_str(), ".aosm/cache" | ".aosm/state") {
                continue;
            }
            let Ok(meta) = path.symlink_metadata() else { continue };
            if meta.is_dir() {
                folders.push(path);
            }
            // A folder's time changes with what is made in it for a moment.
            let modified = meta.modified().ok().filter(|_| meta.is_file());
            if name != ".aosm" {
                found.insert(
                    name,
                    (meta.is_dir(), if meta.is_file() { meta.len() } else { 0 }, modified),
                );
            }
        }
    }
    found
}
