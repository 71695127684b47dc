//! What is taken out of an organization's vault. That it was is in its log before the first item goes out.

use crate::WriteApi;
use axum::{extract::State, response::Response};
use commands::{organization::profile::NoteExport, ports::About};
use domain::id::OrganizationId;
use web::{Answer, Caller, PathId, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().get("/organizations/{id}/export", export)
}

/// `GET /organizations/{id}/export`: everything, for those who may take it out; for other members what they manage.
async fn export(caller: Caller, State(app): State<WriteApi>, id: PathId<OrganizationId>) -> Answer<Response> {
    let by = app.standing(&caller, id.0, About::All).await?;
    app.alter_in(&caller, id.0, &NoteExport { by: by.clone() }).await?;
    app.read.export(&caller, &by).await
}
