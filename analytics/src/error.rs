//! Why the store, a query or a detection failed. The crate's only error type.
//!
//! Texts complete "failed to ...": they name the path, the setting or the field.

use std::path::{Path, PathBuf};

use datafusion::error::DataFusionError;

/// Why something in this crate did not work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The operating system refused.
    #[error("failed to {action} {}: {source}", path.display())]
    Io {
        /// What was attempted.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// There is no store where one is expected.
    #[error("no session store at {}", .0.display())]
    Missing(PathBuf),
    /// A Parquet file cannot be read or written.
    #[error("failed to {action} {}: {source}", path.display())]
    Parquet {
        /// What was attempted.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: parquet::errors::ParquetError,
    },
    /// Arrow refused columns.
    #[error("failed to assemble columns: {0}")]
    Arrow(#[from] arrow::error::ArrowError),
    /// A stored row is no session.
    #[error("failed to read sessions: {0}")]
    Batch(#[from] tracker::BatchError),
    /// The query engine refused or broke off.
    #[error("failed to query: {0}")]
    Query(#[from] DataFusionError),
    /// A page cursor that this product did not hand out.
    #[error("unknown cursor {0:?}")]
    Cursor(String),
    /// A setting out of its range.
    #[error("setting {name}: {reason}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A stored result or model is not of this version's form.
    #[error("failed to understand {what} in {}: {reason}", path.display())]
    Form {
        /// What was being read.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// This crate's result.
pub type Result<T, E = StoreError> = std::result::Result<T, E>;

impl StoreError {
    /// Whether a query was broken off because it would have taken more memory than it may.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Query(error) if matches!(error.find_root(), DataFusionError::ResourcesExhausted(_)))
    }

    /// Wraps an operating-system error with what was attempted and where.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}
