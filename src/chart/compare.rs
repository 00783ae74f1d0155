//! Do two chart archives hold the same files? Archives of one chart differ by who packed it, in times, order and
//! compression; what Helm installs does not.

use std::collections::BTreeMap;

use camino::Utf8Path;

use super::load::is_packed;
use super::yaml::{At, Node, parse};
use crate::archive::{Limits, read_all};
use crate::fault::Fault;

/// True when both archives hold the same names with the same bytes. `Chart.yaml` and `Chart.lock` are compared by what
/// they say, as Helm writes them anew when it packs; a chart's own `charts/x-1.0.0.tgz` equals the folder `charts/x/`
/// that Helm makes of it.
pub fn same_files(a: &[u8], b: &[u8]) -> Result<bool, Fault> {
    if a == b {
        return Ok(true);
    }
    let (a, b) = (files(a, "the archive here", 0)?, files(b, "the archive there", 0)?);
    if a.len() != b.len() {
        return Ok(false);
    }
    Ok(a.iter().zip(&b).all(|((name_a, bytes_a), (name_b, bytes_b))| {
        name_a == name_b && (bytes_a == bytes_b || (is_rewritten(name_a) && says_the_same(bytes_a, bytes_b)))
    }))
}

type Files = BTreeMap<String, Vec<u8>>;

/// Archives within archives within archives: Helm has no limit, charts have one or two.
const MAX_NESTING: usize = 8;

fn files(bytes: &[u8], label: &str, nesting: usize) -> Result<Files, Fault> {
    let mut files = Files::new();
    for (name, content) in read_all(bytes, Utf8Path::new(label), &Limits::CHART)? {
        // Helm drops a byte-order mark of any file as it reads.
        let content = content
            .strip_prefix(b"\xef\xbb\xbf")
            .map(<[u8]>::to_vec)
            .unwrap_or(content);
        let Some(inner) = name.split_first().1 else {
            files.insert(name.to_string(), content);
            continue;
        };
        let packed = inner.strip_prefix("charts/").filter(|rest| is_packed(rest));
        match packed {
            Some(_) if nesting < MAX_NESTING => {
                let top = top_folder(&content, label)?;
                for (below, content) in self::files(&content, label, nesting + 1)? {
                    files.insert(format!("charts/{top}/{below}"), content);
                }
            }
            _ => drop(files.insert(inner.to_owned(), content)),
        }
    }
    Ok(files)
}

fn top_folder(bytes: &[u8], label: &str) -> Result<String, Fault> {
    let mut top = String::new();
    crate::archive::for_each_entry(bytes, Utf8Path::new(label), &Limits::CHART, &mut |entry| {
        entry.name.split_first().0.clone_into(&mut top);
        Ok(std::ops::ControlFlow::Break(()))
    })?;
    Ok(top)
}

fn is_rewritten(name: &str) -> bool {
    matches!(name.rsplit('/').next(), Some("Chart.yaml" | "Chart.lock"))
}

fn says_the_same(a: &[u8], b: &[u8]) -> bool {
    let read = |bytes: &[u8]| parse(std::str::from_utf8(bytes).ok()?).ok();
    match (read(a), read(b)) {
        (Some(a), Some(b)) => equal(&a, &b),
        _ => false,
    }
}

/// Equal values, whatever their order of keys and their spelling; keys that say nothing do not count, as Helm leaves
/// them out when it writes.
fn equal(a: &At, b: &At) -> bool {
    match (&a.node, &b.node) {
        (Node::Map(left), Node::Map(right)) => {
            let side = |this: &[(String, At)], that: &At| {
                this.iter()
                    .filter(|(_, value)| !says_nothing(&value.node))
                    .all(|(key, value)| that.get(key).is_some_and(|other| equal(value, other)))
            };
            side(left, b) && side(right, a)
        }
        (Node::List(left), Node::List(right)) => {
            left.len() == right.len() && left.iter().zip(right).all(|(left, right)| equal(left, right))
        }
        (left, right) => match (left.text(), right.text()) {
            (Some(left), Some(right)) => left == right,
            _ => false,
        },
    }
}

fn says_nothing(node: &Node) -> bool {
    match node {
        Node::Null | Node::Bool(false) => true,
        Node::Text(text) => text.is_empty(),
        Node::List(items) => items.is_empty(),
        Node::Map(entries) => entries.is_empty(),
        Node::Bool(true) | Node::Int(_) | Node::Float(_) => false,
    }
}
