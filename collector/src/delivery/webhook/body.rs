//! Bodies of webhooks: from a template of the user's, or for receivers that are well known.
//!
//! Templates are Jinja over the document's own fields and `key`, the sink's `api_key`. Values in JSON bodies are written
//! as JSON, quotes included, so that no value can break out of its place.

use anyhow::Context as _;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, UndefinedBehavior, Value};
use serde_json::{Map, Value as Json};

use crate::config::Sink;
use crate::config::delivery::Preset;
use crate::delivery::item::Item;

/// Steps that a template may take for one document.
const FUEL: u64 = 200_000;
const NAME: &str = "body";

const SLACK: &str = r#"{"text": {{ head }}, "blocks": [
{"type": "header", "text": {"type": "plain_text", "text": {{ head|truncate_to(150) }}}},
{"type": "section", "text": {"type": "mrkdwn", "text": {{ summary|mrkdwn|truncate_to(2900) }}}},
{"type": "context", "elements": [{"type": "mrkdwn", "text": {{ foot|truncate_to(1900) }}}]}]}"#;

const PAGERDUTY: &str = r#"{"routing_key": {{ key }}, "event_action": {{ "resolve" if status == "recovered" else "trigger" }},
"dedup_key": {{ fingerprint|default(_id) }}, "client": "halfopen", {% if link %}"client_url": {{ link }}, {% endif %}
"payload": {"summary": {{ summary|default(_id)|truncate_to(1024) }}, "source": {{ series|default("halfopen") }},
"severity": {{ {"critical": "critical", "major": "error", "minor": "warning"}[severity]|default("info") }},
"timestamp": {{ time|default("") }}, "component": {{ job_id|default("") }}, "group": {{ perspective|default("") }}, "class": "failed sessions",
"custom_details": {{ document }}}}"#;

const ALERTMANAGER: &str = r#"[{"labels": {"alertname": {{ rule|default("halfopen") }}, "severity": {{ severity|default("none") }}, "perspective": {{ perspective|default("") }},
"series": {{ series|default("") }}, "job_id": {{ job_id|default("") }}, "source": "halfopen"},
"annotations": {"summary": {{ summary|default(_id) }}, "score": {{ score|string }}, "likely_cause": {{ cause|default("unknown", true) }}},
"startsAt": {{ since|default(time)|default("") }}{% if status == "recovered" %}, "endsAt": {{ time|default("") }}{% elif valid_until %}, "endsAt": {{ valid_until }}{% endif %}{% if link %}, "generatorURL": {{ link }}{% endif %}}]"#;

/// Makes bodies.
pub struct Body {
    /// `None`: the document itself.
    templates: Option<Environment<'static>>,
    json: bool,
    key: String,
}

impl Body {
    /// The bodies of this sink.
    ///
    /// # Errors
    /// The template cannot be read or is no template.
    pub fn new(sink: &Sink) -> anyhow::Result<Self> {
        let own = (!sink.template.as_os_str().is_empty())
            .then(|| {
                std::fs::read_to_string(&sink.template)
                    .with_context(|| format!("failed to read {}", sink.template.display()))
            })
            .transpose()?;
        let source = own.or(match sink.preset {
            Preset::Json => None,
            Preset::Slack => Some(SLACK.to_owned()),
            Preset::Pagerduty => Some(PAGERDUTY.to_owned()),
            Preset::Alertmanager => Some(ALERTMANAGER.to_owned()),
        });
        let json = source.as_deref().is_none_or(begins_as_json);
        let key = sink.api_key.reveal()?;
        let templates = source.map(|source| environment(source, json)).transpose()?;
        Ok(Self { templates, json, key })
    }

    /// What the bodies are.
    pub fn content_type(&self) -> &'static str {
        if self.json { "application/json" } else { "text/plain; charset=utf-8" }
    }

    /// The body for a document.
    ///
    /// # Errors
    /// The template cannot be followed with it, or what it makes is not the JSON that it begins as.
    pub fn render(&self, item: &Item) -> anyhow::Result<String> {
        let text = item.body.as_deref().unwrap_or("{}");
        let Some(templates) = &self.templates else { return Ok(text.to_owned()) };
        let document: Map<String, Json> = serde_json::from_str(text).context("the document is no object")?;
        let say = |name: &str| document.get(name).and_then(Json::as_str).unwrap_or_default();
        let (severity, status) = (say("severity").to_uppercase(), say("status"));
        let head = if status == "recovered" {
            format!("Over: {}", say("series"))
        } else {
            format!("{severity}: {}", say("series"))
        };
        let link = if say("link").is_empty() { String::new() } else { format!(" | <{}|Open>", say("link")) };
        let foot = format!("{} | {} | {}{link}", say("rule"), say("perspective"), say("time"));
        let mut context = document.clone();
        context.insert("head".to_owned(), head.into());
        context.insert("foot".to_owned(), foot.into());
        context.insert("key".to_owned(), self.key.as_str().into());
        context.insert("_id".to_owned(), item.id.as_str().into());
        context.insert("document".to_owned(), Json::Object(document));
        let context = Value::from(Serde(context));
        let made = templates.get_template(NAME)?.render(context).map_err(|error| anyhow::anyhow!("{error:#}"))?;
        if self.json {
            serde_json::from_str::<serde::de::IgnoredAny>(&made).context("the template made no valid JSON")?;
        }
        Ok(made)
    }
}

fn environment(source: String, json: bool) -> anyhow::Result<Environment<'static>> {
    let mut environment = Environment::new();
    environment.set_fuel(Some(FUEL));
    environment.set_undefined_behavior(UndefinedBehavior::Chainable);
    environment.set_auto_escape_callback(move |_| if json { AutoEscape::Json } else { AutoEscape::None });
    environment.add_filter("truncate_to", |value: Value, longest: usize| -> String {
        let text = text_of(&value);
        if text.chars().count() <= longest {
            return text;
        }
        text.chars().take(longest.saturating_sub(1)).chain(['…']).collect()
    });
    environment.add_filter("mrkdwn", |value: Value| -> String {
        text_of(&value).replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
    });
    environment
        .add_template_owned(NAME, source)
        .map_err(|error| anyhow::anyhow!("the template is wrong: {error:#}"))?;
    Ok(environment)
}

/// Whether a template begins as a JSON object or array, not with something to be filled in.
fn begins_as_json(source: &str) -> bool {
    let source = source.trim_start();
    source.starts_with('[') || source.strip_prefix('{').is_some_and(|rest| !rest.starts_with(['{', '%', '#']))
}

/// A value as text; nothing where there is none.
fn text_of(value: &Value) -> String {
    if value.is_undefined() || value.is_none() { String::new() } else { value.to_string() }
}
