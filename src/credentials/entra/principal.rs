//! Service principals that the environment names: with a secret, with a certificate, or with a federated token
//! (workload identity), from a file or from elsewhere.

use camino::Utf8PathBuf;

use super::super::{Secret, Variables};
use super::assertion::Certificate;
use super::authority;
use super::cloud::Cloud;
use super::identity::Answer;
use super::wire::IdentityWire;

/// Certificates with their chains are a few KiB, tokens as well.
const FILE_LIMIT: u64 = 256 * 1024;
/// How an assertion is named (RFC 7523, 2.2).
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What a token is asked for with.
pub(super) struct Asked<'a> {
    pub(super) wire: &'a dyn IdentityWire,
    pub(super) variables: &'a Variables,
    pub(super) cloud: Cloud,
    /// Instead of the identity's own.
    pub(super) tenant: Option<&'a str>,
    pub(super) scope: &'a str,
}

impl Asked<'_> {
    /// The tenant asked for, else the one that the environment names.
    pub(super) fn tenant(&self) -> Option<String> {
        self.tenant
            .map(str::to_owned)
            .or_else(|| self.variables.get("AZURE_TENANT_ID"))
    }

    fn token_endpoint(&self, tenant: &str) -> Result<url::Url, String> {
        let authority = authority::authority(self.variables, self.cloud)?;
        authority::token_endpoint(&authority, tenant)
    }
}

/// `AZURE_CLIENT_SECRET` or `AZURE_CLIENT_CERTIFICATE_PATH`, for `AZURE_CLIENT_ID` in `AZURE_TENANT_ID`.
pub(super) async fn environment(asked: &Asked<'_>) -> Answer {
    let variables = asked.variables;
    let Some(client) = variables.get("AZURE_CLIENT_ID") else {
        return Answer::Absent("AZURE_CLIENT_ID is not set".to_owned());
    };
    let Some(tenant) = asked.tenant() else {
        return Answer::Absent("AZURE_TENANT_ID is not set".to_owned());
    };
    let secret = variables.get("AZURE_CLIENT_SECRET");
    let certificate = variables.get("AZURE_CLIENT_CERTIFICATE_PATH");
    if secret.is_none() && certificate.is_none() {
        return Answer::Absent("neither AZURE_CLIENT_SECRET nor AZURE_CLIENT_CERTIFICATE_PATH is set".to_owned());
    }
    let endpoint = match asked.token_endpoint(&tenant) {
        Ok(endpoint) => endpoint,
        Err(why) => return Answer::failed(why),
    };
    let proof = match (secret, certificate) {
        (Some(secret), _) => vec![("client_secret", Secret::new(secret))],
        (None, Some(path)) => match signed(&path, &client, endpoint.as_str(), variables).await {
            Ok(assertion) => with_assertion(assertion),
            Err(why) => {
                return Answer::failed(format!("{path} {why}")).hint(
                    "AZURE_CLIENT_CERTIFICATE_PATH names a PEM file with the certificate and its RSA key: \
                     openssl pkcs12 -in FILE.pfx -out FILE.pem -nodes makes one",
                );
            }
        },
        (None, None) => Vec::new(),
    };
    let from = format!("service principal {client} of the environment");
    authority::ask(asked.wire, endpoint, form(&client, asked.scope, proof), from)
        .await
        .hint("check AZURE_CLIENT_ID, AZURE_TENANT_ID and the secret or certificate: they may have expired")
}

/// `AZURE_FEDERATED_TOKEN_FILE`, for `AZURE_CLIENT_ID` in `AZURE_TENANT_ID`.
pub(super) async fn workload(asked: &Asked<'_>) -> Answer {
    let variables = asked.variables;
    let Some(path) = variables.get("AZURE_FEDERATED_TOKEN_FILE") else {
        return Answer::Absent("AZURE_FEDERATED_TOKEN_FILE is not set".to_owned());
    };
    let Some(client) = variables.get("AZURE_CLIENT_ID") else {
        return Answer::failed("AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_CLIENT_ID is not")
            .hint("set AZURE_CLIENT_ID to the application that trusts the token");
    };
    let Some(tenant) = asked.tenant() else {
        return Answer::failed("AZURE_FEDERATED_TOKEN_FILE is set, but AZURE_TENANT_ID is not")
            .hint("set AZURE_TENANT_ID to the application's tenant");
    };
    // Read each time: the platform replaces it long before it expires.
    let token = match read(&path).await {
        Ok(text) => text.trim().to_owned(),
        Err(why) => return Answer::failed(format!("{path} {why}")),
    };
    if token.is_empty() {
        return Answer::failed(format!("{path} is empty"));
    }
    federated(asked, &client, &tenant, Secret::new(token), "").await
}

/// Exchanges a token that somebody else made for one of an application that trusts it; `maker` says who, where that is
/// not plain.
pub(super) async fn federated(asked: &Asked<'_>, client: &str, tenant: &str, token: Secret, maker: &str) -> Answer {
    let endpoint = match asked.token_endpoint(tenant) {
        Ok(endpoint) => endpoint,
        Err(why) => return Answer::failed(why),
    };
    let from = match maker {
        "" => format!("workload identity {client}"),
        maker => format!("workload identity {client} of {maker}"),
    };
    authority::ask(
        asked.wire,
        endpoint,
        form(client, asked.scope, with_assertion(token)),
        from,
    )
    .await
    .hint("check the application's federated credential: issuer, subject and audience must be the token's")
}

fn form(client: &str, scope: &str, proof: Vec<(&'static str, Secret)>) -> Vec<(&'static str, Secret)> {
    let mut form = vec![
        ("grant_type", Secret::new("client_credentials")),
        ("client_id", Secret::new(client)),
        ("scope", Secret::new(scope)),
    ];
    form.extend(proof);
    form
}

fn with_assertion(assertion: Secret) -> Vec<(&'static str, Secret)> {
    vec![
        ("client_assertion_type", Secret::new(ASSERTION_TYPE)),
        ("client_assertion", assertion),
    ]
}

async fn signed(path: &str, client: &str, audience: &str, variables: &Variables) -> Result<Secret, String> {
    let text = read(path).await?;
    let send_chain = variables
        .get("AZURE_CLIENT_SEND_CERTIFICATE_CHAIN")
        .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "1" | "true"));
    Certificate::parse(&text)?.assertion(client, audience, send_chain)
}

/// A small file. The error follows its path.
async fn read(path: &str) -> Result<String, String> {
    let path = Utf8PathBuf::from(path);
    let cannot = |error: std::io::Error| format!("cannot be read: {error}");
    let metadata = tokio::fs::metadata(&path).await.map_err(cannot)?;
    if !metadata.is_file() {
        return Err("is no file".to_owned());
    }
    if metadata.len() > FILE_LIMIT {
        return Err(format!("is larger than {} KiB", FILE_LIMIT >> 10));
    }
    let bytes = tokio::fs::read(&path).await.map_err(cannot)?;
    String::from_utf8(bytes).map_err(|_| "is no text".to_owned())
}
