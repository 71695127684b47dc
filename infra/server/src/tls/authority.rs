//! The local certificate authority: made at the first start, so that the official clients, which refuse plain http, can
//! be pointed at a server nobody has configured.

use super::certificate::Facts;
use crate::data_dir::write_whole;
use anyhow::{Context, Result};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

const DAY: i64 = 86_400;
/// Life of the authority.
const AUTHORITY_DAYS: i64 = 3650;
/// Life of the certificate; clients refuse more than 398 days.
const SERVER_DAYS: i64 = 397;
/// What ends sooner than this is issued again.
pub const RENEW_DAYS: i64 = 30;
/// Clocks of clients may be behind.
const BACKDATE: i64 = DAY;

/// Files of the authority in a folder.
#[derive(Debug, Clone)]
pub struct Authority {
    folder: PathBuf,
}

impl Authority {
    /// The authority that keeps its files in `folder`.
    pub fn in_folder(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// What clients must trust.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.join("ca.pem")
    }

    /// The server's certificate, followed by the authority's.
    pub fn cert_file(&self) -> PathBuf {
        self.folder.join("server.pem")
    }

    /// The server's private key.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("server.key")
    }

    fn ca_key_file(&self) -> PathBuf {
        self.folder.join("ca.key")
    }

    /// Makes sure of a certificate for `names` (and `localhost`, `127.0.0.1`, `::1`) that is good for another
    /// [`RENEW_DAYS`] at `now` (seconds since 1970). Returns whether something was issued.
    ///
    /// # Errors
    /// When a file cannot be written or a name cannot stand in a certificate.
    pub fn ensure(&self, names: &[String], now: i64) -> Result<bool> {
        let mut wanted: BTreeSet<String> = ["localhost", "127.0.0.1", "::1"].map(str::to_owned).into();
        wanted.extend(names.iter().map(|n| n.to_ascii_lowercase()));
        let authority = Facts::of_file(&self.ca_file())
            .ok()
            .filter(|f| lasts(f, now) && self.ca_key_file().is_file());
        if let (Some(authority), Ok(server)) = (&authority, Facts::of_file(&self.cert_file()))
            && lasts(&server, now)
            && server.names == wanted
            && server.issuer_key == authority.own_key
            && self.key_file().is_file()
        {
            return Ok(false);
        }
        if authority.is_none() {
            self.make_authority(now)?;
        }
        self.issue(&wanted, now)?;
        Ok(true)
    }

    fn make_authority(&self, now: i64) -> Result<()> {
        if self.ca_file().exists() {
            tracing::warn!("the local certificate authority is made anew: clients must be given the new ca.pem");
        }
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::default();
        params.distinguished_name = named("Annalock local authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        params.not_before = at(now - BACKDATE).into();
        params.not_after = at(now + AUTHORITY_DAYS * DAY).into();
        let certificate = params.self_signed(&key)?;
        write_whole(&self.ca_key_file(), key.serialize_pem().as_bytes(), 0o600)?;
        write_whole(&self.ca_file(), certificate.pem().as_bytes(), 0o644)
    }

    fn issue(&self, names: &BTreeSet<String>, now: i64) -> Result<()> {
        let read = |path: PathBuf| fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
        let ca_pem = read(self.ca_file())?;
        let issuer = Issuer::from_ca_cert_pem(&ca_pem, KeyPair::from_pem(&read(self.ca_key_file())?)?)?;
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(names.iter().cloned().collect::<Vec<_>>())?;
        params.distinguished_name = named("Annalock");
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.not_before = at(now - BACKDATE).into();
        params.not_after = at(now + SERVER_DAYS * DAY).into();
        let certificate = params.signed_by(&key, &issuer)?;
        write_whole(&self.key_file(), key.serialize_pem().as_bytes(), 0o600)?;
        write_whole(
            &self.cert_file(),
            format!("{}{ca_pem}", certificate.pem()).as_bytes(),
            0o644,
        )?;
        tracing::info!(
            names = names.iter().cloned().collect::<Vec<_>>().join(" "),
            "issued a TLS certificate"
        );
        Ok(())
    }
}

fn lasts(facts: &Facts, now: i64) -> bool {
    facts.not_before <= now && facts.not_after > now + RENEW_DAYS * DAY
}

fn at(seconds: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0))
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const NOW: i64 = 1_795_000_000;

    fn authority() -> (tempfile::TempDir, Authority) {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::in_folder(folder.path());
        (folder, authority)
    }

    #[test]
    fn a_certificate_is_issued_once_and_covers_what_clients_call_us() {
        let (_folder, authority) = authority();
        assert!(
            authority
                .ensure(&["Vault.example.org".into(), "192.0.2.7".into()], NOW)
                .unwrap()
        );
        let facts = Facts::of_file(&authority.cert_file()).unwrap();
        for host in ["localhost", "127.0.0.1", "::1", "vault.example.org", "192.0.2.7"] {
            assert!(facts.covers(host), "{host} in {:?}", facts.names);
        }
        assert!(!facts.covers("other.example.org"));
        assert!(
            !authority
                .ensure(&["vault.example.org".into(), "192.0.2.7".into()], NOW + 300 * DAY)
                .unwrap()
        );
    }

    #[test]
    fn it_is_issued_again_before_it_ends_and_for_another_host_by_the_same_authority() {
        let (_folder, authority) = authority();
        authority.ensure(&[], NOW).unwrap();
        let trusted = fs::read(authority.ca_file()).unwrap();
        assert!(authority.ensure(&[], NOW + 368 * DAY).unwrap());
        assert!(authority.ensure(&["b.example.org".into()], NOW + 368 * DAY).unwrap());
        assert_eq!(
            fs::read(authority.ca_file()).unwrap(),
            trusted,
            "clients need no new file"
        );
        assert!(authority.ensure(&[], NOW + 3640 * DAY).unwrap());
        assert_ne!(
            fs::read(authority.ca_file()).unwrap(),
            trusted,
            "an authority that ends is replaced"
        );
    }

    #[test]
    fn a_damaged_file_is_replaced_and_keys_are_closed() {
        let (_folder, authority) = authority();
        authority.ensure(&[], NOW).unwrap();
        fs::write(authority.cert_file(), "half a certif").unwrap();
        assert!(authority.ensure(&[], NOW).unwrap());
        for key in [authority.ca_key_file(), authority.key_file()] {
            assert_eq!(
                fs::metadata(&key).unwrap().permissions().mode() & 0o777,
                0o600,
                "{}",
                key.display()
            );
        }
    }
}
