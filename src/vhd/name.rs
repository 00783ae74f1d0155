//! What a disk image is called: artifact name and version in AOSM, container and blob in the storage account.

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
        match self.artifact.strip_suffix("-vhd") {
            Some(stem) => format!("{}-{}.vhd", stem.replace('-', ""), self.version),
            None => self.container(),
        }
    }
}

impl std::fmt::Display for VhdName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}", self.artifact, self.version)
    }
}
