//! Jobs of GitHub Actions and Azure Pipelines log in as themselves, at registries and at Resource Manager, without `az`.
#![cfg(unix)]

use crate::arm_commands::{contoso, publisher};
use crate::support::arm::Arm;
use crate::support::entra::{
    AzureCli, AzureRegistry, CLIENT, CONNECTION, Entra, JOB, JOB_MARK, MARK, TENANT_A, TENANT_B,
};
use crate::support::publisher::Publisher;
use crate::support::registry::IDENTITY_TOKEN;
use crate::support::*;

/// What no run may show or leave behind.
const PLANTED: [&str; 4] = [MARK, JOB, JOB_MARK, IDENTITY_TOKEN];

/// What a job is given, by name and value.
type Given = Vec<(&'static str, String)>;

/// A job with `permissions: id-token: write`.
fn github(entra: &Entra) -> Given {
    vec![
        ("GITHUB_ACTIONS", "true".to_owned()),
        (
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            format!("{}/github/token?api-version=2.0", entra.address()),
        ),
        ("ACTIONS_ID_TOKEN_REQUEST_TOKEN", JOB.to_owned()),
        ("AZURE_CLIENT_ID", CLIENT.to_owned()),
        ("AZURE_TENANT_ID", TENANT_A.to_owned()),
    ]
}

/// An `AzureCLI@2` task that maps the job's own token.
fn pipelines(entra: &Entra) -> Given {
    vec![
        ("TF_BUILD", "True".to_owned()),
        (
            "SYSTEM_OIDCREQUESTURI",
            format!("{}/pipelines/oidctoken", entra.address()),
        ),
        ("SYSTEM_ACCESSTOKEN", JOB.to_owned()),
        ("AZURESUBSCRIPTION_SERVICE_CONNECTION_ID", CONNECTION.to_owned()),
        ("AZURESUBSCRIPTION_CLIENT_ID", CLIENT.to_owned()),
        ("AZURESUBSCRIPTION_TENANT_ID", TENANT_A.to_owned()),
    ]
}

/// The same with one variable changed; an empty one counts as unset.
fn but(mut given: Given, name: &'static str, value: &str) -> Given {
    given.retain(|(held, _)| *held != name);
    given.push((name, value.to_owned()));
    given
}

fn run(project: &Project, entra: &Entra, given: &Given, arguments: &[&str]) -> Output {
    let mut run = project
        .aosm(arguments)
        .env("AZURE_AUTHORITY_HOST", entra.address())
        .env(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
            format!("{}/nowhere", entra.address()),
        );
    for (name, value) in given {
        run = run.env(name, value);
    }
    let output = run.run();
    for planted in PLANTED {
        let shown = output.stdout.contains(planted) || output.stderr.contains(planted);
        assert!(!shown, "{planted} is shown: {output}");
        let scratch = project.folder();
        let holding = snapshot::holding(scratch.parent().unwrap(), planted);
        assert_eq!(holding, Vec::<std::path::PathBuf>::new(), "{planted}");
    }
    output
}

fn list(arm: &Arm, entra: &Entra, given: &Given, more: &[&str]) -> Output {
    let given = but(given.clone(), "AOSM_ARM_ENDPOINT", &arm.endpoint());
    let arguments = [&["store", "list", "-v"][..], &publisher(), more].concat();
    run(&Project::new(), entra, &given, &arguments)
}

#[test]
fn a_job_asks_resource_manager_as_the_application_that_trusts_it() {
    for (given, asked) in [
        (github as fn(&Entra) -> Given, "api://AzureADTokenExchange"),
        (pipelines, CONNECTION),
    ] {
        let (arm, entra) = (contoso(), Entra::start());
        list(&arm, &entra, &given(&entra), &[]).ok().says("contoso-acr");
        assert_eq!(entra.jobs(), [asked]);
        assert_eq!(entra.scopes(), ["https://management.azure.com/.default"]);
        // Neither the machine's identity nor the Azure CLI is asked after that.
        assert!(
            !entra.seen().iter().any(|seen| seen.contains("nowhere")),
            "{:?}",
            entra.seen()
        );
    }
}

#[test]
fn a_job_opens_a_registry_as_the_application_that_trusts_it() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let repository = registry.unique("entra-jobs");
    registry.push(&ImageSpec::new(5).build(), &repository, "1.0.0");
    let reference = format!("{}/{repository}", acr.host());
    for (given, who) in [
        (github as fn(&Entra) -> Given, "of GitHub Actions"),
        (pipelines, "of Azure Pipelines"),
    ] {
        let entra = Entra::start();
        let arguments = [
            "artifact", "tags", &reference, "--auth", "auto", "--tenant", TENANT_A, "-v",
        ];
        run(&Project::new(), &entra, &given(&entra), &arguments)
            .ok()
            .says("1.0.0")
            .says(&format!("workload identity {CLIENT} {who}"));
        assert_eq!(entra.jobs().len(), 1);
    }
}

#[test]
fn a_job_fills_a_store_of_the_project_and_doctor_says_as_whom() {
    for (given, who) in [
        (github as fn(&Entra) -> Given, "GitHub Actions"),
        (pipelines, "Azure Pipelines"),
    ] {
        let (publisher, entra) = (Publisher::new(), Entra::start());
        let given = but(given(&entra), "AOSM_ARM_ENDPOINT", &publisher.arm.endpoint());
        run(&publisher.project, &entra, &given, &["apply"]).ok().says("3 done");
        publisher.assert_filled("");
        assert_eq!(entra.jobs().len(), 1, "one access token for the whole run");
        run(&publisher.project, &entra, &given, &["doctor"]).says(&format!(
            "the workload identity {CLIENT} of {who} is used; tenant {TENANT_A}"
        ));
    }
}

#[test]
fn each_access_token_is_asked_for_with_a_token_about_the_job_of_its_own() {
    for given in [github as fn(&Entra) -> Given, pipelines] {
        let (arm, entra) = (contoso(), Entra::start());
        // The first access token is refused, so there is a second one; the stand-in takes no assertion twice.
        arm.tenant(TENANT_B);
        list(&arm, &entra, &given(&entra), &[])
            .expect(5)
            .says("InvalidAuthenticationTokenTenant")
            .says(&format!("--tenant {TENANT_B}"));
        assert_eq!((entra.jobs().len(), entra.scopes().len()), (2, 2));
        list(&arm, &entra, &given(&entra), &["--tenant", TENANT_B]).ok();
        assert!(entra.seen().contains(&format!("POST /{TENANT_B}/oauth2/v2.0/token")));
    }
}

#[test]
fn the_audience_of_a_jobs_token_is_that_of_the_cloud() {
    for (cloud, audience, scope) in [
        (
            "us-government",
            "api://AzureADTokenExchangeUSGov",
            "https://management.usgovcloudapi.net/.default",
        ),
        (
            "china",
            "api://AzureADTokenExchangeChina",
            "https://management.chinacloudapi.cn/.default",
        ),
    ] {
        let (arm, entra) = (contoso(), Entra::start());
        list(&arm, &entra, &github(&entra), &["--cloud", cloud]).ok();
        assert_eq!(
            (entra.jobs(), entra.scopes()),
            (vec![audience.to_owned()], vec![scope.to_owned()])
        );
    }
}

#[test]
fn a_job_without_what_it_takes_says_what_is_missing_and_goes_on_to_the_next_identity() {
    let out = AzureCli::logged_out();
    let az = AzureCli::logged_in();
    type Case = (fn(&Entra) -> Given, &'static str, &'static str, &'static str);
    let cases: [Case; 6] = [
        (
            github,
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "GitHub Actions: the job gets no token: it lacks `permissions: id-token: write`",
            "id-token: write",
        ),
        (
            github,
            "AZURE_CLIENT_ID",
            "GitHub Actions: AZURE_CLIENT_ID is not set",
            "AZURE_TENANT_ID",
        ),
        (
            github,
            "AZURE_TENANT_ID",
            "GitHub Actions: AZURE_TENANT_ID is not set",
            "AZURE_CLIENT_ID",
        ),
        (
            pipelines,
            "SYSTEM_ACCESSTOKEN",
            "SYSTEM_ACCESSTOKEN is not mapped",
            "AzureCLI@2",
        ),
        (
            pipelines,
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID is not set",
            "AzureCLI@2",
        ),
        (
            pipelines,
            "SYSTEM_OIDCREQUESTURI",
            "SYSTEM_OIDCREQUESTURI is not set",
            "AzureCLI@2",
        ),
    ];
    for (given, missing, answer, hint) in cases {
        let (arm, entra) = (contoso(), Entra::start());
        let given = but(given(&entra), missing, "");
        list(&arm, &entra, &but(given.clone(), "PATH", &out.path()), &[])
            .expect(5)
            .says("no Entra identity was found")
            .says(answer)
            .says("az is not logged in")
            .says(hint);
        list(&arm, &entra, &but(given, "PATH", &az.path()), &[]).ok();
        assert!(entra.scopes().is_empty(), "{:?}", entra.seen());
    }
}

#[test]
fn a_job_that_is_refused_ends_the_search_and_says_why() {
    type Case = (fn(&Entra) -> Given, &'static str, String, &'static [&'static str]);
    let cases: [Case; 9] = [
        (
            github,
            "ACTIONS_ID_TOKEN_REQUEST_TOKEN",
            "planted-wrong".into(),
            &["GitHub Actions: 127.0.0.1 says 401: TF400813", "githubstatus.com"],
        ),
        (
            github,
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "http://pipelines.actions.test/token".into(),
            &["ACTIONS_ID_TOKEN_REQUEST_URL is no https address"],
        ),
        (
            github,
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "/moved/token".into(),
            &["says 302"],
        ),
        (
            github,
            "ACTIONS_ID_TOKEN_REQUEST_URL",
            "/empty/token".into(),
            &["the answer holds no token"],
        ),
        (
            github,
            "AZURE_CLIENT_ID",
            "another".into(),
            &["AADSTS700016", "check AZURE_CLIENT_ID"],
        ),
        (
            pipelines,
            "SYSTEM_ACCESSTOKEN",
            "planted-wrong".into(),
            &["Azure Pipelines: 127.0.0.1 says 401: TF400813", "$(System.AccessToken)"],
        ),
        (
            pipelines,
            "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID",
            "another&one".into(),
            &["says 404: No service connection found", "workload identity federation"],
        ),
        (
            pipelines,
            "AZURESUBSCRIPTION_CLIENT_ID",
            String::new(),
            &["AZURESUBSCRIPTION_CLIENT_ID is not", "service connection's application"],
        ),
        (
            pipelines,
            "AZURESUBSCRIPTION_TENANT_ID",
            String::new(),
            &["AZURESUBSCRIPTION_TENANT_ID is not", "service connection's tenant"],
        ),
    ];
    let az = AzureCli::logged_in();
    for (given, name, value, told) in cases {
        let (arm, entra) = (contoso(), Entra::start());
        let value = if value.starts_with('/') {
            format!("{}{value}", entra.address())
        } else {
            value
        };
        let given = but(but(given(&entra), name, &value), "PATH", &az.path());
        let mut output = list(&arm, &entra, &given, &[])
            .expect(5)
            .says("the Entra identity gives no token")
            .silent_about("planted-wrong");
        for part in told {
            output = output.says(part);
        }
        assert!(arm.seen().is_empty() && az.calls().is_empty(), "{name}: {output}");
        assert!(
            !entra.seen().iter().any(|seen| seen.contains("_signin")),
            "{:?}",
            entra.seen()
        );
        let followed = name.ends_with("URL") && !entra.jobs().is_empty();
        assert!(!followed, "a redirect was followed: {:?}", entra.seen());
    }
}

#[test]
fn which_identities_may_be_used_can_be_chosen() {
    let (arm, entra) = (contoso(), Entra::start());
    let az = AzureCli::logged_in();
    let given = but(github(&entra), "PATH", &az.path());
    list(&arm, &entra, &given, &["--auth", "azure-cli"]).ok();
    assert!(entra.jobs().is_empty() && az.calls().len() == 1);
    list(&arm, &entra, &given, &["--auth", "environment"]).ok();
    assert_eq!((entra.jobs().len(), az.calls().len()), (1, 1));
    let nothing = vec![("PATH", az.path())];
    list(&arm, &entra, &nothing, &["--auth", "environment"])
        .expect(5)
        .says("environment: AZURE_CLIENT_ID is not set")
        .says("set AZURE_CLIENT_ID, AZURE_TENANT_ID and AZURE_CLIENT_SECRET")
        .silent_about("managed identity")
        .silent_about("Azure CLI:");
    assert_eq!(az.calls().len(), 1);
}
