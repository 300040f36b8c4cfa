//! Lucene's query syntax, as far as people write it in `query_string`: turned into the tree of other queries.
//!
//! Understood: `field:value`, phrases, `AND OR NOT && || ! + -`, groups, `field:(a OR b)`, ranges, `>=`, wildcards,
//! `/regular expressions/`, `_exists_:field` and `*:*`. Fuzzy words and proximity are refused.

use super::{Bool, Match, MultiMatch, Operator, Pattern, PatternKind, Query, QueryString, Range, Scalar};

/// Deepest nesting of groups.
const DEPTH: usize = 32;
/// Most words in a query.
const MOST: usize = 1_024;

/// Reads the query.
///
/// # Errors
/// What is not understood, and at which character.
pub fn parse(query: &QueryString) -> Result<Query, String> {
    let mut fields: Vec<String> = query.fields.clone();
    fields.extend(query.default_field.iter().filter(|field| field.as_str() != "*").cloned());
    let and = query.default_operator == Some(Operator::And);
    let mut reader = Reader { chars: query.query.chars().collect(), at: 0, fields, and, depth: 0, left: MOST };
    reader.space();
    if reader.peek().is_none() {
        return Ok(Query::MatchNone);
    }
    let found = reader.any(None)?;
    match reader.peek() {
        None => Ok(found),
        Some(_) => Err(reader.wrong("the end")),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    fields: Vec<String>,
    and: bool,
    depth: usize,
    left: usize,
}

/// Whether a clause must, must not or may match.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sign {
    Must,
    MustNot,
    May,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn wrong(&self, expected: &str) -> String {
        let found: String = self.chars.iter().skip(self.at).take(20).collect();
        format!("query string: expected {expected} at character {}, found {found:?}", self.at + 1)
    }

    /// Takes a token that is made of marks.
    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.chars[self.at..].iter().copied().take(token.chars().count()).eq(token.chars());
        self.at += if found { token.chars().count() } else { 0 };
        found
    }

    /// Takes a whole word such as `AND`.
    fn word(&mut self, word: &str) -> bool {
        self.space();
        let end = self.at + word.len();
        let ends = self.chars.get(end).is_none_or(|c| c.is_whitespace() || matches!(c, '(' | '"' | '+' | '-' | '!'));
        let found = ends && self.chars[self.at..].iter().copied().take(word.len()).eq(word.chars());
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn at_end(&mut self) -> bool {
        self.space();
        matches!(self.peek(), None | Some(')'))
    }

    /// Alternatives; with `+` or `-` before some, those must and must not match.
    fn any(&mut self, field: Option<&str>) -> Result<Query, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("query string: nested deeper than {DEPTH}"));
        }
        let mut clauses = vec![self.all(field)?];
        while !self.at_end() {
            if !self.word("OR") {
                self.take("||");
            }
            clauses.push(self.all(field)?);
        }
        self.depth -= 1;
        Ok(joined(clauses, false))
    }

    /// Clauses joined by AND.
    fn all(&mut self, field: Option<&str>) -> Result<(Sign, Query), String> {
        let mut clauses = vec![self.clause(field)?];
        while self.word("AND") || self.take("&&") || (self.and && !self.at_end() && !self.ahead_or()) {
            clauses.push(self.clause(field)?);
        }
        if clauses.len() == 1 {
            return Ok(clauses.remove(0));
        }
        Ok((Sign::May, joined(clauses, true)))
    }

    fn ahead_or(&mut self) -> bool {
        let at = self.at;
        let found = self.word("OR") || self.take("||");
        self.at = at;
        found
    }

    fn clause(&mut self, field: Option<&str>) -> Result<(Sign, Query), String> {
        self.left = self.left.checked_sub(1).ok_or_else(|| format!("query string: more than {MOST} words"))?;
        let sign = if self.take("+") {
            Sign::Must
        } else if self.take("-") || self.take("!") || self.word("NOT") {
            Sign::MustNot
        } else {
            Sign::May
        };
        let query = self.primary(field)?;
        if self.take("^") {
            while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
                self.at += 1;
            }
        }
        Ok((sign, query))
    }

    fn primary(&mut self, field: Option<&str>) -> Result<Query, String> {
        if self.take("(") {
            let inner = self.any(field)?;
            return if self.take(")") { Ok(inner) } else { Err(self.wrong("\")\"")) };
        }
        self.space();
        let start = self.at;
        if field.is_none()
            && let Some(name) = self.name()
        {
            if name == "_exists_" {
                let field = self.text()?;
                return Ok(Query::exists(&field.0));
            }
            if name == "*" && self.take("*") {
                return Ok(Query::MatchAll);
            }
            if name.contains('*') {
                return Err(format!("query string: field {name:?} is a pattern"));
            }
            if self.take("(") {
                let inner = self.any(Some(&name))?;
                return if self.take(")") { Ok(inner) } else { Err(self.wrong("\")\"")) };
            }
            return self.value(&[name]);
        }
        self.at = start;
        let fields = field.map_or_else(|| self.fields.clone(), |field| vec![field.to_owned()]);
        if fields.is_empty() {
            if self.take("*") && (self.at_end() || self.peek().is_some_and(char::is_whitespace)) {
                return Ok(Query::MatchAll);
            }
            self.at = start;
            return Err(self.wrong("field:value (no default_field is given)"));
        }
        self.value(&fields)
    }

    /// A field name with its colon.
    fn name(&mut self) -> Option<String> {
        let mut name = String::new();
        loop {
            match self.peek()? {
                ':' if !name.is_empty() => {
                    self.at += 1;
                    return Some(name);
                }
                '\\' => {
                    self.at += 1;
                    name.push(self.peek()?);
                }
                c if c.is_alphanumeric() || matches!(c, '.' | '_' | '@' | '-' | '*') => name.push(c),
                _ => return None,
            }
            self.at += 1;
        }
    }

    fn value(&mut self, fields: &[String]) -> Result<Query, String> {
        self.space();
        let range = |range: Range, fields: &[String]| {
            let each = fields.iter().map(|field| Query::Range(Range { field: field.clone(), ..range.clone() }));
            either(each.collect())
        };
        for (token, strict, upper) in [(">=", false, false), ("<=", false, true), (">", true, false), ("<", true, true)]
        {
            if self.take(token) {
                let bound = Some(Scalar::Text(self.text()?.0));
                let found = match (strict, upper) {
                    (true, false) => Range { gt: bound, ..Range::default() },
                    (false, false) => Range { gte: bound, ..Range::default() },
                    (true, true) => Range { lt: bound, ..Range::default() },
                    (false, true) => Range { lte: bound, ..Range::default() },
                };
                return Ok(range(found, fields));
            }
        }
        match self.peek() {
            Some('[' | '{') => Ok(range(self.bounds()?, fields)),
            Some('/') => self.regexp(fields),
            _ => {
                let (text, quoted, wild) = self.text()?;
                if self.peek() == Some('~') {
                    return Err(self.wrong("no fuzzy word and no proximity"));
                }
                if wild && text == "*" {
                    return Ok(either(fields.iter().map(|field| Query::exists(field)).collect()));
                }
                let one = |field: &String| -> Query {
                    let field = field.clone();
                    if wild {
                        let kind = PatternKind::Wildcard;
                        let value = text.clone();
                        return Query::Pattern(Pattern { kind, field, value, case_insensitive: None, flags: None });
                    }
                    let query = Scalar::Text(text.clone());
                    if quoted {
                        return Query::MatchPhrase { field, query, slop: None };
                    }
                    let (operator, minimum_should_match, lenient) = (None, None, None);
                    Query::Match(Match { field, query, operator, minimum_should_match, lenient })
                };
                Ok(either(fields.iter().map(one).collect()))
            }
        }
    }

    /// A word or phrase; whether it was quoted, and whether it has wildcards.
    fn text(&mut self) -> Result<(String, bool, bool), String> {
        self.space();
        let mut text = String::new();
        let mut wild = false;
        if self.peek() == Some('"') {
            self.at += 1;
            loop {
                match self.peek().ok_or_else(|| self.wrong("the closing quote"))? {
                    '"' => break,
                    '\\' => {
                        self.at += 1;
                        text.push(self.peek().ok_or_else(|| self.wrong("a character after \\"))?);
                    }
                    c => text.push(c),
                }
                self.at += 1;
            }
            self.at += 1;
            return Ok((text, true, false));
        }
        while let Some(c) = self.peek() {
            match c {
                '\\' => {
                    self.at += 1;
                    let next = self.peek().ok_or_else(|| self.wrong("a character after \\"))?;
                    if matches!(next, '*' | '?' | '\\') {
                        text.push('\\');
                    }
                    text.push(next);
                }
                c if c.is_whitespace() || matches!(c, '(' | ')' | '[' | ']' | '{' | '}' | '"' | '^' | '~') => break,
                '*' | '?' => {
                    wild = true;
                    text.push(c);
                }
                c => text.push(c),
            }
            self.at += 1;
        }
        if text.is_empty() {
            return Err(self.wrong("a value"));
        }
        // An escape means something only beside wildcards.
        Ok((if wild { text } else { unescaped(&text) }, false, wild))
    }

    fn bounds(&mut self) -> Result<Range, String> {
        let open_low = self.take("{");
        if !open_low {
            self.take("[");
        }
        let low = self.text()?.0;
        if !self.word("TO") {
            return Err(self.wrong("TO"));
        }
        let high = self.text()?.0;
        let open_high = self.take("}");
        if !open_high && !self.take("]") {
            return Err(self.wrong("\"]\" or \"}\""));
        }
        let bound = |text: String| (text != "*").then_some(Scalar::Text(text));
        let (low, high) = (bound(low), bound(high));
        let mut range = Range::default();
        if open_low {
            range.gt = low;
        } else {
            range.gte = low;
        }
        if open_high {
            range.lt = high;
        } else {
            range.lte = high;
        }
        Ok(range)
    }

    fn regexp(&mut self, fields: &[String]) -> Result<Query, String> {
        self.at += 1;
        let mut value = String::new();
        loop {
            match self.peek().ok_or_else(|| self.wrong("the closing /"))? {
                '/' => break,
                '\\' if self.chars.get(self.at + 1) == Some(&'/') => {
                    self.at += 1;
                    value.push('/');
                }
                c => value.push(c),
            }
            self.at += 1;
        }
        self.at += 1;
        let one = |field: &String| {
            let (field, value) = (field.clone(), value.clone());
            Query::Pattern(Pattern { kind: PatternKind::Regexp, field, value, case_insensitive: None, flags: None })
        };
        Ok(either(fields.iter().map(one).collect()))
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        out.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    out
}

/// Any of these.
fn either(mut queries: Vec<Query>) -> Query {
    if queries.len() == 1 {
        return queries.remove(0);
    }
    Query::Bool(Bool { should: queries, ..Bool::default() })
}

fn joined(clauses: Vec<(Sign, Query)>, and: bool) -> Query {
    if let [(Sign::May | Sign::Must, _)] = clauses.as_slice() {
        return clauses.into_iter().next().map_or(Query::MatchNone, |(_, query)| query);
    }
    let mut out = Bool::default();
    for (sign, query) in clauses {
        match sign {
            Sign::Must => out.must.push(query),
            Sign::May if and => out.must.push(query),
            Sign::MustNot => out.must_not.push(query),
            Sign::May => out.should.push(query),
        }
    }
    Query::Bool(out)
}

/// A match of several fields as matches of each.
pub fn spread(query: &MultiMatch) -> Query {
    let one = |field: &String| {
        let field = field.split('^').next().unwrap_or(field).to_owned();
        let (operator, minimum_should_match, lenient) = (query.operator, None, query.lenient);
        Query::Match(Match { field, query: query.query.clone(), operator, minimum_should_match, lenient })
    };
    either(query.fields.iter().map(one).collect())
}
