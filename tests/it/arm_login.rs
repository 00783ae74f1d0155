//! Who asks Resource Manager: a given token, each Entra identity, nobody, somebody of another tenant.
#![cfg(unix)]

use crate::arm_commands::{contoso, publisher};
use crate::support::arm::{Arm, TOKEN};
use crate::support::entra::{AzureCli, CLIENT, Entra, MARK, SECRET, TENANT_A, TENANT_B};
use crate::support::*;

fn list(project: &Project, arm: &Arm, entra: &Entra, more: &[&str], variables: &[(&str, &str)]) -> Output {
    let arguments = [&["store", "list"][..], &publisher(), more].concat();
    let mut run = project
        .aosm(&arguments)
        .env("AOSM_ARM_ENDPOINT", arm.endpoint())
        .env("AZURE_AUTHORITY_HOST", entra.address())
        // The metadata service answers at once, with nothing.
        .env(
            "AZURE_POD_IDENTITY_AUTHORITY_HOST",
            format!("{}/nowhere", entra.address()),
        );
    for (name, value) in variables {
        run = run.env(name, *value);
    }
    let output = run.run();
    for planted in [MARK, SECRET, TOKEN] {
        assert!(
            !output.stdout.contains(planted) && !output.stderr.contains(planted),
            "{output}"
        );
        let scratch = project.folder();
        let holding = snapshot::holding(scratch.parent().unwrap(), planted);
        assert_eq!(holding, Vec::<std::path::PathBuf>::new());
    }
    output
}

#[test]
fn without_a_login_each_identity_that_was_tried_is_named() {
    let (arm, entra, project) = (contoso(), Entra::start(), Project::new());
    let az = AzureCli::logged_out();
    list(&project, &arm, &entra, &[], &[("PATH", &az.path())])
        .expect(5)
        .says("no Entra identity was found")
        .says("environment: AZURE_CLIENT_ID is not set")
        .says("workload identity: AZURE_FEDERATED_TOKEN_FILE is not set")
        .says("managed identity:")
        .says("Azure CLI: az is not logged in")
        .says("az login");
    assert!(arm.seen().is_empty());
    let asked = list(
        &project,
        &arm,
        &entra,
        &["--auth", "azure-cli"],
        &[("PATH", &az.path())],
    )
    .expect(5);
    asked
        .says("Azure CLI: az is not logged in")
        .silent_about("managed identity");
}

#[test]
fn a_service_principal_and_the_azure_cli_may_ask_and_a_given_token_goes_before_them() {
    let (arm, entra, project) = (contoso(), Entra::start(), Project::new());
    let az = AzureCli::logged_in();
    let principal = [
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_TENANT_ID", TENANT_A),
    ];
    list(&project, &arm, &entra, &[], &principal).ok().says("contoso-acr");
    assert!(
        entra.seen().iter().any(|seen| seen.contains(TENANT_A)),
        "{:?}",
        entra.seen()
    );
    list(&project, &arm, &entra, &[], &[("PATH", &az.path())]).ok();
    assert!(
        az.calls()
            .iter()
            .any(|call| call.contains("https://management.azure.com")),
        "{:?}",
        az.calls()
    );
    let before = (entra.seen().len(), az.calls().len());
    let token = [principal.as_slice(), &[("AOSM_ARM_TOKEN", TOKEN)]].concat();
    list(&project, &arm, &entra, &[], &token).ok();
    assert_eq!((entra.seen().len(), az.calls().len()), before, "no identity was asked");
}

#[test]
fn each_cloud_asks_for_tokens_of_its_own() {
    let (arm, entra, project) = (contoso(), Entra::start(), Project::new());
    let az = AzureCli::logged_in();
    for (cloud, audience) in [
        ("us-government", "https://management.usgovcloudapi.net"),
        ("AzureChinaCloud", "https://management.chinacloudapi.cn"),
    ] {
        list(&project, &arm, &entra, &["--cloud", cloud], &[("PATH", &az.path())]).ok();
        assert!(az.calls().last().unwrap().contains(audience), "{:?}", az.calls());
    }
}

#[test]
fn who_is_of_another_tenant_is_told_the_right_one() {
    let (arm, entra, project) = (contoso(), Entra::start(), Project::new());
    arm.tenant(TENANT_B);
    let az = AzureCli::logged_in();
    let path = az.path();
    let variables = [("PATH", path.as_str())];
    list(&project, &arm, &entra, &[], &variables)
        .expect(5)
        .says("401 InvalidAuthenticationTokenTenant")
        .says(&format!("--tenant {TENANT_B}"));
    assert_eq!(arm.seen().len(), 2, "asked once more with a new token, and not again");
    list(&project, &arm, &entra, &["--tenant", TENANT_B], &variables).ok();
    list(&project, &arm, &entra, &["--tenant", "nobody.test"], &variables)
        .expect(5)
        .says("AADSTS90002");
}

#[test]
fn secrets_that_have_expired_say_so() {
    let (arm, entra, project) = (contoso(), Entra::start(), Project::new());
    let wrong = [
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_CLIENT_SECRET", "planted-old-secret-Hd2"),
        ("AZURE_TENANT_ID", TENANT_A),
    ];
    list(&project, &arm, &entra, &[], &wrong)
        .expect(5)
        .says("the Entra identity gives no token")
        .says("AADSTS7000215")
        .says("may have expired")
        .silent_about("planted-old-secret");
    list(&project, &arm, &entra, &[], &[("AOSM_ARM_TOKEN", "planted-old-token")])
        .expect(5)
        .says("the token in AOSM_ARM_TOKEN was refused")
        .says("ExpiredAuthenticationToken")
        .silent_about("planted-old-token");
    assert_eq!(arm.seen().len(), 1);
    list(&project, &arm, &entra, &[], &[("AOSM_ARM_TOKEN", "planted two words")])
        .expect(5)
        .says("AOSM_ARM_TOKEN holds no token")
        .silent_about("planted two");
}
