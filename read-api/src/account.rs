//! Accounts as their owners see them.

pub mod domains;
pub mod wire;

use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::id::UserId;
use projections::sync::{account::AccountView, read};
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Caller, Problem, Query, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/accounts/revision-date", revision_date)
        .get("/accounts/profile", profile)
        .get("/accounts/keys", keys)
        .get("/accounts/key-management/key-rotation-data", key_rotation_data)
        .get("/settings/domains", domains)
        .get("/users/{id}/public-key", public_key)
        .get("/users/{id}/keys", public_keys)
}

impl ReadApi {
    /// The account of somebody who is signed in.
    ///
    /// # Errors
    /// 401 if it is gone, 503 if the database cannot be asked.
    pub async fn account(&self, user: UserId) -> Answer<AccountView> {
        self.account_of(user).await?.ok_or_else(Problem::unauthorized)
    }

    /// `ProfileResponseModel` of somebody who is signed in.
    ///
    /// # Errors
    /// As [`ReadApi::account`].
    pub async fn profile(&self, user: UserId) -> Answer<Value> {
        let account = self.account(user).await?;
        let memberships = self.memberships_of(user).await?;
        Ok(wire::profile(user, &account, &memberships))
    }

    /// The account of anybody.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn account_of(&self, user: UserId) -> Answer<Option<AccountView>> {
        let mut connection = self.fresh(user).await?.acquire().await.map_err(unavailable)?;
        read::account(&mut connection, user).await.map_err(unavailable)
    }
}

/// `GET /accounts/revision-date`: when the vault last changed, milliseconds since 1970.
async fn revision_date(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<i64>> {
    api.fresh(caller.id).await?;
    let state = api.user_state(caller.id).await?.ok_or_else(Problem::unauthorized)?;
    Ok(Json(state.revision.at.0))
}

/// `GET /accounts/profile`.
async fn profile(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<Value>> {
    Ok(Json(api.profile(caller.id).await?))
}

/// `GET /accounts/keys`.
async fn keys(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<Value>> {
    wire::keys(&api.account(caller.id).await?)
        .map(Json)
        .ok_or_else(Problem::not_found)
}

/// `GET /accounts/key-management/key-rotation-data`: what of others must be sealed anew with a new user key.
async fn key_rotation_data(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<Value>> {
    let memberships = api.memberships_of(caller.id).await?;
    Ok(Json(wire::key_rotation_data(&memberships)))
}

/// What `GET /settings/domains` may ask for.
#[derive(Debug, Deserialize)]
struct DomainsQuery {
    /// Whether excluded groups are listed too; they are unless it says no.
    excluded: Option<bool>,
}

/// `GET /settings/domains`.
async fn domains(caller: Caller, State(api): State<ReadApi>, Query(query): Query<DomainsQuery>) -> Answer<Json<Value>> {
    let account = api.account(caller.id).await?;
    Ok(Json(domains::render(&account, query.excluded.unwrap_or(true))))
}

/// `GET /users/{id}/public-key`.
async fn public_key(_: Caller, State(api): State<ReadApi>, id: web::PathId<UserId>) -> Answer<Json<Value>> {
    let account = api.account_of(id.0).await?.ok_or_else(Problem::not_found)?;
    wire::user_key(id.0, &account).map(Json).ok_or_else(Problem::not_found)
}

/// `GET /users/{id}/keys`.
async fn public_keys(_: Caller, State(api): State<ReadApi>, id: web::PathId<UserId>) -> Answer<Json<Value>> {
    let account = api.account_of(id.0).await?.ok_or_else(Problem::not_found)?;
    wire::public_keys(&account).map(Json).ok_or_else(Problem::not_found)
}
