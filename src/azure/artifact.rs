//! Artifacts that a store knows, and their versions (REST reference, "Proxy Artifact").

use std::cmp::Ordering;

use futures_util::{StreamExt as _, TryStreamExt as _, stream};
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

/// Lists of versions that are asked for at a time.
const LISTS_AT_ONCE: usize = 16;

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

    /// All artifacts of a store with their versions, by name: one list, and one for each artifact.
    pub async fn list_with_versions(
        arm: &Arm,
        store: &StoreId,
        job: &Job,
    ) -> Result<Vec<(Self, Vec<ArtifactVersion>)>, ArmError> {
        let artifacts = Self::list(arm, store, job).await?;
        stream::iter(artifacts)
            .map(|artifact| async move {
                let versions = ArtifactVersion::list(arm, store, &artifact.name, job).await?;
                Ok((artifact, versions))
            })
            .buffered(LISTS_AT_ONCE)
            .try_collect()
            .await
    }
}

impl ArtifactVersion {
    /// All versions of an artifact, the lowest first.
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
        versions.sort_by(|a, b| by_numbers(&a.version, &b.version));
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

/// The order of versions as people count: `1.9.0` before `1.10.0`.
fn by_numbers(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let (x, y) = (run(left), run(right));
        let ordering = match (x.is_empty(), y.is_empty()) {
            // Versions that count alike (`1.0` and `1.00`) still have an order.
            (true, true) => return a.cmp(b),
            (true, false) => return Ordering::Less,
            (false, true) => return Ordering::Greater,
            (false, false) => count(x, y),
        };
        if ordering != Ordering::Equal {
            return ordering;
        }
        left = left.get(x.len()..).unwrap_or_default();
        right = right.get(y.len()..).unwrap_or_default();
    }
}

/// The digits, or the other characters, that a text begins with.
fn run(text: &str) -> &str {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    let end = text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len());
    text.get(..end).unwrap_or_default()
}

/// Two runs: numbers of any length by value, everything else as text.
fn count(a: &str, b: &str) -> Ordering {
    let is_number = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
    if !(is_number(a) && is_number(b)) {
        return a.cmp(b);
    }
    let (a, b) = (a.trim_start_matches('0'), b.trim_start_matches('0'));
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
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

#[cfg(test)]
mod tests {
    use super::by_numbers;

    #[test]
    fn versions_are_ordered_as_people_count() {
        let mut versions = vec![
            "1.10.0",
            "1.9.0",
            "v2",
            "1.0.0-rc.2",
            "1.0.0",
            "1-0-10",
            "1-0-9",
            "",
            "99999999999999999999999.0",
            "1.00",
            "1.0",
            "~1.0.0",
        ];
        versions.sort_by(|a, b| by_numbers(a, b));
        assert_eq!(
            versions,
            [
                "",
                "1-0-9",
                "1-0-10",
                "1.0",
                "1.00",
                "1.0.0",
                "1.0.0-rc.2",
                "1.9.0",
                "1.10.0",
                "99999999999999999999999.0",
                "v2",
                "~1.0.0",
            ]
        );
    }
}
