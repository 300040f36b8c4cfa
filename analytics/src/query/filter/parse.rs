//! From words to a filter.
//!
//! Owns how filters are put together and how large they may be; must not know what values look like.

use super::lex::{Kind, Token, tokens};
use super::value::{Field, bare, unknown, value};
use super::{Filter, FilterError, Test};

/// Brackets and negations inside of each other.
const DEEPEST: usize = 50;
/// Values in one filter.
const MOST_VALUES: usize = 500;
/// Characters of a filter.
const LONGEST: usize = 8_192;

/// Reads a filter.
pub fn parse(text: &str) -> Result<Filter, FilterError> {
    let length = text.chars().count();
    if length > LONGEST {
        let message = format!("a filter has at most {LONGEST} characters");
        return Err(FilterError { column: LONGEST + 1, length: length - LONGEST, message });
    }
    let tokens = tokens(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, end: length + 1, values: 0 };
    let filter = parser.either(0)?;
    match parser.peek() {
        None => Ok(filter),
        Some(Kind::Close) => Err(parser.wrong("this bracket was not opened")),
        Some(_) => Err(parser.wrong("expected and, or, or the end of the filter")),
    }
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    /// Column after the last character.
    end: usize,
    values: usize,
}

impl Parser<'_> {
    fn peek(&self) -> Option<&Kind> {
        self.tokens.get(self.at).map(|token| &token.kind)
    }

    /// Takes the next token if it is this one.
    fn takes(&mut self, kind: &Kind) -> bool {
        let same = self.peek() == Some(kind);
        self.at += usize::from(same);
        same
    }

    /// The error that the token here, or the end, is wrong.
    fn wrong(&self, message: impl Into<String>) -> FilterError {
        let (column, length) = self.tokens.get(self.at).map_or((self.end, 0), |token| (token.column, token.length));
        FilterError { column, length, message: message.into() }
    }

    fn either(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.both(depth)?];
        while self.takes(&Kind::Or) {
            parts.push(self.both(depth)?);
        }
        Ok(joined(parts, Filter::Or, |filter| match filter {
            Filter::Or(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    fn both(&mut self, depth: usize) -> Result<Filter, FilterError> {
        let mut parts = vec![self.negated(depth)?];
        while self.takes(&Kind::And)
            || matches!(self.peek(), Some(Kind::Not | Kind::Open | Kind::Word(_) | Kind::Quoted(_)))
        {
            parts.push(self.negated(depth)?);
        }
        Ok(joined(parts, Filter::And, |filter| match filter {
            Filter::And(parts) => Ok(parts),
            other => Err(other),
        }))
    }

    fn negated(&mut self, depth: usize) -> Result<Filter, FilterError> {
        if depth > DEEPEST {
            return Err(self.wrong(format!("brackets and negations go {DEEPEST} deep at most")));
        }
        if self.takes(&Kind::Not) {
            return Ok(Filter::Not(Box::new(self.negated(depth + 1)?)));
        }
        if self.takes(&Kind::Open) {
            let inner = self.either(depth + 1)?;
            if !self.takes(&Kind::Close) {
                return Err(self.wrong("expected a closing bracket"));
            }
            return Ok(inner);
        }
        self.test()
    }

    fn test(&mut self) -> Result<Filter, FilterError> {
        let word = match self.peek() {
            Some(Kind::Word(word)) => word.clone(),
            Some(Kind::Quoted(_)) => return Err(self.wrong("a text in quotation marks needs a field before it")),
            Some(_) => return Err(self.wrong("expected a field such as server, or a value such as 10.0.0.0/8")),
            None => {
                return Err(self.wrong("expected a field such as server, or a value such as 10.0.0.0/8, at the end"));
            }
        };
        let (name, rest) = word.split_once(':').map_or((word.as_str(), None), |(name, rest)| (name, Some(rest)));
        let Some(field) = Field::named(name) else {
            let found = bare(&word).ok_or_else(|| self.wrong(unknown(&word)))?;
            self.at += 1;
            return Ok(found);
        };
        match rest.filter(|rest| !rest.is_empty()) {
            Some(rest) => {
                let rest = rest.to_owned();
                self.list(field, Some((name.chars().count() + 1, rest)))
            }
            None => {
                self.at += 1;
                let negated = self.takes(&Kind::NotEqual);
                if !negated {
                    self.takes(&Kind::Equal);
                }
                let found = self.list(field, None)?;
                Ok(if negated { Filter::Not(Box::new(found)) } else { found })
            }
        }
    }

    /// The values of a field. `first` is one that hangs on the field's name, after so many characters.
    fn list(&mut self, field: Field, first: Option<(usize, String)>) -> Result<Filter, FilterError> {
        let mut tests = Vec::new();
        let mut first = first;
        loop {
            let (skip, text) = match first.take() {
                Some(first) => first,
                None => match self.peek() {
                    Some(Kind::Word(text) | Kind::Quoted(text)) => (0, text.clone()),
                    _ => return Err(self.wrong(format!("expected a value of {}", field.name()))),
                },
            };
            self.values += 1;
            if self.values > MOST_VALUES {
                return Err(self.wrong(format!("a filter has at most {MOST_VALUES} values")));
            }
            tests.push(value(field, &text).map_err(|message| {
                let mut error = self.wrong(message);
                error.column += skip;
                error.length = error.length.saturating_sub(skip);
                error
            })?);
            self.at += 1;
            if !self.takes(&Kind::Comma) {
                return Ok(any(tests));
            }
        }
    }
}

/// Several filters as one; those of the same kind are taken apart.
fn joined(
    parts: Vec<Filter>,
    join: fn(Vec<Filter>) -> Filter,
    same: fn(Filter) -> Result<Vec<Filter>, Filter>,
) -> Filter {
    let mut flat = Vec::new();
    let alone = parts.len() == 1;
    for part in parts {
        match same(part) {
            Ok(inner) => flat.extend(inner),
            Err(other) => flat.push(other),
        }
    }
    match (alone, flat.pop()) {
        (true, Some(only)) if flat.is_empty() => only,
        (_, last) => {
            flat.extend(last);
            join(flat)
        }
    }
}

/// One of these: tests of one field become one test of several values.
fn any(filters: Vec<Filter>) -> Filter {
    let mut merged: Vec<Filter> = Vec::new();
    for filter in filters {
        let rest = match (merged.last_mut(), filter) {
            (Some(Filter::Test(last)), Filter::Test(test)) => last.widen(test).map(Filter::Test),
            (_, filter) => Some(filter),
        };
        merged.extend(rest);
    }
    joined(merged, Filter::Or, |filter| match filter {
        Filter::Or(parts) => Ok(parts),
        other => Err(other),
    })
}

impl Test {
    /// Takes in the values of a test of the same field; gives any other back.
    fn widen(&mut self, other: Self) -> Option<Self> {
        match (self, other) {
            (Self::Host(a), Self::Host(b))
            | (Self::Client(a), Self::Client(b))
            | (Self::Server(a), Self::Server(b)) => {
                a.extend(b);
            }
            (Self::Port(a), Self::Port(b)) | (Self::ClientPort(a), Self::ClientPort(b)) => a.extend(b),
            (Self::Service(a), Self::Service(b)) => a.extend(b),
            (Self::Exporter(a), Self::Exporter(b)) => a.extend(b),
            (Self::Outcome(a), Self::Outcome(b)) => a.extend(b),
            (Self::Class(a), Self::Class(b)) => a.extend(b),
            (Self::Perspective(a), Self::Perspective(b)) => a.extend(b),
            (Self::Proto(a), Self::Proto(b)) => a.extend(b),
            (_, other) => return Some(other),
        }
        None
    }
}
