//! The master password: changed, checked, hinted at.

use super::{
    check::{Checks, MAX_HASH},
    limit,
    secret::{Accept, SecretRequest, incorrect_password, invalid_password},
    unlock::{AuthenticationData, NewUnlock, UnlockData, agreed},
};
use crate::{WriteApi, organization::member::rules::PasswordPolicy};
use axum::{Json, extract::State};
use commands::account::{
    AccountError, RequestPasswordHint, RotateSecurityStamp, find,
    keys::{ChangeKdf, ChangePassword, NewSecret, ReplaceTemporaryPassword},
    secret::{Proven, Way},
};
use domain::crypto::{EncString, Kdf};
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Anyone, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/password", change)
        .post("/accounts/set-password", set)
        .put("/accounts/update-temp-password", replace_temporary)
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
pub(crate) struct NewPassword {
    hash: String,
    user_key: EncString,
    /// What only the newer form says.
    salt: Option<String>,
    pub kdf: Option<Kdf>,
    key_id: Option<String>,
}

impl NewPassword {
    /// What the account is to sign in with.
    ///
    /// # Errors
    /// 503 if it cannot be hashed now.
    pub async fn secret(self, app: &WriteApi) -> Answer<NewSecret> {
        Ok(NewSecret {
            verifier: app.account.passwords.hash(&self.hash).await?,
            user_key: self.user_key,
            salt: self.salt,
            key_id: self.key_id,
        })
    }
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

/// A new master password from the newer parts of a request, or from its flat fields (hash, sealed user key).
///
/// # Errors
/// 400 if neither form is whole, or what is in it is no such thing.
pub(crate) fn new_password(
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
        kdf: new.kdf,
        secret: new.secret(&app).await?,
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

/// `UpdateTempPasswordRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TemporaryRequest {
    new_master_password_hash: Option<String>,
    key: Option<String>,
    master_password_hint: Option<String>,
    authentication_data: Option<AuthenticationData>,
    unlock_data: Option<UnlockData>,
}

/// `PUT /accounts/update-temp-password`: by somebody who just signed in with the password an organization gave them.
async fn replace_temporary(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<TemporaryRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let hint = checks.text("MasterPasswordHint", request.master_password_hint, 50);
    checks.done()?;
    let new = new_password(
        (request.authentication_data, request.unlock_data),
        (request.new_master_password_hash, request.key),
    )?;
    // asked first: a hash costs, and no secret is asked for here
    app.account.count(limit::SECRET, caller.id.to_string()).await?;
    if !app.owner(&caller).await?.temporary_password {
        return Err(AccountError::NotTemporary.into());
    }
    let command = ReplaceTemporaryPassword {
        user: caller.id,
        proven: Proven {
            way: Way::Session,
            stamp: caller.stamp,
        },
        kdf: new.kdf,
        secret: new.secret(&app).await?,
        hint,
        stamp: app.executor.new_id(),
    };
    app.change(&caller, &command).await?;
    app.end_sessions(caller.id).await;
    Ok(())
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
        secret: new.secret(&app).await?,
        stamp: app.executor.new_id(),
    };
    app.change(&caller, &command).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// `POST /accounts/verify-password`: whether it is right, and what policies say about passwords.
async fn verify(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<SecretRequest>,
) -> Answer<Json<Value>> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    app.prove(&caller, &user, secret, Accept::Password, invalid_password)
        .await?;
    let organizations = app.read.organizations_of(caller.id).await?;
    let policy = PasswordPolicy::of(&app, caller.id, &organizations).await?;
    Ok(Json(policy.render("object", camel)))
}

/// `MinLength` as `minLength`.
fn camel(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
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
