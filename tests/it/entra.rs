//! Entra identities at registries that exchange their tokens, from a stand-in for Entra, of one tenant and of two.
#![cfg(unix)]

use crate::support::entra::{
    AzureCli, AzureRegistry, CLIENT, Entra, FEDERATED, HEADER, MARK, SECRET, TENANT_A, TENANT_B,
};
use crate::support::registry::IDENTITY_TOKEN;
use crate::support::small::Small;
use crate::support::*;

/// What no run may show or leave behind.
const PLANTED: [&str; 5] = [MARK, SECRET, FEDERATED, HEADER, IDENTITY_TOKEN];

fn assert_no_secret(project: &Project, output: &Output) {
    for planted in PLANTED {
        assert!(
            !output.stdout.contains(planted) && !output.stderr.contains(planted),
            "{planted} is shown: {output}"
        );
        let everything = project.folder();
        let holding = snapshot::holding(everything.parent().expect("the scratch folder"), planted);
        assert_eq!(holding, Vec::<std::path::PathBuf>::new(), "{planted}: {output}");
    }
}

/// A repository with one tag in a registry with token auth.
fn tagged(registry: &Registry) -> String {
    let repository = registry.unique("entra");
    registry.push(&ImageSpec::new(5).build(), &repository, "1.0.0");
    repository
}

#[test]
fn images_travel_from_one_tenant_to_another_with_the_azure_cli() {
    let registry = Registry::shared(Kind::Token);
    let (source, target) = (
        AzureRegistry::before(registry, TENANT_A),
        AzureRegistry::before(registry, TENANT_B),
    );
    let (from, to) = (registry.unique("entra-from"), registry.unique("entra-to"));
    let small = Small::new(3);
    for (name, image) in &small.images {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        registry.push(image, &format!("{from}/{repository}"), tag);
    }
    let project = Project::new();
    small.write(
        &project,
        &format!(
            "[project]\nname = \"small\"\nimage-sources = [\"{0}/{from}\"]\n\
             [sources.\"{0}\"]\nauth = \"azure-cli\"\ntenant = \"{TENANT_A}\"\n\
             [stores.target]\nkind = \"registry\"\nregistry = \"{1}/{to}\"\nauth = \"azure-cli\"\ntenant = \"{TENANT_B}\"\n",
            source.host(),
            target.host()
        ),
    );
    let az = AzureCli::logged_in();
    let run = |arguments: &[&str]| {
        let output = project.aosm(arguments).env("PATH", az.path()).run().ok();
        assert_no_secret(&project, &output);
        output
    };
    run(&["plan", "-v"]);
    assert_eq!(az.calls().len(), 2, "once a tenant: {:?}", az.calls());
    run(&["apply", "-v"]).says("Azure CLI");
    for (name, image) in &small.images {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let stored = registry
            .client()
            .pull(&format!("{to}/{repository}"), tag)
            .expect("the copy");
        assert_eq!(stored.root(), image.root(), "{name}");
    }
    // Plan, apply: one exchange each, however many repositories there are.
    assert_eq!((source.exchanges(), target.exchanges()), (2, 2));
    let again = run(&["plan", "--json"]).json();
    assert_eq!(again["summary"]["run"], 0);
}

#[test]
fn every_identity_opens_a_registry_of_its_tenant() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let entra = Entra::start();
    let repository = tagged(registry);
    let files = temp_dir();
    let file = |name: &str, text: &str| {
        let path = files.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let certificate = {
        let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_RSA_SHA256).unwrap();
        let params = rcgen::CertificateParams::new(vec!["app.test".to_owned()]).unwrap();
        file(
            "app.pem",
            &(params.self_signed(&key).unwrap().pem() + &key.serialize_pem()),
        )
    };
    let federated = file("token", FEDERATED);
    let az = AzureCli::logged_in();
    let nowhere = format!("{}/nowhere", entra.address());
    let (login, machine) = (entra.address(), format!("{}/msi/token", entra.address()));
    let cases: [(&str, Vec<(&str, &str)>); 6] = [
        (
            "service principal",
            vec![("AZURE_CLIENT_ID", CLIENT), ("AZURE_CLIENT_SECRET", SECRET)],
        ),
        (
            "service principal",
            vec![
                ("AZURE_CLIENT_ID", CLIENT),
                ("AZURE_CLIENT_CERTIFICATE_PATH", &certificate),
            ],
        ),
        (
            "workload identity",
            vec![("AZURE_CLIENT_ID", CLIENT), ("AZURE_FEDERATED_TOKEN_FILE", &federated)],
        ),
        (
            "managed identity",
            vec![("IDENTITY_ENDPOINT", &machine), ("IDENTITY_HEADER", HEADER)],
        ),
        ("managed identity", vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", &login)]),
        ("Azure CLI", vec![("AZURE_POD_IDENTITY_AUTHORITY_HOST", &nowhere)]),
    ];
    let reference = format!("{}/{repository}", acr.host());
    for (identity, variables) in cases {
        let project = Project::new();
        let mut run = project
            .aosm(&[
                "artifact", "tags", &reference, "--auth", "auto", "--tenant", TENANT_A, "-v",
            ])
            .env("AZURE_AUTHORITY_HOST", entra.address())
            .env("PATH", az.path());
        for (name, value) in &variables {
            run = run.env(name, value);
        }
        let output = run.run().ok().says("1.0.0").says(identity);
        assert_no_secret(&project, &output);
    }
    let tokens = entra.seen().iter().filter(|seen| seen.contains(TENANT_A)).count();
    assert_eq!(tokens, 3, "{:?}", entra.seen());
}

#[test]
fn an_identity_that_is_refused_says_so_and_nothing_of_its_secret() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let entra = Entra::start();
    let repository = tagged(registry);
    let reference = format!("{}/{repository}", acr.host());
    let run = |tenant: &str, secret: &str| {
        let project = Project::new();
        let output = project
            .aosm(&[
                "artifact", "tags", &reference, "--auth", "auto", "--tenant", tenant, "-v",
            ])
            .env("AZURE_AUTHORITY_HOST", entra.address())
            .env("AZURE_CLIENT_ID", CLIENT)
            .env("AZURE_CLIENT_SECRET", secret)
            .run();
        assert_no_secret(&project, &output);
        assert!(!output.stderr.contains(secret), "{output}");
        output.expect(5)
    };
    // By Entra, in its own words and without its bookkeeping.
    run(TENANT_A, "planted-wrong-secret-Yx3")
        .says("AADSTS7000215")
        .says("environment")
        .says("may have expired")
        .silent_about("Correlation");
    // By the registry, which is another tenant's.
    run(TENANT_B, SECRET)
        .says("does not take the Entra identity of the service principal")
        .says("object-in-bbbbbbbb")
        .says("AcrPull");
}

#[test]
fn without_any_identity_each_that_was_tried_is_named() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let entra = Entra::start();
    let repository = tagged(registry);
    let reference = format!("{}/{repository}", acr.host());
    let empty = temp_dir();
    let out = AzureCli::logged_out();
    for (path, answer) in [
        (empty.path().to_str().unwrap().to_owned(), "az is not installed"),
        (out.path(), "az is not logged in"),
    ] {
        let project = Project::new();
        let run = |way: &[&str]| {
            let arguments = [&["artifact", "tags", &reference], way].concat();
            project
                .aosm(&arguments)
                .env("AZURE_AUTHORITY_HOST", entra.address())
                .env(
                    "AZURE_POD_IDENTITY_AUTHORITY_HOST",
                    format!("{}/nowhere", entra.address()),
                )
                .env("PATH", &path)
                .run()
                .expect(5)
        };
        // Denied as a stranger, after the search for a login found none.
        run(&["--auth", "auto", "--tenant", TENANT_A])
            .says("AZURE_CLIENT_ID is not set")
            .says("AZURE_FEDERATED_TOKEN_FILE is not set")
            .says("managed identity")
            .says(if answer.contains("logged") { "az login" } else { answer });
        run(&["--auth", "azure-cli"]).says(answer).says("az login");
    }
}

#[test]
fn a_registry_that_exchanges_nothing_is_no_azure_registry() {
    let registry = Registry::shared(Kind::Token);
    let plain = Faulty::before(&registry.host());
    let repository = tagged(registry);
    let az = AzureCli::logged_in();
    let project = Project::new();
    let output = project
        .aosm(&[
            "artifact",
            "tags",
            &format!("{}/{repository}", plain.host()),
            "--auth",
            "azure-cli",
        ])
        .env("PATH", az.path())
        .run()
        .expect(5)
        .says("it is no Azure registry");
    assert_no_secret(&project, &output);
}

#[test]
fn an_entra_login_can_be_kept_for_tools_that_know_no_entra() {
    let registry = Registry::shared(Kind::Token);
    let acr = AzureRegistry::before(registry, TENANT_A);
    let az = AzureCli::logged_in();
    let project = Project::new();
    let output = project
        .aosm(&["login", &acr.host(), "--auth", "azure-cli"])
        .env("PATH", az.path())
        .run()
        .ok()
        .says("00000000-0000-0000-0000-000000000000")
        .silent_about(IDENTITY_TOKEN);
    assert!(!output.stderr.contains(MARK), "{output}");
    let file = project.folder().parent().unwrap().join("docker/config.json");
    let config: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let auth = config["auths"][acr.host()]["auth"].as_str().unwrap();
    let decoded = {
        use base64::Engine as _;
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(auth).unwrap()).unwrap()
    };
    assert_eq!(
        decoded,
        format!("00000000-0000-0000-0000-000000000000:{IDENTITY_TOKEN}")
    );
}
