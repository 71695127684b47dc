//! Security tasks as those see them who are to do them, and those who gave them.

use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::id::{CollectionId, OrganizationId, TaskId};
use projections::sync::{
    shared::{self, About},
    task::TaskRow,
};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Caller, List, PathId, Problem, Query, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/tasks", mine)
        .get("/tasks/organization", of_organization)
        .get("/tasks/{id}/metrics", metrics)
}

/// Which tasks are wanted.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskQuery {
    /// `SecurityTaskStatus`: 0 to be done, 1 done.
    status: Option<u8>,
    organization_id: Option<OrganizationId>,
}

impl TaskQuery {
    fn wants(&self, row: &TaskRow) -> bool {
        self.status.is_none_or(|status| status == u8::from(row.completed))
    }
}

/// `SecurityTasksResponseModel`.
pub fn task(id: TaskId, row: &TaskRow) -> Value {
    json!({
        "object": "securityTask",
        "id": id,
        "organizationId": row.organization,
        "cipherId": row.cipher,
        "type": row.kind,
        "status": u8::from(row.completed),
        "creationDate": row.created.iso(),
        "revisionDate": row.revised.iso(),
    })
}

/// `GET /tasks`: about items that the caller may change by what collections give.
async fn mine(caller: Caller, State(api): State<ReadApi>, Query(query): Query<TaskQuery>) -> Answer<Json<List<Value>>> {
    api.with_rights(caller.id).await?;
    let pool = api.fresh(caller.id).await?;
    let tasks = shared::tasks_for(pool, caller.id).await.map_err(unavailable)?;
    if tasks.is_empty() {
        return Ok(Json(List::of(vec![])));
    }
    let rights = shared::all_rights(pool, caller.id).await.map_err(unavailable)?;
    let may_change = |collections: &[CollectionId]| {
        let given = collections.iter().filter_map(|id| rights.get(id));
        given.into_iter().any(|rights| !rights.read_only)
    };
    let found = tasks
        .iter()
        .filter(|(_, row, collections)| query.wants(row) && may_change(collections));
    Ok(Json(List::of(found.map(|(id, row, _)| task(*id, row)).collect())))
}

async fn tasks_of(api: &ReadApi, caller: &Caller, organization: OrganizationId) -> Answer<Vec<(TaskId, TaskRow)>> {
    let standing = api.standing(caller, organization, About::Role).await?;
    if !standing.may_see_reports() {
        return Err(Problem::forbidden());
    }
    let pool = api.fresh(caller.id).await?;
    shared::tasks_of(pool, organization).await.map_err(unavailable)
}

/// `GET /tasks/organization?organizationId=`: all of an organization, for those who may see its reports.
async fn of_organization(
    caller: Caller,
    State(api): State<ReadApi>,
    Query(query): Query<TaskQuery>,
) -> Answer<Json<List<Value>>> {
    let Some(organization) = query.organization_id else {
        return Err(Problem::field(
            "OrganizationId",
            "The OrganizationId field is required.",
        ));
    };
    let tasks = tasks_of(&api, &caller, organization).await?;
    let found = tasks.iter().filter(|(_, row)| query.wants(row));
    Ok(Json(List::of(found.map(|(id, row)| task(*id, row)).collect())))
}

/// `GET /tasks/{organization}/metrics`: how many there are, and how many are done.
async fn metrics(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<Value>> {
    let tasks = tasks_of(&api, &caller, id.0).await?;
    Ok(Json(json!({
        "completedTasks": tasks.iter().filter(|(_, row)| row.completed).count(),
        "totalTasks": tasks.len(),
    })))
}
