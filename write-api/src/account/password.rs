//! The master password: changed, checked, hinted at.

use super::{
    check::{Checks, MAX_HASH},
    limit,
    secret::{Accept, SecretRequest, incorrect_password, invalid_password},
    unlock::{AuthenticationData, NewUnlock, UnlockData, agreed},
};
use crate::WriteApi;
use axum::{Json, extract::State};
use commands::account::{
    RequestPasswordHint, RotateSecurityStamp, find,
    keys::{ChangeKdf, ChangePassword, NewSecret},
};
use domain::crypto::{EncString, Kdf};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Anyone, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/password", change)
        .post("/accounts/set-password", set)
        .post("/accounts/kdf", change_kdf)
        .post("/accounts/verify-password", verify)
        .post("/accounts/security-stamp", end_all_sessions)
        .post("/accounts/password-hint", hint)
}

/// `PasswordRequestModel`: the newer parts, or the flat fields of older clients.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordRequest {
    master_password_hash: Option<String>,
    new_master_password_hash: Option<String>,
    key: Option<String>,
    master_password_hint: Option<String>,
    authentication_data: Option<AuthenticationData>,
    unlock_data: Option<UnlockData>,
}

/// A new master password, whichever form it came in.
struct NewPassword {
    hash: String,
    user_key: EncString,
    /// What only the newer form says.
    salt: Option<String>,
    kdf: Option<Kdf>,
    key_id: Option<String>,
}

impl From<NewUnlock> for NewPassword {
    fn from(new: NewUnlock) -> Self {
        Self {
            hash: new.hash,
            user_key: new.user_key,
            salt: Some(new.salt),
            kdf: Some(new.kdf),
            key_id: new.key_id,
        }
    }
}

fn new_password(
    parts: (Option<AuthenticationData>, Option<UnlockData>),
    flat: (Option<String>, Option<String>),
) -> Answer<NewPassword> {
    match (parts, flat) {
        ((Some(authentication), Some(unlock)), _) => agreed(authentication, unlock).map(NewPassword::from),
        (_, (Some(hash), Some(key))) => {
            let mut checks = Checks::new();
            let hash = checks.new_hash("NewMasterPasswordHash", Some(hash), MAX_HASH);
            let user_key = checks.sealed("Key", Some(key));
            checks.done()?;
            Ok(NewPassword {
                hash,
                user_key: user_key.ok_or_else(|| Problem::field("Key", "The Key field is required."))?,
                salt: None,
                kdf: None,
                key_id: None,
            })
        }
        _ => Err(Problem::field(
            "",
            "Must provide either new payloads (UnlockData/AuthenticationData) or legacy payloads (NewMasterPasswordHash/Key).",
        )),
    }
}

/// `POST /accounts/password`.
async fn change(caller: Caller, State(app): State<WriteApi>, Body(request): Body<PasswordRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let present = checks.required("MasterPasswordHash", request.master_password_hash, MAX_HASH);
    let hint = checks.text("MasterPasswordHint", request.master_password_hint, 50);
    checks.done()?;
    let new = new_password(
        (request.authentication_data, request.unlock_data),
        (request.new_master_password_hash, request.key),
    )?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, &present, Accept::Password, incorrect_password)
        .await?;
    let command = ChangePassword {
        user: caller.id,
        proven,
        secret: NewSecret {
            verifier: app.account.passwords.hash(&new.hash).await?,
            user_key: new.user_key,
            salt: new.salt,
            key_id: new.key_id,
        },
        kdf: new.kdf,
        hint,
        stamp: app.executor.new_id(),
    };
    app.change(&caller, &command).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// `POST /accounts/set-password`: for accounts that never had one, of which there are none without single sign-on.
async fn set(caller: Caller, State(app): State<WriteApi>) -> Answer<()> {
    app.owner(&caller).await?;
    Err(Problem::field("", "User already has a password set."))
}

/// `ChangeKdfRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KdfChangeRequest {
    master_password_hash: Option<String>,
    authentication_data: Option<AuthenticationData>,
    unlock_data: Option<UnlockData>,
}

/// `POST /accounts/kdf`.
async fn change_kdf(caller: Caller, State(app): State<WriteApi>, Body(request): Body<KdfChangeRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let present = checks.required("MasterPasswordHash", request.master_password_hash, MAX_HASH);
    if request.authentication_data.is_none() {
        checks.wrong("AuthenticationData", "The AuthenticationData field is required.");
    }
    if request.unlock_data.is_none() {
        checks.wrong("UnlockData", "The UnlockData field is required.");
    }
    checks.done()?;
    let new = new_password((request.authentication_data, request.unlock_data), (None, None))?;
    let kdf = new
        .kdf
        .ok_or_else(|| Problem::field("Kdf", "The Kdf field is required."))?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, &present, Accept::Password, incorrect_password)
        .await?;
    let command = ChangeKdf {
        user: caller.id,
        proven,
        kdf,
        secret: NewSecret {
            verifier: app.account.passwords.hash(&new.hash).await?,
            user_key: new.user_key,
            salt: new.salt,
            key_id: new.key_id,
        },
        stamp: app.executor.new_id(),
    };
    app.change(&caller, &command).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// `POST /accounts/verify-password`: whether it is right, and what policies say about passwords, which is nothing for
/// somebody without an organization.
async fn verify(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<SecretRequest>,
) -> Answer<Json<Value>> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    app.prove(&caller, &user, secret, Accept::Password, invalid_password)
        .await?;
    Ok(Json(json!({
        "object": "masterPasswordPolicy",
        "minComplexity": null,
        "minLength": null,
        "requireLower": null,
        "requireUpper": null,
        "requireNumbers": null,
        "requireSpecial": null,
        "enforceOnLogin": null,
    })))
}

/// `POST /accounts/security-stamp`.
async fn end_all_sessions(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<SecretRequest>,
) -> Answer<()> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Either, incorrect_password)
        .await?;
    let command = RotateSecurityStamp {
        user: caller.id,
        proven,
        stamp: app.executor.new_id(),
    };
    app.change(&caller, &command).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// `PasswordHintRequestModel`.
#[derive(Debug, Deserialize)]
struct HintRequest {
    email: Option<String>,
}

/// `POST /accounts/password-hint`: the same answer, as fast, whether there is such an account or not.
async fn hint(anyone: Anyone, State(app): State<WriteApi>, Body(request): Body<HintRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let email = checks.email("Email", request.email.as_deref());
    checks.done()?;
    app.account.count(limit::MAIL_FROM, limit::from(anyone.ip)).await?;
    app.account.count(limit::MAIL_TO, email.as_str()).await?;
    let work = app.clone();
    app.account.later(async move {
        let asked = async {
            if let Some(found) = find(&work.executor, work.account.addresses.as_ref(), &email).await? {
                let command = RequestPasswordHint { user: found.id };
                work.executor.execute(&work.context_of(&anyone), &command).await?;
            }
            Ok::<(), Problem>(())
        };
        if let Err(problem) = asked.await {
            tracing::warn!(status = %problem.status(), "a password hint was asked for in vain");
        }
    })
}
