//! What Entra refuses is told in one readable line with what to do, for registries and for Resource Manager alike.
#![cfg(unix)]

use std::sync::Arc;

use aosm_build::azure::arm::{Arm as Client, ArmErrorKind, ArmSettings};
use aosm_build::azure::{ArtifactStore, PublisherId};
use aosm_build::credentials::Variables;
use aosm_build::credentials::entra::EntraSettings;
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::oci::registry::{Registries, RegistryOptions};
use aosm_build::project::Network;
use tokio_util::sync::CancellationToken;

use crate::arm_commands::{contoso, publisher};
use crate::support::arm::{GROUP, PUBLISHER, SUBSCRIPTION};
use crate::support::entra::{AzureRegistry, CLIENT, Entra, FEDERATED, OLD_SECRET, SECRET, TENANT_A, TENANT_B};
use crate::support::*;

/// Runs with these variables and an Entra of its own; `arguments` name the rest.
fn run(entra: &Entra, given: &[(&str, &str)], endpoint: &str, arguments: &[&str]) -> Output {
    let project = Project::new();
    let mut run = project
        .aosm(arguments)
        .env("AOSM_ARM_ENDPOINT", endpoint)
        .env("AZURE_AUTHORITY_HOST", entra.address())
        .env("AZURE_CLIENT_ID", CLIENT)
        .env("AZURE_TENANT_ID", TENANT_A);
    for (name, value) in given {
        run = run.env(name, *value);
    }
    let output = run.run();
    for planted in [SECRET, OLD_SECRET, FEDERATED, "planted-wrong"] {
        let shown = output.stdout.contains(planted) || output.stderr.contains(planted);
        assert!(!shown, "{planted} is shown: {output}");
    }
    output
}

#[test]
fn a_refusal_says_what_to_do_about_it_wherever_the_token_was_for() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let repository = registry.unique("entra-refused");
    registry.push(&ImageSpec::new(5).build(), &repository, "1.0.0");
    let reference = format!("{}/{repository}", acr.host());
    let tags = ["artifact", "tags", &reference, "--tenant", TENANT_A];
    let stores = [&["store", "list"][..], &publisher()].concat();
    let arm = contoso();
    let files = temp_dir();
    let token = files.path().join("token");
    std::fs::write(&token, "planted-wrong.token.x").unwrap();
    let token = token.to_str().unwrap();
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, &'a str);
    let cases: [Case<'_>; 5] = [
        (
            &[("AZURE_CLIENT_SECRET", OLD_SECRET)],
            "AADSTS7000222: The provided client secret keys for app 'app-7c1f' are expired",
            "the application's secret has expired: make a new one",
        ),
        (
            &[("AZURE_CLIENT_SECRET", "planted-wrong")],
            "AADSTS7000215: Invalid client secret provided",
            "not its id",
        ),
        (
            &[("AZURE_CLIENT_SECRET", SECRET), ("AZURE_CLIENT_ID", "another")],
            "AADSTS700016",
            "check AZURE_CLIENT_ID, and the tenant",
        ),
        (
            &[("AZURE_FEDERATED_TOKEN_FILE", token)],
            "presented assertion subject 'repo:contoso/nf:pull_request'",
            "az ad app federated-credential create",
        ),
        (
            &[("AZURE_FEDERATED_TOKEN_FILE", "/nowhere/token")],
            "/nowhere/token cannot be read",
            "",
        ),
    ];
    for (given, words, hint) in cases {
        let entra = Entra::start();
        for arguments in [&tags[..], &stores] {
            run(&entra, given, &arm.endpoint(), arguments)
                .expect(5)
                .says(words)
                .says(hint)
                .silent_about("Trace ID");
        }
    }
    assert!(arm.seen().is_empty(), "{:?}", arm.seen());
}

#[test]
fn a_clock_that_is_far_off_is_told_where_a_login_is_refused() {
    let arm = contoso();
    let files = temp_dir();
    let pem = files.path().join("app.pem");
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
    let params = rcgen::CertificateParams::new(vec!["app.test".to_owned()]).unwrap();
    std::fs::write(&pem, params.self_signed(&key).unwrap().pem() + &key.serialize_pem()).unwrap();
    let certificate = [("AZURE_CLIENT_CERTIFICATE_PATH", pem.to_str().unwrap())];
    let stores = [&["store", "list"][..], &publisher()].concat();
    for (ahead, words) in [
        (3 * 3600 + 60, "this machine's clock is 3 h behind that of 127.0.0.1"),
        (-1200, "this machine's clock is 20 min ahead of that of 127.0.0.1"),
    ] {
        let entra = Entra::start();
        entra.ahead(ahead);
        run(&entra, &certificate, &arm.endpoint(), &stores)
            .expect(5)
            .says("AADSTS700024")
            .says(words)
            .says("set this machine's clock");
    }
    let entra = Entra::start();
    run(&entra, &certificate, &arm.endpoint(), &stores).ok();
    // A secret does not care; a wrong one on a right clock says nothing about clocks.
    run(
        &entra,
        &[("AZURE_CLIENT_SECRET", "planted-wrong")],
        &arm.endpoint(),
        &stores,
    )
    .expect(5)
    .silent_about("clock");
}

#[tokio::test]
async fn many_who_are_refused_together_get_one_new_token_together() {
    let (arm, entra) = (contoso(), Entra::start());
    // The subscription is another tenant's, so the second token is refused as well.
    arm.tenant(TENANT_B);
    let login = entra.address();
    let variables = Variables::of([
        ("AZURE_AUTHORITY_HOST", login.as_str()),
        ("AZURE_CLIENT_ID", CLIENT),
        ("AZURE_CLIENT_SECRET", SECRET),
        ("AZURE_TENANT_ID", TENANT_A),
    ]);
    let options = RegistryOptions {
        identities: EntraSettings {
            variables,
            azure_cli: "no-such-azure-cli".to_owned(),
        },
        ..RegistryOptions::default()
    };
    let registries = Registries::new(&Network::default(), options);
    let settings = ArmSettings {
        endpoint: Some(arm.endpoint()),
        ..ArmSettings::default()
    };
    let client = Client::new(&registries, &settings).unwrap();
    let tasks: Vec<_> = (0..12)
        .map(|_| {
            let client = Arc::clone(&client);
            tokio::spawn(async move {
                let publisher = PublisherId::new(SUBSCRIPTION, GROUP, PUBLISHER).unwrap();
                let job = Job::new("test", Arc::new(Silent), CancellationToken::new());
                ArtifactStore::list(&client, &publisher, &job).await.unwrap_err().kind
            })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), ArmErrorKind::Login);
    }
    assert_eq!(arm.seen().len(), 24, "each was shown both tokens");
    assert_eq!(entra.scopes().len(), 2, "{:?}", entra.seen());
}
