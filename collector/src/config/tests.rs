//! Layers, unknown keys and values that make no sense.

use super::*;

fn from_file(text: &str) -> Result<Config, ConfigError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    load(Some(file.path()), std::iter::empty())
}

fn from_environment(pairs: &[(&str, &str)]) -> Result<Config, ConfigError> {
    load(None, pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

#[test]
fn nothing_given_is_the_default() {
    assert_eq!(from_file("").unwrap(), Config::default());
    assert_eq!(from_environment(&[("PATH", "/bin"), ("HALFOPEN_DEMO", "1")]).unwrap(), Config::default());
}

#[test]
fn the_printed_configuration_reads_back() {
    assert_eq!(from_file(&Config::default().to_toml()).unwrap(), Config::default());
}

#[test]
fn the_example_is_the_default_when_uncommented() {
    let example = Config::example();
    assert_eq!(from_file(&example).unwrap(), Config::default());
    let is_key = |line: &str| line.contains(" = ") && !line.contains(": ");
    let (tables, lists) = example.split_once("# [[").unwrap();
    let uncommented: Vec<_> =
        tables.lines().map(|line| line.strip_prefix("# ").filter(|rest| is_key(rest)).unwrap_or(line)).collect();
    assert_eq!(from_file(&uncommented.join("\n")).unwrap(), Config::default());
    let uncomment =
        |line: &str| line.strip_prefix("# ").filter(|rest| is_key(rest) || rest.starts_with("[[")).map(str::to_owned);
    let lists: Vec<_> = format!("# [[{lists}").lines().filter_map(uncomment).collect();
    let given: toml::Table = lists.join("\n").parse().unwrap();
    assert_eq!(given["sinks"].clone().try_into::<Vec<Sink>>().unwrap(), [Sink::default()]);
    assert_eq!(given["alerts"].clone().try_into::<Vec<Alert>>().unwrap(), [Alert::default()]);
    for section in REFERENCE {
        for (key, about) in section.keys {
            assert!(example.contains(&format!("# {key} = ")) && !about.trim().is_empty(), "{key}");
        }
    }
}

#[test]
fn environment_goes_over_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[detection]\nbucket_span = \"5m\"\ngrace = \"1s\"\n").unwrap();
    let environment = [
        ("HALFOPEN_DETECTION_BUCKET_SPAN", "1m"),
        ("HALFOPEN_NETFLOW_LISTEN", "127.0.0.1:1, [::1]:2"),
        ("HALFOPEN_STORE_FLUSH_ROWS", "7"),
    ];
    let config = load(Some(file.path()), environment.map(|(k, v)| (k.to_owned(), v.to_owned())).into_iter()).unwrap();
    assert_eq!(config.detection.bucket_span, Span::seconds(60));
    assert_eq!(config.detection.grace, Span::seconds(1));
    assert_eq!(config.netflow.listen.len(), 2);
    assert_eq!(config.store.flush_rows, 7);
}

#[test]
fn an_unknown_key_is_named_with_the_nearest() {
    let message = |text| from_file(text).unwrap_err().to_string();
    assert!(message("[http]\nlisten_on = \"1\"").contains(r#"unknown key "http.listen_on""#));
    assert!(message("[http]\nlisen = \"1\"").contains(r#"did you mean "http.listen"?"#));
    assert!(message("[netflw]\n").contains(r#"did you mean "netflow"?"#));
    assert!(!message("[zzz]\n").contains("did you mean"));
    assert!(message("http = 1").contains("write [http]"));
}

#[test]
fn wrong_values_name_their_key() {
    let message = |text| from_file(text).unwrap_err().to_string();
    assert!(message("[detection]\nbucket_span = \"7m\"").starts_with("detection.bucket_span is not valid"));
    assert!(message("[detection]\nbucket_span = \"soon\"").contains("no time span"));
    assert!(message("[jobs]\nprefix = \"Ab\"").starts_with("jobs.prefix"));
    assert!(message("[http]\nlisten = \"nowhere\"").contains("listen"));
    let environment = from_environment(&[("HALFOPEN_STORE_FLUSH_ROWS", "many")]).unwrap_err().to_string();
    assert!(environment.contains("HALFOPEN_STORE_FLUSH_ROWS"), "{environment}");
}

const SINK: &str = "[[sinks]]\nname = \"es\"\nkind = \"elasticsearch\"\nurls = [\"https://es:9200\"]\n";

#[test]
fn sinks_and_rules_are_checked_together() {
    let rule = "[[alerts]]\nname = \"a\"\nsinks = [\"es\"]\nperspectives = [\"inbound\"]\nseverity = \"critical\"\n";
    let config = from_file(&format!("{SINK}password = \"hunter2\"\n{rule}")).unwrap();
    assert_eq!(config.alerts[0].perspectives[0].0, tracker::Perspective::Inbound);
    let printed = config.to_toml();
    assert!(
        printed.contains("[[sinks]]") && printed.contains("<redacted>") && !printed.contains("hunter2"),
        "{printed}"
    );

    let message = |text: &str| from_file(text).unwrap_err().to_string();
    assert!(message("[[sinks]]\nurl = \"x\"").contains(r#"did you mean "sinks.urls"?"#));
    assert!(message("[sinks]\nname = \"x\"").contains("write [[sinks]]"));
    assert!(message(&format!("{SINK}{SINK}")).starts_with("sinks.name"));
    assert!(message(&SINK.replace("https", "ftp")).contains("http:// or https://"));
    assert!(message(rule).contains(r#"there is no sink "es""#));
    assert!(message("[[sinks]]\nname = \"A b\"\nurls = [\"/tmp\"]").starts_with("sinks.name"));
    assert!(message(&format!("{SINK}{}", rule.replace("inbound", "sideways"))).contains("sideways"));
}
