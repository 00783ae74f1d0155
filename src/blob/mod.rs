//! Page blobs of a storage account, over the official client.
//!
//! The client never sees a signature: containers are named to it without their SAS, and the transport beneath it adds the
//! signature to each request as it goes out and takes out of every answer and error what could hold one.

mod container;
mod error;
mod page_blob;
mod sas;

pub use container::{Container, Containers};
pub use error::{BlobError, BlobErrorKind};
pub use page_blob::{BlobKind, BlobProperties, Condition, CopyState, CopyStatus, Etag, Lease, PageBlob};
pub use sas::{ContainerAccess, FixedSas, Right, SasSource, SasUrl};
