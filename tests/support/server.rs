//! An HTTP/1.1 server of one closure: a thread a connection, on a free loopback port, gone when dropped.

use std::io::{self, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::http::{Body, RequestHead, Response};

/// What becomes of the connection after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    /// The next request may come.
    Keep,
    /// Closed in good order.
    Close,
    /// Reset: the peer sees "connection reset", also in the middle of an answer.
    Reset,
}

/// One request, and the way to answer it.
pub struct Exchange<'a> {
    pub head: RequestHead,
    pub body: Body<'a>,
    pub out: &'a mut TcpStream,
    stop: &'a AtomicBool,
}

impl Exchange<'_> {
    /// Reads the whole body.
    pub fn read_body(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self.body.read_to_end(&mut bytes);
        bytes
    }

    /// Answers, after the rest of the body was read.
    pub fn answer(&mut self, response: &Response) -> After {
        let drained = io::copy(&mut self.body, &mut io::sink());
        match (drained, response.write(&self.head.method, self.out)) {
            (Ok(_), Ok(())) => After::Keep,
            _ => After::Close,
        }
    }

    /// Says nothing until the peer goes away or the server stops.
    pub fn hang(&mut self) -> After {
        let _ = self.out.set_read_timeout(Some(Duration::from_millis(20)));
        while !self.stop.load(Ordering::SeqCst) {
            match self.out.peek(&mut [0]) {
                Ok(0) => break,
                Ok(_) => std::thread::sleep(Duration::from_millis(20)),
                Err(e) if matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
                Err(_) => break,
            }
        }
        After::Close
    }
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
}

impl Server {
    /// Starts one; `handler` answers every request of every connection.
    pub fn start(handler: impl Fn(&mut Exchange<'_>) -> After + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        let stop = Arc::new(AtomicBool::new(false));
        let handler = Arc::new(handler);
        let stopped = Arc::clone(&stop);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let Ok(stream) = stream else { continue };
                let (handler, stopped) = (Arc::clone(&handler), Arc::clone(&stopped));
                std::thread::spawn(move || {
                    let _ = serve(stream, &*handler, &stopped);
                });
            }
        });
        Self { address, stop }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, so that it sees the flag.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn serve(stream: TcpStream, handler: &dyn Fn(&mut Exchange<'_>) -> After, stop: &AtomicBool) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut out = stream;
    while !stop.load(Ordering::SeqCst) {
        let Some(head) = RequestHead::read(&mut reader)? else {
            return Ok(());
        };
        if head
            .headers
            .get("Expect")
            .is_some_and(|v| v.eq_ignore_ascii_case("100-continue"))
        {
            out.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        let last = head
            .headers
            .get("Connection")
            .is_some_and(|v| v.eq_ignore_ascii_case("close"));
        let body = Body::new(&mut reader, head.framing());
        let after = handler(&mut Exchange {
            head,
            body,
            out: &mut out,
            stop,
        });
        out.set_read_timeout(None)?;
        match after {
            After::Keep if !last => {}
            After::Keep | After::Close => return out.shutdown(std::net::Shutdown::Both),
            After::Reset => return socket2::SockRef::from(&out).set_linger(Some(Duration::ZERO)),
        }
    }
    Ok(())
}
