//! How much an archive may cost.

/// Limits of one archive. All are checked against what a header claims, before anything is read or written, and
/// again against what really comes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Number of entries, folders included.
    pub entries: u64,
    /// Bytes of one file.
    pub file_size: u64,
    /// Bytes of all files together, unpacked.
    pub total_size: u64,
    /// Bytes of one path.
    pub path_length: usize,
}

impl Limits {
    /// For Helm charts: Helm itself refuses more than 100 MiB unpacked (`MaxDecompressedChartSize`, Helm 3.17 on).
    pub const CHART: Self = Self {
        entries: 50_000,
        file_size: 100 * 1024 * 1024,
        total_size: 100 * 1024 * 1024,
        path_length: 1024,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::CHART
    }
}
