//! What counts as a signature or a bill of materials: artifact types as tools write them, and cosign's tags.

use crate::lock::LockedReferrer;
use crate::project::ReferrerKind;

/// Artifact types of signatures: cosign's ("Signature Specification" and its OCI 1.1 form) and the Notary Project's
/// ("Signature Specification", `application/vnd.cncf.notary.signature`).
const SIGNATURES: [&str; 3] = [
    "application/vnd.dev.cosign.simplesigning.v1+json",
    "application/vnd.dev.cosign.artifact.sig.v1+json",
    "application/vnd.cncf.notary.signature",
];

/// Sigstore's bundles hold signatures; their type ends with a version (Sigstore, "Bundle Format").
const BUNDLE: &str = "application/vnd.dev.sigstore.bundle";

/// Artifact types of bills of materials, without the suffix that names their form (`+json`, `+xml`): those registered with
/// IANA for SPDX and `CycloneDX`, the older text forms that cosign writes, and Syft's own.
const SBOMS: [&str; 5] = [
    "application/spdx",
    "text/spdx",
    "application/vnd.cyclonedx",
    "application/vnd.syft",
    "application/vnd.dev.cosign.artifact.sbom.v1",
];

/// Is this referrer of the kind?
pub(super) fn is_kind(kind: &ReferrerKind, referrer: &LockedReferrer) -> bool {
    let tagged = |suffix: &str| referrer.tag.as_deref().is_some_and(|tag| tag.ends_with(suffix));
    // Parameters of a media type say nothing about what it is.
    let full = referrer.artifact_type.split(';').next().unwrap_or_default().trim();
    let bare = full.split('+').next().unwrap_or_default();
    match kind {
        ReferrerKind::Signature => tagged(".sig") || SIGNATURES.contains(&full) || full.starts_with(BUNDLE),
        ReferrerKind::Sbom => tagged(".sbom") || SBOMS.contains(&bare),
        ReferrerKind::Type(wanted) => referrer.artifact_type == *wanted,
    }
}

/// In words, for "no … refers to it".
pub(super) fn words(kind: &ReferrerKind) -> String {
    match kind {
        ReferrerKind::Signature => "signature".to_owned(),
        ReferrerKind::Sbom => "SBOM".to_owned(),
        ReferrerKind::Type(artifact_type) => format!("artifact of the type {artifact_type}"),
    }
}
