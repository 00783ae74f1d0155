//! Jobs of Azure Pipelines: a job that may use a service connection with workload identity federation can ask Azure DevOps
//! for a token about it (REST reference, "Oidctoken - Create"; the client libraries call it `AzurePipelinesCredential`).

use super::identity::Answer;
use super::issuer::{assertion, endpoint};
use super::principal::{Asked, federated};
use super::wire::Question;

/// Where a job asks; Azure Pipelines puts it into the environment of each step.
const ADDRESS: &str = "SYSTEM_OIDCREQUESTURI";
/// What it shows there: only in steps that map it.
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";
/// Which service connection; `AzureCLI@2` and `AzurePowerShell@5` set it, and so may anybody.
const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";

/// A token for the application of a service connection.
pub(super) async fn ask(asked: &Asked<'_>) -> Answer {
    let variables = asked.variables;
    let Some(address) = variables.get(ADDRESS) else {
        return Answer::Absent(format!("{ADDRESS} is not set"));
    };
    let Some(connection) = variables.get(CONNECTION) else {
        return Answer::Absent(format!("{CONNECTION} is not set, as an AzureCLI@2 task does"));
    };
    let Some(token) = variables.get(TOKEN) else {
        return Answer::Absent(format!("{TOKEN} is not mapped: env: {TOKEN}: $(System.AccessToken)"));
    };
    let client = variables.get("AZURESUBSCRIPTION_CLIENT_ID");
    let Some(client) = client.or_else(|| variables.get("AZURE_CLIENT_ID")) else {
        return Answer::failed(format!("{CONNECTION} is set, but AZURESUBSCRIPTION_CLIENT_ID is not"))
            .hint("set AZURESUBSCRIPTION_CLIENT_ID (or AZURE_CLIENT_ID) to the service connection's application");
    };
    let tenant = asked.tenant.map(str::to_owned);
    let tenant = tenant.or_else(|| variables.get("AZURESUBSCRIPTION_TENANT_ID"));
    let Some(tenant) = tenant.or_else(|| variables.get("AZURE_TENANT_ID")) else {
        return Answer::failed(format!("{CONNECTION} is set, but AZURESUBSCRIPTION_TENANT_ID is not"))
            .hint("set AZURESUBSCRIPTION_TENANT_ID (or AZURE_TENANT_ID) to the service connection's tenant");
    };
    let mut url = match endpoint(ADDRESS, &address) {
        Ok(url) => url,
        Err(why) => return Answer::failed(why),
    };
    url.query_pairs_mut()
        .append_pair("api-version", "7.1")
        .append_pair("serviceConnectionId", &connection);
    let question = Question::post(url, Vec::new())
        .header("content-type", "application/json")
        .header("authorization", format!("Bearer {token}"))
        // Without it a refusal is a redirect to a page where people log in.
        .header("x-tfs-fedauthredirect", "Suppress");
    match assertion(asked.wire, question, "oidcToken").await {
        Ok(assertion) => federated(asked, &client, &tenant, assertion, "Azure Pipelines").await,
        Err(answer) => answer.hint(format!(
            "check that {CONNECTION} is the id of a service connection with workload identity federation that this \
             pipeline may use, and that {TOKEN} is mapped from $(System.AccessToken)"
        )),
    }
}
