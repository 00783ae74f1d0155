//! A proxy in front of a registry that misbehaves on request, and counts requests as they arrive.
//!
//! Rules are asked in the order they were added; the first that wants the request decides. Without one, the request goes
//! through untouched. The `Host` header goes through as well, so that the registry's `Location` answers name the proxy.
//! It also serves as the proxy of `[network]`: every host is the registry behind it then.

use std::collections::HashSet;
use std::io::{self, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use super::fault::{Fault, Rule};
use super::guise::Guise;
use super::http::{Body, Framing, Headers, RequestHead, Response, ResponseHead};
use super::server::{After, Exchange, Server};
use super::traffic::{Entry, Log, Mark, Traffic};

/// The running proxy.
pub struct Faulty {
    server: Server,
    state: Arc<State>,
}

struct State {
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    guise: Mutex<Option<Guise>>,
    before: Mutex<Option<Arc<Answerer>>>,
    /// `Authorization` headers that were seen, and those of them that are refused.
    seen: Mutex<HashSet<String>>,
    expired: Mutex<HashSet<String>>,
    /// Makes each link of [`Fault::EndlessPages`] another one.
    pages: AtomicU64,
    log: Log,
}

/// Answers what the registry shall not see.
type Answerer = dyn Fn(&mut Exchange<'_>, &Entry) -> Option<Response> + Send + Sync;

/// What became of a request on its way to the registry.
#[derive(PartialEq, Eq)]
enum Sent {
    Whole,
    Broken,
}

impl Faulty {
    /// In front of `upstream` (`host:port`, plain HTTP).
    pub fn before(upstream: &str) -> Self {
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            rules: Mutex::default(),
            guise: Mutex::default(),
            before: Mutex::default(),
            seen: Mutex::default(),
            expired: Mutex::default(),
            pages: AtomicU64::new(1),
            log: Log::default(),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| shared.handle(exchange));
        Self { server, state }
    }

    /// `127.0.0.1:port`, as references and projects write it.
    pub fn host(&self) -> String {
        self.server.address()
    }

    /// Adds a rule.
    pub fn rule(&self, rule: Rule) -> &Self {
        self.state.rules.lock().expect("the rules").push(rule);
        self
    }

    /// Forgets all rules.
    pub fn clear(&self) {
        self.state.rules.lock().expect("the rules").clear();
    }

    /// Answers for absent repositories in the manner of a public registry.
    pub fn guise(&self, guise: Guise) -> &Self {
        *self.state.guise.lock().expect("the guise") = Some(guise);
        self
    }

    /// What `answerer` answers, the registry never sees. Rules come first.
    pub fn answering(
        &self,
        answerer: impl Fn(&mut Exchange<'_>, &Entry) -> Option<Response> + Send + Sync + 'static,
    ) -> &Self {
        *self.state.before.lock().expect("the answerer") = Some(Arc::new(answerer));
        self
    }

    /// Every `Authorization` seen so far is refused from now on, with the registry's own challenge.
    pub fn expire_tokens(&self) {
        self.state.expire_tokens();
    }

    pub fn mark(&self) -> Mark {
        self.state.log.mark()
    }

    /// Requests that arrived since the mark.
    pub fn since(&self, mark: Mark) -> Traffic {
        self.state.log.since(mark)
    }

    /// All requests that arrived.
    pub fn traffic(&self) -> Traffic {
        self.since(Mark(0))
    }
}

impl State {
    fn handle(&self, exchange: &mut Exchange<'_>) -> After {
        // What is asked of a proxy names the host as well (RFC 9112, 3.2.2).
        if let Some(rest) = exchange.head.target.strip_prefix("http://") {
            exchange.head.target = rest.find('/').map_or("/", |at| &rest[at..]).to_owned();
        }
        let mut entry = Entry::new(&exchange.head.method, &exchange.head.target, 0);
        entry.authorization = exchange.head.headers.get("Authorization").map(str::to_owned);
        let number = self.log.note(entry.clone());
        let fault = {
            let mut rules = self.rules.lock().expect("the rules");
            rules
                .iter_mut()
                .find_map(|rule| rule.takes(&entry).then(|| rule.fault.clone()))
        };
        if let Some(Fault::Delay(pause)) = fault {
            std::thread::sleep(pause);
        }
        let refused = self.remember(&entry, fault.as_ref());
        if fault.as_ref().is_none_or(Fault::leaves_the_answer) && !refused {
            let before = self.before.lock().expect("the answerer").clone();
            let guise = self.guise.lock().expect("the guise").clone();
            let answer = before
                .and_then(|answerer| answerer(exchange, &entry))
                .or_else(|| guise.and_then(|g| g.answer(&entry, &exchange.head, &self.upstream)));
            if let Some(mut response) = answer {
                self.dress(&mut response.headers, &exchange.head.target, fault.as_ref());
                self.log.answered(number, response.status);
                return exchange.answer(&response);
            }
        }
        if let Some(response) = fault.as_ref().and_then(|f| f.answer(&exchange.head.target)) {
            self.log.answered(number, response.status);
            return exchange.answer(&response);
        }
        if refused {
            exchange.head.headers.remove("Authorization");
        }
        match fault {
            Some(Fault::Hang) => return exchange.hang(),
            Some(Fault::Reset) => return After::Reset,
            Some(Fault::Garbage(bytes)) => {
                let _ = exchange.out.write_all(&bytes);
                return After::Close;
            }
            Some(Fault::ResetUpload(bytes)) => {
                let read = io::copy(&mut (&mut exchange.body).take(bytes), &mut io::sink());
                self.log.uploaded(number, read.unwrap_or_default());
                return After::Reset;
            }
            Some(Fault::AnswerEarly(bytes, response)) => {
                let read = io::copy(&mut (&mut exchange.body).take(bytes), &mut io::sink());
                self.log.uploaded(number, read.unwrap_or_default());
                self.log.answered(number, response.status);
                let response = response.with("Connection", "close");
                let _ = response.write(&exchange.head.method, exchange.out);
                return After::Close;
            }
            Some(Fault::IgnoreQuery(names)) => exchange.head.target = without(&exchange.head.target, names),
            _ => {}
        }
        match self.forward(exchange, fault.as_ref(), number) {
            Ok(after) => after,
            // What the registry did to us, we do to the client.
            Err(_) => After::Reset,
        }
    }

    /// Remembers the login of a request; true when it is one of those that are refused.
    fn remember(&self, entry: &Entry, fault: Option<&Fault>) -> bool {
        let Some(login) = &entry.authorization else {
            return false;
        };
        self.seen.lock().expect("logins").insert(login.clone());
        match fault {
            Some(Fault::Challenge) => return true,
            Some(Fault::ExpireTokens) => self.expire_tokens(),
            _ => {}
        }
        self.expired.lock().expect("logins").contains(login)
    }

    fn expire_tokens(&self) {
        let seen = self.seen.lock().expect("logins").clone();
        self.expired.lock().expect("logins").extend(seen);
    }

    fn forward(&self, exchange: &mut Exchange<'_>, fault: Option<&Fault>, number: usize) -> io::Result<After> {
        let stream = TcpStream::connect(&self.upstream)?;
        stream.set_nodelay(true)?;
        let mut upstream = stream.try_clone()?;
        if self.send(exchange, &mut upstream, fault, number)? == Sent::Broken {
            return Ok(After::Reset);
        }
        let mut reader = BufReader::new(stream);
        let mut head = ResponseHead::read(&mut reader)?;
        self.log.answered(number, head.status);
        let framing = head.framing(&exchange.head.method);
        if matches!(fault, Some(Fault::LoseAnswer)) {
            io::copy(&mut Body::new(&mut reader, framing), &mut io::sink())?;
            return Ok(After::Reset);
        }
        for name in ["Connection", "Transfer-Encoding", "Keep-Alive"] {
            head.headers.remove(name);
        }
        self.dress(&mut head.headers, &exchange.head.target, fault);
        // A body whose length is not known ends with the connection.
        let keep = matches!(framing, Framing::Length(_));
        if !keep {
            head.headers.set("Connection", "close");
        }
        head.write(exchange.out)?;
        let mut body = Counted {
            inner: Body::new(&mut reader, framing),
            bytes: 0,
        };
        let after = copy_body(exchange, &mut body, fault);
        self.log.downloaded(number, body.bytes);
        let after = after?;
        Ok(if keep { after } else { after.max_close() })
    }

    /// The headers of an answer as the fault wants them.
    fn dress(&self, headers: &mut Headers, target: &str, fault: Option<&Fault>) {
        match fault {
            Some(Fault::DropHeaders(names)) => names.iter().for_each(|name| headers.remove(name)),
            Some(Fault::SetHeader(name, value)) => headers.set(name, value),
            Some(Fault::Relocate(host)) => {
                if let Some(location) = headers.get("Location") {
                    let moved = format!("http://{host}{}", super::client::without_host(location));
                    headers.set("Location", &moved);
                }
            }
            Some(Fault::LoopPages) => headers.set("Link", &format!("<{target}>; rel=\"next\"")),
            Some(Fault::EndlessPages) => {
                let path = target.split('?').next().unwrap_or_default();
                let page = self.pages.fetch_add(1, Ordering::SeqCst);
                headers.set("Link", &format!("<{path}?page={page}>; rel=\"next\""));
            }
            _ => {}
        }
    }

    fn send(
        &self,
        exchange: &mut Exchange<'_>,
        upstream: &mut TcpStream,
        fault: Option<&Fault>,
        number: usize,
    ) -> io::Result<Sent> {
        let chunked = exchange.head.framing() == Framing::Chunked;
        let mut headers = exchange.head.headers.clone();
        for name in ["Connection", "Expect", "Keep-Alive", "Proxy-Connection"] {
            headers.remove(name);
        }
        if self.guise.lock().expect("the guise").is_some() {
            // The guise asked for its own tokens; the registry behind it knows nothing of them.
            headers.remove("Authorization");
        }
        headers.set("Connection", "close");
        let head = RequestHead {
            method: exchange.head.method.clone(),
            target: exchange.head.target.clone(),
            headers,
        };
        head.write(upstream)?;
        if let Some(Fault::SlowBody(pause)) = fault {
            std::thread::sleep(*pause);
        }
        let limit = match fault {
            Some(Fault::BreakUpload(bytes)) => *bytes,
            _ => u64::MAX,
        };
        let mut buffer = vec![0; 64 * 1024];
        let mut passed = 0;
        loop {
            let most = usize::try_from((limit - passed).min(buffer.len() as u64)).expect("at most the buffer");
            if most == 0 {
                // In good order, and waiting for its end: the registry has then dealt with all it got.
                upstream.shutdown(Shutdown::Write)?;
                io::copy(upstream, &mut io::sink())?;
                return Ok(Sent::Broken);
            }
            let read = exchange.body.read(&mut buffer[..most])?;
            passed += read as u64;
            self.log.uploaded(number, passed);
            if chunked {
                write!(upstream, "{read:x}\r\n")?;
                upstream.write_all(&buffer[..read])?;
                upstream.write_all(b"\r\n")?;
            } else {
                upstream.write_all(&buffer[..read])?;
            }
            if read == 0 {
                upstream.flush()?;
                return Ok(Sent::Whole);
            }
        }
    }
}

/// A body that counts what is read of it.
struct Counted<'a> {
    inner: Body<'a>,
    bytes: u64,
}

impl Read for Counted<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

/// A path and query without some parameters.
fn without(target: &str, names: &[&str]) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let kept: Vec<&str> = query
        .split('&')
        .filter(|pair| !pair.is_empty() && !names.contains(&pair.split('=').next().unwrap_or_default()))
        .collect();
    if kept.is_empty() {
        return path.to_owned();
    }
    format!("{path}?{}", kept.join("&"))
}

impl After {
    fn max_close(self) -> Self {
        if self == Self::Keep { Self::Close } else { self }
    }
}

/// Passes the answer's body on, until the fault strikes.
fn copy_body(exchange: &mut Exchange<'_>, body: &mut impl Read, fault: Option<&Fault>) -> io::Result<After> {
    let (limit, then) = match fault {
        Some(Fault::ResetAfter(bytes)) => (*bytes, After::Reset),
        Some(Fault::CutAfter(bytes) | Fault::HangAfter(bytes)) => (*bytes, After::Close),
        _ => (u64::MAX, After::Keep),
    };
    let flip = if let Some(Fault::Corrupt(at)) = fault {
        Some(*at)
    } else {
        None
    };
    let mut buffer = vec![0; 64 * 1024];
    let mut sent = 0;
    loop {
        let most = usize::try_from((limit - sent).min(buffer.len() as u64)).expect("at most the buffer");
        if most == 0 {
            exchange.out.flush()?;
            if matches!(fault, Some(Fault::HangAfter(_))) {
                return Ok(exchange.hang());
            }
            return Ok(then);
        }
        let read = body.read(&mut buffer[..most])?;
        if read == 0 {
            exchange.out.flush()?;
            return Ok(After::Keep);
        }
        if let Some(at) = flip.filter(|at| (sent..sent + read as u64).contains(at)) {
            buffer[usize::try_from(at - sent).expect("inside the buffer")] ^= 0x01;
        }
        exchange.out.write_all(&buffer[..read])?;
        sent += read as u64;
    }
}
