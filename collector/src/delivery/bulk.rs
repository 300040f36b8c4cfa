//! Elasticsearch and OpenSearch: documents by `_bulk`, each under its own id, so that sending one again replaces it.
//!
//! Owns the form of requests and what answers mean. Must not know when it is called.

pub mod setup;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use reqwest::{Client, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Answered, client, explain};
use super::item::Item;
use super::target::{Answer, Target, Verdict};
use crate::config::Sink;

/// A cluster.
pub struct Bulk {
    client: Client,
    sink: Sink,
    /// Which of the addresses is used; the next one after a failure.
    node: usize,
}

#[derive(Debug, Deserialize)]
struct BulkAnswer {
    items: Vec<BulkItem>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum BulkItem {
    Index(Outcome),
    Delete(Outcome),
}

#[derive(Debug, Deserialize)]
struct Outcome {
    status: u16,
    #[serde(default)]
    error: Value,
}

impl Bulk {
    /// The cluster of this sink. Nothing is sent.
    ///
    /// # Errors
    /// A certificate or secret is not there.
    pub fn new(sink: &Sink) -> anyhow::Result<Self> {
        Ok(Self { client: client(sink)?, sink: sink.clone(), node: 0 })
    }

    /// The address of a path at the node in use.
    fn url(&self, path: &str) -> String {
        let base = self.sink.urls.get(self.node % self.sink.urls.len().max(1)).map_or("", String::as_str);
        format!("{}/{path}", base.trim_end_matches('/'))
    }

    /// The lines of a request: what to do, then the document.
    fn lines(&self, items: &[Item]) -> String {
        let mut lines = String::new();
        for item in items {
            let place = json!({"_index": item.fill(&self.sink.index, self.sink.schema), "_id": item.id});
            let _ = match &item.body {
                Some(body) => writeln!(lines, "{}\n{body}", json!({"index": place})),
                None => writeln!(lines, "{}", json!({"delete": place})),
            };
        }
        lines
    }

    fn post<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        self.attempt(items).boxed()
    }

    async fn attempt(&mut self, items: &[Item]) -> Answer {
        let request = self.client.post(self.url("_bulk")).header("content-type", "application/x-ndjson");
        let answered = match request.body(self.lines(items)).send().await {
            Ok(response) => Answered::read(response).await.map_err(|error| format!("{error:#}")),
            Err(error) => Err(explain(&error)),
        };
        match answered {
            Ok(answered) => self.judge(items, &answered).await,
            Err(reason) => {
                self.node = self.node.wrapping_add(1);
                Answer::later(items.len(), reason)
            }
        }
    }

    async fn judge(&mut self, items: &[Item], answered: &Answered) -> Answer {
        let too_large = answered.status == StatusCode::PAYLOAD_TOO_LARGE || answered.status == StatusCode::BAD_REQUEST;
        if answered.status.is_success() {
            return verdicts(items.len(), &answered.body);
        }
        if too_large && items.len() > 1 {
            // The request as a whole was refused: the halves tell for whose sake.
            let (left, right) = items.split_at(items.len() / 2);
            let left = self.post(left).await;
            return left.and(self.post(right).await);
        }
        if too_large {
            return Answer { verdicts: vec![Verdict::Never(answered.reason())], wait: None };
        }
        self.node = self.node.wrapping_add(1);
        Answer { wait: answered.wait, ..Answer::later(items.len(), answered.reason()) }
    }
}

/// What a `_bulk` answer says of each document.
fn verdicts(count: usize, body: &[u8]) -> Answer {
    let answer: BulkAnswer = match serde_json::from_slice(body) {
        Ok(answer) => answer,
        Err(error) => return Answer::later(count, format!("the answer is none of _bulk: {error}")),
    };
    if answer.items.len() != count {
        return Answer::later(count, format!("the answer speaks of {} of {count} documents", answer.items.len()));
    }
    let verdict = |item: BulkItem| match item {
        BulkItem::Delete(Outcome { status: 404, .. }) => Verdict::Taken,
        BulkItem::Index(outcome) | BulkItem::Delete(outcome) => verdict(&outcome),
    };
    Answer { verdicts: answer.items.into_iter().map(verdict).collect(), wait: None }
}

fn verdict(outcome: &Outcome) -> Verdict {
    let kind = outcome.error.get("type").and_then(Value::as_str).unwrap_or_default();
    let why = outcome.error.get("reason").and_then(Value::as_str).unwrap_or_default();
    let cause = outcome.error.pointer("/caused_by/reason").and_then(Value::as_str).unwrap_or_default();
    let reason = || format!("{} {kind}: {why} {cause}", outcome.status).trim_end().to_owned();
    match outcome.status {
        200..=299 => Verdict::Taken,
        // Too busy, no rights, blocked, no such index where none may be made: not for what the document is.
        401 | 403 | 404 | 408 | 429 | 502..=504 => Verdict::Later { reason: reason(), blame: false },
        500..=599 => Verdict::Later { reason: reason(), blame: true },
        _ => Verdict::Never(reason()),
    }
}

impl Target for Bulk {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        self.post(items)
    }

    fn setup(&mut self) -> BoxFuture<'_, anyhow::Result<Vec<String>>> {
        setup::install(self).boxed()
    }
}
