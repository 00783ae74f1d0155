//! A stand-in for Entra on loopback (token endpoints of every tenant, the endpoints of managed identities, and those where
//! jobs of GitHub Actions and Azure Pipelines ask for a token about themselves), and one for what makes a registry an Azure
//! one: `/oauth2/exchange` in front of a registry with token auth.
//!
//! Tokens are JWTs that nobody signed; what follows their second dot is [`MARK`], so that they can be looked for. A tenant's
//! tokens are good at the registries of that tenant only.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::faulty::Faulty;
use super::http::Response;
use super::registry::{IDENTITY_TOKEN, Registry};
use super::server::Server;
use super::tokens::{SERVICE, form};

/// What each access token ends with.
pub const MARK: &str = "planted-in-access-token-Kd83xQ";
/// The application that may log in, and its secret.
pub const CLIENT: &str = "app-7c1f";
pub const SECRET: &str = "planted-client-secret-Vw52";
/// A secret of it that has expired.
pub const OLD_SECRET: &str = "planted-expired-secret-Mn37";
/// A federated token that is trusted.
pub const FEDERATED: &str = "planted.federated-token.Rt90";
/// What a job shows where it asks for a token about itself.
pub const JOB: &str = "planted-job-token-Xe66";
/// What each token about a job ends with. It is good for one access token.
pub const JOB_MARK: &str = "planted-in-assertion-Bq29";
/// The service connection of a job of Azure Pipelines.
pub const CONNECTION: &str = "5e12f1ce-c0de-4000-8000-00000000c0de";
/// Shown by App Service to its own processes.
pub const HEADER: &str = "planted-identity-header-Ge41";
/// Two tenants.
pub const TENANT_A: &str = "aaaaaaaa-0000-0000-0000-00000000000a";
pub const TENANT_B: &str = "bbbbbbbb-0000-0000-0000-00000000000b";

/// An access token of a tenant for an audience.
pub fn access_token(tenant: &str, audience: &str) -> String {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .expect("a clock after 1970")
        .as_secs();
    let claims =
        json!({"tid": tenant, "oid": format!("object-in-{}", &tenant[..8]), "aud": audience, "exp": now + 3600});
    format!(
        "{}.{}.{MARK}",
        URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#),
        URL_SAFE_NO_PAD.encode(claims.to_string())
    )
}

fn claims(token: &str) -> Option<Value> {
    let payload = URL_SAFE_NO_PAD.decode(token.split('.').nth(1)?).ok()?;
    serde_json::from_slice(&payload).ok()
}

/// The running stand-in.
pub struct Entra {
    server: Server,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    seen: Vec<String>,
    /// Scopes that tokens were asked for with.
    scopes: Vec<String>,
    /// Audiences and service connections that jobs asked for.
    jobs: Vec<String>,
    /// Tokens about jobs that were not used yet.
    assertions: Vec<String>,
    /// So many seconds its clock is ahead of ours.
    ahead: i64,
}

impl Entra {
    pub fn start() -> Self {
        let state: Arc<Mutex<State>> = Arc::default();
        let shared = Arc::clone(&state);
        let server = Server::start(move |exchange| {
            let body = String::from_utf8_lossy(&exchange.read_body()).into_owned();
            let (method, target) = (exchange.head.method.clone(), exchange.head.target.clone());
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            let mut state = shared.lock().expect("the state");
            state.seen.push(format!("{method} {path}"));
            let header = |name: &str| exchange.head.headers.get(name).map(str::to_owned);
            let query = form(query);
            let resource = field(&query, "resource");
            let response = match (method.as_str(), path) {
                ("POST", _) if path.ends_with("/oauth2/v2.0/token") => state.grant(path, &form(&body)),
                ("GET", "/github/token") if field(&query, "api-version") == "2.0" => {
                    state.about_a_job("value", &field(&query, "audience"), header("Authorization"))
                }
                ("POST", "/pipelines/oidctoken") if field(&query, "api-version") == "7.1" => {
                    if header("X-TFS-FedAuthRedirect").as_deref() != Some("Suppress") {
                        Response::new(302, "").with("Location", "/_signin")
                    } else if field(&query, "serviceConnectionId") != CONNECTION {
                        job_refusal(404, "No service connection found.")
                    } else {
                        state.about_a_job("oidcToken", CONNECTION, header("Authorization"))
                    }
                }
                ("GET", "/moved/token") => Response::new(302, "").with("Location", "/github/token?api-version=2.0"),
                ("GET", "/empty/token") => Response::new(200, json!({"count": 0}).to_string()),
                ("GET", "/metadata/identity/oauth2/token") => match header("Metadata").as_deref() {
                    Some("true") => granted(TENANT_A, &resource),
                    _ => refusal(400, "invalid_request", "Required metadata header not specified"),
                },
                ("GET", "/msi/token") => match header("X-IDENTITY-HEADER").as_deref() {
                    Some(HEADER) => granted(TENANT_A, &resource),
                    _ => refusal(403, "forbidden", "no such header"),
                },
                _ => refusal(404, "not_found", "nothing is here"),
            };
            let date = httpdate::fmt_http_date(UNIX_EPOCH + std::time::Duration::from_secs(state.now()));
            drop(state);
            exchange.answer(&response.with("Date", &date))
        });
        Self { server, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("the state")
    }

    /// Its clock is so many seconds ahead of this machine's.
    pub fn ahead(&self, seconds: i64) -> &Self {
        self.state().ahead = seconds;
        self
    }

    /// `http://127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Requests so far: method and path.
    pub fn seen(&self) -> Vec<String> {
        self.state().seen.clone()
    }

    /// Scopes that tokens were asked for with.
    pub fn scopes(&self) -> Vec<String> {
        self.state().scopes.clone()
    }

    /// What jobs asked for: the audience, or the service connection.
    pub fn jobs(&self) -> Vec<String> {
        self.state().jobs.clone()
    }
}

fn field(fields: &[(String, String)], name: &str) -> String {
    let found = fields.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

impl State {
    fn now(&self) -> u64 {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .expect("a clock after 1970");
        now.as_secs().saturating_add_signed(self.ahead)
    }

    /// A token about a job, for who shows the job's own.
    fn about_a_job(&mut self, name: &str, asked: &str, login: Option<String>) -> Response {
        self.jobs.push(asked.to_owned());
        if login.as_deref() != Some(format!("Bearer {JOB}").as_str()) {
            return job_refusal(401, "TF400813: The user is not authorized to access this resource.");
        }
        let claims = json!({"sub": "repo:contoso/nf:ref:refs/heads/main", "aud": asked, "jti": self.jobs.len()});
        let token = format!("e30.{}.{JOB_MARK}", URL_SAFE_NO_PAD.encode(claims.to_string()));
        self.assertions.push(token.clone());
        Response::new(200, json!({"count": 1, name: token}).to_string()).with("Content-Type", "application/json")
    }

    fn grant(&mut self, path: &str, fields: &[(String, String)]) -> Response {
        let tenant = path.trim_start_matches('/').split('/').next().unwrap_or_default();
        let of = |name: &str| field(fields, name);
        self.scopes.push(of("scope"));
        let assertion = of("client_assertion");
        let claims = claims(&assertion).unwrap_or_default();
        let is_signed = || {
            let header = URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap_or_default());
            let header: Value = serde_json::from_slice(&header.unwrap_or_default()).unwrap_or_default();
            header["alg"] == "PS256"
                && claims["sub"] == CLIENT
                && claims["aud"].as_str().is_some_and(|audience| audience.ends_with(path))
        };
        let held = self.assertions.iter().position(|held| *held == assertion);
        let about_a_job = held.map(|at| self.assertions.remove(at)).is_some();
        let proven = of("client_secret") == SECRET || assertion == FEDERATED || about_a_job || is_signed();
        let now = self.now();
        let out_of_time = claims["exp"].as_u64().is_some_and(|exp| exp + 300 < now)
            || claims["nbf"].as_u64().is_some_and(|nbf| nbf > now + 300);
        match () {
            () if of("grant_type") != "client_credentials" => refusal(400, "unsupported_grant_type", "AADSTS70003: no"),
            () if of("client_id") != CLIENT => refusal(
                400,
                "unauthorized_client",
                "AADSTS700016: Application with identifier was not found in the directory.",
            ),
            () if of("client_secret") == OLD_SECRET => refusal(
                401,
                "invalid_client",
                "AADSTS7000222: The provided client secret keys for app 'app-7c1f' are expired.\r\nTrace ID: 1",
            ),
            () if out_of_time => refusal(
                401,
                "invalid_client",
                "AADSTS700024: Client assertion is not within its valid time range.\r\nTrace ID: 1",
            ),
            () if !proven && !assertion.is_empty() => refusal(
                401,
                "invalid_client",
                "AADSTS700213: No matching federated identity record found for presented assertion subject \
                 'repo:contoso/nf:pull_request'.\r\nTrace ID: 1",
            ),
            () if !proven => refusal(
                401,
                "invalid_client",
                "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2",
            ),
            () => granted(tenant, &of("scope")),
        }
    }
}

/// As GitHub and Azure DevOps refuse.
fn job_refusal(status: u16, message: &str) -> Response {
    let answer = json!({"message": message, "typeKey": "UnauthorizedRequestException"});
    Response::new(status, answer.to_string()).with("Content-Type", "application/json")
}

fn granted(tenant: &str, audience: &str) -> Response {
    let answer = json!({
        "token_type": "Bearer", "expires_in": 3599, "access_token": access_token(tenant, audience),
    });
    Response::new(200, answer.to_string()).with("Content-Type", "application/json")
}

fn refusal(status: u16, error: &str, description: &str) -> Response {
    let answer = json!({"error": error, "error_description": description});
    Response::new(status, answer.to_string()).with("Content-Type", "application/json")
}

/// A registry of one tenant: it exchanges that tenant's tokens, and no others.
pub struct AzureRegistry {
    proxy: Faulty,
}

impl AzureRegistry {
    /// In front of a registry with token auth, over plain HTTP.
    pub fn before(registry: &Registry, tenant: &'static str) -> Self {
        let proxy = Faulty::before(&registry.host());
        proxy.answering(move |exchange, entry| {
            (entry.path == "/oauth2/exchange").then(|| exchanged(&entry.method, &exchange.read_body(), tenant))
        });
        Self { proxy }
    }

    /// `127.0.0.1:port`.
    pub fn host(&self) -> String {
        self.proxy.host()
    }

    /// How often tokens were exchanged here.
    pub fn exchanges(&self) -> usize {
        let traffic = self.proxy.traffic();
        traffic
            .0
            .iter()
            .filter(|entry| entry.path == "/oauth2/exchange")
            .count()
    }
}

fn exchanged(method: &str, body: &[u8], tenant: &str) -> Response {
    let fields = form(&String::from_utf8_lossy(body));
    let of = |name: &str| field(&fields, name);
    let token = claims(&of("access_token")).unwrap_or_default();
    let audience = token["aud"].as_str().unwrap_or_default().to_owned();
    let good = method == "POST"
        && of("grant_type") == "access_token"
        && of("service") == SERVICE
        && of("tenant") == tenant
        && token["tid"] == tenant
        && audience.starts_with("https://containerregistry.azure.net");
    if !good {
        let message = "authentication required, visit https://aka.ms/acr/authorization for more information.";
        return Response::error(401, "UNAUTHORIZED", message);
    }
    Response::new(200, json!({"refresh_token": IDENTITY_TOKEN}).to_string()).with("Content-Type", "application/json")
}

/// An Azure CLI that is logged in to both tenants (to [`TENANT_A`] where none is named), in a folder for the search path.
pub struct AzureCli {
    folder: tempfile::TempDir,
}

impl AzureCli {
    /// Logged in.
    #[cfg(unix)]
    pub fn logged_in() -> Self {
        let folder = super::temp_dir();
        let write = |name: &str, tenant: &str| {
            let answer = json!({
                "accessToken": access_token(tenant, "https://containerregistry.azure.net"),
                "expiresOn": "2099-01-01 00:00:00.000000", "expires_on": 4_070_908_800_u64,
                "tenant": tenant, "tokenType": "Bearer",
            });
            std::fs::write(folder.path().join(name), answer.to_string()).expect("an answer");
        };
        write("default.json", TENANT_A);
        write("a.json", TENANT_A);
        write("b.json", TENANT_B);
        let script = format!(
            "case \"$*\" in\n*'--tenant {TENANT_A}'*) exec cat '{0}/a.json';;\n*'--tenant {TENANT_B}'*) exec cat '{0}/b.json';;\n\
             *--tenant*) echo 'ERROR: AADSTS90002: Tenant not found.' >&2; exit 1;;\nesac\nexec cat '{0}/default.json'",
            folder.path().display()
        );
        Self { folder }.with_script(&script)
    }

    /// Installed, and logged in to nothing.
    #[cfg(unix)]
    pub fn logged_out() -> Self {
        let folder = super::temp_dir();
        Self { folder }.with_script("echo \"ERROR: Please run 'az login' to setup account.\" >&2; exit 1")
    }

    #[cfg(unix)]
    fn with_script(self, body: &str) -> Self {
        use std::os::unix::fs::PermissionsExt as _;
        let path = self.folder.path().join("az");
        let log = self.folder.path().join("calls");
        let text = format!("#!/bin/sh\nprintf '%s\\n' \"$*\" >> '{}'\n{body}\n", log.display());
        std::fs::write(&path, text).expect("a script");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("a program");
        self
    }

    /// A search path that begins with it.
    pub fn path(&self) -> String {
        let rest = std::env::var("PATH").unwrap_or_default();
        format!("{}:{rest}", self.folder.path().display())
    }

    /// What it was called with, a line a call.
    pub fn calls(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.folder.path().join("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }
}
