//! An account as its owner knows it, and how it is opened at a server.

use serde_json::{Value, json};
use uuid::Uuid;

use super::{Answer, Client};
use crate::crypto::{Kdf, KeyPair, MasterKey, SymmetricKey};

/// What the owner of an account has: address, password and the keys that never leave the client unsealed.
#[derive(Debug, Clone)]
pub struct Account {
    pub email: String,
    pub password: String,
    pub kdf: Kdf,
    pub user_key: SymmetricKey,
    pub pair: KeyPair,
}

impl Account {
    /// An account nobody else has, with the cheapest key derivation a server allows.
    pub fn new(name: &str) -> Self {
        Self::with(
            &format!("{name}-{}@example.com", Uuid::new_v4().simple()),
            "a master password for tests",
            Kdf::quick(),
        )
    }

    /// An account with these, and a new user key.
    pub fn with(email: &str, password: &str, kdf: Kdf) -> Self {
        Self {
            email: email.to_owned(),
            password: password.to_owned(),
            kdf,
            user_key: SymmetricKey::random(),
            pair: KeyPair::shared(),
        }
    }

    /// The key derived from the password.
    pub fn master_key(&self) -> MasterKey {
        self.kdf.master_key(&self.password, &self.email)
    }

    /// What is sent instead of the password.
    pub fn password_hash(&self) -> String {
        self.master_key().password_hash(&self.password)
    }

    /// The user key sealed by the stretched master key.
    pub fn wrapped_user_key(&self) -> String {
        self.master_key().stretched().seal_bytes(&self.user_key.to_bytes())
    }

    /// `masterPasswordAuthentication` of newer requests.
    pub fn authentication_data(&self) -> Value {
        json!({"kdf": self.kdf.to_json(), "masterPasswordAuthenticationHash": self.password_hash(), "salt": self.salt()})
    }

    /// `masterPasswordUnlock` of newer requests.
    pub fn unlock_data(&self) -> Value {
        json!({"kdf": self.kdf.to_json(), "masterKeyWrappedUserKey": self.wrapped_user_key(), "salt": self.salt()})
    }

    /// `userAsymmetricKeys` of registrations and the body of `POST /accounts/keys`.
    pub fn key_pair_data(&self) -> Value {
        json!({"publicKey": self.pair.public_key(), "encryptedPrivateKey": self.pair.wrapped_by(&self.user_key)})
    }

    fn salt(&self) -> String {
        self.email.trim().to_lowercase()
    }

    /// The body that finishes a registration, in the newer form.
    pub fn finish_request(&self, token: &str) -> Value {
        json!({
            "email": self.email,
            "emailVerificationToken": token,
            "masterPasswordHint": null,
            "masterPasswordAuthentication": self.authentication_data(),
            "masterPasswordUnlock": self.unlock_data(),
            "userAsymmetricKeys": self.key_pair_data(),
        })
    }

    /// The body that finishes a registration, in the older flat form.
    pub fn flat_finish_request(&self, token: &str) -> Value {
        let mut body = self.kdf.to_flat_json();
        body["email"] = json!(self.email);
        body["emailVerificationToken"] = json!(token);
        body["masterPasswordHint"] = Value::Null;
        body["masterPasswordHash"] = json!(self.password_hash());
        body["userSymmetricKey"] = json!(self.wrapped_user_key());
        body["userAsymmetricKeys"] = self.key_pair_data();
        body
    }

    /// The body of the single-step registration of clients before 2025.
    pub fn register_request(&self) -> Value {
        let mut body = self.kdf.to_flat_json();
        body["email"] = json!(self.email);
        body["name"] = json!("Old Client");
        body["masterPasswordHash"] = json!(self.password_hash());
        body["masterPasswordHint"] = Value::Null;
        body["key"] = json!(self.wrapped_user_key());
        body["keys"] = self.key_pair_data();
        body
    }
}

impl Client {
    /// First step of a registration: the token the server answers when it does not verify addresses.
    pub async fn verification_token(&self, account: &Account) -> Answer {
        let body = json!({"email": account.email, "name": "Test Person", "receiveMarketingEmails": false});
        self.post("/identity/accounts/register/send-verification-email", &body)
            .await
    }

    /// Opens the account in two steps, as clients since 2025 do.
    pub async fn register(&self, account: &Account) {
        let token = self.verification_token(account).await.ok();
        let token = token
            .as_str()
            .unwrap_or_else(|| panic!("send-verification-email answered {token}, not a token as a JSON string"));
        let finished = self
            .post("/identity/accounts/register/finish", &account.finish_request(token))
            .await
            .ok();
        crate::shape::assert_shape("RegisterFinishResponseModel", &finished);
    }

    /// Opens the account in one step, as clients before 2025 did.
    pub async fn register_old(&self, account: &Account) -> Answer {
        self.post("/identity/accounts/register", &account.register_request())
            .await
    }
}
