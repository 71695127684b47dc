//! The generation that a rollback would go back to, kept up to date by the owner of the live one, and dropped in time.

use crate::{feed::Subscription, generation, projector::Projector, rebuild};
use sqlx::PgPool;
use std::{sync::Arc, time::Duration};
use tokio::{task::AbortHandle, time::MissedTickBehavior};

/// How long a generation is kept unless somebody says otherwise.
pub const GRACE: Duration = Duration::from_secs(3600);
/// How often it is looked after: nobody reads it, and a rollback applies what is missing.
const SELDOM: Duration = Duration::from_secs(10);
const OFTEN: Duration = Duration::from_millis(250);

/// Looks after it in the background until dropped.
pub(crate) struct Keeper(AbortHandle);

impl Keeper {
    /// Begins.
    pub fn start(projector: Arc<dyn Projector>, pool: PgPool, feed: Arc<dyn Subscription>, grace: Duration) -> Self {
        let often = if grace.is_zero() {
            SELDOM
        } else {
            (grace / 10).clamp(OFTEN, SELDOM)
        };
        let mut ticks = tokio::time::interval(often);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let work = async move {
            loop {
                ticks.tick().await;
                if let Err(error) = look(&*projector, &pool, &feed, grace).await {
                    tracing::warn!(projector = projector.name(), %error, "kept tables are not up to date");
                }
            }
        };
        Self(tokio::spawn(work).abort_handle())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn look(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &Arc<dyn Subscription>,
    grace: Duration,
) -> Result<(), rebuild::RebuildError> {
    let all = generation::all(pool).await?;
    let mut ours = all.iter().filter(|kept| kept.projector == projector.name());
    if ours.any(|kept| kept.state == generation::RETIRED) {
        rebuild::look_after_retired(projector, pool, feed, grace).await?;
    }
    Ok(())
}
