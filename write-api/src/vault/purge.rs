//! Emptying a personal vault.

use crate::{
    WriteApi,
    account::secret::{Accept, SecretRequest, verification_failed},
};
use axum::extract::{Query, State};
use commands::vault::purge::PurgeVault;
use domain::account::user::User;
use serde::Deserialize;
use uuid::Uuid;
use web::{Answer, Body, Caller, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().post("/ciphers/purge", purge)
}

/// What `POST /ciphers/purge` may ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PurgeQuery {
    /// Whose vault, if it is not the caller's own.
    organization_id: Option<Uuid>,
}

/// `POST /ciphers/purge`: all items and folders, those in the trash and in the archive too, in one append.
async fn purge(
    caller: Caller,
    State(app): State<WriteApi>,
    Query(query): Query<PurgeQuery>,
    Body(request): Body<SecretRequest>,
) -> Answer<()> {
    if query.organization_id.is_some() {
        return Err(Problem::not_found());
    }
    let user = app.executor.state::<User>(caller.id).await?;
    let user = user.live().ok_or_else(Problem::unauthorized)?;
    app.prove(&caller, user, request.value()?, Accept::Password, verification_failed)
        .await?;
    let command = PurgeVault {
        by: caller.id,
        ciphers: app.directory.ciphers_of(caller.id).await?,
        folders: app.directory.folders_of(caller.id).await?,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.settle(done.position).await
}
