//! What the commands about artifact stores say to people.

use std::fmt::Write as _;

use super::artifact::columns;
use super::count;
use super::diagnostic::printable as word;
use crate::azure::ManifestEntry;
use crate::azure::documents::{
    ArtifactManifestDocument, CredentialDocument, RegistryAccess, StorageAccess, StoreDocument, StoresDocument,
};
use crate::azure::manifest_change::{Change, ManifestChangeDocument};

/// What is shown where the service says nothing.
const UNSAID: &str = "-";

fn said(text: Option<&String>) -> String {
    text.map_or_else(|| UNSAID.to_owned(), |text| word(text))
}

/// Stores, a line each.
pub fn stores_list(document: &StoresDocument) -> String {
    let mut rows = vec![
        ["NAME", "TYPE", "BACKED BY", "PUBLIC ACCESS", "REGION"]
            .map(str::to_owned)
            .to_vec(),
    ];
    rows.extend(document.stores.iter().map(|store| {
        vec![
            word(&store.name),
            word(&store.store_type),
            said(store.backing_name.as_ref()),
            said(store.public_network_access.as_ref()),
            word(&store.location),
        ]
    }));
    columns(&rows)
}

/// A store, and its manifests with their states.
pub fn store(document: &StoreDocument) -> String {
    let store = &document.store;
    let mut rows = vec![
        pair("artifact store", &format!("{}/{}", document.publisher, store.name)),
        pair("type", &store.store_type),
        vec!["backed by".to_owned(), said(store.backing_name.as_ref())],
        vec!["public access".to_owned(), said(store.public_network_access.as_ref())],
        pair("region", &store.location),
    ];
    // What goes without saying is not said.
    if let Some(replication) = store
        .replication_strategy
        .as_ref()
        .filter(|text| *text != "SingleReplication")
    {
        rows.push(pair("replication", replication));
    }
    if let Some(state) = store.provisioning_state.as_ref().filter(|text| *text != "Succeeded") {
        rows.push(pair("provisioning", state));
    }
    let mut text = columns(&rows);
    if document.manifests.is_empty() {
        text.push_str("\nno artifact manifests\n");
        return text;
    }
    let mut rows = vec![["MANIFEST", "STATE", "ARTIFACTS"].map(str::to_owned).to_vec()];
    rows.extend(document.manifests.iter().map(|manifest| {
        vec![
            word(&manifest.name),
            state(manifest.state.as_ref(), manifest.provisioning_state.as_ref()),
            manifest.artifacts.to_string(),
        ]
    }));
    text.push('\n');
    text.push_str(&columns(&rows));
    text
}

/// A manifest, and what it lists.
pub fn manifest(document: &ArtifactManifestDocument) -> String {
    let mut text = columns(&[
        pair(
            "artifact manifest",
            &format!("{}/{}/{}", document.publisher, document.artifact_store, document.name),
        ),
        vec![
            "state".to_owned(),
            state(document.state.as_ref(), document.provisioning_state.as_ref()),
        ],
        pair("region", &document.location),
    ]);
    if document.artifacts.is_empty() {
        text.push_str("\nlists no artifacts\n");
        return text;
    }
    let mut rows = vec![["ARTIFACT", "VERSION", "TYPE"].map(str::to_owned).to_vec()];
    rows.extend(
        document
            .artifacts
            .iter()
            .map(|entry| vec![word(&entry.name), word(&entry.version), word(&entry.kind)]),
    );
    text.push('\n');
    text.push_str(&columns(&rows));
    text
}

/// What a manifest lists, a line each.
pub fn entries_list(entries: &[ManifestEntry]) -> String {
    let row = |entry: &ManifestEntry| {
        vec![
            format!("  {}", word(&entry.name)),
            word(&entry.version),
            word(&entry.artifact_type),
        ]
    };
    columns(&entries.iter().map(row).collect::<Vec<_>>())
}

/// What making a manifest came to.
pub fn manifest_created(document: &ManifestChangeDocument) -> String {
    let name = format!(
        "{}/{}/{}",
        word(&document.publisher),
        word(&document.artifact_store),
        word(&document.artifact_manifest)
    );
    let artifacts = count(document.artifacts.len() as u64, "artifact");
    match document.change {
        Change::Unchanged => format!("{name} is there already and lists what is needed: {artifacts}"),
        Change::Recreated => format!("made {name} anew: {artifacts}"),
        _ => format!("made {name}: {artifacts}"),
    }
}

/// A credential; its secret only where the document has it.
pub fn credential(document: &CredentialDocument) -> String {
    let mut rows = vec![pair(
        "granted by",
        &format!(
            "{}/{}/{}",
            document.publisher, document.artifact_store, document.artifact_manifest
        ),
    )];
    rows.push(pair("expires", &document.expires));
    if let Some(registry) = &document.registry {
        registry_rows(registry, &mut rows);
    }
    if let Some(account) = &document.storage_account {
        account_rows(account, &mut rows);
    }
    let mut text = columns(&rows);
    if let Some(registry) = &document.registry {
        let _ = writeln!(text, "\n{}", count(registry.repositories.len() as u64, "repository"));
        for repository in &registry.repositories {
            let _ = writeln!(text, "  {}", word(repository));
        }
    }
    if let Some(account) = &document.storage_account {
        let mut rows = vec![["CONTAINER", "RIGHTS", "EXPIRES"].map(str::to_owned).to_vec()];
        rows.extend(account.containers.iter().map(|container| {
            let rights = match &container.policy {
                Some(policy) if container.rights.is_empty() => format!("by the policy {policy}"),
                _ => container.rights.join(", "),
            };
            vec![word(&container.name), word(&rights), said(container.expires.as_ref())]
        }));
        text.push('\n');
        text.push_str(&columns(&rows));
        for url in account
            .containers
            .iter()
            .filter_map(|container| container.sas_url.as_ref())
        {
            let _ = writeln!(text, "{}", word(url));
        }
    }
    text
}

fn registry_rows(registry: &RegistryAccess, rows: &mut Vec<Vec<String>>) {
    rows.push(pair("registry", &registry.host));
    rows.push(pair("username", &registry.username));
    rows.push(pair("rights", &registry.rights.join(", ")));
    if let Some(token) = &registry.token {
        rows.push(pair("token", token));
    }
}

fn account_rows(account: &StorageAccess, rows: &mut Vec<Vec<String>>) {
    rows.push(vec!["storage account".to_owned(), said(account.account.as_ref())]);
}

fn pair(name: &str, value: &str) -> Vec<String> {
    vec![name.to_owned(), word(value)]
}

/// What may be done with a manifest; what is not settled about it is said as well.
fn state(state: Option<&String>, provisioning: Option<&String>) -> String {
    match provisioning.filter(|text| *text != "Succeeded") {
        Some(provisioning) => format!("{} ({})", said(state), word(provisioning)),
        None => said(state),
    }
}
