//! The one file that knows the YAML crate: text in, trees with line numbers out.
//!
//! Invariants: parsing uses no recursion, so nesting cannot overflow the stack; depth, node count and size are
//! bounded; aliases share nodes instead of copying them, so an alias bomb costs nothing here (walkers bound what
//! they visit); a broken document keeps the trees of documents before it. Merge keys (`<<`) are resolved, of
//! duplicate keys the last one wins with a note: both as Helm's own YAML reader does it.

use std::borrow::Cow;
use std::collections::HashMap;

use granit_parser::{Event, Parser, ScalarStyle, Tag};

/// Deepest nesting of mappings and sequences. The deepest public custom resource definitions stay below 80.
pub(super) const MAX_DEPTH: usize = 200;
/// Most nodes of one document, merged entries included.
const MAX_NODES: usize = 500_000;
/// Largest document in bytes: ten times what Kubernetes itself stores in one object.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most notes kept of one document.
const MAX_NOTES: usize = 50;

/// Index of a node in its tree.
pub(super) type NodeId = usize;

/// One YAML document.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    nodes: Vec<Node<'a>>,
    /// The outermost node; `None` for an empty document.
    pub(super) root: Option<NodeId>,
    /// Harmless oddities, in the order found.
    pub(super) notes: Vec<Note>,
}

/// Something odd that YAML readers of Kubernetes accept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Note {
    /// Line, counted as in the text given to [`parse`] plus its first line.
    pub(super) line: u64,
    /// What is odd.
    pub(super) oddity: Oddity,
}

/// What is odd.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Oddity {
    /// A key that was there before in the same mapping; the last one counts.
    DuplicateKey(String),
    /// A mapping or sequence used as a key; the entry is skipped.
    ComplexKey,
    /// `<<` with something else than mappings.
    BadMerge,
}

/// A broken document.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Broken {
    /// Line of the fault.
    pub(super) line: u64,
    /// What is wrong; never holds text of the document.
    pub(super) message: String,
}

/// A value and where it starts.
#[derive(Debug)]
pub(super) struct Node<'a> {
    /// The value.
    pub(super) value: Value<'a>,
    /// Line of its first character; of block scalars the first line that is not blank.
    pub(super) line: u64,
    /// False while its end has not been read.
    closed: bool,
}

/// What a node holds.
#[derive(Debug)]
pub(super) enum Value<'a> {
    /// Text, number, boolean, null.
    Scalar(Scalar<'a>),
    /// A list.
    Sequence(Vec<NodeId>),
    /// A map; keys are unique.
    Mapping(Vec<(Cow<'a, str>, NodeId)>),
}

/// A scalar as written.
#[derive(Debug)]
pub(super) struct Scalar<'a> {
    /// The text after YAML's own unescaping.
    pub(super) text: Cow<'a, str>,
    style: ScalarStyle,
    tagged_text: bool,
}

/// What a scalar means to Kubernetes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ScalarKind {
    /// A string.
    Text,
    /// Nothing.
    Null,
    /// A boolean (YAML 1.1 spellings included, as Helm's reader has it).
    Boolean,
    /// A number.
    Number,
}

impl Scalar<'_> {
    /// What it means: quotes, block style and `!!str` make a string of anything.
    pub(super) fn kind(&self) -> ScalarKind {
        if self.tagged_text || self.style != ScalarStyle::Plain {
            return ScalarKind::Text;
        }
        match self.text.as_ref() {
            "" | "~" | "null" | "Null" | "NULL" => ScalarKind::Null,
            "true" | "True" | "TRUE" | "false" | "False" | "FALSE" | "yes" | "Yes" | "YES" | "no" | "No" | "NO"
            | "on" | "On" | "ON" | "off" | "Off" | "OFF" => ScalarKind::Boolean,
            text if is_number(text) => ScalarKind::Number,
            _ => ScalarKind::Text,
        }
    }

    /// Where a line of a multi-line text (counted from 0) stands, given the line of its node. Lines of `|` texts
    /// stand one for one in the document; those of other styles are folded, so the node's own line must do.
    pub(super) fn inner_line(&self, node_line: u64, inner: usize) -> u64 {
        if self.style != ScalarStyle::Literal {
            return node_line;
        }
        let blank = self.text.bytes().take_while(|b| *b == b'\n').count();
        (node_line + inner as u64).saturating_sub(blank as u64).max(1)
    }
}

fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['-', '+']);
    digits.starts_with(|c: char| c.is_ascii_digit() || c == '.')
        && (digits.parse::<f64>().is_ok()
            || digits
                .strip_prefix("0x")
                .is_some_and(|hex| u128::from_str_radix(hex, 16).is_ok())
            || digits
                .strip_prefix("0o")
                .is_some_and(|octal| u128::from_str_radix(octal, 8).is_ok()))
}

impl<'a> Tree<'a> {
    /// A node. Ids come from this tree only; a foreign one gives `None`.
    pub(super) fn node(&self, id: NodeId) -> Option<&Node<'a>> {
        self.nodes.get(id)
    }

    /// The value of a key of a mapping.
    pub(super) fn get(&self, id: NodeId, key: &str) -> Option<NodeId> {
        self.entries(id).iter().find(|(k, _)| k == key).map(|(_, value)| *value)
    }

    /// The entries of a mapping; none for anything else.
    pub(super) fn entries(&self, id: NodeId) -> &[(Cow<'a, str>, NodeId)] {
        match self.node(id).map(|n| &n.value) {
            Some(Value::Mapping(entries)) => entries,
            _ => &[],
        }
    }

    /// The items of a sequence; none for anything else.
    pub(super) fn items(&self, id: NodeId) -> &[NodeId] {
        match self.node(id).map(|n| &n.value) {
            Some(Value::Sequence(items)) => items,
            _ => &[],
        }
    }

    /// The scalar at a node.
    pub(super) fn scalar(&self, id: NodeId) -> Option<&Scalar<'a>> {
        match self.node(id).map(|n| &n.value) {
            Some(Value::Scalar(scalar)) => Some(scalar),
            _ => None,
        }
    }

    /// The text of a string at a node; `None` for null, numbers and booleans too.
    pub(super) fn text(&self, id: NodeId) -> Option<&str> {
        self.scalar(id)
            .filter(|s| s.kind() == ScalarKind::Text)
            .map(|s| s.text.as_ref())
    }

    /// The text of the string under a key of a mapping.
    pub(super) fn text_at(&self, id: NodeId, key: &str) -> Option<&str> {
        self.text(self.get(id, key)?)
    }

    /// The line of a node; 0 for a foreign id.
    pub(super) fn line(&self, id: NodeId) -> u64 {
        self.node(id).map_or(0, |n| n.line)
    }
}

/// Reads all documents of a text whose first line has the number `first_line`. A fault ends the reading; what came
/// before it is kept.
pub(super) fn parse(text: &str, first_line: u64) -> (Vec<Tree<'_>>, Option<Broken>) {
    let mut trees = Vec::new();
    if text.len() > MAX_BYTES {
        let message = format!("the document has {} bytes, more than {MAX_BYTES}", text.len());
        return (
            trees,
            Some(Broken {
                line: first_line,
                message,
            }),
        );
    }
    let options = granit_parser::options! {
        emit_comments: false,
        flow_nesting_limit: MAX_DEPTH,
        block_nesting_limit: MAX_DEPTH,
    };
    let at = |line: usize| first_line + (line as u64).saturating_sub(1);
    let mut builder = Builder::default();
    for event in Parser::new_from_str_with_options(text, options) {
        let outcome = match event {
            Ok((Event::DocumentEnd, _)) => {
                trees.push(std::mem::take(&mut builder).finish());
                Ok(())
            }
            Ok((event, span)) => {
                let line = at(span.start.line());
                builder.take(event, line).map_err(|message| Broken {
                    line,
                    message: message.to_owned(),
                })
            }
            Err(error) => Err(Broken {
                line: at(error.marker().line()),
                message: describe(&error),
            }),
        };
        if let Err(broken) = outcome {
            return (trees, Some(broken));
        }
    }
    (trees, None)
}

/// The crate's words, except where they would not help.
fn describe(error: &granit_parser::ScanError) -> String {
    match error.kind() {
        granit_parser::ErrorKind::RecursionLimitExceeded => TOO_DEEP.to_owned(),
        _ => error.info(),
    }
}

const TOO_DEEP: &str = "nested more than 200 levels deep";
const TOO_MANY: &str = "more than 500000 nodes in one document";

/// A collection whose end has not been read.
enum Open<'a> {
    Sequence {
        id: NodeId,
        items: Vec<NodeId>,
    },
    Mapping {
        id: NodeId,
        entries: Vec<Written<'a>>,
        key: Option<Key<'a>>,
        merges: Vec<NodeId>,
    },
}

/// An entry as written, duplicates included.
struct Written<'a> {
    key: Cow<'a, str>,
    value: NodeId,
    line: u64,
}

enum Key<'a> {
    Text(Cow<'a, str>, u64),
    Merge(u64),
    Complex(u64),
}

/// Builds one tree from parser events, with a stack of its own.
#[derive(Default)]
struct Builder<'a> {
    nodes: Vec<Node<'a>>,
    root: Option<NodeId>,
    notes: Vec<Note>,
    open: Vec<Open<'a>>,
    anchors: HashMap<usize, NodeId>,
    merged: usize,
}

impl<'a> Builder<'a> {
    fn finish(self) -> Tree<'a> {
        Tree {
            nodes: self.nodes,
            root: self.root,
            notes: self.notes,
        }
    }

    fn take(&mut self, event: Event<'a>, line: u64) -> Result<(), &'static str> {
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                let tagged = tag.as_deref();
                if anchor == 0 && self.wants_key() {
                    let merge =
                        style == ScalarStyle::Plain && text == "<<" && tagged.is_none_or(|t| is_core(t, "merge"));
                    self.set_key(if merge { Key::Merge(line) } else { Key::Text(text, line) });
                    return Ok(());
                }
                // Text tagged as binary is no image either way; `!!str` makes a string of a number.
                let tagged_text = tagged.is_some_and(|t| is_core(t, "str"));
                let id = self.add(
                    Value::Scalar(Scalar {
                        text,
                        style,
                        tagged_text,
                    }),
                    line,
                    true,
                    anchor,
                )?;
                self.place(id, line)
            }
            Event::Alias(anchor) => {
                let id = *self.anchors.get(&anchor).ok_or("an alias without its anchor")?;
                if !self.nodes.get(id).is_some_and(|n| n.closed) {
                    return Err("an alias that refers to what it is part of");
                }
                self.place(id, line)
            }
            Event::SequenceStart(_, anchor, _) => {
                let id = self.start(Value::Sequence(Vec::new()), line, anchor)?;
                self.open.push(Open::Sequence { id, items: Vec::new() });
                Ok(())
            }
            Event::MappingStart(_, anchor, _) => {
                let id = self.start(Value::Mapping(Vec::new()), line, anchor)?;
                self.open.push(Open::Mapping {
                    id,
                    entries: Vec::new(),
                    key: None,
                    merges: Vec::new(),
                });
                Ok(())
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(line),
            _ => Ok(()),
        }
    }

    fn start(&mut self, value: Value<'a>, line: u64, anchor: usize) -> Result<NodeId, &'static str> {
        if self.open.len() >= MAX_DEPTH {
            return Err(TOO_DEEP);
        }
        self.add(value, line, false, anchor)
    }

    fn add(&mut self, value: Value<'a>, line: u64, closed: bool, anchor: usize) -> Result<NodeId, &'static str> {
        if self.nodes.len() + self.merged >= MAX_NODES {
            return Err(TOO_MANY);
        }
        let id = self.nodes.len();
        self.nodes.push(Node { value, line, closed });
        if anchor != 0 {
            self.anchors.insert(anchor, id);
        }
        Ok(id)
    }

    fn end(&mut self, line: u64) -> Result<(), &'static str> {
        let (id, value) = match self.open.pop() {
            Some(Open::Sequence { id, items }) => (id, Value::Sequence(items)),
            Some(Open::Mapping {
                id, entries, merges, ..
            }) => (id, Value::Mapping(self.close_mapping(entries, &merges)?)),
            None => return Err("an end without a start"),
        };
        if let Some(node) = self.nodes.get_mut(id) {
            node.value = value;
            node.closed = true;
        }
        self.place(id, line)
    }

    fn wants_key(&self) -> bool {
        matches!(self.open.last(), Some(Open::Mapping { key: None, .. }))
    }

    fn set_key(&mut self, new: Key<'a>) {
        if let Some(Open::Mapping { key, .. }) = self.open.last_mut() {
            *key = Some(new);
        }
    }

    /// Puts a finished node where its parent wants it: as the root, an item, a key or a value.
    fn place(&mut self, id: NodeId, line: u64) -> Result<(), &'static str> {
        if self.wants_key() {
            let key = match self.nodes.get(id).map(|n| &n.value) {
                Some(Value::Scalar(scalar)) => Key::Text(scalar.text.clone(), line),
                _ => Key::Complex(line),
            };
            self.set_key(key);
            return Ok(());
        }
        let mut note = None;
        match self.open.last_mut() {
            None => self.root = Some(id),
            Some(Open::Sequence { items, .. }) => items.push(id),
            Some(Open::Mapping {
                entries, key, merges, ..
            }) => match key.take() {
                Some(Key::Text(key, line)) => entries.push(Written { key, value: id, line }),
                Some(Key::Complex(line)) => {
                    note = Some(Note {
                        line,
                        oddity: Oddity::ComplexKey,
                    });
                }
                Some(Key::Merge(line)) => match self.nodes.get(id).map(|n| &n.value) {
                    Some(Value::Mapping(_)) => merges.push(id),
                    Some(Value::Sequence(items)) => merges.extend(items),
                    _ => {
                        note = Some(Note {
                            line,
                            oddity: Oddity::BadMerge,
                        });
                    }
                },
                None => return Err("a value without a key"),
            },
        }
        self.note(note);
        Ok(())
    }

    fn note(&mut self, note: Option<Note>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.extend(note);
        }
    }

    /// Last of duplicate keys wins; merged entries count only where the mapping has no such key, earlier sources first.
    fn close_mapping(
        &mut self,
        written: Vec<Written<'a>>,
        merges: &[NodeId],
    ) -> Result<Vec<(Cow<'a, str>, NodeId)>, &'static str> {
        let mut entries: Vec<(Cow<'a, str>, NodeId)> = Vec::with_capacity(written.len());
        let mut index: HashMap<Cow<'a, str>, usize> = HashMap::new();
        for Written { key, value, line } in written {
            if let Some(earlier) = index.get(&key).and_then(|at| entries.get_mut(*at)) {
                earlier.1 = value;
                self.note(Some(Note {
                    line,
                    oddity: Oddity::DuplicateKey(key.into_owned()),
                }));
            } else {
                index.insert(key.clone(), entries.len());
                entries.push((key, value));
            }
        }
        for source in merges {
            let Some(Value::Mapping(more)) = self.nodes.get(*source).map(|n| &n.value) else {
                let line = self.nodes.get(*source).map_or(0, |n| n.line);
                self.note(Some(Note {
                    line,
                    oddity: Oddity::BadMerge,
                }));
                continue;
            };
            self.merged += more.len();
            if self.nodes.len() + self.merged >= MAX_NODES {
                return Err(TOO_MANY);
            }
            for (key, value) in more {
                if !index.contains_key(key) {
                    index.insert(key.clone(), entries.len());
                    entries.push((key.clone(), *value));
                }
            }
        }
        Ok(entries)
    }
}

fn is_core(tag: &Tag, suffix: &str) -> bool {
    tag.is_yaml_core_schema_tag(suffix)
}

#[cfg(test)]
#[path = "yaml_tests.rs"]
mod tests;
