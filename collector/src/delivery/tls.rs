//! TLS of sinks that do not speak HTTP: whom to trust.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use tokio_rustls::rustls::pki_types::CertificateDer;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::{ClientConfig, RootCertStore};

use super::http::use_ring;

/// Trusts the certificates (PEM) of this file, or those of the system where it is empty.
///
/// # Errors
/// There is no certificate to trust.
pub fn client(ca: &Path) -> anyhow::Result<Arc<ClientConfig>> {
    use_ring();
    let mut roots = RootCertStore::empty();
    if ca.as_os_str().is_empty() {
        let found = rustls_native_certs::load_native_certs();
        roots.add_parsable_certificates(found.certs);
    } else {
        for certificate in
            CertificateDer::pem_file_iter(ca).with_context(|| format!("failed to read {}", ca.display()))?
        {
            roots.add(certificate.with_context(|| format!("failed to read {}", ca.display()))?)?;
        }
    }
    anyhow::ensure!(!roots.is_empty(), "no certificate to trust: set ca, or install ca-certificates");
    Ok(Arc::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()))
}
