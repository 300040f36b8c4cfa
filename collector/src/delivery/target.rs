//! What every sink must be able to do: take some documents, and say of each what became of it.

use std::time::Duration;

use futures::future::BoxFuture;

use super::item::Item;

/// What became of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// The sink has it.
    Taken,
    /// The sink cannot take it now. `blame`: it may be for what the document is, so that trying has an end.
    Later {
        /// What it said.
        reason: String,
        /// Whether the document may be at fault.
        blame: bool,
    },
    /// The sink will never take it.
    Never(String),
}

/// What a sink said to some documents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// One verdict for each document, in their order.
    pub verdicts: Vec<Verdict>,
    /// How long it asks to be left alone.
    pub wait: Option<Duration>,
}

impl Answer {
    /// It took all of them.
    pub fn taken(count: usize) -> Self {
        Self { verdicts: vec![Verdict::Taken; count], wait: None }
    }

    /// It took none and may take them later.
    pub fn later(count: usize, reason: impl Into<String>) -> Self {
        Self { verdicts: vec![Verdict::Later { reason: reason.into(), blame: false }; count], wait: None }
    }

    /// What it said to two parts, one after the other.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.verdicts.extend(other.verdicts);
        self.wait = self.wait.max(other.wait);
        self
    }
}

/// A sink's other end.
pub trait Target: Send {
    /// Sends documents, none of them twice. The answer has a verdict for each.
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer>;

    /// Prepares the other end: templates, policies, topics. Returns what was done, line by line.
    fn setup(&mut self) -> BoxFuture<'_, anyhow::Result<Vec<String>>> {
        Box::pin(async { Ok(vec!["nothing needs to be set up".to_owned()]) })
    }
}
