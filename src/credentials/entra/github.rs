//! Jobs of GitHub Actions: with `permissions: id-token: write` a job may ask GitHub for a token about itself (GitHub's
//! reference of `OpenID Connect`, "requesting the JWT"), which an application of Entra can trust.

use super::identity::Answer;
use super::issuer::{assertion, endpoint};
use super::principal::{Asked, federated};
use super::wire::Question;

/// Where a job asks; GitHub puts it into the environment of each step.
const ADDRESS: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
/// What it shows there.
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

/// A token for `AZURE_CLIENT_ID` in `AZURE_TENANT_ID`, which must trust this job.
pub(super) async fn ask(asked: &Asked<'_>) -> Answer {
    let variables = asked.variables;
    let (Some(address), Some(token)) = (variables.get(ADDRESS), variables.get(TOKEN)) else {
        return Answer::Absent(match variables.get("GITHUB_ACTIONS") {
            Some(_) => {
                "the job gets no token: it lacks `permissions: id-token: write`, or is a fork's pull request".to_owned()
            }
            None => format!("{ADDRESS} is not set"),
        });
    };
    // A job may have the permission for other reasons, to sign what it made.
    let Some(client) = variables.get("AZURE_CLIENT_ID") else {
        return Answer::Absent("AZURE_CLIENT_ID is not set".to_owned());
    };
    let Some(tenant) = asked.tenant() else {
        return Answer::Absent("AZURE_TENANT_ID is not set".to_owned());
    };
    let mut url = match endpoint(ADDRESS, &address) {
        Ok(url) => url,
        Err(why) => return Answer::failed(why),
    };
    url.query_pairs_mut()
        .append_pair("audience", asked.cloud.exchange_audience());
    let question = Question::get(url)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/json");
    match assertion(asked.wire, question, "value").await {
        Ok(assertion) => federated(asked, &client, &tenant, assertion, "GitHub Actions").await,
        Err(answer) => answer.hint("run the job again; https://www.githubstatus.com says whether Actions is well"),
    }
}
