//! An account and stand-ins for ports: tests of decisions about accounts.

use crate::{
    account::secret::{Proven, Way},
    ports::{CodePurpose, Proofs, TokenPurpose},
    testing::ALICE,
};
use domain::{
    account::user::{Credentials, KeyPair, LiveUser, Profile, User, UserEvent},
    crypto::{EncString, Kdf, Verifier, fingerprint},
    event::Aggregate,
    id::EmailAddressId,
    personal::Personal,
    time::Timestamp,
};
use uuid::Uuid;

pub(super) const ADDRESS: EmailAddressId = EmailAddressId(Uuid::from_u128(0xadd));
pub(super) const STAMP: Uuid = Uuid::from_u128(0x57a);
pub(super) const NEW_STAMP: Uuid = Uuid::from_u128(0x57b);

pub(super) fn sealed(text: &str) -> EncString {
    EncString::parse(text, 1000).unwrap()
}

/// Alice registered at 1, with PBKDF2.
pub(super) fn account() -> UserEvent {
    UserEvent::Registered {
        profile: Personal::of(
            ALICE,
            Profile {
                email: "alice@example.org".to_owned(),
                name: None,
            },
        ),
        address: ADDRESS,
        email_verified: false,
        kdf: Kdf::Pbkdf2 { iterations: 700_000 },
        credentials: Personal::of(ALICE, credentials("old", "2.AAAA|AAAA|AAAA")),
        stamp: STAMP,
        at: Timestamp(1),
    }
}

pub(super) fn credentials(verifier: &str, user_key: &str) -> Credentials {
    Credentials {
        verifier: Verifier(verifier.to_owned()),
        user_key: sealed(user_key),
        salt: "alice@example.org".to_owned(),
        hint: None,
    }
}

pub(super) fn pair(public: &str) -> KeyPair {
    KeyPair {
        public_key: public.to_owned(),
        private_key: sealed("2.BBBB|BBBB|BBBB"),
    }
}

pub(super) fn pair_set(public: &str, at: i64) -> UserEvent {
    UserEvent::KeyPairSet {
        keys: Personal::of(ALICE, pair(public)),
        fingerprint: fingerprint(public),
        at: Timestamp(at),
    }
}

/// What Alice proves with her password.
pub(super) fn proven() -> Proven {
    Proven {
        way: Way::Password(Verifier("old".to_owned())),
        stamp: STAMP,
    }
}

pub(super) fn live_user(event: &UserEvent) -> LiveUser {
    User::default().evolve(event).live().unwrap().clone()
}

/// Proofs anybody could make: for tests of what is made of them.
pub(super) struct PlainProofs;

impl Proofs for PlainProofs {
    fn sign(&self, purpose: TokenPurpose, payload: &str, expires: Timestamp) -> String {
        format!("{} {} {payload}", purpose.name(), expires.0)
    }

    fn open(&self, purpose: TokenPurpose, token: &str, now: Timestamp) -> Option<String> {
        let mut parts = token.splitn(3, ' ');
        let fits = parts.next()? == purpose.name() && now.0 <= parts.next()?.parse().ok()?;
        fits.then(|| parts.next().unwrap().to_owned())
    }

    fn code(&self, purpose: CodePurpose, parts: &[&str]) -> String {
        format!("{} {}", purpose.name(), parts.join("|"))
    }
}
