//! An organization as it was, and what is signed of its log, over HTTP: routes of this server's own.

use crate::WriteApi;
use axum::{Json, extract::State};
use domain::{
    id::{CipherId, OrganizationId},
    organization::moment::{Moment, Owner},
    time::Timestamp,
};
use projections::audit::read::streams_of;
use read_api::{history, unavailable};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use web::{Answer, Caller, PathId, PathIds, Problem, Query, Routes};

/// How many look into the past at once: each reads the history of a whole organization.
static TURNS: Semaphore = Semaphore::const_new(2);

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/organizations/{id}/audit/replay", replay)
        .get("/organizations/{id}/audit/items/{cipher}/access", access)
        .get("/organizations/{id}/audit/checkpoint", checkpoint)
}

/// The moment asked for: now, if none is.
#[derive(Debug, Deserialize)]
struct Asked {
    at: Option<String>,
}

impl Asked {
    fn at(&self, app: &WriteApi) -> Answer<Timestamp> {
        let now = app.executor.now();
        match self.at.as_deref().filter(|at| !at.is_empty()) {
            None => Ok(now),
            Some(text) => {
                let at = Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z")));
                at.ok_or_else(|| Problem::field("at", "The value is no date."))
            }
        }
    }
}

/// Everything the store took in the millisecond `at` and before.
fn until(at: Timestamp) -> i64 {
    at.0.saturating_add(1).saturating_mul(1_000)
}

impl WriteApi {
    /// The organization then; of its items all, or only `item`.
    async fn moment_of(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        item: Option<CipherId>,
        at: Timestamp,
    ) -> Answer<Moment> {
        let _turn = TURNS.acquire().await.map_err(|_| Problem::unavailable())?;
        let pool = self.read.fresh_log(caller.id).await?;
        let streams = streams_of(pool, organization, item, until(at))
            .await
            .map_err(unavailable)?;
        Ok(self.executor.moment(organization, &streams, until(at)).await?)
    }
}

/// `GET /organizations/{id}/audit/replay?at=TIME`: see [`history::replay`]. For those who may read the log.
async fn replay(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Query(asked): Query<Asked>,
) -> Answer<Json<Value>> {
    app.may_read_log(&caller, id.0).await?;
    let at = asked.at(&app)?;
    app.note_asking(&caller, Some(id.0), json!({ "replayAt": at.iso() }))
        .await?;
    let moment = app.moment_of(&caller, id.0, None, at).await?;
    Ok(Json(history::replay(&moment, at)))
}

/// `GET /organizations/{id}/audit/items/{cipher}/access?at=TIME`: see [`history::access`]. 404 for an item that was not in the
/// organization then.
async fn access(
    caller: Caller,
    State(app): State<WriteApi>,
    PathIds(organization, cipher): PathIds<OrganizationId, CipherId>,
    Query(asked): Query<Asked>,
) -> Answer<Json<Value>> {
    app.may_read_log(&caller, organization).await?;
    let at = asked.at(&app)?;
    let what = json!({ "accessAt": at.iso(), "cipherId": cipher });
    app.note_asking(&caller, Some(organization), what).await?;
    let owner = app.executor.owner_of(cipher, until(at)).await?;
    if owner != Some(Owner::Organization(organization)) {
        return Err(Problem::not_found());
    }
    let moment = app.moment_of(&caller, organization, Some(cipher), at).await?;
    Ok(Json(history::access(cipher, owner, Some(&moment), at)))
}

/// `GET /organizations/{id}/audit/checkpoint`: what is signed of the organization's log, for those who may read it, to be kept
/// elsewhere: `size` (events), `checkpoint` (the signed note) and `publicKey`. Size 0 and no checkpoint while nothing is signed
/// yet: a log is signed within a minute of its first event.
async fn checkpoint(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    app.may_read_log(&caller, id.0).await?;
    let latest = app.signed.latest(id.0).await?;
    Ok(Json(json!({
        "object": "auditCheckpoint",
        "organizationId": id.0,
        "size": latest.as_ref().map_or(0, |latest| latest.size),
        "checkpoint": latest.map(|latest| latest.note),
        "publicKey": app.signed.public_key(),
    })))
}
