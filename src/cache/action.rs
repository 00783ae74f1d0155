//! Action results in the Remote Execution API's proto3 JSON form (`ActionResult`, `OutputFile`, `Digest`).
//!
//! Exactly these fields and no others: servers that hold such caches decode strictly.

use serde::{Deserialize, Serialize};

use crate::digest::Digest;

/// One output of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Relative name with `/`, e.g. `rendered.yaml`.
    pub path: String,
    /// Content.
    pub digest: Digest,
    /// Size in bytes.
    pub size: u64,
}

/// What a step gave: its outputs, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ActionResult {
    /// The outputs.
    pub outputs: Vec<Output>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireResult {
    output_files: Vec<WireFile>,
}

#[derive(Serialize, Deserialize)]
struct WireFile {
    path: String,
    digest: WireDigest,
}

/// proto3 JSON writes 64-bit integers as strings.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct WireDigest {
    hash: String,
    size_bytes: String,
}

impl ActionResult {
    /// The output of a name.
    pub fn output(&self, path: &str) -> Option<&Output> {
        self.outputs.iter().find(|output| output.path == path)
    }

    /// The JSON bytes.
    pub fn bytes(&self) -> Vec<u8> {
        let wire = WireResult {
            output_files: self
                .outputs
                .iter()
                .map(|o| WireFile {
                    path: o.path.clone(),
                    digest: WireDigest {
                        hash: o.digest.hex().to_owned(),
                        size_bytes: o.size.to_string(),
                    },
                })
                .collect(),
        };
        serde_json::to_vec(&wire).unwrap_or_default()
    }

    /// Reads JSON bytes; `None` when they are not a result.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let wire: WireResult = serde_json::from_slice(bytes).ok()?;
        let outputs = wire
            .output_files
            .into_iter()
            .map(|file| {
                Some(Output {
                    path: file.path,
                    digest: Digest::from_sha256_hex(&file.digest.hash).ok()?,
                    size: file.digest.size_bytes.parse().ok()?,
                })
            })
            .collect::<Option<Vec<_>>>()?;
        Some(Self { outputs })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_is_the_remote_execution_apis_json() {
        let result = ActionResult {
            outputs: vec![Output {
                path: "rendered.yaml".into(),
                digest: Digest::of(b""),
                size: 0,
            }],
        };
        let text = String::from_utf8_lossy(&result.bytes()).into_owned();
        assert_eq!(
            text,
            format!(
                r#"{{"outputFiles":[{{"path":"rendered.yaml","digest":{{"hash":"{}","sizeBytes":"0"}}}}]}}"#,
                Digest::of(b"").hex()
            )
        );
        assert_eq!(ActionResult::parse(text.as_bytes()), Some(result));
    }

    #[test]
    fn every_cut_of_a_result_is_unreadable_rather_than_wrong() {
        let result = ActionResult {
            outputs: vec![Output {
                path: "a".into(),
                digest: Digest::of(b"x"),
                size: 1,
            }],
        };
        let bytes = result.bytes();
        for cut in 0..bytes.len() {
            assert_eq!(
                ActionResult::parse(bytes.get(..cut).unwrap_or_default()),
                None,
                "cut at {cut}"
            );
        }
    }
}
