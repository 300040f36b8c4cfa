//! The words of a filter and where they stand.
//!
//! Owns what separates words and how text is quoted; must not know what words mean.

use super::FilterError;

/// A piece of text with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Column of its first character, from 1.
    pub column: usize,
    /// Its characters.
    pub length: usize,
}

/// What a piece of text is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// `(`
    Open,
    /// `)`
    Close,
    /// `,`
    Comma,
    /// `=` or `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `and` or `&&`
    And,
    /// `or` or `||`
    Or,
    /// `not` or `!`
    Not,
    /// Any other word.
    Word(String),
    /// A word in quotation marks.
    Quoted(String),
}

/// Splits a text into tokens.
///
/// # Errors
/// A quotation mark without its partner.
pub fn tokens(text: &str) -> Result<Vec<Token>, FilterError> {
    let chars: Vec<char> = text.chars().collect();
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(&first) = chars.get(at) {
        let next = chars.get(at + 1).copied();
        let (kind, length) = match (first, next) {
            (space, _) if space.is_whitespace() => {
                at += 1;
                continue;
            }
            ('(', _) => (Kind::Open, 1),
            (')', _) => (Kind::Close, 1),
            (',', _) => (Kind::Comma, 1),
            ('=', Some('=')) => (Kind::Equal, 2),
            ('=', _) => (Kind::Equal, 1),
            ('!', Some('=')) => (Kind::NotEqual, 2),
            ('!', _) => (Kind::Not, 1),
            ('&', Some('&')) => (Kind::And, 2),
            ('|', Some('|')) => (Kind::Or, 2),
            ('"', _) => quotation(&chars[at..]).ok_or_else(|| FilterError {
                column: at + 1,
                length: chars.len() - at,
                message: "this quotation mark has no partner".to_owned(),
            })?,
            _ => word(&chars[at..]),
        };
        tokens.push(Token { kind, column: at + 1, length });
        at += length;
    }
    Ok(tokens)
}

/// Characters that no plain word holds.
fn separates(c: char) -> bool {
    c.is_whitespace() || matches!(c, '(' | ')' | ',' | '"' | '=' | '!' | '&' | '|')
}

/// The word that begins here. A lone `&` or `|` counts as one, so that every text has an end.
fn word(chars: &[char]) -> (Kind, usize) {
    let length = chars.iter().take_while(|c| !separates(**c)).count().max(1);
    let text: String = chars[..length].iter().collect();
    (keyword(&text).unwrap_or(Kind::Word(text)), length)
}

fn keyword(text: &str) -> Option<Kind> {
    [("and", Kind::And), ("or", Kind::Or), ("not", Kind::Not)]
        .into_iter()
        .find(|(name, _)| text.eq_ignore_ascii_case(name))
        .map(|(_, kind)| kind)
}

/// The quoted text that begins here; a backslash takes the character after it as it is.
fn quotation(chars: &[char]) -> Option<(Kind, usize)> {
    let mut text = String::new();
    let mut at = 1;
    loop {
        match *chars.get(at)? {
            '"' => return Some((Kind::Quoted(text), at + 1)),
            '\\' => {
                text.push(*chars.get(at + 1)?);
                at += 2;
            }
            c => {
                text.push(c);
                at += 1;
            }
        }
    }
}

/// The text as one word, in quotation marks where it would not read as one.
pub fn quoted(text: &str) -> String {
    if !text.is_empty() && !text.chars().any(separates) && keyword(text).is_none() {
        return text.to_owned();
    }
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
