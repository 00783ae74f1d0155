//! Fields of an answer: those that must be there, told by their path when they are not, and those that may be.

use serde_json::Value;

/// A JSON value, and what it is of.
#[derive(Clone, Copy)]
pub struct Fields<'a>(pub &'a Value);

impl<'a> Fields<'a> {
    /// What is at a path of names with dots between.
    pub fn at(self, path: &str) -> Option<&'a Value> {
        path.split('.')
            .try_fold(self.0, |value, name| value.get(name))
            .filter(|value| !value.is_null())
    }

    /// A text that must be there and say something.
    pub fn text(self, path: &str) -> Result<String, String> {
        match self.at(path) {
            Some(Value::String(text)) if !text.trim().is_empty() => Ok(text.clone()),
            Some(Value::String(_)) => Err(format!("{path} is empty")),
            Some(_) => Err(format!("{path} is no text")),
            None => Err(format!("{path} is missing")),
        }
    }

    /// A text that may be there; of another type is an error.
    pub fn maybe(self, path: &str) -> Result<Option<String>, String> {
        match self.at(path) {
            None => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(format!("{path} is no text")),
        }
    }

    /// A list that must be there.
    pub fn list(self, path: &str) -> Result<&'a [Value], String> {
        match self.at(path) {
            Some(Value::Array(list)) => Ok(list),
            Some(_) => Err(format!("{path} is no list")),
            None => Err(format!("{path} is missing")),
        }
    }

    /// A list that may be left out.
    pub fn maybe_list(self, path: &str) -> Result<&'a [Value], String> {
        match self.at(path) {
            None => Ok(&[]),
            Some(_) => self.list(path),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    #[test]
    fn what_is_missing_or_of_another_type_is_named_by_its_path() {
        let value = serde_json::json!({"a": {"b": "x", "n": 7, "e": "", "z": null, "l": [1]}});
        let fields = Fields(&value);
        assert_eq!(fields.text("a.b").unwrap(), "x");
        assert_eq!(fields.text("a.c").unwrap_err(), "a.c is missing");
        assert_eq!(fields.text("a.z").unwrap_err(), "a.z is missing");
        assert_eq!(fields.text("a.n").unwrap_err(), "a.n is no text");
        assert_eq!(fields.text("a.e").unwrap_err(), "a.e is empty");
        assert_eq!(fields.maybe("a.c"), Ok(None));
        assert_eq!(fields.maybe("a.n").unwrap_err(), "a.n is no text");
        assert_eq!(fields.list("a.l").unwrap().len(), 1);
        assert_eq!(fields.list("a.b").unwrap_err(), "a.b is no list");
        assert_eq!(fields.maybe_list("a.q").unwrap().len(), 0);
    }
}
