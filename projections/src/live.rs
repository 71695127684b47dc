//! What the projector tells this process as it goes: how far it is, where each person's vault is, and the rows it just
//! wrote. Answered from memory, and forgotten when it is too much.

mod accounts;
mod rows;
mod standings;

use crate::sync::{StandingChanges, SyncChanges, cipher::CipherRow, folder::FolderRow, revision::Revision};
use accounts::{Changing, Known};
pub use accounts::{LoadTicket, UserParts, UserState};
use domain::{
    event::Position,
    id::{CollectionId, OrganizationId, UserId},
    organization::access::Standing,
};
use lru::LruCache;
use rows::{Rows, forget, remember};
pub(crate) use standings::StandingTicket;
use standings::Standings;
use std::{
    num::NonZeroUsize,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::{Notify, watch};

/// How many accounts are remembered.
const USERS: usize = 100_000;
/// How many written rows are remembered, of each kind.
const ROWS: usize = 4_096;

/// How long a process counts as the owner after the database said so. It may have lost its connection since, and with it the lock,
/// without noticing; whoever takes over from another process waits so long before anything changes.
pub(crate) const LEASE: Duration = Duration::from_millis(600);

/// How long changes may be acknowledged ahead of the read models before writers wait for them too: a projector that
/// cannot follow slows down those who make it work, not those who read.
const AHEAD: Duration = Duration::from_millis(100);

/// What the projector tells this process.
pub struct Live {
    position: watch::Sender<Position>,
    /// The last position this process told a writer of: what is read from now on must show it.
    acknowledged: AtomicU64,
    /// The last position a writer was told of when the read models showed it: rights that were given or taken are among them.
    shown: AtomicU64,
    /// A position the read models have not reached yet, and since when.
    ahead: Mutex<(Position, Instant)>,
    gather: Duration,
    /// How many wait for the read models, and what wakes a projector that lets events gather.
    waiting: AtomicUsize,
    wanted: Notify,
    /// This process owns the projector, so what is remembered is all there is.
    owner: AtomicBool,
    born: Instant,
    /// When that was last known for sure: microseconds since `born`.
    confirmed: AtomicU64,
    generation: AtomicU64,
    late: AtomicU64,
    /// A mark of what is parked, where another process owns the projector.
    parked: AtomicU64,
    /// Numbers of [`LoadTicket`]s.
    tickets: AtomicU64,
    users: Mutex<LruCache<UserId, Known>>,
    /// Where organizations are. Positions only grow, so what is written last counts, whoever read it.
    organizations: Mutex<LruCache<OrganizationId, Revision>>,
    ciphers: Rows<CipherRow>,
    folders: Rows<FolderRow>,
    standings: Mutex<Standings>,
    changing: Mutex<Changing>,
}

fn lru<K: std::hash::Hash + Eq, V>(capacity: usize) -> Mutex<LruCache<K, V>> {
    Mutex::new(LruCache::new(NonZeroUsize::new(capacity).unwrap_or(NonZeroUsize::MIN)))
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Live {
    /// What a projector tells this process that lets events gather for `gather` while nobody here waits for them.
    pub fn gathering(gather: Duration) -> Self {
        Self {
            gather,
            position: watch::Sender::new(Position::START),
            acknowledged: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            ahead: Mutex::new((Position::START, Instant::now())),
            waiting: AtomicUsize::new(0),
            wanted: Notify::new(),
            owner: AtomicBool::new(false),
            born: Instant::now(),
            confirmed: AtomicU64::new(0),
            generation: AtomicU64::new(0),
            late: AtomicU64::new(0),
            parked: AtomicU64::new(0),
            tickets: AtomicU64::new(0),
            users: lru(USERS),
            organizations: lru(USERS),
            ciphers: lru(ROWS),
            folders: lru(ROWS),
            standings: Mutex::default(),
            changing: Mutex::default(),
        }
    }
}

impl Live {
    /// How far the read models are.
    pub fn position(&self) -> Position {
        *self.position.borrow()
    }

    /// The generation that is read from, and how often something came late into it: bodies made from another one are void.
    pub fn generation(&self) -> u64 {
        let late = self.late.load(Ordering::Acquire) << 32;
        late | self.generation.load(Ordering::Acquire)
    }

    /// An event that was parked was applied: what it changed may look older than what is known.
    pub(crate) fn came_late(&self) {
        self.late.fetch_add(1, Ordering::AcqRel);
        lock(&self.standings).forget();
    }

    /// Waits until the read models have passed `position`: `false` if they have not within `limit`.
    pub async fn reached(&self, position: Position, limit: Duration) -> bool {
        if self.position() >= position {
            return true;
        }
        let _waiting = Waiting::of(self);
        let mut receiver = self.position.subscribe();
        let reached = receiver.wait_for(|now| *now >= position);
        matches!(tokio::time::timeout(limit, reached).await, Ok(Ok(_)))
    }

    /// Remembers that a writer is told of `position` before the read models show it: whoever reads after that waits for
    /// it. `false` if the read models have been behind for so long that the writer should wait as well.
    pub fn acknowledge(&self, position: Position) -> bool {
        self.acknowledged.fetch_max(position.0, Ordering::AcqRel);
        let now = self.position();
        if now >= position {
            return true;
        }
        let mut ahead = lock(&self.ahead);
        if ahead.0 <= now {
            *ahead = (position, Instant::now());
        }
        ahead.1.elapsed() < AHEAD
    }

    /// The last position a writer was told of by this process.
    pub fn acknowledged(&self) -> Position {
        Position(self.acknowledged.load(Ordering::Acquire))
    }

    /// Remembers that somebody is told of `position` because the read models show it. Should they go back behind it, for what
    /// a crash of the database takes, who reads waits for it again.
    pub fn show(&self, position: Position) {
        self.shown.fetch_max(position.0, Ordering::AcqRel);
    }

    /// The last position somebody was told of because the read models showed it.
    pub fn shown(&self) -> Position {
        Position(self.shown.load(Ordering::Acquire))
    }

    /// Whether this process owns the projector. Known of what was confirmed lately: see [`LEASE`].
    pub fn is_owner(&self) -> bool {
        let confirmed = Duration::from_micros(self.confirmed.load(Ordering::Acquire));
        self.owner.load(Ordering::Acquire) && self.born.elapsed() < confirmed + LEASE
    }

    /// Whether this process owns the projector as far as it knows, confirmed lately or not.
    pub fn takes_itself_for_the_owner(&self) -> bool {
        self.owner.load(Ordering::Acquire)
    }

    /// The database confirmed that this process owns the projector, to a question asked at `asked`.
    pub(crate) fn confirm(&self, asked: Instant) {
        let since = asked.saturating_duration_since(self.born).as_micros() as u64;
        self.confirmed.fetch_max(since, Ordering::AcqRel);
    }

    /// How often a process that does not own the projector looks how far it is.
    pub(crate) fn look_every(&self) -> Duration {
        (self.gather / 2).max(Duration::from_millis(5))
    }

    /// Ends when somebody waits for the read models, and when events have gathered for long enough.
    pub(crate) async fn gathered(&self) {
        if self.waiting.load(Ordering::Acquire) == 0 {
            let _ = tokio::time::timeout(self.gather, self.wanted.notified()).await;
        }
    }

    /// A batch that changes this is about to be committed. Another process may see it, and say so, before this one is told that it is:
    /// until then nothing is known of whose rights it is about.
    pub(crate) fn changing(&self, changes: &SyncChanges) {
        let accounts = changes.accounts.iter().map(|(user, _)| *user);
        let users = accounts.chain(changes.members.iter().copied());
        lock(&self.changing).users.extend(users);
        lock(&self.standings).changing(&changes.standings);
        forget(&self.ciphers, &changes.ciphers);
        forget(&self.folders, &changes.folders);
    }

    /// An event is about to be parked: the same, whoever it is about.
    pub(crate) fn parking(&self) {
        lock(&self.changing).everybody = true;
        let everywhere = StandingChanges {
            everywhere: true,
            ..StandingChanges::default()
        };
        lock(&self.standings).changing(&everywhere);
    }

    /// An event was parked: whose rights it was about is to be read again, and what was made before may show what it takes away.
    pub(crate) fn parked(&self) {
        lock(&self.users).clear();
        self.came_late();
        *lock(&self.changing) = Changing::default();
    }

    /// What is parked, by the mark it has, as the owner of the projector left it: when that is another one, what was made before may
    /// show what a parked event takes away.
    pub(crate) fn follow_parked(&self, mark: u64) {
        if self.parked.swap(mark, Ordering::AcqRel) != mark {
            self.came_late();
        }
    }

    /// Where somebody who is confirmed in an organization stands, with what they have in the collections that are `asked` about. A
    /// process that does not own the projector remembers nothing.
    ///
    /// # Errors
    /// If it must be read: what to show to [`Live::stands`] then, where it may be remembered.
    pub(crate) fn standing(
        &self,
        user: UserId,
        organization: OrganizationId,
        asked: &[CollectionId],
    ) -> Result<Standing, Option<StandingTicket>> {
        if !self.is_owner() {
            return Err(None);
        }
        lock(&self.standings).find(user, organization, asked)
    }

    /// Remembers where somebody stands, unless that may have changed since the ticket was given.
    pub(crate) fn stands(&self, ticket: StandingTicket, asked: &[CollectionId], standing: &Standing) {
        if self.is_owner() {
            lock(&self.standings).remember(ticket, asked, standing);
        }
    }

    /// This process owns the projector from now on, or no longer; either way what was remembered may be old.
    pub(crate) fn set_owner(&self, owner: bool) {
        self.owner.store(owner, Ordering::Release);
        lock(&self.users).clear();
        lock(&self.organizations).clear();
        lock(&self.ciphers).clear();
        lock(&self.folders).clear();
        lock(&self.standings).forget();
        *lock(&self.changing) = Changing::default();
    }

    /// Another generation is read from now on.
    pub(crate) fn set_generation(&self, number: i32) {
        if self.generation.swap(number as u64, Ordering::AcqRel) != number as u64 {
            lock(&self.standings).forget();
        }
    }

    /// The read models are at `position`, whatever was known before: a database that crashed may have lost the last of what
    /// it had committed, and then it is made again.
    pub(crate) fn found_at(&self, position: Position) {
        self.position
            .send_if_modified(|now| std::mem::replace(now, position) != position);
    }

    /// The read models are at `position`, by what the database says.
    pub(crate) fn set_position(&self, position: Position) {
        self.position.send_if_modified(|now| {
            let later = position > *now;
            *now = position.max(*now);
            later
        });
    }

    /// Takes what a committed batch changed, then tells those who wait for `position`.
    pub(crate) fn publish(&self, changes: SyncChanges, position: Position) {
        self.take_accounts(&changes);
        lock(&self.standings).changed(&changes.standings);
        *lock(&self.changing) = Changing::default();
        remember(&self.ciphers, changes.ciphers);
        remember(&self.folders, changes.folders);
        self.set_position(position);
    }
}

/// Counts somebody who waits, for as long as they do.
struct Waiting<'l>(&'l Live);

impl<'l> Waiting<'l> {
    fn of(live: &'l Live) -> Self {
        live.waiting.fetch_add(1, Ordering::AcqRel);
        live.wanted.notify_one();
        Self(live)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::AcqRel);
    }
}
