//! Everything `/sync` answers from: one projector, one checkpoint, one transaction for each batch.

pub mod account;
pub mod cipher;
pub mod device;
pub mod folder;
pub mod read;
pub mod revision;

use crate::{
    projector::{Changes, Projector, ProjectorError},
    rows::Rows,
};
use account::{AccountView, Accounts};
use async_trait::async_trait;
use cipher::{CipherRow, Ciphers};
use device::Devices;
use domain::{
    account::user::{User, UserEvent},
    activity::{Activity, ActivityEvent},
    device::{Device, DeviceEvent},
    event::{Aggregate, DomainEvent, Position, StoredEvent},
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
enum Event {
    User(UserEvent),
    Cipher(CipherEvent),
    Folder(FolderEvent),
    Device(DeviceEvent),
    Activity(ActivityEvent),
}

impl Event {
    fn decode(stored: &StoredEvent) -> Result<Option<Self>, ProjectorError> {
        fn of<A: Aggregate>(stored: &StoredEvent) -> Result<A::Event, ProjectorError> {
            Ok(A::Event::decode(&stored.type_name, stored.schema, &stored.data)?)
        }
        Ok(Some(match &*stored.stream.category {
            User::CATEGORY => Self::User(of::<User>(stored)?),
            Cipher::CATEGORY => Self::Cipher(of::<Cipher>(stored)?),
            Folder::CATEGORY => Self::Folder(of::<Folder>(stored)?),
            Device::CATEGORY => Self::Device(of::<Device>(stored)?),
            Activity::CATEGORY => Self::Activity(of::<Activity>(stored)?),
            _ => return Ok(None),
        }))
    }
}

/// The rows a batch touches, table by table.
struct Touched {
    accounts: Rows<Accounts>,
    ciphers: Rows<Ciphers>,
    folders: Rows<Folders>,
    devices: Rows<Devices>,
    revisions: Revisions,
}

impl Touched {
    async fn load(connection: &mut PgConnection, events: &[(&StoredEvent, Event)]) -> Result<Self, ProjectorError> {
        // a stream's first event finds no row; any other may
        let keys = |of: fn(&StoredEvent, &Event) -> Option<Uuid>| {
            let (mut wanted, mut fresh) = (Vec::new(), Vec::new());
            let mut seen = std::collections::HashSet::new();
            for (stored, event) in events {
                if let Some(key) = of(stored, event)
                    && seen.insert(key)
                {
                    let first = stored.revision.0 == 0 && stored.stream.id == key;
                    if first { fresh.push(key) } else { wanted.push(key) }
                }
            }
            (wanted, fresh)
        };
        let (wanted, fresh) = keys(|stored, event| matches!(event, Event::User(_)).then_some(stored.stream.id));
        let accounts = Rows::load(connection, wanted, fresh).await?;
        let (wanted, fresh) = keys(|stored, event| matches!(event, Event::Cipher(_)).then_some(stored.stream.id));
        let ciphers = Rows::load(connection, wanted, fresh).await?;
        let (wanted, fresh) = keys(|stored, event| matches!(event, Event::Folder(_)).then_some(stored.stream.id));
        let folders = Rows::load(connection, wanted, fresh).await?;
        let (wanted, fresh) = keys(|stored, event| match event {
            Event::Device(_) => Some(stored.stream.id),
            Event::Activity(ActivityEvent::LoggedIn { device, .. }) => Some(device.0),
            _ => None,
        });
        let devices = Rows::load(connection, wanted, fresh).await?;
        Ok(Self {
            accounts,
            ciphers,
            folders,
            devices,
            revisions: Revisions::default(),
        })
    }

    fn apply(&mut self, stored: &StoredEvent, event: &Event) {
        let key = stored.stream.id;
        match event {
            Event::User(event) => {
                self.accounts.evolve(key, |row| account::evolve(row, event));
                if account::shows(event) && self.accounts.get(key).is_some() {
                    self.revisions.note(UserId(key), stored.position, event.at());
                }
            }
            Event::Cipher(event) => {
                let before = self.ciphers.get(key).map(|row| row.owner);
                self.ciphers
                    .evolve(key, |row| cipher::evolve(row, CipherId(key), event));
                if let Some(owner) = self.ciphers.get(key).map(|row| row.owner).or(before) {
                    self.revisions.note(owner, stored.position, event.at());
                }
            }
            Event::Folder(event) => {
                let before = self.folders.get(key).map(|row| row.owner);
                self.folders.evolve(key, |row| folder::evolve(row, event));
                if let Some(owner) = self.folders.get(key).map(|row| row.owner).or(before) {
                    self.revisions.note(owner, stored.position, event.at());
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

    async fn save(&mut self, connection: &mut PgConnection, changes: &mut SyncChanges) -> Result<(), ProjectorError> {
        let accounts = self.accounts.save(connection).await?;
        changes
            .accounts
            .extend(accounts.into_iter().map(|(key, row)| (UserId(key), row)));
        changes.ciphers.extend(self.ciphers.save(connection).await?);
        changes.folders.extend(self.folders.save(connection).await?);
        self.devices.save(connection).await?;
        changes.revisions.extend(self.revisions.save(connection).await?);
        Ok(())
    }

    /// An account is gone, and all that is in it: rows of this batch are written first, then the tables are swept.
    async fn sweep(
        &mut self,
        connection: &mut PgConnection,
        user: UserId,
        changes: &mut SyncChanges,
    ) -> Result<(), ProjectorError> {
        self.save(connection, changes).await?;
        self.ciphers.forget(|row| row.owner == user);
        self.folders.forget(|row| row.owner == user);
        self.devices.forget(|row| row.user == user);
        self.revisions.forget(user);
        let gone = |statement: &'static str| sqlx::query_scalar::<_, Uuid>(statement).bind(user.0);
        let ciphers = gone("delete from cipher where owner_id = $1 returning cipher_id");
        let ciphers = ciphers.fetch_all(&mut *connection).await?;
        changes.ciphers.extend(ciphers.into_iter().map(|id| (id, None)));
        let folders = gone("delete from folder where owner_id = $1 returning folder_id");
        let folders = folders.fetch_all(&mut *connection).await?;
        changes.folders.extend(folders.into_iter().map(|id| (id, None)));
        for statement in [
            "delete from device where user_id = $1",
            "delete from revision where user_id = $1",
        ] {
            sqlx::query(statement).bind(user.0).execute(&mut *connection).await?;
        }
        Ok(())
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

    async fn apply(&self, connection: &mut PgConnection, events: &[StoredEvent]) -> Result<Changes, ProjectorError> {
        let mut decoded = Vec::with_capacity(events.len());
        for stored in events {
            if let Some(event) = Event::decode(stored)? {
                decoded.push((stored, event));
            }
        }
        let mut changes = Changes::default();
        let mut touched = Touched::load(connection, &decoded).await?;
        for (stored, event) in &decoded {
            touched.apply(stored, event);
            if let Event::User(UserEvent::Deleted { .. }) = event {
                touched
                    .sweep(connection, UserId(stored.stream.id), &mut changes.sync)
                    .await?;
            }
        }
        touched.save(connection, &mut changes.sync).await?;
        Ok(changes)
    }

    fn published(&self, changes: Changes, position: Position) {
        if let Some(live) = &self.live {
            live.publish(changes.sync, position);
        }
    }
}
