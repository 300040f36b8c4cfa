//! Messages and frames as receivers read them, over each transport.

use std::time::Duration;

use tokio::net::TcpListener;

use super::*;
use crate::delivery::item::tests::item;

fn sink(url: String) -> Sink {
    Sink { urls: vec![url], ..Sink::default() }
}

fn alert(status: &str) -> Item {
    let body = format!(r#"{{"severity":"critical","status":"{status}","summary":"größer als sonst"}}"#);
    Item { kind: Kind::Alerts, body: Some(body), ..item("a") }
}

#[test]
fn a_message_has_every_part() {
    let text = message(&alert("firing"), 16, "probe-1");
    let head = "<130>1 2025-11-21T04:40:00.000Z probe-1 halfopen - alert [origin software=\"halfopen\" swVersion=\"";
    assert!(text.starts_with(head), "{text}");
    let document: Value = serde_json::from_str(text.split_once("\"] ").unwrap().1).unwrap();
    assert_eq!(document["summary"], "größer als sonst");
    assert!(message(&alert("recovered"), 0, "-").starts_with("<5>1 "));
    assert_eq!(header_field("", 9), "-");
    assert_eq!(header_field("a b\u{e4}\nc", 2), "ab");
}

/// The messages in a stream of counted frames.
fn frames(mut bytes: &[u8]) -> Vec<String> {
    let mut messages = Vec::new();
    while !bytes.is_empty() {
        let space = bytes.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&bytes[..space]).unwrap().parse().unwrap();
        let (message, rest) = bytes[space + 1..].split_at(length);
        messages.push(String::from_utf8(message.to_vec()).unwrap());
        bytes = rest;
    }
    messages
}

async fn received(stream: &mut (impl AsyncRead + Unpin), wanted: usize) -> Vec<String> {
    let mut bytes = Vec::new();
    let mut block = vec![0; 65_536];
    while bytes.len() < wanted {
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read(&mut block)).await.unwrap().unwrap();
        assert!(read > 0, "closed after {} bytes", bytes.len());
        bytes.extend_from_slice(&block[..read]);
    }
    frames(&bytes)
}

fn size(items: &[Item]) -> usize {
    let length = |item: &Item| message(item, 16, "h").len();
    items.iter().map(|item| length(item) + length(item).to_string().len() + 1).sum()
}

#[tokio::test]
async fn octets_are_counted_over_tcp_and_a_closed_connection_is_made_anew() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut syslog = Syslog::new(&sink(format!("tcp://{}", listener.local_addr().unwrap())), "h");
    for round in 0..3 {
        let items = [item(&format!("a{round}")), alert("firing")];
        let (answer, accepted) = tokio::join!(syslog.send(&items), listener.accept());
        assert_eq!(answer, Answer::taken(2));
        let (mut stream, _) = accepted.unwrap();
        let messages = received(&mut stream, size(&items)).await;
        assert_eq!(messages, items.map(|item| message(&item, 16, "h")));
        drop(stream);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn a_datagram_has_one_message() {
    let receiver = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let mut syslog = Syslog::new(&sink(format!("udp://{}", receiver.local_addr().unwrap())), "h");
    let long = Item { body: Some(format!("\"{}\"", "x".repeat(70_000))), ..item("long") };
    let answer = syslog.send(&[item("a"), long, item("b")]).await;
    assert!(matches!(answer.verdicts[..], [Verdict::Taken, Verdict::Never(_), Verdict::Taken]));
    for id in ["a", "b"] {
        let mut block = vec![0; 65_536];
        let read = tokio::time::timeout(Duration::from_secs(20), receiver.recv(&mut block)).await.unwrap().unwrap();
        assert_eq!(std::str::from_utf8(&block[..read]).unwrap(), message(&item(id), 16, "h"));
    }
}

#[tokio::test]
async fn tls_is_for_whom_is_trusted() {
    crate::delivery::http::use_ring();
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let dir = tempfile::tempdir().unwrap();
    let ca = dir.path().join("ca.pem");
    std::fs::write(&ca, made.cert.pem()).unwrap();
    let key = tokio_rustls::rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let config = tokio_rustls::rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("tls://localhost:{}", listener.local_addr().unwrap().port());
    let items = [item("a"), item("b")];
    let mut trusting = Syslog::new(&Sink { ca, ..sink(url.clone()) }, "h");
    let serve = async {
        let (stream, _) = listener.accept().await.unwrap();
        let mut stream = acceptor.accept(stream).await.unwrap();
        received(&mut stream, size(&items)).await
    };
    let (answer, messages) = tokio::join!(trusting.send(&items), serve);
    assert_eq!((answer, messages.len()), (Answer::taken(2), 2));

    let other = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let ca = dir.path().join("other.pem");
    std::fs::write(&ca, other.cert.pem()).unwrap();
    let mut strict = Syslog::new(&Sink { ca, ..sink(url) }, "h");
    let refuse = async {
        let (stream, _) = listener.accept().await.unwrap();
        assert!(acceptor.accept(stream).await.is_err());
    };
    let (answer, ()) = tokio::join!(strict.send(&items), refuse);
    assert!(
        matches!(&answer.verdicts[0], Verdict::Later { reason, .. } if reason.contains("certificate")),
        "{answer:?}"
    );
}
