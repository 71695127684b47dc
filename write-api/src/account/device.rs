//! Device records.

use super::{check::Checks, limit};
use crate::WriteApi;
use axum::{
    Json,
    extract::{Path, State},
    http::HeaderMap,
};
use base64::{
    Engine,
    alphabet::URL_SAFE,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use commands::account::{
    AccountError,
    device::{DeviceInfo, RegisterOrRefreshDevice, RemoveDevice, SetPushToken},
    find,
};
use domain::{device::Device, id::DeviceId};
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Anyone, Body, Caller, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/devices", save)
        .put_or_post("/devices/{id}", update)
        .delete("/devices/{id}", remove)
        .post("/devices/{id}/deactivate", remove)
        .put_or_post("/devices/identifier/{identifier}/token", set_push_token)
        .put_or_post("/devices/identifier/{identifier}/clear-token", clear_push_token)
        .get("/devices/knowndevice", is_known)
        .get("/devices/knowndevice/{email}/{identifier}", is_known_by_path)
}

/// The most characters of a name or an identifier.
pub(crate) const MAX_NAME: usize = 50;
/// The most characters of a push token.
pub(crate) const MAX_PUSH_TOKEN: usize = 255;

/// `DeviceRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DeviceRequest {
    #[serde(rename = "type")]
    kind: Option<u8>,
    name: Option<String>,
    identifier: Option<String>,
    push_token: Option<String>,
}

impl DeviceRequest {
    fn checked(self) -> Answer<DeviceInfo> {
        let mut checks = Checks::new();
        if self.kind.is_none() {
            checks.wrong("Type", "The Type field is required.");
        }
        let info = DeviceInfo {
            kind: self.kind.unwrap_or_default(),
            name: checks.required("Name", self.name, MAX_NAME),
            identifier: checks.required("Identifier", self.identifier, MAX_NAME),
            push_token: checks.text("PushToken", self.push_token, MAX_PUSH_TOKEN),
        };
        checks.done()?;
        Ok(info)
    }
}

async fn saved(app: &WriteApi, caller: &Caller, info: DeviceInfo) -> Answer<Json<Value>> {
    let id = DeviceId::of(caller.id, &info.identifier);
    let command = RegisterOrRefreshDevice { user: caller.id, info };
    let done = app.executor.execute(&app.context(caller), &command).await?;
    app.settle(done.position).await?;
    let devices = app.read.devices_of(caller.id).await?;
    let (_, device) = devices
        .iter()
        .find(|(known, _)| *known == id)
        .ok_or_else(Problem::unavailable)?;
    Ok(Json(read_api::device::render(id, device)))
}

/// `POST /devices`: makes the record, or brings it up to date.
async fn save(caller: Caller, State(app): State<WriteApi>, Body(request): Body<DeviceRequest>) -> Answer<Json<Value>> {
    saved(&app, &caller, request.checked()?).await
}

/// `PUT /devices/{id}`, and `POST` for older clients. Its identifier stays what it is.
async fn update(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<DeviceId>,
    Body(request): Body<DeviceRequest>,
) -> Answer<Json<Value>> {
    let mut info = request.checked()?;
    let known = app.executor.state::<Device>(id.0).await?;
    if known.user != Some(caller.id) {
        return Err(Problem::not_found());
    }
    info.identifier = known.identifier;
    saved(&app, &caller, info).await
}

/// `DELETE /devices/{id}`, and `POST /devices/{id}/deactivate` for older clients: its sessions end.
async fn remove(caller: Caller, State(app): State<WriteApi>, id: PathId<DeviceId>) -> Answer<()> {
    let command = RemoveDevice {
        user: caller.id,
        device: id.0,
    };
    let done = app.executor.execute(&app.context(&caller), &command).await?;
    app.account
        .sessions
        .end_device(caller.id, id.0, app.executor.now())
        .await?;
    app.settle(done.position).await
}

/// `DeviceTokenRequestModel`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PushTokenRequest {
    push_token: Option<String>,
}

/// `PUT /devices/identifier/{identifier}/token`, and `POST` for older clients.
async fn set_push_token(
    caller: Caller,
    State(app): State<WriteApi>,
    Path(identifier): Path<String>,
    Body(request): Body<PushTokenRequest>,
) -> Answer<()> {
    let mut checks = Checks::new();
    let token = checks.text("PushToken", request.push_token, MAX_PUSH_TOKEN);
    checks.done()?;
    let command = SetPushToken {
        user: caller.id,
        device: DeviceId::of(caller.id, &identifier),
        token,
    };
    let done = app.executor.execute(&app.context(&caller), &command).await?;
    app.settle(done.position).await
}

/// `PUT /devices/identifier/{identifier}/clear-token`, and `POST` for older clients: what they call when nobody is signed
/// in any more. Who knows the identifier, which is random, is that client.
async fn clear_push_token(anyone: Anyone, State(app): State<WriteApi>, Path(identifier): Path<String>) -> Answer<()> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    if identifier.chars().count() > MAX_NAME || identifier.chars().any(char::is_control) {
        return Err(Problem::not_found());
    }
    let found = app.read.devices_called(&identifier).await?;
    if found.is_empty() {
        return Err(Problem::not_found());
    }
    for (user, device) in found {
        let command = SetPushToken {
            user,
            device,
            token: None,
        };
        let done = app.executor.execute(&app.context_of(&anyone), &command).await;
        match done {
            Ok(done) => app.settle(done.position).await?,
            // removed since it was read
            Err(commands::execute::ExecuteError::Refused(AccountError::NoSuchDevice)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Base64 for URLs, with its padding or without: clients changed their mind about it.
const BASE64_EITHER: GeneralPurpose = GeneralPurpose::new(
    &URL_SAFE,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// `GET /devices/knowndevice`.
async fn is_known(anyone: Anyone, State(app): State<WriteApi>, headers: HeaderMap) -> Answer<Json<bool>> {
    let header = |name: &str| {
        headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .filter(|value| !value.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| Problem::field(name, format!("The {name} field is required.")))
    };
    let (email, identifier) = (header("X-Request-Email")?, header("X-Device-Identifier")?);
    let email = BASE64_EITHER
        .decode(email)
        .ok()
        .and_then(|bytes| String::from_utf8(bytes).ok());
    let email = email.ok_or_else(|| Problem::field("X-Request-Email", "X-Request-Email is not base64url."))?;
    known(&app, &anyone, &email, &identifier).await
}

/// `GET /devices/knowndevice/{email}/{identifier}`: the same for older clients.
async fn is_known_by_path(
    anyone: Anyone,
    State(app): State<WriteApi>,
    Path((email, identifier)): Path<(String, String)>,
) -> Answer<Json<bool>> {
    known(&app, &anyone, &email, &identifier).await
}

async fn known(app: &WriteApi, anyone: &Anyone, email: &str, identifier: &str) -> Answer<Json<bool>> {
    app.account.count(limit::ASK_FROM, limit::from(anyone.ip)).await?;
    let found = find(&app.executor, app.account.addresses.as_ref(), email).await?;
    // somebody who is not there is asked for too, so that the time taken does not tell
    let user = found.map_or(domain::id::UserId(uuid::Uuid::nil()), |found| found.id);
    let device = app.executor.state::<Device>(DeviceId::of(user, identifier)).await?;
    Ok(Json(device.user == Some(user)))
}
