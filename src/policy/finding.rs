//! What goes into a judgement, and what comes out.

use crate::fault::Place;
use crate::locate::Located;
use crate::project::PolicyRule;
use crate::reference::ImageReference;

/// What is known of one image.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The reference as rendered.
    pub reference: &'a ImageReference,
    /// The tag that `[[images]]` gives it.
    pub version: Option<&'a str>,
    /// A warning about its missing tag was given already.
    pub told_latest: bool,
    /// Where it is; `None` while nobody was asked.
    pub located: Option<&'a Located>,
    /// Bytes of what is copied of it; `None` while that is not known.
    pub size: Option<u64>,
}

/// A rule that an image breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub rule: PolicyRule,
    /// False for a warning.
    pub error: bool,
    /// What is wrong, to follow the image's name.
    pub why: String,
    /// What to do about it.
    pub hint: String,
    /// Where the project says so; `None` for defaults.
    pub place: Option<Place>,
}

/// What the rules say about one image.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Broken rules, in the order of [`PolicyRule::ALL`].
    pub findings: Vec<Finding>,
    /// Rules that nobody can judge yet.
    pub open: Vec<PolicyRule>,
}
