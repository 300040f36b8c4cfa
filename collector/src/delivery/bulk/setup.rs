//! Index templates and the policy that ends an index: ILM in Elasticsearch, ISM in OpenSearch.
//!
//! Indices bear the day or month of their documents, not a rollover number: a document that is sent again must find the
//! index that it is in. They are made by the first document, and end `retention` after their last one.

use anyhow::Context as _;
use reqwest::Method;
use serde_json::{Value, json};

use super::Bulk;
use crate::config::delivery::{SinkKind, Wanted};
use crate::delivery::http::{Answered, explain};
use crate::delivery::item::{Kind, fill};

/// Days that an index takes documents for: a day, or the longest month.
fn open_days(kind: Kind, pattern: &str) -> u64 {
    match kind {
        _ if !pattern.contains("{period}") => 0,
        Kind::Sessions => 1,
        _ => 31,
    }
}

/// Installs what the sink's documents need, and says what was done.
pub async fn install(bulk: &mut Bulk) -> anyhow::Result<Vec<String>> {
    let mut done = Vec::new();
    let about = bulk.ask(Method::GET, "", None).await?;
    let about: Value = serde_json::from_slice(&about).context("this is neither Elasticsearch nor OpenSearch")?;
    let open_search = about.pointer("/version/distribution").and_then(Value::as_str) == Some("opensearch");
    anyhow::ensure!(
        open_search == (bulk.sink.kind == SinkKind::Opensearch),
        "{} is {}: set kind accordingly",
        bulk.url(""),
        if open_search { "opensearch" } else { "elasticsearch" }
    );
    let version = about.pointer("/version/number").and_then(Value::as_str).unwrap_or("of unknown version");
    done.push(format!("{} {version} at {}", bulk.sink.kind.as_str(), bulk.url("")));
    let mut kinds = vec![Kind::Anomalies, Kind::Alerts];
    if bulk.sink.wanted().contains(&Wanted::Sessions) {
        kinds.push(Kind::Sessions);
    }
    if !bulk.sink.index.contains("{kind}") {
        kinds = vec![if *bulk.sink.wanted() == [Wanted::Sessions] { Kind::Sessions } else { Kind::Anomalies }];
    }
    for kind in kinds {
        let index = fill(&bulk.sink.index, kind, bulk.sink.schema, "*", "*");
        let days = bulk.sink.retention.0.as_secs().div_ceil(86_400) + open_days(kind, &bulk.sink.index);
        let name = format!("halfopen-{}-{}", bulk.sink.name, kind.as_str());
        let policy = if bulk.sink.index.contains("{period}") {
            let installed = bulk.policy(&name, &index, days).await;
            match &installed {
                Ok(()) => done.push(format!("policy {name}: {index} is deleted {days} days after it began")),
                Err(error) if open_search => {
                    done.push(format!(
                        "no policy, so nothing is ever deleted ({error:#}): is the plugin index-management there?"
                    ));
                }
                Err(_) => {}
            }
            if !open_search {
                installed?;
            }
            !open_search
        } else {
            done.push(format!("no policy for {index}: its name has no {{period}}, so it never ends"));
            false
        };
        let template = template(kind, &index, policy.then_some(name.as_str()));
        bulk.ask(Method::PUT, &format!("_index_template/{name}"), Some(template)).await?;
        done.push(format!("index template {name} for {index}"));
    }
    Ok(done)
}

impl Bulk {
    async fn policy(&mut self, name: &str, index: &str, days: u64) -> anyhow::Result<()> {
        if self.sink.kind == SinkKind::Elasticsearch {
            let body = json!({"policy": {"phases": {
                "hot": {"min_age": "0ms", "actions": {}},
                "delete": {"min_age": format!("{days}d"), "actions": {"delete": {}}},
            }}});
            return self.ask(Method::PUT, &format!("_ilm/policy/{name}"), Some(body)).await.map(drop);
        }
        let path = format!("_plugins/_ism/policies/{name}");
        // A policy that is there is replaced by naming the version that is replaced.
        let version = match self.ask(Method::GET, &path, None).await {
            Ok(known) => serde_json::from_slice::<Value>(&known).ok().and_then(|known| {
                Some(format!("?if_seq_no={}&if_primary_term={}", known.get("_seq_no")?, known.get("_primary_term")?))
            }),
            Err(_) => None,
        };
        let body = json!({"policy": {
            "description": "halfopen: ends indices after their retention",
            "default_state": "hot",
            "states": [
                {"name": "hot", "actions": [], "transitions": [
                    {"state_name": "delete", "conditions": {"min_index_age": format!("{days}d")}},
                ]},
                {"name": "delete", "actions": [{"delete": {}}], "transitions": []},
            ],
            "ism_template": [{"index_patterns": [index], "priority": 100}],
        }});
        self.ask(Method::PUT, &format!("{path}{}", version.unwrap_or_default()), Some(body)).await.map(drop)
    }

    /// One request about the cluster itself.
    pub async fn ask(&mut self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Vec<u8>> {
        let mut request = self.client.request(method, self.url(path));
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let response = request.send().await.map_err(|error| anyhow::anyhow!(explain(&error)))?;
        let answered = Answered::read(response).await?;
        anyhow::ensure!(answered.status.is_success(), "{path}: {}", answered.reason());
        Ok(answered.body)
    }
}

/// What fields mean: text is a keyword, so that it can be counted by; addresses and times are what they are.
pub fn template(kind: Kind, index: &str, policy: Option<&str>) -> Value {
    let mut settings = json!({"index.mapping.total_fields.limit": 2_000});
    if let Some(policy) = policy {
        settings["index.lifecycle.name"] = policy.into();
    }
    let date = json!({"type": "date", "format": "epoch_millis||strict_date_optional_time_nanos"});
    let mut properties = json!({"timestamp": date, "@timestamp": date});
    match kind {
        Kind::Anomalies => {
            for field in [
                "probability",
                "record_score",
                "initial_record_score",
                "anomaly_score",
                "initial_anomaly_score",
                "influencer_score",
                "initial_influencer_score",
                "multi_bucket_impact",
                "actual",
                "typical",
            ] {
                properties[field] = json!({"type": "double"});
            }
            for field in ["influencers", "causes", "bucket_influencers", "outcomes"] {
                properties[field] = json!({"type": "nested"});
            }
        }
        Kind::Alerts => properties["score"] = json!({"type": "double"}),
        Kind::Sessions => {
            for field in ["event.start", "event.end"] {
                properties[field] = date.clone();
            }
        }
    }
    let typed = |path: &str, mapping: &Value| json!({(path.replace(['*', '.'], "_")): {"path_match": path, "match_mapping_type": "string", "mapping": mapping}});
    let address = json!({"type": "ip", "ignore_malformed": true});
    let addresses = ["*.ip.addr", "client.ip", "server.ip", "source.ip", "destination.ip"];
    let mut dynamic: Vec<Value> = addresses.iter().map(|path| typed(path, &address)).collect();
    dynamic.push(typed("*.timestamp", &date));
    dynamic.push(
        json!({"texts": {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 1_024}}}),
    );
    dynamic.push(json!({"numbers": {"match_mapping_type": "double", "mapping": {"type": "double"}}}));
    json!({
        "index_patterns": [index],
        "priority": 200,
        "template": {
            "settings": settings,
            "mappings": {"date_detection": false, "dynamic_templates": dynamic, "properties": properties},
        },
        "_meta": {"description": "made by halfopen sinks setup"},
    })
}
