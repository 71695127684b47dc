//! The tokens and codes that accounts are proved by, as mails carry them. Made and checked here only, so that who sends
//! and who checks cannot differ.

use crate::ports::{CodePurpose, Proofs, TokenPurpose};
use domain::{account::address::Applicant, id::UserId, time::Timestamp};
use subtle::ConstantTimeEq;
use uuid::Uuid;

/// How long a registration may take from the mail on.
pub const REGISTRATION_MILLIS: i64 = 15 * 60_000;
/// How long a link about an account is good.
pub const LINK_MILLIS: i64 = 24 * 60 * 60_000;
/// How long a code is good at least; a code bound to a window of time lasts into the next one.
pub const CODE_MILLIS: i64 = 5 * 60_000;

/// The token that finishes a registration: good for 15 minutes.
pub fn registration_token(proofs: &dyn Proofs, applicant: &Applicant, now: Timestamp) -> String {
    let payload = serde_json::to_string(applicant).expect("texts are JSON");
    proofs.sign(
        TokenPurpose::Registration,
        &payload,
        Timestamp(now.0 + REGISTRATION_MILLIS),
    )
}

/// Whom a registration token was made for.
pub fn applicant_of(proofs: &dyn Proofs, token: &str, now: Timestamp) -> Option<Applicant> {
    serde_json::from_str(&proofs.open(TokenPurpose::Registration, token, now)?).ok()
}

/// A token about one account: good for a day, and no longer once the security stamp changed.
pub fn account_token(proofs: &dyn Proofs, purpose: TokenPurpose, user: UserId, stamp: Uuid, now: Timestamp) -> String {
    proofs.sign(purpose, &format!("{user}/{stamp}"), Timestamp(now.0 + LINK_MILLIS))
}

/// Whether `token` is one of [`account_token`].
pub fn is_account_token(
    proofs: &dyn Proofs,
    purpose: TokenPurpose,
    user: UserId,
    stamp: Uuid,
    token: &str,
    now: Timestamp,
) -> bool {
    proofs.open(purpose, token, now).as_deref() == Some(format!("{user}/{stamp}").as_str())
}

/// The code that is used in place of the master password: one for each request for it.
pub fn one_time_code(proofs: &dyn Proofs, user: UserId, stamp: Uuid, nonce: Uuid) -> String {
    proofs.code(
        CodePurpose::OneTime,
        &[&user.to_string(), &stamp.to_string(), &nonce.to_string()],
    )
}

/// Whether `code` is that of the request `nonce`, made at `requested`, and not older than [`CODE_MILLIS`].
pub fn is_one_time_code(
    proofs: &dyn Proofs,
    user: UserId,
    stamp: Uuid,
    (nonce, requested): (Uuid, Timestamp),
    code: &str,
    now: Timestamp,
) -> bool {
    now.0 - requested.0 <= CODE_MILLIS && same(&one_time_code(proofs, user, stamp, nonce), code)
}

/// The code that goes to a wished address and proves that it is theirs.
pub fn email_change_code(proofs: &dyn Proofs, user: UserId, stamp: Uuid, email: &str, now: Timestamp) -> String {
    email_change_code_of(proofs, user, stamp, email, window(now))
}

/// Whether `code` was made for this account, stamp and address in this window of five minutes or the one before.
pub fn is_email_change_code(
    proofs: &dyn Proofs,
    user: UserId,
    stamp: Uuid,
    email: &str,
    code: &str,
    now: Timestamp,
) -> bool {
    let made_in = |window| same(&email_change_code_of(proofs, user, stamp, email, window), code);
    // both are compared, whatever the first says
    made_in(window(now)) | made_in(window(now) - 1)
}

fn email_change_code_of(proofs: &dyn Proofs, user: UserId, stamp: Uuid, email: &str, window: i64) -> String {
    proofs.code(
        CodePurpose::ChangeEmail,
        &[&user.to_string(), &stamp.to_string(), email, &window.to_string()],
    )
}

fn window(now: Timestamp) -> i64 {
    now.0.div_euclid(CODE_MILLIS)
}

/// Compares in a time that does not tell how much of it is right.
pub fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.trim().as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::PlainProofs,
        testing::{ALICE, BOB},
    };

    const STAMP: Uuid = Uuid::from_u128(5);
    const NOW: Timestamp = Timestamp(1_000_000_000);

    #[test]
    fn a_registration_token_names_its_applicant_for_a_quarter_of_an_hour() {
        let ann = Applicant {
            email: "ann@example.org".to_owned(),
            name: Some("Ann".to_owned()),
        };
        let token = registration_token(&PlainProofs, &ann, NOW);
        assert_eq!(
            applicant_of(&PlainProofs, &token, Timestamp(NOW.0 + REGISTRATION_MILLIS)),
            Some(ann)
        );
        assert_eq!(
            applicant_of(&PlainProofs, &token, Timestamp(NOW.0 + REGISTRATION_MILLIS + 1)),
            None
        );
    }

    #[test]
    fn a_link_is_dead_after_the_stamp_changed_and_for_anything_else() {
        let token = account_token(&PlainProofs, TokenPurpose::DeleteAccount, ALICE, STAMP, NOW);
        let good = |purpose, user, stamp| is_account_token(&PlainProofs, purpose, user, stamp, &token, NOW);
        assert!(good(TokenPurpose::DeleteAccount, ALICE, STAMP));
        assert!(!good(TokenPurpose::VerifyEmail, ALICE, STAMP));
        assert!(!good(TokenPurpose::DeleteAccount, BOB, STAMP));
        assert!(!good(TokenPurpose::DeleteAccount, ALICE, Uuid::from_u128(6)));
    }

    #[test]
    fn a_code_for_an_address_lasts_between_five_and_ten_minutes() {
        let code = email_change_code(&PlainProofs, ALICE, STAMP, "new@example.org", NOW);
        let good = |email, after: i64| {
            is_email_change_code(&PlainProofs, ALICE, STAMP, email, &code, Timestamp(NOW.0 + after))
        };
        assert!(good("new@example.org", 0));
        assert!(good("new@example.org", CODE_MILLIS));
        assert!(!good("new@example.org", 2 * CODE_MILLIS));
        assert!(!good("other@example.org", 0));
    }

    #[test]
    fn a_one_time_code_is_that_of_its_request_and_lasts_five_minutes() {
        let asked = (Uuid::from_u128(7), NOW);
        let code = one_time_code(&PlainProofs, ALICE, STAMP, asked.0);
        let good = |asked, after| is_one_time_code(&PlainProofs, ALICE, STAMP, asked, &code, Timestamp(NOW.0 + after));
        assert!(good(asked, CODE_MILLIS));
        assert!(!good(asked, CODE_MILLIS + 1));
        assert!(!good((Uuid::from_u128(8), NOW), 0));
    }
}
