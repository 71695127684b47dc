//! Tokens and codes that prove something without being kept anywhere.

use domain::time::Timestamp;

/// What a token is good for; one made for another purpose does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenPurpose {
    /// Finishing a registration.
    Registration,
    /// Verifying the address of an account.
    VerifyEmail,
    /// Deleting an account without signing in.
    DeleteAccount,
    /// Accepting an invitation into an organization.
    Invitation,
}

impl TokenPurpose {
    /// Part of what is signed: never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::VerifyEmail => "verify-email",
            Self::DeleteAccount => "delete-account",
            Self::Invitation => "invitation",
        }
    }
}

/// What a code is good for; one made for another purpose differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CodePurpose {
    /// In place of the master password.
    OneTime,
    /// Changing the address of an account.
    ChangeEmail,
}

impl CodePurpose {
    /// Part of what the code is derived from: never changes.
    pub const fn name(self) -> &'static str {
        match self {
            Self::OneTime => "one-time",
            Self::ChangeEmail => "change-email",
        }
    }
}

/// Signs and derives under a key of the installation.
pub trait Proofs: Send + Sync {
    /// A token that says `payload` until `expires`. It can be read by whoever has it, and made by nobody else.
    fn sign(&self, purpose: TokenPurpose, payload: &str, expires: Timestamp) -> String;

    /// What `token` says, if it was signed here for `purpose` and has not expired at `now`.
    fn open(&self, purpose: TokenPurpose, token: &str, now: Timestamp) -> Option<String>;

    /// Eight digits derived from `parts`, in this order; they do not run into each other.
    fn code(&self, purpose: CodePurpose, parts: &[&str]) -> String;
}
