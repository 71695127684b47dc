//! Letters: what each says, as plain text and as HTML.
//!
//! A letter is typed fields, made into [`block::Block`]s by `wording` and written by `text` and `html`. Whatever comes
//! from people passes [`block::line`] first and is escaped by the one writer of HTML, so no letter can forget it.

mod block;
mod html;
mod text;
mod wording;

use domain::{
    id::{MembershipId, OrganizationId, UserId},
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use std::{fmt, net::IpAddr, time::Duration};
use url::Url;

/// A letter, as it lies in the queue. Fields may be added with a default, never taken away: old ones may still wait.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Letter {
    /// Goes on with a registration: proves that the address is the reader's.
    VerifyRegistration {
        /// The address, as the client will send it again.
        email: String,
        /// What proves it.
        token: String,
    },
    /// Proves the address of an existing account.
    VerifyEmail {
        /// Whose.
        user: UserId,
        /// What proves it.
        token: String,
    },
    /// To the new address: the code that completes the change.
    ChangeEmail {
        /// The code.
        code: String,
        /// How long it is good for.
        valid_minutes: u32,
    },
    /// To the present address: the new one that was wished for belongs to another account.
    EmailTaken {
        /// When.
        time: Timestamp,
        /// From where.
        ip: Option<IpAddr>,
    },
    /// To the old address: it is no longer the one of the account.
    EmailChanged {
        /// When.
        time: Timestamp,
        /// From where.
        ip: Option<IpAddr>,
    },
    /// Somebody signed in with a device the account did not know.
    NewDeviceLogin {
        /// What the device calls itself.
        device: String,
        /// From where.
        ip: Option<IpAddr>,
        /// When.
        time: Timestamp,
    },
    /// The code that lets a new device in.
    NewDeviceCode {
        /// The code.
        code: String,
        /// How long it is good for.
        valid_minutes: u32,
        /// What the device calls itself.
        device: String,
        /// From where.
        ip: Option<IpAddr>,
    },
    /// The hint for the master password, as its owner wrote it.
    PasswordHint {
        /// The hint.
        hint: String,
    },
    /// The hint was asked for and there is none.
    NoHint,
    /// Lets somebody who cannot sign in any more delete the account.
    DeleteRecover {
        /// Whose.
        user: UserId,
        /// The address, as the client will send it again.
        email: String,
        /// What proves that the reader asked.
        token: String,
    },
    /// A code that confirms an action in place of the master password.
    Otp {
        /// The code.
        code: String,
        /// How long it is good for.
        valid_minutes: u32,
    },
    /// The account is gone.
    AccountDeleted {
        /// When.
        time: Timestamp,
    },
    /// The master password was changed.
    PasswordChanged {
        /// When.
        time: Timestamp,
        /// From where.
        ip: Option<IpAddr>,
    },
    /// An organization gave the account another master password.
    PasswordRecovered {
        /// What the organization is called.
        name: String,
        /// When.
        time: Timestamp,
    },
    /// A policy that was switched on suspended a member's rights.
    RevokedByPolicy {
        /// What the organization is called.
        name: String,
        /// It asks for two-step login; else for no other organization.
        two_step: bool,
    },
    /// Invites somebody into an organization.
    Invitation {
        /// Which one.
        organization: OrganizationId,
        /// What it is called.
        name: String,
        /// As which member.
        membership: MembershipId,
        /// The address, as the client will send it again.
        email: String,
        /// What proves that the reader was invited.
        token: String,
        /// Whether the address has an account: clients lead to signing in, or else to registration.
        has_account: bool,
        /// How long it is good for.
        valid_days: u32,
    },
    /// Somebody who accepted is a member now.
    Confirmed {
        /// What the organization is called.
        name: String,
    },
    /// Somebody keeps trying to sign in and fails.
    FailedLoginsNotice {
        /// How often lately.
        count: u32,
        /// From where, the last time.
        ip: Option<IpAddr>,
        /// When, the last time.
        time: Timestamp,
    },
}

impl fmt::Debug for Letter {
    /// The kind alone: fields hold codes, tokens and addresses.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Letter({})", self.kind())
    }
}

/// The installation letters come from.
#[derive(Debug, Clone)]
pub struct Site {
    name: String,
    base: String,
}

impl Site {
    /// The installation that people reach at `public_url` (`ANNALOCK_PUBLIC_URL`).
    ///
    /// # Errors
    /// The URL is not one with a host and http or https.
    pub fn new(public_url: &str) -> Result<Self, url::ParseError> {
        let url = Url::parse(public_url)?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(url::ParseError::EmptyHost);
        }
        let path = url.path().trim_end_matches('/');
        Ok(Self {
            name: "Annalock".to_owned(),
            base: format!("{}{path}", url.origin().ascii_serialization()),
        })
    }

    /// The sender where none is set: `no-reply` at the public host, or at `localhost` where that is a bare address.
    pub fn default_sender(&self) -> String {
        let url = Url::parse(&self.base).expect("made from a parsed URL");
        let host = url.domain().unwrap_or("localhost");
        format!("{} <no-reply@{host}>", self.name)
    }

    /// A link to `route` of the web vault with `parameters`.
    fn link(&self, route: &str, parameters: &[(&str, &str)]) -> String {
        use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
        let encoded: Vec<_> = parameters
            .iter()
            .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
            .collect();
        format!("{}/#/{route}?{}", self.base, encoded.join("&"))
    }
}

/// A letter, written.
#[derive(Clone, PartialEq, Eq)]
pub struct Rendered {
    /// One line.
    pub subject: String,
    /// Plain text, lines ended by `\n`.
    pub text: String,
    /// The same as HTML.
    pub html: String,
    /// The links in it.
    pub links: Vec<String>,
}

impl fmt::Debug for Rendered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Rendered({:?})", self.subject)
    }
}

impl Letter {
    /// Its name in the queue and in logs.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::VerifyRegistration { .. } => "verify_registration",
            Self::VerifyEmail { .. } => "verify_email",
            Self::ChangeEmail { .. } => "change_email",
            Self::EmailTaken { .. } => "email_taken",
            Self::EmailChanged { .. } => "email_changed",
            Self::NewDeviceLogin { .. } => "new_device_login",
            Self::NewDeviceCode { .. } => "new_device_code",
            Self::PasswordHint { .. } => "password_hint",
            Self::NoHint => "no_hint",
            Self::DeleteRecover { .. } => "delete_recover",
            Self::Otp { .. } => "otp",
            Self::AccountDeleted { .. } => "account_deleted",
            Self::PasswordChanged { .. } => "password_changed",
            Self::PasswordRecovered { .. } => "password_recovered",
            Self::RevokedByPolicy { .. } => "revoked_by_policy",
            Self::FailedLoginsNotice { .. } => "failed_logins_notice",
            Self::Invitation { .. } => "invitation",
            Self::Confirmed { .. } => "confirmed",
        }
    }

    /// How long after it was put in the queue it is still worth sending; `None` for always. A code that has run out
    /// when it arrives only confuses.
    pub fn good_for(&self) -> Option<Duration> {
        match self {
            Self::ChangeEmail { valid_minutes, .. }
            | Self::NewDeviceCode { valid_minutes, .. }
            | Self::Otp { valid_minutes, .. } => Some(Duration::from_secs(u64::from(*valid_minutes) * 60)),
            Self::Invitation { valid_days, .. } => Some(Duration::from_secs(u64::from(*valid_days) * 86_400)),
            _ => None,
        }
    }

    /// Writes it for `site`.
    pub fn render(&self, site: &Site) -> Rendered {
        let draft = wording::draft(self, site);
        Rendered {
            subject: block::line(&draft.subject, 200),
            text: text::write(&draft, site),
            html: html::write(&draft, site),
            links: draft.links(),
        }
    }
}

#[cfg(test)]
mod tests;
