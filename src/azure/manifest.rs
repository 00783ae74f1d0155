//! Artifact manifests of a store (REST reference, "Artifact Manifests"): what may be pushed, and whether it still may.

use reqwest::Method;
use serde_json::{Value, json};

use super::arm::{Answer, Arm, ArmError, ArmErrorKind, Ask};
use super::fields::Fields;
use super::name::{ManifestId, StoreId};
use super::state::{ManifestState, ProvisioningState};
use super::store::lacking;
use crate::oci::Job;

const READ: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/read";
const WRITE: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/write";
const DELETE: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/delete";
const LIST_CREDENTIAL: &str =
    "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/listCredential/action";
const UPDATE_STATE: &str = "Microsoft.HybridNetwork/publishers/artifactStores/artifactManifests/updateState/action";

/// One artifact that a manifest lists. Entries are created with the manifest and never change.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ManifestEntry {
    /// Its name.
    pub name: String,
    /// `OCIArtifact`, `VhdImageFile`, `ArmTemplate`, `ImageFile`, or a newer word; tools write odd ones, so it is text.
    pub artifact_type: String,
    /// Its version.
    pub version: String,
}

/// An artifact manifest, as Resource Manager describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArtifactManifest {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its region.
    pub location: String,
    /// What may be done with it; manifests of storage accounts may have none.
    pub state: Option<ManifestState>,
    /// How far Resource Manager is with it.
    pub provisioning_state: Option<ProvisioningState>,
    /// What it lists, in the service's order.
    pub artifacts: Vec<ManifestEntry>,
}

impl ArtifactManifest {
    /// Reads one manifest.
    pub async fn get(arm: &Arm, id: &ManifestId, job: &Job) -> Result<Self, ArmError> {
        Self::get_whole(arm, id, job).await.map(|(manifest, _)| manifest)
    }

    /// The same with everything that the service says about it.
    pub(super) async fn get_whole(arm: &Arm, id: &ManifestId, job: &Job) -> Result<(Self, Value), ArmError> {
        let ask = ask(arm, id, "read artifact manifest", READ, Method::GET, None);
        let answer = arm.send(&ask, job).await?;
        Ok((Self::of(&ask, &answer)?, answer.value))
    }

    /// Reads one manifest; `None` where there is none of this name in its store.
    pub async fn find(arm: &Arm, id: &ManifestId, job: &Job) -> Result<Option<Self>, ArmError> {
        match Self::get(arm, id, job).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.kind == ArmErrorKind::Absent && is_of_manifest(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// All manifests of a store, by name.
    pub async fn list(arm: &Arm, store: &StoreId, job: &Job) -> Result<Vec<Self>, ArmError> {
        let mut segments = store.segments();
        segments.push("artifactManifests");
        let ask = Ask {
            operation: "list artifact manifests of",
            subject: store.to_string(),
            right: READ,
            method: Method::GET,
            url: arm.url(&segments, &[]),
            body: None,
        };
        let entries = arm.list(ask.clone(), job).await?;
        let mut manifests = entries
            .iter()
            .map(|entry| Self::read(entry).map_err(|why| lacking(&ask, &why)))
            .collect::<Result<Vec<_>, _>>()?;
        manifests.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(manifests)
    }

    /// Creates a manifest and waits until it is there. One that is there already keeps its entries: they are create-only.
    pub async fn create(
        arm: &Arm,
        id: &ManifestId,
        location: &str,
        artifacts: &[ManifestEntry],
        job: &Job,
    ) -> Result<Self, ArmError> {
        let entries: Vec<Value> = artifacts
            .iter()
            .map(|entry| {
                json!({
                    "artifactName": entry.name,
                    "artifactType": entry.artifact_type,
                    "artifactVersion": entry.version,
                })
            })
            .collect();
        let body = json!({"location": location, "properties": {"artifacts": entries}});
        let ask = ask(arm, id, "create artifact manifest", WRITE, Method::PUT, Some(body));
        let answer = arm.run(&ask, job).await?;
        Self::of(&ask, &answer)
    }

    /// Deletes a manifest and waits until it is gone. One that is not there is gone.
    pub async fn delete(arm: &Arm, id: &ManifestId, job: &Job) -> Result<(), ArmError> {
        let ask = ask(arm, id, "delete artifact manifest", DELETE, Method::DELETE, None);
        arm.run(&ask, job).await.map(|_| ())
    }

    /// Asks for the manifest to be sealed (`updateState`), and waits until the service has taken that; how it ends is in the state that
    /// [`Self::get`] then shows.
    pub async fn seal(arm: &Arm, id: &ManifestId, job: &Job) -> Result<(), ArmError> {
        let body = json!({"artifactManifestState": ManifestState::Uploaded.as_str()});
        let mut ask = ask(
            arm,
            id,
            "seal artifact manifest",
            UPDATE_STATE,
            Method::POST,
            Some(body),
        );
        ask.url = below(arm, id, "updateState");
        arm.run(&ask, job).await.map(|_| ())
    }

    /// Asks for the credential that the manifest grants. The answer holds a secret: it goes nowhere but to the reader of
    /// grants.
    pub(super) async fn list_credential(arm: &Arm, id: &ManifestId, job: &Job) -> Result<(Ask, Answer), ArmError> {
        let mut ask = ask(
            arm,
            id,
            "ask for the credential of artifact manifest",
            LIST_CREDENTIAL,
            Method::POST,
            None,
        );
        ask.url = below(arm, id, "listCredential");
        let answer = arm.run(&ask, job).await?;
        Ok((ask, answer))
    }

    fn of(ask: &Ask, answer: &Answer) -> Result<Self, ArmError> {
        Self::read(&answer.value).map_err(|why| lacking(ask, &why).at(answer.correlation()))
    }

    fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields(value);
        let artifacts = fields
            .maybe_list("properties.artifacts")?
            .iter()
            .enumerate()
            .map(|(at, entry)| ManifestEntry::read(entry).map_err(|why| format!("properties.artifacts[{at}].{why}")))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            id: fields.text("id")?,
            name: fields.text("name")?,
            location: fields.text("location")?,
            state: fields
                .maybe("properties.artifactManifestState")?
                .as_deref()
                .map(ManifestState::read),
            provisioning_state: fields
                .maybe("properties.provisioningState")?
                .as_deref()
                .map(ProvisioningState::read),
            artifacts,
        })
    }

    /// Does it list this artifact, of whatever type?
    pub fn lists(&self, name: &str, version: &str) -> bool {
        self.artifacts
            .iter()
            .any(|entry| entry.name == name && entry.version == version)
    }
}

impl ManifestEntry {
    fn read(value: &Value) -> Result<Self, String> {
        let fields = Fields(value);
        Ok(Self {
            name: fields.text("artifactName")?,
            artifact_type: fields.maybe("artifactType")?.unwrap_or_else(|| "Unknown".to_owned()),
            version: fields.text("artifactVersion")?,
        })
    }
}

fn ask(
    arm: &Arm,
    id: &ManifestId,
    operation: &'static str,
    right: &'static str,
    method: Method,
    body: Option<Value>,
) -> Ask {
    Ask {
        operation,
        subject: id.to_string(),
        right,
        method,
        url: arm.url(&id.segments(), &[]),
        body,
    }
}

fn below(arm: &Arm, id: &ManifestId, action: &str) -> reqwest::Url {
    let mut segments = id.segments();
    segments.push(action);
    arm.url(&segments, &[])
}

/// Is it the manifest itself that is not there, rather than what it would be in?
fn is_of_manifest(error: &ArmError) -> bool {
    !matches!(
        error.service.code.as_deref(),
        Some("SubscriptionNotFound" | "ResourceGroupNotFound" | "ParentResourceNotFound")
    )
}
