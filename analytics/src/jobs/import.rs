//! Taking in what people bring: jobs, lists of values and calendars, in one JSON document.

use jobs::JobId;
use jobs::definition::from_json;
use jobs::json::{Node, ReadError};
use serde::Deserialize;
use serde_json::Value;

use super::agenda::JobCalendar;
use super::plan::Refused;
use super::shelf::JobShelf;
use crate::error::StoreError;

/// What became of a job that was to be imported.
#[derive(Debug)]
pub struct Imported {
    /// The job.
    pub id: JobId,
    /// Whether it is new or another than before; or why it cannot be run, and so was not imported.
    pub outcome: std::result::Result<bool, Refused>,
    /// What the user should know.
    pub notes: Vec<String>,
}

/// Why a document was not taken in at all.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// It is not understood.
    #[error(transparent)]
    Content(#[from] ReadError),
    /// The store cannot be written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A list of values, as `PUT _ml/filters` takes it.
#[derive(Debug, Deserialize)]
struct List {
    filter_id: String,
    #[serde(default)]
    items: Vec<String>,
}

/// Takes in the jobs of a document, and lists (`filter_id`) and calendars (`calendar_id`) beside them. Jobs that cannot
/// be run are told and left out. With `keep` false nothing is written.
///
/// # Errors
/// The document is not understood, or the store cannot be written.
pub fn import(
    shelf: &JobShelf,
    document: &Value,
    now: i64,
    keep: bool,
) -> std::result::Result<Vec<Imported>, ImportError> {
    let (others, jobs): (Vec<(usize, &Value)>, Vec<(usize, &Value)>) = match document {
        Value::Array(items) => items.iter().enumerate().partition(|(_, item)| is_other(item)),
        other if is_other(other) => (vec![(0, other)], Vec::new()),
        _ => (Vec::new(), Vec::new()),
    };
    for (index, other) in &others {
        let path = if document.is_array() { format!("$[{index}]") } else { "$".to_owned() };
        let wrong = |error: serde_json::Error| Node::at(other, path.as_str()).refuse(error.to_string());
        if other.get("filter_id").is_some() {
            let list: List = serde_json::from_value((*other).clone()).map_err(wrong)?;
            if keep {
                let mut lists = shelf.lists()?;
                lists.insert(list.filter_id, list.items.into_iter().collect());
                shelf.set_lists(&lists)?;
            }
        } else {
            let calendar: JobCalendar = serde_json::from_value((*other).clone()).map_err(wrong)?;
            if keep {
                shelf.set_calendar(&calendar.calendar_id.clone(), Some(calendar))?;
            }
        }
    }
    let definitions = if others.is_empty() {
        from_json(document)?
    } else {
        from_json(&Value::Array(jobs.into_iter().map(|(_, job)| job.clone()).collect()))?
    };
    let mut imported = Vec::new();
    for definition in definitions {
        let id = definition.id.clone();
        let (outcome, notes) = match shelf.plan(&definition) {
            Ok(plan) => (Ok(keep && shelf.put(&definition, now)?), plan.notes),
            Err(refused) => (Err(refused), Vec::new()),
        };
        imported.push(Imported { id, outcome, notes });
    }
    Ok(imported)
}

fn is_other(item: &Value) -> bool {
    item.get("filter_id").is_some() || item.get("calendar_id").is_some()
}
