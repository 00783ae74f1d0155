//! What a disk image is called: artifact name and version in AOSM, container and blob in the storage account.

use crate::fault::Fault;

/// How long a container's name may be (REST reference, "Naming and Referencing Containers, Blobs, and Metadata").
const CONTAINER: std::ops::RangeInclusive<usize> = 3..=63;

/// How an artifact's name should end: only then its blob is called `.vhd`.
const ENDING: &str = "-vhd";

/// Name and version of a disk image artifact.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VhdName {
    /// Artifact name, e.g. `ubuntu-vm-vhd`.
    pub artifact: String,
    /// Version, e.g. `1-0-0`.
    pub version: String,
}

impl VhdName {
    /// The container AOSM gives it: the name without hyphens, `-`, the version.
    pub fn container(&self) -> String {
        format!("{}-{}", self.artifact.replace('-', ""), self.version)
    }

    /// The blob in it: the name without `-vhd` at its end and without hyphens, `-`, the version, `.vhd`. A name without that
    /// ending gives the container's name and no `.vhd`.
    pub fn blob(&self) -> String {
        match self.artifact.strip_suffix(ENDING) {
            Some(stem) => format!("{}-{}.vhd", stem.replace('-', ""), self.version),
            None => self.container(),
        }
    }

    /// What is wrong with it: errors, and a warning where the blob gets no `.vhd`.
    pub fn check(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.check_version().into_iter().collect();
        // With another version the container would be another one.
        if faults.is_empty() {
            faults.extend(self.check_container());
        }
        faults.extend(self.check_form());
        faults
    }

    /// Is the version three numbers joined by hyphens?
    pub fn check_version(&self) -> Option<Fault> {
        let version = &self.version;
        if is_version(version, '-') {
            return None;
        }
        let hint = if is_version(version, '.') {
            format!(
                "disk images have hyphens where other artifacts have dots: write `{}`",
                version.replace('.', "-")
            )
        } else {
            "write three numbers joined by hyphens, such as `1-0-0`".to_owned()
        };
        Some(
            Fault::invalid(format!(
                "disk image {}: version `{version}` is not three numbers joined by hyphens",
                self.artifact
            ))
            .hint(hint),
        )
    }

    /// Is the container that follows from it one that a storage account takes? Of no interest where the service names it.
    pub fn check_container(&self) -> Option<Fault> {
        let container = self.container();
        let why = illegal(&container)?;
        Some(
            Fault::invalid(format!(
                "disk image {}: its container would be `{container}`, {why}",
                self.artifact
            ))
            .hint(format!(
                "an artifact name that would do: `{}`; containers have 3 to 63 lower-case letters, digits and single hyphens",
                self.that_would_do()
            )),
        )
    }

    /// Does the name end as AOSM expects it? A warning where it does not.
    pub fn check_form(&self) -> Option<Fault> {
        (!self.artifact.ends_with(ENDING)).then(|| {
            Fault::warning(format!(
                "disk image {}: its name does not end in `{ENDING}`, so its blob is called `{}`, without `.vhd`",
                self.artifact,
                self.blob()
            ))
            .hint(format!(
                "AOSM expects blobs that end in `.vhd`: call the artifact `{}`",
                self.that_would_do()
            ))
        })
    }

    /// The nearest name that gives a legal container and ends as it should.
    fn that_would_do(&self) -> String {
        let stem = self.artifact.strip_suffix(ENDING).unwrap_or(&self.artifact);
        let mut name = String::new();
        // Hyphens are free: they are not in the container's name.
        let room = CONTAINER
            .end()
            .saturating_sub(self.version.len() + 1 + ENDING.len() - 1);
        let mut used = 0;
        for c in stem.chars() {
            let c = c.to_ascii_lowercase();
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                if used == room {
                    break;
                }
                used += 1;
                name.push(c);
            } else if !name.is_empty() && !name.ends_with('-') {
                name.push('-');
            }
        }
        let name = name.trim_end_matches('-');
        format!("{}{ENDING}", if name.is_empty() { "disk" } else { name })
    }
}

/// Three numbers with this between them.
fn is_version(text: &str, between: char) -> bool {
    let mut count = 0;
    let numbers = text.split(between).all(|part| {
        count += 1;
        !part.is_empty() && part.len() <= 10 && part.bytes().all(|byte| byte.is_ascii_digit())
    });
    numbers && count == 3
}

/// Why a storage account does not take a container of this name.
fn illegal(container: &str) -> Option<String> {
    let length = container.chars().count();
    let bad = container
        .chars()
        .find(|c| !(c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '-'));
    if let Some(bad) = bad {
        Some(format!("and containers have no {bad:?} in their names"))
    } else if length < *CONTAINER.start() || length > *CONTAINER.end() {
        Some(format!("{length} characters long"))
    } else if container.starts_with('-') || container.ends_with('-') || container.contains("--") {
        Some("with a hyphen that is not between letters or digits".to_owned())
    } else {
        None
    }
}

impl std::fmt::Display for VhdName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.artifact, self.version)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]
    use super::*;

    fn name(artifact: &str, version: &str) -> VhdName {
        VhdName {
            artifact: artifact.into(),
            version: version.into(),
        }
    }

    #[test]
    fn containers_and_blobs_are_called_as_aosm_calls_them() {
        let table = [
            (
                "automated-cli-tests-vhd",
                "automatedclitestsvhd-1-0-0",
                "automatedclitests-1-0-0.vhd",
            ),
            ("ubuntu-vm-vhd", "ubuntuvmvhd-1-0-0", "ubuntuvm-1-0-0.vhd"),
            ("ubuntu-vm", "ubuntuvm-1-0-0", "ubuntuvm-1-0-0"),
            ("ubuntuvhd", "ubuntuvhd-1-0-0", "ubuntuvhd-1-0-0"),
            ("a-vhd-vhd", "avhdvhd-1-0-0", "avhd-1-0-0.vhd"),
        ];
        for (artifact, container, blob) in table {
            let name = name(artifact, "1-0-0");
            assert_eq!((name.container().as_str(), name.blob().as_str()), (container, blob));
        }
    }

    #[test]
    fn versions_are_three_numbers_joined_by_hyphens() {
        for version in ["1-0-0", "0-0-0", "10-20-3000"] {
            assert_eq!(name("a-vhd", version).check(), vec![], "{version}");
        }
        for (version, hint) in [
            ("1.0.0", "write `1-0-0`"),
            ("10.2.33", "write `10-2-33`"),
            ("1-0", "such as `1-0-0`"),
            ("1-0-0-0", "such as `1-0-0`"),
            ("1-0-", "such as `1-0-0`"),
            ("1--0", "such as `1-0-0`"),
            ("1-0-a", "such as `1-0-0`"),
            ("v1-0-0", "such as `1-0-0`"),
            ("", "such as `1-0-0`"),
            ("1-0-١", "such as `1-0-0`"),
        ] {
            let faults = name("a-vhd", version).check();
            assert_eq!(faults.len(), 1, "{version}: {faults:?}");
            let fault = faults.first().unwrap();
            assert!(
                fault.is_error() && fault.hint_text().unwrap().ends_with(hint),
                "{fault:?}"
            );
        }
    }

    #[test]
    fn containers_that_no_account_takes_are_errors_with_a_name_that_would_do() {
        let long = "a".repeat(60);
        let shorter = format!("`{}-vhd`", "a".repeat(54));
        let table = [
            ("Ubuntu-vhd", "'U'", "`ubuntu-vhd`"),
            ("ubuntu_22.04-vhd", "'_'", "`ubuntu-22-04-vhd`"),
            ("ünix-vhd", "'ü'", "`nix-vhd`"),
            (&long, "66 characters", &shorter),
            ("", "hyphen", "`disk-vhd`"),
            ("---", "hyphen", "`disk-vhd`"),
        ];
        for (artifact, why, good) in table {
            let name = name(artifact, "1-0-0");
            let fault = name.check_container().unwrap();
            assert!(fault.is_error() && fault.message().contains(why), "{fault:?}");
            assert!(fault.hint_text().unwrap().contains(good), "{fault:?}");
        }
    }

    #[test]
    fn a_name_that_is_proposed_would_do() {
        for seed in 0..2000_u64 {
            let noise = crate::vhd::test_images::noise(seed + 1, 100);
            let length = noise.first().map_or(0, |byte| usize::from(*byte) % 100);
            let artifact: String = noise.iter().take(length).map(|byte| char::from(*byte)).collect();
            let proposed = name(&name(&artifact, "1-0-0").that_would_do(), "1-0-0");
            assert_eq!(proposed.check(), vec![], "{artifact:?} gives {proposed}");
        }
    }

    #[test]
    fn a_name_without_the_ending_is_a_warning() {
        let faults = name("ubuntu", "1-0-0").check();
        assert_eq!(faults.len(), 1);
        let fault = faults.first().unwrap();
        assert!(
            !fault.is_error() && fault.message().contains("`ubuntu-1-0-0`"),
            "{fault:?}"
        );
        assert!(fault.hint_text().unwrap().contains("`ubuntu-vhd`"));
    }
}
