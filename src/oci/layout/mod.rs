//! OCI image layouts as places to read from: folders and, through [`super::oci_archive`] and
//! [`super::docker_archive`], tars (image-spec, image-layout.md).
//!
//! Everything read here is untrusted: index files and manifests are bounded in size and depth, blobs are only
//! found through a parsed [`crate::digest::Digest`] (so no path can escape), and nothing is ever unpacked.

mod archive_file;
mod archive_index;
mod catalog;
mod entry_name;
mod folder;
mod index;
mod pieces;
mod referrers;
mod stamp;
mod tar_scan;

#[cfg(test)]
pub(crate) mod test_images;
#[cfg(test)]
mod tests;

pub use archive_index::{ArchiveIndex, ArchiveSource};
pub use catalog::{Catalog, CatalogEntry};
pub use entry_name::EntryName;
pub use folder::{FolderContent, LayoutFolder, blob_path};
pub use index::{CONTAINERD_NAME, INDEX_LIMIT, LAYOUT_VERSION, LayoutIndex, REF_NAME, check_marker, read_folder_index};

pub(crate) use archive_file::{ArchiveFile, Extent};
pub(crate) use folder::manifest_by_digest;
pub(crate) use index::read_limited;
pub(crate) use pieces::Pieces;
pub(crate) use referrers::ReferrersMap;
pub(crate) use stamp::Stamp;
pub(crate) use tar_scan::{Member, MemberKind, ScanError};
