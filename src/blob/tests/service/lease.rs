//! Leases (REST reference, "Lease Blob"): one that has ended can be renewed until somebody writes or leases.

use std::time::Duration;

use super::answer::Reply;

/// The lease of a blob.
#[derive(Debug, Clone, Default)]
pub struct Lease {
    /// Who has it, or had it last with nobody in between; and until when, `None` for ever.
    holder: Option<(String, Option<Duration>)>,
}

impl Lease {
    pub fn is_held(&self, now: Duration) -> bool {
        matches!(&self.holder, Some((_, until)) if until.is_none_or(|until| until > now))
    }

    /// Somebody else takes it.
    pub fn seize(&mut self, id: &str, now: Duration) {
        self.holder = Some((id.to_owned(), Some(now + Duration::from_secs(60))));
    }

    /// May a write with this lease id go on? `Err`: the refusal.
    pub fn admits(&self, id: Option<&str>, now: Duration) -> Result<(), Reply> {
        let code = match (&self.holder, id) {
            (_, None) if !self.is_held(now) => return Ok(()),
            (_, None) => "LeaseIdMissing",
            (Some((holder, _)), Some(id)) if holder == id && self.is_held(now) => return Ok(()),
            (Some((holder, _)), Some(id)) if holder == id => "LeaseLost",
            (Some(_), Some(_)) if self.is_held(now) => "LeaseIdMismatchWithBlobOperation",
            (_, Some(_)) => "LeaseNotPresentWithBlobOperation",
        };
        Err(Reply::error(412, code))
    }

    /// Somebody wrote without a lease: one that has ended cannot be renewed any more.
    pub fn written(&mut self, now: Duration) {
        if !self.is_held(now) {
            self.holder = None;
        }
    }

    pub fn acquire(&mut self, id: &str, seconds: i64, now: Duration) -> Result<Reply, Reply> {
        if self.is_held(now) && !matches!(&self.holder, Some((holder, _)) if holder == id) {
            return Err(Reply::error(409, "LeaseAlreadyPresent"));
        }
        let until = u64::try_from(seconds)
            .ok()
            .map(|seconds| now + Duration::from_secs(seconds));
        self.holder = Some((id.to_owned(), until));
        Ok(Reply::new(201).with("x-ms-lease-id", id))
    }

    pub fn renew(&mut self, id: &str, now: Duration) -> Result<Reply, Reply> {
        match &mut self.holder {
            Some((holder, until)) if holder == id => {
                if until.is_some() {
                    *until = Some(now + Duration::from_secs(60));
                }
                Ok(Reply::new(200).with("x-ms-lease-id", id))
            }
            _ => Err(Reply::error(409, "LeaseIdMismatchWithLeaseOperation")),
        }
    }

    pub fn release(&mut self, id: &str) -> Result<Reply, Reply> {
        match &self.holder {
            Some((holder, _)) if holder == id => {
                self.holder = None;
                Ok(Reply::new(200))
            }
            _ => Err(Reply::error(409, "LeaseIdMismatchWithLeaseOperation")),
        }
    }
}
