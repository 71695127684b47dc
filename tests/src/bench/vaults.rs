//! Accounts with items, and the requests their clients send, ready made.

use bytes::Bytes;
use serde_json::{Value, json};
use tests::client::{Account, Client, Device, VERSION, item};
use tests::crypto::SymmetricKey;
use tests::server::Server;

/// How many items one import of a filling carries.
const CHUNK: usize = 1_000;

/// An account with a session.
pub struct Vault {
    pub account: Account,
    pub client: Client,
    host: String,
}

impl Vault {
    /// A new account with this many items.
    pub async fn filled(server: &Server, name: &str, items: usize) -> Self {
        let (account, client) = server.member(name).await;
        let host = server.url.trim_start_matches("http://").to_owned();
        let vault = Self { account, client, host };
        let mut left = items;
        while left > 0 {
            let now = left.min(CHUNK);
            vault
                .client
                .post("/api/ciphers/import", &vault.import(now))
                .await
                .ok_empty();
            left -= now;
        }
        vault
    }

    /// A new account without items, over the connections of another one: each client has some megabytes of its own.
    pub async fn beside(other: &Self, name: &str) -> Self {
        let account = Account::new(name);
        let mut client = other.client.on(Device::cli());
        client.join(&account).await;
        let host = other.host.clone();
        Self { account, client, host }
    }

    /// The body of an import.
    pub fn import(&self, items: usize) -> Value {
        let ciphers: Vec<_> = (0..items).map(|index| self.item(&format!("item {index}"))).collect();
        json!({"ciphers": ciphers, "folders": [], "folderRelationships": []})
    }

    /// A login of about 1 KB as the command line client sends it, sealed.
    pub fn item(&self, name: &str) -> Value {
        self.item_under(&self.account.user_key, name)
    }

    /// The same, sealed with another key.
    pub fn item_under(&self, key: &SymmetricKey, name: &str) -> Value {
        let plain = json!({
            "type": 1,
            "folderId": null,
            "organizationId": null,
            "name": name,
            "notes": "Opened for the house. Ask for the second number when they call back, and write down the name of who answered.",
            "favorite": false,
            "reprompt": 0,
            "lastKnownRevisionDate": null,
            "login": {
                "uris": [{"uri": "https://accounts.example.com/login", "uriChecksum": "a checksum of thirty-two bytes..", "match": null}],
                "username": "someone@example.com",
                "password": "correct horse battery staple",
                "passwordRevisionDate": null,
                "totp": null,
                "autofillOnPageLoad": null,
                "fido2Credentials": null,
            },
            "fields": null,
            "passwordHistory": null,
            "key": null,
        });
        item::seal(key, &plain)
    }

    /// The ids of all items.
    pub async fn ids(&self) -> Vec<String> {
        let sync = self.client.sync().await;
        let ciphers = sync["ciphers"].as_array().expect("a sync has items");
        ciphers
            .iter()
            .map(|cipher| cipher["id"].as_str().expect("an item has an id").to_owned())
            .collect()
    }

    /// A `GET` of this account.
    pub fn get(&self, path: &str) -> Bytes {
        format!("GET {path} HTTP/1.1\r\n{}\r\n", self.headers(true)).into()
    }

    /// A request of this account with a JSON body.
    pub fn send(&self, method: &str, path: &str, body: &Value) -> Bytes {
        self.with_body(method, path, "application/json", &body.to_string(), true)
    }

    /// A login by password on the device of the session.
    pub fn login(&self) -> Bytes {
        let device = self.client.device();
        let form = [
            ("scope", "api offline_access".to_owned()),
            ("client_id", device.client.to_owned()),
            ("grant_type", "password".to_owned()),
            ("username", self.account.email.clone()),
            ("password", self.account.password_hash()),
            ("deviceType", device.kind.to_string()),
            ("deviceIdentifier", device.identifier.clone()),
            ("deviceName", device.name.clone()),
        ];
        let body = form
            .map(|(name, value)| format!("{name}={}", percent(&value)))
            .join("&");
        self.with_body(
            "POST",
            "/identity/connect/token",
            "application/x-www-form-urlencoded",
            &body,
            false,
        )
    }

    fn with_body(&self, method: &str, path: &str, kind: &str, body: &str, signed_in: bool) -> Bytes {
        format!(
            "{method} {path} HTTP/1.1\r\n{}Content-Type: {kind}\r\nContent-Length: {}\r\n\r\n{body}",
            self.headers(signed_in),
            body.len()
        )
        .into()
    }

    fn headers(&self, signed_in: bool) -> String {
        let device = self.client.device();
        let mut headers = format!(
            "Host: {}\r\nAccept: application/json\r\nDevice-Type: {}\r\nBitwarden-Client-Name: {}\r\n\
             Bitwarden-Client-Version: {VERSION}\r\nDevice-Identifier: {}\r\n",
            self.host, device.kind, device.client, device.identifier
        );
        if signed_in {
            headers += &format!("Authorization: Bearer {}\r\n", self.client.tokens().access);
        }
        headers
    }
}

/// A value of a form.
fn percent(value: &str) -> String {
    let each = value.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    });
    each.collect()
}
