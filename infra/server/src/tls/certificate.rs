//! Reads what a certificate says: names, dates.

use anyhow::{Context, Result};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::Path;
use x509_parser::extensions::{GeneralName, ParsedExtension};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The parts of a certificate that decide whether it can still be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
    /// Host names and addresses, lower case.
    pub names: BTreeSet<String>,
    /// Key identifier of its issuer, hex; empty when it does not say.
    pub issuer_key: String,
    /// Key identifier of its own key, hex; empty when it does not say.
    pub own_key: String,
}

impl Facts {
    /// Of the first certificate in a PEM file.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn of_file(path: &Path) -> Result<Self> {
        let der = CertificateDer::from_pem_file(path)
            .map_err(|e| anyhow::anyhow!("{} holds no certificate: {e}", path.display()))?;
        Self::of(&der).with_context(|| format!("{} cannot be read", path.display()))
    }

    fn of(der: &CertificateDer<'_>) -> Result<Self> {
        let (_, certificate) = X509Certificate::from_der(der)?;
        let mut facts = Self {
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            names: BTreeSet::new(),
            issuer_key: String::new(),
            own_key: String::new(),
        };
        for extension in certificate.extensions() {
            match extension.parsed_extension() {
                ParsedExtension::SubjectAlternativeName(names) => {
                    facts.names = names.general_names.iter().filter_map(name).collect();
                }
                ParsedExtension::AuthorityKeyIdentifier(id) => {
                    facts.issuer_key = id.key_identifier.as_ref().map_or_else(String::new, |k| hex(k.0));
                }
                ParsedExtension::SubjectKeyIdentifier(id) => facts.own_key = hex(id.0),
                _ => {}
            }
        }
        Ok(facts)
    }

    /// Whether it is good for `host`, a name or an address; a first label `*` stands for any one label.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        let parent = host.split_once('.').map(|(_, p)| format!("*.{p}"));
        self.names.contains(&host) || parent.is_some_and(|p| self.names.contains(&p))
    }
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        GeneralName::IPAddress(bytes) => match bytes.len() {
            4 => Some(IpAddr::from(<[u8; 4]>::try_from(*bytes).ok()?).to_string()),
            16 => Some(IpAddr::from(<[u8; 16]>::try_from(*bytes).ok()?).to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}
