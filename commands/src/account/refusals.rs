//! Gathers refused logins, so that somebody who tries passwords cannot flood the log: one event for each address, kind of
//! device, account and minute, with a count.

use super::login::RecordRefusedLogin;
use crate::{context::Context, execute::Executor};
use domain::{activity::Refusal, id::UserId, time::Timestamp};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
};

/// How long refusals are gathered after one was written.
const WINDOW_MILLIS: i64 = 60_000;
/// How many (account, address, kind of device, reason) are watched at a time. Beyond, each refusal is an event of its own.
const MAX_WATCHED: usize = 10_000;

type Key = (UserId, Option<IpAddr>, Option<u8>, Option<Refusal>);

/// Refusals not written yet.
#[derive(Debug)]
struct Gathered {
    /// When the last event of this key was written.
    written: Timestamp,
    /// How many since, when the first of them was, and who asked then.
    since: Option<(u32, Timestamp, Context)>,
}

/// Refused logins on their way into the log.
#[derive(Debug, Default)]
pub struct LoginRefusals {
    watched: Mutex<HashMap<Key, Gathered>>,
}

/// An event to write.
#[derive(Debug, Clone)]
pub struct Refused {
    /// Who asked, the first time.
    pub context: Context,
    /// What to note.
    pub command: RecordRefusedLogin,
}

impl Refused {
    fn new((user, _, _, reason): Key, count: u32, at: Timestamp, context: Context) -> Self {
        Self {
            context,
            command: RecordRefusedLogin {
                user,
                reason,
                count,
                at,
            },
        }
    }
}

impl LoginRefusals {
    /// None so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes note of a refusal: what to write now, if the minute since the last event of its kind is over.
    pub fn refused(&self, context: &Context, user: UserId, reason: Option<Refusal>, now: Timestamp) -> Option<Refused> {
        let key = (user, context.ip, context.device_type, reason);
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gathered) = watched.get_mut(&key) {
            let (count, first, context) = match gathered.since.take() {
                Some((count, first, context)) => (count.saturating_add(1), first, context),
                None => (1, now, context.clone()),
            };
            if now.0 - gathered.written.0 < WINDOW_MILLIS {
                gathered.since = Some((count, first, context));
                return None;
            }
            gathered.written = now;
            return Some(Refused::new(key, count, first, context));
        }
        if watched.len() < MAX_WATCHED {
            let written = now;
            watched.insert(key, Gathered { written, since: None });
        }
        Some(Refused::new(key, 1, now, context.clone()))
    }

    /// What was gathered and is due at `now`; what is idle is forgotten.
    pub fn due(&self, now: Timestamp) -> Vec<Refused> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taken = Vec::new();
        watched.retain(|key, gathered| {
            if now.0 - gathered.written.0 < WINDOW_MILLIS {
                return true;
            }
            let Some((count, first, context)) = gathered.since.take() else {
                return false;
            };
            taken.push(Refused::new(*key, count, first, context));
            gathered.written = now;
            true
        });
        taken
    }

    /// All that was gathered: before the process ends.
    pub fn rest(&self) -> Vec<Refused> {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched
            .drain()
            .filter_map(|(key, gathered)| {
                let (count, first, context) = gathered.since?;
                Some(Refused::new(key, count, first, context))
            })
            .collect()
    }

    /// Writes what is due. To be called every few seconds; what cannot be written is reported and lost.
    pub async fn flush(&self, executor: &Executor) {
        write(executor, self.due(executor.now())).await;
    }

    /// Writes all there is: before the process ends.
    pub async fn finish(&self, executor: &Executor) {
        write(executor, self.rest()).await;
    }
}

async fn write(executor: &Executor, refused: Vec<Refused>) {
    for Refused { context, command } in refused {
        if let Err(error) = executor.transact(&context, &command).await {
            tracing::warn!(user.id = %command.user, count = command.count, %error, "refused logins are not in the log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALICE, BOB};
    use domain::meta::Actor;
    use uuid::Uuid;

    fn from(last: u8) -> Context {
        let mut context = Context::system(Uuid::nil(), None);
        context.actor = Actor::Anonymous;
        context.ip = Some(IpAddr::from([192, 0, 2, last]));
        context
    }

    fn counts(refused: &[Refused]) -> Vec<(u32, i64)> {
        refused.iter().map(|r| (r.command.count, r.command.at.0)).collect()
    }

    #[test]
    fn the_first_refusal_is_written_at_once_and_the_rest_of_the_minute_together() {
        let refusals = LoginRefusals::new();
        let at = |ms| refusals.refused(&from(1), ALICE, Some(Refusal::Secret), Timestamp(ms));
        assert_eq!(counts(at(1_000).as_slice()), [(1, 1_000)]);
        assert!(at(2_000).is_none());
        assert!(at(60_999).is_none());
        assert_eq!(counts(&refusals.due(Timestamp(60_999))), []);
        assert_eq!(counts(&refusals.due(Timestamp(61_000))), [(2, 2_000)]);
        assert!(at(61_001).is_none(), "a minute from the last event on");
        assert_eq!(counts(&refusals.due(Timestamp(200_000))), [(1, 61_001)]);
        assert_eq!(counts(&refusals.due(Timestamp(400_000))), []);
    }

    #[test]
    fn a_refusal_after_the_minute_takes_along_what_was_gathered() {
        let refusals = LoginRefusals::new();
        let at = |ms| refusals.refused(&from(1), ALICE, Some(Refusal::Secret), Timestamp(ms));
        at(0);
        at(10);
        assert_eq!(counts(at(60_000).as_slice()), [(2, 10)]);
        assert!(at(60_001).is_none());
    }

    #[test]
    fn accounts_addresses_and_reasons_are_counted_apart() {
        let refusals = LoginRefusals::new();
        let first = |ip, user, reason| refusals.refused(&from(ip), user, reason, Timestamp(5)).is_some();
        assert!(first(1, ALICE, Some(Refusal::Secret)));
        assert!(first(2, ALICE, Some(Refusal::Secret)));
        assert!(first(1, BOB, Some(Refusal::Secret)));
        assert!(first(1, ALICE, Some(Refusal::ClientVersion)));
        assert!(!first(1, ALICE, Some(Refusal::Secret)));
        assert_eq!(counts(&refusals.rest()), [(1, 5)]);
    }
}
