//! Disk images and the stores that hold them, as the project names them. Nothing here holds a signature: only where one is found.

use camino::Utf8PathBuf;

use super::aosm_store::AosmStore;
use super::model::Spanned;
use crate::credentials::Secret;
use crate::vhd::VhdName;

/// How thoroughly a store's disk images are proven after they were put there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DiskProof {
    /// By size, type, page ranges and metadata.
    #[default]
    Quick,
    /// Everything is read back.
    Full,
}

/// What `[stores.NAME]` of kind `storage-account` says besides its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StorageAccount {
    /// A local emulator's account, `http://127.0.0.1:10000/devstoreaccount1`: containers are made there, signed with the key
    /// that every emulator has.
    pub emulator: Option<url::Url>,
    /// The artifact store of AOSM that it is behind: its artifact manifest grants the signatures. `None`, and no emulator: each
    /// disk image names the signature of its container.
    pub aosm: Option<AosmStore>,
    /// How thoroughly content is proven.
    pub verify: DiskProof,
    /// Set the MD5 property too.
    pub md5: bool,
    /// Requests at a time.
    pub parallel: usize,
}

/// What [`StorageAccount::parallel`] is, unless the project says otherwise.
pub const DISK_PARALLEL: usize = 8;

/// Where a disk image comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum VhdSource {
    /// A file; resolved, known to exist.
    File(Spanned<Utf8PathBuf>),
    /// The environment variable that holds a URL with its signature.
    UrlInVariable(Spanned<String>),
    /// A URL with its signature, as the input file of another tool has it.
    Url(Spanned<Secret>),
}

/// Where the signature (SAS) of a container is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SasPlace {
    /// In this environment variable.
    Variable(Spanned<String>),
    /// In this file; resolved. It need not be there before it is needed.
    File(Spanned<Utf8PathBuf>),
}

/// `[[vhds]]`, or the `vhd` of an input file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VhdConfig {
    /// Artifact name: part of step ids. No other disk image has it.
    pub name: Spanned<String>,
    /// Version: numbers joined by hyphens.
    pub version: Spanned<String>,
    /// Where it comes from.
    pub source: VhdSource,
    /// The signature of its container; `None`: its store is an emulator, or an artifact store of AOSM.
    pub sas: Option<SasPlace>,
    /// Position of its store among the project's; a store of kind `storage-account`.
    pub store: usize,
    /// The container, where one is named; else the one derived from the name.
    pub container: Option<Spanned<String>>,
}

impl VhdConfig {
    /// Name and version as one.
    pub fn vhd_name(&self) -> VhdName {
        VhdName {
            artifact: self.name.value.clone(),
            version: self.version.value.clone(),
        }
    }

    /// The container it is expected in: the one named, else the derived one.
    pub fn expected_container(&self) -> String {
        match &self.container {
            Some(container) => container.value.clone(),
            None => self.vhd_name().container(),
        }
    }
}
