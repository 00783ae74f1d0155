//! The shapes in which Azure Resource Manager answers: ids, errors, pages, and what `listCredential` grants.

use base64::Engine as _;
use serde_json::{Value, json};

use super::arm::{GROUP, PUBLISHER, SUBSCRIPTION, TOKEN};
use super::entra::TENANT_A;
use super::http::Response;
use super::tokens::form;

/// An answer to `listCredential` of a registry store, as the service was seen to give it.
pub fn registry_token(server: &str, username: &str, token: &str, repositories: &[&str], expiry: &str) -> Value {
    json!({
        "username": username, "acrToken": token, "acrServerUrl": server, "repositories": repositories,
        "expiry": expiry, "credentialType": "AzureContainerRegistryScopedToken",
    })
}

/// The same of a storage account: containers with their SAS URLs.
pub fn container_tokens(account: &str, containers: &[(&str, &str)], expiry: &str) -> Value {
    let containers: Vec<Value> = containers
        .iter()
        .map(|(name, url)| json!({"containerName": name, "containerSasUri": url}))
        .collect();
    json!({
        "storageAccountId": format!("/subscriptions/{SUBSCRIPTION}/resourceGroups/managed/providers/Microsoft.Storage/storageAccounts/{account}"),
        "containerCredentials": containers, "expiry": expiry, "credentialType": "AzureStorageAccountToken",
    })
}

/// So many seconds from now, as the service writes times.
pub fn in_seconds(seconds: u64) -> String {
    let then = std::time::SystemTime::now() + std::time::Duration::from_secs(seconds);
    // `Sun, 06 Nov 1994 08:49:37 GMT`
    let text = httpdate::fmt_http_date(then);
    let words: Vec<&str> = text.split([' ', ',']).filter(|word| !word.is_empty()).collect();
    let months = [
        "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
    ];
    let month = months.iter().position(|name| *name == words[2]).expect("a month") + 1;
    format!("{}-{month:02}-{}T{}.1234567+00:00", words[3], words[1], words[4])
}

pub fn store_id(store: &str) -> String {
    store_id_of(PUBLISHER, store)
}

pub fn store_id_of(publisher: &str, store: &str) -> String {
    format!(
        "/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.HybridNetwork/publishers/{publisher}/artifactStores/{store}"
    )
}

/// Resource Manager's error shape.
pub fn error(status: u16, code: &str, message: &str) -> Response {
    json_answer(status, &json!({"error": {"code": code, "message": message}}))
}

pub fn json_answer(status: u16, value: &Value) -> Response {
    Response::new(status, value.to_string()).with("Content-Type", "application/json; charset=utf-8")
}

pub fn decoded(text: &str) -> String {
    form(&format!("x={}", text.replace('+', "%2B"))).remove(0).1
}

pub fn paged(
    all: Vec<Value>,
    skip: usize,
    page: usize,
    host: &str,
    path: &str,
    version: &str,
    artifact: Option<String>,
) -> Response {
    let end = (skip + page).min(all.len());
    let mut answer = json!({"value": all.get(skip..end).unwrap_or_default()});
    if end < all.len() {
        let artifact: String = artifact
            .map(|name| url::form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>())
            .map(|name| format!("&artifactName={name}"))
            .unwrap_or_default();
        answer["nextLink"] = format!("http://{host}{path}?api-version={version}{artifact}&%24skipToken={end}").into();
    }
    json_answer(200, &answer)
}

pub fn not_found(path: &str) -> Response {
    let (_, resource) = path.rsplit_once("/providers/").unwrap_or(("", path));
    error(
        404,
        "ResourceNotFound",
        &format!(
            "The Resource '{resource}' under resource group '{GROUP}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix"
        ),
    )
}

pub fn denied(path: &str) -> Response {
    let (scope, action) = path.rsplit_once('/').unwrap_or((path, ""));
    let message = format!(
        "The client 'someone@contoso.test' with object id '11111111-0000-0000-0000-000000000001' does not have authorization to perform action 'Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/{action}/action' over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials."
    );
    error(403, "AuthorizationFailed", &message)
}

/// Why a token is refused; `None`: it is good. Without a tenant of its own the subscription is [`TENANT_A`]'s.
pub fn refused_login(tenant: Option<&str>, login: &str) -> Option<Response> {
    let challenge = |tenant: &str, code: &str, message: &str| {
        let value = format!(
            "Bearer authorization_uri=\"https://login.windows.net/{tenant}\", error=\"invalid_token\", error_description=\"{message}\""
        );
        error(401, code, message).with("WWW-Authenticate", &value)
    };
    let tenant = tenant.unwrap_or(TENANT_A);
    let Some(token) = login.strip_prefix("Bearer ") else {
        let message = "Authentication failed. The 'Authorization' header is missing.";
        return Some(challenge(tenant, "AuthenticationFailed", message));
    };
    if token == TOKEN {
        return None;
    }
    let payload = token.split('.').nth(1).unwrap_or_default();
    let claims: Value = base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(payload)
        .ok()
        .and_then(|bytes| serde_json::from_slice(&bytes).ok())
        .unwrap_or_default();
    match claims["tid"].as_str() {
        Some(tid) if tid == tenant => None,
        Some(tid) => Some(challenge(
            tenant,
            "InvalidAuthenticationTokenTenant",
            &format!(
                "The access token is from the wrong issuer 'https://sts.windows.net/{tid}/'. It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this subscription."
            ),
        )),
        None => Some(challenge(
            tenant,
            "ExpiredAuthenticationToken",
            "The access token expiry UTC time '1/31/2024 12:00:00 PM' is earlier than current UTC time.",
        )),
    }
}
