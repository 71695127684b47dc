//! Items of an organization, from where they are looked after, and as the caller is given them.

use super::wire::{self, Former};
use crate::{
    ReadApi, unavailable,
    vault::cipher::{Shape, json_response, render_shared},
};
use axum::{extract::State, response::Response};
use domain::{
    id::{CipherId, CollectionId, OrganizationId, UserId},
    organization::access::{ItemRights, Standing},
};
use futures::TryStreamExt;
use projections::sync::{
    cipher::{CipherRow, Holder},
    read,
    shared::{self, About},
};
use serde::Deserialize;
use std::collections::{HashMap, HashSet};
use web::{Answer, Caller, PathId, Problem, Query, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/ciphers/organization-details", all)
        .get("/ciphers/organization-details/assigned", assigned)
        .get("/ciphers/{id}/admin", one)
}

/// What the lists ask for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ListQuery {
    organization_id: Option<OrganizationId>,
    /// Whether what members keep for themselves is wanted too.
    #[serde(default)]
    include_member_items: bool,
}

impl ListQuery {
    fn organization(&self) -> Answer<OrganizationId> {
        self.organization_id.ok_or_else(Problem::not_found)
    }
}

/// A list that is being written.
struct Writer {
    out: Vec<u8>,
    empty: bool,
}

impl Writer {
    fn starting(head: &str) -> Self {
        Self {
            out: head.as_bytes().to_vec(),
            empty: true,
        }
    }

    fn next(&mut self) -> &mut Vec<u8> {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        &mut self.out
    }

    fn end(mut self, tail: &str) -> Vec<u8> {
        self.out.extend_from_slice(tail.as_bytes());
        self.out
    }
}

const HEAD: &str = r#"{"object":"list","data":["#;
const TAIL: &str = r#"],"continuationToken":null}"#;

/// Items of an organization as `cipherMiniDetails`, in `writer`: those in one of `within`, and with `unassigned` those in no collection
/// at all. Of their collections those in `within` are named.
async fn put_all(
    api: &ReadApi,
    caller: &Caller,
    organization: OrganizationId,
    (within, unassigned): (&HashSet<CollectionId>, bool),
    writer: &mut Writer,
) -> Answer<()> {
    let pool = api.fresh(caller.id).await?;
    let mut connection = pool.acquire().await.map_err(unavailable)?;
    let there = shared::collections_of(&mut *connection, organization)
        .await
        .map_err(unavailable)?;
    let there: HashSet<CollectionId> = there.into_iter().map(|(id, _)| id).collect();
    let mut rows = std::pin::pin!(shared::ciphers_of(&mut connection, organization));
    while let Some(row) = rows.try_next().await.map_err(unavailable)? {
        let line = row.line().map_err(unavailable)?;
        let all: Vec<_> = row
            .collections()
            .map_err(unavailable)?
            .filter(|id| there.contains(id))
            .collect();
        let collections: Vec<_> = all.iter().copied().filter(|id| within.contains(id)).collect();
        if collections.is_empty() && !(unassigned && all.is_empty()) {
            continue;
        }
        put_mini_details(writer.next(), line.frame, line.content, &collections);
    }
    Ok(())
}

/// `CipherMiniDetailsResponseModel`.
pub fn put_mini_details(out: &mut Vec<u8>, frame: &str, content: &str, collections: &[CollectionId]) {
    let ids: Vec<String> = collections.iter().map(|id| format!("\"{id}\"")).collect();
    let ids = ids.join(",");
    let parts = [
        r#"{"object":"cipherMiniDetails","#,
        frame,
        ",",
        content,
        r#","collectionIds":["#,
        &ids,
        "]}",
    ];
    for part in parts {
        out.extend_from_slice(part.as_bytes());
    }
}

/// `GET /ciphers/organization-details`: all of them, for those who look after them.
async fn all(caller: Caller, State(api): State<ReadApi>, Query(query): Query<ListQuery>) -> Answer<Response> {
    let organization = query.organization()?;
    let standing = api.standing(&caller, organization, About::Role).await?;
    if !standing.may_read_all_items() {
        return Err(Problem::forbidden());
    }
    let rows = shared::collections_of(api.fresh(caller.id).await?, organization)
        .await
        .map_err(unavailable)?;
    let wanted = rows
        .iter()
        .filter(|(_, row)| query.include_member_items || row.default_of.is_none());
    let within = wanted.map(|(id, _)| *id).collect();
    let mut writer = Writer::starting(HEAD);
    put_all(&api, &caller, organization, (&within, true), &mut writer).await?;
    Ok(json_response(writer.end(TAIL)))
}

/// `GET /ciphers/organization-details/assigned`: those the caller has by collections, and for who may hand them out those that are in
/// none.
async fn assigned(caller: Caller, State(api): State<ReadApi>, Query(query): Query<ListQuery>) -> Answer<Response> {
    let organization = query.organization()?;
    let standing = api.standing(&caller, organization, About::All).await?;
    let ids: Vec<_> = standing.rights.keys().copied().collect();
    let pool = api.fresh(caller.id).await?;
    let mut connection = pool.acquire().await.map_err(unavailable)?;
    let mut writer = Writer::starting(HEAD);
    {
        let mut rows = std::pin::pin!(shared::ciphers_in(&mut connection, &[organization], &ids, i16::MAX));
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            let collections: Vec<_> = row.collections().map_err(unavailable)?.collect();
            let rights = standing.over_item(&collections);
            let shown = collections.iter().filter(|id| standing.assigned(**id).is_some());
            render_shared(
                writer.next(),
                &row.line().map_err(unavailable)?,
                Shape::Details,
                rights,
                shown,
            );
        }
    }
    if standing.may_read_unassigned() {
        let mut rows = std::pin::pin!(shared::unassigned_of(&mut connection, organization));
        while let Some(row) = rows.try_next().await.map_err(unavailable)? {
            let (line, rights) = (row.line().map_err(unavailable)?, standing.over_item_as_admin(&[]));
            render_shared(writer.next(), &line, Shape::Details, rights, std::iter::empty());
        }
    }
    Ok(json_response(writer.end(TAIL)))
}

impl ReadApi {
    /// `OrganizationExportResponseModel`: collections and items. For who may take everything out all that is shared; for other members what
    /// is in the collections they manage.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn export(&self, caller: &Caller, standing: &Standing) -> Answer<Response> {
        let organization = standing.organization;
        let mut rows = shared::collections_of(self.fresh(caller.id).await?, organization)
            .await
            .map_err(unavailable)?;
        let all = standing.may_import_export();
        rows.retain(|(id, row)| match all {
            true => row.default_of.is_none(),
            false => standing.assigned(*id).is_some_and(|rights| rights.manage),
        });
        let within = rows.iter().map(|(id, _)| *id).collect();
        let former = Former::of(
            shared::former_owners(self.fresh(caller.id).await?, &rows)
                .await
                .map_err(unavailable)?,
        );
        let collections: Vec<_> = rows
            .iter()
            .map(|(id, row)| wire::collection(*id, row, &former))
            .collect();
        let collections = serde_json::Value::from(collections);
        let mut writer = Writer::starting(&format!(
            r#"{{"object":"organizationExport","collections":{collections},"ciphers":["#
        ));
        put_all(self, caller, organization, (&within, all), &mut writer).await?;
        Ok(json_response(writer.end("]}")))
    }
}

/// An item of an organization that the caller looks after, and what they may do to it.
///
/// # Errors
/// 404 if there is none, or not for them.
pub async fn looked_after(api: &ReadApi, caller: &Caller, id: CipherId) -> Answer<(CipherRow, Standing, ItemRights)> {
    let found = shared::cipher(api.fresh(caller.id).await?, id)
        .await
        .map_err(unavailable)?;
    let mut row = found.ok_or_else(Problem::not_found)?;
    let Holder::Organization(organization) = row.owner else {
        return Err(Problem::not_found());
    };
    let standing = api
        .standing(caller, organization, About::Collections(&row.collections))
        .await?;
    let there = shared::collections_of(api.fresh(caller.id).await?, organization)
        .await
        .map_err(unavailable)?;
    let left = row.collections.iter().copied();
    row.collections = left.filter(|id| there.iter().any(|(there, _)| there == id)).collect();
    let rights = standing.over_item_as_admin(&row.collections);
    if rights.read {
        Ok((row, standing, rights))
    } else {
        Err(Problem::not_found())
    }
}

/// `GET /ciphers/{id}/admin`, with its collections: what clients fill their form with.
async fn one(caller: Caller, State(api): State<ReadApi>, id: PathId<CipherId>) -> Answer<Response> {
    let (row, ..) = looked_after(&api, &caller, id.0).await?;
    let line = row.line();
    let mut out = Vec::with_capacity(row.content.len() + 512);
    put_mini_details(&mut out, line.frame, line.content, &row.collections);
    Ok(json_response(out))
}

impl ReadApi {
    /// Items of organizations as a list of `cipherMini`, in the order asked for. The caller was given leave to see them.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn shared_list(&self, user: UserId, ids: &[CipherId]) -> Answer<Response> {
        let uuids: Vec<_> = ids.iter().map(|id| id.0).collect();
        let rows: HashMap<_, _> = read::ciphers(self.fresh(user).await?, &uuids)
            .await
            .map_err(unavailable)?
            .into_iter()
            .collect();
        let mut writer = Writer::starting(HEAD);
        for row in ids.iter().filter_map(|id| rows.get(id)) {
            let none = std::iter::empty();
            render_shared(writer.next(), &row.line(), Shape::Mini, ItemRights::default(), none);
        }
        Ok(json_response(writer.end(TAIL)))
    }
}

/// `CipherMiniResponseModel`.
pub fn mini(row: &CipherRow) -> Response {
    let mut out = Vec::with_capacity(row.content.len() + 512);
    render_shared(
        &mut out,
        &row.line(),
        Shape::Mini,
        ItemRights::default(),
        std::iter::empty(),
    );
    json_response(out)
}
