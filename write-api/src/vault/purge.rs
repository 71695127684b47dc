//! Emptying a personal vault.

use crate::{
    WriteApi,
    account::secret::{Accept, SecretRequest, verification_failed},
};
use axum::extract::State;
use commands::{
    ports::About,
    vault::{purge::PurgeVault, shared::PurgeShared},
};
use domain::{account::user::User, id::OrganizationId};
use projections::sync::shared;
use read_api::unavailable;
use serde::Deserialize;
use uuid::Uuid;
use web::{Answer, Body, Caller, Problem, Query, Routes};

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

/// `POST /ciphers/purge`: all items and folders, those in the trash and in the archive too, in one append; with an organization,
/// all items of that one, for its owners and admins.
async fn purge(
    caller: Caller,
    State(app): State<WriteApi>,
    Query(query): Query<PurgeQuery>,
    Body(request): Body<SecretRequest>,
) -> Answer<()> {
    let user = app.executor.state::<User>(caller.id).await?;
    let user = user.live().ok_or_else(Problem::unauthorized)?;
    app.prove(&caller, user, request.value()?, Accept::Password, verification_failed)
        .await?;
    if let Some(organization) = query.organization_id {
        return purge_organization(&app, &caller, OrganizationId(organization)).await;
    }
    app.check_unclaimed(
        caller.id,
        "Cannot purge accounts owned by an organization. Contact your organization administrator for additional details.",
    )
    .await?;
    let command = PurgeVault {
        by: caller.id,
        ciphers: app.directory.ciphers_of(caller.id).await?,
        folders: app.directory.folders_of(caller.id).await?,
    };
    let done = app.executor.transact(&app.context(&caller), &command).await?;
    app.settle(done.position).await
}

async fn purge_organization(app: &WriteApi, caller: &Caller, organization: OrganizationId) -> Answer<()> {
    let by = app.standing(caller, organization, About::Role).await?;
    let pool = app.read.fresh(caller.id).await?;
    let ciphers = shared::cipher_ids_of(pool, organization).await.map_err(unavailable)?;
    let command = PurgeShared { by, ciphers };
    let context = app.context_in(caller, organization);
    let done = app.executor.transact(&context, &command).await?;
    app.settle(done.position).await
}
