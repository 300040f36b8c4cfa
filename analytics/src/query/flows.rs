//! Who talks to whom and how it ends: sessions counted by client group, server, port and outcome.
//!
//! Two passes over the columns that count: the first finds the largest clients, servers and ports, the second counts
//! sessions between those, everything else as "other". Memory is bounded, however many addresses a flood invents.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::UInt16Type;
use arrow::record_batch::RecordBatch;
use datafusion::logical_expr::Expr;
use futures::StreamExt as _;
use ipnet::IpNet;
use tracker::Outcome;
use tracker::locality::{address_key, address_of};

use crate::error::Result;
use crate::query::{context, sessions::passing};
use crate::store::footer::SessionFile;
use crate::store::{SessionFilter, SessionStore};

/// Distinct values counted at the same time; beyond it the rarest are forgotten (lossy counting, Manku and Motwani 2002).
const MOST_COUNTED: usize = 100_000;

/// What counts as one client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientGroup {
    /// Each address.
    Address,
    /// Each /24 of IPv4 and /48 of IPv6.
    Prefix,
}

/// Sessions by client group, server, port and outcome.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Flows {
    /// Paths by falling number of sessions.
    pub paths: Vec<FlowPath>,
    /// Sessions on all paths together.
    pub sessions: u64,
}

/// Sessions that took one way. `None` stands for all others together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FlowPath {
    /// Where clients are.
    pub client: Option<IpNet>,
    /// Server.
    pub server: Option<IpAddr>,
    /// Server port.
    pub port: Option<u16>,
    /// How the sessions ended.
    pub outcome: Outcome,
    /// How many they are.
    pub sessions: u64,
}

impl SessionStore {
    /// Counts the sessions that pass the filter between the `top` largest client groups, servers and ports.
    ///
    /// # Errors
    /// An I/O error. Corrupt files are left out and reported, not errors.
    pub async fn flows(&self, filter: &SessionFilter, group: ClientGroup, top: usize) -> Result<Flows> {
        let condition = filter.expr();
        loop {
            let files = self.files(filter.from, filter.to)?;
            if files.is_empty() {
                return Ok(Flows::default());
            }
            match count(&files, &condition, group, top).await {
                Ok(flows) => return Ok(flows),
                Err(error) if self.weed(&files) == 0 => return Err(error),
                Err(_) => {}
            }
        }
    }
}

async fn count(files: &[Arc<SessionFile>], condition: &Expr, group: ClientGroup, top: usize) -> Result<Flows> {
    let mut clients = Tally::default();
    let mut servers = Tally::default();
    let mut ports = Tally::default();
    scan(files, condition, |row| {
        clients.add(group.of(row.client));
        servers.add(row.server);
        ports.add(row.port);
    })
    .await?;
    let (clients, servers, ports) = (clients.largest(top), servers.largest(top), ports.largest(top));
    let mut paths: HashMap<_, u64> = HashMap::new();
    scan(files, condition, |row| {
        let known = |known: &[u128], value: u128| known.contains(&value).then_some(value);
        let client = known(&clients, group.of(row.client));
        let port = ports.contains(&row.port).then_some(row.port);
        *paths.entry((client, known(&servers, row.server), port, row.outcome)).or_default() += 1;
    })
    .await?;
    let path = |((client, server, port, outcome), sessions): ((Option<u128>, Option<u128>, _, _), u64)| FlowPath {
        client: client.map(|key| group.network(key)),
        server: server.map(address_of),
        port,
        outcome,
        sessions,
    };
    let mut paths: Vec<FlowPath> = paths.into_iter().map(path).collect();
    let order = |path: &FlowPath| {
        (std::cmp::Reverse(path.sessions), path.client.map(|net| address_key(net.addr())), path.server, path.port)
    };
    paths.sort_by(|a, b| order(a).cmp(&order(b)).then_with(|| a.outcome.cmp(&b.outcome)));
    Ok(Flows { sessions: paths.iter().map(|path| path.sessions).sum(), paths })
}

impl ClientGroup {
    /// Bits that tell groups apart, of addresses as 128-bit numbers.
    fn bits(self, key: u128) -> u8 {
        match (self, address_of(key)) {
            (Self::Address, _) => 128,
            (Self::Prefix, IpAddr::V4(_)) => 96 + 24,
            (Self::Prefix, IpAddr::V6(_)) => 48,
        }
    }

    fn of(self, key: u128) -> u128 {
        key & (u128::MAX << (128 - self.bits(key)))
    }

    fn network(self, key: u128) -> IpNet {
        let address = address_of(key);
        let bits = self.bits(key) - if address.is_ipv4() { 96 } else { 0 };
        IpNet::new(address, bits).unwrap_or_else(|_| IpNet::from(address))
    }
}

struct Row {
    client: u128,
    server: u128,
    port: u16,
    outcome: Outcome,
}

/// Shows every session that passes to `each`.
async fn scan(files: &[Arc<SessionFile>], condition: &Expr, mut each: impl FnMut(Row)) -> Result<()> {
    let columns = ["client_ip", "server_ip", "server_port", "outcome"];
    let mut batches = passing(&context()?.state(), files, &columns, condition.clone())?;
    while let Some(batch) = batches.next().await {
        rows(&batch?, &mut each);
    }
    Ok(())
}

fn rows(batch: &RecordBatch, each: &mut impl FnMut(Row)) {
    let (clients, servers) = (batch.column(0).as_binary::<i32>(), batch.column(1).as_binary::<i32>());
    let (ports, outcomes) = (batch.column(2).as_primitive::<UInt16Type>(), batch.column(3).as_string::<i32>());
    let key = |bytes: &[u8]| bytes.try_into().map_or(0, u128::from_be_bytes);
    for index in 0..batch.num_rows() {
        each(Row {
            client: key(clients.value(index)),
            server: key(servers.value(index)),
            port: ports.value(index),
            outcome: outcomes.value(index).parse().unwrap_or(Outcome::Indeterminate),
        });
    }
}

/// Counts of values of which only the frequent ones matter.
struct Tally<K> {
    counts: HashMap<K, u64>,
    /// What a value that comes anew may have been counted before it was forgotten.
    forgotten: u64,
}

impl<K> Default for Tally<K> {
    fn default() -> Self {
        Self { counts: HashMap::new(), forgotten: 0 }
    }
}

impl<K: Hash + Eq + Ord + Copy> Tally<K> {
    fn add(&mut self, key: K) {
        let forgotten = self.forgotten;
        *self.counts.entry(key).or_insert(forgotten) += 1;
        while self.counts.len() > MOST_COUNTED {
            self.forgotten += 1;
            let floor = self.forgotten;
            self.counts.retain(|_, count| *count > floor);
        }
    }

    /// The most frequent values, most frequent first.
    fn largest(self, top: usize) -> Vec<K> {
        let mut counts: Vec<(K, u64)> = self.counts.into_iter().collect();
        counts.sort_by_key(|(key, count)| (std::cmp::Reverse(*count), *key));
        counts.into_iter().take(top).map(|(key, _)| key).collect()
    }
}
