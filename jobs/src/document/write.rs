//! Documents as text: NDJSON and the bulk form of Elasticsearch.
//!
//! Pure functions from documents to lines. Must not know files, sockets or results.

use serde_json::{Map, Value, json};

use super::Document;

/// One JSON object a line, with its id under `_id` first.
pub fn ndjson(documents: impl IntoIterator<Item = Document>) -> impl Iterator<Item = String> {
    documents.into_iter().map(|document| {
        let mut line = Map::new();
        line.insert("_id".to_owned(), Value::String(document.id));
        line.extend(document.body);
        format!("{}\n", Value::Object(line))
    })
}

/// Two lines a document, as Elasticsearch's `_bulk` takes them: what to do, and the document.
pub fn bulk(documents: impl IntoIterator<Item = Document>, index: &str) -> impl Iterator<Item = String> {
    documents.into_iter().map(move |document| {
        let action = json!({"index": {"_index": index, "_id": document.id}});
        format!("{action}\n{}\n", Value::Object(document.body))
    })
}
