//! Folders as clients read them.

use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::id::{FolderId, UserId};
use projections::sync::{folder::FolderRow, read};
use serde::Serialize;
use web::{Answer, Caller, List, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new().get("/folders", list).get("/folders/{id}", one)
}

/// `FolderResponseModel`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Folder {
    object: &'static str,
    id: FolderId,
    name: String,
    revision_date: String,
}

impl Folder {
    /// A folder as clients read it.
    pub fn of(id: FolderId, row: &FolderRow) -> Self {
        Self {
            object: "folder",
            id,
            name: row.name.clone(),
            revision_date: row.revised.iso(),
        }
    }
}

impl ReadApi {
    /// A folder of `user`.
    ///
    /// # Errors
    /// 404 if there is none or it is somebody else's.
    pub async fn folder(&self, user: UserId, id: FolderId) -> Answer<FolderRow> {
        let pool = self.fresh(user).await?;
        let row = match self.live.folder(id.0) {
            Some(known) => known,
            None => read::folder(pool, id).await.map_err(unavailable)?,
        };
        row.filter(|row| row.owner == user).ok_or_else(Problem::not_found)
    }

    /// The folders of `user`, oldest first.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn folders_of(&self, user: UserId) -> Answer<Vec<(FolderId, FolderRow)>> {
        let mut connection = self.fresh(user).await?.acquire().await.map_err(unavailable)?;
        read::folders_of(&mut connection, user).await.map_err(unavailable)
    }
}

/// `GET /folders`.
async fn list(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<List<Folder>>> {
    let folders = api.folders_of(caller.id).await?;
    Ok(Json(List::of(
        folders.iter().map(|(id, row)| Folder::of(*id, row)).collect(),
    )))
}

/// `GET /folders/{id}`.
async fn one(caller: Caller, State(api): State<ReadApi>, id: PathId<FolderId>) -> Answer<Json<Folder>> {
    Ok(Json(Folder::of(id.0, &api.folder(caller.id, id.0).await?)))
}
