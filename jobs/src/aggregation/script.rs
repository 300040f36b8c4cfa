//! Bucket scripts: arithmetic over parameters, the part of Painless that ratios need.
//!
//! Owns the grammar: numbers, `params.x`, `+ - * / %`, comparisons, `&& || !`, `c ? a : b`, `Math.max` and the like.

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Script {
    /// A number.
    Number(f64),
    /// A parameter.
    Param(String),
    /// `-x`
    Negative(Box<Script>),
    /// `!x`
    Not(Box<Script>),
    /// `x op y`
    Binary(Operator, Box<Script>, Box<Script>),
    /// `c ? a : b`
    Choice(Box<Script>, Box<Script>, Box<Script>),
    /// `Math.f(x, ...)`
    Call(Function, Vec<Script>),
}

/// An operator of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as written")]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    Or,
}

/// A function of `Math`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "named as in java.lang.Math")]
pub enum Function {
    Max,
    Min,
    Abs,
    Sqrt,
    Log,
    Log10,
    Floor,
    Ceil,
    Round,
    Pow,
}

/// Operators by binding strength, the weakest first.
const LEVELS: [&[(&str, Operator)]; 6] = [
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::NotEqual)],
    &[("<=", Operator::LessOrEqual), (">=", Operator::GreaterOrEqual), ("<", Operator::Less), (">", Operator::Greater)],
    &[("+", Operator::Add), ("-", Operator::Subtract)],
    &[("*", Operator::Multiply), ("/", Operator::Divide), ("%", Operator::Remainder)],
];

const FUNCTIONS: [(&str, Function, usize); 10] = [
    ("max", Function::Max, 2),
    ("min", Function::Min, 2),
    ("abs", Function::Abs, 1),
    ("sqrt", Function::Sqrt, 1),
    ("log", Function::Log, 1),
    ("log10", Function::Log10, 1),
    ("floor", Function::Floor, 1),
    ("ceil", Function::Ceil, 1),
    ("round", Function::Round, 1),
    ("pow", Function::Pow, 2),
];

/// What the parameters that stand for a field of the document begin with.
pub const DOC: &str = "doc:";
/// Deepest nesting that is read.
const DEPTH: usize = 40;
/// Longest script that is read, bytes.
const LENGTH: usize = 8_192;

impl Script {
    /// Reads a script; the error says what is wrong and where.
    ///
    /// # Errors
    /// It is too long or too deep, or not of the understood part of Painless.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.len() > LENGTH {
            return Err(format!("a script of {} bytes is longer than {LENGTH}", text.len()));
        }
        let trimmed = text.trim().trim_end_matches(';').trim_end();
        let body = trimmed.strip_prefix("return ").unwrap_or(trimmed);
        let mut reader = Reader { text: body, at: 0, depth: 0 };
        let script = reader.choice()?;
        reader.space();
        if reader.at < body.len() { Err(reader.wrong("the end")) } else { Ok(script) }
    }

    /// Reads the script of a runtime field, `emit(...)` over `doc['field'].value`. Its parameters are the fields, each
    /// after [`DOC`].
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_emit(text: &str) -> Result<Self, String> {
        let body = text.trim().trim_end_matches(';').trim_end();
        let inner = body.strip_prefix("emit").map(str::trim_start).and_then(|rest| rest.strip_prefix('('));
        let inner = inner.and_then(|rest| rest.strip_suffix(')'));
        let script = Self::parse(inner.ok_or("script: expected emit(...)")?)?;
        match script.params().iter().find(|name| !name.starts_with(DOC)) {
            Some(other) => Err(format!("script: {other:?} is no doc['field'].value")),
            None => Ok(script),
        }
    }

    /// The parameters that it uses, each once.
    pub fn params(&self) -> Vec<&str> {
        let mut names = Vec::new();
        self.collect(&mut names);
        names
    }

    fn collect<'a>(&'a self, names: &mut Vec<&'a str>) {
        match self {
            Self::Number(_) => {}
            Self::Param(name) => {
                if !names.contains(&name.as_str()) {
                    names.push(name);
                }
            }
            Self::Negative(inner) | Self::Not(inner) => inner.collect(names),
            Self::Binary(_, left, right) => [left, right].into_iter().for_each(|part| part.collect(names)),
            Self::Choice(test, yes, no) => [test, yes, no].into_iter().for_each(|part| part.collect(names)),
            Self::Call(_, arguments) => arguments.iter().for_each(|part| part.collect(names)),
        }
    }
}

struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - rest.trim_start().len();
    }

    fn wrong(&self, expected: &str) -> String {
        let found: String = self.rest().chars().take(20).collect();
        format!("script: expected {expected} at character {}, found {found:?}", self.at + 1)
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.rest().starts_with(token);
        self.at += if found { token.len() } else { 0 };
        found
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.take(token) { Ok(()) } else { Err(self.wrong(&format!("{token:?}"))) }
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        self.depth += 1;
        if self.depth > DEPTH {
            return Err(format!("a script nested deeper than {DEPTH}"));
        }
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn choice(&mut self) -> Result<Script, String> {
        self.deeper(|reader| {
            let test = reader.binary(0)?;
            if !reader.take("?") {
                return Ok(test);
            }
            let yes = reader.choice()?;
            reader.expect(":")?;
            let no = reader.choice()?;
            Ok(Script::Choice(Box::new(test), Box::new(yes), Box::new(no)))
        })
    }

    fn binary(&mut self, level: usize) -> Result<Script, String> {
        let Some(operators) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.binary(level + 1)?;
        let mut terms = 0;
        while let Some((_, operator)) = operators.iter().find(|(token, _)| self.take(token)) {
            terms += 1;
            if terms > DEPTH {
                return Err(format!("a script with more than {DEPTH} operators in a row"));
            }
            let right = self.binary(level + 1)?;
            left = Script::Binary(*operator, Box::new(left), Box::new(right));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Script, String> {
        if self.take("-") {
            return self.deeper(|reader| Ok(Script::Negative(Box::new(reader.unary()?))));
        }
        if self.take("!") {
            return self.deeper(|reader| Ok(Script::Not(Box::new(reader.unary()?))));
        }
        if self.take("(") {
            let cast = ["double)", "float)", "long)", "int)"].iter().any(|kind| self.take(kind));
            if cast {
                return self.deeper(Self::unary);
            }
            let inner = self.choice()?;
            self.expect(")")?;
            return Ok(inner);
        }
        self.space();
        if self.rest().starts_with(|c: char| c.is_ascii_digit() || c == '.') { self.number() } else { self.named() }
    }

    fn number(&mut self) -> Result<Script, String> {
        let rest = self.rest();
        let mut end = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        if rest[end..].starts_with(['e', 'E']) {
            let sign = usize::from(rest[end + 1..].starts_with(['+', '-']));
            let digits = rest[end + 1 + sign..].bytes().take_while(u8::is_ascii_digit).count();
            end += if digits > 0 { 1 + sign + digits } else { 0 };
        }
        let value = rest[..end].parse::<f64>().ok().filter(|value| value.is_finite());
        let value = value.ok_or_else(|| self.wrong("a number"))?;
        self.at += end;
        if self.rest().starts_with(['d', 'D', 'f', 'F', 'L', 'l']) {
            self.at += 1;
        }
        Ok(Script::Number(value))
    }

    fn word(&mut self) -> Result<String, String> {
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        if end == 0 {
            return Err(self.wrong("a number, a parameter or a function"));
        }
        let word = rest[..end].to_owned();
        self.at += end;
        Ok(word)
    }

    fn named(&mut self) -> Result<Script, String> {
        let word = self.word()?;
        if word == "params" {
            if self.take("[") {
                self.space();
                let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'));
                let quote = quote.ok_or_else(|| self.wrong("a quoted name"))?;
                self.at += 1;
                let end = self.rest().find(quote).ok_or_else(|| self.wrong("the closing quote"))?;
                let name = self.rest()[..end].to_owned();
                self.at += end + 1;
                self.expect("]")?;
                return Ok(Script::Param(name));
            }
            self.expect(".")?;
            return Ok(Script::Param(self.word()?));
        }
        if word == "doc" {
            self.expect("[")?;
            self.space();
            let quote = self.rest().chars().next().filter(|c| matches!(c, '\'' | '"'));
            let quote = quote.ok_or_else(|| self.wrong("a quoted field"))?;
            self.at += 1;
            let end = self.rest().find(quote).ok_or_else(|| self.wrong("the closing quote"))?;
            let field = self.rest()[..end].to_owned();
            self.at += end + 1;
            self.expect("]")?;
            self.expect(".value")?;
            return Ok(Script::Param(format!("{DOC}{field}")));
        }
        if word == "Math" {
            self.expect(".")?;
            let name = self.word()?;
            let known = FUNCTIONS.iter().find(|(known, ..)| *known == name);
            let (_, function, count) = known.ok_or_else(|| format!("script: unknown function \"Math.{name}\""))?;
            self.expect("(")?;
            let mut arguments = vec![self.choice()?];
            while self.take(",") {
                arguments.push(self.choice()?);
            }
            self.expect(")")?;
            if arguments.len() != *count {
                return Err(format!("script: Math.{name} takes {count} arguments"));
            }
            return Ok(Script::Call(*function, arguments));
        }
        Ok(Script::Param(word))
    }
}
