//! Syslog: RFC 5424 messages over UDP (RFC 5426), TCP with octet counting (RFC 6587 section 3.4.1) or TLS (RFC 5425).
//!
//! The message is the document as JSON; its severity is that of the document. Syslog has no acknowledgement: what was
//! handed to the network counts as taken, and a connection that the receiver closed is noticed before the next message.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::Context as _;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

use super::item::{Item, Kind};
use super::target::{Answer, Target, Verdict};
use crate::config::Sink;

/// Payload of a UDP datagram over IPv4, at most.
const LARGEST_DATAGRAM: usize = 65_507;

trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

enum Connection {
    Datagrams(UdpSocket),
    Stream(Box<dyn Stream>),
}

/// A syslog receiver.
pub struct Syslog {
    sink: Sink,
    host: String,
    connection: Option<Connection>,
}

impl Syslog {
    /// The receiver of this sink, for messages from this host. Nothing is sent.
    pub fn new(sink: &Sink, host: &str) -> Self {
        Self { sink: sink.clone(), host: header_field(host, 255), connection: None }
    }

    async fn connect(&self) -> anyhow::Result<Connection> {
        let url = self.sink.urls.first().map_or("", String::as_str);
        let (scheme, address) = url.split_once("://").context("the address has no scheme")?;
        let standard = match scheme {
            "tls" => 6514,
            "tcp" => 601,
            _ => 514,
        };
        let (host, port) = match address.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => {
                (host, port.parse().with_context(|| format!("{port:?} is no port"))?)
            }
            _ => (address, standard),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if scheme == "udp" {
            let resolved: SocketAddr = tokio::net::lookup_host((host, port))
                .await?
                .next()
                .with_context(|| format!("{host} has no address"))?;
            let any = if resolved.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
            let socket = UdpSocket::bind(any).await?;
            socket.connect(resolved).await?;
            return Ok(Connection::Datagrams(socket));
        }
        let stream = TcpStream::connect((host, port)).await?;
        stream.set_nodelay(true)?;
        if scheme == "tcp" {
            return Ok(Connection::Stream(Box::new(stream)));
        }
        let name = ServerName::try_from(host.to_owned()).with_context(|| format!("{host:?} is no name of a server"))?;
        let connector = TlsConnector::from(super::tls::client(&self.sink.ca)?);
        Ok(Connection::Stream(Box::new(connector.connect(name, stream).await?)))
    }

    async fn deliver(&mut self, items: &[Item]) -> anyhow::Result<Vec<Verdict>> {
        let connection = match self.connection.take() {
            Some(Connection::Stream(mut stream)) => {
                if is_closed(&mut stream) {
                    self.connect().await?
                } else {
                    Connection::Stream(stream)
                }
            }
            Some(connection) => connection,
            None => self.connect().await?,
        };
        let mut verdicts = vec![Verdict::Taken; items.len()];
        let messages = items.iter().map(|item| message(item, self.sink.facility, &self.host));
        self.connection = Some(match connection {
            Connection::Datagrams(socket) => {
                for (message, verdict) in messages.zip(&mut verdicts) {
                    if message.len() > LARGEST_DATAGRAM {
                        *verdict = Verdict::Never(format!("{} bytes are too long for a datagram", message.len()));
                    } else {
                        socket.send(message.as_bytes()).await?;
                    }
                }
                Connection::Datagrams(socket)
            }
            Connection::Stream(mut stream) => {
                let frames: String = messages.map(|message| format!("{} {message}", message.len())).collect();
                stream.write_all(frames.as_bytes()).await?;
                stream.flush().await?;
                Connection::Stream(stream)
            }
        });
        Ok(verdicts)
    }
}

/// Whether the other end has closed the connection; it never sends anything.
fn is_closed(stream: &mut Box<dyn Stream>) -> bool {
    let mut byte = [0; 64];
    !matches!(stream.read(&mut byte).now_or_never(), None | Some(Ok(1..)))
}

/// The message of a document (RFC 5424 section 6).
fn message(item: &Item, facility: u8, host: &str) -> String {
    let body: Value = item.body.as_deref().and_then(|body| serde_json::from_str(body).ok()).unwrap_or_default();
    let priority = u16::from(facility) * 8 + severity(&body);
    let time = chrono::DateTime::from_timestamp_millis(item.time).unwrap_or_default();
    let mut message = format!(
        "<{priority}>1 {} {host} halfopen - {} [origin software=\"halfopen\" swVersion=\"{}\"] ",
        time.format("%Y-%m-%dT%H:%M:%S%.3fZ"),
        header_field(kind_of(item.kind), 32),
        env!("CARGO_PKG_VERSION"),
    );
    let _ = match &item.body {
        Some(body) => write!(message, "{body}"),
        None => write!(message, "{}", serde_json::json!({"_id": item.id, "_deleted": true})),
    };
    message
}

fn kind_of(kind: Kind) -> &'static str {
    match kind {
        Kind::Anomalies => "anomaly",
        Kind::Sessions => "session",
        Kind::Alerts => "alert",
    }
}

/// Severity of a message (RFC 5424 section 6.2.1) by the severity of its document; what is over is a notice.
fn severity(body: &Value) -> u16 {
    if body["status"] == "recovered" {
        return 5;
    }
    match body["severity"].as_str() {
        Some("critical") => 2,
        Some("major") => 3,
        Some("minor") => 4,
        Some("warning") => 5,
        _ => 6,
    }
}

/// A field of the header: printable ASCII without spaces, `-` where nothing is left.
fn header_field(text: &str, longest: usize) -> String {
    let field: String = text.chars().filter(char::is_ascii_graphic).take(longest).collect();
    if field.is_empty() { "-".to_owned() } else { field }
}

impl Target for Syslog {
    fn send<'a>(&'a mut self, items: &'a [Item]) -> BoxFuture<'a, Answer> {
        async move {
            let patience = self.sink.timeout.0;
            let failed = match tokio::time::timeout(patience, self.deliver(items)).await {
                Ok(Ok(verdicts)) => return Answer { verdicts, wait: None },
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "the receiver does not take anything".to_owned(),
            };
            self.connection = None;
            Answer::later(items.len(), failed)
        }
        .boxed()
    }
}

#[cfg(test)]
mod tests;
