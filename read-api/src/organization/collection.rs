//! Collections as members and those who look after them see them.

use super::wire::{self, Former};
use crate::{ReadApi, unavailable};
use axum::{Json, extract::State};
use domain::{
    id::{CollectionId, OrganizationId},
    organization::{
        access::Standing,
        grant::{Grantee, Rights},
    },
};
use projections::sync::{
    collection::{CollectionRow, GrantRow},
    shared::{self, About},
};
use serde_json::{Value, json};
use std::collections::HashMap;
use web::{Answer, Caller, List, PathId, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<ReadApi> {
    Routes::new()
        .get("/collections", mine)
        .get("/organizations/{id}/collections", list)
        .get("/organizations/{id}/collections/details", list_details)
        .get("/organizations/{id}/collections/{collection}", one)
        .get("/organizations/{id}/collections/{collection}/details", details)
        .get("/organizations/{id}/collections/{collection}/users", users)
}

/// `GET /collections`: those the caller has rights in.
async fn mine(caller: Caller, State(api): State<ReadApi>) -> Answer<Json<List<Value>>> {
    let pool = api.fresh(caller.id).await?;
    let rights = shared::all_rights(pool, caller.id).await.map_err(unavailable)?;
    let ids: Vec<_> = rights.keys().copied().collect();
    let rows = shared::collections(pool, &ids).await.map_err(unavailable)?;
    let former = Former::of(shared::former_owners(pool, &rows).await.map_err(unavailable)?);
    let found = rows
        .iter()
        .map(|(id, row)| wire::collection_details(*id, row, rights.get(id).copied().unwrap_or_default(), &former));
    Ok(Json(List::of(found.collect())))
}

/// The collections of an organization as `standing` looks after them: all that are shared, or those the caller manages.
async fn seen(api: &ReadApi, caller: &Caller, standing: &Standing) -> Answer<Vec<(CollectionId, CollectionRow)>> {
    let pool = api.fresh(caller.id).await?;
    let mut rows = shared::collections_of(pool, standing.organization)
        .await
        .map_err(unavailable)?;
    if standing.may_list_all_collections() {
        // what members keep for themselves is no part of what is shared
        rows.retain(|(_, row)| row.default_of.is_none());
    } else {
        rows.retain(|(id, _)| standing.assigned(*id).is_some_and(|rights| rights.manage));
    }
    Ok(rows)
}

/// `GET /organizations/{id}/collections`.
async fn list(caller: Caller, State(api): State<ReadApi>, id: PathId<OrganizationId>) -> Answer<Json<List<Value>>> {
    let standing = api.standing(&caller, id.0, About::All).await?;
    let rows = seen(&api, &caller, &standing).await?;
    let former = Former::of(
        shared::former_owners(api.fresh(caller.id).await?, &rows)
            .await
            .map_err(unavailable)?,
    );
    Ok(Json(List::of(
        rows.iter()
            .map(|(id, row)| wire::collection(*id, row, &former))
            .collect(),
    )))
}

/// `CollectionAccessDetailsResponseModel`. Who else has rights is told to those who look after the collection.
fn access_details(
    standing: &Standing,
    (id, row): (CollectionId, &CollectionRow),
    grants: &[&GrantRow],
    former: &Former,
) -> Value {
    let assigned = standing.assigned(id);
    let mut out = wire::collection_details(id, row, assigned.unwrap_or_default(), former);
    let told = standing.may_manage(id) || standing.may_list_all_collections();
    let select = |group: bool| -> Vec<Value> {
        grants
            .iter()
            .filter(|_| told)
            .filter(|grant| matches!(grant.to, Grantee::Group(_)) == group)
            .map(|grant| wire::selection(grant.to.id(), grant.rights))
            .collect()
    };
    let Rights { manage, .. } = assigned.unwrap_or_default();
    out["object"] = json!("collectionAccessDetails");
    out["groups"] = json!(select(true));
    out["users"] = json!(select(false));
    out["assigned"] = json!(assigned.is_some());
    out["manage"] = json!(manage);
    out["unmanaged"] = json!(!grants.iter().any(|grant| grant.rights.manage));
    out
}

/// `GET /organizations/{id}/collections/details`: with who has rights in each.
async fn list_details(
    caller: Caller,
    State(api): State<ReadApi>,
    id: PathId<OrganizationId>,
) -> Answer<Json<List<Value>>> {
    let standing = api.standing(&caller, id.0, About::All).await?;
    let rows = seen(&api, &caller, &standing).await?;
    let grants = shared::grants_of(api.fresh(caller.id).await?, id.0)
        .await
        .map_err(unavailable)?;
    let mut by_collection: HashMap<CollectionId, Vec<&GrantRow>> = HashMap::new();
    for grant in &grants {
        by_collection.entry(grant.collection).or_default().push(grant);
    }
    let former = Former::of(
        shared::former_owners(api.fresh(caller.id).await?, &rows)
            .await
            .map_err(unavailable)?,
    );
    let found = rows.iter().map(|(id, row)| {
        let grants = by_collection.get(id).map(Vec::as_slice).unwrap_or_default();
        access_details(&standing, (*id, row), grants, &former)
    });
    Ok(Json(List::of(found.collect())))
}

/// One collection of the organization that the caller may see.
async fn found(
    api: &ReadApi,
    caller: &Caller,
    (organization, id): (OrganizationId, CollectionId),
) -> Answer<(Standing, CollectionRow, Former)> {
    let standing = api.standing(caller, organization, About::Collections(&[id])).await?;
    let pool = api.fresh(caller.id).await?;
    let mut rows = shared::collections(pool, &[id]).await.map_err(unavailable)?;
    let former = Former::of(shared::former_owners(pool, &rows).await.map_err(unavailable)?);
    let row = rows.pop().map(|(_, row)| row);
    let row = row
        .filter(|row| row.organization == organization)
        .filter(|_| standing.may_list_all_collections() || standing.assigned(id).is_some())
        .ok_or_else(Problem::not_found)?;
    Ok((standing, row, former))
}

/// `GET /organizations/{id}/collections/{collection}`.
async fn one(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, CollectionId>,
) -> Answer<Json<Value>> {
    let (_, row, former) = found(&api, &caller, (ids.0, ids.1)).await?;
    Ok(Json(wire::collection(ids.1, &row, &former)))
}

/// `GET /organizations/{id}/collections/{collection}/details`.
async fn details(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, CollectionId>,
) -> Answer<Json<Value>> {
    let (standing, row, former) = found(&api, &caller, (ids.0, ids.1)).await?;
    let grants = shared::grants_in(api.fresh(caller.id).await?, ids.1)
        .await
        .map_err(unavailable)?;
    Ok(Json(access_details(
        &standing,
        (ids.1, &row),
        &grants.iter().collect::<Vec<_>>(),
        &former,
    )))
}

impl ReadApi {
    /// `CollectionAccessDetailsResponseModel` of a collection that the caller just made or changed, whatever they may see of it: clients
    /// take it up if it says `assigned`, and drop it otherwise.
    ///
    /// # Errors
    /// 404 if it is gone, 503 if the database cannot be asked.
    pub async fn changed_collection(
        &self,
        caller: &Caller,
        organization: OrganizationId,
        id: CollectionId,
    ) -> Answer<Value> {
        let standing = self.standing(caller, organization, About::Collections(&[id])).await?;
        let pool = self.fresh(caller.id).await?;
        let mut rows = shared::collections(pool, &[id]).await.map_err(unavailable)?;
        let former = Former::of(shared::former_owners(pool, &rows).await.map_err(unavailable)?);
        let (_, row) = rows.pop().ok_or_else(Problem::not_found)?;
        let grants = shared::grants_in(pool, id).await.map_err(unavailable)?;
        let grants: Vec<_> = grants.iter().collect();
        Ok(access_details(&standing, (id, &row), &grants, &former))
    }
}

/// `GET /organizations/{id}/collections/{collection}/users`: who has rights of their own.
async fn users(
    caller: Caller,
    State(api): State<ReadApi>,
    ids: PathIds<OrganizationId, CollectionId>,
) -> Answer<Json<Vec<Value>>> {
    let (standing, ..) = found(&api, &caller, (ids.0, ids.1)).await?;
    if !standing.may_manage(ids.1) && !standing.may_list_all_collections() {
        return Err(Problem::forbidden());
    }
    let grants = shared::grants_in(api.fresh(caller.id).await?, ids.1)
        .await
        .map_err(unavailable)?;
    let members = grants.iter().filter(|grant| matches!(grant.to, Grantee::Member(_)));
    Ok(Json(
        members
            .map(|grant| wire::selection(grant.to.id(), grant.rights))
            .collect(),
    ))
}
