//! Artifacts that a store knows, and their versions (REST reference, "Proxy Artifact").

use reqwest::Method;
use serde_json::{Value, json};

use super::arm::{Arm, ArmError, ArmErrorKind, Ask};
use super::fields::Fields;
use super::name::{StoreId, check_artifact_name, check_artifact_version};
use super::state::ArtifactState;
use super::store::lacking;
use crate::oci::Job;

const READ: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifacts/read";
const READ_VERSIONS: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactVersions/read";
const WRITE_VERSIONS: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactVersions/write";

/// An artifact that a store knows.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// Its id, where there is one.
    pub id: Option<String>,
}

/// One version of an artifact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactVersion {
    /// The version.
    pub version: String,
    /// Its type, as the service has it.
    pub artifact_type: Option<String>,
    /// What may be done with it.
    pub state: Option<ArtifactState>,
}

impl Artifact {
    /// All artifacts of a store, by name.
    pub async fn list(arm: &Arm, store: &StoreId, job: &Job) -> Result<Vec<Self>, ArmError> {
        let ask = ask(arm, store, "list artifacts of", READ, &["artifacts"], &[]);
        let entries = arm.list(ask.clone(), job).await?;
        let mut artifacts = entries
            .iter()
            .map(|entry| {
                let fields = Fields(entry);
                Ok(Self {
                    name: fields.text("name")?,
                    id: fields.maybe("id")?,
                })
            })
            .collect::<Result<Vec<_>, String>>()
            .map_err(|why| lacking(&ask, &why))?;
        artifacts.sort();
        Ok(artifacts)
    }
}

impl ArtifactVersion {
    /// All versions of an artifact, by version.
    pub async fn list(arm: &Arm, store: &StoreId, artifact: &str, job: &Job) -> Result<Vec<Self>, ArmError> {
        check(store, check_artifact_name(artifact))?;
        let ask = ask(
            arm,
            store,
            "list artifact versions of",
            READ_VERSIONS,
            &["artifactVersions"],
            &[("artifactName", artifact)],
        );
        let entries = arm.list(ask.clone(), job).await?;
        let mut versions = entries
            .iter()
            .map(|entry| Self::read(entry).map_err(|why| lacking(&ask, &why)))
            .collect::<Result<Vec<_>, _>>()?;
        versions.sort_by(|a, b| a.version.cmp(&b.version));
        Ok(versions)
    }

    /// Changes the state of a version, and waits until that is done.
    pub async fn set_state(
        arm: &Arm,
        store: &StoreId,
        artifact: &str,
        version: &str,
        state: &ArtifactState,
        job: &Job,
    ) -> Result<(), ArmError> {
        check(
            store,
            check_artifact_name(artifact).and_then(|()| check_artifact_version(version)),
        )?;
        let mut ask = ask(
            arm,
            store,
            "change the state of an artifact version in",
            WRITE_VERSIONS,
            &["artifactVersions", version],
            &[("artifactName", artifact)],
        );
        ask.subject = format!("{store} ({artifact}:{version})");
        ask.method = Method::PATCH;
        ask.body = Some(json!({"properties": {"artifactState": state.as_str()}}));
        arm.run(&ask, job).await.map(|_| ())
    }

    fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields(value);
        // The version is a property; the name of the entry says the same.
        let version = match fields.maybe("properties.artifactVersion")? {
            Some(version) => version,
            None => fields.text("name")?,
        };
        Ok(Self {
            version,
            artifact_type: fields.maybe("properties.artifactType")?,
            state: fields
                .maybe("properties.artifactState")?
                .as_deref()
                .map(ArtifactState::read),
        })
    }
}

fn ask(
    arm: &Arm,
    store: &StoreId,
    operation: &'static str,
    right: &'static str,
    below: &[&str],
    query: &[(&str, &str)],
) -> Ask {
    let mut segments = store.segments();
    segments.extend_from_slice(below);
    Ask {
        operation,
        subject: store.to_string(),
        right,
        method: Method::GET,
        url: arm.url(&segments, query),
        body: None,
    }
}

fn check(store: &StoreId, checked: Result<(), crate::fault::Fault>) -> Result<(), ArmError> {
    checked.map_err(|fault| {
        let error = ArmError::new(ArmErrorKind::Mismatch, "use", store.to_string(), fault.message());
        match fault.hint_text() {
            Some(hint) => error.hint(hint),
            None => error,
        }
    })
}
