//! Real exporters: softflowd over a capture of known sessions, and nfdump's replay, into the pipeline.

use std::collections::BTreeMap;
use std::net::{SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tracker::record::SessionRecord;

use super::{PATIENCE, sink};
use crate::ingest::{Ingest, IngestSettings, LoadSettings, LoadSummary, Loader};

/// Where the capture of known sessions is, `None` without a corpus.
fn packets() -> Option<PathBuf> {
    let root = std::env::var_os("HALFOPEN_CORPUS")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../shared/corpus"), PathBuf::from);
    let folder = root.join("packets");
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: no corpus at {}", folder.display());
    None
}

/// A program's command, `None` (and a word about it) when it is not installed.
fn program(name: &str) -> Option<Command> {
    let found = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"]
        .into_iter()
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: {name} is not installed");
    }
    found.map(Command::new)
}

fn softflowd(capture: &Path, target: SocketAddr, options: &[&str]) -> Option<bool> {
    let folder = tempfile::tempdir().unwrap();
    let mut command = program("softflowd")?;
    command.arg("-r").arg(capture).args(["-n", &target.to_string(), "-a", "-d", "-c", "none", "-p"]);
    command.arg(folder.path().join("pid")).args(options).stdout(Stdio::null()).stderr(Stdio::null());
    Some(command.status().unwrap().success())
}

/// What softflowd sends for a capture; loopback keeps it in the socket until it is read.
fn exported(capture: &Path, options: &[&str]) -> Option<Vec<Vec<u8>>> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    assert!(softflowd(capture, socket.local_addr().unwrap(), options)?);
    socket.set_nonblocking(true).unwrap();
    let mut datagrams = Vec::new();
    let mut buffer = vec![0; 65_536];
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
    assert!(!datagrams.is_empty());
    Some(datagrams)
}

fn load(datagrams: &[Vec<u8>]) -> (Vec<SessionRecord>, LoadSummary) {
    let (sink, sessions) = sink();
    let mut loader = Loader::new(LoadSettings::default(), sink);
    for datagram in datagrams {
        loader.datagram("192.0.2.1:2055".parse().unwrap(), 0, datagram).unwrap();
    }
    let summary = loader.finish().unwrap();
    assert_eq!(summary.counters.imbalances(), Vec::<String>::new());
    (sessions.try_iter().collect(), summary)
}

type Sessions = BTreeMap<(String, u16), (String, String)>;

/// TCP sessions by client: server and outcome. Each only once.
fn by_client(sessions: &[SessionRecord]) -> Sessions {
    let mut found = Sessions::new();
    for session in sessions.iter().filter(|session| session.proto == 6) {
        let server = format!("{}:{}", session.server.ip, session.server.port);
        let client = (session.client.ip.to_string(), session.client.port);
        let before = found.insert(client.clone(), (server, session.outcome.to_string()));
        assert_eq!(before, None, "{client:?} twice");
    }
    found
}

/// The known sessions. An ICMP error is invisible in flow records, so `unreachable` reads `no_answer`.
fn expected(folder: &Path) -> Sessions {
    let table = std::fs::read_to_string(folder.join("mix.expected.tsv")).unwrap();
    let row = |line: &str| {
        let columns: Vec<&str> = line.split('\t').collect();
        let outcome = if columns[4] == "unreachable" { "no_answer" } else { columns[4] };
        let client = (columns[0].to_owned(), columns[1].parse().unwrap());
        (client, (format!("{}:{}", columns[2], columns[3]), outcome.to_owned()))
    };
    table.lines().skip(1).filter(|line| !line.is_empty()).map(row).collect()
}

const FORMS: &[&[&str]] = &[
    &["-v", "10"],
    &["-v", "10", "-b"],
    &["-v", "10", "-A", "milli"],
    &["-v", "10", "-t", "maxlife=5"],
    &["-v", "10", "-t", "maxlife=1"],
    &["-v", "10", "-b", "-t", "maxlife=5"],
    &["-v", "9"],
    &["-v", "9", "-t", "maxlife=5"],
    &["-v", "5"],
    &["-v", "5", "-t", "maxlife=1"],
];

#[test]
fn softflowd_reports_the_known_sessions() {
    let Some(folder) = packets() else { return };
    for options in FORMS {
        let Some(datagrams) = exported(&folder.join("mix.pcap"), options) else { return };
        let (sessions, summary) = load(&datagrams);
        assert_eq!(by_client(&sessions), expected(&folder), "{options:?}");
        assert_eq!(summary.exporters.len(), 1);
        assert_eq!(summary.exporters[0].sequence_lost, 0, "{options:?}");
    }
}

#[test]
fn softflowd_live() {
    let Some(folder) = packets() else { return };
    for options in [&["-v", "10"][..], &["-v", "9"], &["-v", "5"], &["-v", "10", "-b"]] {
        let (sink, sessions) = sink();
        let start = std::time::Instant::now();
        let clock = move || 1_800_000_000_000_000 + start.elapsed().as_micros() as i64;
        let mut settings = IngestSettings::new(vec!["127.0.0.1:0".parse().unwrap()], std::sync::Arc::new(clock));
        settings.workers = 1;
        settings.batch_age = Duration::ZERO;
        settings.stitch.hold = Duration::from_millis(500);
        let handle = Ingest::start(settings, sink).unwrap();
        if softflowd(&folder.join("mix.pcap"), handle.local_addresses()[0], options).is_none() {
            return;
        }
        // Attempts without an answer come after the hold, everything else before.
        let mut found = Vec::new();
        while found.iter().filter(|session: &&SessionRecord| session.proto == 6).count() < 18 {
            found.push(sessions.recv_timeout(PATIENCE).unwrap());
        }
        let counters = handle.shutdown().unwrap();
        found.extend(sessions.try_iter());
        assert_eq!(by_client(&found), expected(&folder), "{options:?}");
        assert_eq!(counters.imbalances(), Vec::<String>::new());
    }
}

#[test]
fn sampled_records_decide_nothing() {
    let Some(folder) = packets() else { return };
    let Some(datagrams) = exported(&folder.join("mix.pcap"), &["-v", "10", "-s", "3"]) else { return };
    let (sessions, _) = load(&datagrams);
    assert!(sessions.iter().all(|session| session.sampling == 3 && session.outcome.as_str() == "indeterminate"));
}

#[test]
fn nfdump_replays_the_known_sessions() {
    let Some(folder) = packets() else { return };
    for version in ["9", "5"] {
        let (Some(mut nfpcapd), Some(mut nfreplay)) = (program("nfpcapd"), program("nfreplay")) else { return };
        let work = tempfile::tempdir().unwrap();
        nfpcapd.arg("-r").arg(folder.join("mix.pcap")).args(["-t", "300", "-w"]).arg(work.path());
        let made = nfpcapd.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        let file = std::fs::read_dir(work.path())
            .unwrap()
            .flatten()
            .find(|entry| entry.file_name().to_string_lossy().starts_with("nfcapd"));
        let (true, Some(file)) = (made.success(), file) else {
            println!("skipped: nfpcapd made no file");
            return;
        };
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port().to_string();
        nfreplay.arg("-r").arg(file.path()).args(["-H", "127.0.0.1", "-p", &port, "-v", version]);
        nfreplay.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        socket.set_nonblocking(true).unwrap();
        let (mut datagrams, mut buffer) = (Vec::new(), vec![0; 65_536]);
        while let Ok(length) = socket.recv(&mut buffer) {
            datagrams.push(buffer[..length].to_vec());
        }
        let (sessions, _) = load(&datagrams);
        assert_eq!(by_client(&sessions), expected(&folder), "v{version}");
    }
}
