//! Query contexts: the settings that all queries share, and the memory that each may take.

use std::sync::atomic::{AtomicUsize, Ordering};

use datafusion::error::Result;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::prelude::{SessionConfig, SessionContext};

/// Bytes that one query may take, see [`limit_query_memory`].
static MEMORY: AtomicUsize = AtomicUsize::new(1_000_000_000);

/// Lets no query of this process that starts from now on take more memory than this, in bytes; 1 GB unless told.
///
/// Sorting and grouping go on in files of the system's temporary folder then; what cannot fails with an error.
pub fn limit_query_memory(bytes: u64) {
    MEMORY.store(usize::try_from(bytes).unwrap_or(usize::MAX), Ordering::Relaxed);
}

/// A context for a question, which may take [so much memory](limit_query_memory).
pub(crate) fn context() -> Result<SessionContext> {
    let runtime = RuntimeEnvBuilder::new().with_memory_limit(MEMORY.load(Ordering::Relaxed), 1.0).build_arc()?;
    Ok(SessionContext::new_with_config_rt(config(), runtime))
}

/// A context for what detection counts, which must not fail for lack of memory: who uses it asks of few sessions at
/// a time.
pub(crate) fn counting_context() -> SessionContext {
    SessionContext::new_with_config(config())
}

/// The settings that all queries share.
fn config() -> SessionConfig {
    SessionConfig::new()
        .with_information_schema(true)
        .set_bool("datafusion.execution.parquet.pushdown_filters", true)
        .set_str("datafusion.execution.time_zone", "UTC")
}
