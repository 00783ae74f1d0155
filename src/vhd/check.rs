//! Is a file a disk image that Azure takes? Eight checks, in their order, each with what was found and the way to repair it.

use camino::Utf8Path;

use crate::fault::Fault;

/// One thing that is wrong with a disk image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// A stable word for it: `too-short`, `dynamic`, …
    pub code: &'static str,
    /// What is wrong and what was found.
    pub message: String,
    /// How to repair it: a command where there is one.
    pub repair: String,
}

/// Checks a file. Problems are not an error; a file that cannot be read is.
pub fn check_file(_path: &Utf8Path) -> Result<Vec<Problem>, Fault> {
    Err(Fault::bug("not built yet"))
}

/// The same from its length, its first bytes and its last 512: for an image that is read over the network.
/// `name` is what repair commands call it.
pub fn check_parts(_name: &str, _length: u64, _head: &[u8], _footer: &[u8]) -> Vec<Problem> {
    Vec::new()
}
