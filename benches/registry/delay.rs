//! A network in between: half a round trip each way, one more for every new connection, and a count of the bytes.
//!
//! Four threads a connection, which sleep to within some 0.1 ms; a timer wheel of milliseconds would not do. Bytes on
//! their way are bounded, so that a slow reader holds the sender back as on a real line.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

const PIECE: usize = 64 * 1024;
/// Pieces on their way in one direction: 16 MiB, so that 1.6 GB/s fit through 10 ms.
const ON_THE_WAY: usize = 256;

/// A running proxy; gone when dropped.
pub struct Delay {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    counts: Arc<Counts>,
}

/// What went through.
#[derive(Default)]
struct Counts {
    up: AtomicU64,
    connections: AtomicU64,
}

impl Delay {
    /// In front of `upstream` (`127.0.0.1:port`); a round trip of zero only counts.
    pub fn start(upstream: &str, round_trip: Duration) -> Self {
        let upstream: SocketAddr = upstream.parse().expect("an address with a port");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free loopback port");
        let address = listener.local_addr().expect("its address");
        let stop = Arc::new(AtomicBool::new(false));
        let counts = Arc::new(Counts::default());
        let (stopped, counted) = (Arc::clone(&stop), Arc::clone(&counts));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    connect(stream, upstream, round_trip, &counted);
                }
            }
        });
        Self { address, stop, counts }
    }

    /// `127.0.0.1:port`.
    pub fn address(&self) -> String {
        self.address.to_string()
    }

    /// Bytes sent to the upstream so far, and connections made.
    pub fn sent(&self) -> (u64, u64) {
        (
            self.counts.up.load(Ordering::SeqCst),
            self.counts.connections.load(Ordering::SeqCst),
        )
    }
}

impl Drop for Delay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes the accepting thread, so that it sees the flag.
        let _ = TcpStream::connect_timeout(&self.address, Duration::from_secs(1));
    }
}

fn connect(client: TcpStream, upstream: SocketAddr, round_trip: Duration, counts: &Arc<Counts>) {
    let Ok(server) = TcpStream::connect(upstream) else {
        return;
    };
    counts.connections.fetch_add(1, Ordering::SeqCst);
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    // The handshake: nothing arrives before it is over.
    let open = Instant::now() + round_trip;
    let counted = Arc::clone(counts);
    line(client, server, open, round_trip / 2, move |bytes| {
        counted.up.fetch_add(bytes, Ordering::SeqCst);
    });
    line(server_too, client_too, open, round_trip / 2, |_| {});
}

/// One direction: what was read at some time is written `delay` later.
fn line(mut from: TcpStream, mut to: TcpStream, open: Instant, delay: Duration, count: impl Fn(u64) + Send + 'static) {
    let (sender, receiver) = sync_channel::<(Instant, Vec<u8>)>(ON_THE_WAY);
    std::thread::spawn(move || {
        loop {
            let mut piece = vec![0; PIECE];
            let read = from.read(&mut piece).unwrap_or(0);
            if read == 0 {
                return;
            }
            piece.truncate(read);
            count(read as u64);
            if sender.send((Instant::now().max(open) + delay, piece)).is_err() {
                return;
            }
        }
    });
    std::thread::spawn(move || {
        while let Ok((due, piece)) = receiver.recv() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            if to.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
}
