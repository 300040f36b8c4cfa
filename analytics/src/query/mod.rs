//! Read-only SQL over the store: the tables `sessions` and `results`.
//!
//! Owns how stored columns are shown to people; must not know how results are made.

pub(crate) mod address;
mod bounds;
pub(crate) mod community;
mod context;
pub(crate) mod filter;
pub(crate) mod flows;
pub(crate) mod functions;
pub(crate) mod overview;
mod results;
mod rollups;
pub(crate) mod sessions;
mod whole;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arrow::datatypes::SchemaRef;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::context::SQLOptions;
use jobs::Prefix;

use crate::error::Result;
use crate::store::SessionStore;
use crate::store::layout::{DAYS, HOURS};
pub use context::limit_query_memory;
pub(crate) use context::{context, counting_context};
use filter::Filter;
use whole::{Scanned, whole};

/// Runs SQL over a store. Reads only.
#[derive(Debug, Clone)]
pub struct QueryEngine {
    store: SessionStore,
    only: Option<Filter>,
    prefix: Prefix,
}

impl QueryEngine {
    /// An engine over this store.
    pub fn new(store: &SessionStore) -> Self {
        Self { store: store.clone(), only: None, prefix: Prefix::default() }
    }

    /// The engine with only those sessions in its table that pass the filter.
    #[must_use]
    pub fn only(self, filter: Option<Filter>) -> Self {
        Self { only: filter, ..self }
    }

    /// The engine with job ids that begin with this.
    #[must_use]
    pub fn named(self, prefix: Prefix) -> Self {
        Self { prefix, ..self }
    }

    /// Runs one query.
    ///
    /// `sessions` has the stored columns, with addresses as text; equality, `IN` and `cidr_match(client_ip,
    /// '10.0.0.0/8')` on addresses and ranges of `"end"` decide which files and pages are read. `results` has one row
    /// per record, bucket and influencer (`result_type`) of every job (`job_id`), imported ones too. `sessions_hourly` and `sessions_daily` have sums of sessions by
    /// `time`, parties and outcome, for long ranges. Session files that turn out corrupt are left out and reported,
    /// without a row of theirs being given.
    ///
    /// # Errors
    /// The SQL is wrong, or would change something (DDL, DML, `COPY`, `SET`).
    pub async fn sql(&self, sql: &str) -> Result<(SchemaRef, SendableRecordBatchStream)> {
        loop {
            let scanned = Scanned::default();
            match self.start(sql, &scanned).await {
                Ok(stream) => match whole(stream, &self.store, &scanned).await? {
                    Some(stream) => return Ok((stream.schema(), stream)),
                    None => tracing::debug!("query started again without corrupt files"),
                },
                Err(error) if scanned.weed(&self.store) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    /// Plans a query and starts it.
    async fn start(&self, sql: &str, scanned: &Scanned) -> Result<SendableRecordBatchStream> {
        let context = context()?;
        for function in [functions::ip_text(), functions::cidr_match(), functions::reported_by()] {
            context.register_udf(function);
        }
        let sessions = sessions::TextSessions::of_store(self.store.clone(), scanned.clone(), self.only.as_ref());
        context.register_table("sessions", Arc::new(sessions))?;
        context.register_table("results", Arc::new(results::table(&self.store, &self.prefix)?))?;
        for (name, folder, span) in [("sessions_hourly", HOURS, 3_600), ("sessions_daily", DAYS, 86_400)] {
            let table = rollups::RollupTable::of_store(self.store.clone(), folder, span);
            context.register_table(name, Arc::new(table))?;
        }
        let read_only = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
        Ok(context.sql_with_options(sql, read_only).await?.execute_stream().await?)
    }
}
