//! The one task of this process that appends: what gathers while a commit runs is the next batch.

use crate::batch::{self, rows, take};
use crate::fault::Failure;
use crate::queue::Group;
use crate::session::Session;
use crate::settings::Settings;
use crate::wake::Wake;
use commands::ports::{AppendError, Appended};
use domain::event::Position;
use sqlx::postgres::PgConnectOptions;
use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
    time::Duration,
};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{info, warn};

/// The first pause before a batch is tried again; it doubles up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(10);
const LONGEST_PAUSE: Duration = Duration::from_millis(250);
/// While this many batches' worth of appends wait for their streams, no more are taken from the queue.
const WAITING_BATCHES: usize = 4;

pub(crate) struct Appender {
    pub queue: mpsc::Receiver<Group>,
    pub options: PgConnectOptions,
    pub settings: Settings,
    pub wake: Arc<Wake>,
    pub session: Option<Session>,
    /// The last position this task knows of: a try in doubt lies behind it.
    pub known: Position,
    /// Set when no more appends are let in; what waits is still stored.
    pub closing: watch::Receiver<bool>,
}

impl Appender {
    /// Runs until the queue is closed and empty.
    pub async fn run(mut self) {
        let mut waiting: VecDeque<Group> = VecDeque::new();
        let mut arrived = Vec::with_capacity(self.settings.batch_groups);
        loop {
            if *self.closing.borrow() {
                self.queue.close();
            }
            if waiting.is_empty() {
                let Self {
                    queue,
                    closing,
                    settings,
                    ..
                } = &mut self;
                tokio::select! {
                    got = queue.recv_many(&mut arrived, settings.batch_groups) => if got == 0 { break },
                    Ok(()) = closing.changed() => continue,
                }
            }
            waiting.extend(arrived.drain(..));
            while waiting.len() < WAITING_BATCHES * self.settings.batch_groups {
                let Ok(group) = self.queue.try_recv() else { break };
                waiting.push_back(group);
            }
            let groups = take(&mut waiting, &self.settings);
            self.store(groups).await;
        }
    }

    /// Stores `groups` and answers each. One that is refused must not fail its neighbours.
    async fn store(&mut self, groups: Vec<Group>) {
        let mut in_doubt = false;
        let Some((groups, why)) = self.insist(groups, &mut in_doubt).await else {
            return;
        };
        if groups.len() > 1 {
            warn!(
                why,
                groups = groups.len(),
                "a batch of appends was refused; storing them one by one"
            );
            for group in groups {
                if let Some((refused, why)) = self.insist(vec![group], &mut in_doubt).await {
                    refuse(refused, &why);
                }
            }
        } else {
            refuse(groups, &why);
        }
    }

    /// Tries again with the same ids until every group is answered, for as long as each has patience. Gives back those
    /// that no further try could store, and why.
    async fn insist(&mut self, mut groups: Vec<Group>, in_doubt: &mut bool) -> Option<(Vec<Group>, String)> {
        let mut pause = FIRST_PAUSE;
        for tries in 1_u32.. {
            let why = match self.attempt(&mut groups, *in_doubt).await {
                Ok(()) if tries > 1 => {
                    info!(tries, "appends are stored again");
                    break;
                }
                Ok(()) => break,
                Err(Failure::Refused(why)) => return Some((groups, why)),
                Err(Failure::Lost(why)) => {
                    (self.session, *in_doubt) = (None, true);
                    why
                }
                Err(Failure::Again(why)) => why,
            };
            if tries == 1 {
                warn!(why, groups = groups.len(), "appends could not be stored; trying again");
            }
            metrics::counter!("eventstore_append_retries_total").increment(1);
            groups = self.without_impatient(groups, &why);
            if groups.is_empty() {
                break;
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
        None
    }

    /// One try. On success every group is answered and `groups` is empty; else it holds those not yet answered.
    async fn attempt(&mut self, groups: &mut Vec<Group>, in_doubt: bool) -> Result<(), Failure> {
        let began = Instant::now();
        let limit = self.settings.call_timeout;
        let late = |_| Failure::Lost(format!("no answer within {} s", limit.as_secs()));
        let mut session = match self.session.take() {
            Some(session) => session,
            None => {
                let opening = Session::open(&self.options, self.settings.lock_timeout);
                let (session, head) = timeout(self.settings.patience, opening).await.map_err(late)??;
                if !in_doubt {
                    self.known = head;
                }
                session
            }
        };
        if in_doubt {
            let found = timeout(limit, session.find(groups, self.known)).await.map_err(late)??;
            answer_found(groups, found);
            if groups.is_empty() {
                self.session = Some(session);
                return Ok(());
            }
        }
        let rows = rows(groups);
        let outcomes = match timeout(limit, session.append(groups, &rows)).await.map_err(late)? {
            Ok(outcomes) => outcomes,
            Err(failure) => {
                if !matches!(failure, Failure::Lost(_)) {
                    self.session = Some(session);
                }
                return Err(failure);
            }
        };
        self.session = Some(session);
        let head = outcomes
            .iter()
            .filter_map(|o| o.last_position)
            .max()
            .map_or(self.known, |p| Position(p.cast_unsigned()));
        self.known = self.known.max(head);
        self.wake.stored_here(self.known);
        metrics::histogram!("eventstore_append_seconds").record(began.elapsed());
        metrics::histogram!("eventstore_append_events").record(groups.iter().map(|g| g.events as f64).sum::<f64>());
        let answers = batch::answers(groups, &rows, &outcomes);
        for (group, answer) in groups.drain(..).zip(answers) {
            // who no longer waits for the answer does not get it
            let _ = group.answer.send(answer);
        }
        Ok(())
    }

    /// `groups` without those that asked too long ago, which are told so.
    fn without_impatient(&self, groups: Vec<Group>, why: &str) -> Vec<Group> {
        let (late, patient): (Vec<_>, Vec<_>) = groups
            .into_iter()
            .partition(|g| g.asked.elapsed() >= self.settings.patience);
        late.into_iter().for_each(|g| give_up(g, why));
        patient
    }
}

fn refuse(groups: Vec<Group>, why: &str) {
    warn!(why, "an append was refused");
    groups.into_iter().for_each(|g| give_up(g, why));
}

fn give_up(group: Group, why: &str) {
    let _ = group.answer.send(Err(AppendError::Unavailable(why.to_owned())));
}

/// Answers the groups that an earlier try stored, and takes them out.
fn answer_found(groups: &mut Vec<Group>, mut found: HashMap<usize, Vec<Appended>>) {
    let mut rest = Vec::with_capacity(groups.len());
    for (i, group) in groups.drain(..).enumerate() {
        match found.remove(&i) {
            Some(appended) => {
                let _ = group.answer.send(Ok(appended));
            }
            None => rest.push(group),
        }
    }
    *groups = rest;
}
