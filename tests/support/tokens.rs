//! A token server, as the distribution project specifies it (`spec/auth/token`, `spec/auth/jwt`, `spec/auth/oauth`).
//!
//! GET with Basic credentials or none; POST with `grant_type=password` or `refresh_token`. Tokens are ES256, with the signing
//! certificate in an `x5c` header: what both generations of the registry accept.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};

use super::http::Response;
use super::registry::{IDENTITY_TOKEN, PASSWORD, READER, READER_PASSWORD, USER};
use super::server::Server;
use super::traffic::{Entry, Log, Mark, Traffic};

pub const ISSUER: &str = "aosm-build tests";
pub const SERVICE: &str = "registry.test";

/// Signs tokens.
pub struct Authority {
    key: EcdsaKeyPair,
    certificate_der: Vec<u8>,
    certificate: PathBuf,
    serial: AtomicU64,
}

impl Authority {
    /// A new one; its certificate is written into `folder` for the registry to trust.
    pub fn create(folder: &Path) -> Self {
        let pair = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256).expect("a key");
        let mut params = rcgen::CertificateParams::new(vec!["tokens.test".to_owned()]).expect("parameters");
        params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let made = params.self_signed(&pair).expect("a certificate");
        let certificate = folder.join("tokens.pem");
        std::fs::write(&certificate, made.pem()).expect("a PEM file");
        let key =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pair.serialize_der()).expect("a signing key");
        Self {
            key,
            certificate_der: made.der().to_vec(),
            certificate,
            serial: AtomicU64::new(1),
        }
    }

    /// The certificate's file.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A token for `access` (the list of the specification), valid for `seconds`.
    pub fn mint(&self, subject: &str, access: &Value, seconds: u64) -> String {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970")
            .as_secs();
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [STANDARD.encode(&self.certificate_der)]});
        let claims = json!({
            "iss": ISSUER, "sub": subject, "aud": SERVICE,
            "exp": now + seconds, "nbf": now - 10, "iat": now - 10,
            "jti": self.serial.fetch_add(1, Ordering::SeqCst).to_string(),
            "access": access,
        });
        let signed = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header.to_string()),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let signature = self
            .key
            .sign(&SystemRandom::new(), signed.as_bytes())
            .expect("a signature");
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature.as_ref()))
    }
}

/// A running token server.
pub struct TokenServer {
    server: Server,
    state: Arc<State>,
}

struct State {
    authority: Arc<Authority>,
    log: Log,
    lifetime: AtomicU64,
    opened: Mutex<Vec<Opened>>,
}

/// A login that opens some repositories for some time, as an artifact manifest's does.
#[derive(Clone)]
struct Opened {
    user: String,
    password: String,
    repositories: Vec<String>,
    from: Instant,
    until: Instant,
}

/// Makes logins known to a token server from wherever they are granted.
#[derive(Clone)]
pub struct Admission(Arc<State>);

impl Admission {
    /// As [`TokenServer::open`]. Tokens end with the login.
    pub fn open(&self, user: &str, password: &str, repositories: &[&str], from: Duration, until: Duration) {
        let now = Instant::now();
        self.0.opened.lock().expect("logins").push(Opened {
            user: user.to_owned(),
            password: password.to_owned(),
            repositories: repositories.iter().map(|&name| name.to_owned()).collect(),
            from: now + from,
            until: now + until,
        });
    }
}

impl TokenServer {
    pub fn start(authority: Arc<Authority>) -> Self {
        let state = Arc::new(State {
            authority,
            log: Log::default(),
            lifetime: AtomicU64::new(300),
            opened: Mutex::default(),
        });
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| {
            let mut entry = Entry::new(&exchange.head.method, &exchange.head.target, 0);
            entry.authorization = exchange.head.headers.get("Authorization").map(str::to_owned);
            let number = shared.log.note(entry.clone());
            let body = exchange.read_body();
            let response = shared.answer(&entry, &String::from_utf8_lossy(&body));
            shared.log.answered(number, response.status);
            exchange.answer(&response)
        });
        Self { server, state }
    }

    /// The address that a challenge names.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.server.address())
    }

    /// How long the next tokens are valid, in seconds.
    pub fn set_lifetime(&self, seconds: u64) {
        self.state.lifetime.store(seconds, Ordering::SeqCst);
    }

    /// Takes this login for pulling from and pushing to these repositories, from some time from now on until some later time.
    pub fn open(&self, user: &str, password: &str, repositories: &[&str], from: Duration, until: Duration) {
        self.admission().open(user, password, repositories, from, until);
    }

    /// For whoever grants logins.
    pub fn admission(&self) -> Admission {
        Admission(Arc::clone(&self.state))
    }

    pub fn mark(&self) -> Mark {
        self.state.log.mark()
    }

    pub fn since(&self, mark: Mark) -> Traffic {
        self.state.log.since(mark)
    }
}

impl State {
    fn answer(&self, entry: &Entry, body: &str) -> Response {
        let fields = form(if entry.method == "POST" { body } else { &entry.query });
        let field = |name: &str| fields.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v.as_str());
        let who = if entry.method == "POST" {
            match field("grant_type") {
                "refresh_token" if field("refresh_token") == IDENTITY_TOKEN => Ok(Some(everywhere(USER))),
                "password" => known(field("username"), field("password")),
                _ => Err(()),
            }
        } else {
            match entry.authorization.as_deref().map(basic) {
                None => Ok(None),
                Some(Some((user, password))) => {
                    known(&user, &password).or_else(|()| self.opened(&user, &password).map(Some))
                }
                Some(None) => Err(()),
            }
        };
        let Ok(who) = who else {
            return Response::error(401, "UNAUTHORIZED", "incorrect username or password");
        };
        if field("service") != SERVICE {
            return Response::error(400, "UNSUPPORTED", "another service");
        }
        let mut access = Vec::new();
        for (name, scopes) in &fields {
            if name == "scope" {
                access.extend(scopes.split(' ').filter_map(|scope| grant(scope, who.as_ref())));
            }
        }
        let lifetime = Duration::from_secs(self.lifetime.load(Ordering::SeqCst));
        let seconds = who.as_ref().map_or(lifetime, |who| who.left.min(lifetime)).as_secs();
        let token = self
            .authority
            .mint(who.as_ref().map_or("", |who| &who.name), &Value::Array(access), seconds);
        let mut answer = json!({"token": token, "access_token": token, "expires_in": seconds});
        if entry.method == "POST" {
            answer["refresh_token"] = json!(IDENTITY_TOKEN);
        }
        Response::new(200, answer.to_string()).with("Content-Type", "application/json")
    }
}

/// Somebody who has logged in.
struct Who {
    name: String,
    /// All that is open to them; `None`: everything.
    repositories: Option<Vec<String>>,
    /// How long the login is good for.
    left: Duration,
}

impl State {
    fn opened(&self, user: &str, password: &str) -> Result<Who, ()> {
        let now = Instant::now();
        let opened = self.opened.lock().expect("logins");
        let good = |one: &&Opened| one.user == user && one.password == password && one.from <= now && now < one.until;
        let one = opened.iter().find(good).ok_or(())?;
        Ok(Who {
            name: user.to_owned(),
            repositories: Some(one.repositories.clone()),
            left: one.until - now,
        })
    }
}

/// What of a scope someone gets: the user everything, the reader only reading, strangers nothing; who has some repositories
/// opened pulls and pushes there.
fn grant(scope: &str, who: Option<&Who>) -> Option<Value> {
    let (kind, rest) = scope.split_once(':')?;
    let (name, actions) = rest.rsplit_once(':')?;
    let allowed: Vec<&str> = actions
        .split(',')
        .filter(|action| match who {
            Some(Who {
                repositories: Some(opened),
                ..
            }) => matches!(*action, "pull" | "push") && opened.iter().any(|one| one == name),
            Some(who) if who.name == USER => true,
            Some(_) => *action == "pull",
            None => false,
        })
        .collect();
    (!allowed.is_empty()).then(|| json!({"type": kind, "name": name, "actions": allowed}))
}

fn known(user: &str, password: &str) -> Result<Option<Who>, ()> {
    match (user, password) {
        (USER, PASSWORD) | (READER, READER_PASSWORD) => Ok(Some(everywhere(user))),
        _ => Err(()),
    }
}

fn everywhere(user: &str) -> Who {
    Who {
        name: user.to_owned(),
        repositories: None,
        left: Duration::MAX,
    }
}

/// User and password of a Basic `Authorization` header.
pub fn basic(header: &str) -> Option<(String, String)> {
    let text = STANDARD.decode(header.strip_prefix("Basic ")?).ok()?;
    let text = String::from_utf8(text).ok()?;
    text.split_once(':')
        .map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// Fields of a query or form.
pub fn form(text: &str) -> Vec<(String, String)> {
    url::form_urlencoded::parse(text.as_bytes()).into_owned().collect()
}
