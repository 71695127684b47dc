//! `ANNALOCK_SMTP_URL`.

use lettre::message::Mailbox;
use percent_encoding::percent_decode_str;
use std::{net::IpAddr, path::PathBuf};
use url::{Host, Url};

/// Why the setting cannot be used. Names no part of it: it may hold a password.
#[derive(Debug, thiserror::Error)]
pub enum SmtpUrlError {
    /// Not `smtp://host` or `smtps://host`.
    #[error("the mail server must be given as smtp://[user:password@]host[:port] or smtps://…")]
    Form,
    /// The password is not UTF-8.
    #[error("user or password of the mail server are not UTF-8 in percent-encoding")]
    Login,
    /// A parameter that is not known.
    #[error("the mail server's address has a parameter that is not known: {0}")]
    Parameter(String),
    /// `starttls` is none of its values.
    #[error("starttls must be required, try or off")]
    StartTls,
    /// `from` is no address.
    #[error("the sender (from) must be an address or `Name <address>`")]
    From,
    /// The certificate authority cannot be read.
    #[error("the certificate authority (ca) cannot be used: {0}")]
    Ca(String),
}

/// How the connection is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encryption {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS or nothing is sent.
    StartTls,
    /// STARTTLS where the server offers it.
    Try,
    /// None.
    Off,
}

/// The setting, taken apart.
#[derive(PartialEq, Eq)]
pub(super) struct SmtpUrl {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) login: Option<(String, String)>,
    pub(super) encryption: Encryption,
    pub(super) from: Option<Mailbox>,
    pub(super) ca: Option<PathBuf>,
}

impl SmtpUrl {
    /// Without a `starttls` parameter, `smtp://` uses it where offered, and insists on it when a password would
    /// otherwise cross a network in the clear.
    pub(super) fn parse(text: &str) -> Result<Self, SmtpUrlError> {
        let url = Url::parse(text.trim()).map_err(|_| SmtpUrlError::Form)?;
        let tls = match url.scheme() {
            "smtp" => false,
            "smtps" => true,
            _ => return Err(SmtpUrlError::Form),
        };
        let host = url
            .host_str()
            .filter(|host| !host.is_empty())
            .ok_or(SmtpUrlError::Form)?
            .to_owned();
        let login = login(&url)?;
        let exposed = login.is_some() && !is_loopback(&url);
        let mut parsed = Self {
            port: url.port().unwrap_or(if tls {
                465
            } else if login.is_some() {
                587
            } else {
                25
            }),
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            encryption: if tls {
                Encryption::Tls
            } else if exposed {
                Encryption::StartTls
            } else {
                Encryption::Try
            },
            login,
            from: None,
            ca: None,
        };
        for (name, value) in url.query_pairs() {
            match name.as_ref() {
                "starttls" if !tls => parsed.encryption = encryption(&value)?,
                "from" => parsed.from = Some(value.parse().map_err(|_| SmtpUrlError::From)?),
                "ca" => parsed.ca = Some(PathBuf::from(value.as_ref())),
                other => return Err(SmtpUrlError::Parameter(other.to_owned())),
            }
        }
        Ok(parsed)
    }
}

fn encryption(value: &str) -> Result<Encryption, SmtpUrlError> {
    match value {
        "required" | "true" | "on" => Ok(Encryption::StartTls),
        "try" => Ok(Encryption::Try),
        "off" | "false" => Ok(Encryption::Off),
        _ => Err(SmtpUrlError::StartTls),
    }
}

fn login(url: &Url) -> Result<Option<(String, String)>, SmtpUrlError> {
    let decode = |text| {
        percent_decode_str(text)
            .decode_utf8()
            .map(String::from)
            .map_err(|_| SmtpUrlError::Login)
    };
    match (url.username(), url.password()) {
        ("", None) => Ok(None),
        (user, password) => Ok(Some((decode(user)?, decode(password.unwrap_or(""))?))),
    }
}

/// The host of a scheme that `url` does not know is text, addresses included.
fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback()),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> SmtpUrl {
        SmtpUrl::parse(text).map_err(|e| e.to_string()).unwrap()
    }

    #[test]
    fn ports_and_encryption_follow_from_what_is_said() {
        let of = |text| {
            let url = parse(text);
            (url.port, url.encryption)
        };
        assert_eq!(of("smtp://mail.example.org"), (25, Encryption::Try));
        assert_eq!(of("smtp://u:p@mail.example.org"), (587, Encryption::StartTls));
        assert_eq!(of("smtp://u:p@127.0.0.1:2525"), (2525, Encryption::Try));
        assert_eq!(of("smtp://u:p@[::1]:2525"), (2525, Encryption::Try));
        assert_eq!(of("smtp://u:p@mail.example.org?starttls=off"), (587, Encryption::Off));
        assert_eq!(
            of("smtp://mail.example.org:26?starttls=required"),
            (26, Encryption::StartTls)
        );
        assert_eq!(of("smtps://mail.example.org"), (465, Encryption::Tls));
    }

    #[test]
    fn user_password_and_sender_are_decoded() {
        let url = parse("smtps://ann%40example.org:p%3A%2F@h?from=Vault%20%3Cvault%40example.org%3E&ca=%2Fca.pem");
        assert_eq!(url.login, Some(("ann@example.org".into(), "p:/".into())));
        assert_eq!(url.from.unwrap().to_string(), "Vault <vault@example.org>");
        assert_eq!(url.ca, Some(PathBuf::from("/ca.pem")));
        assert_eq!(parse("smtp://[::1]").host, "::1");
    }

    #[test]
    fn mistakes_are_named_without_repeating_the_password() {
        for text in [
            "http://u:secret@h",
            "secret",
            "smtp://",
            "smtp://u:secret@h?x=1",
            "smtp://u:secret@h?from=x",
            "smtp://u:secret@h?starttls=maybe",
            "smtps://u:secret@h?starttls=off",
            "smtp://u:secret%ff@h",
        ] {
            let error = SmtpUrl::parse(text).err().unwrap();
            assert!(!format!("{error}{error:?}").contains("secret"), "{text}");
        }
    }
}
