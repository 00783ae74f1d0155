//! Managed identities: of App Service and its kin, of Azure Arc, of virtual machines and what runs on them.

use std::time::Duration;

use super::super::Variables;
use super::identity::Answer;
use super::wire::{IdentityWire, Question};
use super::{arc, authority, cloud};

/// The instance metadata service: the same address on every virtual machine of Azure, and no other's on the internet.
const METADATA_SERVICE: &str = "http://169.254.169.254";
/// On a machine elsewhere nobody answers there, and nobody says so either.
const PROBE: Duration = Duration::from_secs(1);

/// A token of this machine's identity, or of its identity `AZURE_CLIENT_ID`.
pub(super) async fn ask(wire: &dyn IdentityWire, variables: &Variables, scope: &str) -> Answer {
    let resource = cloud::resource_of(scope);
    let client = variables.get("AZURE_CLIENT_ID");
    let Some(endpoint) = variables.get("IDENTITY_ENDPOINT") else {
        return metadata_service(wire, variables, resource, client.as_deref()).await;
    };
    match (variables.get("IDENTITY_HEADER"), variables.get("IMDS_ENDPOINT")) {
        (Some(_), _) if variables.get("IDENTITY_SERVER_THUMBPRINT").is_some() => {
            Answer::Absent("Service Fabric's identities are not supported".to_owned())
        }
        (Some(header), _) => match url(&endpoint, "2019-08-01", resource, client.as_deref()) {
            Ok(url) => {
                let question = Question {
                    plain: true,
                    ..Question::get(url).header("x-identity-header", header)
                };
                answer(wire, question, "managed identity").await
            }
            Err(why) => Answer::failed(format!("IDENTITY_ENDPOINT {why}")),
        },
        (None, Some(_)) => match url(&endpoint, "2019-11-01", resource, None) {
            Ok(url) => arc::ask(wire, url).await,
            Err(why) => Answer::failed(format!("IDENTITY_ENDPOINT {why}")),
        },
        (None, None) => Answer::Absent("IDENTITY_ENDPOINT is set, but IDENTITY_HEADER is not".to_owned()),
    }
}

async fn metadata_service(
    wire: &dyn IdentityWire,
    variables: &Variables,
    resource: &str,
    client: Option<&str>,
) -> Answer {
    let named = variables.get("AZURE_POD_IDENTITY_AUTHORITY_HOST");
    let base = named.as_deref().unwrap_or(METADATA_SERVICE);
    let path = format!("{}/metadata/identity/oauth2/token", base.trim_end_matches('/'));
    let url = match url(&path, "2018-02-01", resource, client) {
        Ok(url) => url,
        Err(why) => return Answer::failed(format!("AZURE_POD_IDENTITY_AUTHORITY_HOST {why}")),
    };
    let question = Question {
        plain: true,
        ..Question::get(url)
    };
    // A token may take its time, a sign of life may not. Without the header that it wants the service answers at once.
    if named.is_none() {
        let probe = Question {
            probe: Some(PROBE),
            ..question.clone()
        };
        if wire.ask(probe).await.is_err() {
            return Answer::Absent("no metadata service answers, so this is no virtual machine of Azure".to_owned());
        }
    }
    answer(
        wire,
        question.header("metadata", "true"),
        "managed identity of this machine",
    )
    .await
}

/// Other clouds have other services at the same address: what refuses is not an identity that fails.
async fn answer(wire: &dyn IdentityWire, question: Question, from: &str) -> Answer {
    let server = question.url.host_str().unwrap_or_default().to_owned();
    match wire.ask(question).await {
        Ok(reply) => {
            let passing = reply.status == 429 || reply.status >= 500;
            match authority::read(&reply, &server, from.to_owned()) {
                Answer::Failed {
                    why, audience: false, ..
                } if !passing && reply.status != 200 => Answer::Absent(why),
                other => other,
            }
        }
        Err(why) => Answer::failed(format!("{server}: {why}")),
    }
}

/// The error follows the name of the variable.
fn url(endpoint: &str, version: &str, resource: &str, client: Option<&str>) -> Result<url::Url, String> {
    let mut url = url::Url::parse(endpoint)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("is no http address")?;
    {
        let mut query = url.query_pairs_mut();
        query.append_pair("api-version", version);
        query.append_pair("resource", resource);
        if let Some(client) = client {
            query.append_pair("client_id", client);
        }
    }
    Ok(url)
}
