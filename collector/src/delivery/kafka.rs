//! Kafka: documents as records whose key is the document's id, so that a compacted topic keeps one of each.
//!
//! A key always goes to the same partition. A document that exists no longer is a record without a value. Every write is
//! acknowledged by all replicas in sync.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use rskafka::BackoffConfig;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, PartitionClient, UnknownTopicHandling};
use rskafka::client::{Client, ClientBuilder, Credentials, SaslConfig};
use rskafka::record::Record;

use super::item::{Item, Kind, fill};
use super::target::{Answer, Target, Verdict};
use crate::config::Sink;
use crate::config::delivery::Sasl;

/// Brokers take batches of a megabyte unless told otherwise.
const BATCH_BYTES: usize = 900 * 1024;
/// Partitions and replicas of topics that `setup` makes.
const PARTITIONS: i32 = 3;

/// A cluster of brokers.
pub struct Kafka {
    sink: Sink,
    connection: Option<Connection>,
}

struct Connection {
    client: Client,
    /// Numbers of each topic's partitions, ascending.
    topics: HashMap<String, Vec<i32>>,
    partitions: HashMap<(String, i32), Arc<PartitionClient>>,
}

/// Documents of one partition: their places among those to be sent, and their records.
type Part = (Vec<usize>, Vec<Record>);

impl Kafka {
    /// The brokers of this sink. Nothing is sent.
    pub fn new(sink: &Sink) -> Self {
        Self { sink: sink.clone(), connection: None }
    }

    fn patience(&self) -> Duration {
        self.sink.timeout.0
    }

    async fn connect(&mut self) -> anyhow::Result<&mut Connection> {
        if self.connection.is_none() {
            // Before our own patience ends, so that the error says why.
            let backoff = BackoffConfig { deadline: Some(self.patience().mul_f64(0.7)), ..BackoffConfig::default() };
            let mut builder = ClientBuilder::new(self.sink.urls.clone()).client_id("halfopen").backoff_config(backoff);
            if self.sink.tls {
                builder = builder.tls_config(super::tls::client(&self.sink.ca)?);
            }
            if !self.sink.username.is_empty() {
                let credentials = Credentials::new(self.sink.username.clone(), self.sink.password.reveal()?);
                builder = builder.sasl_config(match self.sink.sasl {
                    Sasl::Plain => SaslConfig::Plain(credentials),
                    Sasl::Scram256 => SaslConfig::ScramSha256(credentials),
                    Sasl::Scram512 => SaslConfig::ScramSha512(credentials),
                });
            }
            let client =
                tokio::time::timeout(self.patience(), builder.build()).await.context("no broker answers")??;
            self.connection = Some(Connection { client, topics: HashMap::new(), partitions: HashMap::new() });
        }
        self.connection.as_mut().context("no broker answers")
    }

    async fn deliver(&mut self, items: &[Item]) -> anyhow::Result<Vec<Verdict>> {
        let (pattern, schema, patience) = (self.sink.topic.clone(), self.sink.schema, self.patience());
        let connection = self.connect().await?;
        let mut parts: BTreeMap<(String, i32), Vec<Part>> = BTreeMap::new();
        for (place, item) in items.iter().enumerate() {
            let topic = item.fill(&pattern, schema);
            let partition = connection.partition_of(&topic, &item.id).await?;
            let record = record(item);
            let parts = parts.entry((topic, partition)).or_default();
            let size =
                |part: &Part| part.1.iter().map(Record::approximate_size).sum::<usize>() + record.approximate_size();
            match parts.last_mut() {
                Some(part) if size(part) <= BATCH_BYTES => {
                    part.0.push(place);
                    part.1.push(record);
                }
                _ => parts.push((vec![place], vec![record])),
            }
        }
        let mut verdicts = vec![Verdict::Taken; items.len()];
        for ((topic, partition), parts) in parts {
            let leader = connection.leader(&topic, partition).await?;
            for (places, records) in parts {
                let sent = tokio::time::timeout(patience, leader.produce(records, Compression::NoCompression)).await;
                let verdict = match sent {
                    Ok(Ok(_)) => continue,
                    Ok(Err(error)) if is_too_large(&error) && places.len() == 1 => Verdict::Never(error.to_string()),
                    Ok(Err(error)) => Verdict::Later { reason: error.to_string(), blame: false },
                    Err(_) => Verdict::Later { reason: "the broker does not answer".to_owned(), blame: false },
                };
                places.iter().for_each(|place| verdicts[*place] = verdict.clone());
            }
        }
        Ok(verdicts)
    }
}

fn is_too_large(error: &Error) -> bool {
    let large =
        |error: &ProtocolError| matches!(error, ProtocolError::MessageTooLarge | ProtocolError::RecordListTooLarge);
    matches!(error, Error::ServerError { protocol_error, .. } if large(protocol_error))
}

fn record(item: &Item) -> Record {
    Record {
        key: Some(item.id.clone().into_bytes()),
        value: item.body.clone().map(String::into_bytes),
        headers: BTreeMap::new(),
        timestamp: chrono::DateTime::from_timestamp_millis(item.time).unwrap_or_default(),
    }
}

impl Connection {
    /// The partition of a key.
    async fn partition_of(&mut self, topic: &str, key: &str) -> anyhow::Result<i32> {
        if !self.topics.contains_key(topic) {
            let all = self.client.list_topics().await?;
            self.topics = all.into_iter().map(|topic| (topic.name, topic.partitions.into_iter().collect())).collect();
        }
        let known = self.topics.get(topic).filter(|partitions| !partitions.is_empty());
        let known = known.with_context(|| format!("there is no topic {topic:?}: `halfopen sinks setup` makes it"))?;
        let hash = crc32fast::hash(key.as_bytes()) as usize;
        Ok(known[hash % known.len()])
    }

    async fn leader(&mut self, topic: &str, partition: i32) -> anyhow::Result<Arc<PartitionClient>> {
        let place = (topic.to_owned(), partition);
        if let Some(known) = self.partitions.get(&place) {
            return Ok(Arc::clone(known));
        }
        let leader = self.client.partition_client(topic, partition, UnknownTopicHandling::Error).await?;
        let leader = Arc::new(leader);
        self.partitions.insert(place, Arc::clone(&leader));
        Ok(leader)
    }
}

impl Target for Kafka {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        async move {
            match self.deliver(items).await {
                Ok(verdicts) => {
                    if verdicts.iter().any(|verdict| matches!(verdict, Verdict::Later { .. })) {
                        self.connection = None;
                    }
                    Answer { verdicts, wait: None }
                }
                Err(error) => {
                    self.connection = None;
                    Answer::later(items.len(), format!("{error:#}"))
                }
            }
        }
        .boxed()
    }

    fn setup(&mut self) -> BoxFuture<'_, anyhow::Result<Vec<String>>> {
        async move {
            let (pattern, schema) = (self.sink.topic.clone(), self.sink.schema);
            let connection = self.connect().await?;
            let known: Vec<String> =
                connection.client.list_topics().await?.into_iter().map(|topic| topic.name).collect();
            let mut done = Vec::new();
            for kind in Kind::ALL {
                let topic = fill(&pattern, kind, schema, "", "all");
                if known.contains(&topic) || done.iter().any(|line: &String| line.ends_with(&format!(" {topic}"))) {
                    continue;
                }
                connection.client.controller_client()?.create_topic(topic.as_str(), PARTITIONS, 1, 10_000).await?;
                done.push(format!("made topic {topic}"));
            }
            if done.is_empty() {
                done.push("every topic is there".to_owned());
            }
            Ok(done)
        }
        .boxed()
    }
}
