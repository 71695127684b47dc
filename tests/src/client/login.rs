//! Logins and what keeps a session alive: password, API key, refresh.

use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Account, Answer, Client};
use crate::crypto::{Kdf, SymmetricKey};

/// What a login gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tokens {
    pub access: String,
    /// Absent after a login by API key.
    pub refresh: Option<String>,
}

impl Client {
    /// The key derivation settings the server gives for an address.
    pub async fn prelogin(&self, email: &str) -> Answer {
        self.post("/identity/accounts/prelogin/password", &json!({"email": email}))
            .await
    }

    /// `POST /identity/connect/token` with the fields of the device and these.
    pub async fn token(&self, fields: &[(&str, &str)]) -> Answer {
        let kind = self.device.kind.to_string();
        let mut form = vec![
            ("deviceType", kind.as_str()),
            ("deviceIdentifier", &self.device.identifier),
            ("deviceName", &self.device.name),
        ];
        form.extend_from_slice(fields);
        let client = Self {
            tokens: None,
            ..self.clone()
        };
        client
            .send(client.request(Method::POST, "/identity/connect/token").form(&form))
            .await
    }

    /// A login by password, whatever the answer.
    pub async fn try_login(&self, email: &str, password_hash: &str) -> Answer {
        let fields = [
            ("scope", "api offline_access"),
            ("client_id", self.device.client),
            ("grant_type", "password"),
            ("username", email),
            ("password", password_hash),
        ];
        self.token(&fields).await
    }

    /// Logs in as clients do: asks for the settings, derives, logs in, unwraps the user key. Gives the token answer.
    ///
    /// Panics if the server gives other settings than the account was opened with, or another user key.
    pub async fn login(&mut self, account: &Account) -> Value {
        let settings = self.prelogin(&account.email).await.ok();
        assert_eq!(
            Kdf::from_flat_json(&settings),
            Some(account.kdf),
            "prelogin answered other settings than were registered: {settings}"
        );
        let answer = self.try_login(&account.email, &account.password_hash()).await.ok();
        self.tokens = Some(Tokens {
            access: text(&answer, "access_token"),
            refresh: answer["refresh_token"].as_str().map(str::to_owned),
        });
        let wrapped = text(&answer, "Key");
        let key = account
            .master_key()
            .stretched()
            .open_bytes(&wrapped)
            .expect("the user key of the token answer is sealed by the master key");
        assert_eq!(
            SymmetricKey::from_bytes(&key).as_ref(),
            Some(&account.user_key),
            "the server keeps another user key"
        );
        answer
    }

    /// Registers `account` and logs in.
    pub async fn join(&mut self, account: &Account) {
        self.register(account).await;
        self.login(account).await;
    }

    /// A refresh with this token, whatever the answer.
    pub async fn try_refresh(&self, token: &str) -> Answer {
        let form = [
            ("grant_type", "refresh_token"),
            ("client_id", self.device.client),
            ("refresh_token", token),
        ];
        let client = Self {
            tokens: None,
            ..self.clone()
        };
        client
            .send(client.request(Method::POST, "/identity/connect/token").form(&form))
            .await
    }

    /// Takes new tokens for the present refresh token.
    pub async fn refresh(&mut self) {
        let token = self.tokens().refresh.clone().expect("the session has a refresh token");
        let answer = self.try_refresh(&token).await.ok();
        self.tokens = Some(Tokens {
            access: text(&answer, "access_token"),
            refresh: Some(text(&answer, "refresh_token")),
        });
    }

    /// The API key of the account: what stands after `user.` in the client id, and the secret.
    pub async fn api_key(&self, account: &Account) -> (Uuid, String) {
        let key = self
            .post(
                "/api/accounts/api-key",
                &json!({"masterPasswordHash": account.password_hash()}),
            )
            .await
            .ok();
        (self.user_id().await, text(&key, "apiKey"))
    }

    /// A login by API key, whatever the answer.
    pub async fn try_login_api_key(&self, user: Uuid, secret: &str) -> Answer {
        let id = format!("user.{user}");
        self.token(&[
            ("scope", "api"),
            ("client_id", &id),
            ("grant_type", "client_credentials"),
            ("client_secret", secret),
        ])
        .await
    }

    /// Logs in by API key.
    pub async fn login_api_key(&mut self, user: Uuid, secret: &str) -> Value {
        let answer = self.try_login_api_key(user, secret).await.ok();
        self.tokens = Some(Tokens {
            access: text(&answer, "access_token"),
            refresh: None,
        });
        answer
    }

    /// The id of the account this session belongs to.
    pub async fn user_id(&self) -> Uuid {
        let profile = self.get("/api/accounts/profile").await.ok();
        text(&profile, "id").parse().expect("the id of a profile is a uuid")
    }
}

fn text(answer: &Value, field: &str) -> String {
    answer[field]
        .as_str()
        .unwrap_or_else(|| panic!("the answer has no text {field}: {answer}"))
        .to_owned()
}
