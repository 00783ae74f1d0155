//! All JSON schemas, made from the types; `schemas/` holds their committed copies, and a test compares.

use schemars::{JsonSchema, generate::SchemaSettings};

use crate::apply::{ApplyDocument, ExportDocument, ExportFilesDocument};
use crate::artifact::documents::{
    ArtifactDocument, CopyDocument, DeleteDocument, DiscoverDocument, ManifestsDocument, RepositoriesDocument,
    TagsDocument,
};
use crate::artifact::transfer_documents::{PullDocument, PushDocument};
use crate::azure::artifact_documents::{ArtifactStateDocument, StoreArtifactsDocument};
use crate::azure::completeness::CompletenessDocument;
use crate::azure::documents::{ArtifactManifestDocument, CredentialDocument, StoreDocument, StoresDocument};
use crate::azure::manifest_change::ManifestChangeDocument;
use crate::azure::template::ArtifactManifestsDocument;
use crate::bundle::BundleDocument;
use crate::disk::VhdDocument;
use crate::doctor::DoctorDocument;
use crate::graph::GraphDocument;
use crate::lock::LockChangesDocument;
use crate::plan::{Explained, ImagesDocument, Plan};
use crate::report::{CachePruneDocument, CheckDocument, LoginDocument, LogoutDocument};
use crate::values::ValuesPathsDocument;
use crate::vhd::documents::VhdCheckDocument;

/// File name and text of every schema, sorted by the name before `.schema.json`.
pub fn all() -> Vec<(&'static str, String)> {
    let mut all = crate::project::schemas();
    all.extend([
        ("apply.schema.json", document::<ApplyDocument>("aosm-apply/1")),
        (
            "artifact-manifest.schema.json",
            document::<ArtifactManifestDocument>("aosm-artifact-manifest/1"),
        ),
        (
            "artifact-manifest-change.schema.json",
            document::<ManifestChangeDocument>("aosm-artifact-manifest-change/1"),
        ),
        (
            "artifact-manifests.schema.json",
            document::<ArtifactManifestsDocument>("aosm-artifact-manifests/1"),
        ),
        (
            "completeness.schema.json",
            document::<CompletenessDocument>("aosm-completeness/1"),
        ),
        (
            "credential.schema.json",
            document::<CredentialDocument>("aosm-credential/1"),
        ),
        (
            "artifact-state.schema.json",
            document::<ArtifactStateDocument>("aosm-artifact-state/1"),
        ),
        (
            "store-artifacts.schema.json",
            document::<StoreArtifactsDocument>("aosm-store-artifacts/1"),
        ),
        ("store.schema.json", document::<StoreDocument>("aosm-store/1")),
        ("stores.schema.json", document::<StoresDocument>("aosm-stores/1")),
        ("bundle.schema.json", document::<BundleDocument>("aosm-bundle/1")),
        ("doctor.schema.json", document::<DoctorDocument>("aosm-doctor/1")),
        (
            "export-files.schema.json",
            document::<ExportFilesDocument>("aosm-export-files/1"),
        ),
        ("export.schema.json", document::<ExportDocument>("aosm-export/1")),
        ("artifact.schema.json", document::<ArtifactDocument>("aosm-artifact/1")),
        ("copy.schema.json", document::<CopyDocument>("aosm-copy/1")),
        ("delete.schema.json", document::<DeleteDocument>("aosm-delete/1")),
        ("discover.schema.json", document::<DiscoverDocument>("aosm-discover/1")),
        (
            "manifests.schema.json",
            document::<ManifestsDocument>("aosm-manifests/1"),
        ),
        (
            "repositories.schema.json",
            document::<RepositoriesDocument>("aosm-repositories/1"),
        ),
        ("tags.schema.json", document::<TagsDocument>("aosm-tags/1")),
        (
            "cache-prune.schema.json",
            document::<CachePruneDocument>("aosm-cache-prune/1"),
        ),
        ("check.schema.json", document::<CheckDocument>("aosm-check/1")),
        ("graph.schema.json", document::<GraphDocument>("aosm-graph/1")),
        ("images.schema.json", document::<ImagesDocument>("aosm-images/1")),
        (
            "lock-changes.schema.json",
            document::<LockChangesDocument>("aosm-lock-changes/1"),
        ),
        ("login.schema.json", document::<LoginDocument>("aosm-login/1")),
        ("logout.schema.json", document::<LogoutDocument>("aosm-logout/1")),
        ("pull.schema.json", document::<PullDocument>("aosm-pull/1")),
        ("push.schema.json", document::<PushDocument>("aosm-push/1")),
        ("plan.schema.json", document::<Plan>("aosm-plan/1")),
        (
            "values-paths.schema.json",
            document::<ValuesPathsDocument>("aosm-values-paths/1"),
        ),
        ("vhd.schema.json", document::<VhdDocument>("aosm-vhd/1")),
        (
            "vhd-check.schema.json",
            document::<VhdCheckDocument>("aosm-vhd-check/1"),
        ),
        ("why.schema.json", document::<Explained>("aosm-why/1")),
    ]);
    // By the name that people type: `vhd` before `vhd-check`.
    all.sort_by_key(|(name, _)| name.trim_end_matches(".schema.json"));
    all
}

/// The schema of a printed document. Readers ignore unknown keys, so the schema allows them; `format` is pinned.
fn document<T: JsonSchema>(format: &str) -> String {
    let generator = SchemaSettings::draft2020_12().for_serialize().into_generator();
    let mut schema = generator.into_root_schema_for::<T>();
    if let Some(slot) = schema.pointer_mut("/properties/format") {
        *slot = serde_json::json!({ "const": format, "description": "names this form and its version" });
    }
    let mut text = serde_json::to_string_pretty(&schema).unwrap_or_default();
    text.push('\n');
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    #[test]
    fn the_committed_schemas_are_those_of_the_types() {
        let folder = camino::Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, text) in all() {
            let path = folder.join(name);
            if std::env::var_os("AOSM_BLESS").is_some() {
                std::fs::write(&path, &text).unwrap();
            }
            let committed = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
            assert_eq!(committed, text, "{path} is stale: run the tests once with AOSM_BLESS=1");
        }
    }
}
