//! The client of Resource Manager through the library, over real sockets: what is written, and operations that take time.

use std::sync::Arc;
use std::time::Duration;

use aosm_build::azure::arm::{ApiVersion, Arm as Client, ArmErrorKind, ArmSettings};
use aosm_build::azure::credential::ScopedCredentials;
use aosm_build::azure::{
    Artifact, ArtifactManifest, ArtifactState, ArtifactVersion, ManifestEntry, ManifestId, ManifestState, PublisherId,
    StoreId,
};
use aosm_build::credentials::Secret;
use aosm_build::event::Silent;
use aosm_build::oci::Job;
use aosm_build::oci::registry::{Registries, RegistryOptions};
use aosm_build::project::Network;
use tokio_util::sync::CancellationToken;

use crate::support::arm::{Arm, GROUP, PUBLISHER, REGION, SUBSCRIPTION, Slow, TOKEN, in_seconds, registry_token};

fn client(arm: &Arm, api: ApiVersion) -> Arc<Client> {
    let settings = ArmSettings {
        endpoint: Some(arm.endpoint()),
        token: Some(Secret::new(TOKEN)),
        api,
        operation_limit: Duration::from_secs(60),
        ..ArmSettings::default()
    };
    let registries = Registries::new(&Network::default(), RegistryOptions::default());
    Client::new(&registries, &settings).unwrap()
}

fn job() -> Job {
    Job::new("test", Arc::new(Silent), CancellationToken::new())
}

fn store() -> StoreId {
    PublisherId::new(SUBSCRIPTION, GROUP, PUBLISHER)
        .unwrap()
        .store("contoso-acr")
        .unwrap()
}

fn manifest(name: &str) -> ManifestId {
    store().manifest(name).unwrap()
}

fn entry(name: &str) -> ManifestEntry {
    ManifestEntry {
        name: name.to_owned(),
        artifact_type: "OCIArtifact".to_owned(),
        version: "1.0.0".to_owned(),
    }
}

#[tokio::test]
async fn a_manifest_is_made_filled_sealed_and_deleted_at_once_or_slowly_in_every_version() {
    for (slow, api) in [
        (Slow::No, ApiVersion::V2023_09_01),
        (Slow::Location(2), ApiVersion::V2024_04_15),
        (Slow::Status(2), ApiVersion::V2025_03_30),
    ] {
        let arm = Arm::start();
        arm.registry_store("contoso-acr").slow(slow);
        let (client, id) = (client(&arm, api), manifest("m-1"));
        let entries = [entry("nginx"), entry("release/contoso-a")];
        let made = ArtifactManifest::create(&client, &id, REGION, &entries, &job())
            .await
            .unwrap();
        assert_eq!(made.artifacts, entries, "{slow:?}");
        assert_eq!(made.provisioning_state.unwrap().as_str(), "Succeeded", "{slow:?}");
        ArtifactManifest::seal(&client, &id, &job()).await.unwrap();
        let sealed = ArtifactManifest::get(&client, &id, &job()).await.unwrap();
        assert_eq!(sealed.state, Some(ManifestState::Uploaded), "{slow:?}");
        for _ in 0..2 {
            ArtifactManifest::delete(&client, &id, &job()).await.unwrap();
        }
        let gone = ArtifactManifest::get(&client, &id, &job()).await.unwrap_err();
        assert_eq!(gone.kind, ArmErrorKind::Absent, "{slow:?}");
        assert_eq!(arm.count("api-version=2020-01-01") > 0, slow != Slow::No);
    }
}

#[tokio::test]
async fn sealing_that_ends_in_a_failed_validation_is_seen_in_the_state() {
    let arm = Arm::start();
    arm.registry_store("contoso-acr")
        .manifest("contoso-acr", "m-1", &[("nginx", "1.0.0", "OCIArtifact")]);
    arm.seals_as("contoso-acr", "m-1", "ValidationFailed")
        .slow(Slow::Location(1));
    let client = client(&arm, ApiVersion::default());
    ArtifactManifest::seal(&client, &manifest("m-1"), &job()).await.unwrap();
    let state = ArtifactManifest::get(&client, &manifest("m-1"), &job())
        .await
        .unwrap()
        .state;
    assert_eq!(state, Some(ManifestState::ValidationFailed));
}

#[tokio::test]
async fn a_manifest_cannot_be_made_in_another_region_than_the_publishers() {
    let arm = Arm::start();
    arm.registry_store("contoso-acr");
    let client = client(&arm, ApiVersion::default());
    let error = ArtifactManifest::create(&client, &manifest("m-1"), "uksouth", &[entry("nginx")], &job())
        .await
        .unwrap_err();
    assert_eq!(error.kind, ArmErrorKind::Refused);
    assert!(error.detail.contains("InvalidResourceLocation"), "{error}");
    assert!(error.hint.unwrap().contains("--location"));
}

#[tokio::test]
async fn artifacts_and_versions_are_listed_over_pages_and_a_version_changes_its_state() {
    let arm = Arm::start();
    arm.registry_store("contoso-acr").pages_of(2);
    for name in ["a", "b", "release/c"] {
        for version in ["1.0.0", "1.0.1", "2.0.0"] {
            arm.version("contoso-acr", name, version, "OCIArtifact");
        }
    }
    let client = client(&arm, ApiVersion::default());
    let artifacts = Artifact::list(&client, &store(), &job()).await.unwrap();
    let names: Vec<&str> = artifacts.iter().map(|artifact| artifact.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "release/c"]);
    for slow in [Slow::No, Slow::Location(1), Slow::Status(1)] {
        arm.slow(slow);
        let (store, active, job) = (store(), ArtifactState::Active, job());
        ArtifactVersion::set_state(&client, &store, "release/c", "1.0.1", &active, &job)
            .await
            .unwrap();
    }
    let versions = ArtifactVersion::list(&client, &store(), "release/c", &job())
        .await
        .unwrap();
    let states: Vec<(&str, &str)> = versions
        .iter()
        .map(|one| (one.version.as_str(), one.state.as_ref().unwrap().as_str()))
        .collect();
    assert_eq!(
        states,
        [("1.0.0", "Preview"), ("1.0.1", "Active"), ("2.0.0", "Preview")]
    );
}

#[tokio::test]
async fn many_who_want_a_manifests_credential_ask_once() {
    let arm = Arm::start();
    arm.registry_store("contoso-acr")
        .manifest("contoso-acr", "m-1", &[("nginx", "1.0.0", "OCIArtifact")]);
    arm.grants("contoso-acr", "m-1", |before| {
        let token = format!("token-{before}");
        registry_token(
            "https://contoso.azurecr.io",
            "m-1",
            &token,
            &["nginx"],
            &in_seconds(3600),
        )
    });
    let all = ScopedCredentials::new(client(&arm, ApiVersion::default()));
    let tasks: Vec<_> = (0..32)
        .map(|_| {
            let all = Arc::clone(&all);
            tokio::spawn(async move { all.of(&manifest("m-1")).get(&job()).await.unwrap().generation })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap(), 1);
    }
    assert_eq!(arm.count("listCredential"), 1);
    let source = all.of(&manifest("m-1"));
    source.rejected(1);
    let again = source.get(&job()).await.unwrap();
    assert_eq!(again.grant.registry("m-1").unwrap().token.expose(), "token-0");
    assert_eq!(arm.count("listCredential"), 1, "a new one is shown again after a wait");
}
