//! Another user key, and the whole vault sealed anew with it.

mod steps;

use super::{
    account_keys::{AccountKeysRequest, CryptographicState},
    check::{Checks, MAX_HASH},
    secret::{Accept, incorrect_password},
    unlock::{UnlockData as PasswordUnlockData, checked_kdf},
};
use crate::{
    WHOLE_VAULT, WriteApi,
    vault::{cipher::request::CipherRequest, folder::sealed_name},
};
use axum::extract::State;
use commands::account::{
    keys::{NewSecret, Resealed, ResealedCipher},
    secret::{Proven, Way},
};
use domain::{
    crypto::EncString,
    id::{CipherId, FolderId, OrganizationId},
};
use serde::Deserialize;
use std::collections::HashMap;
use steps::Rotation;
use web::{Answer, Body, Caller, Problem, Routes};

/// What is said where two names of the new user key differ.
const SAME_KEY_ID: &str = "ContainedKeyId and NewUserKeyId must be the same.";

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/accounts/key-management/rotate-user-account-keys", rotate)
        .post("/accounts/key-management/rotate-user-keys", rotate_keys_only)
        .with_body_limit(WHOLE_VAULT)
}

/// `RotateUserAccountKeysAndDataRequestModel`. What it has for passkeys and trusted devices is empty for accounts that have none
/// of them.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotateRequest {
    old_master_key_authentication_hash: Option<String>,
    account_unlock_data: UnlockData,
    account_keys: AccountKeysRequest,
    account_data: AccountData,
    new_user_key_id: Option<String>,
}

/// `UnlockDataRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnlockData {
    master_password_unlock_data: PasswordUnlock,
    organization_account_recovery_unlock_data: Option<Vec<RecoveryKey>>,
}

/// `OrganizationUserAccountRecoveryRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RecoveryKey {
    organization_id: OrganizationId,
    reset_password_key: Option<String>,
}

/// The new user key as organizations that may recover the account get it.
fn recovery_keys(sent: Option<Vec<RecoveryKey>>) -> Answer<HashMap<OrganizationId, EncString>> {
    let mut checks = Checks::new();
    let mut keys = HashMap::new();
    for (index, entry) in sent.unwrap_or_default().into_iter().enumerate() {
        let field = format!("OrganizationAccountRecoveryUnlockData[{index}].ResetPasswordKey");
        if let Some(key) = checks.sealed(&field, entry.reset_password_key) {
            keys.insert(entry.organization_id, key);
        }
    }
    checks.done()?;
    Ok(keys)
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
    fn checked(self, recovery: Option<Vec<RecoveryKey>>) -> Answer<Resealed> {
        let ciphers = self.ciphers.into_iter().enumerate().map(|(index, item)| {
            let sealed = item
                .cipher
                .checked(&format!("AccountData.Ciphers[{index}]."))?
                .personal()?;
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
            recovery: recovery_keys(recovery)?,
        })
    }
}

/// `POST /accounts/key-management/rotate-user-account-keys`: all of it or nothing.
async fn rotate(caller: Caller, State(app): State<WriteApi>, Body(request): Body<RotateRequest>) -> Answer<()> {
    let UnlockData {
        master_password_unlock_data: unlock,
        organization_account_recovery_unlock_data: recovery,
    } = request.account_unlock_data;
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
        checks.wrong("ContainedKeyId", SAME_KEY_ID);
    }
    let keys = request.account_keys.checked(&mut checks);
    checks.done()?;
    let kdf = checked_kdf(
        unlock.kdf_type,
        unlock.kdf_iterations,
        unlock.kdf_memory,
        unlock.kdf_parallelism,
    )?;
    let resealed = request.account_data.checked(recovery)?;

    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, &present, Accept::Password, incorrect_password)
        .await?;
    let rotation = Rotation {
        proven,
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
    };
    rotation.carry_out(&app, &caller).await
}

fn missing() -> Problem {
    Problem::field("AccountKeys", "The AccountKeys field is required.")
}

/// `RotateUserKeysRequestModel`. Its `unlockData` is about organizations, and about emergency contacts, passkeys and trusted
/// devices, of which accounts here have none, and about sessions that go on; here they end.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RotateKeysRequest {
    wrapped_account_cryptographic_state: CryptographicState,
    account_data: AccountData,
    unlock_method_data: UnlockMethod,
    unlock_data: Option<CommonUnlockData>,
    new_user_key_id: Option<String>,
}

/// `CommonUnlockDataRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct CommonUnlockData {
    organization_account_recovery_unlock_data: Option<Vec<RecoveryKey>>,
}

/// `UnlockMethodRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct UnlockMethod {
    unlock_method: i64,
    master_password_unlock_data: Option<PasswordUnlockData>,
}

/// `UnlockMethod`: the other ways come with single sign-on.
const BY_MASTER_PASSWORD: i64 = 1;

/// `POST /accounts/key-management/rotate-user-keys`: the same for V2 accounts, and for those that become one, with the
/// master password as it is. Clients prove nothing but their session.
async fn rotate_keys_only(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<RotateKeysRequest>,
) -> Answer<()> {
    let method = request.unlock_method_data;
    let unlock = method
        .master_password_unlock_data
        .filter(|_| method.unlock_method == BY_MASTER_PASSWORD)
        .ok_or_else(|| Problem::field("UnlockMethod", "The account is unlocked by its master password."))?;
    let mut checks = Checks::new();
    let keys = AccountKeysRequest::from(request.wrapped_account_cryptographic_state).checked(&mut checks);
    let key_id = checks.key_id("NewUserKeyId", request.new_user_key_id);
    checks.done()?;
    let unlock = unlock.checked()?;
    if unlock.key_id != key_id {
        return Err(Problem::field("ContainedKeyId", SAME_KEY_ID));
    }
    let recovery = request
        .unlock_data
        .and_then(|data| data.organization_account_recovery_unlock_data);
    let resealed = request.account_data.checked(recovery)?;
    let user = app.owner(&caller).await?;
    if user.temporary_password {
        return Err(Problem::bad_request(
            "Choose a master password in place of the one your organization gave you first.",
        ));
    }
    let rotation = Rotation {
        // what stays of the account is read here and written there: the stamp, which changes with it, is compared
        proven: Proven {
            way: Way::Session,
            stamp: user.stamp,
        },
        secret: NewSecret {
            verifier: user.credentials.verifier,
            user_key: unlock.user_key,
            salt: Some(unlock.salt),
            key_id,
        },
        kdf: unlock.kdf,
        hint: user.credentials.hint,
        keys: keys.ok_or_else(missing)?,
        resealed,
    };
    rotation.carry_out(&app, &caller).await
}
