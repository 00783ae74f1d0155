//! What `vhd check` prints as JSON.

use schemars::JsonSchema;
use serde::Serialize;

use super::check::{FOOTER, Problem};
use super::scan::Scanned;

/// `vhd check`: `aosm-vhd-check/1`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct VhdCheckDocument {
    /// `aosm-vhd-check/1`.
    pub format: &'static str,
    /// The files, in the order in which they were named.
    pub files: Vec<CheckedFile>,
}

/// One file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct CheckedFile {
    /// The file, as it was named.
    pub file: String,
    /// Does Azure take it?
    pub ok: bool,
    /// What is wrong with it, in the order of the checks.
    pub problems: Vec<ProblemEntry>,
    /// Why it could not be checked; null when it was.
    pub error: Option<String>,
    /// Bytes of the file; null when it could not be read.
    pub length: Option<u64>,
    /// Bytes of the disk, which the footer is no part of; null unless all is well.
    pub disk_size: Option<u64>,
    /// Bytes with a place on the local disk: what is left is zero. Null unless all is well.
    pub allocated_bytes: Option<u64>,
    /// Bytes that are not zero, in blocks of 64 KiB: what an upload sends. Null unless the file was read whole.
    pub data_bytes: Option<u64>,
    /// Bytes that are zero, in blocks of 64 KiB. Null unless the file was read whole.
    pub zero_bytes: Option<u64>,
    /// The content digest: SHA-256 over the SHA-256s of its 4 MiB pieces. Null unless the file was read whole.
    pub digest: Option<String>,
}

/// One thing that is wrong with a disk image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub struct ProblemEntry {
    /// A stable word for it.
    pub code: &'static str,
    /// What is wrong and what was found.
    pub message: String,
    /// How to repair it: commands, or what to do.
    pub repair: String,
}

impl From<&Problem> for ProblemEntry {
    fn from(problem: &Problem) -> Self {
        Self {
            code: problem.code,
            message: problem.message.clone(),
            repair: problem.repair.clone(),
        }
    }
}

impl CheckedFile {
    /// A file of which nothing is known yet.
    pub fn named(file: &str) -> Self {
        Self {
            file: file.to_owned(),
            ok: false,
            problems: Vec::new(),
            error: None,
            length: None,
            disk_size: None,
            allocated_bytes: None,
            data_bytes: None,
            zero_bytes: None,
            digest: None,
        }
    }

    /// It was checked: so many bytes, these problems, so much of it on disk.
    pub fn checked(&mut self, length: u64, problems: &[Problem], allocated: u64) {
        self.ok = problems.is_empty();
        self.problems = problems.iter().map(ProblemEntry::from).collect();
        self.length = Some(length);
        if self.ok {
            self.disk_size = Some(length.saturating_sub(FOOTER as u64));
            self.allocated_bytes = Some(allocated);
        }
    }

    /// It was read whole.
    pub fn scanned(&mut self, scanned: &Scanned) {
        self.data_bytes = Some(scanned.data_bytes());
        self.zero_bytes = Some(scanned.zero_bytes());
        self.digest = Some(scanned.digest.to_string());
    }
}
