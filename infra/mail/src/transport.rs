//! Ways to send: a mail server, or a folder.

mod outbox;
mod smtp;
mod smtp_url;

pub use outbox::OutboxTransport;
pub use smtp::SmtpTransport;
pub use smtp_url::SmtpUrlError;

use crate::template::Rendered;
use async_trait::async_trait;
use domain::time::Timestamp;
use lettre::{
    Address, Message,
    message::{
        Mailbox, MultiPart,
        header::{Header, HeaderName, HeaderValue},
    },
};
use std::time::{Duration, UNIX_EPOCH};
use uuid::Uuid;

/// A letter with everything needed to send it.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Which one: part of its `Message-ID`, so that a second copy is recognisable as one.
    pub id: Uuid,
    /// The address it goes to.
    pub to: String,
    /// Its kind, for logs and file names.
    pub letter: &'static str,
    /// What it says.
    pub content: Rendered,
    /// Its date: when it was put in the queue.
    pub at: Timestamp,
}

/// Why a letter was not sent. The text is for logs and for `last_error`: it names no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// It may work later.
    #[error("{0}")]
    Temporary(String),
    /// It will never work.
    #[error("{0}")]
    Permanent(String),
}

/// Sends letters.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Sends one. Sending the same again is harmless, if unwelcome.
    ///
    /// # Errors
    /// [`SendError`].
    async fn send(&self, mail: &Outgoing) -> Result<(), SendError>;
}

/// Says that no person wrote it, so that nobody's holiday notice answers (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

/// Builds the message: text and HTML as alternatives.
fn message(mail: &Outgoing, from: &Mailbox) -> Result<Message, SendError> {
    let to: Address = mail
        .to
        .parse()
        .map_err(|_| SendError::Permanent("the address is not one that mail can go to".to_owned()))?;
    let at = UNIX_EPOCH + Duration::from_millis(u64::try_from(mail.at.0).unwrap_or(0));
    let content = &mail.content;
    Message::builder()
        .from(from.clone())
        .to(Mailbox::new(None, to))
        .subject(&content.subject)
        .date(at)
        .message_id(Some(format!("<{}@{}>", mail.id, from.email.domain())))
        .header(AutoSubmitted)
        .multipart(MultiPart::alternative_plain_html(
            content.text.clone(),
            content.html.clone(),
        ))
        .map_err(|_| SendError::Permanent("the message cannot be put together".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outgoing(to: &str, subject: &str) -> Outgoing {
        let content = Rendered {
            subject: subject.into(),
            text: "t\n".into(),
            html: "<p>h</p>".into(),
            links: vec![],
        };
        Outgoing {
            id: Uuid::from_u128(5),
            to: to.into(),
            letter: "otp",
            content,
            at: Timestamp(1_795_361_680_123),
        }
    }

    fn headers(message: &Message) -> Vec<String> {
        let text = String::from_utf8(message.formatted()).unwrap();
        let head = text.split("\r\n\r\n").next().unwrap();
        head.lines()
            .filter(|l| !l.starts_with(' '))
            .map(|l| l.split(':').next().unwrap().to_owned())
            .collect()
    }

    #[test]
    fn a_message_has_these_headers_and_no_others_whatever_is_written_in_it() {
        let from = "Annalock <no-reply@example.org>".parse().unwrap();
        for subject in ["Hello", "Grüße\r\nBcc: eve@example.org\r\n\r\n<b>", "a\nX-Evil: 1"] {
            let message = message(&outgoing("ann@example.org", subject), &from).unwrap();
            let mut found = headers(&message);
            found.sort();
            let all = [
                "Auto-Submitted",
                "Content-Type",
                "Date",
                "From",
                "MIME-Version",
                "Message-ID",
                "Subject",
                "To",
            ];
            assert_eq!(found, all);
            assert_eq!(message.envelope().to().len(), 1);
        }
    }

    #[test]
    fn an_address_that_is_none_is_refused_for_good() {
        let from = "no-reply@example.org".parse().unwrap();
        for to in [
            "",
            "ann",
            "ann@example.org\r\nRCPT TO:<eve@example.org>",
            "ann@example.org, eve@example.org",
            "a b@c.d",
        ] {
            assert!(
                matches!(message(&outgoing(to, "s"), &from), Err(SendError::Permanent(e)) if !e.contains("ann")),
                "{to:?}"
            );
        }
    }
}
