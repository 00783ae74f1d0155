//! The storage emulator (Azurite), its blob service alone: on a free loopback port, its data in a scratch folder.

use std::io::{BufRead, BufReader};
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use base64::Engine as _;

use super::Client;
use super::http::Response;
use super::tools;

/// The account that every emulator has.
pub const ACCOUNT: &str = "devstoreaccount1";
/// Its key, which is public.
const KEY: &str = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==";
const VERSION: &str = "2020-12-06";

/// A running emulator.
pub struct Azurite {
    port: u16,
    child: Child,
    /// Closing it ends the emulator.
    input: Option<ChildStdin>,
    folder: PathBuf,
}

static UNIQUE: AtomicU64 = AtomicU64::new(1);

/// A signature to be made: a container's, with all rights for an hour, unless said otherwise.
#[derive(Debug, Clone)]
pub struct Sas {
    rights: String,
    /// Seconds from now; negative for one that has ended.
    until: i64,
    from: Option<i64>,
    resource: char,
    extra: Vec<(String, String)>,
}

impl Default for Sas {
    fn default() -> Self {
        Self {
            rights: "racwdl".into(),
            until: 3600,
            from: None,
            resource: 'c',
            extra: Vec::new(),
        }
    }
}

impl Sas {
    /// With these rights only.
    pub fn rights(rights: &str) -> Self {
        Self {
            rights: rights.into(),
            ..Self::default()
        }
    }

    /// That has ended an hour ago.
    pub fn expired() -> Self {
        Self::default().until(-3600)
    }

    /// Ends so many seconds from now.
    pub fn until(self, until: i64) -> Self {
        Self { until, ..self }
    }

    /// Begins so many seconds from now.
    pub fn from(self, from: i64) -> Self {
        Self {
            from: Some(from),
            ..self
        }
    }

    /// The query for a resource below the account: `container`, or `container/blob` for one blob.
    pub fn query(&self, resource: &str) -> String {
        let (start, end) = (self.from.map(time).unwrap_or_default(), time(self.until));
        let kind = if resource.contains('/') { 'b' } else { self.resource };
        let fields = [
            self.rights.as_str(),
            &start,
            &end,
            &format!("/blob/{ACCOUNT}/{resource}"),
            "",
            "",
            "",
            VERSION,
            &kind.to_string(),
        ];
        let text = format!("{}{}", fields.join("\n"), "\n".repeat(7));
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query
            .append_pair("sv", VERSION)
            .append_pair("sr", &kind.to_string())
            .append_pair("sp", &self.rights);
        if self.from.is_some() {
            query.append_pair("st", &start);
        }
        query.append_pair("se", &end).append_pair("sig", &sign(&text)).finish()
    }
}

impl Azurite {
    /// The one that all tests of this process share.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Azurite> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    /// Could `scripts/test` not get it?
    pub fn available() -> bool {
        !tools::without("azurite")
    }

    /// One of your own: for tests that stop it, or count what it holds.
    pub fn start() -> Self {
        for attempt in 1.. {
            match Self::try_start() {
                Ok(azurite) => return azurite,
                // The port may have been taken between our finding it and its use.
                Err(reason) => assert!(attempt < 4, "azurite does not start: {reason}"),
            }
        }
        unreachable!("the loop returns or fails")
    }

    fn try_start() -> Result<Self, String> {
        let folder = super::temp_dir().keep();
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|l| l.local_addr())
            .expect("a free loopback port")
            .port();
        // A shell that ends it and removes its folder when our end of its input is closed, so that a killed test process leaves
        // none behind.
        let script = r#"exec 3<&0
            "$1" --blobHost 127.0.0.1 --blobPort "$2" --location "$3" --silent --skipApiVersionCheck --disableTelemetry 3<&- & pid=$!
            exec >/dev/null
            ( cat <&3 >/dev/null; kill "$pid" 2>/dev/null ) &
            exec 3<&-
            wait "$pid"; rm -rf "$3"
        "#;
        let mut child = Command::new("sh")
            .arg("-c")
            .arg(script)
            .arg("azurite")
            .arg(tools::azurite())
            .arg(port.to_string())
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| e.to_string())?;
        let input = child.stdin.take();
        let complaints = child.stderr.take().expect("its complaints");
        let lines = std::thread::spawn(move || {
            let lines = BufReader::new(complaints).lines().map_while(Result::ok);
            lines.take(100).collect::<Vec<_>>().join("\n")
        });
        let mut azurite = Self {
            port,
            child,
            input,
            folder,
        };
        let limit = Instant::now() + Duration::from_secs(60);
        while Instant::now() < limit {
            if matches!(azurite.child.try_wait(), Ok(Some(_))) {
                return Err(lines.join().unwrap_or_default());
            }
            let probe = format!("/{ACCOUNT}?comp=list&{}", account_query());
            if TcpStream::connect(("127.0.0.1", port)).is_ok()
                && azurite.client().try_request("GET", &probe, &[], b"").is_ok()
            {
                return Ok(azurite);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Err("not ready after a minute".into())
    }

    fn client(&self) -> Client {
        Client::plain(&self.host())
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// `http://127.0.0.1:port`, as an emulator's endpoint is written.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.host())
    }

    /// Makes a container with a name that nobody else has, and returns it.
    pub fn container(&self, name: &str) -> String {
        let name = format!("{name}-{}", UNIQUE.fetch_add(1, Ordering::SeqCst));
        self.make_container(&name);
        name
    }

    /// Makes a container.
    pub fn make_container(&self, name: &str) {
        let target = format!("/{ACCOUNT}/{name}?restype=container&{}", account_query());
        let answer = self.send("PUT", &target, &[], b"");
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// Deletes a container.
    pub fn delete_container(&self, name: &str) {
        let target = format!("/{ACCOUNT}/{name}?restype=container&{}", account_query());
        let answer = self.send("DELETE", &target, &[], b"");
        assert_eq!(answer.status, 202, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The URL of a container, or of a blob (`container/blob`), without signature.
    pub fn place(&self, resource: &str) -> String {
        format!("{}/{ACCOUNT}/{resource}", self.endpoint())
    }

    /// The URL of a container, or of a blob (`container/blob`), with a signature.
    pub fn url(&self, resource: &str, sas: &Sas) -> String {
        format!("{}?{}", self.place(resource), sas.query(resource))
    }

    /// A request of one's own with all rights on the account, for what the product does not do: `resource` may hold a query.
    pub fn request(&self, method: &str, resource: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mark = if resource.contains('?') { '&' } else { '?' };
        self.send(
            method,
            &format!("/{ACCOUNT}/{resource}{mark}{}", account_query()),
            headers,
            body,
        )
    }

    fn send(&self, method: &str, target: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let mut all = vec![("x-ms-version", VERSION)];
        all.extend_from_slice(headers);
        self.client()
            .try_request(method, target, &all, body)
            .expect("an answer of the emulator")
    }

    /// Puts a block blob: what a page blob is not.
    pub fn put_block_blob(&self, container: &str, name: &str, content: &[u8]) {
        let resource = format!("{container}/{name}");
        let answer = self.request("PUT", &resource, &[("x-ms-blob-type", "BlockBlob")], content);
        assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    }

    /// The whole content of a blob.
    pub fn content(&self, container: &str, name: &str) -> Vec<u8> {
        let answer = self.request("GET", &format!("{container}/{name}"), &[], b"");
        assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
        answer.body
    }

    /// The headers of a blob; `None` where there is none.
    pub fn head(&self, container: &str, name: &str) -> Option<super::http::Headers> {
        let answer = self.request("HEAD", &format!("{container}/{name}"), &[], b"");
        (answer.status == 200).then_some(answer.headers)
    }
}

impl Drop for Azurite {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.child.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// A signature for the account: containers and blobs, all rights.
fn account_query() -> String {
    let end = time(3600);
    let text = format!("{ACCOUNT}\nrwdlac\nb\nsco\n\n{end}\n\n\n{VERSION}\n\n");
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in [
        ("sv", VERSION),
        ("ss", "b"),
        ("srt", "sco"),
        ("sp", "rwdlac"),
        ("se", &end),
    ] {
        query.append_pair(name, value);
    }
    query.append_pair("sig", &sign(&text)).finish()
}

fn sign(text: &str) -> String {
    let base64 = base64::engine::general_purpose::STANDARD;
    let key = base64.decode(KEY).expect("a key");
    base64.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &key), text.as_bytes()))
}

/// So many seconds from now, as signatures write it.
pub fn time(from_now: i64) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("after 1970")
        .as_secs();
    let then = UNIX_EPOCH + Duration::from_secs(now.saturating_add_signed(from_now));
    // `Sun, 06 Nov 1994 08:49:37 GMT`, put in another order.
    let text = httpdate::fmt_http_date(then);
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|month| *month == words[2]).expect("a month") + 1;
    format!("{}-{month:02}-{}T{}Z", words[3], words[1], words[4])
}
