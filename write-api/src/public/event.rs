//! `/public/events`.

use super::OrganizationCaller;
use crate::{
    WriteApi,
    event::{log::value, noted::Question},
};
use axum::{Json, extract::State};
use projections::audit::read::{Filter, Log};
use read_api::event::{PublicEventResponse, Window};
use serde::Deserialize;
use serde_json::json;
use web::{Answer, List, Query, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().get("/public/events", all)
}

/// `Public.EventFilterRequestModel`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    start: Option<String>,
    end: Option<String>,
    acting_user_id: Option<String>,
    item_id: Option<String>,
    secret_id: Option<String>,
    project_id: Option<String>,
    continuation_token: Option<String>,
}

/// `GET /public/events`: as those of people, [`crate::event::log`]. There are no secrets and projects, and so no events of any.
async fn all(
    caller: OrganizationCaller,
    State(app): State<WriteApi>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<PublicEventResponse>>> {
    let range = (asked.start.as_deref(), asked.end.as_deref());
    let window = Window::of(
        range,
        asked.continuation_token.as_deref(),
        app.executor.now(),
        "Date range must be < 367 days.",
    )?;
    let filter = Filter {
        acting_user: value("actingUserId", asked.acting_user_id.as_deref())?,
        cipher: value("itemId", asked.item_id.as_deref())?,
        ..Filter::default()
    };
    if asked.secret_id.is_some() || asked.project_id.is_some() {
        return Ok(Json(List::of(Vec::new())));
    }
    let question = json!({
        "start": window.start.iso(), "end": window.end.iso(),
        "actingUserId": filter.acting_user, "cipherId": filter.cipher,
        "continuationToken": window.cursor.map(|cursor| cursor.to_string()),
    });
    let noted = Question {
        by: caller.asking(),
        device: None,
        ip: caller.ip,
        organization: Some(caller.id),
        asked: question.to_string(),
    };
    app.note(noted, &caller.context(&app), question).await?;
    let log = Log::Organization(caller.id);
    let events = app
        .read
        .events(caller.asking(), log, filter, &window, PublicEventResponse::of);
    Ok(Json(events.await?))
}
