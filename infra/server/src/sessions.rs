//! What sessions are checked against, from what the projector tells this process.

use async_trait::async_trait;
use domain::id::UserId;
use projections::live::Live;
use sqlx::PgPool;
use std::sync::Arc;
use web::{Problem, SessionState, Sessions};

/// [`Sessions`] over the read models.
pub struct LiveSessions {
    /// What the projector tells this process.
    pub live: Arc<Live>,
    /// Asked for what is not remembered.
    pub pool: PgPool,
}

#[async_trait]
impl Sessions for LiveSessions {
    async fn state(&self, user: UserId) -> Result<Option<SessionState>, Problem> {
        let state = read_api::user_state(&self.live, &self.pool, user).await?;
        Ok(state.map(|state| SessionState { stamp: state.stamp }))
    }
}
