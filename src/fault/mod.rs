//! Faults: what failed, where, why, and what to do about it.
//!
//! A [`Fault`] is plain data. `report` draws it for people (with source excerpts) and for machines; `cli` maps
//! its [`Kind`] to the exit code. Warnings are faults of [`Severity::Warning`].

mod kind;
mod place;

pub use kind::Kind;
pub use place::{Place, SourceFile, Span, offset_of};

/// How many names a message lists.
const SHOWN: usize = 5;

/// Names for a message: the first few, and how many more there are.
pub fn some_of(names: &[&str]) -> String {
    let shown = names.iter().take(SHOWN).copied().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The run goes on; the person should know.
    Warning,
    /// The command cannot do what was asked.
    Error,
}

/// A second place that belongs to a fault ("first named here").
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub place: Place,
    /// What is there; may be empty for the main place.
    pub text: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Body {
    severity: Severity,
    kind: Kind,
    message: String,
    labels: Vec<Label>,
    causes: Vec<String>,
    hint: Option<String>,
}

/// One thing that went wrong (or deserves a warning). Cheap to move: one pointer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault(Box<Body>);

impl Fault {
    /// An error of the given kind. `message` is lower case, without a full stop, the thing first.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self(Box::new(Body {
            severity: Severity::Error,
            kind,
            message: message.into(),
            labels: Vec::new(),
            causes: Vec::new(),
            hint: None,
        }))
    }

    /// Invalid configuration or input (exit code 4).
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }

    /// Network, disk, denied, tool missing (exit code 5).
    pub fn infrastructure(message: impl Into<String>) -> Self {
        Self::new(Kind::Infrastructure, message)
    }

    /// A state that the program's own logic rules out (exit code 70).
    pub fn bug(message: impl Into<String>) -> Self {
        Self::new(Kind::Bug, message)
            .hint("this is a bug in aosm-build: please report it with the command and the output")
    }

    /// A warning: never changes the exit code.
    pub fn warning(message: impl Into<String>) -> Self {
        let mut fault = Self::new(Kind::Invalid, message);
        fault.0.severity = Severity::Warning;
        fault
    }

    /// Adds the place of the fault.
    #[must_use]
    pub fn at(self, place: Place) -> Self {
        self.label(place, "")
    }

    /// Adds the place of the fault where it is known.
    #[must_use]
    pub fn at_opt(self, place: Option<Place>) -> Self {
        match place {
            Some(place) => self.at(place),
            None => self,
        }
    }

    /// Adds a place with a word on what is there.
    #[must_use]
    pub fn label(mut self, place: Place, text: impl Into<String>) -> Self {
        self.0.labels.push(Label {
            place,
            text: text.into(),
        });
        self
    }

    /// Adds a cause: the text of an underlying error, outermost first.
    #[must_use]
    #[allow(
        clippy::needless_pass_by_value,
        reason = "errors are handed over where they occur: `.because(e)`"
    )]
    pub fn because(mut self, cause: impl ToString) -> Self {
        self.0.causes.push(cause.to_string());
        self
    }

    /// Sets the one hint that can be acted on.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// The same fault as another kind: what it means depends on who tells.
    #[must_use]
    pub fn of_kind(mut self, kind: Kind) -> Self {
        self.0.kind = kind;
        self
    }

    /// Puts a context before the message: `context: message`.
    #[must_use]
    pub fn context(mut self, context: impl std::fmt::Display) -> Self {
        self.0.message = format!("{context}: {}", self.0.message);
        self
    }

    /// The same fault with its message, causes and hint changed: for screens that show paths in their own way.
    #[must_use]
    pub fn rewritten(mut self, change: impl Fn(&str) -> String) -> Self {
        self.0.message = change(&self.0.message);
        self.0.causes.iter_mut().for_each(|cause| *cause = change(cause));
        self.0.hint = self.0.hint.as_deref().map(change);
        self
    }

    /// How bad it is.
    pub fn severity(&self) -> Severity {
        self.0.severity
    }

    /// True for errors, false for warnings.
    pub fn is_error(&self) -> bool {
        self.0.severity == Severity::Error
    }

    /// Which kind, hence which exit code.
    pub fn kind(&self) -> Kind {
        self.0.kind
    }

    /// What failed.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// Where; the first is the main place.
    pub fn labels(&self) -> &[Label] {
        &self.0.labels
    }

    /// Why, outermost first.
    pub fn causes(&self) -> &[String] {
        &self.0.causes
    }

    /// What to do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0.message)?;
        for cause in &self.0.causes {
            write!(f, ": {cause}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Fault {}

/// Collected faults: all of one run, errors and warnings, in the order found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// An empty collection.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one.
    pub fn push(&mut self, fault: Fault) {
        self.0.push(fault);
    }

    /// Adds many.
    pub fn extend(&mut self, faults: impl IntoIterator<Item = Fault>) {
        self.0.extend(faults);
    }

    /// True when at least one is an error.
    pub fn has_errors(&self) -> bool {
        self.0.iter().any(Fault::is_error)
    }

    /// True when there is none, not even a warning.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All, in the order found.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.0.iter()
    }

    /// The kind that decides the exit code: the gravest error present, `None` without errors.
    pub fn worst(&self) -> Option<Kind> {
        self.0
            .iter()
            .filter(|f| f.is_error())
            .map(Fault::kind)
            .max_by_key(|k| k.gravity())
    }

    /// `Ok` with the warnings when no error was collected, else everything as `Err`.
    pub fn into_result<T>(self, value: T) -> Result<(T, Self), Self> {
        if self.has_errors() {
            Err(self)
        } else {
            Ok((value, self))
        }
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl IntoIterator for Faults {
    type Item = Fault;
    type IntoIter = std::vec::IntoIter<Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;
    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}

impl FromIterator<Fault> for Faults {
    fn from_iter<I: IntoIterator<Item = Fault>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}
