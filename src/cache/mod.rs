//! The cache of pure steps, and the table of file stats.
//!
//! **What freshness means here.** A local step (`render`, `discover`, `package`) is a function of its *key document*: the
//! step, its revision, its parameters and the digests of its inputs. The key is the SHA-256 of that document, and the
//! document itself is kept as content under that very digest, so that "why did this run again?" is a diff of two
//! documents and can never disagree with the key. Never in a document: absolute paths, times, user, host, locale, job
//! count, credentials.
//!
//! **What may go wrong, and in which order things are written.** Contents first, then the action entry that names
//! them. Nothing is synced: an entry is verified when it is read, so a torn, cut or flipped file is a miss with one
//! warning, never an error and never wrongly fresh. Everything is immutable and named by content or key, so the caches
//! of two jobs merge by plain union of their files.
//!
//! The format is Bazel's disk cache: `ac/<2>/<64>` holds an `ActionResult` as proto3 JSON (Remote Execution API v2),
//! `cas/<2>/<64>` holds bytes; see `docs/formats.md`.

mod action;
mod cas;
mod disk;
mod key;
mod prune;
mod stat_entry;
mod stat_table;
mod survey;

pub use action::{ActionResult, Output};
pub use cas::Cas;
pub use disk::Cache;
pub use key::{KeyChange, KeyDocument};
pub use prune::{PruneLimits, PruneReport, prune};
pub use stat_table::StatTable;
pub use survey::{CacheSurvey, survey};
