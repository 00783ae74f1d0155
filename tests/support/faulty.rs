//! A proxy in front of a registry that misbehaves on request, and counts requests as they arrive.
//!
//! Rules are asked in the order they were added; the first that wants the request decides. Without one, the request goes
//! through untouched. The `Host` header goes through as well, so that the registry's `Location` answers name the proxy.
//! It also serves as the proxy of `[network]`: every host is the registry behind it then.

use std::io::{self, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::guise::Guise;
use super::http::{Body, Framing, RequestHead, Response, ResponseHead};
use super::server::{After, Exchange, Server};
use super::traffic::{Entry, Log, Mark, Traffic};

/// What goes wrong.
#[derive(Clone)]
pub enum Fault {
    /// This answer instead of the registry's, which never sees the request.
    Answer(Response),
    /// 429, with `Retry-After` in seconds.
    Throttle(u32),
    /// The request is passed on after a pause.
    Delay(Duration),
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
    /// The registry does what it is asked, and the connection is reset instead of its answer.
    LoseAnswer,
}

type Condition = Box<dyn Fn(&Entry) -> bool + Send>;

/// A fault, and the requests it is for.
pub struct Rule {
    fault: Fault,
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

    fn takes(&mut self, entry: &Entry) -> bool {
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

/// The running proxy.
pub struct Faulty {
    server: Server,
    state: Arc<State>,
}

struct State {
    upstream: String,
    rules: Mutex<Vec<Rule>>,
    guise: Mutex<Option<Guise>>,
    log: Log,
}

impl Faulty {
    /// In front of `upstream` (`host:port`, plain HTTP).
    pub fn before(upstream: &str) -> Self {
        let state = Arc::new(State {
            upstream: upstream.to_owned(),
            rules: Mutex::default(),
            guise: Mutex::default(),
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
        if fault.is_none() {
            let guise = self.guise.lock().expect("the guise").clone();
            if let Some(response) = guise.and_then(|g| g.answer(&entry, &exchange.head, &self.upstream)) {
                self.log.answered(number, response.status);
                return exchange.answer(&response);
            }
        }
        let answer = match &fault {
            Some(Fault::Answer(response)) => Some(response.clone()),
            Some(Fault::Throttle(seconds)) => {
                Some(Response::error(429, "TOOMANYREQUESTS", "slow down").with("Retry-After", &seconds.to_string()))
            }
            Some(Fault::Redirect(host)) => {
                Some(Response::new(307, "").with("Location", &format!("http://{host}{}", exchange.head.target)))
            }
            _ => None,
        };
        if let Some(response) = answer {
            self.log.answered(number, response.status);
            return exchange.answer(&response);
        }
        match fault {
            Some(Fault::Hang) => return exchange.hang(),
            Some(Fault::Reset) => return After::Reset,
            Some(Fault::Garbage(bytes)) => {
                let _ = exchange.out.write_all(&bytes);
                return After::Close;
            }
            Some(Fault::ResetUpload(bytes)) => {
                let _ = io::copy(&mut (&mut exchange.body).take(bytes), &mut io::sink());
                return After::Reset;
            }
            Some(Fault::Delay(pause)) => std::thread::sleep(pause),
            _ => {}
        }
        match self.forward(exchange, fault.as_ref(), number) {
            Ok(after) => after,
            // What the registry did to us, we do to the client.
            Err(_) => After::Reset,
        }
    }

    fn forward(&self, exchange: &mut Exchange<'_>, fault: Option<&Fault>, number: usize) -> io::Result<After> {
        let stream = TcpStream::connect(&self.upstream)?;
        stream.set_nodelay(true)?;
        let mut upstream = stream.try_clone()?;
        self.send(exchange, &mut upstream)?;
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
        match fault {
            Some(Fault::DropHeaders(names)) => names.iter().for_each(|name| head.headers.remove(name)),
            Some(Fault::SetHeader(name, value)) => head.headers.set(name, value),
            _ => {}
        }
        // A body whose length is not known ends with the connection.
        let keep = matches!(framing, Framing::Length(_));
        if !keep {
            head.headers.set("Connection", "close");
        }
        head.write(exchange.out)?;
        let after = copy_body(exchange, &mut Body::new(&mut reader, framing), fault)?;
        Ok(if keep { after } else { after.max_close() })
    }

    fn send(&self, exchange: &mut Exchange<'_>, upstream: &mut TcpStream) -> io::Result<()> {
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
        let mut buffer = vec![0; 64 * 1024];
        loop {
            let read = exchange.body.read(&mut buffer)?;
            if chunked {
                write!(upstream, "{read:x}\r\n")?;
                upstream.write_all(&buffer[..read])?;
                upstream.write_all(b"\r\n")?;
            } else {
                upstream.write_all(&buffer[..read])?;
            }
            if read == 0 {
                return upstream.flush();
            }
        }
    }
}

impl After {
    fn max_close(self) -> Self {
        if self == Self::Keep { Self::Close } else { self }
    }
}

/// Passes the answer's body on, until the fault strikes.
fn copy_body(exchange: &mut Exchange<'_>, body: &mut Body<'_>, fault: Option<&Fault>) -> io::Result<After> {
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
