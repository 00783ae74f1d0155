//! A small server of fixed answers, enough for a chart repository and for pulling from a registry.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};

pub(super) struct Server {
    pub address: String,
    pub asked: Arc<Mutex<Vec<String>>>,
}

/// Path → (content type, body).
pub(super) type Answers = HashMap<String, (String, Vec<u8>)>;

impl Server {
    /// Listens first, so that answers can name the address.
    pub fn start(answers: impl FnOnce(&str) -> Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
        let answers = answers(&address);
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { continue };
                let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
                let Some(Ok(first)) = lines.next() else { continue };
                while lines.next().is_some_and(|line| line.is_ok_and(|line| !line.is_empty())) {}
                let (method, path) = (first.split(' ').next().unwrap(), first.split(' ').nth(1).unwrap_or("/"));
                log.lock().unwrap().push(format!("{method} {path}"));
                let (status, kind, body) = match answers.get(path) {
                    Some((kind, body)) => ("200 OK", kind.as_str(), body.as_slice()),
                    None => ("404 Not Found", "text/plain", &b"absent"[..]),
                };
                let head = format!(
                    "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nDocker-Content-Digest: {}\r\nConnection: close\r\n\r\n",
                    body.len(),
                    crate::digest::Digest::of(body)
                );
                let _ = stream.write_all(head.as_bytes());
                if method != "HEAD" {
                    let _ = stream.write_all(body);
                }
            }
        });
        Self { address, asked }
    }
}
