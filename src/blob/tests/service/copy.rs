//! Copies by the service: at once, after a while, or not at all (REST reference, "Copy Blob").

use super::blob::Content;

/// How a copy is to go.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CopyPlan {
    /// Done when the answer comes.
    #[default]
    AtOnce,
    /// Done after so many looks at the blob.
    After(u32),
    /// Fails after so many looks, for this reason.
    Fails(u32, String),
    /// Never ends by itself.
    Never,
    /// Refused: status and code.
    Refused(u16, String),
}

/// A copy into a blob, under way or ended.
#[derive(Debug, Clone)]
pub struct Copying {
    pub id: String,
    /// As the request named it, with query: the service repeats it in full.
    pub source: String,
    pub status: &'static str,
    pub reason: Option<String>,
    pub done: u64,
    pub all: u64,
    plan: CopyPlan,
    /// What will be there at the end.
    pub(super) content: Content,
}

impl Copying {
    pub fn new(id: String, source: String, plan: CopyPlan, content: Content) -> Self {
        let mut copying = Self {
            id,
            source,
            status: "pending",
            reason: None,
            done: 0,
            all: content.length,
            plan,
            content,
        };
        if matches!(copying.plan, CopyPlan::AtOnce) {
            copying.end("success", None);
        }
        copying
    }

    /// Goes on as this plan says.
    pub fn let_go(&mut self, plan: CopyPlan) {
        self.plan = plan;
    }

    pub fn is_pending(&self) -> bool {
        self.status == "pending"
    }

    /// Somebody looked. True when the copy came to its end.
    pub fn look(&mut self) -> bool {
        if !self.is_pending() {
            return false;
        }
        let (left, fails) = match &mut self.plan {
            CopyPlan::After(left) => (left, None),
            CopyPlan::Fails(left, reason) => (left, Some(reason.clone())),
            _ => return false,
        };
        if *left > 0 {
            *left -= 1;
            self.done = self.all / u64::from(*left + 2);
            return false;
        }
        match fails {
            None => self.end("success", None),
            Some(reason) => self.end("failed", Some(reason)),
        }
        true
    }

    pub fn end(&mut self, status: &'static str, reason: Option<String>) {
        self.status = status;
        self.reason = reason;
        if status == "success" {
            self.done = self.all;
        }
    }
}
