//! The public API: an organization manages itself by its API key. Shapes: `Public.*` of the catalogue.

pub mod collection;
pub mod event;
pub mod group;
pub mod import;
pub mod member;
pub mod policy;
pub mod specs;

use crate::{WriteApi, organization::access::Selection};
use axum::{
    Router,
    body::{Body as HttpBody, to_bytes},
    extract::FromRequestParts,
    http::{header, request::Parts},
    middleware,
    response::Response,
};
use commands::{
    context::Context,
    execute::{Done, Transaction},
    organization::OrganizationError,
};
use domain::{
    crypto::fingerprint,
    id::{MembershipId, OrganizationId, UserId},
    meta::{Actor, Origin},
    organization::{
        access::Standing,
        grant::Rights,
        profile::{CollectionSettings, LiveOrganization, Organization},
        role::Role,
    },
};
use serde_json::{Value, json};
use std::{
    collections::{HashMap, HashSet},
    net::IpAddr,
};
use uuid::Uuid;
use web::{Answer, ClientInfo, Guard, Problem, caller::token_of, request::RemoteAddress};

/// The routes, with errors in the shape of this API.
pub fn router(app: WriteApi) -> Router {
    let routes = member::routes()
        .merge(group::routes())
        .merge(collection::routes())
        .merge(policy::routes())
        .merge(event::routes())
        .merge(import::routes());
    let routes = routes.into_router().with_state(app.clone());
    routes
        .layer(middleware::map_response(publicly))
        .merge(specs::routes().into_router().with_state(app))
}

/// The largest error there is: bytes.
const MAX_ERROR: usize = 1 << 20;

/// `{object, message, errors}` in place of what clients of people are told.
async fn publicly(response: Response) -> Response {
    if response.status().is_success() {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, MAX_ERROR).await else {
        return Response::from_parts(parts, HttpBody::empty());
    };
    let Ok(told) = serde_json::from_slice::<Value>(&bytes) else {
        return Response::from_parts(parts, HttpBody::from(bytes));
    };
    let error = json!({
        "object": "error",
        "message": told["message"],
        "errors": told["validationErrors"],
    });
    parts.headers.remove(header::CONTENT_LENGTH);
    Response::from_parts(parts, HttpBody::from(error.to_string()))
}

/// An organization that calls with a token of its own (policy "Organization").
#[derive(Debug, Clone)]
pub struct OrganizationCaller {
    /// Which.
    pub id: OrganizationId,
    /// The fingerprint of its key.
    key: String,
    /// Whether its admins do not stand above collections.
    strict: bool,
    client: ClientInfo,
    ip: Option<IpAddr>,
}

impl Guard for OrganizationCaller {}

impl FromRequestParts<WriteApi> for OrganizationCaller {
    type Rejection = Problem;

    /// 401 for anything but a good token that was got with the present API key of an organization that is there.
    async fn from_request_parts(parts: &mut Parts, app: &WriteApi) -> Result<Self, Problem> {
        let token = token_of(&parts.headers, &parts.uri).ok_or_else(Problem::unauthorized)?;
        let claims = app.read.auth.tokens.verify_organization(&token, app.executor.now());
        let claims = claims.ok_or_else(Problem::unauthorized)?;
        let state = app.executor.state::<Organization>(claims.client_sub).await?;
        let Some(live) = state.live().filter(|live| has_key(live, &claims.key)) else {
            return Err(Problem::unauthorized());
        };
        Ok(Self {
            id: claims.client_sub,
            strict: !live.settings.allow_admin_access_to_all_collection_items,
            key: claims.key,
            client: ClientInfo::of(&parts.headers),
            ip: parts.extensions.get::<RemoteAddress>().map(|address| address.0),
        })
    }
}

/// Whether this is the fingerprint of the organization's key.
fn has_key(live: &LiveOrganization, key: &str) -> bool {
    live.api_key.as_ref().is_some_and(|known| fingerprint(&known.0) == key)
}

impl OrganizationCaller {
    /// That the organization is there and the key good, for work of many steps.
    ///
    /// # Errors
    /// 401 if not.
    async fn still(&self, app: &WriteApi) -> Answer<()> {
        let state = app.executor.state::<Organization>(self.id).await?;
        if state.live().is_some_and(|live| has_key(live, &self.key)) {
            Ok(())
        } else {
            Err(Problem::unauthorized())
        }
    }

    /// Under whose name is remembered what it was told was done.
    fn asking(&self) -> UserId {
        UserId(self.id.0)
    }

    /// An organization stands above everything in it.
    fn standing(&self) -> Standing {
        Standing {
            user: self.asking(),
            organization: self.id,
            membership: MembershipId(Uuid::nil()),
            role: Role::Owner,
            settings: CollectionSettings::default(),
            rights: HashMap::new(),
            unmanaged: HashSet::new(),
        }
    }

    fn context(&self, app: &WriteApi) -> Context {
        Context {
            actor: Actor::Organization(self.id),
            origin: Origin::Server,
            device: None,
            device_type: None,
            client: self.client.name.clone(),
            client_version: self.client.version.clone(),
            ip: self.ip,
            correlation: app.executor.new_id(),
            causation: None,
            organizations: vec![self.id],
            fence: None,
        }
    }

    /// Carries out a command and waits until everybody can read what it changed.
    async fn change<T>(&self, app: &WriteApi, command: &T) -> Answer<Done<T::Output>>
    where
        T: Transaction<Error = OrganizationError>,
    {
        let done = app.executor.transact(&self.context(app), command).await?;
        app.settle(done.position).await?;
        Ok(done)
    }
}

/// `{object: list, data}`.
fn list(data: Vec<Value>) -> Value {
    json!({ "object": "list", "data": data })
}

/// `Public.AssociationWithPermissionsResponseModel`.
fn association(id: Uuid, rights: Rights) -> Value {
    json!({
        "id": id,
        "readOnly": rights.read_only,
        "hidePasswords": rights.hide_passwords,
        "manage": rights.manage,
    })
}

/// `Public.AssociationWithPermissionsRequestModel`.
type Association = Selection;
