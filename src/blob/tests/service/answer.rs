//! Answers of the service, good and bad.

use bytes::Bytes;

/// An answer.
#[derive(Debug, Clone, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Bytes,
}

impl Reply {
    pub fn new(status: u16) -> Self {
        Self {
            status,
            headers: vec![("x-ms-version".into(), "2026-04-06".into())],
            body: Bytes::new(),
        }
    }

    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }

    pub fn with_body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    /// A refusal: the code in a header, and in a document too, which HEAD leaves out.
    pub fn error(status: u16, code: &str) -> Self {
        let body = format!(
            "\u{feff}<?xml version=\"1.0\" encoding=\"utf-8\"?><Error><Code>{code}</Code><Message>The service says {code}.\n\
             RequestId:01\nTime:2030-01-01T00:00:00Z</Message></Error>"
        );
        Self::new(status)
            .with("x-ms-error-code", code)
            .with("content-type", "application/xml")
            .with_body(body)
    }
}
