//! Bodies for receivers that are well known, templates, and signatures.

use serde_json::Value;

use super::*;
use crate::config::delivery::Preset;
use crate::config::secret::Secret;
use crate::delivery::item::Kind;
use crate::delivery::item::tests::item;

const ALERT: &str = r#"{"rule":"failures","status":"STATUS","severity":"critical","score":91.5,"perspective":"inbound",
"job_id":"elastiflow_ecs_avail_tcp_sess_fails_in","series":"10.2.0.7:443","fingerprint":"f1","link":"https://h.example/#x",
"since":"2026-03-10T14:00:00Z","time":"2026-03-10T14:15:00Z","valid_until":"2026-03-10T19:00:00Z",
"summary":"10.2.0.7:443 \"refused\" <412> of 430 & more","cause":"server"}"#;

fn alert(status: &str) -> Item {
    Item { kind: Kind::Alerts, body: Some(ALERT.replace("STATUS", status)), ..item("alert-1") }
}

fn sink(preset: Preset) -> Sink {
    Sink { urls: vec!["http://127.0.0.1:9/".to_owned()], preset, api_key: Secret::new("R0UTE\"KEY"), ..Sink::default() }
}

fn render(preset: Preset, item: &Item) -> Value {
    serde_json::from_str(&Body::new(&sink(preset)).unwrap().render(item).unwrap()).unwrap()
}

#[test]
fn slack() {
    let body = render(Preset::Slack, &alert("firing"));
    assert_eq!(body["text"], "CRITICAL: 10.2.0.7:443");
    assert_eq!(body["blocks"][1]["text"]["text"], "10.2.0.7:443 \"refused\" &lt;412&gt; of 430 &amp; more");
    assert!(body["blocks"][2]["elements"][0]["text"].as_str().unwrap().ends_with("<https://h.example/#x|Open>"));
    assert_eq!(render(Preset::Slack, &alert("recovered"))["text"], "Over: 10.2.0.7:443");
}

#[test]
fn pagerduty() {
    let body = render(Preset::Pagerduty, &alert("firing"));
    assert_eq!((&body["routing_key"], &body["event_action"]), (&"R0UTE\"KEY".into(), &"trigger".into()));
    assert_eq!((&body["dedup_key"], &body["payload"]["severity"]), (&"f1".into(), &"critical".into()));
    assert_eq!(body["payload"]["custom_details"]["score"], 91.5);
    let over = render(Preset::Pagerduty, &alert("recovered"));
    assert_eq!((&over["event_action"], &over["dedup_key"]), (&"resolve".into(), &"f1".into()));
}

#[test]
fn alertmanager() {
    let body = render(Preset::Alertmanager, &alert("firing"));
    assert_eq!(body[0]["labels"]["alertname"], "failures");
    assert_eq!(
        (&body[0]["startsAt"], &body[0]["endsAt"]),
        (&"2026-03-10T14:00:00Z".into(), &"2026-03-10T19:00:00Z".into())
    );
    assert_eq!(body[0]["annotations"]["score"], "91.5");
    assert_eq!(render(Preset::Alertmanager, &alert("recovered"))[0]["endsAt"], "2026-03-10T14:15:00Z");
}

#[test]
fn every_preset_makes_valid_bodies_of_anything() {
    for preset in [Preset::Json, Preset::Slack, Preset::Pagerduty, Preset::Alertmanager] {
        for text in ["{}", r#"{"summary":null}"#, r#"{"summary":"\"}{{ key }}","severity":"odd","score":1}"#, ALERT] {
            let item = Item { body: Some(text.to_owned()), ..item("x") };
            let made = Body::new(&sink(preset))
                .unwrap()
                .render(&item)
                .unwrap_or_else(|error| panic!("{preset:?} {text}: {error:#}"));
            serde_json::from_str::<Value>(&made).unwrap();
        }
    }
}

fn with_template(text: &str) -> anyhow::Result<String> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    Body::new(&Sink { template: file.path().to_owned(), ..sink(Preset::Json) })?.render(&alert("firing"))
}

#[test]
fn templates_of_the_user() {
    assert_eq!(with_template("{{ series }} is at {{ score }}").unwrap(), "10.2.0.7:443 is at 91.5");
    assert_eq!(
        serde_json::from_str::<Value>(&with_template(r#"{"t": {{ summary }}}"#).unwrap()).unwrap()["t"],
        "10.2.0.7:443 \"refused\" <412> of 430 & more"
    );
    assert!(with_template("{{ series").unwrap_err().to_string().contains("template"));
    assert!(with_template("{ {{ series }} }").unwrap_err().to_string().contains("JSON"));
    assert!(with_template("{% for a in range(10000) %}{% for b in range(10000) %}x{% endfor %}{% endfor %}").is_err());
}

#[test]
fn signatures_are_those_of_standard_webhooks() {
    // The example of the specification.
    let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", r#"{"test": 2432232314}"#);
    assert_eq!(signed, "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
}
