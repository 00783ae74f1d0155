//! A stand-in for Entra on loopback (token endpoints of every tenant, and the endpoints of managed identities), and one for
//! what makes a registry an Azure one: `/oauth2/exchange` in front of a registry with token auth.
//!
//! Tokens are JWTs that nobody signed; what follows their second dot is [`MARK`], so that they can be looked for. A tenant's
//! tokens are good at the registries of that tenant only.

use std::sync::{Arc, Mutex};
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
/// A federated token that is trusted.
pub const FEDERATED: &str = "planted.federated-token.Rt90";
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
    seen: Arc<Mutex<Vec<String>>>,
}

impl Entra {
    pub fn start() -> Self {
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        let server = Server::start(move |exchange| {
            let body = String::from_utf8_lossy(&exchange.read_body()).into_owned();
            let (method, target) = (exchange.head.method.clone(), exchange.head.target.clone());
            let (path, query) = target.split_once('?').unwrap_or((&target, ""));
            log.lock().expect("the log").push(format!("{method} {path}"));
            let header = |name: &str| exchange.head.headers.get(name).map(str::to_owned);
            let resource = field(&form(query), "resource");
            let response = match (method.as_str(), path) {
                ("POST", _) if path.ends_with("/oauth2/v2.0/token") => grant(path, &form(&body)),
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
            exchange.answer(&response)
        });
        Self { server, seen }
    }

    /// `http://127.0.0.1:port`.
    pub fn address(&self) -> String {
        format!("http://{}", self.server.address())
    }

    /// Requests so far: method and path.
    pub fn seen(&self) -> Vec<String> {
        self.seen.lock().expect("the log").clone()
    }
}

fn field(fields: &[(String, String)], name: &str) -> String {
    let found = fields.iter().find(|(n, _)| n == name);
    found.map(|(_, value)| value.clone()).unwrap_or_default()
}

fn grant(path: &str, fields: &[(String, String)]) -> Response {
    let tenant = path.trim_start_matches('/').split('/').next().unwrap_or_default();
    let of = |name: &str| field(fields, name);
    let assertion = of("client_assertion");
    let is_signed = || {
        let header = URL_SAFE_NO_PAD.decode(assertion.split('.').next().unwrap_or_default());
        let header: Value = serde_json::from_slice(&header.unwrap_or_default()).unwrap_or_default();
        let claims = claims(&assertion).unwrap_or_default();
        header["alg"] == "PS256"
            && claims["sub"] == CLIENT
            && claims["aud"].as_str().is_some_and(|audience| audience.ends_with(path))
    };
    let proven = of("client_secret") == SECRET || assertion == FEDERATED || is_signed();
    match () {
        () if of("grant_type") != "client_credentials" => refusal(400, "unsupported_grant_type", "AADSTS70003: no"),
        () if of("client_id") != CLIENT => refusal(400, "unauthorized_client", "AADSTS700016: no such application"),
        () if !proven => refusal(
            401,
            "invalid_client",
            "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1\r\nCorrelation ID: 2",
        ),
        () => granted(tenant, &of("scope")),
    }
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
