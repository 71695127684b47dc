//! Another user key, and the whole vault sealed anew with it.

use super::{
    check::{Checks, MAX_HASH},
    keys::pair,
    secret::{Accept, incorrect_password},
    unlock::checked_kdf,
};
use crate::{
    WHOLE_VAULT, WriteApi,
    vault::{cipher::request::CipherRequest, folder::sealed_name},
};
use axum::extract::State;
use commands::account::keys::{
    BeginKeyRotation, NewSecret, RehearseKeyRotation, Resealed, ResealedCipher, RotateUserKey,
};
use domain::{
    event::Position,
    id::{CipherId, FolderId},
};
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/key-management/rotate-user-account-keys", rotate)
        .with_body_limit(WHOLE_VAULT)
}

/// `RotateUserAccountKeysAndDataRequestModel`. What it has for organizations, passkeys and trusted devices is empty for
/// accounts that have none of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotateRequest {
    old_master_key_authentication_hash: Option<String>,
    account_unlock_data: UnlockData,
    account_keys: AccountKeys,
    account_data: AccountData,
    new_user_key_id: Option<String>,
}

/// `UnlockDataRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnlockData {
    master_password_unlock_data: PasswordUnlock,
}

/// `MasterPasswordUnlockAndAuthenticationDataModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PasswordUnlock {
    kdf_type: i64,
    kdf_iterations: i64,
    kdf_memory: Option<i64>,
    kdf_parallelism: Option<i64>,
    email: Option<String>,
    master_key_authentication_hash: Option<String>,
    master_key_encrypted_user_key: Option<String>,
    master_password_hint: Option<String>,
    master_password_salt: Option<String>,
    contained_key_id: Option<String>,
}

/// `AccountKeysRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AccountKeys {
    user_key_encrypted_account_private_key: Option<String>,
    account_public_key: Option<String>,
    signature_key_pair: Option<Value>,
    security_state: Option<Value>,
}

/// `AccountDataRequestModel`. There are no Sends yet, so whatever it says of them is about none of the account's.
#[derive(Debug, Deserialize)]
struct AccountData {
    ciphers: Vec<CipherWithId>,
    folders: Vec<FolderWithId>,
}

/// `CipherWithIdRequestModel`.
#[derive(Debug, Deserialize)]
struct CipherWithId {
    id: CipherId,
    #[serde(flatten)]
    cipher: CipherRequest,
}

/// `FolderWithIdRequestModel`.
#[derive(Debug, Deserialize)]
struct FolderWithId {
    id: FolderId,
    name: Option<String>,
}

impl AccountData {
    fn checked(self) -> Answer<Resealed> {
        let ciphers = self.ciphers.into_iter().enumerate().map(|(index, item)| {
            let sealed = item.cipher.checked(&format!("AccountData.Ciphers[{index}]."))?;
            let resealed = ResealedCipher {
                kind: sealed.new.kind,
                content: sealed.new.content,
                known: sealed.known,
            };
            Ok((item.id, resealed))
        });
        let folders = self.folders.into_iter().enumerate().map(|(index, folder)| {
            let name = sealed_name(folder.name, &format!("AccountData.Folders[{index}].Name"))?;
            Ok((folder.id, name))
        });
        Ok(Resealed {
            ciphers: ciphers.collect::<Answer<_>>()?,
            folders: folders.collect::<Answer<_>>()?,
        })
    }
}

/// `POST /accounts/key-management/rotate-user-account-keys`: all of it or nothing. `commands::account::keys::rotate_user_key`
/// says why in four steps.
async fn rotate(caller: Caller, State(app): State<WriteApi>, Body(request): Body<RotateRequest>) -> Answer<()> {
    let unlock = request.account_unlock_data.master_password_unlock_data;
    let given = request.account_keys;
    let mut checks = Checks::new();
    let present = checks.required(
        "OldMasterKeyAuthenticationHash",
        request.old_master_key_authentication_hash,
        MAX_HASH,
    );
    let email = checks.email("Email", unlock.email.as_deref());
    let hash = checks.new_hash(
        "MasterKeyAuthenticationHash",
        unlock.master_key_authentication_hash,
        MAX_HASH,
    );
    let user_key = checks.sealed("MasterKeyEncryptedUserKey", unlock.master_key_encrypted_user_key);
    let hint = checks.text("MasterPasswordHint", unlock.master_password_hint, 50);
    let key_id = checks.key_id("NewUserKeyId", request.new_user_key_id);
    if checks.key_id("ContainedKeyId", unlock.contained_key_id) != key_id {
        checks.wrong("ContainedKeyId", "ContainedKeyId and NewUserKeyId must be the same.");
    }
    if given.signature_key_pair.is_some() || given.security_state.is_some() {
        checks.wrong("AccountKeys", "V2 encryption is not supported by this server.");
    }
    let keys = pair(
        &mut checks,
        ("AccountPublicKey", given.account_public_key),
        (
            "UserKeyEncryptedAccountPrivateKey",
            given.user_key_encrypted_account_private_key,
        ),
    );
    checks.done()?;
    let missing = || Problem::field("AccountKeys", "The AccountKeys field is required.");
    let kdf = checked_kdf(
        unlock.kdf_type,
        unlock.kdf_iterations,
        unlock.kdf_memory,
        unlock.kdf_parallelism,
    )?;
    let resealed = request.account_data.checked()?;

    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, &present, Accept::Password, incorrect_password)
        .await?;
    let mut rotation = RotateUserKey {
        user: caller.id,
        secret: NewSecret {
            verifier: app.account.passwords.hash(&hash).await?,
            user_key: user_key.ok_or_else(missing)?,
            salt: Some(unlock.master_password_salt.unwrap_or(email)),
            key_id,
        },
        kdf,
        hint,
        keys: keys.ok_or_else(missing)?,
        resealed,
        ciphers: app.directory.ciphers_of(caller.id).await?,
        folders: app.directory.folders_of(caller.id).await?,
        begun: app.executor.new_id(),
        stamp: app.executor.new_id(),
    };
    let context = app.context(&caller);
    let rehearsal = RehearseKeyRotation {
        proven: &proven,
        rotation: &rotation,
    };
    app.executor.transact(&context, &rehearsal).await?;
    let begin = BeginKeyRotation {
        user: caller.id,
        stamp: rotation.begun,
        proven,
    };
    let begun = app.executor.transact(&context, &begin).await?;
    app.end_sessions(caller.id).await;
    let landed = app.executor.let_land().await?;
    listed(&app, begun.position.map_or(landed, |begun| begun.max(landed))).await?;
    rotation.ciphers = app.directory.ciphers_of(caller.id).await?;
    rotation.folders = app.directory.folders_of(caller.id).await?;
    let context = context.past_its_session();
    let done = app.executor.transact(&context, &rotation).await?;
    app.settle(done.position).await?;
    app.end_sessions(caller.id).await;
    Ok(())
}

/// Waits until the read models list everything up to `position`, for up to twenty seconds: nobody has a session by now, so
/// giving up costs the person more than waiting.
async fn listed(app: &WriteApi, position: Position) -> Answer<()> {
    for _ in 0..9 {
        if app.settle(Some(position)).await.is_ok() {
            return Ok(());
        }
    }
    app.settle(Some(position)).await
}
