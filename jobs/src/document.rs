//! Result documents: records, buckets and influencers with the field names of Elastic's anomaly results.
//!
//! Owns how a result becomes a document in one vocabulary. Must not know how results are computed or sent.

mod bucket;
pub mod csv;
mod job;
mod record;
mod session;
#[cfg(test)]
mod tests;
pub mod write;

use serde_json::{Map, Value};
use tracker::Perspective;

use crate::id::{JobId, Prefix};
use crate::schema::{Concept, Schema};

pub use bucket::{JobScore, overall, overall_buckets};
pub use job::JobDocuments;

/// One document and its id. The same result always has the same id, so that sending it again replaces it.
#[derive(Debug, Clone, PartialEq)]
pub struct Document {
    /// Id, unique within the results of all jobs.
    pub id: String,
    /// Content.
    pub body: Map<String, Value>,
}

/// Writes results as documents of one vocabulary.
#[derive(Debug, Clone)]
pub struct Documents {
    /// Vocabulary.
    pub schema: Schema,
    /// What job ids begin with.
    pub prefix: Prefix,
}

/// The detector of the eight jobs is their only one.
const DETECTOR_INDEX: u64 = 0;
const FUNCTION: &str = "high_count";
const FUNCTION_DESCRIPTION: &str = "count";

impl Documents {
    /// Writes results in this vocabulary, under job ids with this prefix.
    pub const fn new(schema: Schema, prefix: Prefix) -> Self {
        Self { schema, prefix }
    }

    fn job(&self, perspective: Perspective) -> JobId {
        JobId::of(&self.prefix, self.schema, perspective)
    }

    /// The field and value under which an influencer is written.
    ///
    /// A server port is written as the name of the port, which is what the jobs count by.
    fn influencer(&self, field: &str, value: &str) -> (String, String) {
        let concept = match field {
            "client_ip" => Concept::ClientAddress,
            "server_ip" => Concept::ServerAddress,
            "server_port" => Concept::ServerPortName,
            "outcome" => Concept::Outcome,
            "observer" => Concept::Exporter,
            other => return (other.to_owned(), value.to_owned()),
        };
        let value = match (concept, value.parse()) {
            (Concept::ServerPortName, Ok(port)) => port_name(port, None),
            _ => value.to_owned(),
        };
        (concept.field(self.schema).to_owned(), value)
    }
}

/// The name of a port; its number where it has none.
fn port_name(port: u16, service: Option<&str>) -> String {
    const TCP: u8 = 6;
    let name = service.or_else(|| tracker::service::service_name(TCP, port));
    name.map_or_else(|| port.to_string(), str::to_owned)
}

/// A 64-bit FNV-1a hash: short, and the same on every machine and in every version.
fn stable_hash<'a>(parts: impl IntoIterator<Item = &'a str>) -> u64 {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in parts {
        for byte in part.bytes().chain([0xff]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    hash
}

/// A document under construction.
struct Body(Map<String, Value>);

impl Body {
    fn new(job: &JobId, result_type: &str) -> Self {
        let mut body = Self(Map::new());
        body.put("job_id", job.as_str());
        body.put("result_type", result_type);
        body
    }

    fn put(&mut self, key: &str, value: impl Into<Value>) {
        self.0.insert(key.to_owned(), value.into());
    }

    /// Adds a value under its own field name, as Elastic does for every by-, over-, partition- and influencer field.
    fn flat(&mut self, field: &str, value: &str) {
        let values = self.0.entry(field).or_insert_with(|| Value::Array(Vec::new()));
        if let Value::Array(values) = values
            && !values.iter().any(|known| known == value)
        {
            values.push(Value::from(value));
        }
    }
}
