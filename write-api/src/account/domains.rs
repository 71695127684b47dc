//! Which domains count as one for autofill.

use super::check::Checks;
use crate::WriteApi;
use axum::{Json, extract::State};
use commands::account::SetDomains;
use serde::Deserialize;
use serde_json::Value;
use web::{Answer, Body, Caller, Routes};

/// The most characters of a domain.
const MAX_DOMAIN: usize = 1_000;

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().put_or_post("/settings/domains", set)
}

/// `UpdateDomainsRequestModel`: absent clears.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DomainsRequest {
    equivalent_domains: Option<Vec<Vec<String>>>,
    excluded_global_equivalent_domains: Option<Vec<i32>>,
}

/// `PUT /settings/domains`, and `POST` for older clients.
async fn set(caller: Caller, State(app): State<WriteApi>, Body(request): Body<DomainsRequest>) -> Answer<Json<Value>> {
    let mut checks = Checks::new();
    for domain in request.equivalent_domains.iter().flatten().flatten() {
        checks.text("EquivalentDomains", Some(domain.clone()), MAX_DOMAIN);
    }
    checks.done()?;
    let command = SetDomains {
        user: caller.id,
        equivalent: request.equivalent_domains,
        excluded: request.excluded_global_equivalent_domains.unwrap_or_default(),
    };
    app.change(&caller, &command).await?;
    let account = app.read.account(caller.id).await?;
    Ok(Json(read_api::account::domains::render(&account, true)))
}
