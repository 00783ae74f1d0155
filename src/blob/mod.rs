//! Page blobs of a storage account, over the official client.
//!
//! The client never sees a signature: containers are named to it without their SAS, and the transport beneath it adds the
//! signature to each request as it goes out and takes out of every answer and error what could hold one.
//!
//! From the wire up: `carrier` (a request of the client out, its answer back, tries in between), `answer` and `denied` (what a
//! refusal means), `call` (one call of the client), `page_blob`, `ranges`, `lease` and `copying` (all that can be done),
//! `container` (what the containers of a run share). Beside them `sas` (what signatures say), `source` and `emulator` (who hands
//! them out), `scrub` (how they are kept off the screen), `remote` (a source of copies that is only read).

mod answer;
mod call;
mod carrier;
mod container;
mod copying;
mod denied;
mod emulator;
mod error;
mod lease;
mod metadata;
mod moment;
mod page_blob;
mod properties;
mod ranges;
mod remote;
mod sas;
mod scrub;
mod source;
#[cfg(test)]
pub(crate) mod tests;

pub use container::{Container, ContainerOptions, Containers, REQUESTS_AT_ONCE};
pub use emulator::{EmulatorSas, Grant};
pub use error::{BlobError, BlobErrorKind};
pub use lease::LEASE_SECONDS;
pub use page_blob::{PAGE, PageBlob, READ_LIMIT, WRITE_LIMIT};
pub use properties::{BlobKind, BlobProperties, Condition, CopyState, CopyStatus, Etag, Lease};
pub use remote::{Remote, RemoteFacts};
pub use sas::{ContainerAccess, Right, SasUrl};
pub use scrub::scrub;
pub use source::{FixedSas, SasSource, read_file, read_variable};
