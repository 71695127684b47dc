//! The generation that was live before the last swap: going back to it, keeping it up to date, dropping it.

use super::{
    Options, Progress, RebuildError,
    build::{Build, Report},
    lock,
};
use crate::{
    feed::Subscription,
    generation::{self, Generation},
    projector::Projector,
};
use sqlx::{Connection, PgConnection, PgPool};
use std::{sync::Arc, time::Duration};

/// Puts the generation that was live before the last swap back in its place, up to date. The one that is live now is kept
/// instead, so this can be taken back as well.
///
/// # Errors
/// [`RebuildError`]; everything is as it was then.
pub async fn rollback(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &Arc<dyn Subscription>,
    report: Report<'_>,
) -> Result<Generation, RebuildError> {
    let mut connection = lock::enter(pool, projector.name()).await?;
    lock::wait_for_retired(&mut connection, projector.name()).await?;
    let kept = match kept(&mut connection, projector).await {
        Ok(kept) => kept,
        Err(refused) => {
            lock::close(connection).await?;
            return Err(refused);
        }
    };
    let mut build = Build::of(kept, (projector, feed), connection, report).await?;
    let swapped = build.swap().await;
    lock::close(build.connection).await?;
    swapped?;
    Ok(build.generation)
}

/// What a rollback goes back to.
async fn kept(connection: &mut PgConnection, projector: &dyn Projector) -> Result<Generation, RebuildError> {
    let name = projector.name();
    match generation::retired(connection, name).await?.into_iter().next() {
        None => Err(RebuildError::NothingKept(name.to_owned())),
        Some(kept) if kept.version == projector.version() => Ok(kept),
        Some(kept) => Err(RebuildError::OtherVersion {
            projector: name.to_owned(),
            kept: kept.version,
            ours: projector.version(),
        }),
    }
}

/// Puts tables of this program's version in the place of those of another: what is kept from before, else new ones.
///
/// # Errors
/// [`RebuildError`]; everything is as it was then.
pub async fn replace(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &Arc<dyn Subscription>,
    keep: bool,
) -> Result<(), RebuildError> {
    let quiet = |_: &Progress| {};
    match rollback(projector, pool, feed, &quiet).await {
        Ok(_) => Ok(()),
        Err(RebuildError::NothingKept(_) | RebuildError::OtherVersion { .. }) => {
            let options = Options {
                keep,
                ..Options::default()
            };
            super::run(projector, pool, feed, options, &quiet).await.map(|_| ())
        }
        Err(other) => Err(other),
    }
}

/// Brings the generation that a rollback would go back to up to date, if this program can, and drops what was kept for
/// long enough. Nothing happens while a rollback is at it.
///
/// # Errors
/// [`RebuildError`]; safe to repeat.
pub async fn look_after_retired(
    projector: &dyn Projector,
    pool: &PgPool,
    feed: &Arc<dyn Subscription>,
    grace: Duration,
) -> Result<(), RebuildError> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    if !lock::try_retired(&mut connection, projector.name()).await? {
        return Ok(());
    }
    for late in generation::retired_for(&mut connection, projector.name(), grace).await? {
        tracing::info!(
            projector = projector.name(),
            generation = late.number,
            "kept long enough, dropped"
        );
        generation::drop(&mut connection, &late).await?;
    }
    let kept = generation::retired(&mut connection, projector.name())
        .await?
        .into_iter()
        .next();
    let Some(kept) = kept.filter(|kept| kept.version == projector.version()) else {
        return Ok(lock::close(connection).await?);
    };
    let mut build = Build::of(kept, (projector, feed), connection, &|_| {}).await?;
    let done = build.catch_up(None).await;
    lock::close(build.connection).await?;
    done.map(|_| ())
}

/// Drops retired generations of a projector, all but the newest `keep`.
pub(super) async fn drop_retired(pool: &PgPool, projector: &str, keep: usize) -> Result<(), sqlx::Error> {
    let mut connection = PgConnection::connect_with(&pool.connect_options()).await?;
    lock::wait_for_retired(&mut connection, projector).await?;
    for old in generation::retired(&mut connection, projector).await?.iter().skip(keep) {
        generation::drop(&mut connection, old).await?;
    }
    lock::close(connection).await
}
