//! Hands over to one sink what of the store it has not had: results that are new or changed, and sessions.
//!
//! The store is the queue behind the spool: when the spool is full, nothing is read, and nothing is lost. Must not know
//! when documents are sent.

use std::collections::{BTreeMap, HashSet};

use analytics::{Found, Part, ResultStore, SessionStore, StoredFile};
use jobs::{Document, Documents, Prefix};

use super::item::{Item, Kind};
use super::ledger::{ALL, Contents, Day, Ledger, hash};
use super::worker::Queue;
use crate::config::Sink;
use crate::config::delivery::{SinkKind, Wanted};

/// Documents handed over between looks at the room that is left.
const PART: usize = 4_096;
const DAY: i64 = 86_400_000;

/// Fills the queue of one sink.
#[derive(Debug)]
pub struct Feed {
    sink: Sink,
    queue: Queue,
    documents: Documents,
    ledger: Ledger,
}

impl Feed {
    /// Goes on where the ledger says.
    pub fn new(sink: &Sink, queue: Queue, ledger: Ledger, prefix: &Prefix) -> Self {
        Self { documents: Documents::new(sink.schema, prefix.clone()), sink: sink.clone(), queue, ledger }
    }

    /// Hands over what there is room for, at `now` (ms).
    ///
    /// # Errors
    /// The store cannot be read or the spool cannot be written; the next call goes on where this one ended.
    pub fn advance(&mut self, store: &SessionStore, results: &ResultStore, now: i64) -> anyhow::Result<()> {
        if self.sink.wanted().iter().any(|wanted| *wanted != Wanted::Sessions) {
            self.results(results, now)?;
        }
        if self.sink.wanted().contains(&Wanted::Sessions) {
            self.sessions(store, now)?;
        }
        Ok(())
    }

    /// Nothing before this (ms) is handed over.
    fn since(&self) -> i64 {
        self.ledger.begun().saturating_sub(i64::try_from(self.sink.history.0.as_millis()).unwrap_or(i64::MAX))
    }

    fn results(&mut self, results: &ResultStore, now: i64) -> anyhow::Result<()> {
        if self.queue.is_full() {
            return Ok(());
        }
        let changes = results.changes(self.ledger.segments())?;
        if changes.segments == *self.ledger.segments() {
            return Ok(());
        }
        let sealed: Vec<Found> = changes.found.into_iter().filter(|found| !found.is_interim()).collect();
        if self.hand_over(&sealed, now)? {
            self.ledger.set_segments(changes.segments)?;
            self.ledger.forget_days(changes.oldest.map_or(i64::MIN, |oldest| oldest.div_euclid(DAY)))?;
        }
        Ok(())
    }

    /// Hands over what changed of these buckets, day by day; false when there was no room for all of it.
    fn hand_over(&mut self, found: &[Found], now: i64) -> anyhow::Result<bool> {
        let since = self.since();
        let mut days: BTreeMap<i64, Vec<&Found>> = BTreeMap::new();
        for found in found.iter().filter(|found| found.timestamp() >= since) {
            days.entry(found.timestamp().div_euclid(DAY)).or_default().push(found);
        }
        for (day, all) in days {
            let mut day = self.ledger.day(day)?;
            let mut room = true;
            for part in all.chunks(64) {
                room = !self.queue.is_full();
                if !room {
                    break;
                }
                let items: Vec<Item> =
                    part.iter().flat_map(|found| self.changed(self.unit(found), &mut day, now)).collect();
                self.queue.put(&items)?;
            }
            // After the spool: a crash in between hands the same over once more, under the same ids.
            day.save()?;
            if !room {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What a bucket holds that was not handed over, and what it holds no longer.
    fn changed(&self, unit: Unit, day: &mut Day, now: i64) -> Vec<Item> {
        let (wanted, others): (Vec<_>, Vec<_>) = unit.documents.into_iter().partition(|(wanted, _)| *wanted);
        let others: HashSet<String> = others.into_iter().map(|(_, document)| document.id).collect();
        let text = |document: Document| (document.id, serde_json::Value::Object(document.body).to_string());
        let wanted: Vec<(String, String)> = wanted.into_iter().map(|(_, document)| text(document)).collect();
        let contents: Contents = wanted.iter().map(|(id, body)| (id.clone(), hash(body))).collect();
        let (new, mut gone) = day.replace(&unit.name, contents);
        // What is only not wanted any more stays where it is.
        gone.retain(|id| !others.contains(id));
        if !matches!(self.sink.kind, SinkKind::Elasticsearch | SinkKind::Opensearch | SinkKind::Kafka) {
            gone.clear();
        }
        let changed = wanted.into_iter().filter(|(id, _)| new.contains(id)).map(|(id, body)| (id, Some(body)));
        let items = changed.chain(gone.into_iter().map(|id| (id, None)));
        let (job, time) = (unit.job, unit.time);
        items.map(|(id, body)| Item { kind: Kind::Anomalies, id, job: job.clone(), time, queued: now, body }).collect()
    }

    /// A bucket of one job.
    fn unit(&self, found: &Found) -> Unit {
        let (finder, time) = (found.finder(), found.timestamp());
        let wants = |(part, score, document): (Part, jobs::Score, Document)| {
            let wanted = match part {
                Part::Record => Wanted::Records,
                Part::Bucket => Wanted::Buckets,
                Part::Influencer => Wanted::Influencers,
                Part::ModelPlot | Part::OverallBucket => return (false, document),
            };
            (self.sink.wanted().contains(&wanted) && score.value() >= self.sink.min_score, document)
        };
        Unit {
            name: format!("{time} {} {}", found.bucket_span(), finder.name()),
            job: finder.job(&self.documents.prefix, self.sink.schema).to_string(),
            time,
            documents: found.documents(Some(self.sink.schema), &self.documents.prefix).into_iter().map(wants).collect(),
        }
    }

    fn sessions(&mut self, store: &SessionStore, now: i64) -> anyhow::Result<()> {
        let since = self.since().saturating_mul(1_000);
        let files = store.stored_files(since)?;
        for file in &files {
            let names: Vec<&str> = file.originals().collect();
            if self.ledger.rows(file.name()) == ALL || names.iter().all(|name| self.ledger.rows(name) == ALL) {
                continue;
            }
            if !self.session_file(file, since, now)? {
                return Ok(());
            }
        }
        // What was merged is known by the merged file's name from now on.
        for file in &files {
            let all = file.originals().all(|name| self.ledger.rows(name) == ALL);
            if all && self.ledger.rows(file.name()) != ALL {
                self.ledger.set_rows(file.name(), ALL)?;
            }
        }
        self.ledger.retain_files(files.iter().map(StoredFile::name));
        Ok(())
    }

    /// Hands over a file; false when there is no more room.
    fn session_file(&mut self, file: &StoredFile, since: i64, now: i64) -> anyhow::Result<bool> {
        loop {
            if self.queue.is_full() {
                return Ok(false);
            }
            let rows = self.ledger.rows(file.name());
            let sessions = match file.read(usize::try_from(rows)?, PART) {
                Ok(sessions) => sessions,
                Err(error) => {
                    // Merged or removed meanwhile, or corrupt: the next listing tells.
                    tracing::debug!(file = file.name(), %error, "session file not handed over");
                    return Ok(true);
                }
            };
            let count = sessions.len() as u64;
            let items: Vec<Item> = sessions
                .iter()
                .filter(|session| session.end >= since)
                .map(|session| {
                    let Document { id, body } = self.documents.session(session);
                    let body = Some(serde_json::Value::Object(body).to_string());
                    let time = session.start.div_euclid(1_000);
                    Item { kind: Kind::Sessions, id, job: String::new(), time, queued: now, body }
                })
                .collect();
            self.queue.put(&items)?;
            let whole = count < PART as u64;
            self.ledger.set_rows(file.name(), if whole { ALL } else { rows + count })?;
            if whole {
                return Ok(true);
            }
        }
    }
}

/// The documents of one bucket of one job, each with whether it is wanted.
struct Unit {
    /// Name of the bucket in the ledger.
    name: String,
    /// Job id.
    job: String,
    /// Start of the bucket, ms.
    time: i64,
    documents: Vec<(bool, Document)>,
}

#[cfg(test)]
mod tests;
