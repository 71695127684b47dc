//! TLS: certificates of our own making ([`authority`]) or of the operator, read again when they change ([`store`]).

pub mod authority;
pub mod certificate;
pub mod store;

use anyhow::Result;
use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use std::sync::Arc;
use store::CertStore;

/// Makes our cryptography the default of this process, for clients that ask for none by name. Once is enough; a second
/// call does nothing.
///
/// With events in KurrentDB its client must exist before: it installs a default itself and panics if there is one
/// (ENGINE section 14, fact 2). The listeners do not depend on the default.
pub fn install_default_provider() {
    // An error says that there is one already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The cryptography of the listeners.
pub fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::aws_lc_rs::default_provider())
}

/// What the https listener offers: TLS 1.2 and 1.3, HTTP/2 before HTTP/1.1, sessions resumed by tickets.
///
/// # Errors
/// When the cryptography does not know these versions.
pub fn server_config(certificates: Arc<CertStore>) -> Result<ServerConfig> {
    let mut config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    config.ticketer = rustls::crypto::aws_lc_rs::Ticketer::new()?;
    Ok(config)
}
