//! A Bicep file as tokens. Nothing is refused here: what is not known is a mark, and the parser says what it makes of it.

use crate::fault::Span;

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// A name, a keyword or a number.
    Word(String),
    /// A text in quotes, without anything computed in it.
    Text(String),
    /// A text with `${…}` in it, or one that never ends.
    Computed,
    /// Any other character.
    Mark(char),
    /// The end of a line.
    Line,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) kind: Kind,
    pub(super) span: Span,
}

/// All tokens of a file, without comments and blanks.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut reader = Reader { text, at: 0 };
    let mut all = Vec::new();
    while let Some(c) = reader.peek() {
        let start = reader.at;
        let kind = match c {
            '\n' => {
                reader.bump();
                Some(Kind::Line)
            }
            _ if c.is_whitespace() => {
                reader.bump();
                None
            }
            '/' if reader.rest().starts_with("//") => {
                reader.skip_to("\n", false);
                None
            }
            '/' if reader.rest().starts_with("/*") => {
                reader.skip_to("*/", true);
                None
            }
            '\'' => Some(reader.quoted()),
            _ if c.is_ascii_alphanumeric() || c == '_' => Some(reader.word()),
            _ => {
                reader.bump();
                Some(Kind::Mark(c))
            }
        };
        if let Some(kind) = kind {
            all.push(Token {
                kind,
                span: start..reader.at,
            });
        }
    }
    all
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn bump(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    /// To the next place of a text, or to the end; `past`: behind it.
    fn skip_to(&mut self, what: &str, past: bool) {
        let found = self.rest().find(what);
        self.at += match found {
            Some(at) if past => at + what.len(),
            Some(at) => at,
            None => self.rest().len(),
        };
    }

    fn word(&mut self) -> Kind {
        let end = self
            .rest()
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(self.rest().len());
        let word = self.rest().get(..end).unwrap_or_default().to_owned();
        self.at += end;
        Kind::Word(word)
    }

    fn quoted(&mut self) -> Kind {
        if let Some(inside) = self.rest().strip_prefix("'''") {
            // Nothing is escaped or computed in these.
            let Some(end) = inside.find("'''") else {
                self.at = self.text.len();
                return Kind::Computed;
            };
            self.at += end + 6;
            return Kind::Text(inside.get(..end).unwrap_or_default().to_owned());
        }
        self.bump();
        let mut text = String::new();
        let mut computed = false;
        loop {
            match self.bump() {
                Some('\'') if computed => return Kind::Computed,
                Some('\'') => return Kind::Text(text),
                // A text never goes over the end of a line.
                None => return Kind::Computed,
                Some('\n') => {
                    self.at -= 1;
                    return Kind::Computed;
                }
                Some('$') if self.peek() == Some('{') => {
                    computed = true;
                    self.skip_expression();
                }
                Some('\\') => match self.escape() {
                    Some(c) => text.push(c),
                    None => computed = true,
                },
                Some(c) => text.push(c),
            }
        }
    }

    /// The character that an escape stands for; `None` for what is no escape.
    fn escape(&mut self) -> Option<char> {
        match self.bump()? {
            'n' => Some('\n'),
            'r' => Some('\r'),
            't' => Some('\t'),
            c @ ('\\' | '\'' | '$') => Some(c),
            'u' => {
                let inside = self.rest().strip_prefix('{')?;
                let end = inside.find('}').filter(|end| *end <= 6)?;
                self.at += end + 2;
                u32::from_str_radix(inside.get(..end)?, 16)
                    .ok()
                    .and_then(char::from_u32)
            }
            _ => None,
        }
    }

    /// `{ … }` of a computed text, which may hold texts and braces itself; at most to the end of the line.
    fn skip_expression(&mut self) {
        let mut depth = 0_usize;
        while let Some(c) = self.peek() {
            match c {
                '\n' => return,
                '{' => depth += 1,
                '}' => depth -= 1,
                _ => {}
            }
            self.bump();
            if depth == 0 {
                return;
            }
        }
    }
}
