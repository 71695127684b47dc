//! What clients read: `/sync`, single things, settings, the server's own description.
//!
//! What is *not* here: anything that changes something.

pub mod account;
pub mod config;
pub mod device;
pub mod event;
pub mod health;
pub mod history;
pub mod openid;
pub mod organization;
pub mod sync;
pub mod vault;

use async_trait::async_trait;
use axum::extract::FromRef;
use domain::{
    event::Position,
    id::{MembershipId, OrganizationId, UserId},
    organization::policy::Enforced,
};
use projections::{
    live::{Live, UserState},
    sync::{read, shared},
};
use sqlx::PgPool;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use web::{Answer, Authenticator, Problem, Routes};

/// How long an answer waits for the read models to reach what it must show, if no setting says otherwise.
pub const WAIT: Duration = Duration::from_secs(5);

/// What the server says about itself.
#[derive(Debug, Clone)]
pub struct About {
    /// Where clients find it: `https://vault.example.org`, without a slash at the end.
    pub public_url: String,
    /// Whether anybody may register.
    pub registration: bool,
}

/// What other processes acknowledged. Only a process that does not own the projector asks: the others' writers wait for
/// the owner before they are answered.
#[async_trait]
pub trait Elsewhere: Send + Sync {
    /// A position that is enough to have reached for showing `user` what any process told them was done.
    ///
    /// # Errors
    /// 503 if it cannot be told.
    async fn acknowledged(&self, user: UserId) -> Answer<Position>;
}

/// What read routes work with.
#[derive(Clone)]
pub struct ReadApi {
    /// The read models. Asked through [`ReadApi::fresh`].
    pool: PgPool,
    /// What the projector tells this process.
    live: Arc<Live>,
    /// What the projector of the audit log tells it.
    log: Arc<Live>,
    /// How long an answer waits for them.
    wait: Duration,
    elsewhere: Arc<dyn Elsewhere>,
    /// Checks tokens and sessions.
    pub auth: Authenticator,
    /// What the server says about itself.
    pub about: Arc<About>,
    /// Bodies of `/sync`.
    pub bodies: Arc<sync::Bodies>,
}

impl FromRef<ReadApi> for Authenticator {
    fn from_ref(api: &ReadApi) -> Self {
        api.auth.clone()
    }
}

impl ReadApi {
    /// Routes that read from `pool`, which is filled by the projectors that tell `live` and, for the audit log, `log`; an answer waits
    /// for them for `wait` at most.
    pub fn new(
        pool: PgPool,
        [live, log]: [Arc<Live>; 2],
        wait: Duration,
        elsewhere: Arc<dyn Elsewhere>,
        auth: Authenticator,
        about: Arc<About>,
        bodies: Arc<sync::Bodies>,
    ) -> Self {
        Self {
            pool,
            live,
            log,
            wait,
            elsewhere,
            auth,
            about,
            bodies,
        }
    }

    /// The read models, once they show everything `user` was told was done: writers are answered when the change is
    /// stored, so who reads waits for it. Without changes under way this costs a comparison.
    ///
    /// # Errors
    /// 503 if they do not in time ([`WAIT`]).
    pub async fn fresh(&self, user: UserId) -> Answer<&PgPool> {
        let wanted = self.acknowledged_to(user).await?;
        self.settled(wanted).await?;
        Ok(&self.pool)
    }

    /// The read models, once they show every right anybody was told was given or taken. Such a change is answered when they
    /// show it, so this waits for nothing as a rule, and not for items that are on their way.
    ///
    /// # Errors
    /// 503 if they do not in time ([`WAIT`]).
    pub async fn with_rights(&self, user: UserId) -> Answer<&PgPool> {
        if !self.live.is_owner() {
            return self.fresh(user).await;
        }
        self.settled(self.live.shown()).await?;
        Ok(&self.pool)
    }

    /// The audit log, once it shows everything `user` was told was done.
    ///
    /// # Errors
    /// 503 if it does not in time ([`WAIT`]).
    pub async fn fresh_log(&self, user: UserId) -> Answer<&PgPool> {
        // what was answered when the other read models showed it was acknowledged by that
        let wanted = self.acknowledged_to(user).await?.max(self.live.position());
        if self.log.reached(wanted, self.wait).await {
            Ok(&self.pool)
        } else {
            Err(Problem::unavailable())
        }
    }

    async fn acknowledged_to(&self, user: UserId) -> Answer<Position> {
        // asked first: who becomes the owner meanwhile has acknowledged what the one before did
        let owner = self.live.is_owner();
        let mut wanted = self.live.acknowledged();
        if !owner {
            wanted = wanted.max(self.elsewhere.acknowledged(user).await?);
        }
        Ok(wanted)
    }

    /// The organizations a person is confirmed in.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn organizations_of(&self, user: UserId) -> Answer<Vec<OrganizationId>> {
        read::organizations_of(self.fresh(user).await?, user)
            .await
            .map_err(unavailable)
    }

    /// Whether a person has accepted a place in an organization at least, be it revoked or not.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn is_member(&self, user: UserId, organization: OrganizationId) -> Answer<bool> {
        let found = read::is_member(self.fresh(user).await?, user, organization).await;
        found.map_err(unavailable)
    }

    /// The organizations a person is confirmed in, and as which member.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn places_of(&self, user: UserId) -> Answer<BTreeMap<OrganizationId, MembershipId>> {
        let places = read::places_of(self.fresh(user).await?, user).await;
        Ok(places.map_err(unavailable)?.into_iter().collect())
    }

    /// Whether a policy that is on binds somebody: that of an organization they are an ordinary member of. Who is in none costs no query.
    ///
    /// # Errors
    /// 503 if it cannot be told.
    pub async fn is_bound(&self, user: UserId, policy: Enforced) -> Answer<bool> {
        let pool = self.with_rights(user).await?;
        if self.live.is_member(user) == Some(false) {
            return Ok(false);
        }
        shared::is_bound(pool, user, policy as i16).await.map_err(unavailable)
    }

    /// Remembers that a writer is told of `position` before the read models show it. `false` if the writer should wait
    /// for them instead: this process does not own the projector, or it is far behind.
    pub fn acknowledge(&self, position: Position) -> bool {
        // noted too where that was not confirmed lately: it may be again before the read models show it
        self.live.takes_itself_for_the_owner() && self.live.acknowledge(position) && self.live.is_owner()
    }

    /// Waits until the read models have passed `position`.
    ///
    /// # Errors
    /// 503 if they have not in time ([`WAIT`]).
    pub async fn settled(&self, position: Position) -> Answer<()> {
        if self.live.reached(position, self.wait).await {
            self.live.show(position);
            Ok(())
        } else {
            Err(Problem::unavailable())
        }
    }

    /// Stamp and revision of an account, from memory as a rule.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn user_state(&self, user: UserId) -> Answer<Option<UserState>> {
        user_state(&self.live, &self.pool, user).await
    }
}

/// Stamp and revision of an account, from memory as a rule.
///
/// # Errors
/// 503 if the database cannot be asked, and while an event of the account or of a membership of it is parked: it may have ended
/// a session, or taken a right away.
pub async fn user_state(live: &Live, pool: &PgPool, user: UserId) -> Answer<Option<UserState>> {
    if let Some(known) = live.user(user) {
        return Ok(known);
    }
    let ticket = live.will_load(user);
    let parts = read::user_state(pool, user).await.map_err(unavailable)?;
    live.loaded(ticket, parts.as_ref());
    if parts.as_ref().is_some_and(|parts| parts.held) {
        tracing::error!(user.id = %user, "an event of this account is parked: nobody is let in until it is not");
        return Err(Problem::unavailable());
    }
    Ok(parts.map(|parts| parts.whole()))
}

/// 503 for a database that cannot be asked; logged here, once.
pub fn unavailable(error: sqlx::Error) -> Problem {
    tracing::warn!(%error, "the read models cannot be asked");
    Problem::unavailable()
}

/// All read routes of the API service.
pub fn api_routes() -> Routes<ReadApi> {
    sync::routes()
        .merge(vault::routes())
        .merge(account::routes())
        .merge(device::routes())
        .merge(config::routes())
        .merge(health::routes())
}

/// All read routes of the identity service.
pub fn identity_routes() -> Routes<ReadApi> {
    openid::routes().merge(health::routes())
}
