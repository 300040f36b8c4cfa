//! Reading JSON strictly: every refusal names the JSON path, and keys that nobody asked for are refused.
//!
//! Must not know what is being read.

use serde_json::{Map, Value};

/// Why a document was refused, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {problem}")]
pub struct ReadError {
    /// JSON path, `$` for the whole document.
    pub path: String,
    /// What is wrong there.
    pub problem: String,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node<'a> {
    value: &'a Value,
    path: String,
}

impl<'a> Node<'a> {
    /// The whole document.
    pub fn root(value: &'a Value) -> Self {
        Self { value, path: "$".to_owned() }
    }

    /// A part of a document that stands at `path`.
    pub fn at(value: &'a Value, path: impl Into<String>) -> Self {
        Self { value, path: path.into() }
    }

    /// Where the value stands.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value as it is.
    pub fn value(&self) -> &'a Value {
        self.value
    }

    /// A refusal of this value.
    pub fn refuse(&self, problem: impl Into<String>) -> ReadError {
        ReadError { path: self.path.clone(), problem: problem.into() }
    }

    fn expected(&self, what: &str) -> ReadError {
        self.refuse(format!("expected {what}, found {}", kind(self.value)))
    }

    /// As an object.
    pub fn object(&self) -> Result<Object<'a>, ReadError> {
        let map = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        Ok(Object { map, path: self.path.clone(), read: Vec::new() })
    }

    /// As an object with one key: the key and its value.
    pub fn single(&self) -> Result<(&'a str, Node<'a>), ReadError> {
        let map = self.value.as_object().ok_or_else(|| self.expected("an object"))?;
        let mut entries = map.iter();
        match (entries.next(), entries.next()) {
            (Some((key, value)), None) => Ok((key.as_str(), Node { value, path: child(&self.path, key) })),
            _ => Err(self.refuse(format!("expected an object with one key, found {}", map.len()))),
        }
    }

    /// As an object whose content is free.
    pub fn free_object(&self) -> Result<Map<String, Value>, ReadError> {
        self.value.as_object().cloned().ok_or_else(|| self.expected("an object"))
    }

    /// As an array.
    pub fn array(&self) -> Result<Vec<Node<'a>>, ReadError> {
        let values = self.value.as_array().ok_or_else(|| self.expected("an array"))?;
        Ok(values
            .iter()
            .enumerate()
            .map(|(index, value)| Node { value, path: format!("{}[{index}]", self.path) })
            .collect())
    }

    /// As an array, or as the only element of one.
    pub fn one_or_many(&self) -> Result<Vec<Node<'a>>, ReadError> {
        if self.value.is_array() { self.array() } else { Ok(vec![self.clone()]) }
    }

    /// As text.
    pub fn text(&self) -> Result<&'a str, ReadError> {
        self.value.as_str().ok_or_else(|| self.expected("a string"))
    }

    /// As an array of texts.
    pub fn texts(&self) -> Result<Vec<String>, ReadError> {
        self.array()?.iter().map(|node| Ok(node.text()?.to_owned())).collect()
    }

    /// As true or false; the strings "true" and "false" count, as in Elasticsearch.
    pub fn flag(&self) -> Result<bool, ReadError> {
        match self.value {
            Value::Bool(flag) => Ok(*flag),
            Value::String(text) if text == "true" => Ok(true),
            Value::String(text) if text == "false" => Ok(false),
            _ => Err(self.expected("true or false")),
        }
    }

    /// As a number.
    pub fn number(&self) -> Result<f64, ReadError> {
        self.value.as_f64().ok_or_else(|| self.expected("a number"))
    }

    /// As a whole number, zero or more.
    pub fn count(&self) -> Result<u64, ReadError> {
        self.value.as_u64().ok_or_else(|| self.expected("a whole number"))
    }

    /// As text in a form that [`std::str::FromStr`] reads.
    pub fn parsed<T: std::str::FromStr>(&self) -> Result<T, ReadError>
    where
        T::Err: std::fmt::Display,
    {
        self.text()?.parse().map_err(|error: T::Err| self.refuse(error.to_string()))
    }

    /// As one of these names.
    pub fn one_of<T: Copy>(&self, names: &[(&str, T)]) -> Result<T, ReadError> {
        let text = self.text()?;
        names.iter().find(|(name, _)| name.eq_ignore_ascii_case(text)).map(|(_, value)| *value).ok_or_else(|| {
            let known: Vec<_> = names.iter().map(|(name, _)| *name).collect();
            self.refuse(format!("unknown value {text:?}, expected one of {}", known.join(", ")))
        })
    }
}

/// An object that remembers which keys were asked for.
#[derive(Debug)]
pub struct Object<'a> {
    map: &'a Map<String, Value>,
    path: String,
    read: Vec<&'static str>,
}

impl<'a> Object<'a> {
    /// The value of a key; absent and `null` are `None`.
    pub fn get(&mut self, key: &'static str) -> Option<Node<'a>> {
        self.read.push(key);
        let value = self.map.get(key).filter(|value| !value.is_null())?;
        Some(Node { value, path: child(&self.path, key) })
    }

    /// Reads and drops keys that say nothing of use here.
    pub fn skip(&mut self, keys: &[&'static str]) {
        self.read.extend(keys);
    }

    /// Whether a key is there.
    pub fn has(&self, key: &str) -> bool {
        self.map.contains_key(key)
    }

    /// The value of a key that has to be there.
    pub fn require(&mut self, key: &'static str) -> Result<Node<'a>, ReadError> {
        self.get(key).ok_or_else(|| ReadError { path: self.path.clone(), problem: format!("missing key {key:?}") })
    }

    /// Reads a key, if it is there.
    pub fn read<T>(
        &mut self,
        key: &'static str,
        how: impl FnOnce(&Node<'a>) -> Result<T, ReadError>,
    ) -> Result<Option<T>, ReadError> {
        self.get(key).map(|node| how(&node)).transpose()
    }

    /// Reads a text, if it is there.
    pub fn text(&mut self, key: &'static str) -> Result<Option<String>, ReadError> {
        self.read(key, |node| Ok(node.text()?.to_owned()))
    }

    /// Every entry, for objects whose keys are data.
    pub fn entries(&self) -> Vec<(&'a str, Node<'a>)> {
        self.map.iter().map(|(key, value)| (key.as_str(), Node { value, path: child(&self.path, key) })).collect()
    }

    /// Refuses the first key that nobody asked for.
    pub fn finish(self) -> Result<(), ReadError> {
        match self.map.keys().find(|key| !self.read.contains(&key.as_str())) {
            Some(key) => Err(ReadError { path: child(&self.path, key), problem: "unknown key".to_owned() }),
            None => Ok(()),
        }
    }
}

fn child(path: &str, key: &str) -> String {
    let plain = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '@');
    if plain { format!("{path}.{key}") } else { format!("{path}[{}]", Value::from(key)) }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}
