//! Proving that it is the owner who asks, and no more often wrongly than is good.

use super::{check::MAX_HASH, limit};
use crate::{WriteApi, identity::token::note_refusal};
use commands::account::{
    AccountError,
    secret::{self, ProveError, Proven},
};
use domain::account::user::LiveUser;
use serde::Deserialize;
use web::{Answer, Caller, Problem};

/// `SecretVerificationRequestModel`: one of them; which is which is not told apart.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretRequest {
    master_password_hash: Option<String>,
    otp: Option<String>,
    auth_request_access_code: Option<String>,
}

impl SecretRequest {
    /// The secret that was sent.
    ///
    /// # Errors
    /// 400 if there is none or it is longer than any.
    pub fn value(&self) -> Answer<&str> {
        let sent = [&self.master_password_hash, &self.otp, &self.auth_request_access_code];
        let secret = sent.into_iter().flatten().find(|secret| !secret.is_empty());
        let secret =
            secret.ok_or_else(|| Problem::field("", "MasterPasswordHash, OTP, or AccessCode must be supplied."))?;
        if secret.chars().count() > MAX_HASH {
            let message = format!("The field MasterPasswordHash must be a string with a maximum length of {MAX_HASH}.");
            return Err(Problem::field("MasterPasswordHash", message));
        }
        Ok(secret)
    }
}

/// What is taken for a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accept {
    /// The master password only.
    Password,
    /// The master password, or the code that was mailed last.
    Either,
}

/// The answer to a wrong secret where a code would do too.
pub fn verification_failed() -> Problem {
    AccountError::WrongSecret.into()
}

/// The answer to a wrong password where only that will do.
pub fn incorrect_password() -> Problem {
    Problem::field("", "Incorrect password.")
}

/// The same, on some routes.
pub fn invalid_password() -> Problem {
    Problem::field("MasterPasswordHash", "Invalid password.")
}

impl WriteApi {
    /// Proves that the owner of the caller's account asks.
    ///
    /// # Errors
    /// `wrong` for a wrong secret, 429 after too many of them, 503 if it cannot be checked now.
    pub(crate) async fn prove(
        &self,
        caller: &Caller,
        user: &LiveUser,
        secret: &str,
        accept: Accept,
        wrong: fn() -> Problem,
    ) -> Answer<Proven> {
        let ports = &self.account;
        ports.count(limit::SECRET, caller.id.to_string()).await?;
        let proven = match accept {
            Accept::Password => secret::by_password(ports.passwords.as_ref(), Some(user), secret).await,
            Accept::Either => {
                let (passwords, proofs) = (ports.passwords.as_ref(), ports.proofs.as_ref());
                secret::by_either(passwords, proofs, caller.id, user, secret, self.executor.now()).await
            }
        };
        match proven {
            Ok(proven) => {
                ports.forget(limit::SECRET, caller.id.to_string()).await;
                Ok(proven)
            }
            Err(ProveError::Wrong(_)) => {
                // it is written later, whatever becomes of the session meanwhile
                note_refusal(self, self.context(caller).past_its_session(), caller.id, None);
                Err(wrong())
            }
            Err(error) => Err(error.into()),
        }
    }
}
