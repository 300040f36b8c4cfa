//! IPFIX over TCP and TLS into a running server, and what a restart costs.

use std::io::{Read as _, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use tests::corpus::corpus;
use tests::export::{biflow_template, ipfix, refused};
use tests::program::{halfopen, real, stdout};
use tests::server::Server;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

const RECORDS: &str = "halfopen_records_out_total";
const OPEN: &str = "halfopen_connections_open";

fn dropped(reason: &str) -> String {
    format!("halfopen_dropped_total{{reason=\"{reason}\"}}")
}

/// Sessions in a store.
fn stored(store: &Path) -> u64 {
    let csv =
        stdout(["query", "SELECT count(*) AS n FROM sessions", "--format", "csv", "--store", store.to_str().unwrap()]);
    csv.trim().trim_start_matches("n\n").parse().unwrap()
}

#[test]
fn messages_of_a_stream_however_they_are_cut() {
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[("HALFOPEN_NETFLOW_TCP_LISTEN", "127.0.0.1:0")]);
    let address = server.address("receiving ipfix-tcp");
    let listeners = server.json("/api/v1/exporters")["listen"].clone();
    assert_eq!(listeners[1]["protocol"], "ipfix-tcp", "{listeners:#}");
    let mut stream = TcpStream::connect(address).unwrap();
    let messages = [
        ipfix(1, 0, &[biflow_template(), refused(0..10)]),
        ipfix(1, 10, &[refused(10..30)]),
        ipfix(2, 0, &[biflow_template(), refused(30..31)]),
    ];
    for part in messages.concat().chunks(97) {
        stream.write_all(part).unwrap();
        stream.flush().unwrap();
    }
    server.wait_metric(RECORDS, 31);
    let exporters = server.wait_json("/api/v1/exporters", |list| list["items"].as_array().unwrap().len() == 2);
    assert_eq!(exporters["items"][0]["records"], 30, "{exporters:#}");
    assert_eq!(exporters["items"][0]["sequence_lost"], 0, "{exporters:#}");
    drop(stream);
    server.wait_metric(OPEN, 0);

    // Templates die with their session; the same exporter's next one brings its own.
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(&ipfix(1, 30, &[refused(31..41)])).unwrap();
    server.wait_metric("halfopen_waiting_sets", 1);
    stream.write_all(&ipfix(1, 40, &[biflow_template()])).unwrap();
    server.wait_metric(RECORDS, 41);
    drop(stream);
    let exporters = server.wait_json("/api/v1/exporters", |list| list["items"][0]["records"] == 40);
    assert_eq!(exporters["items"].as_array().unwrap().len(), 2, "one exporter, whatever its session: {exporters:#}");
    assert!(server.stop().success());
    assert_eq!(stored(store.path()), 41);
    assert!(!server.log().contains("do not reconcile"), "{}", server.log());
}

#[test]
fn a_stream_that_is_no_ipfix_is_closed_and_harms_no_other() {
    let store = tempfile::tempdir().unwrap();
    let environment = [
        ("HALFOPEN_NETFLOW_TCP_LISTEN", "127.0.0.1:0"),
        ("HALFOPEN_NETFLOW_CONNECTION_IDLE", "10s"),
        ("HALFOPEN_NETFLOW_MAX_CONNECTIONS", "3"),
    ];
    let mut server = Server::start(store.path(), &[], &environment);
    let address = server.address("receiving ipfix-tcp");
    let closed = |mut stream: TcpStream| {
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        assert!(!matches!(stream.read(&mut [0; 1]), Ok(1)), "the connection is closed");
    };
    let mut good = TcpStream::connect(address).unwrap();
    good.write_all(&ipfix(1, 0, &[biflow_template(), refused(0..1)])).unwrap();
    server.wait_metric(RECORDS, 1);
    let mut http = TcpStream::connect(address).unwrap();
    http.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    closed(http);
    let mut short = TcpStream::connect(address).unwrap();
    short.write_all(&[0, 10, 0, 3, 0, 0, 0, 0]).unwrap();
    closed(short);
    let mut cut = TcpStream::connect(address).unwrap();
    cut.write_all(&ipfix(1, 0, &[biflow_template()])[..20]).unwrap();
    drop(cut);
    server.wait_metric(&dropped("stream_malformed"), 2);
    server.wait_metric(&dropped("stream_cut"), 1);
    server.wait_metric(OPEN, 1);
    good.write_all(&ipfix(1, 1, &[refused(1..2)])).unwrap();
    server.wait_metric(RECORDS, 2);

    let silent: Vec<_> = (0..2).map(|_| TcpStream::connect(address).unwrap()).collect();
    server.wait_metric(OPEN, 3);
    closed(TcpStream::connect(address).unwrap());
    server.wait_metric(&dropped("session_refused"), 1);
    silent.into_iter().for_each(closed);
    server.wait_metric(&dropped("session_idle"), 3);
    assert!(server.stop().success());
    assert_eq!(stored(store.path()), 2);
}

struct Certificates {
    folder: tempfile::TempDir,
}

impl Certificates {
    /// An authority, a server's certificate for 127.0.0.1, a client's, and one of another authority.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let issuer = || {
            let mut params = CertificateParams::default();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
        };
        let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
        let (ours, other) = (issuer(), issuer());
        write("ca.pem", &ours.pem());
        for (name, host, issuer) in
            [("server", "127.0.0.1", &ours), ("client", "exporter", &ours), ("other", "exporter", &other)]
        {
            let key = KeyPair::generate().unwrap();
            let certificate = CertificateParams::new([host.to_owned()]).unwrap().signed_by(&key, issuer).unwrap();
            write(&format!("{name}.pem"), &certificate.pem());
            write(&format!("{name}.key"), &key.serialize_pem());
        }
        Self { folder }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A TLS connection, with a client's certificate where one is named.
    fn connect(&self, to: SocketAddr, client: Option<&str>) -> StreamOwned<ClientConnection, TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(self.path("ca.pem")).unwrap()).unwrap();
        let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots);
        let config = match client {
            None => builder.with_no_client_auth(),
            Some(name) => {
                let certificate = CertificateDer::from_pem_file(self.path(&format!("{name}.pem"))).unwrap();
                let key = PrivateKeyDer::from_pem_file(self.path(&format!("{name}.key"))).unwrap();
                builder.with_client_auth_cert(vec![certificate], key).unwrap()
            }
        };
        let connection = ClientConnection::new(Arc::new(config), "127.0.0.1".try_into().unwrap()).unwrap();
        StreamOwned::new(connection, TcpStream::connect(to).unwrap())
    }
}

#[test]
fn tls_with_certificates_on_both_sides() {
    let certificates = Certificates::new();
    let text = |name| certificates.path(name).to_str().unwrap().to_owned();
    let (cert, key, ca) = (text("server.pem"), text("server.key"), text("ca.pem"));
    let environment = [
        ("HALFOPEN_NETFLOW_TLS_LISTEN", "127.0.0.1:0"),
        ("HALFOPEN_NETFLOW_TLS_CERT", cert.as_str()),
        ("HALFOPEN_NETFLOW_TLS_KEY", key.as_str()),
        ("HALFOPEN_NETFLOW_TLS_CLIENT_CA", ca.as_str()),
    ];
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &environment);
    let address = server.address("receiving ipfix-tls");
    let message = ipfix(1, 0, &[biflow_template(), refused(0..5)]);
    let mut trusted = certificates.connect(address, Some("client"));
    trusted.write_all(&message).unwrap();
    trusted.flush().unwrap();
    server.wait_metric(RECORDS, 5);
    for stranger in [None, Some("other")] {
        let mut stream = certificates.connect(address, stranger);
        // The refusal may show in the handshake or, in TLS 1.3, after it.
        let refused =
            stream.write_all(&message).is_err() || stream.flush().is_err() || stream.read(&mut [0; 1]).is_err();
        assert!(refused, "{stranger:?}");
    }
    let mut plain = TcpStream::connect(address).unwrap();
    plain.write_all(&message).unwrap();
    server.wait_metric(&dropped("tls_failed"), 3);
    trusted.conn.send_close_notify();
    trusted.flush().unwrap();
    drop(trusted);
    server.wait_metric(OPEN, 0);
    assert_eq!(server.metric(RECORDS), 5);
    assert!(server.stop().success());
    assert_eq!(stored(store.path()), 5);
}

#[test]
fn tls_files_that_do_not_fit_are_named() {
    let certificates = Certificates::new();
    let store = tempfile::tempdir().unwrap();
    let args =
        ["serve", "--http", "127.0.0.1:0", "--netflow", "127.0.0.1:0", "--store", store.path().to_str().unwrap()];
    let with = |cert: &str, key: &str| {
        let output = halfopen(args)
            .env("HALFOPEN_NETFLOW_TLS_LISTEN", "127.0.0.1:0")
            .env("HALFOPEN_NETFLOW_TLS_CERT", certificates.path(cert))
            .env("HALFOPEN_NETFLOW_TLS_KEY", certificates.path(key))
            .output()
            .unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    for (cert, key, said) in [
        ("nosuch.pem", "server.key", "nosuch.pem"),
        ("server.pem", "ca.pem", "ca.pem"),
        ("server.pem", "client.key", "tls"),
    ] {
        let (code, text) = with(cert, key);
        assert_eq!(code, Some(78), "{cert} {key}: {text}");
        assert!(text.contains(said), "{cert} {key}: {text}");
    }
}

#[test]
fn softflowd_over_tcp() {
    let Some(capture) = corpus("packets/mix.pcap") else { return };
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[("HALFOPEN_NETFLOW_TCP_LISTEN", "127.0.0.1:0")]);
    let address = server.address("receiving ipfix-tcp");
    let folder = tempfile::tempdir().unwrap();
    let status = real("softflowd")
        .arg("-r")
        .arg(capture)
        .args(["-n", &address.to_string(), "-v", "10", "-P", "tcp", "-a", "-d", "-c", "none", "-p"])
        .arg(folder.path().join("pid"))
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{status}");
    // Both directions of 18 TCP sessions, where the other one exists.
    server.wait_metric(OPEN, 0);
    server.wait_metric(RECORDS, 32);
    // Beside them it sends a record of options data.
    let exporters = server.wait_json("/api/v1/exporters", |list| list["items"][0]["records"] == 33);
    assert_eq!(exporters["items"][0]["protocols"][0], "ipfix", "{exporters:#}");
    assert!(server.stop().success());
    assert!(!server.log().contains("do not reconcile"), "{}", server.log());
}

/// Templates are sent once; the server is restarted twice, once gracefully and once by a crash, and no record is lost.
#[test]
fn a_restart_amid_a_stream_without_templates() {
    let store = tempfile::tempdir().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let environment = [("HALFOPEN_STORE_FLUSH", "1s")];
    let mut server = Server::start(store.path(), &[], &environment);
    socket.send_to(&ipfix(1, 0, &[biflow_template(), refused(0..10)]), server.netflow).unwrap();
    server.wait_metric(RECORDS, 10);
    assert!(server.stop().success());

    let mut server = Server::start(store.path(), &[], &environment);
    server.wait_line("templates of an earlier run are known");
    socket.send_to(&ipfix(1, 10, &[refused(10..20)]), server.netflow).unwrap();
    // A new exporter just before the crash.
    socket.send_to(&ipfix(2, 0, &[biflow_template(), refused(20..30)]), server.netflow).unwrap();
    server.wait_metric(RECORDS, 20);
    std::thread::sleep(Duration::from_secs(2));
    server.kill();

    let mut server = Server::start(store.path(), &[], &environment);
    for (domain, from) in [(1, 30), (2, 40)] {
        socket.send_to(&ipfix(domain, from, &[refused(from..from + 10)]), server.netflow).unwrap();
    }
    server.wait_metric(RECORDS, 20);
    assert_eq!(server.metric("halfopen_waiting_sets"), 0);
    assert!(server.stop().success());
    assert_eq!(stored(store.path()), 50);
}

#[test]
fn what_cannot_be_read_of_an_earlier_run_is_set_aside() {
    let store = tempfile::tempdir().unwrap();
    std::fs::write(store.path().join("exporters.state"), b"halfopen exporters 1\nnonsense that is no state").unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    server.wait_line("cannot be read, set aside");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(&ipfix(1, 0, &[biflow_template(), refused(0..10)]), server.netflow).unwrap();
    server.wait_metric(RECORDS, 10);
    assert!(server.stop().success());
    assert!(store.path().join("exporters.unreadable").exists() && store.path().join("exporters.state").exists());
}

/// Data comes five seconds before its template.
#[test]
fn data_waits_for_its_template() {
    let store = tempfile::tempdir().unwrap();
    let mut server = Server::start(store.path(), &[], &[]);
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for block in 0..50 {
        socket.send_to(&ipfix(1, block * 20, &[refused(block * 20..block * 20 + 20)]), server.netflow).unwrap();
    }
    server.wait_metric("halfopen_waiting_sets", 50);
    std::thread::sleep(Duration::from_secs(5));
    socket.send_to(&ipfix(1, 1_000, &[biflow_template()]), server.netflow).unwrap();
    server.wait_metric(RECORDS, 1_000);
    assert!(server.stop().success());
    assert_eq!(stored(store.path()), 1_000);
}
