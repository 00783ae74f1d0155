//! Visiting every node of a tree, with its path. No recursion; visits and depth are bounded, because aliases let a
//! small text stand for a huge tree.

use super::pointer::{self, Step};
use super::yaml::{NodeId, Scalar, Tree, Value};

/// Most nodes visited in one document, aliases counted as often as they are met.
pub(super) const MAX_VISITS: usize = 600_000;
/// Deepest path, aliases followed.
const MAX_PATH: usize = 1_000;

/// What one text is within another: where its own positions lie in the rendered text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Inside<'t> {
    /// Pointer of the outer text and `#`.
    pub(super) base: &'t str,
    /// The outer text.
    pub(super) scalar: &'t Scalar<'t>,
    /// Its line.
    pub(super) line: u64,
}

/// One node on the way.
#[derive(Debug)]
pub(super) struct Here<'w, 't> {
    /// The tree it is in.
    pub(super) tree: &'t Tree<'t>,
    /// The node.
    pub(super) id: NodeId,
    /// Its parent; `None` for the start.
    pub(super) parent: Option<NodeId>,
    /// The steps from the start.
    pub(super) path: &'w [Step<'t>],
    /// The text that the whole tree stands in, if it does.
    pub(super) inside: Option<Inside<'t>>,
}

impl<'t> Here<'_, 't> {
    /// The pointer of this node.
    pub(super) fn pointer(&self) -> String {
        pointer::render(self.inside.map_or("", |i| i.base), self.path)
    }

    /// The pointer of something below this node.
    pub(super) fn pointer_to(&self, below: &[Step<'_>]) -> String {
        pointer::render(&self.pointer(), below)
    }

    /// The line in the rendered text of a node of this tree.
    pub(super) fn line_of(&self, id: NodeId) -> u64 {
        let line = self.tree.line(id);
        match self.inside {
            Some(inside) => inside
                .scalar
                .inner_line(inside.line, usize::try_from(line).unwrap_or(1).saturating_sub(1)),
            None => line,
        }
    }

    /// The key this node stands under; `None` for items of sequences.
    pub(super) fn key(&self) -> Option<&'t str> {
        self.path.last().and_then(|step| step.key())
    }

    /// The key `above` steps before the last step of the path: 0 is the last.
    pub(super) fn key_above(&self, above: usize) -> Option<&'t str> {
        let at = self.path.len().checked_sub(above + 1)?;
        self.path.get(at).and_then(|step| step.key())
    }

    /// True when the path leads through one of these keys.
    pub(super) fn is_below(&self, keys: &[&str]) -> bool {
        self.path
            .iter()
            .any(|step| step.key().is_some_and(|key| keys.contains(&key)))
    }
}

/// The bounds were met: the tree was not visited in whole.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

/// Visits a node and all below it, parents first, in the order written. `budget` is what may still be visited.
pub(super) fn walk<'t>(
    tree: &'t Tree<'t>,
    root: NodeId,
    inside: Option<Inside<'t>>,
    budget: &mut usize,
    mut visit: impl FnMut(&Here<'_, 't>),
) -> Result<(), TooMuch> {
    let mut path: Vec<Step<'t>> = Vec::new();
    let mut open: Vec<(NodeId, usize)> = vec![(root, 0)];
    visit(&Here {
        tree,
        id: root,
        parent: None,
        path: &path,
        inside,
    });
    while let Some((id, next)) = open.last_mut() {
        let (parent, index) = (*id, *next);
        *next += 1;
        let child = match tree.node(parent).map(|n| &n.value) {
            Some(Value::Sequence(items)) => items.get(index).map(|child| (Step::Index(index), *child)),
            Some(Value::Mapping(entries)) => entries.get(index).map(|(key, child)| (Step::Key(key.as_ref()), *child)),
            _ => None,
        };
        let Some((step, child)) = child else {
            open.pop();
            path.pop();
            continue;
        };
        *budget = budget.checked_sub(1).ok_or(TooMuch)?;
        if path.len() >= MAX_PATH {
            return Err(TooMuch);
        }
        path.push(step);
        visit(&Here {
            tree,
            id: child,
            parent: Some(parent),
            path: &path,
            inside,
        });
        open.push((child, 0));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]
    #![allow(
        clippy::format_push_string,
        reason = "test texts are built for reading, not for speed"
    )]
    use super::super::yaml::parse;
    use super::*;

    #[test]
    fn every_node_is_visited_once_with_its_path() {
        let (trees, _) = parse("a: [x, {b/c: y}]\nd: z\n", 1);
        let mut seen = Vec::new();
        let mut budget = 100;
        walk(&trees[0], trees[0].root.unwrap(), None, &mut budget, |here| {
            seen.push(here.pointer());
        })
        .unwrap();
        assert_eq!(seen, ["", "/a", "/a/0", "/a/1", "/a/1/b~1c", "/d"]);
        assert_eq!(budget, 95);
    }

    #[test]
    fn an_alias_bomb_meets_the_bound() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x]\n");
        for n in 1..30 {
            let last = n - 1;
            text += &format!("a{n}: &a{n} [*a{last}, *a{last}, *a{last}, *a{last}]\n");
        }
        let (trees, _) = parse(&text, 1);
        let mut budget = 10_000;
        assert_eq!(
            walk(&trees[0], trees[0].root.unwrap(), None, &mut budget, |_| ()),
            Err(TooMuch)
        );
    }

    #[test]
    fn depth_through_aliases_is_bounded_too() {
        // Each anchor nests the one before: the text stays flat while the tree gets 3,000 deep.
        let mut text = String::from("- &a0 x\n");
        for n in 1..3000 {
            text += &format!("- &a{n} [*a{}]\n", n - 1);
        }
        let (trees, _) = parse(&text, 1);
        let mut budget = usize::MAX;
        assert_eq!(
            walk(&trees[0], trees[0].root.unwrap(), None, &mut budget, |_| ()),
            Err(TooMuch)
        );
    }
}
