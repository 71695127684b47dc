//! Refresh tokens in `ops.refresh_family`, one row per login.

mod row;
mod token;

use self::row::Family;
use self::token::Token;
use async_trait::async_trait;
use aws_lc_rs::hmac;
use commands::ports::refresh_tokens::chain::{Chain, Place, RETIRED_MAX};
use commands::ports::refresh_tokens::{NewSession, Presented, RefreshError, RefreshTokens, lifetime};
use domain::id::{DeviceId, UserId};
use domain::time::Timestamp;
use sqlx::PgPool;

/// [`RefreshTokens`] on Postgres. Any number of processes may share the table if they share the key.
pub struct PostgresRefreshTokens {
    pool: PgPool,
    key: hmac::Key,
}

impl PostgresRefreshTokens {
    /// `key` (32 random bytes, kept with the other keys of the installation) decides which token follows which. After a
    /// change of it nobody is signed out: tokens already handed out stay good, and families go on from the newest of
    /// them that is presented.
    pub fn new(pool: PgPool, key: &[u8; 32]) -> Self {
        Self {
            pool,
            key: hmac::Key::new(hmac::HMAC_SHA256, key),
        }
    }

    /// The newest token of the family that `token` is good in: its successor, or a later one if it is already replaced.
    /// Where the chain was begun under another key it cannot be followed, and the token given is kept.
    fn newest(&self, token: Token, chain: &Chain) -> Token {
        std::iter::successors(Some(token), |t| Some(t.successor(&self.key)))
            .take(RETIRED_MAX + 2)
            .find(|t| t.hash() == chain.next)
            .unwrap_or(token)
    }

    async fn end(&self, user: UserId, device: Option<DeviceId>, now: Timestamp) -> Result<u64, RefreshError> {
        let sql = "update ops.refresh_family set ended = to_timestamp($3 / 1000.0)
                   where user_id = $1 and ($2::uuid is null or device_id = $2) and ended is null";
        let done = sqlx::query(sql)
            .bind(user.0)
            .bind(device.map(|d| d.0))
            .bind(now.0)
            .execute(&self.pool)
            .await;
        done.map(|done| done.rows_affected()).map_err(unavailable)
    }
}

#[async_trait]
impl RefreshTokens for PostgresRefreshTokens {
    async fn issue(&self, session: NewSession, now: Timestamp) -> Result<String, RefreshError> {
        let first = Token::first().map_err(|_| RefreshError::Unavailable("no random bytes".to_owned()))?;
        let chain = Chain::new(first.hash(), first.successor(&self.key).hash());
        let expires_at = expiry(&session.client_id, now);
        row::insert(&self.pool, first.family(), &session, &chain, now, expires_at)
            .await
            .map_err(unavailable)?;
        Ok(first.text())
    }

    async fn present(&self, token: &str, now: Timestamp) -> Result<Presented, RefreshError> {
        let token = Token::parse(token).ok_or(RefreshError::Unknown)?;
        let mut tx = self.pool.begin().await.map_err(unavailable)?;
        let found = row::lock(&mut tx, token.family()).await.map_err(unavailable)?;
        let Family {
            mut session,
            mut chain,
            ended,
        } = found.ok_or(RefreshError::Unknown)?;
        if ended {
            return Err(RefreshError::Ended);
        }
        if session.expires_at <= now {
            return Err(RefreshError::Expired);
        }
        match chain.place(&token.hash(), now) {
            Place::Next => chain.advance(token.successor(&self.key).hash(), now),
            Place::Current | Place::Retired => {}
            Place::Stale => {
                row::end(&mut tx, token.family(), now).await.map_err(unavailable)?;
                tx.commit().await.map_err(unavailable)?;
                let NewSession {
                    user,
                    device,
                    client_id,
                    ..
                } = &session.granted;
                tracing::warn!(user.id = %user, device.id = %device, client = client_id,
                    "a refresh token was used again after a newer one had replaced it: session ended");
                return Err(RefreshError::Reused);
            }
        }
        session.expires_at = expiry(&session.granted.client_id, now).max(session.expires_at);
        row::touch(&mut tx, token.family(), &chain, now, session.expires_at)
            .await
            .map_err(unavailable)?;
        tx.commit().await.map_err(unavailable)?;
        Ok(Presented {
            session,
            token: self.newest(token, &chain).text(),
        })
    }

    async fn end_device(&self, user: UserId, device: DeviceId, now: Timestamp) -> Result<u64, RefreshError> {
        self.end(user, Some(device), now).await
    }

    async fn end_user(&self, user: UserId, now: Timestamp) -> Result<u64, RefreshError> {
        self.end(user, None, now).await
    }

    async fn delete_expired(&self, now: Timestamp) -> Result<u64, RefreshError> {
        let sql = "delete from ops.refresh_family where expires_at < to_timestamp($1 / 1000.0)";
        let done = sqlx::query(sql)
            .bind(now.0)
            .execute(&self.pool)
            .await
            .map_err(unavailable)?;
        Ok(done.rows_affected())
    }
}

/// When a login of `client_id` used at `now` ends if it is not used again.
fn expiry(client_id: &str, now: Timestamp) -> Timestamp {
    Timestamp(now.0.saturating_add(lifetime(client_id).as_millis() as i64))
}

fn unavailable(e: sqlx::Error) -> RefreshError {
    RefreshError::Unavailable(e.to_string())
}
