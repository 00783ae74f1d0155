//! What the `artifact` commands say to people.

mod discovered;
mod going;
mod lists;
mod shown;

pub use discovered::{discover_table, discover_tree};
pub use going::{copied, deletion};
pub use lists::{manifests_list, repositories_list, tags_list};
pub use shown::artifact;

use super::diagnostic::printable;

/// Words in columns, two blanks between them; nothing is padded in the last one.
pub(super) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let widths: Vec<usize> = (0..count)
        .map(|at| {
            rows.iter()
                .filter_map(|row| row.get(at))
                .map(|cell| cell.chars().count())
                .max()
                .unwrap_or(0)
        })
        .collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (at, (cell, width)) in row.iter().zip(&widths).enumerate() {
            line.push_str(cell);
            if at + 1 < row.len() {
                line.push_str(&" ".repeat(width.saturating_sub(cell.chars().count()) + 2));
            }
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// A text of others, on one line.
fn word(text: &str) -> String {
    printable(text)
}
