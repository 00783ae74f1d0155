//! Helm's `--set` syntax (Helm, `pkg/strvals`), read here so that values need not stand in the process list.
//!
//! `a.b[0].c=x,d={1,2}`: dots go down, `[n]` indexes a list, `{…}` is a list, a comma begins the next assignment, a
//! backslash takes the next character as it is. `true`, `false`, `null` (any case) and whole numbers have their types,
//! everything else is text. What Helm silently drops (an empty key, a key without `=`) is an error here.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::str::Chars;

/// Helm's own limits (`MaxNestedNameLevel`, `MaxIndex`).
const MAX_LEVEL: usize = 30;
const MAX_INDEX: usize = 65_536;

/// A value as `--set` types it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

/// One step of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    Key(String),
    Index(usize),
}

/// One assignment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Assign {
    pub path: Vec<Step>,
    pub value: Value,
}

impl Assign {
    /// The key at the root that it changes.
    pub fn top(&self) -> &str {
        match self.path.first() {
            Some(Step::Key(key)) => key,
            _ => "",
        }
    }

    /// Does it change an item of a list that may come from elsewhere?
    pub fn is_indexed(&self) -> bool {
        self.path.iter().any(|step| matches!(step, Step::Index(_)))
    }

    /// Its path in `--set` syntax.
    pub fn path_text(&self) -> String {
        let mut text = String::new();
        for step in &self.path {
            match step {
                Step::Key(key) => {
                    if !text.is_empty() {
                        text.push('.');
                    }
                    text.push_str(&escape(key, &['\\', '.', ',', '[', '=']));
                }
                Step::Index(index) => text.extend(["[", &index.to_string(), "]"]),
            }
        }
        text
    }
}

/// A text with a backslash before each of some characters.
pub(super) fn escape(text: &str, special: &[char]) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        if special.contains(&c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// Reads one `--set` text. Errors never quote a value: it may be a secret.
pub(super) fn parse(text: &str) -> Result<Vec<Assign>, String> {
    let mut input = Input {
        chars: text.chars().peekable(),
    };
    let mut assigns = Vec::new();
    while input.chars.peek().is_some() {
        assigns.push(input.assign()?);
    }
    Ok(assigns)
}

struct Input<'a> {
    chars: Peekable<Chars<'a>>,
}

impl Input<'_> {
    fn assign(&mut self) -> Result<Assign, String> {
        let mut path = Vec::new();
        let mut level = 0;
        loop {
            let (key, stop) = self.until(&['=', '[', ',', '.']);
            if key.is_empty() {
                return Err("a name in the key is empty".into());
            }
            path.push(Step::Key(key));
            match stop {
                Some('=') => break,
                Some('.') => {
                    level += 1;
                    if level > MAX_LEVEL {
                        return Err(format!("more than {MAX_LEVEL} names within each other"));
                    }
                }
                Some('[') => {
                    if self.indexes(&mut path)? == '=' {
                        break;
                    }
                }
                _ => return Err("a key without a value (a comma in a value needs a backslash before it)".into()),
            }
        }
        let value = self.value()?;
        Ok(Assign { path, value })
    }

    /// After a `[`: one or more indexes. Gives what ends them, `=` or `.`.
    fn indexes(&mut self, path: &mut Vec<Step>) -> Result<char, String> {
        loop {
            let (text, stop) = self.until(&[']']);
            if stop.is_none() {
                return Err("an index without its `]`".into());
            }
            let index: i64 = text.parse().map_err(|_| format!("{text:?} is not an index"))?;
            let index = usize::try_from(index).map_err(|_| "an index below zero".to_owned())?;
            if index > MAX_INDEX {
                return Err(format!("an index above {MAX_INDEX}"));
            }
            path.push(Step::Index(index));
            let (between, stop) = self.until(&['[', '.', '=']);
            if !between.is_empty() {
                return Err("something between `]` and what follows it".into());
            }
            match stop {
                Some('[') => {}
                Some(c) => return Ok(c),
                None => return Err("a key without a value".into()),
            }
        }
    }

    fn value(&mut self) -> Result<Value, String> {
        if self.chars.next_if_eq(&'{').is_none() {
            return Ok(typed(self.until(&[',']).0));
        }
        let mut items = Vec::new();
        loop {
            let (item, stop) = self.until(&[',', '}']);
            items.push(typed(item));
            match stop {
                Some('}') => {
                    self.chars.next_if_eq(&',');
                    return Ok(Value::List(items));
                }
                Some(_) => {}
                None => return Err("a list without its `}`".into()),
            }
        }
    }

    /// The text up to one of some characters, which is consumed; `None` at the end.
    fn until(&mut self, stops: &[char]) -> (String, Option<char>) {
        let mut text = String::new();
        while let Some(c) = self.chars.next() {
            if stops.contains(&c) {
                return (text, Some(c));
            }
            if c == '\\' {
                text.extend(self.chars.next());
            } else {
                text.push(c);
            }
        }
        (text, None)
    }
}

fn typed(text: String) -> Value {
    match text.to_ascii_lowercase().as_str() {
        "true" => return Value::Bool(true),
        "false" => return Value::Bool(false),
        "null" => return Value::Null,
        "0" => return Value::Int(0),
        _ => {}
    }
    // A leading zero makes it a text: telephone numbers, octal modes.
    if !text.starts_with('0')
        && let Ok(number) = text.parse::<i64>()
    {
        return Value::Int(number);
    }
    Value::Text(text)
}

/// Carries out an assignment on values.
pub(super) fn apply(values: &mut BTreeMap<String, Value>, assign: &Assign) -> Result<(), String> {
    let Some((Step::Key(key), rest)) = assign.path.split_first() else {
        return Err("a key must begin with a name".into());
    };
    put(values, key, rest, &assign.value)
}

fn put(values: &mut BTreeMap<String, Value>, key: &str, rest: &[Step], value: &Value) -> Result<(), String> {
    match rest.first() {
        None => {
            values.insert(key.to_owned(), value.clone());
            Ok(())
        }
        Some(Step::Key(next)) => {
            match values
                .entry(key.to_owned())
                .or_insert_with(|| Value::Map(BTreeMap::new()))
            {
                Value::Map(inner) => put(inner, next, rest.get(1..).unwrap_or_default(), value),
                _ => Err(format!("{key} is not a map, as an earlier `set` gave it a value")),
            }
        }
        Some(Step::Index(index)) => match values.entry(key.to_owned()).or_insert_with(|| Value::List(Vec::new())) {
            Value::List(items) => put_item(items, *index, rest.get(1..).unwrap_or_default(), value),
            _ => Err(format!("{key} is not a list, as an earlier `set` gave it a value")),
        },
    }
}

fn put_item(items: &mut Vec<Value>, index: usize, rest: &[Step], value: &Value) -> Result<(), String> {
    if items.len() <= index {
        items.resize(index.saturating_add(1), Value::Null);
    }
    let Some(slot) = items.get_mut(index) else {
        return Err("an index out of range".into());
    };
    match rest.first() {
        None => {
            *slot = value.clone();
            Ok(())
        }
        Some(Step::Key(key)) => {
            if !matches!(slot, Value::Map(_)) {
                *slot = Value::Map(BTreeMap::new());
            }
            match slot {
                Value::Map(inner) => put(inner, key, rest.get(1..).unwrap_or_default(), value),
                _ => Ok(()),
            }
        }
        Some(Step::Index(next)) => {
            if *slot == Value::Null {
                *slot = Value::List(Vec::new());
            }
            match slot {
                Value::List(inner) => put_item(inner, *next, rest.get(1..).unwrap_or_default(), value),
                _ => Err(format!(
                    "item {index} is not a list, as an earlier `set` gave it a value"
                )),
            }
        }
    }
}

impl Value {
    /// As JSON, which is YAML.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Text(value) => value.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(entries) => entries
                .iter()
                .map(|(key, value)| (key.clone(), value.to_json()))
                .collect(),
        }
    }

    /// The first whole number that a values file could not give exactly, if there is one.
    pub fn unexpressible(&self) -> bool {
        match self {
            // Values files turn numbers into floats, and Go prints those of a million and more as `1e+06`.
            Self::Int(value) => value.unsigned_abs() >= 1_000_000,
            Self::List(items) => items.iter().any(Self::unexpressible),
            Self::Map(entries) => entries.values().any(Self::unexpressible),
            Self::Null | Self::Bool(_) | Self::Text(_) => false,
        }
    }
}
