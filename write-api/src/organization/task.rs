//! Security tasks: giving them, and saying that they are done.

use crate::WriteApi;
use axum::{Json, extract::State};
use commands::{
    organization::task::{CompleteTask, GiveTasks, NewTask},
    ports::About,
};
use domain::{
    id::{CipherId, OrganizationId, TaskId},
    organization::task::Task,
    vault::cipher::Cipher,
};
use projections::sync::shared;
use read_api::{organization::task as wire, unavailable};
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashSet;
use web::{Answer, Body, Caller, List, PathId, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .post("/tasks/{id}/bulk-create", give)
        .patch("/tasks/{id}/complete", complete)
}

/// The most tasks of one request.
const MAX: usize = 2_000;

/// `BulkCreateSecurityTasksRequestModel`.
#[derive(Debug, Deserialize)]
struct GiveRequest {
    tasks: Vec<TaskRequest>,
}

/// `SecurityTaskCreateRequest`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TaskRequest {
    #[serde(rename = "type")]
    kind: u8,
    cipher_id: Option<CipherId>,
}

/// `POST /tasks/{organization}/bulk-create`: all of them or none.
async fn give(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Body(request): Body<GiveRequest>,
) -> Answer<Json<List<Value>>> {
    let by = app.standing(&caller, id.0, About::Role).await?;
    if request.tasks.is_empty() || request.tasks.len() > MAX {
        return Err(Problem::field("Tasks", "Tasks must be some, and 2000 at most."));
    }
    let tasks = request.tasks.iter().map(|task| {
        Some(NewTask {
            id: TaskId(app.executor.new_id()),
            kind: task.kind,
            cipher: task.cipher_id?,
        })
    });
    let Some(tasks) = tasks.collect::<Option<Vec<_>>>() else {
        return Err(Problem::field("CipherId", "The CipherId field is required."));
    };
    let given: HashSet<TaskId> = tasks.iter().map(|task| task.id).collect();
    app.change_in(&caller, id.0, &GiveTasks { by, tasks }).await?;
    let pool = app.read.fresh(caller.id).await?;
    let all = shared::tasks_of(pool, id.0).await.map_err(unavailable)?;
    let new = all.iter().filter(|(id, _)| given.contains(id));
    Ok(Json(List::of(new.map(|(id, row)| wire::task(*id, row)).collect())))
}

/// `PATCH /tasks/{id}/complete`, by whoever may change the item.
async fn complete(caller: Caller, State(app): State<WriteApi>, id: PathId<TaskId>) -> Answer<()> {
    let task = app
        .executor
        .state::<Task>(id.0)
        .await?
        .0
        .ok_or_else(Problem::not_found)?;
    let cipher = app.executor.state::<Cipher>(task.cipher).await?;
    let collections = cipher.live().map(|live| live.collections.clone()).unwrap_or_default();
    let by = app
        .standing(&caller, task.organization, About::Collections(&collections))
        .await?;
    let command = CompleteTask { by, task: id.0 };
    app.change_in(&caller, task.organization, &command).await?;
    Ok(())
}
