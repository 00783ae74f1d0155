//! `aosm.lock`. (Placeholder until the branch is merged.)
/// A change.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct LockChange {}
impl LockChange {
    /// In words.
    pub fn words(&self) -> String {
        String::new()
    }
}
