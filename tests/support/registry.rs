//! Real registries on loopback: distribution 3, where it could be had the older 2.8, and one with the referrers API.
//!
//! One of each kind is shared by all tests of a process; tests keep out of each other's way by repository names of their
//! own ([`Registry::unique`]). A registry dies with the process, however that ends: it is the child of a shell that waits
//! for the end of its input.

use std::io::{BufRead, BufReader, Read};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use super::client::{Client, Login};
use super::image::Image;
use super::tls::Certificates;
use super::tokens::{Authority, ISSUER, SERVICE, TokenServer};
use super::tools;
use super::traffic::{Entry, Log, Mark, Traffic};

/// May do everything where a login is asked for.
pub const USER: &str = "aosm";
/// Their password.
pub const PASSWORD: &str = "open sesame";
/// May only read (with tokens; htpasswd knows no such difference).
pub const READER: &str = "reader";
/// Their password.
pub const READER_PASSWORD: &str = "only reading";
/// What the token server takes as a refresh token of [`USER`].
pub const IDENTITY_TOKEN: &str = "identity-token-of-the-test-user";

/// The two users above: bcrypt at its lowest cost, as a slow hash would be paid with every request.
const HTPASSWD: &str = "aosm:$2b$04$abcdefghijklmnopqrstuu/LVz6MZlItEy42I2juLihZ66HnQx/cy\n\
    reader:$2b$04$abcdefghijklmnopqrstuuWbG9va79IUvIt3dyWYlCcGeKPZCK.Ke\n";

/// What kind of registry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Plain HTTP, no login.
    Plain,
    /// Plain HTTP, a password.
    Basic,
    /// Plain HTTP, tokens.
    Token,
    /// TLS by an authority of its own, no login.
    Tls,
    /// TLS and a password.
    TlsBasic,
    /// The older distribution 2.8: plain HTTP, no login.
    Old,
    /// The older distribution 2.8 with tokens.
    OldToken,
    /// With the referrers API (`OCI-Subject`, filters; go-containerregistry's registry and what `tests/tools/refregistry`
    /// puts around it): plain HTTP, no login.
    Native,
    /// The same; an answer lists two referrers at most.
    NativePaged,
    /// go-containerregistry's registry as it is: the referrers API without `OCI-Subject`, without filters, and with the
    /// config's type as artifact type; mounts are never granted.
    NativeBare,
}

impl Kind {
    /// Every kind that can be had here.
    pub fn all() -> Vec<Self> {
        let all = [
            Self::Plain,
            Self::Basic,
            Self::Token,
            Self::Tls,
            Self::TlsBasic,
            Self::Old,
            Self::OldToken,
            Self::Native,
        ]
        .into_iter();
        all.filter(|kind| kind.available()).collect()
    }

    /// False only for the older registry, where `scripts/test` could not get it.
    pub fn available(self) -> bool {
        !(self.old() && tools::without("docker-registry"))
    }

    /// Is everybody let in?
    pub fn open(self) -> bool {
        !self.basic() && !self.token()
    }

    /// Does it have the referrers API?
    pub fn native(self) -> bool {
        matches!(self, Self::Native | Self::NativePaged | Self::NativeBare)
    }

    fn old(self) -> bool {
        matches!(self, Self::Old | Self::OldToken)
    }

    fn tls(self) -> bool {
        matches!(self, Self::Tls | Self::TlsBasic)
    }

    fn basic(self) -> bool {
        matches!(self, Self::Basic | Self::TlsBasic)
    }

    /// Does it ask for tokens?
    pub fn token(self) -> bool {
        matches!(self, Self::Token | Self::OldToken)
    }
}

/// A running registry.
pub struct Registry {
    kind: Kind,
    port: u16,
    child: Child,
    /// Closing it ends the registry.
    input: Option<ChildStdin>,
    folder: PathBuf,
    log: Arc<Log>,
    certificates: Option<Certificates>,
    authority: Option<Arc<Authority>>,
    tokens: Option<TokenServer>,
}

static UNIQUE: AtomicU64 = AtomicU64::new(1);

impl Registry {
    /// The one that all tests of this process share.
    pub fn shared(kind: Kind) -> &'static Self {
        type Slot = (Kind, &'static OnceLock<Registry>);
        static SLOTS: Mutex<Vec<Slot>> = Mutex::new(Vec::new());
        let slot = {
            let mut slots = SLOTS.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            match slots.iter().find(|(k, _)| *k == kind) {
                Some((_, slot)) => *slot,
                None => {
                    let slot: &'static OnceLock<Registry> = Box::leak(Box::new(OnceLock::new()));
                    slots.push((kind, slot));
                    slot
                }
            }
        };
        slot.get_or_init(|| Self::start(kind))
    }

    /// One of your own: for tests that need it empty, or stop it.
    pub fn start(kind: Kind) -> Self {
        let program = match kind {
            kind if kind.old() => tools::docker_registry(),
            kind if kind.native() => tools::refregistry(),
            _ => tools::registry(),
        };
        for attempt in 1.. {
            match Self::try_start(kind, &program) {
                Ok(registry) => return registry,
                // The port may have been taken between our finding it and the registry's using it.
                Err(reason) => assert!(attempt < 4, "{} does not start: {reason}", program.display()),
            }
        }
        unreachable!("the loop returns or fails")
    }

    fn try_start(kind: Kind, program: &Path) -> Result<Self, String> {
        let folder = super::temp_dir().keep();
        let port = free_port();
        let certificates = kind.tls().then(|| Certificates::create(&folder));
        let authority = kind.token().then(|| Arc::new(Authority::create(&folder)));
        let tokens = authority.clone().map(TokenServer::start);
        let mut config = format!(
            "version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: {storage}\n  delete:\n    enabled: true\n  \
             maintenance:\n    uploadpurging:\n      enabled: false\nhttp:\n  addr: 127.0.0.1:{port}\n  secret: tests\n",
            storage = quoted(&folder.join("storage")),
        );
        if let Some(files) = &certificates {
            let (certificate, key) = (quoted(&files.certificate), quoted(&files.key));
            config += &format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
        }
        if kind.basic() {
            std::fs::write(folder.join("htpasswd"), HTPASSWD).expect("a password file");
            config += &format!(
                "auth:\n  htpasswd:\n    realm: tests\n    path: {}\n",
                quoted(&folder.join("htpasswd"))
            );
        }
        if let (Some(authority), Some(tokens)) = (&authority, &tokens) {
            let (realm, bundle) = (tokens.realm(), quoted(authority.certificate()));
            config += &format!(
                "auth:\n  token:\n    realm: {realm}\n    service: {SERVICE}\n    issuer: {ISSUER}\n    rootcertbundle: {bundle}\n"
            );
        }
        if kind.native() {
            config = serde_json::json!({
                "address": format!("127.0.0.1:{port}"),
                "folder": folder.join("storage"),
                "page": if kind == Kind::NativePaged { 2 } else { 0 },
                "bare": kind == Kind::NativeBare,
            })
            .to_string();
        }
        let config_path = folder.join("config.yml");
        std::fs::write(&config_path, config).expect("a configuration");

        let mut child = guarded(program, &config_path, &folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let input = child.stdin.take();
        let log = Arc::new(Log::default());
        follow(child.stdout.take().expect("its output"), Arc::clone(&log));
        let complaints = collect(child.stderr.take().expect("its complaints"));
        let mut registry = Self {
            kind,
            port,
            child,
            input,
            folder,
            log,
            certificates,
            authority,
            tokens,
        };
        if registry.wait_until_ready() {
            return Ok(registry);
        }
        let complaints = complaints.lock().expect("its complaints").clone();
        Err(format!(
            "not ready on port {port}: {}",
            String::from_utf8_lossy(&complaints)
        ))
    }

    fn wait_until_ready(&mut self) -> bool {
        let limit = Instant::now() + Duration::from_secs(60);
        while Instant::now() < limit {
            if matches!(self.child.try_wait(), Ok(Some(_))) {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok()
                && self.client().try_request("GET", "/v2/", &[], b"").is_ok()
            {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// `127.0.0.1:port`, as references and projects write it.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A client that may do everything.
    pub fn client(&self) -> Client {
        let mut client = Client::plain(&self.host());
        if let Some(certificates) = &self.certificates {
            client = client.with_tls(certificates.client());
        }
        if self.kind.basic() {
            client = client.with_login(Login::Basic(USER.to_owned(), PASSWORD.to_owned()));
        }
        if let Some(authority) = &self.authority {
            client = client.with_login(Login::Minted(Arc::clone(authority)));
        }
        client
    }

    /// A client without a login.
    pub fn stranger(&self) -> Client {
        let client = Client::plain(&self.host());
        match &self.certificates {
            Some(certificates) => client.with_tls(certificates.client()),
            None => client,
        }
    }

    /// Pushes an image with the independent client.
    pub fn push(&self, image: &Image, repository: &str, tag: &str) {
        self.client().push(image, repository, tag);
    }

    /// A name that no other test of this process has: the first segment of repositories.
    pub fn unique(&self, name: &str) -> String {
        format!("{name}-{}", UNIQUE.fetch_add(1, Ordering::SeqCst))
    }

    /// The authority's PEM file, for registries with TLS.
    pub fn ca_file(&self) -> Option<&Path> {
        self.certificates.as_ref().map(|c| c.authority.as_path())
    }

    /// The token server, for registries with tokens.
    pub fn tokens(&self) -> &TokenServer {
        self.tokens.as_ref().expect("a registry with tokens")
    }

    /// Who signs the tokens that it trusts, for registries with tokens.
    pub fn authority(&self) -> Arc<Authority> {
        Arc::clone(self.authority.as_ref().expect("a registry with tokens"))
    }

    /// The folder that the registry keeps its data in.
    pub fn storage(&self) -> PathBuf {
        self.folder.join("storage")
    }

    /// A point in the access log; see [`Registry::since`].
    pub fn mark(&self) -> Mark {
        self.settle();
        self.log.mark()
    }

    /// Requests answered since the mark, the harness's own questions left out. Servers are shared: narrow it down with
    /// [`Traffic::under`].
    pub fn since(&self, mark: Mark) -> Traffic {
        self.settle();
        let mut traffic = self.log.since(mark);
        traffic.0.retain(|entry| !entry.query.starts_with("settle="));
        traffic
    }

    /// The registry writes a line when it has answered: waits until one that was asked last has come through, so that
    /// everything before it has as well.
    fn settle(&self) {
        let query = format!("settle={}", UNIQUE.fetch_add(1, Ordering::SeqCst));
        let limit = Instant::now() + Duration::from_secs(30);
        let _ = self.client().try_request("GET", &format!("/v2/?{query}"), &[], b"");
        while Instant::now() < limit {
            if self.log.since(Mark(0)).0.iter().rev().any(|entry| entry.query == query) {
                return;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        panic!("the access log of {:?} is silent", self.kind);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Runs the registry below a shell that ends it, and removes its folder, when our end of its input is closed. By then nobody
/// reads what the shell says, and saying it would be the end of the shell.
fn guarded(program: &Path, config: &Path, folder: &Path) -> Command {
    let script = r#"exec 3<&0
        "$1" serve "$2" 3<&- & pid=$!
        exec >/dev/null 2>&1
        ( cat <&3; kill "$pid" ) &
        exec 3<&-
        wait "$pid"; rm -rf "$3"
    "#;
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(script)
        .arg("registry")
        .arg(program)
        .arg(config)
        .arg(folder)
        .env("OTEL_TRACES_EXPORTER", "none");
    command
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a free loopback port")
        .port()
}

/// A path as a YAML string.
fn quoted(path: &Path) -> String {
    serde_json::to_string(&path.to_string_lossy()).expect("a string")
}

/// Reads the access log (Apache's combined format) as it is written.
fn follow(output: impl Read + Send + 'static, log: Arc<Log>) {
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut parts = line.split('"').skip(1);
            let (Some(request), Some(after)) = (parts.next(), parts.next()) else {
                continue;
            };
            let mut words = request.split(' ');
            let (Some(method), Some(target)) = (words.next(), words.next()) else {
                continue;
            };
            let status = after
                .split_whitespace()
                .next()
                .and_then(|word| word.parse().ok())
                .unwrap_or(0);
            log.note(Entry::new(method, target, status));
        }
    });
}

/// Keeps the last part of what is written to standard error.
fn collect(mut output: impl Read + Send + 'static) -> Arc<Mutex<Vec<u8>>> {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let shared = Arc::clone(&kept);
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = output.read(&mut buffer) {
            let mut kept = shared.lock().expect("its complaints");
            kept.extend_from_slice(&buffer[..read]);
            let excess = kept.len().saturating_sub(64 * 1024);
            kept.drain(..excess);
        }
    });
    kept
}
