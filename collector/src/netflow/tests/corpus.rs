//! The corpus of real exporters' datagrams, against what an independent codec makes of them.

use std::path::PathBuf;

use serde_json::{Map, Value};

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

fn decode(folder: &std::path::Path, context: &Value) -> Vec<Map<String, Value>> {
    let mut decoder = decoder();
    let mut records = Vec::new();
    for file in files(folder, context) {
        decoder.decode_json(source(), 0, &file, &mut |record| records.push(record));
    }
    records
}

#[test]
fn every_context_yields_the_expected_number_of_records() {
    let Some(folder) = corpus() else { return };
    let mut wrong = Vec::new();
    for context in contexts(&folder) {
        let records = decode(&folder, &context);
        if let Some(expected) = context["decoded_events"].as_array().and_then(|list| list.first())
            && expected.as_u64() != Some(records.len() as u64)
        {
            wrong.push(format!("{}: {} instead of {expected}", context["context"], records.len()));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// The codec's names for what the registry calls otherwise.
const NAMES: &[(&str, &str)] = &[
    ("ipv4_src_addr", "sourceIPv4Address"),
    ("ipv4_dst_addr", "destinationIPv4Address"),
    ("ipv6_src_addr", "sourceIPv6Address"),
    ("ipv6_dst_addr", "destinationIPv6Address"),
    ("ipv4_next_hop", "ipNextHopIPv4Address"),
    ("l4_src_port", "sourceTransportPort"),
    ("l4_dst_port", "destinationTransportPort"),
    ("protocol", "protocolIdentifier"),
    ("tcp_flags", "tcpControlBits"),
    ("src_tos", "ipClassOfService"),
    ("in_bytes", "octetDeltaCount"),
    ("in_pkts", "packetDeltaCount"),
    ("input_snmp", "ingressInterface"),
    ("output_snmp", "egressInterface"),
    ("first_switched", "flowStartSysUpTime"),
    ("last_switched", "flowEndSysUpTime"),
    ("src_as", "bgpSourceAsNumber"),
    ("dst_as", "bgpDestinationAsNumber"),
    ("src_mask", "sourceIPv4PrefixLength"),
    ("dst_mask", "destinationIPv4PrefixLength"),
    ("ip_protocol_version", "ipVersion"),
    ("direction", "flowDirection"),
    ("src_vlan", "vlanId"),
    ("dst_vlan", "postVlanId"),
    ("in_src_mac", "sourceMacAddress"),
    ("in_dst_mac", "destinationMacAddress"),
    ("out_src_mac", "postSourceMacAddress"),
    ("out_dst_mac", "postDestinationMacAddress"),
    ("fwd_flow_delta_bytes", "initiatorOctets"),
    ("rev_flow_delta_bytes", "responderOctets"),
    ("conn_id", "flowId"),
    ("icmp_type", "icmpTypeIPv4"),
    ("icmp_code", "icmpCodeIPv4"),
    ("xlate_src_addr_ipv4", "postNATSourceIPv4Address"),
    ("xlate_dst_addr_ipv4", "postNATDestinationIPv4Address"),
    ("xlate_src_port", "postNAPTSourceTransportPort"),
    ("xlate_dst_port", "postNAPTDestinationTransportPort"),
    ("fw_event", "firewallEvent"),
    ("fw_ext_event", "fwExtEvent"),
    ("username", "aaaUsername"),
    ("event_time_msec", "observationTimeMilliseconds"),
    ("flow_start_msec", "flowStartMilliseconds"),
    ("flow_start_sec", "flowStartSeconds"),
    ("ingress_acl_id", "ingressAclId"),
    ("egress_acl_id", "egressAclId"),
    ("if_name", "interfaceName"),
    ("if_desc", "interfaceDescription"),
    ("application_id", "applicationId"),
    ("application_name", "applicationName"),
    ("application_description", "applicationDescription"),
    ("sampling_interval", "samplingInterval"),
    ("sampling_algorithm", "samplingAlgorithm"),
    ("flow_sampler_id", "samplerId"),
    ("total_bytes_exp", "exportedOctetTotalCount"),
    ("total_pkts_exp", "exportedMessageTotalCount"),
    ("total_flows_exp", "exportedFlowRecordTotalCount"),
    ("flow_active_timeout", "flowActiveTimeout"),
    ("flow_inactive_timeout", "flowIdleTimeout"),
    ("flow_seq_num", "sequence"),
    ("flowset_id", "template_id"),
    ("version", "version"),
    ("xlate_src_addr_ipv4", "xlateSourceIPv4Address"),
    ("xlate_dst_addr_ipv4", "xlateDestinationIPv4Address"),
    ("xlate_src_port", "xlateSourcePort"),
    ("xlate_dst_port", "xlateDestinationPort"),
    ("fw_event", "fwEvent"),
    ("in_permanent_bytes", "octetTotalCount"),
    ("engine_type", "engineType"),
    ("engine_id", "engineId"),
    ("scope_system", "scopeSystem"),
    ("flows", "deltaFlowCount"),
    ("out_pkts", "postPacketDeltaCount"),
    ("out_bytes", "postOctetDeltaCount"),
    ("vmwareIngressInterfaceAttr", "ingressInterfaceAttr"),
    ("vmwareEgressInterfaceAttr", "egressInterfaceAttr"),
    ("vmwareVxlanExportRole", "vxlanExportRole"),
    ("bgp_ipv4_next_hop", "bgpNextHopIPv4Address"),
    ("ipv4_src_prefix", "sourceIPv4Prefix"),
    ("tcp_src_port", "tcpSourcePort"),
    ("udp_dst_port", "udpDestinationPort"),
    ("ip_dscp", "ipDiffServCodePoint"),
    ("ipv4_ident", "fragmentIdentification"),
    ("mac_address", "staMacAddress"),
    ("wlan_ssid", "wlanSSID"),
];

/// Fields that the codec writes in a form of its own (strings of labels, ACL ids) or takes from its own receipt.
const OWN_FORM: &[&str] = &["application_id", "ingress_acl_id", "egress_acl_id", "flow_records", "forwarding_status"];

/// Our value of a field; some names stand for either of two elements.
fn ours<'a>(record: &'a Map<String, Value>, theirs: &str) -> Option<&'a Value> {
    let renamed = NAMES.iter().filter(|(codec, _)| *codec == theirs).find_map(|(_, ours)| record.get(*ours));
    renamed.or_else(|| record.get(theirs))
}

/// Numbers, texts and times alike. The codec writes some numbers as text and times as milliseconds.
fn alike(name: &str, ours: &Value, theirs: &Value) -> bool {
    let text = |value: &Value| match value {
        Value::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    };
    let milliseconds = |text: &str| {
        let time = chrono::DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis());
        time.ok().or_else(|| text.parse().ok())
    };
    let (ours, theirs) = (text(ours), text(theirs));
    // Its times since boot are a second late: it takes the fraction off a whole second and does not borrow it.
    let late = if name.ends_with("_switched") { 1_000 } else { 0 };
    let time = || milliseconds(&ours).zip(milliseconds(&theirs)).is_some_and(|(a, b)| (b - a - late).abs() <= 1);
    ours == theirs || time() || (late > 0 && milliseconds(&ours) == milliseconds(&theirs))
}

#[test]
fn the_expected_fields_have_the_expected_values() {
    let Some(folder) = corpus() else { return };
    let (mut compared, mut wrong, mut unnamed) = (0, Vec::new(), Vec::new());
    for context in contexts(&folder) {
        let records = decode(&folder, &context);
        for pair in context["decoded_index_to_json"].as_array().unwrap() {
            let (index, json) = (pair[0].as_u64().unwrap() as usize, pair[1].as_u64().unwrap() as usize);
            let expected = context["json_events"][json]["netflow"].as_object().unwrap();
            let Some(record) = records.get(index) else {
                wrong.push(format!("{}: no record {index}", context["context"]));
                continue;
            };
            for (name, value) in expected.iter().filter(|(name, _)| !OWN_FORM.contains(&name.as_str())) {
                match ours(record, name) {
                    Some(ours) => {
                        compared += 1;
                        if !alike(name, ours, value) {
                            wrong.push(format!("{} {index} {name}: {ours} instead of {value}", context["context"]));
                        }
                    }
                    None => unnamed.push(format!("{} {index} {name}={value}", context["context"])),
                }
            }
        }
    }
    println!("{compared} fields compared, {} wrong, {} without counterpart: {unnamed:#?}", wrong.len(), unnamed.len());
    assert!(compared > 400, "{compared}");
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
