//! How many sessions there are and how they ended, over time: what a list of sessions is headed by.
//!
//! One pass over two columns, streamed; what was counted of a file is kept, within bounds.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::TimestampMicrosecondType;
use arrow::record_batch::RecordBatch;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, ident, lit};
use futures::{StreamExt as _, stream};
use tracker::{Micros, Outcome};

use crate::error::Result;
use crate::query::{context, sessions::passing};
use crate::store::footer::SessionFile;
use crate::store::{SessionFilter, SessionStore};

/// Cells that are kept, over all files: some tens of megabytes.
const MOST_KEPT: usize = 500_000;
/// Files that are counted at the same time.
const AT_ONCE: usize = 4;

/// Sessions of a range by cell of time and outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overview {
    /// Number of sessions by start of the cell (microseconds since the epoch) and outcome; none where it is 0.
    pub cells: BTreeMap<(Micros, Outcome), u64>,
}

impl Overview {
    fn add(&mut self, cells: &[(Micros, Outcome, u64)]) {
        for (cell, outcome, count) in cells {
            *self.cells.entry((*cell, *outcome)).or_default() += count;
        }
    }

    /// Number of sessions by outcome, over all cells.
    pub fn outcomes(&self) -> BTreeMap<Outcome, u64> {
        let mut sums = BTreeMap::new();
        for ((_, outcome), count) in &self.cells {
            *sums.entry(*outcome).or_default() += count;
        }
        sums
    }
}

/// Sessions of one file, by cell and outcome.
type Cells = Vec<(Micros, Outcome, u64)>;

/// What was counted of files that lie wholly in a range: files never change, so it holds as long as they do. A page that is
/// looked at again, a little later, costs no more than the files that are new.
#[derive(Debug, Default)]
pub struct Counted {
    files: HashMap<Question, Arc<Cells>>,
    /// The oldest first.
    order: VecDeque<Question>,
    /// Cells of all files together.
    size: usize,
}

/// File, condition as text, and length of a cell.
type Question = (PathBuf, Arc<str>, Micros);

impl Counted {
    fn keep(&mut self, question: Question, cells: Arc<Cells>) {
        self.size += cells.len() + 1;
        if self.files.insert(question.clone(), cells).is_none() {
            self.order.push_back(question);
        }
        while self.size > MOST_KEPT {
            let Some(oldest) = self.order.pop_front() else { return };
            self.size -= self.files.remove(&oldest).map_or(0, |cells| cells.len() + 1);
        }
    }
}

impl SessionStore {
    /// Counts the sessions that pass the filter by outcome, in cells of `step` microseconds that begin at multiples of it.
    /// Interim records are not counted: a long session is one, with its final record.
    ///
    /// # Errors
    /// An I/O error. Corrupt files are left out and reported, not errors.
    pub async fn overview(&self, filter: &SessionFilter, step: Micros) -> Result<Overview> {
        let step = step.max(1);
        loop {
            let files = self.files(filter.from, filter.to)?;
            match self.count(&files, filter, step).await {
                Ok(overview) => return Ok(overview),
                Err(error) if self.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }

    async fn count(&self, files: &[Arc<SessionFile>], filter: &SessionFilter, step: Micros) -> Result<Overview> {
        let whole = |file: &&Arc<SessionFile>| filter.from <= file.first && file.last < filter.to;
        let (inside, cut): (Vec<_>, Vec<_>) = files.iter().partition(whole);
        let condition = filter.timeless();
        let text: Arc<str> = condition.to_string().into();
        let mut overview = Overview::default();
        let mut new = Vec::new();
        for file in inside {
            let question = (file.path.clone(), Arc::clone(&text), step);
            let known = self.counted().files.get(&question).cloned();
            match known {
                Some(cells) => overview.add(&cells),
                None => new.push((Arc::clone(file), condition.clone(), question)),
            }
        }
        let state = context()?.state();
        let mut scans = stream::iter(new.into_iter().map(|new| count_file(&state, new))).buffer_unordered(AT_ONCE);
        while let Some(found) = scans.next().await {
            let (question, cells) = found?;
            overview.add(&cells);
            self.counted().keep(question, cells);
        }
        if !cut.is_empty() {
            let cut: Vec<_> = cut.into_iter().map(Arc::clone).collect();
            overview.add(&cells(&state, &cut, filter.expr(), step).await?);
        }
        Ok(overview)
    }
}

/// The sessions of one file that meet a condition, counted.
async fn count_file(
    state: &SessionState,
    (file, condition, question): (Arc<SessionFile>, Expr, Question),
) -> Result<(Question, Arc<Cells>)> {
    let cells = cells(state, &[file], condition, question.2).await?;
    Ok((question, Arc::new(cells)))
}

/// The sessions of these files that meet a condition, counted.
async fn cells(state: &SessionState, files: &[Arc<SessionFile>], condition: Expr, step: Micros) -> Result<Cells> {
    let condition = condition.and(ident("end_reason").not_eq(lit("active")));
    let mut batches = passing(state, files, &["end", "outcome"], condition)?;
    let mut sums = BTreeMap::new();
    while let Some(batch) = batches.next().await {
        add(&batch?, step, &mut sums);
    }
    Ok(sums.into_iter().map(|((cell, outcome), count)| (cell, outcome, count)).collect())
}

/// Adds the rows of a batch. Neighbours mostly lie in the same cell, so runs of equal rows are counted before they are added.
fn add(batch: &RecordBatch, step: Micros, sums: &mut BTreeMap<(Micros, Outcome), u64>) {
    let ends = batch.column(0).as_primitive::<TimestampMicrosecondType>();
    let outcomes = batch.column(1).as_string::<i32>();
    let mut counts: [u64; Outcome::ALL.len()] = [0; Outcome::ALL.len()];
    let mut flush = |cell: Micros, counts: &mut [u64; Outcome::ALL.len()]| {
        for (outcome, count) in Outcome::ALL.iter().zip(counts).filter(|(_, count)| **count > 0) {
            *sums.entry((cell, *outcome)).or_default() += std::mem::take(count);
        }
    };
    let mut current = None;
    for (end, outcome) in ends.values().iter().zip(outcomes.iter()) {
        let cell = end.div_euclid(step) * step;
        if let Some(before) = current.replace(cell).filter(|before| *before != cell) {
            flush(before, &mut counts);
        }
        let outcome = outcome.and_then(|name| name.parse().ok()).unwrap_or(Outcome::Indeterminate);
        counts[outcome as usize] += 1;
    }
    if let Some(cell) = current {
        flush(cell, &mut counts);
    }
}
