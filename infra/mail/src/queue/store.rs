//! The table and the statements on it.

use super::{Counts, Listed, MailError, NewMail, Payload, QueueSettings, Sealer, State};
use domain::{id::SubjectId, time::Timestamp};
use sqlx::{PgExecutor, PgPool, Row, postgres::PgRow};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use uuid::Uuid;

/// The queue. Cheap to clone; a [`super::Worker`] made from it wakes at once when something is put into any clone.
#[derive(Clone)]
pub struct MailQueue {
    pub(super) pool: PgPool,
    pub(super) sealer: Arc<dyn Sealer>,
    pub(super) wake: Arc<Notify>,
}

/// A letter a worker owns until its lease is over.
pub(super) struct Claimed {
    pub(super) id: Uuid,
    pub(super) subject: SubjectId,
    pub(super) payload: Vec<u8>,
    /// Which try this is, from 1; also tells a late owner that somebody else took over.
    pub(super) attempts: u32,
    pub(super) created_at: Timestamp,
    pub(super) age: Duration,
}

/// Whole milliseconds since 1970.
macro_rules! millis {
    ($column:literal) => {
        concat!("(extract(epoch from ", $column, ") * 1000)::bigint as ", $column)
    };
}

impl MailQueue {
    /// The queue in the database of `pool`, whose migrations have run.
    pub fn new(pool: PgPool, sealer: Arc<dyn Sealer>) -> Self {
        Self {
            pool,
            sealer,
            wake: Arc::new(Notify::new()),
        }
    }

    /// Puts a letter in. `false` if it was put in before: then nothing happens.
    ///
    /// # Errors
    /// [`MailError`]; safe to repeat.
    pub async fn enqueue(&self, mail: &NewMail) -> Result<bool, MailError> {
        let new = self.enqueue_in(&self.pool, mail).await?;
        self.wake.notify_one();
        Ok(new)
    }

    /// The same as part of a transaction (`&mut *tx`). Workers see it after the commit, at their next look.
    ///
    /// # Errors
    /// As [`MailQueue::enqueue`].
    pub async fn enqueue_in(&self, db: impl PgExecutor<'_>, mail: &NewMail) -> Result<bool, MailError> {
        let payload = Payload {
            to: mail.to.clone(),
            letter: mail.letter.clone(),
        };
        let open = serde_json::to_vec(&payload).expect("letters hold nothing that JSON cannot");
        let sealed = self.sealer.seal(mail.subject, mail.id, &open).await?;
        let done = sqlx::query(
            "insert into ops.mail(id, subject, letter, payload) values ($1, $2, $3, $4) on conflict (id) do nothing",
        )
        .bind(mail.id)
        .bind(mail.subject.0)
        .bind(mail.letter.kind())
        .bind(sealed)
        .execute(db)
        .await?;
        Ok(done.rows_affected() == 1)
    }

    /// The newest `limit` letters, of one state or of all.
    ///
    /// # Errors
    /// [`MailError::Database`].
    pub async fn list(&self, state: Option<State>, limit: u32) -> Result<Vec<Listed>, MailError> {
        let rows = sqlx::query(concat!(
            "select id, letter, state, attempts, last_error, ",
            millis!("next_attempt_at"),
            ", ",
            millis!("created_at"),
            ", ",
            millis!("sent_at"),
            " from ops.mail where $1::text is null or state = $1 order by ops.mail.created_at desc, id limit $2"
        ))
        .bind(state.map(State::as_str))
        .bind(i64::from(limit))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(listed).collect()
    }

    /// How full the queue is.
    ///
    /// # Errors
    /// [`MailError::Database`].
    pub async fn counts(&self) -> Result<Counts, MailError> {
        let row = sqlx::query(
            "select count(*) filter (where state = 'waiting') as waiting, count(*) filter (where state = 'failed') as failed,
                    coalesce(extract(epoch from now() - min(created_at) filter (where state = 'waiting')) * 1000, 0)::bigint as oldest
             from ops.mail where state <> 'sent'",
        )
        .fetch_one(&self.pool)
        .await?;
        let count = |name| row.try_get::<i64, _>(name).map(|n| u64::try_from(n).unwrap_or(0));
        Ok(Counts {
            waiting: count("waiting")?,
            failed: count("failed")?,
            oldest_waiting: Duration::from_millis(count("oldest")?),
        })
    }

    /// Gives a letter that failed all its tries again, and lets one that waits be tried at once; `None` means all of
    /// them. Answers how many. One that is being sent at this moment is left to its worker.
    ///
    /// # Errors
    /// [`MailError::Database`].
    pub async fn retry(&self, id: Option<Uuid>) -> Result<u64, MailError> {
        let done = sqlx::query(
            "update ops.mail set state = 'waiting', next_attempt_at = now(),
                    attempts = case state when 'failed' then 0 else attempts end,
                    leased_until = case state when 'failed' then null else leased_until end
             where state <> 'sent' and ($1::uuid is null or id = $1)",
        )
        .bind(id)
        .execute(&self.pool)
        .await?;
        self.wake.notify_one();
        Ok(done.rows_affected())
    }

    /// Takes every trace of a person out: part of an erasure.
    ///
    /// # Errors
    /// [`MailError::Database`].
    pub async fn forget(&self, subject: SubjectId) -> Result<u64, MailError> {
        let done = sqlx::query("delete from ops.mail where subject = $1")
            .bind(subject.0)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected())
    }

    /// Takes out what is older than the settings keep it.
    pub(super) async fn prune(&self, settings: &QueueSettings) -> Result<u64, sqlx::Error> {
        let done = sqlx::query(
            "delete from ops.mail where (state = 'sent' and sent_at < now() - $1 * interval '1 ms')
                or (state = 'failed' and next_attempt_at < now() - $2 * interval '1 ms')",
        )
        .bind(whole_millis(settings.keep_sent))
        .bind(whole_millis(settings.keep_failed))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected())
    }

    /// Takes what is due, the longest due first, and counts the try. A worker that dies now has used one up: a letter
    /// that kills workers is given up like any other.
    pub(super) async fn claim(&self, settings: &QueueSettings) -> Result<Vec<Claimed>, sqlx::Error> {
        let rows = sqlx::query(concat!(
            "with due as (
               select id from ops.mail where state = 'waiting' and next_attempt_at <= now()
                  and (leased_until is null or leased_until <= now())
               order by next_attempt_at limit $1 for update skip locked)
             update ops.mail set attempts = attempts + 1, leased_until = now() + $2 * interval '1 ms'
             from due where ops.mail.id = due.id
             returning ops.mail.id, subject, payload, attempts, ",
            millis!("created_at"),
            ", (extract(epoch from now() - created_at) * 1000)::bigint as age"
        ))
        .bind(i64::from(settings.lanes))
        .bind(whole_millis(settings.lease))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(claimed).collect()
    }

    /// It was sent: what it said is no longer kept.
    pub(super) async fn mark_sent(&self, mail: &Claimed) -> Result<(), sqlx::Error> {
        self.close(
            mail,
            "update ops.mail set state = 'sent', payload = null, sent_at = now(), leased_until = null, last_error = null
             where id = $1 and attempts = $2 and state = 'waiting'",
        )
        .await
    }

    /// It is not to be tried again.
    pub(super) async fn mark_failed(&self, mail: &Claimed, why: &str) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update ops.mail set state = 'failed', leased_until = null, last_error = $3, next_attempt_at = now()
             where id = $1 and attempts = $2 and state = 'waiting'",
        )
        .bind(mail.id)
        .bind(i64::from(mail.attempts))
        .bind(why)
        .execute(&self.pool)
        .await
        .map(|_| ())
    }

    /// It is tried again after `wait`.
    pub(super) async fn mark_deferred(&self, mail: &Claimed, why: &str, wait: Duration) -> Result<(), sqlx::Error> {
        sqlx::query(
            "update ops.mail set leased_until = null, last_error = $3, next_attempt_at = now() + $4 * interval '1 ms'
             where id = $1 and attempts = $2 and state = 'waiting'",
        )
        .bind(mail.id)
        .bind(i64::from(mail.attempts))
        .bind(why)
        .bind(whole_millis(wait))
        .execute(&self.pool)
        .await
        .map(|_| ())
    }

    /// Whoever it was about was erased.
    pub(super) async fn drop_erased(&self, mail: &Claimed) -> Result<(), sqlx::Error> {
        self.close(mail, "delete from ops.mail where id = $1 and attempts = $2")
            .await
    }

    async fn close(&self, mail: &Claimed, statement: &'static str) -> Result<(), sqlx::Error> {
        let done = sqlx::query(statement)
            .bind(mail.id)
            .bind(i64::from(mail.attempts))
            .execute(&self.pool)
            .await;
        done.map(|_| ())
    }
}

fn whole_millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

fn claimed(row: &PgRow) -> Result<Claimed, sqlx::Error> {
    Ok(Claimed {
        id: row.try_get("id")?,
        subject: SubjectId(row.try_get("subject")?),
        payload: row.try_get("payload")?,
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0),
        created_at: Timestamp(row.try_get("created_at")?),
        age: Duration::from_millis(u64::try_from(row.try_get::<i64, _>("age")?).unwrap_or(0)),
    })
}

fn listed(row: &PgRow) -> Result<Listed, MailError> {
    let state: State = row
        .try_get::<String, _>("state")?
        .parse()
        .map_err(|e: String| MailError::Database(sqlx::Error::Decode(e.into())))?;
    let next = Timestamp(row.try_get("next_attempt_at")?);
    Ok(Listed {
        id: row.try_get("id")?,
        letter: row.try_get("letter")?,
        state,
        attempts: u32::try_from(row.try_get::<i32, _>("attempts")?).unwrap_or(0),
        next_attempt_at: (state == State::Waiting).then_some(next),
        last_error: row.try_get("last_error")?,
        created_at: Timestamp(row.try_get("created_at")?),
        sent_at: row.try_get::<Option<i64>, _>("sent_at")?.map(Timestamp),
    })
}
