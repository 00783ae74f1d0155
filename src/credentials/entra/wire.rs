//! What identities need of a network: small questions and small answers. Whoever owns the sockets implements it.

use std::time::Duration;

use super::super::Secret;

/// The largest answer that is read, in bytes: tokens of a user in very many groups are some tens of KiB.
pub const ANSWER_LIMIT: usize = 256 * 1024;

/// One request.
#[derive(Debug, Clone)]
pub struct Question {
    /// Where, with its query.
    pub url: url::Url,
    /// Headers.
    pub headers: Vec<(&'static str, Secret)>,
    /// What is posted as a form, which may be empty; without it this is a GET.
    pub form: Option<Vec<(&'static str, Secret)>>,
    /// May it go without TLS to any host? Only for an address of this machine's own surroundings, which the platform
    /// (link-local) or the environment names; everything else needs TLS or this machine.
    pub plain: bool,
    /// Ask once, and wait no longer than this: is anybody there?
    pub probe: Option<Duration>,
}

impl Question {
    /// A GET.
    pub fn get(url: url::Url) -> Self {
        Self {
            url,
            headers: Vec::new(),
            form: None,
            plain: false,
            probe: None,
        }
    }

    /// A POST of a form.
    pub fn post(url: url::Url, form: Vec<(&'static str, Secret)>) -> Self {
        Self {
            form: Some(form),
            ..Self::get(url)
        }
    }

    /// The same with a header.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, Secret::new(value)));
        self
    }
}

/// An answer, whatever its status.
#[derive(Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// The body; at most [`ANSWER_LIMIT`] bytes.
    pub body: Vec<u8>,
    /// `WWW-Authenticate`, where there is one.
    pub challenge: Option<String>,
    /// What time it is there (`Date`), where it says so.
    pub date: Option<std::time::SystemTime>,
}

/// Sends questions. Throttling, failing servers and broken connections are tried again here; a question that gets no
/// answer in the end is an error, in words without secrets.
#[async_trait::async_trait]
pub trait IdentityWire: Send + Sync {
    /// Asks.
    async fn ask(&self, question: Question) -> Result<Reply, String>;
}
