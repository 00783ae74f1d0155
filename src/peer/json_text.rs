//! JSON as text, the same bytes each time: members in the order given, one to a line.
//!
//! The form is that of Python's `json.dumps(value, indent=4)`, which the Azure CLI extension uses: only ASCII, no line end after the
//! last bracket.

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Json {
    /// A text.
    Text(String),
    /// `true`, `false`, `null` or a number, as it is written.
    Raw(String),
    /// A list.
    List(Vec<Json>),
    /// An object.
    Object(Vec<(String, Json)>),
}

impl Json {
    /// An object of texts.
    pub(super) fn texts(members: &[(&str, &str)]) -> Self {
        let member = |(key, text): &(&str, &str)| ((*key).to_owned(), Self::Text((*text).to_owned()));
        Self::Object(members.iter().map(member).collect())
    }

    /// The text, with so many blanks for each level.
    pub(super) fn to_text(&self, indent: usize) -> String {
        let mut out = String::new();
        self.write(&mut out, indent, 0);
        out
    }

    fn write(&self, out: &mut String, indent: usize, level: usize) {
        match self {
            Self::Text(text) => quoted(out, text),
            Self::Raw(word) => out.push_str(word),
            Self::List(items) => {
                let each = |out: &mut String, item: &Self| item.write(out, indent, level + 1);
                block(out, ['[', ']'], items, indent, level, each);
            }
            Self::Object(members) => {
                let each = |out: &mut String, (key, value): &(String, Self)| {
                    quoted(out, key);
                    out.push_str(": ");
                    value.write(out, indent, level + 1);
                };
                block(out, ['{', '}'], members, indent, level, each);
            }
        }
    }
}

fn block<T>(
    out: &mut String,
    ends: [char; 2],
    items: &[T],
    indent: usize,
    level: usize,
    each: impl Fn(&mut String, &T),
) {
    let [open, close] = ends;
    out.push(open);
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        new_line(out, indent * (level + 1));
        each(out, item);
    }
    if !items.is_empty() {
        new_line(out, indent * level);
    }
    out.push(close);
}

fn new_line(out: &mut String, blanks: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n(' ', blanks));
}

fn quoted(out: &mut String, text: &str) {
    use std::fmt::Write as _;
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            ' '..='~' | '\u{7f}' => out.push(c),
            _ => {
                for unit in c.encode_utf16(&mut [0; 2]) {
                    // Writing to a text cannot fail.
                    let _ = write!(out, "\\u{unit:04x}");
                }
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_come_out_as_python_writes_them() {
        for (text, written) in [
            ("plain", r#""plain""#),
            ("a\"b\\c", r#""a\"b\\c""#),
            ("\n\r\t\u{8}\u{c}\u{1}", r#""\n\r\t\b\f\u0001""#),
            ("größe", r#""gr\u00f6\u00dfe""#),
            ("😀", r#""\ud83d\ude00""#),
            ("\u{7f}", "\"\u{7f}\""),
        ] {
            assert_eq!(Json::Text(text.to_owned()).to_text(4), written);
        }
    }

    #[test]
    fn blocks_are_indented_and_empty_ones_stay_on_their_line() {
        let value = Json::List(vec![
            Json::Object(vec![
                ("a".to_owned(), Json::Raw("true".to_owned())),
                ("b".to_owned(), Json::List(Vec::new())),
                ("c".to_owned(), Json::texts(&[("d", "e")])),
            ]),
            Json::Object(Vec::new()),
        ]);
        let written = "[\n    {\n        \"a\": true,\n        \"b\": [],\n        \"c\": {\n            \"d\": \"e\"\n        }\n    },\n    {}\n]";
        assert_eq!(value.to_text(4), written);
        assert_eq!(Json::List(Vec::new()).to_text(4), "[]");
    }
}
