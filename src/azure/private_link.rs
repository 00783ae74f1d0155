//! Private link of artifact stores: who is let in where a store is closed to the public (REST reference, "Artifact Stores -
//! Approve Private End Points" and "Artifact Stores - Add Network Fabric Controller End Points").

use reqwest::Method;
use serde_json::{Value, json};

use super::arm::{ApiVersion, Arm, ArmError, ArmErrorKind, Ask};
use super::name::StoreId;
use super::store::ArtifactStore;
use crate::oci::Job;

impl ArtifactStore {
    /// Approves the connections of private endpoints, by resource id, and waits until that is done. One that is approved
    /// already stays so.
    pub async fn approve_private_endpoints(
        arm: &Arm,
        id: &StoreId,
        endpoints: &[&str],
        job: &Job,
    ) -> Result<(), ArmError> {
        let right = "Microsoft.HybridNetwork/publishers/artifactStores/approvePrivateEndPoints/action";
        let body = json!({"manualPrivateEndPointConnections": ids(endpoints)});
        let operation = "approve private endpoints of";
        let_in(arm, id, (operation, right, "approvePrivateEndPoints"), body, job).await
    }

    /// Connects network fabric controllers, by resource id, and waits until that is done. One that is connected already stays
    /// so.
    pub async fn add_network_fabric_controllers(
        arm: &Arm,
        id: &StoreId,
        controllers: &[&str],
        job: &Job,
    ) -> Result<(), ArmError> {
        let right = "Microsoft.HybridNetwork/publishers/artifactStores/addNetworkFabricControllerEndPoints/action";
        let body = json!({"networkFabricControllerIds": ids(controllers)});
        let operation = "connect network fabric controllers to";
        let_in(
            arm,
            id,
            (operation, right, "addNetworkFabricControllerEndPoints"),
            body,
            job,
        )
        .await
    }
}

fn ids(all: &[&str]) -> Vec<Value> {
    all.iter().map(|id| json!({"id": id})).collect()
}

async fn let_in(
    arm: &Arm,
    id: &StoreId,
    (operation, right, action): (&'static str, &'static str, &'static str),
    body: Value,
    job: &Job,
) -> Result<(), ArmError> {
    if arm.api() < ApiVersion::V2024_04_15 {
        return Err(ArmError::new(
            ArmErrorKind::Refused,
            operation,
            id.to_string(),
            format!("version {} of the API has no private link", arm.api()),
        )
        .hint("use version 2024-04-15 or a newer one: `api-version` of the store"));
    }
    let mut segments = id.segments();
    segments.push(action);
    let ask = Ask {
        operation,
        subject: id.to_string(),
        right,
        method: Method::POST,
        url: arm.url(&segments, &[]),
        body: Some(body),
    };
    arm.run(&ask, job).await.map(|_| ())
}
