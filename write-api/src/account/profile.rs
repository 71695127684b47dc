//! What a person is called, their colour, and whether their new devices must be verified.

use super::{
    check::Checks,
    secret::{Accept, SecretRequest, verification_failed},
};
use crate::WriteApi;
use axum::{Json, extract::State};
use commands::account::{Rename, SetAvatar, SetDeviceVerification};
use serde::{Deserialize, Deserializer};
use serde_json::{Value, json};
use web::{Answer, Body, Caller, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .put_or_post("/accounts/profile", rename)
        .put_or_post("/accounts/avatar", set_avatar)
        .put_or_post("/accounts/verify-devices", verify_devices)
        .get("/two-factor/get-device-verification-settings", device_verification)
        .put("/two-factor/device-verification-settings", set_device_verification)
}

/// `UpdateProfileRequestModel`; its hint has been ignored for long.
#[derive(Debug, Deserialize)]
struct ProfileRequest {
    /// Null takes the name away; absent says nothing of it.
    #[serde(default, deserialize_with = "said")]
    name: Option<Option<String>>,
}

/// A member that is there, null or not.
fn said<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(d).map(Some)
}

/// `PUT /accounts/profile`, and `POST` for older clients.
async fn rename(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<ProfileRequest>,
) -> Answer<Json<Value>> {
    if let Some(name) = request.name {
        let mut checks = Checks::new();
        let name = checks.text("Name", name, 50);
        checks.done()?;
        let user = caller.id;
        app.change(&caller, &Rename { user, name }).await?;
    }
    changed(&app, &caller).await
}

/// `UpdateAvatarRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct AvatarRequest {
    /// Null takes the colour away; absent says nothing of it.
    #[serde(default, deserialize_with = "said")]
    avatar_color: Option<Option<String>>,
}

/// `PUT /accounts/avatar`, and `POST` for older clients.
async fn set_avatar(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<AvatarRequest>,
) -> Answer<Json<Value>> {
    if let Some(color) = request.avatar_color {
        let mut checks = Checks::new();
        let color = checks.text("AvatarColor", color, 7);
        checks.done()?;
        let user = caller.id;
        app.change(&caller, &SetAvatar { user, color }).await?;
    }
    changed(&app, &caller).await
}

/// The profile as changes of it answer: what it does not look up is null, not empty.
async fn changed(app: &WriteApi, caller: &Caller) -> Answer<Json<Value>> {
    let mut profile = app.read.profile(caller.id).await?;
    for list in [
        "organizations",
        "organizationsNew",
        "providers",
        "providerOrganizations",
    ] {
        profile[list] = Value::Null;
    }
    Ok(Json(profile))
}

/// `SetVerifyDevicesRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct VerifyDevicesRequest {
    verify_devices: bool,
    #[serde(flatten)]
    secret: SecretRequest,
}

/// `PUT /accounts/verify-devices`, and `POST` for older clients.
async fn verify_devices(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<VerifyDevicesRequest>,
) -> Answer<()> {
    let secret = request.secret.value()?;
    let user = app.owner(&caller).await?;
    let proven = app
        .prove(&caller, &user, secret, Accept::Either, verification_failed)
        .await?;
    let command = SetDeviceVerification {
        user: caller.id,
        proven: Some(proven),
        on: request.verify_devices,
    };
    app.change(&caller, &command).await.map(drop)
}

/// `DeviceVerificationResponseModel`.
fn settings(on: bool) -> Json<Value> {
    Json(json!({
        "object": "deviceVerificationSettings",
        "isDeviceVerificationSectionEnabled": false,
        "unknownDeviceVerificationEnabled": on,
    }))
}

/// `GET /two-factor/get-device-verification-settings`: older clients show this setting here.
async fn device_verification(caller: Caller, State(app): State<WriteApi>) -> Answer<Json<Value>> {
    Ok(settings(app.owner(&caller).await?.verify_devices))
}

/// `DeviceVerificationRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceVerificationRequest {
    unknown_device_verification_enabled: bool,
}

/// `PUT /two-factor/device-verification-settings`: the same for older clients, who prove nothing.
async fn set_device_verification(
    caller: Caller,
    State(app): State<WriteApi>,
    Body(request): Body<DeviceVerificationRequest>,
) -> Answer<Json<Value>> {
    let command = SetDeviceVerification {
        user: caller.id,
        proven: None,
        on: request.unknown_device_verification_enabled,
    };
    app.change(&caller, &command).await?;
    Ok(settings(command.on))
}
