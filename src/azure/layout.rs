//! Under which repository an artifact of a manifest is kept.
//!
//! Up to API version 2024-04-15 an artifact's repository is its name. From 2025-03-30 on it is below the name of its
//! manifest. What counts is what the granted `repositories` say: a manifest that was made by one version may be filled
//! by another.

use super::arm::ApiVersion;

/// How names of artifacts become repositories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// `<artifact>:<version>`.
    ByName,
    /// `<manifest>/<artifact>:<version>`.
    UnderManifest,
}

impl Layout {
    /// The layout of an API version.
    pub fn of_version(api: ApiVersion) -> Self {
        match api {
            ApiVersion::V2023_09_01 | ApiVersion::V2024_04_15 => Self::ByName,
            ApiVersion::V2025_03_30 => Self::UnderManifest,
        }
    }

    /// The layout that a grant speaks of: all of its repositories below the manifest's name, or none. `None` where it says
    /// nothing, or both.
    pub fn of_grant(manifest: &str, repositories: &[String]) -> Option<Self> {
        let below = repositories.iter().filter(|name| is_below(manifest, name)).count();
        match below {
            0 if repositories.is_empty() => None,
            0 => Some(Self::ByName),
            all if all == repositories.len() => Some(Self::UnderManifest),
            _ => None,
        }
    }

    /// The repository of an artifact.
    pub fn repository(self, manifest: &str, artifact: &str) -> String {
        match self {
            Self::ByName => artifact.to_owned(),
            Self::UnderManifest => format!("{manifest}/{artifact}"),
        }
    }
}

fn is_below(manifest: &str, repository: &str) -> bool {
    repository
        .strip_prefix(manifest)
        .is_some_and(|rest| rest.starts_with('/'))
}

/// Is a repository among those granted? A `*` at the end stands for anything.
pub fn covers(granted: &[String], repository: &str) -> bool {
    granted.iter().any(|granted| match granted.strip_suffix('*') {
        Some(prefix) => repository.starts_with(prefix),
        None => granted == repository,
    })
}

/// The repository among those granted that an artifact goes to; `None` when none is for it. Where both forms are granted,
/// the version's own counts.
pub fn granted_repository(manifest: &str, artifact: &str, repositories: &[String], api: ApiVersion) -> Option<String> {
    let first = Layout::of_grant(manifest, repositories).unwrap_or_else(|| Layout::of_version(api));
    let second = match first {
        Layout::ByName => Layout::UnderManifest,
        Layout::UnderManifest => Layout::ByName,
    };
    [first, second]
        .into_iter()
        .map(|layout| layout.repository(manifest, artifact))
        .find(|repository| covers(repositories, repository))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_grant_says_counts_before_the_version() {
        use ApiVersion::{V2024_04_15 as OLD, V2025_03_30 as NEW};
        for (repositories, artifact, api, expected) in [
            (&["nginx", "contoso"][..], "nginx", OLD, Some("nginx")),
            (&["nginx", "contoso"], "nginx", NEW, Some("nginx")),
            (&["m/nginx", "m/contoso"], "nginx", NEW, Some("m/nginx")),
            (&["m/nginx", "m/contoso"], "nginx", OLD, Some("m/nginx")),
            (&["m/nginx", "nginx"], "nginx", OLD, Some("nginx")),
            (&["m/nginx", "nginx"], "nginx", NEW, Some("m/nginx")),
            (&["m/nginx", "contoso"], "nginx", OLD, Some("m/nginx")),
            (&["m/*"], "release/contoso-a", NEW, Some("m/release/contoso-a")),
            (
                &["release/contoso-a"],
                "release/contoso-a",
                OLD,
                Some("release/contoso-a"),
            ),
            (&["nginx"], "redis", OLD, None),
            (&["mm/nginx"], "nginx", NEW, None),
            (&[], "nginx", OLD, None),
        ] {
            let repositories: Vec<String> = repositories.iter().map(|&text| text.to_owned()).collect();
            assert_eq!(
                granted_repository("m", artifact, &repositories, api).as_deref(),
                expected,
                "{repositories:?} {artifact} {api}"
            );
        }
    }

    #[test]
    fn an_artifact_named_like_the_manifest_is_not_below_it() {
        let names = |all: &[&str]| all.iter().map(|&text| text.to_owned()).collect::<Vec<_>>();
        assert_eq!(Layout::of_grant("m", &names(&["m", "mx/y"])), Some(Layout::ByName));
        assert_eq!(Layout::of_grant("m", &names(&["m/a"])), Some(Layout::UnderManifest));
        assert_eq!(Layout::of_grant("m", &names(&["m/a", "a"])), None);
    }
}
