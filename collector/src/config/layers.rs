//! Reading the layers: file, then environment; unknown keys are named with the nearest known one.

use std::path::{Path, PathBuf};

use toml::{Table, Value};

use super::Config;

/// Why a configuration was refused.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("failed to read {path}: {error}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// The file is not TOML.
    #[error("failed to parse {path}: {error}")]
    Parse {
        /// The file.
        path: PathBuf,
        /// Where and why.
        error: toml::de::Error,
    },
    /// A key that no setting has.
    #[error("unknown key {key:?} in {origin}{}", suggestion.as_ref().map_or_else(String::new, |known| format!(", did you mean {known:?}?")))]
    UnknownKey {
        /// The key, with its table.
        key: String,
        /// Which file or variable.
        origin: String,
        /// The nearest known key.
        suggestion: Option<String>,
    },
    /// A value of the wrong type or form.
    #[error("failed to understand {origin}: {message}")]
    Type {
        /// Which file or variable.
        origin: String,
        /// What was expected.
        message: String,
    },
    /// A value that makes no sense.
    #[error("{key} is not valid: {why}")]
    Value {
        /// The key, with its table.
        key: &'static str,
        /// Why.
        why: String,
    },
    /// Nothing tells where data goes.
    #[error("no store directory: set store.dir, --store or HOME")]
    NoDataDir,
}

/// Prefix of environment variables: `HALFOPEN_<TABLE>_<KEY>`.
const PREFIX: &str = "HALFOPEN_";

/// Reads the file (if one is given) and the environment variables over it.
///
/// `environment` is the process's variables; those named `HALFOPEN_<TABLE>_<KEY>` set `table.key`. Lists are written with
/// commas.
///
/// # Errors
/// The first thing that is not understood, with its origin.
pub fn load(file: Option<&Path>, environment: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
    let known = Table::try_from(Config::default()).unwrap_or_default();
    let mut merged = Table::new();
    if let Some(path) = file {
        let origin = path.display().to_string();
        let text = std::fs::read_to_string(path).map_err(|error| ConfigError::Read { path: path.into(), error })?;
        merged = text.parse().map_err(|error| ConfigError::Parse { path: path.into(), error })?;
        check_keys(&merged, &known, &origin)?;
        check_types(&merged, &origin)?;
    }
    for (name, text) in environment {
        let Some((table, key, default)) = setting_of(&name, &known) else { continue };
        let value = value_like(default, &text);
        let mut layer = Table::new();
        layer.insert(table.to_owned(), Value::Table(Table::from_iter([(key.to_owned(), value.clone())])));
        check_types(&layer, &name)?;
        if let Value::Table(section) = merged.entry(table).or_insert_with(|| Value::Table(Table::new())) {
            section.insert(key.to_owned(), value);
        }
    }
    let config: Config = merged.try_into().map_err(|error: toml::de::Error| type_error("the configuration", &error))?;
    config.validate()?;
    Ok(config)
}

fn check_types(layer: &Table, origin: &str) -> Result<(), ConfigError> {
    layer.clone().try_into::<Config>().map(drop).map_err(|error| type_error(origin, &error))
}

fn type_error(origin: &str, error: &toml::de::Error) -> ConfigError {
    ConfigError::Type { origin: origin.to_owned(), message: error.to_string().trim().replace('\n', " ") }
}

fn check_keys(given: &Table, known: &Table, origin: &str) -> Result<(), ConfigError> {
    let unknown = |key: String, candidates: Vec<String>| {
        let suggestion = candidates
            .into_iter()
            .map(|candidate| (strsim::damerau_levenshtein(&candidate, &key), candidate))
            .filter(|(distance, candidate)| *distance <= candidate.len() / 2)
            .min()
            .map(|(_, candidate)| candidate);
        ConfigError::UnknownKey { key, origin: origin.to_owned(), suggestion }
    };
    let lists = super::lists();
    for (table, value) in given {
        let list = lists.iter().find(|(name, _)| name == table).map(|(_, keys)| keys);
        let Some(known_keys) = list.or_else(|| known.get(table).and_then(Value::as_table)) else {
            let names = known.keys().cloned().chain(lists.iter().map(|(name, _)| (*name).to_owned()));
            return Err(unknown(table.clone(), names.collect()));
        };
        let wrong_form = |form: String| ConfigError::Type {
            origin: origin.to_owned(),
            message: format!("{table:?} is a table: write {form}"),
        };
        let given: Vec<&Table> = match value {
            Value::Table(keys) if list.is_none() => vec![keys],
            Value::Array(items) if list.is_some() => items.iter().filter_map(Value::as_table).collect(),
            _ if list.is_some() => return Err(wrong_form(format!("[[{table}]]"))),
            _ => return Err(wrong_form(format!("[{table}]"))),
        };
        if let Some(key) = given.iter().flat_map(|keys| keys.keys()).find(|key| !known_keys.contains_key(*key)) {
            let candidates = known_keys.keys().map(|known| format!("{table}.{known}")).collect();
            return Err(unknown(format!("{table}.{key}"), candidates));
        }
    }
    Ok(())
}

/// The setting that an environment variable names, with its default.
fn setting_of<'a>(name: &str, known: &'a Table) -> Option<(&'a str, &'a str, &'a Value)> {
    let rest = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
    known.iter().find_map(|(table, value)| {
        let key = rest.strip_prefix(table.as_str())?.strip_prefix('_')?;
        let (key, default) = value.as_table()?.get_key_value(key)?;
        Some((table.as_str(), key.as_str(), default))
    })
}

/// The text as a value of the same kind as the default; text that does not fit stays text, and its error names it.
fn value_like(default: &Value, text: &str) -> Value {
    let as_text = || Value::String(text.to_owned());
    match default {
        Value::Boolean(_) => text.parse().map_or_else(|_| as_text(), Value::Boolean),
        Value::Integer(_) => text.parse().map_or_else(|_| as_text(), Value::Integer),
        Value::Float(_) => text.parse().map_or_else(|_| as_text(), Value::Float),
        Value::Array(_) => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|item| !item.is_empty())
                .map(|item| Value::String(item.to_owned()))
                .collect(),
        ),
        _ => as_text(),
    }
}
