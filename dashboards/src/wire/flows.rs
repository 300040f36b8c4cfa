//! Flows as a graph of four columns: clients, servers, ports, outcomes.

use std::collections::HashMap;

use analytics::{FlowPath, Flows};
use serde::Serialize;
use tracker::service::service_name;
use utoipa::ToSchema;

const TCP: u8 = 6;

/// Sessions by client group, server, port and outcome, as a graph.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowGraph {
    /// Sessions in all.
    pub sessions: u64,
    /// Those of them that failed.
    pub failed: u64,
    /// What sessions pass, by column and falling number of sessions; "other" last.
    pub nodes: Vec<FlowNode>,
    /// How many sessions go from one column to the next.
    pub links: Vec<FlowLink>,
}

/// A client group, a server, a port or an outcome.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowNode {
    /// Name within this answer.
    pub id: String,
    /// `client`, `server`, `port` or `outcome`.
    pub column: String,
    /// For people.
    pub label: String,
    /// The filter that leaves only its sessions; none for "other".
    #[schema(required)]
    pub filter: Option<String>,
    /// Sessions.
    pub sessions: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// Sessions between two nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct FlowLink {
    /// Id of the node on the left.
    pub source: String,
    /// Id of the node on the right.
    pub target: String,
    /// Sessions.
    pub sessions: u64,
    /// Those of them that failed.
    pub failed: u64,
}

/// Sessions that took one way, as a row of a table. Empty fields: all others together.
#[derive(Debug, Serialize)]
pub struct FlowRow {
    client: Option<String>,
    server: Option<String>,
    port: Option<u16>,
    outcome: &'static str,
    sessions: u64,
}

impl From<&FlowPath> for FlowRow {
    fn from(path: &FlowPath) -> Self {
        Self {
            client: client_text(path),
            server: path.server.map(|ip| ip.to_string()),
            port: path.port,
            outcome: path.outcome.as_str(),
            sessions: path.sessions,
        }
    }
}

fn client_text(path: &FlowPath) -> Option<String> {
    let whole = |net: &ipnet::IpNet| net.prefix_len() == net.max_prefix_len();
    path.client.map(|net| if whole(&net) { net.addr().to_string() } else { net.to_string() })
}

/// Column, name of the value where there is one, and its label, along a path.
fn stations(path: &FlowPath) -> [(&'static str, Option<String>, String); 4] {
    let other = || "other".to_owned();
    let (client, server) = (client_text(path), path.server.map(|ip| ip.to_string()));
    let port = path.port.map(|port| port.to_string());
    let port_label = path.port.map(|port| match service_name(TCP, port) {
        Some(name) => format!("{port} ({name})"),
        None => port.to_string(),
    });
    let outcome = path.outcome.as_str().to_owned();
    [
        ("client", client.clone(), client.unwrap_or_else(other)),
        ("server", server.clone(), server.unwrap_or_else(other)),
        ("port", port, port_label.unwrap_or_else(other)),
        ("outcome", Some(outcome.clone()), outcome),
    ]
}

impl FlowGraph {
    /// The graph of these flows.
    pub fn of(flows: &Flows) -> Self {
        let mut nodes: HashMap<String, FlowNode> = HashMap::new();
        let mut links: HashMap<(String, String), FlowLink> = HashMap::new();
        let mut failed = 0;
        for path in &flows.paths {
            let lost = if path.outcome.is_failed() { path.sessions } else { 0 };
            failed += lost;
            let mut before: Option<String> = None;
            for (column, value, label) in stations(path) {
                let id = format!("{column}:{}", value.as_deref().unwrap_or("other"));
                let node = nodes.entry(id.clone()).or_insert_with(|| FlowNode {
                    id: id.clone(),
                    column: column.to_owned(),
                    label,
                    filter: value.map(|value| format!("{column} {value}")),
                    sessions: 0,
                    failed: 0,
                });
                node.sessions += path.sessions;
                node.failed += lost;
                if let Some(source) = before.replace(id.clone()) {
                    let link = links.entry((source.clone(), id.clone())).or_insert_with(|| FlowLink {
                        source,
                        target: id,
                        sessions: 0,
                        failed: 0,
                    });
                    link.sessions += path.sessions;
                    link.failed += lost;
                }
            }
        }
        let mut nodes: Vec<FlowNode> = nodes.into_values().collect();
        let column = |name: &str| ["client", "server", "port", "outcome"].iter().position(|column| *column == name);
        nodes.sort_by(|a, b| {
            let key = |node: &FlowNode| (column(&node.column), node.filter.is_none(), std::cmp::Reverse(node.sessions));
            key(a).cmp(&key(b)).then_with(|| a.id.cmp(&b.id))
        });
        let mut links: Vec<FlowLink> = links.into_values().collect();
        links.sort_by(|a, b| {
            b.sessions.cmp(&a.sessions).then_with(|| (&a.source, &a.target).cmp(&(&b.source, &b.target)))
        });
        Self { sessions: flows.sessions, failed, nodes, links }
    }
}
