//! Devices as their owners see them.

use crate::{ReadApi, unavailable};
use axum::{
    Json,
    extract::{Path, State},
};
use domain::id::{DeviceId, UserId};
use projections::sync::{device::DeviceRow, read};
use serde_json::{Value, json};
use web::{Answer, Caller, List, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/devices", list)
        .get("/devices/{id}", one)
        .get("/devices/identifier/{identifier}", by_identifier)
}

/// `DeviceResponseModel`.
pub fn render(id: DeviceId, device: &DeviceRow) -> Value {
    json!({
        "object": "device",
        "id": id,
        "name": device.name,
        "type": device.kind,
        "identifier": device.identifier,
        "creationDate": device.created.iso(),
        "lastActivityDate": device.active.iso(),
        "isTrusted": false,
        "encryptedUserKey": null,
        "encryptedPublicKey": null,
    })
}

impl ReadApi {
    /// The devices of a person, the one last seen first.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn devices_of(&self, user: UserId) -> Answer<Vec<(DeviceId, DeviceRow)>> {
        let pool = self.fresh(user).await?;
        read::devices_of(pool, user).await.map_err(unavailable)
    }

    /// The devices that call themselves `identifier`, whoever's they are. A device is registered by a login, which is
    /// answered when the read models show it.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn devices_called(&self, identifier: &str) -> Answer<Vec<(UserId, DeviceId)>> {
        read::devices_called(&self.pool, identifier).await.map_err(unavailable)
    }
}

/// `GET /devices`: `DeviceAuthRequestResponseModel`s.
async fn list(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<List<Value>>> {
    let devices = api.devices_of(caller.id).await?;
    Ok(Json(List::of(
        devices
            .iter()
            .map(|(id, device)| {
                let mut value = render(*id, device);
                value["devicePendingAuthRequest"] = Value::Null;
                value
            })
            .collect(),
    )))
}

/// `GET /devices/{id}`.
async fn one(caller: Caller, State(api): State<ReadApi>, id: PathId<DeviceId>) -> Answer<Json<Value>> {
    find(&api, &caller, |found, _| found == id.0).await
}

/// `GET /devices/identifier/{identifier}`.
async fn by_identifier(
    caller: Caller,
    State(api): State<ReadApi>,
    Path(identifier): Path<String>,
) -> Answer<Json<Value>> {
    find(&api, &caller, |_, device| device.identifier == identifier).await
}

async fn find(api: &ReadApi, caller: &Caller, wanted: impl Fn(DeviceId, &DeviceRow) -> bool) -> Answer<Json<Value>> {
    let devices = api.devices_of(caller.id).await?;
    let (id, device) = devices
        .iter()
        .find(|(id, device)| wanted(*id, device))
        .ok_or_else(Problem::not_found)?;
    Ok(Json(render(*id, device)))
}
