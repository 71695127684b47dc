//! Carrying a rotation out. [`commands::account::keys::rotate_user_key`] says why in four steps.

use crate::WriteApi;
use commands::account::{
    keys::{AccountKeys, BeginKeyRotation, NewSecret, RehearseKeyRotation, Resealed, RotateUserKey},
    secret::Proven,
};
use domain::{crypto::Kdf, event::Position, id::MembershipId};
use std::time::Duration;
use web::{Answer, Caller, Problem};

/// A rotation that passed the checks, whichever form it came in.
pub(super) struct Rotation {
    pub proven: Proven,
    pub secret: NewSecret,
    pub kdf: Kdf,
    pub hint: Option<String>,
    pub keys: AccountKeys,
    pub resealed: Resealed,
}

impl Rotation {
    pub async fn carry_out(self, app: &WriteApi, caller: &Caller) -> Answer<()> {
        let proven = self.proven;
        let mut rotation = RotateUserKey {
            user: caller.id,
            secret: self.secret,
            kdf: self.kdf,
            hint: self.hint,
            keys: self.keys,
            resealed: self.resealed,
            ciphers: app.directory.ciphers_of(caller.id).await?,
            folders: app.directory.folders_of(caller.id).await?,
            memberships: memberships(app, caller).await?,
            begun: app.executor.new_id(),
            stamp: app.executor.new_id(),
        };
        let context = app.context(caller);
        let rehearsal = RehearseKeyRotation {
            proven: &proven,
            rotation: &rotation,
        };
        app.executor.transact(&context, &rehearsal).await?;
        let begin = BeginKeyRotation {
            user: caller.id,
            stamp: rotation.begun,
            proven,
        };
        let begun = app.executor.transact(&context, &begin).await?;
        app.end_sessions(caller.id).await;
        let landed = app.executor.let_land().await?;
        listed(app, begun.position.map_or(landed, |begun| begun.max(landed))).await?;
        rotation.ciphers = app.directory.ciphers_of(caller.id).await?;
        rotation.folders = app.directory.folders_of(caller.id).await?;
        rotation.memberships = memberships(app, caller).await?;
        let context = context.past_its_session();
        let done = app.executor.transact(&context, &rotation).await?;
        app.settle(done.position).await?;
        app.end_sessions(caller.id).await;
        Ok(())
    }
}

async fn memberships(app: &WriteApi, caller: &Caller) -> Answer<Vec<MembershipId>> {
    let all = app.read.memberships_of(caller.id).await?;
    Ok(all.into_iter().map(|(id, ..)| id).collect())
}

/// How long [`listed`] waits at most.
const LISTED_WITHIN: Duration = Duration::from_secs(20);

/// Waits until the read models list everything up to `position`, however long requests wait otherwise: nobody has a session by now, so
/// giving up costs the person more than waiting.
async fn listed(app: &WriteApi, position: Position) -> Answer<()> {
    let settled = async {
        loop {
            if app.settle(Some(position)).await.is_ok() {
                return;
            }
        }
    };
    let waited = tokio::time::timeout(LISTED_WITHIN, settled).await;
    waited.map_err(|_| Problem::unavailable())
}
