//! TLS for exporters: the server's certificate, and whose certificates it asks for.
//!
//! Owns reading of PEM files; must not know connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring::default_provider;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::server::WebPkiClientVerifier;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

/// Files of a TLS listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// PEM file with the certificate and what leads to its root.
    pub cert: PathBuf,
    /// PEM file with the key of the certificate.
    pub key: PathBuf,
    /// PEM file with the authorities whose clients may connect. Without it, clients need no certificate.
    pub client_ca: Option<PathBuf>,
}

/// Why TLS cannot be offered.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read, or holds something else.
    #[error("failed to read {path}: {why}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The files do not fit together.
    #[error("tls certificate and key cannot be used: {0}")]
    Mismatch(String),
}

impl TlsFiles {
    /// What accepts connections with these files. TLS 1.2 and 1.3 (RFC 7011 section 11.1 asks for 1.2 or later).
    ///
    /// # Errors
    /// Which file is wrong, and why.
    pub fn acceptor(&self) -> Result<TlsAcceptor, TlsError> {
        let file = |path: &Path, why: String| TlsError::File { path: path.to_owned(), why };
        let chain = certificates(&self.cert)?;
        let key = PrivateKeyDer::from_pem_file(&self.key).map_err(|error| file(&self.key, error.to_string()))?;
        let provider = Arc::new(default_provider());
        let mismatch = |error: &dyn std::fmt::Display| TlsError::Mismatch(error.to_string());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| mismatch(&error))?;
        let builder = match &self.client_ca {
            None => builder.with_no_client_auth(),
            Some(path) => {
                let mut roots = RootCertStore::empty();
                for certificate in certificates(path)? {
                    roots.add(certificate).map_err(|error| file(path, error.to_string()))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.map_err(|error| file(path, error.to_string()))?)
            }
        };
        let config = builder.with_single_cert(chain, key).map_err(|error| mismatch(&error))?;
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let file = |why: String| TlsError::File { path: path.to_owned(), why };
    let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    let found = read.map_err(|error| file(error.to_string()))?;
    if found.is_empty() {
        return Err(file("it holds no certificate".to_owned()));
    }
    Ok(found)
}
