//! What softflowd sends, read by Wireshark and by `halfopen decode`: equal, field by field.

use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::time::Duration;

use chrono::DateTime;
use serde_json::{Map, Value};
use tests::corpus::corpus;
use tests::program::{real, stdout};

/// Wireshark's fields and the registry's, in the order in which one record may have them: forward, then reverse.
const FIELDS: &[(&str, &[&str])] = &[
    ("cflow.srcaddr", &["sourceIPv4Address"]),
    ("cflow.dstaddr", &["destinationIPv4Address"]),
    ("cflow.srcport", &["sourceTransportPort"]),
    ("cflow.dstport", &["destinationTransportPort"]),
    ("cflow.protocol", &["protocolIdentifier"]),
    ("cflow.tcpflags", &["tcpControlBits", "reverseTcpControlBits"]),
    ("cflow.packets", &["packetDeltaCount", "reversePacketDeltaCount"]),
    ("cflow.octets", &["octetDeltaCount", "reverseOctetDeltaCount"]),
    ("cflow.inputint", &["ingressInterface"]),
    ("cflow.outputint", &["egressInterface"]),
    ("cflow.flow_end_reason", &["flowEndReason"]),
    ("cflow.tos", &["ipClassOfService", "reverseIpClassOfService"]),
];
/// Wireshark's duration, in seconds; ours is the difference of these two.
const DURATION: &str = "cflow.timedelta";
const TIMES: [(&str, &str); 2] =
    [("flowStartSysUpTime", "flowEndSysUpTime"), ("flowStartMilliseconds", "flowEndMilliseconds")];

/// The datagrams that softflowd sends for a capture, as a capture of bare IP packets to port 2056.
fn export(capture: &Path, options: &[&str], to: &Path) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(1))).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let status = real("softflowd")
        .arg("-r")
        .arg(capture)
        .args(["-n", &socket.local_addr().unwrap().to_string(), "-a", "-d", "-c", "none", "-p"])
        .arg(folder.path().join("pid"))
        .args(options)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "softflowd {options:?}: {status}");
    let mut file = std::fs::File::create(to).unwrap();
    // Magic, version 2.4, zone, accuracy, length of packets, link type 101: bare IP.
    file.write_all(&0xa1b2_c3d4_u32.to_le_bytes()).unwrap();
    file.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 101, 0, 0, 0]).unwrap();
    let mut buffer = vec![0; 65_535];
    while let Ok(length) = socket.recv(&mut buffer) {
        let mut packet = vec![0x45, 0];
        packet.extend((length as u16 + 28).to_be_bytes());
        packet.extend([0, 0, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1]);
        packet.extend(40_000_u16.to_be_bytes());
        packet.extend(2_056_u16.to_be_bytes());
        packet.extend((length as u16 + 8).to_be_bytes());
        packet.extend([0, 0]);
        packet.extend(&buffer[..length]);
        let size = (packet.len() as u32).to_le_bytes();
        file.write_all(&[1_700_000_000_u32.to_le_bytes(), [0; 4], size, size].concat()).unwrap();
        file.write_all(&packet).unwrap();
    }
}

/// All values of each of Wireshark's fields, in order.
fn theirs(capture: &Path, fields: &[&str]) -> Vec<Vec<String>> {
    let output = real("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-n", "-d", "udp.port==2056,cflow", "-T", "fields", "-E", "separator=;"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let number = |text: &str| text.strip_prefix("0x").and_then(|hex| u64::from_str_radix(hex, 16).ok());
    let mut all = vec![Vec::new(); fields.len()];
    for line in text.lines() {
        for (values, column) in all.iter_mut().zip(line.split(';')) {
            let values_of = column.split(',').filter(|value| !value.is_empty());
            values.extend(values_of.map(|text| number(text).map_or_else(|| text.to_owned(), |n| n.to_string())));
        }
    }
    all
}

fn seconds(record: &Map<String, Value>) -> Option<f64> {
    // A time of day, or the milliseconds since the exporter started.
    let time = |name: &str| {
        let value = record.get(name)?;
        value.as_i64().or_else(|| Some(DateTime::parse_from_rfc3339(value.as_str()?).ok()?.timestamp_millis()))
    };
    TIMES.iter().find_map(|(start, end)| Some((time(end)? - time(start)?) as f64 / 1000.0))
}

fn compare(options: &[&str]) {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let folder = tempfile::tempdir().unwrap();
    let exported = folder.path().join("export.pcap");
    export(&capture, options, &exported);
    let text = stdout(["decode", exported.to_str().unwrap()]);
    let records: Vec<Map<String, Value>> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(records.len() >= 19, "{options:?}: {text}");
    let fields: Vec<&str> = FIELDS.iter().map(|(field, _)| *field).chain([DURATION]).collect();
    let mut theirs = theirs(&exported, &fields);
    let durations = theirs.pop().unwrap();
    for ((field, names), theirs) in FIELDS.iter().zip(theirs) {
        let ours: Vec<String> = records
            .iter()
            .flat_map(|record| names.iter().filter_map(|name| record.get(*name)))
            .map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
            .collect();
        assert_eq!(ours, theirs, "{options:?} {field}");
    }
    let ours: Vec<f64> = records.iter().filter_map(seconds).collect();
    let theirs: Vec<f64> = durations.iter().map(|text| text.parse().unwrap()).collect();
    assert_eq!(ours.len(), theirs.len(), "{options:?}");
    for (ours, theirs) in ours.iter().zip(&theirs) {
        assert!((ours - theirs).abs() < 0.0015, "{options:?}: {ours} {theirs}");
    }
}

#[test]
fn wireshark_reads_v5_alike() {
    compare(&["-v", "5"]);
}

#[test]
fn wireshark_reads_v9_alike() {
    compare(&["-v", "9"]);
}

#[test]
fn wireshark_reads_ipfix_alike() {
    compare(&["-v", "10"]);
    compare(&["-v", "10", "-A", "milli"]);
}

#[test]
fn wireshark_reads_biflows_alike() {
    compare(&["-v", "10", "-b"]);
}
