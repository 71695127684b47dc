//! Sponsored families: a part of the business of who sells plans, which no server of one's own has. Clients that ask are told so.

use crate::WriteApi;
use axum::{
    Json,
    extract::{RawQuery, State},
};
use commands::ports::About;
use domain::id::OrganizationId;
use serde_json::{Value, json};
use web::{Answer, Caller, List, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/organization/sponsorship/{id}/sync-status", sync_status)
        .get("/organization/sponsorship/{id}/sponsored", sponsored)
        .get("/organization/sponsorship/self-hosted/{id}/sponsored", sponsored)
        .post("/organization/sponsorship/{id}/families-for-enterprise", refused)
        .post(
            "/organization/sponsorship/self-hosted/{id}/families-for-enterprise",
            refused,
        )
        .post("/organization/sponsorship/{id}/families-for-enterprise/resend", refused)
        .delete("/organization/sponsorship/{id}", refused)
        .delete("/organization/sponsorship/self-hosted/{id}", refused)
        .delete("/organization/sponsorship/sponsored/{id}", refused)
        .post("/organization/sponsorship/validate-token", validate)
        .post("/organization/sponsorship/redeem", redeem)
}

fn none_here() -> Problem {
    Problem::bad_request("Sponsorships are not available on this server.")
}

/// `GET /organization/sponsorship/{id}/sync-status`: never, for members.
async fn sync_status(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    app.standing(&caller, id.0, About::Role).await?;
    Ok(Json(json!({ "object": "syncStatus", "lastSyncDate": null })))
}

/// `GET /organization/sponsorship/{id}/sponsored`: nobody, for who looks after members.
async fn sponsored(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<List<Value>>> {
    if !app.standing(&caller, id.0, About::Role).await?.may_manage_users() {
        return Err(Problem::forbidden());
    }
    Ok(Json(List::of(vec![])))
}

/// What sponsors, or ends it, of an organization the caller is in.
async fn refused(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<()> {
    app.standing(&caller, id.0, About::Role).await?;
    Err(none_here())
}

/// `POST /organization/sponsorship/redeem`.
async fn redeem(_: Caller, _: RawQuery) -> Answer<()> {
    Err(none_here())
}

/// `POST /organization/sponsorship/validate-token`: no token is good.
async fn validate(_: Caller, _: RawQuery) -> Json<Value> {
    Json(json!({
        "object": "preValidateSponsorshipResponseModel",
        "isTokenValid": false,
        "isFreeFamilyPolicyEnabled": false,
    }))
}
