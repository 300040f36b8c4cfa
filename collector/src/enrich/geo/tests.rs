//! Databases that the test writes itself, in the layouts of several makers.

use super::*;

/// A value of `MaxMind`'s data section.
enum Value {
    Text(&'static str),
    Number(u32),
    Map(Vec<(&'static str, Value)>),
}

use Value::{Map, Number, Text};

fn control(kind: u8, size: usize, out: &mut Vec<u8>) {
    let extended = kind > 7;
    let first = if extended { 0 } else { kind << 5 };
    assert!(size < 29 + 256);
    out.push(first | if size < 29 { size as u8 } else { 29 });
    if extended {
        out.push(kind - 7);
    }
    if size >= 29 {
        out.push((size - 29) as u8);
    }
}

fn write(value: &Value, out: &mut Vec<u8>) {
    match value {
        Text(text) => {
            control(2, text.len(), out);
            out.extend(text.as_bytes());
        }
        Number(number) => {
            control(6, 4, out);
            out.extend(number.to_be_bytes());
        }
        Map(pairs) => {
            control(7, pairs.len(), out);
            for (key, value) in pairs {
                write(&Text(key), out);
                write(value, out);
            }
        }
    }
}

/// A database of IPv6 prefixes (IPv4 below `::/96`), as the format's description has it.
fn database(networks: &[(&str, Value)]) -> Vec<u8> {
    const EMPTY: u32 = u32::MAX;
    let mut nodes = vec![[EMPTY; 2]];
    let mut data = Vec::new();
    let mut leaves = Vec::new();
    for (prefix, value) in networks {
        let net: ipnet::IpNet = prefix.parse().unwrap();
        let (bits, length) = match net {
            ipnet::IpNet::V4(net) => (u128::from(net.addr().to_bits()), 96 + usize::from(net.prefix_len())),
            ipnet::IpNet::V6(net) => (net.addr().to_bits(), usize::from(net.prefix_len())),
        };
        let offset = data.len() as u32;
        write(value, &mut data);
        let mut node = 0;
        for depth in 0..length {
            let bit = (bits >> (127 - depth) & 1) as usize;
            if depth + 1 == length {
                leaves.push((node, bit, offset));
            } else {
                if nodes[node][bit] == EMPTY {
                    nodes.push([EMPTY; 2]);
                    nodes[node][bit] = nodes.len() as u32 - 1;
                }
                node = nodes[node][bit] as usize;
            }
        }
    }
    let count = nodes.len() as u32;
    for node in &mut nodes {
        node.iter_mut().filter(|record| **record == EMPTY).for_each(|record| *record = count);
    }
    for (node, bit, offset) in leaves {
        nodes[node][bit] = count + 16 + offset;
    }
    let mut file: Vec<u8> = nodes.iter().flatten().flat_map(|record| record.to_be_bytes()).collect();
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    control(7, 9, &mut file);
    let short = |key, number: u16, file: &mut Vec<u8>| {
        write(&Text(key), file);
        control(5, 2, file);
        file.extend(number.to_be_bytes());
    };
    short("binary_format_major_version", 2, &mut file);
    short("binary_format_minor_version", 0, &mut file);
    short("ip_version", 6, &mut file);
    short("record_size", 32, &mut file);
    for (key, value) in [
        ("node_count", Number(count)),
        ("database_type", Text("Test")),
        ("description", Map(vec![("en", Text("made by a test"))])),
    ] {
        write(&Text(key), &mut file);
        write(&value, &mut file);
    }
    write(&Text("languages"), &mut file);
    control(11, 1, &mut file);
    write(&Text("en"), &mut file);
    write(&Text("build_epoch"), &mut file);
    control(9, 8, &mut file);
    file.extend(1_700_000_000_u64.to_be_bytes());
    file
}

fn city(country: &'static str, city: &'static str) -> Value {
    Map(vec![
        ("country", Map(vec![("iso_code", Text(country)), ("names", Map(vec![("en", Text("Somewhere"))]))])),
        ("city", Map(vec![("names", Map(vec![("de", Text("Anderswo")), ("en", Text(city))]))])),
    ])
}

fn asn(number: u32, organisation: &'static str) -> Value {
    Map(vec![("autonomous_system_number", Number(number)), ("autonomous_system_organization", Text(organisation))])
}

/// A database with one carrier.
pub(crate) fn carriers() -> Vec<u8> {
    database(&[("198.51.0.0/16", asn(64_496, "Example Carrier"))])
}

fn opened(databases: &[Vec<u8>]) -> (tempfile::TempDir, Geo) {
    let folder = tempfile::tempdir().unwrap();
    let path = |index: usize| folder.path().join(format!("{index}.mmdb"));
    let paths: Vec<_> = (0..databases.len()).map(path).collect();
    for (path, bytes) in paths.iter().zip(databases) {
        fs::write(path, bytes).unwrap();
    }
    let geo = Geo::open(&paths).unwrap();
    (folder, geo)
}

fn place(asn: Option<u32>, as_org: Option<&str>, country: Option<&str>, city: Option<&str>) -> Place {
    let shared = |text: Option<&str>| text.map(Arc::from);
    Place { asn, as_org: shared(as_org), country: shared(country), city: shared(city) }
}

#[test]
fn databases_complete_each_other() {
    let cities = database(&[("198.51.100.0/24", city("PT", "Faro")), ("2001:db8:1::/48", city("NL", "Delft"))]);
    let systems =
        database(&[("198.51.0.0/16", asn(64_496, "Example Carrier")), ("203.0.113.0/24", asn(64_497, "Other"))]);
    let (_folder, geo) = opened(&[cities, systems]);
    let of = |address: &str| geo.place(address.parse().unwrap());
    assert_eq!(of("198.51.100.7"), place(Some(64_496), Some("Example Carrier"), Some("PT"), Some("Faro")));
    assert_eq!(of("198.51.101.7"), place(Some(64_496), Some("Example Carrier"), None, None));
    assert_eq!(of("203.0.113.255"), place(Some(64_497), Some("Other"), None, None));
    assert_eq!(of("2001:db8:1::5"), place(None, None, Some("NL"), Some("Delft")));
    assert_eq!(of("192.0.2.1"), Place::default());
}

#[test]
fn other_makers_layouts_are_read() {
    let flat = Map(vec![
        ("asn", Text("AS64500")),
        ("as_name", Text("Flat Net")),
        ("country_code", Text("SE")),
        ("country", Text("Sweden")),
        ("city", Text("Lund")),
    ]);
    let enterprise =
        Map(vec![("traits", Map(vec![("autonomous_system_number", Number(64_501))])), ("country", Text("Sweden"))]);
    let (_folder, geo) = opened(&[database(&[("192.0.2.0/25", flat), ("192.0.2.128/25", enterprise)])]);
    let of = |address: &str| geo.place(address.parse().unwrap());
    assert_eq!(of("192.0.2.1"), place(Some(64_500), Some("Flat Net"), Some("SE"), Some("Lund")));
    assert_eq!(of("192.0.2.200"), place(Some(64_501), None, None, None));
}

#[test]
fn a_replaced_database_is_read_again_and_a_broken_one_is_not() {
    let (folder, mut geo) = opened(&[database(&[("192.0.2.0/24", asn(1, "one"))])]);
    let path = folder.path().join("0.mmdb");
    let asn_of = |geo: &Geo| geo.place("192.0.2.1".parse().unwrap()).asn;
    assert!(!geo.read_again());
    fs::write(&path, database(&[("192.0.2.0/24", asn(2, "number two"))])).unwrap();
    assert!(geo.read_again());
    assert_eq!(asn_of(&geo), Some(2));
    fs::write(&path, b"half a file").unwrap();
    assert!(!geo.read_again());
    assert_eq!(asn_of(&geo), Some(2));
    fs::remove_file(&path).unwrap();
    assert!(!geo.read_again());
    assert_eq!(asn_of(&geo), Some(2));
}

#[test]
fn what_cannot_be_read_is_named() {
    let missing = Geo::open(&["/nowhere/city.mmdb".into()]).unwrap_err().to_string();
    assert!(missing.contains("/nowhere/city.mmdb"), "{missing}");
}
