//! Whole events and single fields of real exporters, as an independent codec reads them, told by `halfopen decode`.

use std::path::PathBuf;

use chrono::DateTime;
use serde_json::{Map, Value};
use tests::corpus::corpus;
use tests::program::run;

type Record = Map<String, Value>;

/// The codec's names for what the registry calls otherwise; some stand for either of two elements.
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
    ("forwarding_status", "forwardingStatus"),
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

/// What the codec makes of its own: the number of records in the message's header, and label, bits and TTL of what is the
/// length of an MPLS label stack (`mplsLabelStackLength`).
const NOT_A_FIELD: [&str; 2] = ["flow_records", "mpls_label_stack_octets"];

fn contexts() -> Vec<Value> {
    let Some(expected) = corpus("netflow/expected.json") else { return Vec::new() };
    serde_json::from_slice(&std::fs::read(expected).unwrap()).unwrap()
}

fn decode(context: &Value) -> Vec<Record> {
    let files = context["files"].as_array().unwrap();
    let mut args: Vec<PathBuf> = vec!["decode".into()];
    args.extend(files.iter().map(|file| corpus(&format!("netflow/{}", file.as_str().unwrap())).unwrap()));
    let text = String::from_utf8(run(&args).stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Our value of a field.
fn ours<'a>(record: &'a Record, theirs: &str) -> Option<&'a Value> {
    let renamed = NAMES.iter().filter(|(codec, _)| *codec == theirs).find_map(|(_, ours)| record.get(*ours));
    renamed.or_else(|| record.get(theirs))
}

/// The codec's own spelling of a value, as we spell it.
fn spelled(name: &str, theirs: &Value) -> String {
    match (name, theirs) {
        ("application_id", Value::String(text)) => text.replace("..", ":"),
        ("ingress_acl_id" | "egress_acl_id", Value::String(text)) => format!("0x{}", text.replace('-', "")),
        ("forwarding_status", Value::Object(parts)) => {
            (parts["status"].as_u64().unwrap() << 6 | parts["reason"].as_u64().unwrap()).to_string()
        }
        (_, Value::String(text)) => text.trim_end().to_owned(),
        (_, other) => other.to_string(),
    }
}

/// Numbers, texts and times alike. The codec writes some numbers as text and times as milliseconds.
fn alike(name: &str, ours: &Value, theirs: &Value) -> bool {
    let ours = match ours {
        Value::String(text) => text.trim_end().to_owned(),
        other => other.to_string(),
    };
    let theirs = spelled(name, theirs);
    let milliseconds = |text: &str| {
        let time = DateTime::parse_from_rfc3339(text).map(|time| time.timestamp_millis());
        time.ok().or_else(|| text.parse().ok())
    };
    // Its times since boot are a second late: it takes the fraction off a whole second and does not borrow it.
    let late = if name.ends_with("_switched") { 1_000 } else { 0 };
    let apart = milliseconds(&ours).zip(milliseconds(&theirs)).map(|(a, b)| b - a);
    ours == theirs || apart.is_some_and(|apart| apart == 0 || (apart - late).abs() <= 1)
}

#[test]
fn whole_events_of_real_exporters() {
    let (mut compared, mut wrong) = (0, Vec::new());
    let contexts = contexts();
    for context in &contexts {
        let records = decode(context);
        for pair in context["decoded_index_to_json"].as_array().unwrap() {
            let (index, json) = (pair[0].as_u64().unwrap() as usize, pair[1].as_u64().unwrap() as usize);
            let place = format!("{} {index}", context["context"]);
            let expected = context["json_events"][json]["netflow"].as_object().unwrap();
            let Some(record) = records.get(index) else {
                wrong.push(format!("{place}: no such record"));
                continue;
            };
            for (name, value) in expected.iter().filter(|(name, _)| !NOT_A_FIELD.contains(&name.as_str())) {
                compared += 1;
                match ours(record, name) {
                    Some(ours) if alike(name, ours, value) => {}
                    found => wrong.push(format!("{place} {name}: {found:?} instead of {value}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(contexts.is_empty() || compared > 500, "{compared}");
}

#[test]
fn single_fields_of_real_exporters() {
    let mut wrong = Vec::new();
    for context in contexts() {
        let records = decode(&context);
        for assertion in context["field_asserts"].as_array().unwrap() {
            let text = |part: usize| assertion[part].as_str().unwrap();
            let index: usize = text(0).parse().unwrap();
            let expected: Value = serde_json::from_str(text(2)).unwrap();
            let found = records.get(index).and_then(|record| ours(record, text(1)));
            if !found.is_some_and(|found| alike(text(1), found, &expected)) {
                wrong.push(format!("{} {assertion}: {found:?}", context["context"]));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
