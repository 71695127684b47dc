//! A client of the HTTP API that behaves like an official one: headers, forms, two-step registration, real cryptography.
//!
//! Paths are given after the base address and with the service: `/api/ciphers`, `/identity/connect/token`.

mod account;
mod answer;
mod device;
pub mod item;
mod login;
pub mod organization;
pub mod vault;

use std::path::{Path, PathBuf};
use std::sync::Once;

use reqwest::{Method, RequestBuilder};
use serde_json::Value;

pub use account::Account;
pub use answer::Answer;
pub use device::Device;
pub use login::Tokens;

/// What an official client of this version says it is.
pub const VERSION: &str = "2026.8.0";

/// A client: one device, at most one session.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    base: String,
    ca: Option<PathBuf>,
    device: Device,
    version: String,
    tokens: Option<Tokens>,
}

impl Client {
    /// A client of the server at `base` (`http://…` or `https://…`, no path), trusting the authority in the PEM file `ca`.
    ///
    /// Connections belong to the runtime of the test that made the client: make one per test.
    pub fn new(base: &str, ca: Option<&Path>) -> Self {
        Self {
            http: http(ca, true),
            base: base.trim_end_matches('/').to_owned(),
            ca: ca.map(Path::to_owned),
            device: Device::cli(),
            version: VERSION.to_owned(),
            tokens: None,
        }
    }

    /// The same client on another device, with no session.
    pub fn on(&self, device: Device) -> Self {
        Self {
            device,
            tokens: None,
            ..self.clone()
        }
    }

    /// The same session at the server of another address.
    pub fn at(&self, base: &str) -> Self {
        Self {
            base: base.trim_end_matches('/').to_owned(),
            ..self.clone()
        }
    }

    /// The same client saying it is of another version.
    pub fn saying_version(&self, version: &str) -> Self {
        Self {
            version: version.to_owned(),
            ..self.clone()
        }
    }

    /// The same session, every request on a connection of its own.
    pub fn without_reuse(&self) -> Self {
        Self {
            http: http(self.ca.as_deref(), false),
            ..self.clone()
        }
    }

    /// The same client without its session.
    pub fn signed_out(&self) -> Self {
        Self {
            tokens: None,
            ..self.clone()
        }
    }

    /// The same client with this access token.
    pub fn with_access_token(&self, access: &str) -> Self {
        Self {
            tokens: Some(Tokens {
                access: access.to_owned(),
                refresh: None,
            }),
            ..self.clone()
        }
    }

    /// What identifies the device.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The tokens of the session; panics without one.
    pub fn tokens(&self) -> &Tokens {
        self.tokens.as_ref().expect("the client is logged in")
    }

    /// A request with the headers official clients send, and the bearer token if there is a session.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self
            .http
            .request(method, format!("{}{path}", self.base))
            .header("Device-Type", self.device.kind.to_string())
            .header("Bitwarden-Client-Name", self.device.client)
            .header("Bitwarden-Client-Version", &self.version)
            .header("Device-Identifier", &self.device.identifier);
        match &self.tokens {
            Some(tokens) => request.bearer_auth(&tokens.access),
            None => request,
        }
    }

    /// Sends `request` and reads the whole answer; panics if no answer comes.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        self.try_send(request)
            .await
            .unwrap_or_else(|e| panic!("no answer: {e:?}"))
    }

    /// Sends `request` and reads the whole answer.
    ///
    /// # Errors
    /// When no complete answer comes: the server is away or went away meanwhile.
    pub async fn try_send(&self, request: RequestBuilder) -> Result<Answer, reqwest::Error> {
        let request = request.build()?;
        let what = format!("{} {}", request.method(), request.url().path());
        Answer::read(what, self.http.execute(request).await?).await
    }

    /// `GET path`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path)).await
    }

    /// `POST path` with a JSON body.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::POST, path).json(body)).await
    }

    /// `PUT path` with a JSON body.
    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::PUT, path).json(body)).await
    }

    /// `PUT path` without a body.
    pub async fn put_empty(&self, path: &str) -> Answer {
        self.send(self.request(Method::PUT, path)).await
    }

    /// `DELETE path` without a body.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// `DELETE path` with a JSON body.
    pub async fn delete_with(&self, path: &str, body: &Value) -> Answer {
        self.send(self.request(Method::DELETE, path).json(body)).await
    }

    /// The whole vault as the official command line client asks for it.
    pub async fn sync(&self) -> Value {
        self.get("/api/sync?excludeDomains=true").await.ok()
    }
}

fn http(ca: Option<&Path>, reuse: bool) -> reqwest::Client {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
    let mut builder = reqwest::Client::builder()
        .no_proxy()
        // the server closes a connection that is idle for 30 s: not in the moment it is used
        .pool_idle_timeout(std::time::Duration::from_secs(10))
        .timeout(std::time::Duration::from_secs(300));
    if let Some(ca) = ca {
        let pem = std::fs::read(ca).unwrap_or_else(|e| panic!("the authority {} cannot be read: {e}", ca.display()));
        for certificate in reqwest::Certificate::from_pem_bundle(&pem).expect("the authority is PEM") {
            builder = builder.add_root_certificate(certificate);
        }
    }
    if !reuse {
        builder = builder.pool_max_idle_per_host(0);
    }
    builder.build().expect("an HTTP client can be made")
}
