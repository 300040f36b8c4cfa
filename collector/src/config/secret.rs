//! Secrets: a reference to where one is kept, or the secret itself. Never shown.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize, Serializer};

/// What is shown of a secret that stands in the file itself.
const REDACTED: &str = "<redacted>";

/// A secret: `env:NAME` is read from an environment variable, `file:/path` from a file (without its last line end), and
/// anything else is the secret itself.
#[derive(Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

/// Why a secret cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The variable is not set.
    #[error("environment variable {0} is not set")]
    Variable(String),
    /// The file cannot be read.
    #[error("failed to read {path}: {error}")]
    File {
        /// The file.
        path: String,
        /// Why.
        error: std::io::Error,
    },
}

impl Secret {
    /// A secret or a reference to one.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether none is given.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The secret, from where it is kept; empty where none is given.
    ///
    /// # Errors
    /// The variable or the file is not there.
    pub fn reveal(&self) -> Result<String, SecretError> {
        if let Some(name) = self.0.strip_prefix("env:") {
            return std::env::var(name).map_err(|_| SecretError::Variable(name.to_owned()));
        }
        let Some(path) = self.0.strip_prefix("file:") else { return Ok(self.0.clone()) };
        let text = std::fs::read_to_string(Path::new(path))
            .map_err(|error| SecretError::File { path: path.to_owned(), error })?;
        Ok(text.trim_end_matches(['\r', '\n']).to_owned())
    }

    fn shown(&self) -> &str {
        let reference = self.0.starts_with("env:") || self.0.starts_with("file:");
        if reference || self.0.is_empty() { &self.0 } else { REDACTED }
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.shown())
    }
}

impl Serialize for Secret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_and_not_shown() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "s3cret\n").unwrap();
        let kept = Secret::new(&format!("file:{}", file.path().display()));
        assert_eq!(kept.reveal().unwrap(), "s3cret");
        assert!(Secret::new("env:HALFOPEN_TEST_NOT_SET").reveal().unwrap_err().to_string().contains("NOT_SET"));
        assert!(Secret::new("file:/nonexistent/key").reveal().unwrap_err().to_string().contains("/nonexistent/key"));
        let plain = Secret::new("hunter2");
        assert_eq!(plain.reveal().unwrap(), "hunter2");
        for shown in [format!("{plain:?}"), toml::Value::try_from(&plain).unwrap().to_string()] {
            assert!(!shown.contains("hunter2"), "{shown}");
        }
    }
}
