//! HTTP to sinks: one client for each, with its certificates, credentials and patience.

use std::time::Duration;

use anyhow::Context as _;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderName, HeaderValue, RETRY_AFTER};
use reqwest::{Certificate, Client, Response, StatusCode};

use crate::config::Sink;

/// At most so much of an answer is read.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;
/// So much of what a receiver says against something is kept.
const LONGEST_REASON: usize = 500;

/// TLS of every sink is ring's. Done once; later calls change nothing.
pub fn use_ring() {
    tokio_rustls::rustls::crypto::ring::default_provider().install_default().ok();
}

/// A client for this sink.
///
/// # Errors
/// A certificate, secret or header is not there or not right.
pub fn client(sink: &Sink) -> anyhow::Result<Client> {
    use_ring();
    let mut builder = Client::builder()
        .user_agent(concat!("halfopen/", env!("CARGO_PKG_VERSION")))
        .timeout(sink.timeout.0)
        .connect_timeout(sink.timeout.0.min(Duration::from_secs(10)))
        .redirect(reqwest::redirect::Policy::none())
        .default_headers(headers(sink)?);
    if !sink.ca.as_os_str().is_empty() {
        let pem = std::fs::read(&sink.ca).with_context(|| format!("failed to read {}", sink.ca.display()))?;
        let certificates =
            Certificate::from_pem_bundle(&pem).with_context(|| format!("failed to read {}", sink.ca.display()))?;
        anyhow::ensure!(!certificates.is_empty(), "no certificate in {}", sink.ca.display());
        builder = builder.tls_certs_only(certificates);
    }
    builder.build().context("failed to make an http client")
}

fn headers(sink: &Sink) -> anyhow::Result<HeaderMap> {
    let mut headers = HeaderMap::new();
    for (name, value) in &sink.headers {
        let name: HeaderName = name.parse().with_context(|| format!("{name:?} is no header name"))?;
        headers.insert(name, sensitive(&value.reveal()?)?);
    }
    let key = sink.api_key.reveal()?;
    let of_cluster = matches!(
        sink.kind,
        crate::config::delivery::SinkKind::Elasticsearch | crate::config::delivery::SinkKind::Opensearch
    );
    if of_cluster && !key.is_empty() {
        headers.insert(AUTHORIZATION, sensitive(&format!("ApiKey {key}"))?);
    } else if !sink.username.is_empty() {
        let pair = format!("{}:{}", sink.username, sink.password.reveal()?);
        let coded = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, pair);
        headers.insert(AUTHORIZATION, sensitive(&format!("Basic {coded}"))?);
    }
    Ok(headers)
}

fn sensitive(value: &str) -> anyhow::Result<HeaderValue> {
    let mut value = HeaderValue::from_str(value).context("a header's value holds what no header may")?;
    value.set_sensitive(true);
    Ok(value)
}

/// What a receiver answered, read to a bounded end.
#[derive(Debug)]
pub struct Answered {
    /// Status.
    pub status: StatusCode,
    /// How long it asks to be left alone (`Retry-After`, RFC 9110 section 10.2.3; seconds).
    pub wait: Option<Duration>,
    /// Body.
    pub body: Vec<u8>,
}

impl Answered {
    /// Reads an answer.
    ///
    /// # Errors
    /// It breaks off or is too large.
    pub async fn read(mut response: Response) -> anyhow::Result<Self> {
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await? {
            anyhow::ensure!(body.len() + chunk.len() <= LARGEST_ANSWER, "the answer is too large");
            body.extend_from_slice(&chunk);
        }
        Ok(Self { status: response.status(), wait: wait.map(Duration::from_secs), body })
    }

    /// What it says, short enough for a log.
    pub fn reason(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let short: String = text.chars().take(LONGEST_REASON).map(|c| if c.is_control() { ' ' } else { c }).collect();
        format!("{}: {}", self.status, short.trim())
    }
}

/// An error of the client with everything below it: "error sending request" alone helps nobody.
pub fn explain(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(below) = source {
        text = format!("{text}: {below}");
        source = below.source();
    }
    text
}
