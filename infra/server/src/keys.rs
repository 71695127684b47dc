//! The keys of this installation, in the folder `keys` of the data folder.

use crate::config::Config;
use anyhow::Context as _;
use domain::{id::SubjectId, proof::LogId};
use ops::log_tree::LogKey;
use sealing::{AddressHasher, Keks, KeyFolder};
use std::{
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};
use uuid::Uuid;
use web::token::TokenAuthority;
use zeroize::Zeroizing;

/// The file of the token signing keys: PKCS#8, PEM, the first one signs.
const SIGNING_FILE: &str = "signing.pem";

/// The keys of this installation: made at the first start, never overwritten.
pub struct Keys {
    folder: KeyFolder,
    path: PathBuf,
}

impl Keys {
    /// Opens the folder, making it if need be.
    ///
    /// # Errors
    /// What the file system says.
    pub fn open(path: impl AsRef<Path>) -> anyhow::Result<Self> {
        let path = path.as_ref().to_owned();
        let folder = KeyFolder::open(&path).with_context(|| format!("key folder {}", path.display()))?;
        Ok(Self { folder, path })
    }

    /// The keys that wrap the keys of personal data.
    ///
    /// # Errors
    /// What the file system says.
    pub fn encryption(&self) -> anyhow::Result<Keks> {
        Keks::open(self.folder.clone()).context("key-encryption keys")
    }

    /// A secret of 32 bytes under `name`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn secret(&self, name: &str) -> anyhow::Result<Zeroizing<[u8; 32]>> {
        self.folder.secret(name).with_context(|| format!("key {name}"))
    }

    /// Turns addresses into ids.
    ///
    /// # Errors
    /// What the file system says.
    pub fn addresses(&self) -> anyhow::Result<AddressHasher> {
        Ok(AddressHasher::new(&*self.secret("pepper")?))
    }

    /// Under whom is sealed what is about nobody in particular.
    ///
    /// # Errors
    /// What the file system says.
    pub fn installation(&self) -> anyhow::Result<SubjectId> {
        let secret = self.secret("installation")?;
        Ok(SubjectId(Uuid::new_v5(&Uuid::NAMESPACE_OID, &*secret)))
    }

    /// The log of this installation's whole history.
    ///
    /// # Errors
    /// What the file system says.
    pub fn log(&self) -> anyhow::Result<LogId> {
        Ok(LogId(format!("annalock/{}", self.installation()?)))
    }

    /// Signs checkpoints of `log`.
    ///
    /// # Errors
    /// What the file system says.
    pub fn checkpoints(&self, log: &LogId) -> anyhow::Result<LogKey> {
        LogKey::new(log, &*self.secret("checkpoints")?).context("the key of checkpoints")
    }

    /// Signs and checks access tokens: with the keys of the setting, else with those in `signing.pem`, which is made if
    /// there is none.
    ///
    /// # Errors
    /// What the file system says, and what is wrong with the keys.
    pub fn tokens(&self, issuer: &str, config: &Config) -> anyhow::Result<TokenAuthority> {
        if let Some(pem) = &config.signing_key {
            return Ok(TokenAuthority::new(issuer, &ders(pem.expose())?)?);
        }
        let path = self.path.join(SIGNING_FILE);
        if !path.exists() {
            let key = pem(&TokenAuthority::generate_key()?);
            let temporary = self.path.join(format!(".{SIGNING_FILE}.new"));
            let mut file = std::fs::OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&temporary)?;
            file.write_all(key.as_bytes())?;
            file.sync_all()?;
            std::fs::rename(&temporary, &path)?;
        }
        let text = Zeroizing::new(std::fs::read_to_string(&path).with_context(|| path.display().to_string())?);
        Ok(TokenAuthority::new(issuer, &ders(&text)?)?)
    }
}

fn pem(der: &[u8]) -> String {
    use base64::{Engine, prelude::BASE64_STANDARD};
    let text = BASE64_STANDARD.encode(der);
    let lines: Vec<String> = text
        .as_bytes()
        .chunks(64)
        .map(|line| String::from_utf8_lossy(line).into_owned())
        .collect();
    format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        lines.join("\n")
    )
}

/// All private keys of a PEM text.
fn ders(text: &str) -> anyhow::Result<Vec<Vec<u8>>> {
    use rustls::pki_types::{PrivatePkcs8KeyDer, pem::PemObject};
    PrivatePkcs8KeyDer::pem_slice_iter(text.as_bytes())
        .map(|key| {
            key.map(|key| key.secret_pkcs8_der().to_vec())
                .context("a signing key cannot be read")
        })
        .collect()
}
