//! Sending over a mail server.

use super::{
    Outgoing, SendError, Transport, message,
    smtp_url::{Encryption, SmtpUrl, SmtpUrlError},
};
use crate::template::Site;
use async_trait::async_trait;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Tokio1Executor,
    message::Mailbox,
    transport::smtp::{
        Error, PoolConfig,
        authentication::Credentials,
        client::{Certificate, Tls, TlsParameters},
    },
};
use std::{error::Error as _, fs, time::Duration};

/// How long each step of the conversation may take.
const STEP_WITHIN: Duration = Duration::from_secs(20);
/// Replies that refuse us, not the letter: they are for somebody to put right, and the letter can wait (RFC 4954).
const CONFIGURATION: [u16; 4] = [530, 534, 535, 538];

/// Sends over a mail server, with a few connections kept for reuse.
pub struct SmtpTransport {
    from: Mailbox,
    smtp: AsyncSmtpTransport<Tokio1Executor>,
}

impl SmtpTransport {
    /// The server `ANNALOCK_SMTP_URL` names: `smtp://` or `smtps://[user:password@]host[:port]` with the parameters
    /// `from` (sender, else [`Site::default_sender`]), `starttls` (`required`, `try`, `off`) and `ca` (a PEM file with
    /// the certificate authority of a private server). Does not connect.
    ///
    /// # Errors
    /// [`SmtpUrlError`].
    pub fn new(url: &str, site: &Site) -> Result<Self, SmtpUrlError> {
        let url = SmtpUrl::parse(url)?;
        let from = match &url.from {
            Some(from) => from.clone(),
            None => site.default_sender().parse().map_err(|_| SmtpUrlError::From)?,
        };
        let tls = match url.encryption {
            Encryption::Tls => Tls::Wrapper(tls_parameters(&url)?),
            Encryption::StartTls => Tls::Required(tls_parameters(&url)?),
            Encryption::Try => Tls::Opportunistic(tls_parameters(&url)?),
            Encryption::Off => Tls::None,
        };
        let mut smtp = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&url.host)
            .port(url.port)
            .tls(tls)
            .timeout(Some(STEP_WITHIN))
            .pool_config(PoolConfig::new().max_size(4).idle_timeout(Duration::from_secs(30)));
        if let Some((user, password)) = url.login {
            smtp = smtp.credentials(Credentials::new(user, password));
        }
        Ok(Self {
            from,
            smtp: smtp.build(),
        })
    }

    /// Connects and greets, for `doctor`.
    ///
    /// # Errors
    /// [`SendError`].
    pub async fn check(&self) -> Result<(), SendError> {
        match self.smtp.test_connection().await {
            Ok(true) => Ok(()),
            Ok(false) => Err(SendError::Temporary(
                "the mail server does not answer as one".to_owned(),
            )),
            Err(error) => Err(judge(&error)),
        }
    }
}

fn tls_parameters(url: &SmtpUrl) -> Result<TlsParameters, SmtpUrlError> {
    let mut builder = TlsParameters::builder(url.host.clone());
    if let Some(path) = &url.ca {
        let pem = fs::read(path).map_err(|error| SmtpUrlError::Ca(error.kind().to_string()))?;
        let certificate = Certificate::from_pem(&pem).map_err(|_| SmtpUrlError::Ca("not in PEM form".to_owned()))?;
        builder = builder.add_root_certificate(certificate);
    }
    builder
        .build()
        .map_err(|_| SmtpUrlError::Ca("no roots of trust can be loaded".to_owned()))
}

#[async_trait]
impl Transport for SmtpTransport {
    async fn send(&self, mail: &Outgoing) -> Result<(), SendError> {
        let message = message(mail, &self.from)?;
        self.smtp.send(message).await.map(|_| ()).map_err(|error| judge(&error))
    }
}

/// Replies often repeat the address, so only their number is kept.
fn judge(error: &Error) -> SendError {
    if let Some(code) = error.status() {
        let text = format!("the mail server answered {code}");
        let ours = CONFIGURATION.contains(&u16::from(code));
        return if error.is_permanent() && !ours {
            SendError::Permanent(text)
        } else {
            SendError::Temporary(text)
        };
    }
    SendError::Temporary(if error.is_timeout() {
        "the mail server did not answer in time".to_owned()
    } else if error.is_tls() {
        "no TLS with the mail server".to_owned()
    } else if error.is_client() {
        "the mail server lacks what is needed: STARTTLS, a way to sign in, or addresses beyond ASCII".to_owned()
    } else if let Some(kind) = io_kind(error) {
        format!("no connection to the mail server: {kind}")
    } else {
        "no connection to the mail server".to_owned()
    })
}

fn io_kind(error: &Error) -> Option<std::io::ErrorKind> {
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        source = error.source();
    }
    None
}
