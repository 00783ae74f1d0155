//! Which form a version must have: it depends on what the artifact is.
//!
//! A registry keeps a version as a tag, so that nothing a tag cannot hold may stand in a manifest; templates and virtual
//! machine images have three numbers with dots between ("the tag must be in `1.0.0` format"), disk images in storage
//! accounts three numbers with hyphens between (Azure Operator Service Manager, "Manage artifacts").

use crate::azure::state::ArtifactType;

/// A tag has at most so many characters (OCI distribution specification, "Pulling manifests").
const TAG_LIMIT: usize = 128;

/// The rule for versions of a type, in words that follow "its version must be …".
pub fn version_rule(kind: &ArtifactType) -> &'static str {
    match kind {
        ArtifactType::ArmTemplate => "three numbers with dots between, such as 1.0.0 (templates)",
        ArtifactType::ImageFile => {
            "three numbers with dots between, perhaps after a ~, such as 1.0.0 (images of virtual machines)"
        }
        ArtifactType::VhdImageFile => "three numbers with hyphens between, such as 1-0-0 (disk images)",
        ArtifactType::OciArtifact | ArtifactType::Unknown | ArtifactType::Other(_) => {
            "a tag: up to 128 letters, digits, dots, hyphens and _; Helm writes the + of a chart's version as _"
        }
    }
}

/// The rule that a version breaks, in the words of [`version_rule`]; `None`: it keeps to it.
pub fn broken_rule(kind: &ArtifactType, version: &str) -> Option<&'static str> {
    let good = match kind {
        ArtifactType::ArmTemplate => three_numbers(version, '.'),
        ArtifactType::ImageFile => three_numbers(version.strip_prefix('~').unwrap_or(version), '.'),
        ArtifactType::VhdImageFile => three_numbers(version, '-'),
        ArtifactType::OciArtifact | ArtifactType::Unknown | ArtifactType::Other(_) => is_tag(version),
    };
    (!good).then(|| version_rule(kind))
}

/// A version with what people mix up made one: two that differ only in their form are the same here.
pub(super) fn bare(version: &str) -> String {
    version
        .trim_start_matches('~')
        .chars()
        .map(|c| if matches!(c, '.' | '-' | '+' | '_') { '.' } else { c })
        .collect()
}

fn three_numbers(text: &str, between: char) -> bool {
    let mut count = 0;
    let numbers = text.split(between).all(|part| {
        count += 1;
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    numbers && count == 3
}

fn is_tag(text: &str) -> bool {
    (1..=TAG_LIMIT).contains(&text.len())
        && !text.starts_with(['.', '-'])
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_'))
}
