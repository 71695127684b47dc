//! Who calls.

use crate::{
    guard::Guard,
    problem::Problem,
    request::{ClientInfo, RemoteAddress},
    token::{Claims, TokenAuthority},
};
use async_trait::async_trait;
use axum::{
    extract::{FromRef, FromRequestParts},
    http::{HeaderMap, Uri, header, request::Parts},
};
use domain::{
    id::{DeviceId, OrganizationId, UserId},
    time::Timestamp,
};
use std::{
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use uuid::Uuid;

/// What decides whether a session is still good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionState {
    /// The account's security stamp: tokens that carry another one are dead.
    pub stamp: Uuid,
}

/// Looks up the state sessions are checked against. Answered from memory as a rule: every request asks.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// The state of an account; `None` if there is no such account.
    ///
    /// # Errors
    /// 503 when it cannot be told.
    async fn state(&self, user: UserId) -> Result<Option<SessionState>, Problem>;
}

/// Checks tokens and sessions.
#[derive(Clone)]
pub struct Authenticator {
    /// Signs and checks tokens.
    pub tokens: Arc<TokenAuthority>,
    /// What sessions are checked against.
    pub sessions: Arc<dyn Sessions>,
    /// Server time.
    pub now: fn() -> Timestamp,
}

impl Authenticator {
    /// Who the bearer of `token` is.
    ///
    /// # Errors
    /// 401 for anything but a good token of a live session.
    pub async fn user(&self, token: &str) -> Result<Claims, Problem> {
        let claims = self
            .tokens
            .verify(token, (self.now)())
            .ok_or_else(Problem::unauthorized)?;
        let state = self
            .sessions
            .state(claims.user())
            .await?
            .ok_or_else(Problem::unauthorized)?;
        if state.stamp == claims.stamp {
            Ok(claims)
        } else {
            Err(Problem::unauthorized())
        }
    }
}

/// What a request turns out to be, for whoever looks at its answer: who asks, and where they stand in which organizations was asked.
/// Put into the request before its handler; handlers need not know of it.
#[derive(Debug, Clone, Default)]
pub struct Asking(Arc<Mutex<Asked>>);

/// What is known of a request by now.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// Who asks; `None` as long as nobody is known to.
    pub who: Option<Who>,
    /// Of which organizations, at most [`MOST_NAMED`].
    pub organizations: Vec<OrganizationId>,
    /// A part of it was refused, though the whole was answered.
    pub refused: bool,
}

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Who {
    /// The account.
    pub id: UserId,
    /// Which client.
    pub client: ClientInfo,
    /// From where.
    pub ip: Option<IpAddr>,
}

/// How many organizations of one request are remembered.
pub const MOST_NAMED: usize = 8;

impl Asking {
    /// The request is about something of this organization.
    pub fn of(&self, organization: OrganizationId) {
        let mut asked = self.lock();
        if asked.organizations.len() < MOST_NAMED && !asked.organizations.contains(&organization) {
            asked.organizations.push(organization);
        }
    }

    /// A part of the request was refused.
    pub fn refused(&self) {
        self.lock().refused = true;
    }

    /// What is known by now.
    pub fn asked(&self) -> Asked {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Asked> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A signed-in person with a client of theirs (policy "Application").
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub id: UserId,
    /// The device record of the session.
    pub device: DeviceId,
    /// The client-made identifier of that device.
    pub device_identifier: String,
    /// The kind of client the session was made for: `cli`, `web` …
    pub client_id: String,
    /// The security stamp the session carries: the account's when the request came in.
    pub stamp: Uuid,
    /// Which client asks.
    pub client: ClientInfo,
    /// From where.
    pub ip: Option<IpAddr>,
    /// What the request turns out to be.
    pub asking: Asking,
}

impl Guard for Caller {}

impl<S> FromRequestParts<S> for Caller
where
    S: Send + Sync,
    Authenticator: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let token = token_of(&parts.headers, &parts.uri).ok_or_else(Problem::unauthorized)?;
        let claims = Authenticator::from_ref(state).user(&token).await?;
        let client = ClientInfo::of(&parts.headers);
        let ip = parts.extensions.get::<RemoteAddress>().map(|a| a.0);
        let asking = parts.extensions.get::<Asking>().cloned().unwrap_or_default();
        asking.lock().who = Some(Who {
            id: claims.user(),
            client: client.clone(),
            ip,
        });
        Ok(Self {
            id: claims.user(),
            stamp: claims.stamp,
            device: DeviceId::of(claims.user(), &claims.device),
            device_identifier: claims.device,
            client_id: claims.client_id,
            client,
            ip,
            asking,
        })
    }
}

/// The token of a request: `Authorization: Bearer …`, else the query parameter `access_token`.
pub fn token_of(headers: &HeaderMap, uri: &Uri) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok());
    if let Some((_, token)) = header
        .and_then(|v| v.split_once(' '))
        .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
    {
        return Some(token.trim().to_owned());
    }
    let query = uri.query()?;
    form_urlencoded::parse(query.as_bytes())
        .find(|(name, _)| name == "access_token")
        .map(|(_, v)| v.into_owned())
}

/// Nobody needs to be signed in: said in so many words.
#[derive(Debug, Clone)]
pub struct Anyone {
    /// Which client asks.
    pub client: ClientInfo,
    /// From where.
    pub ip: Option<IpAddr>,
}

impl Guard for Anyone {}

impl<S: Send + Sync> FromRequestParts<S> for Anyone {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(Self {
            client: ClientInfo::of(&parts.headers),
            ip: parts.extensions.get::<RemoteAddress>().map(|a| a.0),
        })
    }
}
