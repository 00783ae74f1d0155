//! HTTP/1.1 messages, in the simplest way that works: heads, bodies by length, by chunks, or until the end.

use std::io::{self, BufRead, Read, Write};

/// Headers in the order sent.
#[derive(Debug, Clone, Default)]
pub struct Headers(pub Vec<(String, String)>);

impl Headers {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| n.eq_ignore_ascii_case(name))
            .map(|(_, v)| v.as_str())
    }

    pub fn remove(&mut self, name: &str) {
        self.0.retain(|(n, _)| !n.eq_ignore_ascii_case(name));
    }

    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.0.push((name.to_owned(), value.to_owned()));
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        for (name, value) in &self.0 {
            write!(out, "{name}: {value}\r\n")?;
        }
        out.write_all(b"\r\n")
    }
}

/// How long a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    Length(u64),
    Chunked,
    UntilEnd,
}

/// The head of a request.
#[derive(Debug, Clone)]
pub struct RequestHead {
    pub method: String,
    pub target: String,
    pub headers: Headers,
}

impl RequestHead {
    /// The next request of a connection; `None` when the peer closed it.
    pub fn read(from: &mut impl BufRead) -> io::Result<Option<Self>> {
        let Some((start, headers)) = read_head(from)? else {
            return Ok(None);
        };
        let mut words = start.split(' ');
        let (Some(method), Some(target)) = (words.next(), words.next()) else {
            return Err(io::Error::other(format!("not a request line: {start:?}")));
        };
        Ok(Some(Self {
            method: method.to_owned(),
            target: target.to_owned(),
            headers,
        }))
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "{} {} HTTP/1.1\r\n", self.method, self.target)?;
        self.headers.write(out)
    }

    pub fn framing(&self) -> Framing {
        framing(&self.headers).unwrap_or(Framing::Length(0))
    }
}

/// The head of a response.
#[derive(Debug, Clone)]
pub struct ResponseHead {
    pub status: u16,
    pub headers: Headers,
}

impl ResponseHead {
    pub fn read(from: &mut impl BufRead) -> io::Result<Self> {
        loop {
            let (start, headers) = read_head(from)?
                .ok_or_else(|| io::Error::new(io::ErrorKind::UnexpectedEof, "closed without an answer"))?;
            let status = start
                .split(' ')
                .nth(1)
                .and_then(|word| word.parse().ok())
                .ok_or_else(|| io::Error::other(format!("not a status line: {start:?}")))?;
            if status != 100 {
                return Ok(Self { status, headers });
            }
        }
    }

    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        write!(out, "HTTP/1.1 {} {}\r\n", self.status, reason(self.status))?;
        self.headers.write(out)
    }

    /// How long the body is that answers a request of this method.
    pub fn framing(&self, method: &str) -> Framing {
        if method == "HEAD" || self.status == 204 || self.status == 304 {
            return Framing::Length(0);
        }
        framing(&self.headers).unwrap_or(Framing::UntilEnd)
    }
}

/// A whole answer.
#[derive(Debug, Clone)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

impl Response {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            headers: Headers::default(),
            body: body.into(),
        }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value);
        self
    }

    /// An error in the form that the distribution specification gives.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({"errors": [{"code": code, "message": message}]}).to_string();
        Self::new(status, body).with("Content-Type", "application/json")
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("not JSON ({e}): {}", String::from_utf8_lossy(&self.body)))
    }

    /// Writes it as the answer to a request of `method`.
    pub fn write(&self, method: &str, out: &mut impl Write) -> io::Result<()> {
        let mut headers = self.headers.clone();
        if headers.get("Content-Length").is_none() {
            headers.set("Content-Length", &self.body.len().to_string());
        }
        let head = ResponseHead {
            status: self.status,
            headers,
        };
        head.write(out)?;
        if method != "HEAD" {
            out.write_all(&self.body)?;
        }
        out.flush()
    }
}

/// A body being read.
pub struct Body<'a> {
    from: &'a mut dyn BufRead,
    framing: Framing,
    /// Bytes left, of the body or of the current chunk.
    left: u64,
    done: bool,
}

impl<'a> Body<'a> {
    pub fn new(from: &'a mut dyn BufRead, framing: Framing) -> Self {
        let left = if let Framing::Length(n) = framing { n } else { 0 };
        Self {
            from,
            framing,
            left,
            done: framing == Framing::Length(0),
        }
    }

    fn next_chunk(&mut self) -> io::Result<()> {
        let line = read_line(self.from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        self.left =
            u64::from_str_radix(size, 16).map_err(|_| io::Error::other(format!("not a chunk size: {line:?}")))?;
        if self.left == 0 {
            while read_line(self.from)?.is_some_and(|trailer| !trailer.is_empty()) {}
            self.done = true;
        }
        Ok(())
    }
}

impl Read for Body<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.framing == Framing::Chunked && self.left == 0 && !self.done {
            self.next_chunk()?;
        }
        if self.done || buffer.is_empty() {
            return Ok(0);
        }
        if self.framing == Framing::UntilEnd {
            return self.from.read(buffer);
        }
        let most = buffer.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        let read = self.from.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the body ended early"));
        }
        self.left -= read as u64;
        if self.left == 0 {
            match self.framing {
                Framing::Chunked => {
                    read_line(self.from)?;
                }
                _ => self.done = true,
            }
        }
        Ok(read)
    }
}

fn framing(headers: &Headers) -> Option<Framing> {
    if headers
        .get("Transfer-Encoding")
        .is_some_and(|v| v.eq_ignore_ascii_case("chunked"))
    {
        return Some(Framing::Chunked);
    }
    headers
        .get("Content-Length")
        .and_then(|v| v.trim().parse().ok())
        .map(Framing::Length)
}

fn read_head(from: &mut impl BufRead) -> io::Result<Option<(String, Headers)>> {
    let Some(start) = read_line(from)? else { return Ok(None) };
    let mut headers = Headers::default();
    loop {
        let line = read_line(from)?.ok_or(io::ErrorKind::UnexpectedEof)?;
        if line.is_empty() {
            return Ok(Some((start, headers)));
        }
        let (name, value) = line
            .split_once(':')
            .ok_or_else(|| io::Error::other(format!("not a header: {line:?}")))?;
        headers.0.push((name.trim().to_owned(), value.trim().to_owned()));
    }
}

/// A line without its end; `None` at the end of the stream.
fn read_line(from: &mut (impl BufRead + ?Sized)) -> io::Result<Option<String>> {
    let mut line = Vec::new();
    if from.take(64 * 1024).read_until(b'\n', &mut line)? == 0 {
        return Ok(None);
    }
    while line.last().is_some_and(|b| matches!(b, b'\r' | b'\n')) {
        line.pop();
    }
    Ok(Some(String::from_utf8_lossy(&line).into_owned()))
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        206 => "Partial Content",
        307 => "Temporary Redirect",
        401 => "Unauthorized",
        308 => "Permanent Redirect",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Whatever",
    }
}
