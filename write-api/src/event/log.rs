//! Reading the log. That somebody did is noted in the log, page by page: see [`super::noted`].

use super::noted::Question;
use crate::WriteApi;
use axum::{Json, extract::State};
use commands::{account::log::RecordAuditRead, context::Context};
use domain::id::{CipherId, CollectionId, GroupId, MembershipId, OrganizationId, PolicyId, UserId};
use projections::{
    audit::read::{Filter, Log},
    sync::{cipher::Holder, shared},
};
use read_api::{
    event::{EventResponse, Window},
    unavailable,
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{str::FromStr, time::Instant};
use uuid::Uuid;
use web::{Answer, Caller, List, PathId, PathIds, Problem, Query, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .get("/events", of_caller)
        .get("/ciphers/{id}/events", of_cipher)
        .get("/organizations/{id}/events", of_organization)
        .get("/organizations/{id}/users/{member}/events", of_member)
        .get("/organizations/{id}/sends/{send}/events", of_send)
}

/// What may be asked for. The last ones are this server's own.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Asked {
    start: Option<String>,
    end: Option<String>,
    continuation_token: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
    acting_user_id: Option<String>,
    item_id: Option<String>,
    collection_id: Option<String>,
    group_id: Option<String>,
    policy_id: Option<String>,
    member_id: Option<String>,
}

pub(crate) fn value<T: FromStr>(name: &str, text: Option<&str>) -> Answer<Option<T>> {
    let text = text.filter(|text| !text.is_empty());
    let read = |text: &str| {
        text.parse()
            .map_err(|_| Problem::field(name, "The value is not valid."))
    };
    text.map(read).transpose()
}

impl Asked {
    fn window(&self, app: &WriteApi) -> Answer<Window> {
        let range = (self.start.as_deref(), self.end.as_deref());
        let token = self.continuation_token.as_deref();
        Window::of(range, token, app.executor.now(), "Range too large.")
    }

    fn filter(&self) -> Answer<Filter> {
        let kind: Option<i32> = value("type", self.kind.as_deref())?;
        Ok(Filter {
            kinds: kind.into_iter().collect(),
            acting_user: value::<UserId>("actingUserId", self.acting_user_id.as_deref())?,
            cipher: value::<CipherId>("itemId", self.item_id.as_deref())?,
            collection: value::<CollectionId>("collectionId", self.collection_id.as_deref())?,
            group: value::<GroupId>("groupId", self.group_id.as_deref())?,
            policy: value::<PolicyId>("policyId", self.policy_id.as_deref())?,
            membership: value::<MembershipId>("memberId", self.member_id.as_deref())?,
            ..Filter::default()
        })
    }
}

/// What is shown of which log.
struct Shown {
    log: Log,
    filter: Filter,
    window: Window,
}

impl WriteApi {
    async fn show(&self, caller: &Caller, shown: Shown) -> Answer<Json<List<EventResponse>>> {
        let Shown { log, filter, window } = shown;
        self.note_reading(caller, log, &filter, &window).await?;
        let events = self
            .read
            .events(caller.id, log, filter, &window, EventResponse::of)
            .await?;
        Ok(Json(events))
    }

    async fn note_reading(&self, caller: &Caller, log: Log, filter: &Filter, window: &Window) -> Answer<()> {
        let organization = match log {
            Log::Organization(id) => Some(id),
            Log::Person(_) | Log::All(_) => None,
        };
        let asked = json!({
            "start": window.start.iso(),
            "end": window.end.iso(),
            "types": filter.kinds,
            "actingUserId": filter.acting_user,
            "cipherId": filter.cipher,
            "collectionId": filter.collection,
            "groupId": filter.group,
            "policyId": filter.policy,
            "organizationUserId": filter.membership,
            "continuationToken": window.cursor.map(|cursor| cursor.to_string()),
        });
        self.note_asking(caller, organization, asked).await
    }

    /// Takes note that the caller asked the log something.
    pub(super) async fn note_asking(
        &self,
        caller: &Caller,
        organization: Option<OrganizationId>,
        asked: Value,
    ) -> Answer<()> {
        let question = Question {
            by: caller.id,
            device: Some(caller.device.0),
            ip: caller.ip,
            organization,
            asked: asked.to_string(),
        };
        self.note(question, &self.context(caller), asked).await
    }

    /// Takes note of a question, unless a note of it stands.
    pub(crate) async fn note(&self, question: Question, context: &Context, asked: Value) -> Answer<()> {
        if self.noted.stands(&question) {
            return Ok(());
        }
        let began = Instant::now();
        let read = RecordAuditRead {
            by: question.by,
            organization: question.organization,
            asked,
        };
        self.executor.transact(context, &read).await?;
        self.noted.add(question, began);
        Ok(())
    }

    /// Whether the caller may read the log of an organization.
    ///
    /// # Errors
    /// 404 if not: it is as if it did not exist.
    pub(super) async fn may_read_log(&self, caller: &Caller, organization: OrganizationId) -> Answer<()> {
        let standing = self.read.standing(caller, organization, shared::About::Role).await?;
        if standing.may_read_events() {
            Ok(())
        } else {
            Err(Problem::not_found())
        }
    }
}

/// `GET /events`: what is about the caller's own account and vault.
async fn of_caller(
    caller: Caller,
    State(app): State<WriteApi>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<EventResponse>>> {
    let shown = Shown {
        log: Log::Person(caller.id),
        filter: asked.filter()?,
        window: asked.window(&app)?,
    };
    app.show(&caller, shown).await
}

/// `GET /ciphers/{id}/events`: of an item of the caller's own, or of an organization whose log they may read.
async fn of_cipher(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<CipherId>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<EventResponse>>> {
    let pool = app.read.fresh(caller.id).await?;
    let row = shared::cipher(pool, id.0).await.map_err(unavailable)?;
    let log = match row.ok_or_else(Problem::not_found)?.owner {
        Holder::Person(owner) if owner == caller.id => Log::Person(owner),
        Holder::Person(_) => return Err(Problem::not_found()),
        Holder::Organization(organization) => {
            app.may_read_log(&caller, organization).await?;
            Log::Organization(organization)
        }
    };
    let filter = Filter {
        cipher: Some(id.0),
        ..asked.filter()?
    };
    let window = asked.window(&app)?;
    app.show(&caller, Shown { log, filter, window }).await
}

/// `GET /organizations/{id}/events`.
async fn of_organization(
    caller: Caller,
    State(app): State<WriteApi>,
    id: PathId<OrganizationId>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<EventResponse>>> {
    app.may_read_log(&caller, id.0).await?;
    let shown = Shown {
        log: Log::Organization(id.0),
        filter: asked.filter()?,
        window: asked.window(&app)?,
    };
    app.show(&caller, shown).await
}

/// `GET /organizations/{id}/users/{member}/events`: what a member did.
async fn of_member(
    caller: Caller,
    State(app): State<WriteApi>,
    PathIds(organization, member): PathIds<OrganizationId, MembershipId>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<EventResponse>>> {
    app.may_read_log(&caller, organization).await?;
    let pool = app.read.fresh(caller.id).await?;
    let row = shared::membership(pool, member).await.map_err(unavailable)?;
    let row = row.filter(|row| row.organization == organization);
    // somebody who is invited has no account here yet, and so did nothing
    let Some(user) = row.ok_or_else(Problem::not_found)?.user else {
        return Ok(Json(List::of(Vec::new())));
    };
    let filter = Filter {
        acting_user: Some(user),
        ..asked.filter()?
    };
    let shown = Shown {
        log: Log::Organization(organization),
        filter,
        window: asked.window(&app)?,
    };
    app.show(&caller, shown).await
}

/// `GET /organizations/{id}/sends/{send}/events`: there are no Sends, and so no events of any.
async fn of_send(
    caller: Caller,
    State(app): State<WriteApi>,
    PathIds(organization, _): PathIds<OrganizationId, Uuid>,
    Query(asked): Query<Asked>,
) -> Answer<Json<List<EventResponse>>> {
    app.may_read_log(&caller, organization).await?;
    asked.window(&app)?;
    Ok(Json(List::of(Vec::new())))
}
