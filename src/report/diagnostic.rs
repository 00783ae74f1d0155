//! Placeholder until merged.
use crate::fault::Fault;
/// How to draw.
#[derive(Debug, Clone, Copy)]
pub struct Style {
    /// c
    pub color: bool,
    /// u
    pub unicode: bool,
    /// w
    pub width: usize,
}
/// Draws.
pub fn render(fault: &Fault, _style: Style) -> String {
    fault.to_string()
}
