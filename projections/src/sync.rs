//! Everything `/sync` answers from: one projector, one checkpoint, one transaction for each batch.

pub mod account;
pub mod cipher;
pub mod device;
pub mod folder;
pub mod read;
pub mod revision;

use crate::{
    ahead::{Ahead, Reading},
    feed::Subscription,
    projector::{Changes, Projector, ProjectorError},
    rows::Rows,
    work::{self, Touch, Work},
};
use account::{AccountView, Accounts};
use async_trait::async_trait;
use cipher::{CipherRow, Ciphers};
use device::Devices;
use domain::{
    account::user::{User, UserEvent},
    activity::{Activity, ActivityEvent},
    device::{Device, DeviceEvent},
    event::{Aggregate, DecodeError, DomainEvent, Position, Recorded, StoredEvent},
    id::{CipherId, UserId},
    vault::{
        cipher::{Cipher, CipherEvent},
        folder::{Folder, FolderEvent},
    },
};
use folder::{FolderRow, Folders};
use revision::{Revision, Revisions};
use sqlx::PgConnection;
use std::sync::Arc;
use uuid::Uuid;

/// What a batch changed.
#[derive(Debug, Default)]
pub struct SyncChanges {
    /// Accounts; `None` if gone.
    pub accounts: Vec<(UserId, Option<AccountView>)>,
    /// Items; `None` if gone.
    pub ciphers: Vec<(Uuid, Option<CipherRow>)>,
    /// Folders; `None` if gone.
    pub folders: Vec<(Uuid, Option<FolderRow>)>,
    /// Where vaults are now.
    pub revisions: Vec<(UserId, Revision)>,
}

/// An event of a category that concerns this projector.
pub(crate) enum Event {
    User(UserEvent),
    Cipher(CipherEvent),
    Folder(FolderEvent),
    Device(DeviceEvent),
    Activity(ActivityEvent),
}

/// The rows events touch, table by table. A new table is a field here, a line in `new`, `take`, `save` and `loaded`, and
/// an arm in `apply`; where its rows belong to somebody who can be gone, a line in `sweep`.
pub(crate) struct Touched {
    accounts: Rows<Accounts>,
    ciphers: Rows<Ciphers>,
    folders: Rows<Folders>,
    devices: Rows<Devices>,
    revisions: Revisions,
}

impl Work for Touched {
    type Event = Event;

    fn new(empty: bool) -> Self {
        Self {
            accounts: Rows::new(empty),
            ciphers: Rows::new(empty),
            folders: Rows::new(empty),
            devices: Rows::new(empty),
            revisions: Revisions::default(),
        }
    }

    fn decode(stored: &StoredEvent) -> Result<Option<Event>, DecodeError> {
        fn of<A: Aggregate>(stored: &StoredEvent) -> Result<A::Event, DecodeError> {
            A::Event::decode(&stored.type_name, stored.schema, &stored.data)
        }
        Ok(Some(match &*stored.stream.category {
            User::CATEGORY => Event::User(of::<User>(stored)?),
            Cipher::CATEGORY => Event::Cipher(of::<Cipher>(stored)?),
            Folder::CATEGORY => Event::Folder(of::<Folder>(stored)?),
            Device::CATEGORY => Event::Device(of::<Device>(stored)?),
            Activity::CATEGORY => Event::Activity(of::<Activity>(stored)?),
            _ => return Ok(None),
        }))
    }

    async fn take(
        &mut self,
        connection: &mut PgConnection,
        events: Vec<Recorded<Event>>,
    ) -> Result<(), ProjectorError> {
        work::load(&mut self.accounts, connection, &events, |recorded| {
            matches!(recorded.event, Event::User(_)).then_some(Touch::Stream)
        })
        .await?;
        work::load(&mut self.ciphers, connection, &events, |recorded| {
            matches!(recorded.event, Event::Cipher(_)).then_some(Touch::Stream)
        })
        .await?;
        work::load(&mut self.folders, connection, &events, |recorded| {
            matches!(recorded.event, Event::Folder(_)).then_some(Touch::Stream)
        })
        .await?;
        work::load(&mut self.devices, connection, &events, |recorded| {
            match &recorded.event {
                Event::Device(_) => Some(Touch::Stream),
                Event::Activity(ActivityEvent::LoggedIn { device, .. }) => Some(Touch::Other(device.0)),
                _ => None,
            }
        })
        .await?;
        for recorded in &events {
            self.apply(recorded);
        }
        Ok(())
    }

    async fn save(&mut self, connection: &mut PgConnection) -> Result<Changes, ProjectorError> {
        let accounts = self.accounts.save(connection).await?;
        let sync = SyncChanges {
            accounts: accounts.into_iter().map(|(key, row)| (UserId(key), row)).collect(),
            ciphers: self.ciphers.save(connection).await?,
            folders: self.folders.save(connection).await?,
            revisions: self.revisions.save(connection).await?,
        };
        self.devices.save(connection).await?;
        Ok(Changes { sync })
    }

    fn loaded(&self) -> usize {
        self.accounts.loaded() + self.ciphers.loaded() + self.folders.loaded() + self.devices.loaded()
    }
}

impl Touched {
    fn apply(&mut self, recorded: &Recorded<Event>) {
        let (key, position) = (recorded.stream_id, recorded.position);
        match &recorded.event {
            Event::User(event) => {
                self.accounts.evolve(key, |row| account::evolve(row, event));
                if account::shows(event) && self.accounts.get(key).is_some() {
                    self.revisions.note(UserId(key), position, event.at());
                }
                if let UserEvent::Deleted { .. } = event {
                    self.sweep(key);
                }
            }
            Event::Cipher(event) => {
                let before = self.ciphers.get(key).map(|row| row.owner);
                self.ciphers
                    .evolve(key, |row| cipher::evolve(row, CipherId(key), event));
                if let Some(owner) = self.ciphers.get(key).map(|row| row.owner).or(before) {
                    self.revisions.note(owner, position, event.at());
                }
            }
            Event::Folder(event) => {
                let before = self.folders.get(key).map(|row| row.owner);
                self.folders.evolve(key, |row| folder::evolve(row, event));
                if let Some(owner) = self.folders.get(key).map(|row| row.owner).or(before) {
                    self.revisions.note(owner, position, event.at());
                }
            }
            Event::Device(event) => self.devices.evolve(key, |row| device::evolve(row, event)),
            Event::Activity(ActivityEvent::LoggedIn { device, at, .. }) => {
                self.devices
                    .evolve(device.0, |row| row.map(|row| device::DeviceRow { active: *at, ..row }));
            }
            Event::Activity(_) => {}
        }
    }

    /// An account is gone, and all that is in it.
    fn sweep(&mut self, user: Uuid) {
        self.ciphers.sweep(user);
        self.folders.sweep(user);
        self.devices.sweep(user);
        self.revisions.sweep(UserId(user));
    }
}

/// The projector of everything `/sync` answers from.
#[derive(Clone, Default)]
pub struct SyncProjector {
    live: Option<Arc<crate::live::Live>>,
}

impl SyncProjector {
    /// One that tells `live` what it changed.
    pub fn new(live: Arc<crate::live::Live>) -> Self {
        Self { live: Some(live) }
    }
}

#[async_trait]
impl Projector for SyncProjector {
    fn name(&self) -> &'static str {
        "sync"
    }

    fn version(&self) -> i32 {
        2
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        &[
            ("account", "user_id"),
            ("cipher", "cipher_id"),
            ("folder", "folder_id"),
            ("device", "device_id"),
            ("revision", "user_id"),
        ]
    }

    fn schema(&self) -> &'static str {
        include_str!("../schema/sync.sql")
    }

    fn indexes(&self) -> &'static str {
        include_str!("../schema/sync_indexes.sql")
    }

    fn wants(&self, category: &str) -> bool {
        [
            User::CATEGORY,
            Cipher::CATEGORY,
            Folder::CATEGORY,
            Device::CATEGORY,
            Activity::CATEGORY,
        ]
        .contains(&category)
    }

    fn wants_metadata(&self) -> bool {
        false
    }

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        work::apply::<Touched>(connection, events).await
    }

    fn read_ahead(&self, feed: Arc<dyn Subscription>, after: Position, limit: Option<Position>) -> Box<dyn Ahead> {
        Box::new(Reading::<Touched>::start(feed, after, limit))
    }

    fn published(&self, changes: Changes, position: Position) {
        if let Some(live) = &self.live {
            live.publish(changes.sync, position);
        }
    }
}
