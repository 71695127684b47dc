//! Domains that organizations claim, as those who look after single sign-on see them.

use crate::ReadApi;
use axum::{Json, extract::State};
use domain::{
    id::{DomainId, OrganizationId},
    organization::claim::Claim,
    time::Timestamp,
};
use projections::sync::{organization::DomainView, shared::About};
use serde_json::{Value, json};
use web::{Answer, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/organizations/{id}/domain", list)
        .get("/organizations/{id}/domain/{domain}", one)
}

/// How long the server waits before it looks for a TXT record by itself, and between two tries: milliseconds.
const INTERVAL: i64 = 12 * 3_600_000;
/// How often it does.
const TRIES: i64 = 3;

/// When the server looks by itself, if the record was last looked for at `checked`; `None`: no more.
pub fn next_check(created: Timestamp, checked: Option<Timestamp>) -> Option<Timestamp> {
    let due = (1..=TRIES).map(|n| Timestamp(created.0.saturating_add(INTERVAL * n)));
    let last = checked.unwrap_or(created);
    due.into_iter().find(|due| *due > last)
}

/// `OrganizationDomainResponseModel` of a claim that was just made, or checked so often.
pub fn domain(
    organization: OrganizationId,
    id: DomainId,
    claim: &Claim,
    misses: u32,
    checked: Option<Timestamp>,
) -> Value {
    let last = Timestamp(claim.added.0.saturating_add(INTERVAL * TRIES));
    let next = next_check(claim.added, checked).unwrap_or(last);
    json!({
        "object": "organizationDomain",
        "id": id,
        "organizationId": organization,
        "txt": claim.txt,
        "domainName": claim.name,
        "creationDate": claim.added.iso(),
        "nextRunDate": next.iso(),
        "jobRunCount": misses,
        "verifiedDate": claim.verified.map(Timestamp::iso),
        "lastCheckedDate": checked.map(Timestamp::iso),
    })
}

/// The same of what the read models hold.
pub fn claimed(organization: OrganizationId, view: &DomainView) -> Value {
    let claim = Claim {
        name: view.name.clone(),
        txt: view.txt.clone(),
        verified: view.verified,
        added: view.created,
    };
    domain(organization, view.id, &claim, view.misses, view.checked)
}

async fn claims(api: &ReadApi, caller: &Caller, id: OrganizationId) -> Answer<Vec<DomainView>> {
    if !api.standing(caller, id, About::Role).await?.may_manage_sso() {
        return Err(Problem::forbidden());
    }
    Ok(api.organization(caller.id, id).await?.domains)
}

/// `GET /organizations/{id}/domain`.
async fn list(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    let claims = claims(&api, &caller, id.0).await?;
    Ok(Json(List::of(claims.iter().map(|view| claimed(id.0, view)).collect())))
}

/// `GET /organizations/{id}/domain/{domain}`.
async fn one(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, DomainId>,
) -> Answer<Json<Value>> {
    let claims = claims(&api, &caller, ids.0).await?;
    let found = claims.iter().find(|view| view.id == ids.1);
    found
        .map(|view| Json(claimed(ids.0, view)))
        .ok_or_else(Problem::not_found)
}
