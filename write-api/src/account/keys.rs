//! Key pairs, the id of the user key, API keys.

use super::{
    account_keys::AccountKeysRequest,
    check::Checks,
    secret::{Accept, SecretRequest, verification_failed},
};
use crate::WriteApi;
use axum::{Json, extract::State};
use commands::{
    account::{
        EnsureApiKey, RotateApiKey,
        keys::{AccountKeys, RegenerateKeyPair, SetKeyPair, SetUserKeyId},
        new_api_key,
    },
    organization::member::RegenerateMemberKeys,
};
use domain::{
    account::user::{KeyPair, User},
    crypto::EncString,
};
use read_api::account::wire;
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/keys", set_pair)
        .post("/accounts/key-management/regenerate-keys", regenerate_pair)
        .post("/accounts/key-management/user-key-id", name_user_key)
        .post("/accounts/api-key", api_key)
        .post("/accounts/rotate-api-key", rotate_api_key)
}

/// A pair that passed the checks.
pub(crate) fn pair(
    checks: &mut Checks,
    (public_field, public_key): (&str, Option<String>),
    (private_field, private_key): (&str, Option<String>),
) -> Option<KeyPair> {
    let public_key = checks.public_key(public_field, public_key);
    let private_key: Option<EncString> = checks.sealed(private_field, private_key);
    private_key.map(|private_key| KeyPair {
        public_key,
        private_key,
    })
}

/// `KeysRequestModel`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeysRequest {
    public_key: Option<String>,
    encrypted_private_key: Option<String>,
    account_keys: Option<AccountKeysRequest>,
    user_key_id: Option<String>,
}

/// `POST /accounts/keys`: once.
async fn set_pair(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<KeysRequest>,
) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    let keys = match request.account_keys {
        Some(keys) if !keys.is_v2() => {
            return Err(Problem::bad_request(
                "AccountKeys are only supported for V2 encryption.",
            ));
        }
        Some(keys) => keys.checked(&mut checks),
        None => pair(
            &mut checks,
            ("PublicKey", request.public_key),
            ("EncryptedPrivateKey", request.encrypted_private_key),
        )
        .map(|pair| AccountKeys { pair, signing: None }),
    };
    let key_id = checks.key_id("UserKeyId", request.user_key_id);
    checks.done()?;
    let command = SetKeyPair {
        user: caller.id,
        keys: keys.ok_or_else(|| Problem::field("PublicKey", "The PublicKey field is required."))?,
        key_id,
    };
    app.change(&caller, &command).await?;
    wire::keys(&app.read.account(caller.id).await?)
        .map(Json)
        .ok_or_else(Problem::unavailable)
}

/// `KeyRegenerationRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RegenerateRequest {
    user_public_key: Option<String>,
    user_key_encrypted_user_private_key: Option<String>,
}

/// `POST /accounts/key-management/regenerate-keys`. Where the person is a member of an organization, they are to be confirmed again.
async fn regenerate_pair(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<RegenerateRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let keys = pair(
        &mut checks,
        ("UserPublicKey", request.user_public_key),
        (
            "UserKeyEncryptedUserPrivateKey",
            request.user_key_encrypted_user_private_key,
        ),
    );
    checks.done()?;
    let pair = RegenerateKeyPair {
        user: caller.id,
        keys: keys.ok_or_else(|| Problem::field("UserPublicKey", "The UserPublicKey field is required."))?,
    };
    let memberships = app.read.memberships_of(caller.id).await?;
    let command = RegenerateMemberKeys {
        pair,
        memberships: memberships.into_iter().map(|(id, ..)| id).collect(),
    };
    let context = app.everywhere(app.context(&caller), caller.id).await?;
    let done = app.executor.transact(&context, &command).await?;
    app.settle(done.position).await
}

/// `SetUserKeyIdRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct KeyIdRequest {
    user_key_id: Option<String>,
}

/// `POST /accounts/key-management/user-key-id`.
async fn name_user_key(caller: Caller, State(app): State<WriteApi>, Body(request): Body<KeyIdRequest>) -> Answer<()> {
    let mut checks = Checks::new();
    let key_id = checks.key_id("UserKeyId", request.user_key_id);
    if key_id.is_none() {
        checks.wrong("UserKeyId", "The UserKeyId field is required.");
    }
    checks.done()?;
    let command = SetUserKeyId {
        user: caller.id,
        key_id: key_id.unwrap_or_default(),
    };
    app.change(&caller, &command).await.map(drop)
}

/// `ApiKeyResponseModel`.
fn shown(user: &User) -> Answer<Json<Value>> {
    let user = user.live().ok_or_else(Problem::unauthorized)?;
    let key = user.api_key.as_ref().ok_or_else(Problem::not_found)?;
    Ok(Json(json!({
        "object": "apiKey",
        "apiKey": key.0,
        "revisionDate": user.api_key_at.unwrap_or(user.created).iso(),
    })))
}

/// `POST /accounts/api-key`: makes one at the first time.
async fn api_key(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<SecretRequest>,
) -> Answer<Json<Value>> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Either, verification_failed)
        .await?;
    let command = EnsureApiKey {
        user: caller.id,
        proven,
        key: new_api_key(|| app.executor.new_id()),
    };
    shown(&app.change(&caller, &command).await?.value)
}

/// `POST /accounts/rotate-api-key`: the old one is dead at once.
async fn rotate_api_key(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<SecretRequest>,
) -> Answer<Json<Value>> {
    let secret = request.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Either, verification_failed)
        .await?;
    let command = RotateApiKey {
        user: caller.id,
        proven,
        key: new_api_key(|| app.executor.new_id()),
    };
    shown(&app.change(&caller, &command).await?.value)
}
