//! Many and hostile exporters in a running server: who is who, what they cost, and that every datagram is accounted for.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use tests::corpus::corpus;
use tests::export::{biflow_template, ipfix, refused, set, template};
use tests::program::stdout;
use tests::server::Server;

const RECORDS: &str = "halfopen_records_out_total";

fn dropped(reason: &str) -> String {
    format!("halfopen_dropped_total{{reason=\"{reason}\"}}")
}

/// A template of its own for each exporter and id: addresses, protocol, and padding of some length among the rest.
fn own_template(exporter: u32, id: u16) -> Vec<u8> {
    let mut fields: Vec<_> = [8, 12, 7, 11, 4, 6, 2, 1, 152, 153, 10, 14, 5, 15, 16, 17, 9, 13, 61]
        .into_iter()
        .map(|element| (element, if matches!(element, 152 | 153) { 8 } else { length(element) }, false))
        .collect();
    fields.push((210, 1 + (exporter % 5_000) as u16, false));
    template(id, &fields)
}

fn length(element: u16) -> u16 {
    match element {
        4 | 5 | 9 | 13 | 61 => 1,
        6 | 7 | 11 => 2,
        _ => 4,
    }
}

/// A record of [`own_template`].
fn own_record(exporter: u32, id: u16) -> Vec<u8> {
    let now = tests::export::now();
    let mut record = vec![10, 0, 0, 1, 10, 2, 0, 9];
    record.extend((exporter as u16).to_be_bytes());
    record.extend([1, 187, 6, 0, 2]);
    record.extend([0; 8]);
    record.extend(now.to_be_bytes());
    record.extend(now.to_be_bytes());
    // Interfaces, class, next hop, systems, masks, direction.
    record.resize(record.len() + 4 + 4 + 1 + 4 + 4 + 4 + 1 + 1 + 1, 0);
    record.resize(record.len() + 1 + (exporter % 5_000) as usize, 0);
    set(id, &record)
}

fn resident(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
}

/// 10,000 exporters with 20 templates each, none like another's, within a bound on memory; then each is understood.
#[test]
fn ten_thousand_exporters_with_twenty_templates() {
    const EXPORTERS: u32 = 10_000;
    const BOUND: u64 = 320 << 20;
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    let before = resident(server.pid());
    let send = |exporter: u32, message: &[u8]| {
        let address = SocketAddr::from((std::net::Ipv4Addr::from(0x7f01_0000 + exporter), 0));
        UdpSocket::bind(address).unwrap().send_to(message, server.netflow).unwrap();
    };
    for exporter in 0..EXPORTERS {
        let templates: Vec<_> = (256..276).map(|id| own_template(exporter, id)).collect();
        send(exporter, &ipfix(1, 0, &templates));
        if exporter % 250 == 249 {
            let datagrams = u64::from(exporter) + 1;
            while server.metric("halfopen_datagrams_out_total") < datagrams {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    let grown = resident(server.pid()).saturating_sub(before);
    assert!(grown < BOUND, "{} MiB for 200,000 templates", grown >> 20);
    eprintln!("{} MiB for 200,000 templates", grown >> 20);
    for exporter in 0..EXPORTERS {
        send(exporter, &ipfix(1, 0, &[own_record(exporter, 256 + (exporter % 20) as u16)]));
        if exporter % 250 == 249 {
            let records = u64::from(exporter) + 1;
            while server.metric(RECORDS) < records {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
    }
    server.wait_metric(RECORDS, u64::from(EXPORTERS));
    let exporters = server.json("/api/v1/exporters");
    assert_eq!(exporters["items"].as_array().unwrap().len(), EXPORTERS as usize);
    // Labels are bounded: 500 have series of their own.
    let metrics = ureq::get(server.url("/metrics")).call().unwrap().body_mut().read_to_string().unwrap();
    assert!(metrics.lines().filter(|line| line.starts_with("halfopen_exporter_records_total{")).count() <= 501);
    assert!(server.stop().success());
}

/// Two exporters behind one address use the same template id for different things, told apart by their domains.
#[test]
fn one_address_two_domains() {
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[("HALFOPEN_STORE_FLUSH", "1s")]);
    let sockets = [UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.0.0.1:0").unwrap()];
    let templates = [biflow_template(), own_template(0, tests::export::TEMPLATE)];
    for (domain, (socket, template)) in sockets.iter().zip(templates).enumerate() {
        socket.send_to(&ipfix(domain as u32, 0, &[template]), server.netflow).unwrap();
    }
    for number in 0..10 {
        sockets[0].send_to(&ipfix(0, number, &[refused(number..number + 1)]), server.netflow).unwrap();
        let record = own_record(number * 5_000, tests::export::TEMPLATE);
        sockets[1].send_to(&ipfix(1, number, &[record]), server.netflow).unwrap();
    }
    server.wait_metric(RECORDS, 20);
    let list = server.wait_json("/api/v1/exporters", |list| list["items"].as_array().unwrap().len() == 2);
    for (domain, exporter) in list["items"].as_array().unwrap().iter().enumerate() {
        assert_eq!(exporter["domain"], domain, "{list:#}");
        for (field, value) in [("records", 10), ("template_collisions", 0), ("sequence_lost", 0), ("templates", 1)] {
            assert_eq!(exporter[field], value, "{field} of {list:#}");
        }
    }
    assert!(server.stop().success());
    let sql = "SELECT outcome, count(*) AS n FROM sessions WHERE domain = 0 GROUP BY outcome";
    let csv = stdout(["query", sql, "--format", "csv", "--store", store.path().to_str().unwrap()]);
    assert_eq!(csv, "outcome,n\nrefused,10\n");
}

/// An exporter that does nothing but redefine templates takes no record from another.
#[test]
fn a_template_storm_costs_others_nothing() {
    let store = tempfile::tempdir().unwrap();
    let environment = [("HALFOPEN_NETFLOW_WORKERS", "1")];
    let mut server = Server::start(store.path(), &[], &environment);
    let to = server.netflow;
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let storm = std::thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.66:0").unwrap();
        let mut sent = 0_u64;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            for burst in 0..40_u32 {
                let templates: Vec<_> = (256..276).map(|id| own_template(burst, id)).collect();
                socket.send_to(&ipfix(9, 0, &templates), to).unwrap();
                sent += 1;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        sent
    });
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&ipfix(1, 0, &[biflow_template()]), to).unwrap();
    for block in 0..500_u32 {
        socket.send_to(&ipfix(1, block * 20, &[refused(block * 20..block * 20 + 20)]), to).unwrap();
        std::thread::sleep(Duration::from_millis(4));
    }
    server.wait_metric(RECORDS, 10_000);
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    let sent = storm.join().unwrap();
    let list = server.wait_json("/api/v1/exporters", |list| {
        list["items"].as_array().unwrap().iter().any(|e| e["address"] == "127.0.0.66" && e["packets"] == sent)
    });
    let exporters = list["items"].as_array().unwrap();
    let storming = exporters.iter().find(|exporter| exporter["address"] == "127.0.0.66").unwrap();
    assert!(storming["template_collisions"].as_u64().unwrap() > 1_000, "{storming:#}");
    let other = exporters.iter().find(|exporter| exporter["address"] == "127.0.0.1").unwrap();
    assert_eq!((other["records"].as_u64(), other["sequence_lost"].as_u64()), (Some(10_000), Some(0)), "{other:#}");
    assert!(server.stop().success());
}

#[test]
fn allowed_prefixes_rates_and_names() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("halfopen.toml");
    let text = "[netflow]\nallow = [\"127.0.0.0/24\"]\nrate_limit = 50\n\
                [enrich]\nexporters = { \"127.0.0.1\" = \"core\" }\ninterfaces = { \"127.0.0.1#7\" = \"uplink\" }\n\
                [store]\nflush = \"1s\"\n";
    std::fs::write(&config, text).unwrap();
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &["--config", config.to_str().unwrap()], &[]);
    let (friend, stranger) = (UdpSocket::bind("127.0.0.1:0").unwrap(), UdpSocket::bind("127.1.0.1:0").unwrap());
    friend.send_to(&ipfix(1, 0, &[biflow_template(), refused(0..1)]), server.netflow).unwrap();
    server.wait_metric(RECORDS, 1);
    for number in 0..500 {
        friend.send_to(&ipfix(1, number, &[]), server.netflow).unwrap();
        stranger.send_to(&ipfix(1, number, &[]), server.netflow).unwrap();
    }
    server.wait_metric(&dropped("not_allowed"), 500);
    server.wait_metric("halfopen_datagrams_in_total", 1_001);
    let limited = server.metric(&dropped("rate_limited"));
    assert!((300..500).contains(&limited), "{limited}");
    let list = server.wait_json("/api/v1/exporters", |list| !list["items"].as_array().unwrap().is_empty());
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(
        (list["items"][0]["name"].as_str(), list["items"][0]["address"].as_str()),
        (Some("core"), Some("127.0.0.1"))
    );
    assert!(server.stop().success());
    let sql = "SELECT observer_name, input_interface_name FROM sessions";
    let csv = stdout(["query", sql, "--format", "csv", "--store", store.path().to_str().unwrap()]);
    assert_eq!(csv, "observer_name,input_interface_name\ncore,uplink\n");
}

/// Real exports, the same cut and with bits flipped, and noise: what came in is what was used and what was dropped.
#[test]
fn every_datagram_and_record_is_accounted_for() {
    let store = tempfile::tempdir().unwrap();
    let mut server =
        Server::start(store.path(), &[], &[("HALFOPEN_NETFLOW_HOLD", "2s"), ("HALFOPEN_STORE_FLUSH", "1s")]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0_u64;
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut inputs =
        vec![ipfix(1, 0, &[biflow_template(), refused(0..200)]), ipfix(1, 200, &[refused(200..300), refused(0..9)])];
    if let Some(folder) = corpus("netflow") {
        let files = std::fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path());
        let exports = files.filter(|path| path.extension().is_some_and(|extension| extension == "dat"));
        inputs.extend(exports.map(|path| std::fs::read(path).unwrap()).filter(|bytes| bytes.len() < 60_000));
        assert!(inputs.len() > 20, "the corpus has exports");
    }
    let mut send = |bytes: &[u8]| {
        socket.send_to(bytes, server.netflow).unwrap();
        sent += 1;
        if sent.is_multiple_of(32) {
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    for input in &inputs {
        send(input);
        for _ in 0..20 {
            send(&input[..random() as usize % input.len()]);
            let mut flipped = input.clone();
            for _ in 0..3 {
                let at = random() as usize % flipped.len();
                flipped[at] ^= 1 << (random() % 8);
            }
            send(&flipped);
            send(&(0..random() % 200).map(|_| random() as u8).collect::<Vec<_>>());
        }
    }
    server.wait_metric("halfopen_datagrams_in_total", sent);
    // Stages tell their counts a moment after each other.
    let unbalanced = |all: &BTreeMap<String, u64>| -> Vec<&str> {
        let of = |name: &&str| all.get(&format!("halfopen_{name}")).copied().unwrap_or(0);
        let equations: &[(&str, &[&str])] = &[
            ("datagrams_in_total", &["datagrams_out_total", "datagrams_dropped_total"]),
            ("records_in_total", &["records_out_total", "options_out_total", "dropped_total{reason=\"not_a_flow\"}"]),
            ("records_out_total", &["stitch_in_total"]),
            ("stitch_in_total", &["stitch_opened_total", "stitch_joined_total", "stitch_ignored_total"]),
            ("stitch_opened_total", &["sessions_out_total", "sessions_held"]),
        ];
        equations
            .iter()
            .filter(|(left, right)| of(left) != right.iter().map(of).sum::<u64>())
            .map(|(left, _)| *left)
            .collect()
    };
    let end = Instant::now() + Duration::from_secs(30);
    loop {
        let all = server.metrics();
        let wrong = unbalanced(&all);
        if wrong.is_empty() {
            break;
        }
        assert!(Instant::now() < end, "{wrong:?} of {all:#?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let out = server.metric("halfopen_stitch_opened_total");
    assert!(server.metric(&dropped("unknown_version")) > 10 && out >= 300, "{out}");
    assert!(server.stop().success());
    let log = server.log();
    assert!(!log.contains("do not reconcile"), "{log}");
    // Records whose times no clock can have shown are not stored, and counted.
    let csv = stdout([
        "query",
        "SELECT count(*) AS n FROM sessions",
        "--format",
        "csv",
        "--store",
        store.path().to_str().unwrap(),
    ]);
    let stored: u64 = csv.trim().trim_start_matches("n\n").parse().unwrap();
    assert!(stored <= out && stored >= 300, "{stored} of {out}");
}
