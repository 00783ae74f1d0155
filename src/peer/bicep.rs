//! Bicep, as far as the Azure CLI extension writes it: parameters, and resources with literal values.
//!
//! This is no Bicep compiler and does not try to be one. [`parameters`] finds the declarations in any file; [`resources`] reads files of
//! the one generated shape, and refuses everything else with what it expected. Grammar: "Bicep file structure and syntax" of the
//! Bicep documentation.

mod parse;
mod tokens;

use crate::fault::Span;

pub(super) use parse::{Member, Parameter, Resource, Value, parameters, resources};

/// What a file has instead of what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Unexpected {
    /// What was expected, in words.
    pub(super) expected: String,
    /// What is there, in words.
    pub(super) found: String,
    /// Where.
    pub(super) span: Span,
}

#[cfg(test)]
mod tests;
