//! What can go wrong between a client and a registry, and when: the vocabulary of [`super::Faulty`].

use std::time::{Duration, SystemTime};

use super::http::Response;
use super::traffic::Entry;

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// This answer instead of the registry's, which never sees the request.
    Answer(Response),
    /// 429, with `Retry-After` in seconds.
    Throttle(u32),
    /// The same with a date that is so many seconds ahead.
    ThrottleUntil(u32),
    /// This answer as soon as so many bytes of the request's body are there; no more is read, and the connection is closed.
    AnswerEarly(u64, Response),
    /// The request is passed on after a pause.
    Delay(Duration),
    /// The registry gets the request's head at once, and its body after a pause: a slow line.
    SlowBody(Duration),
    /// No answer, ever; the connection stays open.
    Hang,
    /// The connection is reset without an answer.
    Reset,
    /// The connection is reset after this many bytes of the answer's body.
    ResetAfter(u64),
    /// The connection is closed in good order after this many bytes of the answer's body.
    CutAfter(u64),
    /// Nothing more comes after this many bytes of the answer's body; the connection stays open.
    HangAfter(u64),
    /// The connection is reset after this many bytes of the *request's* body; the registry never sees it.
    ResetUpload(u64),
    /// The same, and the registry sees those bytes, then the end: what it keeps of them can be asked.
    BreakUpload(u64),
    /// The byte at this place of the answer's body is flipped.
    Corrupt(u64),
    /// These bytes instead of an HTTP answer; then the connection is closed.
    Garbage(Vec<u8>),
    /// The registry's answer without these headers.
    DropHeaders(&'static [&'static str]),
    /// The registry's answer with this header.
    SetHeader(&'static str, String),
    /// 307 to the same path and query at another `host:port`.
    Redirect(String),
    /// The same with another status: 301, 302, 303, 308.
    RedirectWith(u16, String),
    /// The registry's answer with its `Location` moved to another `host:port`: an upload that goes on elsewhere.
    Relocate(String),
    /// The registry does what it is asked, and the connection is reset instead of its answer.
    LoseAnswer,
    /// The registry is asked without these parameters: a filter that is ignored, pages of another size, a mount that
    /// becomes an upload (`mount`, `from`: 202).
    IgnoreQuery(&'static [&'static str]),
    /// The registry is asked without the login, so that it answers with its own challenge.
    Challenge,
    /// The same, and every `Authorization` seen so far is refused like that from now on: tokens that expired early.
    ExpireTokens,
    /// The registry's answer, with a `Link` to the very page that it is.
    LoopPages,
    /// The registry's answer, with a `Link` to a next page, every time.
    EndlessPages,
}

impl Fault {
    /// Does the answer's body come through as it is, from whoever gives it?
    pub(super) fn leaves_the_answer(&self) -> bool {
        matches!(
            self,
            Self::Delay(_)
                | Self::SlowBody(_)
                | Self::DropHeaders(_)
                | Self::SetHeader(..)
                | Self::Relocate(_)
                | Self::LoopPages
                | Self::EndlessPages
        )
    }

    /// The answer that takes the registry's place, where it is known beforehand.
    pub(super) fn answer(&self, target: &str) -> Option<Response> {
        let moved =
            |status, host: &String| Response::new(status, "").with("Location", &format!("http://{host}{target}"));
        let throttled = || Response::error(429, "TOOMANYREQUESTS", "slow down");
        match self {
            Self::Answer(response) => Some(response.clone()),
            Self::Throttle(seconds) => Some(throttled().with("Retry-After", &seconds.to_string())),
            Self::ThrottleUntil(seconds) => {
                let now = SystemTime::now();
                let then = now + Duration::from_secs(u64::from(*seconds));
                let date = |time| httpdate::fmt_http_date(time);
                Some(throttled().with("Retry-After", &date(then)).with("Date", &date(now)))
            }
            Self::Redirect(host) => Some(moved(307, host)),
            Self::RedirectWith(status, host) => Some(moved(*status, host)),
            _ => None,
        }
    }
}

type Condition = Box<dyn Fn(&Entry) -> bool + Send>;

/// A fault, and the requests it is for.
pub struct Rule {
    pub(super) fault: Fault,
    when: Condition,
    skip: usize,
    times: usize,
}

impl Rule {
    /// For every request, every time.
    pub fn new(fault: Fault) -> Self {
        Self {
            fault,
            when: Box::new(|_| true),
            skip: 0,
            times: usize::MAX,
        }
    }

    /// Only for requests with this label, such as `GET blob` ([`Entry::label`]).
    pub fn on(self, label: &'static str) -> Self {
        self.when(move |entry| entry.is(label))
    }

    /// Only for requests that `condition` takes.
    pub fn when(mut self, condition: impl Fn(&Entry) -> bool + Send + 'static) -> Self {
        let earlier = self.when;
        self.when = Box::new(move |entry| earlier(entry) && condition(entry));
        self
    }

    /// Lets the first `count` such requests through.
    pub fn skip(mut self, count: usize) -> Self {
        self.skip = count;
        self
    }

    /// Only this often.
    pub fn times(mut self, count: usize) -> Self {
        self.times = count;
        self
    }

    pub(super) fn takes(&mut self, entry: &Entry) -> bool {
        if self.times == 0 || !(self.when)(entry) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        self.times = self.times.saturating_sub(usize::from(self.times != usize::MAX));
        true
    }
}
