//! Access tokens: JSON Web Tokens signed with RS256, one hour long.

use aws_lc_rs::{
    digest,
    encoding::AsDer,
    rsa::KeySize,
    signature::{KeyPair as _, RsaKeyPair},
};
use base64::{
    Engine,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use domain::{
    id::{OrganizationId, UserId},
    time::Timestamp,
};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use lru::LruCache;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    num::NonZeroUsize,
    sync::{Mutex, PoisonError},
};
use uuid::Uuid;

/// How long an access token is good: seconds.
pub const LIFETIME_SECONDS: i64 = 3600;
/// How many verified tokens are remembered.
const REMEMBERED: usize = 16_384;
/// The longest token looked at: bytes.
const MAX_TOKEN: usize = 8_192;

/// What an access token of a person says. Source: catalogue, `identity.md`, "Access token".
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claims {
    /// Who issued it.
    pub iss: String,
    /// Good from: seconds since 1970.
    pub nbf: i64,
    /// Good until: seconds since 1970.
    pub exp: i64,
    /// Issued: seconds since 1970.
    pub iat: i64,
    /// Signed in: seconds since 1970.
    pub auth_time: i64,
    /// The user id.
    pub sub: Uuid,
    /// The kind of client.
    pub client_id: String,
    /// What it may be used for.
    pub scope: Vec<String>,
    /// How the person signed in.
    pub amr: Vec<String>,
    /// Who vouches for the person.
    pub idp: String,
    /// Whether the account has premium features.
    pub premium: bool,
    /// The address.
    pub email: String,
    /// Whether the address was proved to be theirs.
    pub email_verified: bool,
    /// The security stamp of the session.
    #[serde(rename = "sstamp")]
    pub stamp: Uuid,
    /// What the person is called.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The client-made identifier of the device.
    pub device: String,
    /// The name of the kind of device.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub devicetype: Option<String>,
}

/// What an access token of an organization says, got with its API key. Source: catalogue, `identity.md`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrganizationClaims {
    /// Who issued it.
    pub iss: String,
    /// Good from: seconds since 1970.
    pub nbf: i64,
    /// Good until: seconds since 1970.
    pub exp: i64,
    /// Issued: seconds since 1970.
    pub iat: i64,
    /// `organization.<id>`.
    pub client_id: String,
    /// The organization.
    pub client_sub: OrganizationId,
    /// What it may be used for.
    pub scope: Vec<String>,
    /// Always `Organization`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The fingerprint of the API key it was got with: another key ends it.
    pub key: String,
}

impl Claims {
    /// The user id.
    pub fn user(&self) -> UserId {
        UserId(self.sub)
    }
}

/// Why a signing key cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the token signing key cannot be used: {0}")]
pub struct KeyError(String);

/// Signs access tokens and checks them, with one key or, while keys rotate, several.
pub struct TokenAuthority {
    issuer: String,
    signing: EncodingKey,
    key_id: String,
    verifying: Vec<(String, DecodingKey)>,
    keys: Vec<Value>,
    /// Digest of a verified token and what it says.
    verified: Mutex<LruCache<[u8; 32], Claims>>,
}

impl TokenAuthority {
    /// Signs with the first of `keys` (PKCS#8 DER, RSA) and accepts tokens of all. `issuer` is `scheme://host`.
    ///
    /// # Errors
    /// [`KeyError`] if there is no key or one is no RSA key.
    pub fn new(issuer: impl Into<String>, keys: &[Vec<u8>]) -> Result<Self, KeyError> {
        let mut verifying = Vec::new();
        let mut published = Vec::new();
        for der in keys {
            let pair = RsaKeyPair::from_pkcs8(der).map_err(|e| KeyError(e.to_string()))?;
            let public = pair.public_key();
            let (n, e) = (
                BASE64_URL_SAFE_NO_PAD.encode(public.modulus().big_endian_without_leading_zero()),
                BASE64_URL_SAFE_NO_PAD.encode(public.exponent().big_endian_without_leading_zero()),
            );
            let id = BASE64_URL_SAFE_NO_PAD.encode(&digest::digest(&digest::SHA256, public.as_ref()).as_ref()[..20]);
            let key = DecodingKey::from_rsa_components(&n, &e).map_err(|e| KeyError(e.to_string()))?;
            published.push(json!({"kty": "RSA", "use": "sig", "alg": "RS256", "kid": id, "n": n, "e": e}));
            verifying.push((id, key));
        }
        let (first, (key_id, _)) = keys
            .first()
            .zip(verifying.first())
            .ok_or_else(|| KeyError("there is none".to_owned()))?;
        Ok(Self {
            issuer: issuer.into(),
            signing: encoding_key(first)?,
            key_id: key_id.clone(),
            verifying,
            keys: published,
            verified: Mutex::new(LruCache::new(NonZeroUsize::new(REMEMBERED).expect("not zero"))),
        })
    }

    /// A new RSA key of 2,048 bits: PKCS#8 DER.
    ///
    /// # Errors
    /// [`KeyError`] if the system gives no randomness.
    pub fn generate_key() -> Result<Vec<u8>, KeyError> {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(|e| KeyError(e.to_string()))?;
        Ok(pair.as_der().map_err(|e| KeyError(e.to_string()))?.as_ref().to_vec())
    }

    /// Who issues the tokens: `scheme://host`.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// The public keys as a JSON Web Key Set.
    pub fn jwks(&self) -> Value {
        json!({ "keys": self.keys })
    }

    /// Signs `claims`.
    ///
    /// # Errors
    /// [`KeyError`] if the signature cannot be made.
    pub fn sign(&self, claims: &impl Serialize) -> Result<String, KeyError> {
        let mut header = Header::new(Algorithm::RS256);
        header.typ = Some("at+jwt".to_owned());
        header.kid = Some(self.key_id.clone());
        jsonwebtoken::encode(&header, claims, &self.signing).map_err(|e| KeyError(e.to_string()))
    }

    /// What `token` says, if we signed it, it is an access token for the API and good at `now`.
    pub fn verify(&self, token: &str, now: Timestamp) -> Option<Claims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let digest = digest::digest(&digest::SHA256, token.as_bytes())
            .as_ref()
            .try_into()
            .ok()?;
        let known = self
            .verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&digest)
            .cloned();
        let claims = match known {
            Some(claims) => claims,
            None => {
                let claims = self.check(token)?;
                self.verified
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .put(digest, claims.clone());
                claims
            }
        };
        is_good(claims.nbf, claims.exp, now).then_some(claims)
    }

    /// The same for a token of an organization.
    pub fn verify_organization(&self, token: &str, now: Timestamp) -> Option<OrganizationClaims> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let claims: OrganizationClaims = self.decode(token)?;
        let right = claims.kind == "Organization" && claims.scope.iter().any(|scope| scope == "api.organization");
        (right && is_good(claims.nbf, claims.exp, now)).then_some(claims)
    }

    /// Signature, type, issuer and scope; not the times, which change.
    fn check(&self, token: &str) -> Option<Claims> {
        let claims: Claims = self.decode(token)?;
        claims.scope.iter().any(|scope| scope == "api").then_some(claims)
    }

    /// Signature, type and issuer.
    fn decode<T: DeserializeOwned + Clone>(&self, token: &str) -> Option<T> {
        let header = jsonwebtoken::decode_header(token).ok()?;
        if header.alg != Algorithm::RS256 || header.typ.as_deref() != Some("at+jwt") {
            return None;
        }
        let kid = header.kid?;
        let (_, key) = self.verifying.iter().find(|(id, _)| *id == kid)?;
        let mut rules = Validation::new(Algorithm::RS256);
        rules.set_issuer(&[&self.issuer]);
        rules.validate_exp = false;
        rules.validate_aud = false;
        Some(jsonwebtoken::decode::<T>(token, key, &rules).ok()?.claims)
    }
}

fn is_good(from: i64, until: i64, now: Timestamp) -> bool {
    let seconds = now.0.div_euclid(1000);
    from <= seconds + 60 && seconds < until
}

/// The key as the token library reads it: it takes PKCS#8 only as PEM.
fn encoding_key(der: &[u8]) -> Result<EncodingKey, KeyError> {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        BASE64_STANDARD.encode(der)
    );
    EncodingKey::from_rsa_pem(pem.as_bytes()).map_err(|e| KeyError(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(now: i64) -> Claims {
        Claims {
            iss: "https://vault.example.org".to_owned(),
            nbf: now,
            exp: now + LIFETIME_SECONDS,
            iat: now,
            auth_time: now,
            sub: Uuid::from_u128(1),
            client_id: "cli".to_owned(),
            scope: vec!["api".to_owned(), "offline_access".to_owned()],
            amr: vec!["Application".to_owned()],
            idp: "bitwarden".to_owned(),
            premium: true,
            email: "ann@example.org".to_owned(),
            email_verified: true,
            stamp: Uuid::from_u128(2),
            name: None,
            device: "d".to_owned(),
            devicetype: None,
        }
    }

    #[test]
    fn a_token_is_good_for_its_hour_and_for_its_issuer() {
        let key = TokenAuthority::generate_key().unwrap();
        let ours = TokenAuthority::new("https://vault.example.org", std::slice::from_ref(&key)).unwrap();
        let token = ours.sign(&claims(1_000)).unwrap();
        assert_eq!(ours.verify(&token, Timestamp(1_000_000)), Some(claims(1_000)));
        assert_eq!(ours.verify(&token, Timestamp(4_599_999)), Some(claims(1_000)));
        assert_eq!(ours.verify(&token, Timestamp(4_600_000)), None);
        let elsewhere = TokenAuthority::new("https://other.example.org", std::slice::from_ref(&key)).unwrap();
        assert_eq!(elsewhere.verify(&token, Timestamp(1_000_000)), None);
        let strangers =
            TokenAuthority::new("https://vault.example.org", &[TokenAuthority::generate_key().unwrap()]).unwrap();
        assert_eq!(strangers.verify(&token, Timestamp(1_000_000)), None);
        let rotated = TokenAuthority::new(
            "https://vault.example.org",
            &[TokenAuthority::generate_key().unwrap(), key],
        )
        .unwrap();
        assert_eq!(rotated.verify(&token, Timestamp(1_000_000)), Some(claims(1_000)));
    }

    #[test]
    fn a_changed_token_is_refused() {
        let ours = TokenAuthority::new("i", &[TokenAuthority::generate_key().unwrap()]).unwrap();
        let token = ours
            .sign(&Claims {
                iss: "i".to_owned(),
                ..claims(1_000)
            })
            .unwrap();
        let now = Timestamp(1_000_000);
        assert!(ours.verify(&token, now).is_some());
        let parts: Vec<&str> = token.split('.').collect();
        let none = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"at+jwt"}"#);
        for bad in [
            format!("{none}.{}.", parts[1]),
            format!("{}.{}.AAAA", parts[0], parts[1]),
            "x".to_owned(),
            String::new(),
        ] {
            assert_eq!(ours.verify(&bad, now), None);
        }
    }
}
