//! Mail: which events a letter goes out for, and the work that sends it.

mod letters;
mod process;
mod sealer;

use crate::{compose::Shell, keys::Keys, stores::Stores, tail::Tail};
use anyhow::{Context as _, Result};
use mail::{MailQueue, OutboxTransport, QueueSettings, Site, SmtpTransport, Transport, Worker};
use passwords::HmacProofs;
use process::Process;
use projections::feed::Subscription;
use sealer::KeyringSealer;
use sqlx::PgPool;
use std::sync::Arc;
use write_api::WriteApi;

/// The queue of letters.
pub fn queue(pool: PgPool, stores: &Stores) -> MailQueue {
    MailQueue::new(pool, Arc::new(KeyringSealer(Arc::clone(&stores.keyring))))
}

/// Starts to write letters for events and to send them.
///
/// # Errors
/// When the settings for mail cannot be used, or the stores not be asked.
pub async fn start(shell: &Shell, keys: &Keys, stores: &Stores, tail: &Arc<Tail>, app: &WriteApi) -> Result<()> {
    let site = Site::new(shell.config.public_url.as_str())?;
    let transport: Arc<dyn Transport> = match &shell.config.smtp_url {
        Some(url) => Arc::new(SmtpTransport::new(url.expose(), &site).context("ANNALOCK_SMTP_URL")?),
        None => Arc::new(OutboxTransport::new(shell.data.outbox(), &site)),
    };
    let queue = queue(stores.pool.clone(), stores);
    let process = Process {
        pool: stores.pool.clone(),
        feed: Arc::clone(tail) as Arc<dyn Subscription>,
        queue: queue.clone(),
        letters: letters::Letters {
            executor: app.executor.clone(),
            proofs: Arc::new(HmacProofs::new(&*keys.secret("proofs")?)),
            verify_signups: shell.config.signups_verify,
        },
    };
    // before anybody can ask for anything: what happens from now on is told
    process.begin().await.context("where mail begins")?;
    let stop = shell.shutdown.background.clone();
    let until = stop.clone();
    shell.shutdown.tasks.spawn(async move {
        until.run_until_cancelled(process.run()).await;
    });
    let worker = Worker::new(queue, transport, site, QueueSettings::default());
    shell
        .shutdown
        .tasks
        .spawn(worker.run(async move { stop.cancelled().await }));
    Ok(())
}
