//! Tokens into parameters and resources.

use super::Unexpected;
use super::tokens::{Kind, Token, tokens};
use crate::fault::Span;

/// Generated files nest four levels; what is far deeper is none.
const MAX_DEPTH: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::peer) enum Value {
    /// A text in quotes.
    Text(String),
    /// A name or a number: a parameter, the symbol of a resource, `true`.
    Word(String),
    /// A call without arguments: `resourceGroup()`.
    Call(String),
    /// A list.
    List(Vec<(Value, Span)>),
    /// An object.
    Object(Vec<Member>),
}

/// A member of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::peer) struct Member {
    /// Its name.
    pub(in crate::peer) key: String,
    /// Its value.
    pub(in crate::peer) value: Value,
    /// Where the name stands.
    pub(in crate::peer) key_span: Span,
    /// Where the value stands.
    pub(in crate::peer) span: Span,
}

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::peer) struct Resource {
    /// What other resources call it by.
    pub(in crate::peer) symbol: String,
    /// Its type, without the version behind the `@`.
    pub(in crate::peer) kind: String,
    /// It is only referred to.
    pub(in crate::peer) existing: bool,
    /// What it says.
    pub(in crate::peer) members: Vec<Member>,
    /// Where its type stands.
    pub(in crate::peer) span: Span,
}

impl Value {
    /// In words, for messages.
    pub(in crate::peer) fn words(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Word(_) => "a name",
            Self::Call(_) => "a call",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }
}

/// A parameter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::peer) struct Parameter {
    /// Its name.
    pub(in crate::peer) name: String,
    /// It needs no value.
    pub(in crate::peer) has_default: bool,
}

/// The parameters that a file declares, in order; works on any Bicep file.
pub(in crate::peer) fn parameters(text: &str) -> Vec<Parameter> {
    let all = tokens(text);
    let mut found = Vec::new();
    let mut first = true;
    for (at, token) in all.iter().enumerate() {
        if first
            && matches!(&token.kind, Kind::Word(word) if word == "param")
            && let Some(Kind::Word(name)) = all.get(at + 1).map(|next| &next.kind)
        {
            let line = all.iter().skip(at).take_while(|token| token.kind != Kind::Line);
            found.push(Parameter {
                name: name.clone(),
                // `string?` may be left out as well.
                has_default: line
                    .into_iter()
                    .any(|token| matches!(token.kind, Kind::Mark('=' | '?'))),
            });
        }
        // `@secure() param x string` may stand on one line.
        first = matches!(token.kind, Kind::Line | Kind::Mark(')'));
    }
    found
}

/// The resources of a file of the generated shape.
pub(in crate::peer) fn resources(text: &str) -> Result<Vec<Resource>, Unexpected> {
    let mut parser = Parser {
        tokens: tokens(text),
        at: 0,
        end: text.len(),
    };
    let mut all = Vec::new();
    loop {
        parser.skip_lines();
        match parser.peek() {
            None => return Ok(all),
            Some(Kind::Mark('@')) => parser.decorator()?,
            Some(Kind::Word(word)) if word == "param" => parser.parameter(),
            Some(Kind::Word(word)) if matches!(word.as_str(), "targetScope" | "metadata") => parser.skip_line(),
            Some(Kind::Word(word)) if word == "resource" => all.push(parser.resource()?),
            Some(_) => return Err(parser.unexpected("`param` or `resource`")),
        }
    }
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
    end: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    fn span(&self) -> Span {
        self.tokens
            .get(self.at)
            .map_or(self.end.saturating_sub(1)..self.end, |token| token.span.clone())
    }

    fn skip_lines(&mut self) {
        while matches!(self.peek(), Some(Kind::Line)) {
            self.at += 1;
        }
    }

    fn skip_line(&mut self) {
        while !matches!(self.peek(), None | Some(Kind::Line)) {
            self.at += 1;
        }
    }

    fn unexpected(&self, expected: &str) -> Unexpected {
        let found = match self.peek() {
            None => "the end of the file".to_owned(),
            Some(Kind::Word(word)) => format!("`{}`", crate::project::shorten(word)),
            Some(Kind::Text(_)) => "a text".to_owned(),
            Some(Kind::Computed) => "a text that is computed or never ends".to_owned(),
            Some(Kind::Mark(c)) => format!("`{c}`"),
            Some(Kind::Line) => "the end of the line".to_owned(),
        };
        Unexpected {
            expected: expected.to_owned(),
            found,
            span: self.span(),
        }
    }

    fn mark(&mut self, wanted: char) -> Result<(), Unexpected> {
        if self.peek() == Some(&Kind::Mark(wanted)) {
            self.at += 1;
            return Ok(());
        }
        Err(self.unexpected(&format!("`{wanted}`")))
    }

    fn word(&mut self, expected: &str) -> Result<String, Unexpected> {
        match self.peek() {
            Some(Kind::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                Ok(word)
            }
            _ => Err(self.unexpected(expected)),
        }
    }

    /// `@name('…')`, which says nothing of interest.
    fn decorator(&mut self) -> Result<(), Unexpected> {
        self.mark('@')?;
        self.word("the name of a decorator")?;
        self.mark('(')?;
        let mut open = 1_usize;
        while open > 0 {
            match self.peek() {
                None => return Err(self.unexpected("`)`")),
                Some(Kind::Mark('(')) => open += 1,
                Some(Kind::Mark(')')) => open -= 1,
                Some(_) => {}
            }
            self.at += 1;
        }
        Ok(())
    }

    /// `param NAME TYPE`, perhaps with a default: values come from elsewhere.
    fn parameter(&mut self) {
        self.skip_line();
    }

    fn resource(&mut self) -> Result<Resource, Unexpected> {
        self.at += 1;
        let symbol = self.word("the resource's symbol")?;
        let span = self.span();
        let Some(Kind::Text(text)) = self.peek() else {
            return Err(self.unexpected("the resource's type in quotes"));
        };
        let Some((kind, _)) = text.split_once('@') else {
            return Err(self.unexpected("a type with a version: `…@2024-04-15`"));
        };
        let kind = kind.to_owned();
        self.at += 1;
        let existing = matches!(self.peek(), Some(Kind::Word(word)) if word == "existing");
        if existing {
            self.at += 1;
        }
        self.mark('=')?;
        let Value::Object(members) = self.object(0)? else {
            return Err(self.unexpected("`{`"));
        };
        Ok(Resource {
            symbol,
            kind,
            existing,
            members,
            span,
        })
    }

    fn object(&mut self, depth: usize) -> Result<Value, Unexpected> {
        self.mark('{')?;
        let mut members = Vec::new();
        loop {
            self.skip_separators();
            if self.peek() == Some(&Kind::Mark('}')) {
                self.at += 1;
                return Ok(Value::Object(members));
            }
            let key_span = self.span();
            let key = match self.peek() {
                Some(Kind::Word(key) | Kind::Text(key)) => key.clone(),
                _ => return Err(self.unexpected("the name of a property, or `}`")),
            };
            self.at += 1;
            self.mark(':')?;
            let (value, span) = self.value(depth)?;
            members.push(Member {
                key,
                value,
                key_span,
                span,
            });
            self.separator('}')?;
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, Unexpected> {
        self.mark('[')?;
        let mut items = Vec::new();
        loop {
            self.skip_separators();
            if self.peek() == Some(&Kind::Mark(']')) {
                self.at += 1;
                return Ok(Value::List(items));
            }
            items.push(self.value(depth)?);
            self.separator(']')?;
        }
    }

    fn value(&mut self, depth: usize) -> Result<(Value, Span), Unexpected> {
        let start = self.span();
        if depth >= MAX_DEPTH {
            return Err(self.unexpected("fewer levels"));
        }
        let value = match self.peek() {
            Some(Kind::Mark('{')) => self.object(depth + 1)?,
            Some(Kind::Mark('[')) => self.list(depth + 1)?,
            Some(Kind::Text(text)) => {
                let text = text.clone();
                self.at += 1;
                Value::Text(text)
            }
            Some(Kind::Word(word)) => {
                let word = word.clone();
                self.at += 1;
                if self.peek() == Some(&Kind::Mark('(')) {
                    self.at += 1;
                    self.mark(')')?;
                    Value::Call(word)
                } else {
                    Value::Word(word)
                }
            }
            _ => return Err(self.unexpected("a value written out")),
        };
        let end = self
            .at
            .checked_sub(1)
            .and_then(|at| self.tokens.get(at))
            .map_or(start.end, |token| token.span.end);
        Ok((value, start.start..end))
    }

    fn skip_separators(&mut self) {
        while matches!(self.peek(), Some(Kind::Line | Kind::Mark(','))) {
            self.at += 1;
        }
    }

    /// What must stand behind a member or an item.
    fn separator(&mut self, close: char) -> Result<(), Unexpected> {
        match self.peek() {
            Some(Kind::Line | Kind::Mark(',')) => Ok(()),
            Some(Kind::Mark(c)) if *c == close => Ok(()),
            _ => Err(self.unexpected(&format!("the end of the line or `{close}`"))),
        }
    }
}
