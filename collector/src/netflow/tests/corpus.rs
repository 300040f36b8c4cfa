//! The corpus of real exporters' datagrams, against what an independent codec makes of them.

use std::path::PathBuf;

use serde_json::Value;

use super::build::{decoder, source};
use crate::netflow::DropReason;

pub(super) fn corpus() -> Option<PathBuf> {
    let root = std::env::var_os("HALFOPEN_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let folder = root.join("netflow");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

pub(super) fn contexts(folder: &std::path::Path) -> Vec<Value> {
    let text = std::fs::read_to_string(folder.join("expected.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

pub(super) fn files(folder: &std::path::Path, context: &Value) -> Vec<Vec<u8>> {
    let names = context["files"].as_array().unwrap();
    names.iter().map(|name| std::fs::read(folder.join(name.as_str().unwrap())).unwrap()).collect()
}

#[test]
fn every_context_yields_the_expected_number_of_records() {
    let Some(folder) = corpus() else { return };
    let mut wrong = Vec::new();
    for context in contexts(&folder) {
        let mut decoder = decoder();
        let mut records = 0;
        for file in files(&folder, &context) {
            decoder.decode_json(source(), 0, &file, &mut |_| records += 1);
        }
        if let Some(expected) = context["decoded_events"].as_array().and_then(|list| list.first())
            && expected.as_u64() != Some(records)
        {
            wrong.push(format!("{}: {} instead of {expected}", context["context"], records));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn nothing_is_lost_without_a_count() {
    let Some(folder) = corpus() else { return };
    for context in contexts(&folder) {
        let mut decoder = decoder();
        let mut flows = Vec::new();
        for file in files(&folder, &context) {
            decoder.decode(source(), 0, &file, &mut flows);
        }
        decoder.finish();
        let totals = decoder.totals();
        let counts = totals.sources;
        assert_eq!(counts.flow_records, flows.len() as u64);
        assert_eq!(
            counts.records,
            counts.flow_records + counts.options_records + counts.drops.get(DropReason::NotAFlow),
            "{}",
            context["context"]
        );
        let given_up = counts.drops.get(DropReason::PendingExpired) + counts.drops.get(DropReason::PendingFull);
        assert_eq!(counts.data_sets, counts.data_sets_decoded + given_up, "{}", context["context"]);
    }
}
