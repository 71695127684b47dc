//! What clients change: each route takes a request apart and hands one command over.
//!
//! What is *not* here: rules of the business. An `if` about them in a handler is a decision in the wrong crate.

pub mod account;
pub mod event;
pub mod identity;
pub mod organization;
pub mod public;
pub mod vault;

use account::AccountPorts;
use axum::extract::FromRef;
use commands::{
    context::Context,
    execute::Executor,
    ports::{About, Access, Directory, SignedLogs, TxtRecords, shared_state::LastPosition},
};
use domain::{
    account::fence::Fence,
    event::{Aggregate, Position},
    id::{FenceId, OrganizationId, UserId},
    meta::{Actor, Origin},
    organization::access::Standing,
};
use read_api::ReadApi;
use std::sync::Arc;
use web::{Answer, Anyone, Authenticator, Caller, Routes};

/// The largest body of a request that carries a whole vault: bytes.
pub(crate) const WHOLE_VAULT: usize = 64 << 20;

/// What write routes work with.
#[derive(Clone)]
pub struct WriteApi {
    /// Carries out commands.
    pub executor: Executor,
    /// Answers what was changed.
    pub read: ReadApi,
    /// What people own.
    pub directory: Arc<dyn Directory>,
    /// Where people stand in organizations.
    pub access: Arc<dyn Access>,
    /// Where other processes learn how far somebody's own writes have got; `None` where there is only this one, or none
    /// that they share.
    pub positions: Option<Arc<dyn LastPosition>>,
    /// What routes about accounts work with.
    pub account: Arc<AccountPorts>,
    /// Looks up what owners of domains say.
    pub names: Arc<dyn TxtRecords>,
    /// What is signed of the logs of organizations.
    pub signed: Arc<dyn SignedLogs>,
    /// Questions to the log that were noted just now.
    pub noted: Arc<event::noted::Noted>,
}

impl FromRef<WriteApi> for Authenticator {
    fn from_ref(app: &WriteApi) -> Self {
        app.read.auth.clone()
    }
}

impl WriteApi {
    /// Who asks, for the metadata of events, and until when it may: until the sessions of the caller's stamp are fenced.
    pub fn context(&self, caller: &Caller) -> Context {
        Context {
            actor: Actor::User(caller.id),
            origin: Origin::Server,
            device: Some(caller.device),
            device_type: caller.client.device_type,
            client: Some(caller.client.name.clone().unwrap_or_else(|| caller.client_id.clone())),
            client_version: caller.client.version.clone(),
            ip: caller.ip,
            correlation: self.executor.new_id(),
            causation: None,
            organizations: Vec::new(),
            fence: Some(Fence::stream(FenceId::of(caller.id, caller.stamp))),
        }
    }

    /// The same, for what an organization's log shall show.
    pub fn context_in(&self, caller: &Caller, organization: OrganizationId) -> Context {
        Context {
            organizations: vec![organization],
            ..self.context(caller)
        }
    }

    /// The same, for what the logs of all organizations that `user` is confirmed in shall show as well.
    ///
    /// # Errors
    /// 503 if they cannot be told.
    pub async fn everywhere(&self, context: Context, user: UserId) -> Answer<Context> {
        let organizations = self.read.organizations_of(user).await?;
        Ok(Context {
            organizations,
            ..context
        })
    }

    /// Where the caller stands in an organization.
    ///
    /// # Errors
    /// 404 if they are not confirmed there: it is as if it did not exist. 503 if it cannot be told.
    pub async fn standing(&self, caller: &Caller, organization: OrganizationId, about: About<'_>) -> Answer<Standing> {
        caller.asking.of(organization);
        let found = self.access.standing(caller.id, organization, about).await?;
        found.ok_or_else(web::Problem::not_found)
    }

    /// Who asks, when nobody is signed in.
    pub fn context_of(&self, anyone: &Anyone) -> Context {
        Context {
            actor: Actor::Anonymous,
            origin: Origin::Server,
            device: None,
            device_type: anyone.client.device_type,
            client: anyone.client.name.clone(),
            client_version: anyone.client.version.clone(),
            ip: anyone.ip,
            correlation: self.executor.new_id(),
            causation: None,
            organizations: Vec::new(),
            fence: None,
        }
    }

    /// To be called before `user` is told that what lies at `position` is done, in an answer that is made from the events
    /// and not from the read models. It does not wait for them: whoever reads does ([`ReadApi::fresh`]). Only where
    /// that would not be enough, because another process owns the projector or it is far behind, it waits, for as
    /// long as reads do: the answer is true whether they show it or not.
    pub async fn acknowledge(&self, user: UserId, position: Option<Position>) {
        let Some(position) = position else { return };
        let noted = match &self.positions {
            // readers in other processes ask there
            Some(positions) => positions.set(user, position).await.is_ok(),
            None => true,
        };
        if self.read.acknowledge(position) && noted {
            return;
        }
        self.settled_or_told(position).await;
    }

    /// The same for what others than `user` gain by: readers of theirs in other processes have nothing to ask, so where there
    /// are several, it waits.
    pub async fn acknowledge_to_all(&self, user: UserId, position: Option<Position>) {
        self.acknowledge(user, position).await;
        if let (Some(position), true) = (position, self.positions.is_some()) {
            self.settled_or_told(position).await;
        }
    }

    async fn settled_or_told(&self, position: Position) {
        if let Err(problem) = self.read.settled(position).await {
            metrics::counter!("annalock_answers_before_read_models_total").increment(1);
            tracing::warn!(%position, status = %problem.status(), "answered before the read models showed it");
        }
    }

    /// Waits until the read models show what was appended. For changes that take rights away, and answers that are read
    /// from them. Where nothing was, somebody else may just have done the same: then they must show that, whatever it is.
    ///
    /// # Errors
    /// 503 if they do not in time ([`read_api::WAIT`]). The change is stored all the same.
    pub async fn settle(&self, position: Option<Position>) -> Answer<()> {
        let position = match position {
            Some(position) => position,
            None => self.executor.head().await?,
        };
        self.read.settled(position).await
    }
}

/// All routes of the API service, those that read too, but those of the public API. What an organization refuses a member in
/// any of them is noted.
pub fn api_router(app: &WriteApi) -> axum::Router {
    let reading = read_api::api_routes().merge(read_api::organization::routes());
    let writing = vault::routes()
        .merge(account::routes())
        .merge(organization::routes())
        .merge(event::collect::routes())
        .merge(event::log::routes())
        .merge(event::history::routes());
    let noting = axum::middleware::from_fn_with_state(app.clone(), event::refused::note);
    reading
        .into_router()
        .with_state(app.read.clone())
        .merge(writing.into_router().with_state(app.clone()))
        .layer(noting)
}

/// All routes of the events service.
pub fn events_routes() -> Routes<WriteApi> {
    event::collect::routes()
}

/// All write routes of the identity service.
pub fn identity_routes() -> Routes<WriteApi> {
    identity::routes()
}
