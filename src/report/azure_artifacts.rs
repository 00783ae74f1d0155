//! What the commands about artifacts in artifact stores say to people.

use super::artifact::columns;
use super::diagnostic::printable as word;
use crate::azure::artifact_documents::StoreArtifactsDocument;

/// What is shown where the service says nothing.
const UNSAID: &str = "-";

/// Artifacts, a line for each version.
pub fn artifacts_list(document: &StoreArtifactsDocument) -> String {
    let mut rows = vec![["ARTIFACT", "VERSION", "STATE", "TYPE"].map(str::to_owned).to_vec()];
    let said = |text: Option<&String>| text.map_or_else(|| UNSAID.to_owned(), |text| word(text));
    for artifact in &document.artifacts {
        if artifact.versions.is_empty() {
            rows.push(vec![word(&artifact.name), UNSAID.to_owned()]);
        }
        rows.extend(artifact.versions.iter().map(|version| {
            vec![
                word(&artifact.name),
                word(&version.version),
                said(version.state.as_ref()),
                said(version.kind.as_ref()),
            ]
        }));
    }
    columns(&rows)
}
