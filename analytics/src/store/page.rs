//! Pages of sessions, newest first, with a cursor that stays good while new sessions arrive.
//!
//! The order is total (end, id, then everything that tells records of one session apart); a cursor names the last
//! row's end and id and how many rows with the same two were handed out.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::{Expr, SortExpr, ident, lit};
use datafusion::prelude::SessionContext;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use tracker::{Micros, SessionRecord, read_batch};

use crate::error::{Result, StoreError};
use crate::query::{context, sessions::StoredSessions};
use crate::store::SessionStore;
use crate::store::filter::{SessionFilter, time_literal};
use crate::store::footer::SessionFile;
use crate::store::layout::HOUR;

/// Hours are read newest first, in strides that grow up to this.
const LONGEST_STRIDE: usize = 48;
/// Files of an hour that are read at first; four times as many where they do not suffice.
const FIRST_FILES: usize = 8;

/// Some items and where to go on.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Cursor of the next page; `None`: this was the last one.
    pub next: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cursor {
    end: Micros,
    id: u64,
    skip: usize,
}

impl Cursor {
    fn parse(text: &str) -> Result<Self> {
        let parse = || {
            let mut parts = text.splitn(3, '-');
            let end = parts.next()?.parse().ok()?;
            let id = u64::from_str_radix(parts.next()?, 16).ok()?;
            Some(Self { end, id, skip: parts.next()?.parse().ok().filter(|skip| *skip <= 1_000_000)? })
        };
        parse().ok_or_else(|| StoreError::Cursor(text.to_owned()))
    }

    fn format(self) -> String {
        format!("{}-{:x}-{}", self.end, self.id, self.skip)
    }
}

impl SessionStore {
    /// Sessions that pass the filter, newest end first, at most `limit` of them, from `cursor` on.
    ///
    /// # Errors
    /// An unknown cursor, or an I/O error. Corrupt files are left out and reported, not errors.
    pub async fn sessions_page(
        &self,
        filter: &SessionFilter,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Page<SessionRecord>> {
        let cursor = cursor.map(Cursor::parse).transpose()?;
        let wanted = limit.max(1);
        let mut needed = wanted + 1 + cursor.map_or(0, |cursor| cursor.skip);
        let to = cursor.map_or(filter.to, |cursor| filter.to.min(cursor.end.saturating_add(1)));
        let condition = cursor.map_or_else(|| filter.expr(), |cursor| filter.expr().and(not_after(cursor)));
        let mut rows = Vec::new();
        if filter.from < to {
            let mut hours = self.hours(filter.from, to - 1)?;
            let mut stride = 1;
            while needed > 0 && !hours.is_empty() {
                let chunk = hours.split_off(hours.len().saturating_sub(stride));
                stride = (stride * 2).min(LONGEST_STRIDE);
                let (first, last) = (chunk[0] * HOUR, (chunk[chunk.len() - 1] + 1) * HOUR);
                let found = self.newest(&condition, filter.from.max(first), to.min(last), needed).await?;
                needed -= found.len().min(needed);
                rows.extend(found);
            }
        }
        Ok(cut(rows, cursor, wanted))
    }

    /// The newest `limit` sessions of a time range, reading again without what turns out corrupt. The running hour has a
    /// file for every few seconds: files are read newest first, and no more of them than can hold what is asked for.
    async fn newest(&self, condition: &Expr, from: Micros, to: Micros, limit: usize) -> Result<Vec<SessionRecord>> {
        let mut count = FIRST_FILES;
        loop {
            let mut files = self.files(from, to)?;
            if files.is_empty() {
                return Ok(Vec::new());
            }
            files.sort_by_key(|file| std::cmp::Reverse(file.last));
            let unread = files.get(count).map(|file| file.last);
            files.truncate(count);
            match read_newest(files.clone(), condition, limit).await {
                Ok(batches) => {
                    let mut rows = Vec::new();
                    for batch in &batches {
                        rows.extend(read_batch(batch)?);
                    }
                    let oldest = rows.get(limit.saturating_sub(1)).map(|row: &SessionRecord| row.end);
                    if unread.is_none_or(|unread| oldest.is_some_and(|oldest| unread < oldest)) {
                        return Ok(rows);
                    }
                    count *= 4;
                }
                Err(error) if self.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

async fn read_newest(files: Vec<Arc<SessionFile>>, condition: &Expr, limit: usize) -> Result<Vec<RecordBatch>> {
    let context: SessionContext = context()?;
    let table = context.read_table(Arc::new(StoredSessions::of_files(files)))?;
    Ok(table.filter(condition.clone())?.sort(order())?.limit(0, Some(limit))?.collect().await?)
}

/// Newest first; the later columns only make the order total.
fn order() -> Vec<SortExpr> {
    let descending = |name: &str| ident(name).sort(false, false);
    [
        "end",
        "session_id",
        "start",
        "client_ip",
        "client_port",
        "server_ip",
        "server_port",
        "observer",
        "end_reason",
        "client_packets",
    ]
    .into_iter()
    .map(descending)
    .collect()
}

fn not_after(cursor: Cursor) -> Expr {
    let at = || time_literal(cursor.end);
    ident("end").lt(at()).or(ident("end").eq(at()).and(ident("session_id").lt_eq(lit(cursor.id))))
}

fn cut(mut rows: Vec<SessionRecord>, cursor: Option<Cursor>, wanted: usize) -> Page<SessionRecord> {
    let same = |row: &SessionRecord, cursor: Cursor| row.end == cursor.end && row.session_id == cursor.id;
    if let Some(cursor) = cursor {
        let skip = rows.iter().take(cursor.skip).take_while(|row| same(row, cursor)).count();
        rows.drain(..skip);
    }
    let more = rows.len() > wanted;
    rows.truncate(wanted);
    let next = rows.last().filter(|_| more).map(|last| {
        let end = Cursor { end: last.end, id: last.session_id, skip: 0 };
        let here = rows.iter().rev().take_while(|row| same(row, end)).count();
        // A run that fills the whole page continues the one that the cursor was in.
        let before = cursor.filter(|c| here == rows.len() && same(last, *c)).map_or(0, |c| c.skip);
        Cursor { skip: here + before, ..end }.format()
    });
    Page { items: rows, next }
}

/// Reads a file to its end.
///
/// # Errors
/// What is wrong with it, as text for the report.
pub(crate) fn read_through(path: &Path) -> std::result::Result<Vec<RecordBatch>, String> {
    let file = File::open(path).map_err(|e| e.to_string())?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).and_then(|b| b.build()).map_err(|e| e.to_string())?;
    reader.collect::<std::result::Result<_, _>>().map_err(|e| e.to_string())
}
