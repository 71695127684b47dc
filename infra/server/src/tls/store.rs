//! The certificate in use; connections that are opened later see a new one.

use super::authority::Authority;
use super::{certificate::Facts, provider};
use anyhow::{Context, Result, anyhow};
use commands::ports::Clock;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How often files are looked at and our own certificate is renewed if it must be.
const LOOK_EVERY: Duration = Duration::from_secs(600);

/// Where certificates come from.
#[derive(Debug, Clone)]
pub enum Origin {
    /// Files of the operator.
    Files { cert: PathBuf, key: PathBuf },
    /// Our own authority, for these names beside the local ones.
    Local { authority: Authority, names: Vec<String> },
}

impl Origin {
    /// The certificate chain.
    pub fn cert_file(&self) -> PathBuf {
        match self {
            Self::Files { cert, .. } => cert.clone(),
            Self::Local { authority, .. } => authority.cert_file(),
        }
    }

    fn key_file(&self) -> PathBuf {
        match self {
            Self::Files { key, .. } => key.clone(),
            Self::Local { authority, .. } => authority.key_file(),
        }
    }

    fn load(&self, clock: &dyn Clock) -> Result<CertifiedKey> {
        if let Self::Local { authority, names } = self {
            authority.ensure(names, clock.now().0 / 1000)?;
        }
        load(&self.cert_file(), &self.key_file())
    }
}

/// Gives TLS connections the present certificate.
#[derive(Debug)]
pub struct CertStore {
    present: RwLock<Arc<CertifiedKey>>,
}

impl CertStore {
    /// Loads or makes the first certificate.
    ///
    /// # Errors
    /// A sentence that names the file which cannot be used.
    pub fn open(origin: &Origin, clock: &dyn Clock) -> Result<Self> {
        Ok(Self {
            present: RwLock::new(Arc::new(origin.load(clock)?)),
        })
    }

    /// Loads again. The old one stays when the new one cannot be used. Returns whether it changed.
    ///
    /// # Errors
    /// As [`CertStore::open`].
    pub fn refresh(&self, origin: &Origin, clock: &dyn Clock) -> Result<bool> {
        let fresh = origin.load(clock)?;
        let mut present = self.present.write().expect("no holder of this lock panics");
        let changed = present.cert != fresh.cert;
        if changed {
            *present = Arc::new(fresh);
        }
        Ok(changed)
    }

    /// Keeps the certificate fresh until `stop`.
    pub async fn keep_fresh(self: Arc<Self>, origin: Origin, clock: Arc<dyn Clock>, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(LOOK_EVERY)).await.is_some() {
            match self.refresh(&origin, clock.as_ref()) {
                Ok(true) => tracing::info!("a new TLS certificate is in use"),
                Ok(false) => {}
                Err(e) => tracing::error!(error = format!("{e:#}"), "the TLS certificate stays as it is"),
            }
        }
    }
}

impl ResolvesServerCert for CertStore {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.present.read().expect("no holder of this lock panics")))
    }
}

fn load(cert: &Path, key: &Path) -> Result<CertifiedKey> {
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(cert)
        .and_then(Iterator::collect)
        .map_err(|e| anyhow!("the certificate {} cannot be read: {e}", cert.display()))?;
    if chain.is_empty() {
        return Err(anyhow!("{} holds no certificate", cert.display()));
    }
    let private = PrivateKeyDer::from_pem_file(key)
        .map_err(|e| anyhow!("the private key {} cannot be read: {e}", key.display()))?;
    let certified = CertifiedKey::from_der(chain, private, &provider()).with_context(|| {
        format!(
            "the private key {} does not belong to {}",
            key.display(),
            cert.display()
        )
    })?;
    Facts::of_file(cert)?;
    Ok(certified)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;

    #[test]
    fn a_renewed_file_is_taken_up_and_a_broken_one_is_not() {
        let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for folder in [&one, &two] {
            Authority::in_folder(folder.path())
                .ensure(&[], SystemClock.now().0 / 1000)
                .unwrap();
        }
        let origin = Origin::Files {
            cert: one.path().join("server.pem"),
            key: one.path().join("server.key"),
        };
        let store = CertStore::open(&origin, &SystemClock).unwrap();
        assert!(!store.refresh(&origin, &SystemClock).unwrap());

        std::fs::copy(two.path().join("server.pem"), one.path().join("server.pem")).unwrap();
        let text = format!("{:#}", store.refresh(&origin, &SystemClock).unwrap_err());
        assert!(text.contains("does not belong to"), "{text}");
        std::fs::copy(two.path().join("server.key"), one.path().join("server.key")).unwrap();
        assert!(store.refresh(&origin, &SystemClock).unwrap());
    }
}
