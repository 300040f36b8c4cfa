//! Listeners for IPFIX over TCP and TLS in the running product.
//!
//! Owns which are configured; must not know how streams are read.

use std::net::SocketAddr;
use std::path::Path;

use dashboards::Listener;
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::{ServiceError, settings};
use crate::config::Config;
use crate::receive::Intake;
use crate::receive::stream::Streams;
use crate::receive::tls::TlsFiles;

/// Listeners that are bound, before anything is accepted.
pub struct BoundStreams(Vec<(TcpListener, Option<TlsAcceptor>)>);

impl BoundStreams {
    /// Binds what is configured.
    ///
    /// # Errors
    /// An address that cannot be listened on, or files that TLS cannot use.
    pub async fn bind(config: &Config) -> Result<Self, ServiceError> {
        let netflow = &config.netflow;
        let tls = if netflow.tls_listen.is_empty() { None } else { Some(files(config).acceptor()?) };
        let plain = netflow.tcp_listen.iter().map(|address| (*address, None));
        let secure = netflow.tls_listen.iter().map(|address| (*address, tls.clone()));
        let mut bound = Vec::new();
        for (address, tls) in plain.chain(secure) {
            let listener = TcpListener::bind(address).await;
            bound.push((listener.map_err(|source| ServiceError::Listen { address, source })?, tls));
        }
        Ok(Self(bound))
    }

    /// What is spoken where, for people to point exporters at.
    pub fn listeners(&self) -> std::io::Result<Vec<Listener>> {
        let listener = |(bound, tls): &(TcpListener, Option<TlsAcceptor>)| -> std::io::Result<Listener> {
            let protocol = if tls.is_some() { "ipfix-tls" } else { "ipfix-tcp" };
            let address: SocketAddr = bound.local_addr()?;
            tracing::info!(%address, "receiving {protocol}");
            Ok(Listener { protocol: protocol.to_owned(), address: address.to_string() })
        };
        self.0.iter().map(listener).collect()
    }

    /// Begins to accept connections.
    pub fn accept(self, intake: Intake, config: &Config) -> Streams {
        let mut streams = Streams::new(intake, settings::streams(config));
        for (listener, tls) in self.0 {
            streams.accept(listener, tls);
        }
        streams
    }
}

fn files(config: &Config) -> TlsFiles {
    let netflow = &config.netflow;
    let given = |path: &Path| (!path.as_os_str().is_empty()).then(|| path.to_owned());
    TlsFiles { cert: netflow.tls_cert.clone(), key: netflow.tls_key.clone(), client_ca: given(&netflow.tls_client_ca) }
}
