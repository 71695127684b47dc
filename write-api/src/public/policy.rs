//! `/public/policies`.

use super::{OrganizationCaller, list};
use crate::{
    WriteApi,
    organization::{member::rules, policy::checked_data},
};
use axum::{Json, extract::State};
use commands::organization::policy::{HoldToPolicy, SetPolicy};
use domain::id::PolicyId;
use projections::sync::shared;
use read_api::unavailable;
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Body, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/public/policies", all)
        .get("/public/policies/{kind}", one)
        .put("/public/policies/{kind}", set)
}

/// `Public.PolicyResponseModel`.
fn render(id: PolicyId, kind: u8, enabled: bool, data: Option<Value>) -> Value {
    json!({ "object": "policy", "id": id, "type": kind, "enabled": enabled, "data": data })
}

/// The policies that were ever set, by number.
async fn found(app: &WriteApi, caller: &OrganizationCaller) -> Answer<Vec<(u8, Value)>> {
    let pool = app.read.fresh(caller.asking()).await?;
    let rows = shared::policies_of(pool, &[caller.id]).await.map_err(unavailable)?;
    let rows = rows.into_iter().filter_map(|(id, row)| {
        let kind = u8::try_from(row.kind).ok()?;
        let data = row.data.as_deref().and_then(|data| serde_json::from_str(data).ok());
        Some((kind, render(PolicyId(id), kind, row.enabled, data)))
    });
    Ok(rows.collect())
}

/// `GET /public/policies`.
async fn all(caller: OrganizationCaller, State(app): State<WriteApi>) -> Answer<Json<Value>> {
    let found = found(&app, &caller).await?;
    Ok(Json(list(found.into_iter().map(|(_, policy)| policy).collect())))
}

/// `GET /public/policies/{type}`: one that was never set is not there.
async fn one(caller: OrganizationCaller, State(app): State<WriteApi>, kind: PathId<u8>) -> Answer<Json<Value>> {
    let found = found(&app, &caller).await?;
    let set = found.into_iter().find(|(of, _)| *of == kind.0);
    set.map(|(_, policy)| Json(policy)).ok_or_else(Problem::not_found)
}

/// `Public.PolicyUpdateRequestModel`; `metadata` is for clients of people.
#[derive(Debug, Deserialize)]
struct PolicyRequest {
    enabled: Option<bool>,
    data: Option<Value>,
}

/// `PUT /public/policies/{type}`.
async fn set(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    kind: PathId<u8>,
    Body(request): Body<PolicyRequest>,
) -> Answer<Json<Value>> {
    let Some(enabled) = request.enabled else {
        return Err(Problem::field("Enabled", "The Enabled field is required."));
    };
    let lacking = match enabled {
        true => rules::lacking(&app, caller.asking(), caller.id, kind.0).await?,
        false => vec![],
    };
    let command = SetPolicy {
        lacking,
        own_collections: None,
        by: caller.standing(),
        kind: kind.0,
        enabled,
        data: checked_data(kind.0, request.data)?,
    };
    let done = caller.change(&app, &command).await?;
    // who came in meanwhile was let in by what was so before
    let late = match enabled {
        true => rules::lacking(&app, caller.asking(), caller.id, kind.0).await?,
        false => vec![],
    };
    if !late.is_empty() {
        let hold = HoldToPolicy {
            by: Some(caller.standing()),
            organization: caller.id,
            kind: kind.0,
            lacking: late,
        };
        caller.change(&app, &hold).await?;
    }
    let id = PolicyId::of(caller.id, kind.0);
    Ok(Json(render(id, kind.0, done.value.enabled, done.value.data)))
}
