//! A server that takes documents as Elasticsearch's `_bulk` does, keeps to the protocol strictly, and makes trouble.
//!
//! Trouble comes in a fixed sequence: busy, failing, connections that break before and after the documents were taken,
//! and documents that are refused one by one in a request that is otherwise fine.

use std::collections::HashMap;
use std::io::{BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};

use crate::http::request;

/// What the server has seen.
#[derive(Debug, Default)]
pub struct Seen {
    /// Content of every document by index and id.
    pub documents: HashMap<(String, String), Value>,
    /// Documents taken, those that replaced themselves included.
    pub taken: u64,
    /// What was against the protocol.
    pub violations: Vec<String>,
    /// Requests.
    pub requests: u64,
    /// Requests and documents that were made trouble of.
    pub trouble: u64,
}

/// The server. It ends with the process.
#[derive(Debug, Clone)]
pub struct BulkServer {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Seen>>,
}

impl BulkServer {
    /// Starts it. Without `trouble` it takes everything.
    ///
    /// # Panics
    /// It cannot listen.
    pub fn start(trouble: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has ports");
        let server = Self { address: listener.local_addr().expect("it listens"), seen: Arc::default() };
        let shared = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = shared.clone();
                std::thread::spawn(move || server.serve(&stream, trouble));
            }
        });
        server
    }

    /// What it has seen so far.
    pub fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Answers the requests of one connection until it ends; `None` where it broke off.
    fn serve(&self, stream: &TcpStream, trouble: bool) -> Option<()> {
        let mut reader = BufReader::new(stream.try_clone().ok()?);
        loop {
            let (head, body) = request(&mut reader)?;
            let mut seen = self.seen();
            seen.requests += 1;
            let turn = if trouble { seen.requests % 16 } else { 0 };
            seen.trouble += u64::from(matches!(turn, 3 | 6 | 9 | 12));
            let (status, answer) = match turn {
                3 => ("429 Too Many Requests\r\nretry-after: 1", "slow down".to_owned()),
                6 => ("503 Service Unavailable", "no master".to_owned()),
                9 => return None,
                _ => match Self::take(&mut seen, &head, &body, trouble) {
                    Ok(answer) => ("200 OK", answer.to_string()),
                    Err(violation) => {
                        seen.violations.push(violation.clone());
                        ("400 Bad Request", violation)
                    }
                },
            };
            if turn == 12 {
                // Everything was taken, and nobody is told.
                return None;
            }
            drop(seen);
            let head = format!(
                "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                answer.len()
            );
            let mut stream = stream;
            stream.write_all(head.as_bytes()).ok()?;
            stream.write_all(answer.as_bytes()).ok()?;
        }
    }

    fn take(seen: &mut Seen, head: &str, body: &str, trouble: bool) -> Result<Value, String> {
        if !head.starts_with("post /_bulk http/1.1\r\n") {
            return Err(format!("not a bulk request: {head}"));
        }
        if !head.contains("\r\ncontent-type: application/x-ndjson\r\n") {
            return Err(format!("content type: {head}"));
        }
        let lines = body.strip_suffix('\n').ok_or("the last line has no end")?;
        let mut lines = lines.split('\n');
        let mut items = Vec::new();
        while let Some(line) = lines.next() {
            let action: Value = serde_json::from_str(line).map_err(|error| format!("action {line:?}: {error}"))?;
            let action = action.as_object().filter(|action| action.len() == 1).ok_or(format!("action {line:?}"))?;
            let (verb, place) = action.iter().next().ok_or("no action")?;
            let text = |name: &str| place[name].as_str().map(str::to_owned).ok_or(format!("no {name} in {line:?}"));
            let (index, id) = (text("_index")?, text("_id")?);
            if index.is_empty() || index.chars().any(|c| c.is_uppercase() || " \"*\\<|,>/?#:{}".contains(c)) {
                return Err(format!("index {index:?}"));
            }
            if id.is_empty() || id.len() > 512 {
                return Err(format!("id {id:?}"));
            }
            let document = match verb.as_str() {
                "index" => Some(lines.next().ok_or("an action without its document")?),
                "delete" => None,
                other => return Err(format!("verb {other:?}")),
            };
            let document: Option<Value> =
                document.map(serde_json::from_str).transpose().map_err(|error| format!("document of {id}: {error}"))?;
            if document.as_ref().is_some_and(|document| !document.is_object()) {
                return Err(format!("document of {id} is no object"));
            }
            seen.taken += 1;
            let status = match (trouble, seen.taken % 97) {
                (true, 13) => 429,
                (true, 57) => 500,
                _ => 200,
            };
            if status == 200 {
                match document {
                    Some(document) => drop(seen.documents.insert((index, id.clone()), document)),
                    None => drop(seen.documents.remove(&(index, id.clone()))),
                }
                items.push(json!({verb: {"_id": id, "status": 200}}));
            } else {
                seen.trouble += 1;
                let error = json!({"type": "es_rejected_execution_exception", "reason": "rejected"});
                items.push(json!({verb: {"_id": id, "status": status, "error": error}}));
            }
        }
        let errors = items.iter().any(|item| item.to_string().contains("error"));
        Ok(json!({"took": 1, "errors": errors, "items": items}))
    }
}
