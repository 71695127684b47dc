//! Sends what is due.

use super::{MailQueue, Payload, QueueSettings, store::Claimed};
use crate::{
    template::Site,
    transport::{Outgoing, SendError, Transport},
};
use commands::ports::SealError;
use futures::future::join_all;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

/// How often old rows are taken out.
const PRUNE_EVERY: Duration = Duration::from_secs(3600);

/// A worker over a queue. Any number may run, in any number of processes.
pub struct Worker {
    queue: MailQueue,
    transport: Arc<dyn Transport>,
    site: Site,
    settings: QueueSettings,
}

/// What became of one try.
enum Outcome {
    Sent,
    Erased,
    Deferred(String),
    Failed(String),
}

impl Worker {
    /// A worker that sends over `transport`, with links to `site`.
    pub fn new(queue: MailQueue, transport: Arc<dyn Transport>, site: Site, settings: QueueSettings) -> Self {
        Self {
            queue,
            transport,
            site,
            settings,
        }
    }

    /// Works until `stop` is done. What is being sent then is finished first, which takes `send_within` at most: cut off
    /// it would be sent again.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        let mut stop = pin!(stop);
        let mut reachable = true;
        let mut pruned: Option<Instant> = None;
        loop {
            if pruned.is_none_or(|at| at.elapsed() >= PRUNE_EVERY) && self.queue.prune(&self.settings).await.is_ok() {
                pruned = Some(Instant::now());
            }
            let done = self.tick().await;
            match &done {
                Ok(_) if !reachable => tracing::info!("the mail queue can be reached again"),
                Err(error) if reachable => tracing::warn!(%error, "the mail queue cannot be reached"),
                _ => {}
            }
            reachable = done.is_ok();
            let busy = done.is_ok_and(|tried| tried > 0);
            tokio::select! {
                biased;
                () = &mut stop => return,
                () = std::future::ready(()), if busy => {}
                () = self.queue.wake.notified() => {}
                () = sleep(self.settings.poll) => {}
            }
        }
    }

    /// Tries what is due now, at most `lanes` letters; answers how many.
    ///
    /// # Errors
    /// The database could not be read. A result that could not be written comes back as another try after the lease.
    pub async fn tick(&self) -> Result<usize, sqlx::Error> {
        let claimed = self.queue.claim(&self.settings).await?;
        let outcomes = join_all(claimed.iter().map(|mail| self.try_one(mail))).await;
        for result in outcomes {
            result?;
        }
        Ok(claimed.len())
    }

    async fn try_one(&self, mail: &Claimed) -> Result<(), sqlx::Error> {
        match self.send(mail).await {
            Outcome::Sent => {
                metrics::counter!("annalock_mail_sent_total").increment(1);
                self.queue.mark_sent(mail).await
            }
            Outcome::Erased => self.queue.drop_erased(mail).await,
            Outcome::Deferred(why) if mail.attempts < self.settings.max_attempts => {
                let wait = self.settings.wait_after(mail.attempts);
                metrics::counter!("annalock_mail_deferred_total").increment(1);
                tracing::warn!(mail.id = %mail.id, attempts = mail.attempts, wait_seconds = wait.as_secs(), error = why, "letter not sent, tried again later");
                self.queue.mark_deferred(mail, &why, wait).await
            }
            Outcome::Deferred(why) | Outcome::Failed(why) => {
                metrics::counter!("annalock_mail_failed_total").increment(1);
                tracing::error!(mail.id = %mail.id, attempts = mail.attempts, error = why, "letter given up");
                self.queue.mark_failed(mail, &why).await
            }
        }
    }

    async fn send(&self, mail: &Claimed) -> Outcome {
        if mail.attempts > self.settings.max_attempts {
            return Outcome::Failed("every worker that tried to send it ended meanwhile".into());
        }
        let open = match self.queue.sealer.open(mail.subject, mail.id, &mail.payload).await {
            Ok(Some(open)) => open,
            Ok(None) | Err(SealError::Erased(_)) => return Outcome::Erased,
            Err(SealError::Unavailable(_)) => {
                return Outcome::Deferred("the key of its subject cannot be reached".into());
            }
            Err(SealError::Damaged(_)) => {
                return Outcome::Failed("it does not open under the key of its subject".into());
            }
        };
        let Ok(Payload { to, letter }) = serde_json::from_slice::<Payload>(&open) else {
            // put in by a newer version: another worker may know it
            return Outcome::Deferred("this version does not know such a letter".into());
        };
        if letter.good_for().is_some_and(|limit| mail.age >= limit) {
            return Outcome::Failed("its code ran out before it could be sent".into());
        }
        let content = letter.render(&self.site);
        let outgoing = Outgoing {
            id: mail.id,
            to,
            letter: letter.kind(),
            content,
            at: mail.created_at,
        };
        match timeout(self.settings.send_within, self.transport.send(&outgoing)).await {
            Ok(Ok(())) => Outcome::Sent,
            Ok(Err(SendError::Permanent(why))) => Outcome::Failed(why),
            Ok(Err(SendError::Temporary(why))) => Outcome::Deferred(why),
            Err(_) => Outcome::Deferred("sending took too long".into()),
        }
    }
}
