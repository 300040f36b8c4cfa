//! Real exporters into a running server: it receives as many records as they send.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tests::corpus::corpus;
use tests::program::{real, stdout};
use tests::server::Server;

const RECORDS: &str = "halfopen_records_out_total";

/// The TCP flows of a capture, by direction, as tshark sees them.
fn flows(capture: &Path) -> u64 {
    let fields = ["ip.src", "tcp.srcport", "ip.dst", "tcp.dstport"];
    let output = real("tshark")
        .arg("-r")
        .arg(capture)
        .args(["-Y", "tcp and not icmp", "-T", "fields"])
        .args(fields.iter().flat_map(|field| ["-e", field]))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().collect::<BTreeSet<_>>().len() as u64
}

fn quiet(command: &mut Command) -> &mut Command {
    command.stdout(Stdio::null()).stderr(Stdio::null())
}

/// Ends a program and what it has started when dropped.
struct Running(Child);

impl Running {
    fn start(command: &mut Command) -> Self {
        Self(quiet(command).process_group(0).spawn().unwrap())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        real("kill").args(["-KILL", "--", &format!("-{}", self.0.id())]).status().ok();
        self.0.wait().ok();
    }
}

#[test]
fn nfreplay_sends_what_nfdump_counts() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let work = tempfile::tempdir().unwrap();
    let mut nfpcapd = real("nfpcapd");
    nfpcapd.arg("-r").arg(capture).args(["-t", "300", "-w"]).arg(work.path());
    assert!(quiet(&mut nfpcapd).status().unwrap().success());
    let is_file = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("nfcapd.2"));
    let file = std::fs::read_dir(work.path()).unwrap().flatten().map(|entry| entry.path()).find(is_file);
    let file = file.expect("nfpcapd writes a file");
    let counted = real("nfdump").arg("-r").arg(&file).arg("-I").output().unwrap();
    let counted = String::from_utf8(counted.stdout).unwrap();
    let flows = counted.lines().find_map(|line| line.strip_prefix("Flows:")).expect("nfdump counts flows");
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    for version in ["9", "5"] {
        let before = server.metric(RECORDS);
        let mut nfreplay = real("nfreplay");
        nfreplay.arg("-r").arg(&file).args(["-H", "127.0.0.1", "-v", version]);
        nfreplay.args(["-p", &server.netflow.port().to_string()]);
        assert!(quiet(&mut nfreplay).status().unwrap().success());
        server.wait_metric(RECORDS, before + flows.trim().parse::<u64>().unwrap());
    }
    assert!(server.stop().success());
}

/// Two network namespaces joined by a cable; gone when dropped.
struct Cable {
    names: [String; 2],
}

impl Cable {
    /// `None` (and a line that says so) where namespaces may not be made.
    fn new(test: &str) -> Option<Self> {
        let names = ["a", "b"].map(|end| format!("halfopen-{test}-{}-{end}", std::process::id()));
        let cable = Self { names };
        for name in &cable.names {
            let made = real("ip").args(["netns", "add", name]).output().unwrap();
            if !made.status.success() {
                eprintln!("skipped: {}", String::from_utf8_lossy(&made.stderr).trim());
                return None;
            }
        }
        let [a, b] = &cable.names;
        let run = |args: &[&str]| assert!(real("ip").args(args).status().unwrap().success(), "{args:?}");
        run(&["-n", a, "link", "add", "va", "type", "veth", "peer", "name", "vb", "netns", b]);
        for (name, device) in [(a, "va"), (b, "vb")] {
            // What the kernel sends of its own accord is IPv6.
            cable.run(name, "sysctl", &["-q", "-w", "net.ipv6.conf.all.disable_ipv6=1"]);
            run(&["-n", name, "link", "set", "lo", "up"]);
            run(&["-n", name, "link", "set", device, "up"]);
        }
        Some(cable)
    }

    fn command(name: &str, program: &str) -> Command {
        let mut command = real("ip");
        command.args(["netns", "exec", name]).arg(real(program).get_program());
        command
    }

    fn run(&self, name: &str, program: &str, args: &[&str]) {
        assert!(self.names.iter().any(|own| own == name));
        let status = quiet(Self::command(name, program).args(args)).status().unwrap();
        assert!(status.success(), "{program} {args:?}: {status}");
    }

    /// Waits until a program watches packets in a namespace.
    fn wait_watched(&self, name: &str) {
        assert!(self.names.iter().any(|own| own == name));
        let sockets = || {
            let table = Self::command(name, "cat").arg("/proc/net/packet").output().unwrap();
            String::from_utf8(table.stdout).unwrap().lines().count() - 1
        };
        let end = std::time::Instant::now() + tests::server::PATIENCE;
        while sockets() == 0 {
            assert!(std::time::Instant::now() < end, "nobody watches packets");
            std::thread::sleep(Duration::from_millis(50));
        }
        // Between the socket and its filter lies a moment.
        std::thread::sleep(Duration::from_secs(1));
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        for name in &self.names {
            quiet(real("ip").args(["netns", "del", name])).status().ok();
        }
    }
}

/// Watches a cable with an exporter while a capture is replayed over it; the records of its flows must all arrive.
fn watched(test: &str, exporter: impl FnOnce(&str, u16, &Path) -> Command) {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let Some(cable) = Cable::new(test) else { return };
    let [a, b] = &cable.names;
    let store = tempfile::tempdir().unwrap();
    // Longer than any exporter here waits with a record: once the last session is there, every record is.
    let environment = [("HALFOPEN_STORE_FLUSH", "1s"), ("HALFOPEN_NETFLOW_HOLD", "8s")];
    let mut server = Server::start_by(&["ip", "netns", "exec", b], store.path(), &[], &environment);
    let work = tempfile::tempdir().unwrap();
    let mut command = exporter(b, server.netflow.port(), work.path());
    let exporting = Running::start(&mut command);
    cable.wait_watched(b);
    cable.run(a, "tcpreplay", &["-q", "-i", "va", capture.to_str().unwrap()]);
    // The server's own API is in the namespace; its store is not.
    let count = || {
        let sql = "SELECT count(*) AS n FROM sessions WHERE proto = 6";
        let csv = stdout(["query", sql, "--format", "csv", "--store", store.path().to_str().unwrap()]);
        csv.trim().trim_start_matches("n\n").parse::<u64>().unwrap()
    };
    let sessions = std::fs::read_to_string(corpus("packets/mix.expected.tsv").unwrap()).unwrap().lines().count() - 1;
    let end = std::time::Instant::now() + tests::server::PATIENCE;
    while count() < sessions as u64 {
        assert!(std::time::Instant::now() < end, "{} of {sessions} sessions\n{}", count(), server.log());
        std::thread::sleep(Duration::from_millis(500));
    }
    drop(exporting);
    assert!(server.stop().success());
    assert_eq!(count(), sessions as u64);
    let line = server.wait_line("stopped");
    let records = line.split("records=").nth(1).and_then(|rest| rest.split_whitespace().next()).unwrap();
    assert_eq!(records.parse::<u64>().unwrap(), flows(&capture), "{line}");
}

#[test]
fn fprobe_on_a_cable() {
    watched("fprobe", |namespace, port, _| {
        let mut fprobe = Cable::command(namespace, "fprobe");
        fprobe.args(["-i", "vb", "-f", "tcp", "-s", "1", "-d", "2", "-e", "60", "-n", "5", "-l", "2"]);
        fprobe.arg(format!("127.0.0.1:{port}"));
        fprobe
    });
}

fn pmacctd(version: u16) {
    watched(&format!("pmacctd{version}"), |namespace, port, work| {
        let config = work.join("pmacctd.conf");
        let text = format!(
            "daemonize: false\npcap_interface: vb\npcap_filter: tcp\nplugins: nfprobe[x]\n\
             aggregate[x]: src_host, dst_host, src_port, dst_port, proto, tos, tcpflags, timestamp_start, timestamp_end\n\
             nfprobe_receiver[x]: 127.0.0.1:{port}\nnfprobe_version[x]: {version}\n\
             nfprobe_timeouts[x]: tcp=4:tcp.rst=2:tcp.fin=2:general=4:maxlife=60:expint=1\n"
        );
        std::fs::write(&config, text).unwrap();
        let mut pmacctd = Cable::command(namespace, "pmacctd");
        pmacctd.arg("-f").arg(config);
        pmacctd
    });
}

#[test]
fn pmacctd_on_a_cable_v9() {
    pmacctd(9);
}

#[test]
fn pmacctd_on_a_cable_ipfix() {
    pmacctd(10);
}

/// softflowd sends a record per direction, or one for both.
#[test]
fn softflowd_sends_each_flow_once() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    let records = |options: &[&str]| {
        let before = server.metric(RECORDS);
        let folder = tempfile::tempdir().unwrap();
        let mut softflowd = real("softflowd");
        softflowd.arg("-r").arg(&capture).args(["-n", &server.netflow.to_string(), "-a", "-d", "-c", "none", "-p"]);
        softflowd.arg(folder.path().join("pid")).args(options).arg("tcp");
        assert!(quiet(&mut softflowd).status().unwrap().success(), "{options:?}");
        let mut last = before;
        loop {
            std::thread::sleep(Duration::from_secs(1));
            let now = server.metric(RECORDS);
            if now == last && now > before {
                return now - before;
            }
            last = now;
        }
    };
    let (directed, sessions) = (flows(&capture), 18);
    for options in [&["-v", "5"][..], &["-v", "9"], &["-v", "10"]] {
        assert_eq!(records(options), directed, "{options:?}");
    }
    assert_eq!(records(&["-v", "10", "-b"]), sessions);
    assert!(server.stop().success());
}
