//! How a client is to make the master key of an account, told before it signs in.

use crate::{
    WriteApi,
    account::{check::Checks, limit},
};
use axum::{Json, extract::State};
use commands::account::find;
use domain::{crypto::Kdf, id::EmailAddressId};
use read_api::account::wire;
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Anyone, Body, Routes};

/// The routes; both paths are one.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/prelogin", prelogin)
        .post("/accounts/prelogin/password", prelogin)
}

/// `PasswordPreloginRequestModel`.
#[derive(Debug, Deserialize)]
struct PreloginRequest {
    email: Option<String>,
}

/// `POST /accounts/prelogin/password`, and `POST /accounts/prelogin` for older clients. Answers for addresses that nobody
/// has too.
async fn prelogin(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Body(request): Body<PreloginRequest>,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    checks.done()?;
    let ports = &app.account;
    ports.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let found = find(&app.executor, ports.addresses.as_ref(), &email).await?;
    let (kdf, salt) = match found {
        Some(found) => (found.user.kdf, found.user.credentials.salt),
        None => (plausible_kdf(ports.addresses.id(&email)), email),
    };
    Ok(Json(json!({
        "kdf": kdf.kind(),
        "kdfIterations": kdf.iterations(),
        "kdfMemory": kdf.memory(),
        "kdfParallelism": kdf.parallelism(),
        "kdfSettings": wire::kdf(kdf),
        "salt": salt,
    })))
}

/// Settings for an address that nobody has: such as accounts here can have and, by the keyed hash that is its id, always
/// the same.
fn plausible_kdf(address: EmailAddressId) -> Kdf {
    match address.0.as_bytes()[15] % 6 {
        0 => Kdf::Argon2id {
            iterations: 6,
            memory: 32,
            parallelism: 4,
        },
        1 => Kdf::Argon2id {
            iterations: 3,
            memory: 64,
            parallelism: 4,
        },
        _ => Kdf::Pbkdf2 { iterations: 600_000 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_is_made_up_for_an_address_an_account_could_have() {
        for n in 0..=255_u128 {
            let kdf = plausible_kdf(EmailAddressId(uuid::Uuid::from_u128(n)));
            let checked = Kdf::checked(
                kdf.kind().into(),
                kdf.iterations().into(),
                kdf.memory().map(i64::from),
                kdf.parallelism().map(i64::from),
            );
            assert_eq!(checked, Ok(kdf));
        }
    }
}
