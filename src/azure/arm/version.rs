//! The versions of the resource provider's API that are spoken.

/// An API version of `Microsoft.HybridNetwork`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum ApiVersion {
    /// The first with artifact stores.
    V2023_09_01,
    /// With private endpoints of stores.
    #[default]
    V2024_04_15,
    /// A manifest's artifacts are kept below its name.
    V2025_03_30,
}

impl ApiVersion {
    /// All of them, oldest first.
    pub const ALL: [Self; 3] = [Self::V2023_09_01, Self::V2024_04_15, Self::V2025_03_30];

    /// As it is written in `api-version=`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::V2023_09_01 => "2023-09-01",
            Self::V2024_04_15 => "2024-04-15",
            Self::V2025_03_30 => "2025-03-30",
        }
    }
}

impl std::str::FromStr for ApiVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = Self::ALL.into_iter().find(|version| version.as_str() == text);
        known.ok_or_else(|| {
            let all = Self::ALL.map(Self::as_str).join(", ");
            format!("{text:?} is no API version that is spoken here: use one of {all}")
        })
    }
}

impl std::fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
