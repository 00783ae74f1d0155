//! Where a value stands, in the syntax of Helm's `--set`, which is what AOSM's `registryValuesPaths` are.

use std::fmt;

use serde_json::{Map, Value};

/// One step down.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// A path from the root of the values.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(super) struct ValuesPath(pub Vec<Step>);

impl fmt::Display for ValuesPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, step) in self.0.iter().enumerate() {
            match step {
                Step::Index(index) => write!(f, "[{index}]")?,
                Step::Key(key) => {
                    if at > 0 {
                        f.write_str(".")?;
                    }
                    for c in key.chars() {
                        if matches!(c, '\\' | '.' | ',' | '[' | '=') {
                            f.write_str("\\")?;
                        }
                        write!(f, "{c}")?;
                    }
                }
            }
        }
        Ok(())
    }
}

impl ValuesPath {
    /// The path of something one step below.
    pub fn below(&self, step: Step) -> Self {
        let mut steps = self.0.clone();
        steps.push(step);
        Self(steps)
    }

    /// The nearest key, list indexes passed over.
    pub fn last_key(&self) -> &str {
        self.keys().next_back().unwrap_or_default()
    }

    /// The keys, list indexes passed over.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.0.iter().filter_map(|step| match step {
            Step::Key(key) => Some(key.as_str()),
            Step::Index(_) => None,
        })
    }

    /// Is it, or something above it, an item of a list?
    pub fn is_in_list(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Index(_)))
    }

    /// The path of the map or list that it stands in.
    pub fn parent(&self) -> Self {
        let mut steps = self.0.clone();
        steps.pop();
        Self(steps)
    }

    /// With slashes, as schema checks name it.
    pub fn slashed(&self) -> String {
        self.0.iter().fold(String::new(), |mut text, step| {
            text.push('/');
            match step {
                Step::Key(key) => text.push_str(key),
                Step::Index(index) => text.push_str(&index.to_string()),
            }
            text
        })
    }
}

/// The values file that gives these values at their paths. Lists are given whole, as Helm replaces lists: what else
/// stands in them comes from the effective values.
pub(super) fn overlay(effective: &Value, given: &[(&ValuesPath, Value)]) -> Value {
    let mut root = Value::Object(Map::new());
    for (path, value) in given {
        place(&mut root, Some(effective), &path.0, value);
    }
    root
}

fn place(slot: &mut Value, effective: Option<&Value>, steps: &[Step], value: &Value) {
    let Some((step, rest)) = steps.split_first() else {
        *slot = value.clone();
        return;
    };
    match step {
        Step::Key(key) => {
            if !slot.is_object() {
                *slot = Value::Object(Map::new());
            }
            if let Some(map) = slot.as_object_mut() {
                let below = map.entry(key.clone()).or_insert(Value::Null);
                place(below, effective.and_then(|value| value.get(key)), rest, value);
            }
        }
        Step::Index(index) => {
            if !slot.is_array() {
                *slot = effective.filter(|list| list.is_array()).cloned().unwrap_or_default();
            }
            if let Some(item) = slot.as_array_mut().and_then(|list| list.get_mut(*index)) {
                place(item, effective.and_then(|list| list.get(*index)), rest, value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn path(steps: &[&str]) -> ValuesPath {
        let step = |text: &&str| text.parse().map_or_else(|_| Step::Key((*text).to_owned()), Step::Index);
        ValuesPath(steps.iter().map(step).collect())
    }

    #[test]
    fn paths_are_written_as_set_reads_them() {
        assert_eq!(path(&["a", "b-c", "0", "d"]).to_string(), "a.b-c[0].d");
        assert_eq!(
            path(&["a.b/c", "x=y,[z", "w\\"]).to_string(),
            "a\\.b/c.x\\=y\\,\\[z.w\\\\"
        );
    }

    #[test]
    fn a_list_is_given_whole_and_a_map_in_part() {
        let effective = json!({"a": {"b": 1, "c": 2}, "l": [{"x": 1, "y": 2}, "z"]});
        let given = [(&path(&["a", "b"]), json!("A")), (&path(&["l", "0", "x"]), json!("X"))];
        assert_eq!(
            overlay(&effective, &given),
            json!({"a": {"b": "A"}, "l": [{"x": "X", "y": 2}, "z"]})
        );
    }

    #[test]
    fn an_item_that_is_not_there_is_left_out() {
        assert_eq!(
            overlay(&json!({"l": 5}), &[(&path(&["l", "3"]), json!("X"))]),
            json!({"l": null})
        );
    }
}
