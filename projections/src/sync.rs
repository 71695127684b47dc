//! Everything `/sync` answers from: one projector, one checkpoint, one transaction for each batch.

pub mod account;
pub mod cipher;
pub mod collection;
pub mod device;
pub mod filing;
pub mod folder;
pub mod group;
pub mod membership;
pub mod organization;
pub mod policy;
mod projector;
pub mod read;
pub mod revision;
pub mod shared;
pub mod task;

pub use projector::SyncProjector;

use crate::{
    projector::{Changes, ProjectorError},
    rows::Rows,
    work::{self, Touch, Work},
};
use account::{AccountView, Accounts};
use cipher::{CipherRow, Ciphers, Holder};
use collection::{Collections, Grants};
use device::Devices;
use domain::{
    account::user::{User, UserEvent},
    activity::{Activity, ActivityEvent},
    device::{Device, DeviceEvent},
    event::{Aggregate, DecodeError, DomainEvent, Recorded, StoredEvent},
    id::{CipherId, OrganizationId, UserId},
    organization::{
        collection::{Collection, CollectionEvent},
        grant::{Grant, GrantEvent},
        group::{Group, GroupEvent, GroupPlace, GroupPlaceEvent},
        membership::{Membership, MembershipEvent},
        policy::{Policy, PolicyEvent},
        profile::{Organization, OrganizationEvent},
        task::{Task, TaskEvent},
    },
    vault::{
        cipher::{Cipher, CipherEvent},
        filing::{Filing, FilingEvent},
        folder::{Folder, FolderEvent},
    },
};
use filing::Filings;
use folder::{FolderRow, Folders};
use group::{GroupPlaces, Groups};
use membership::Memberships;
use organization::Organizations;
use policy::Policies;
use revision::{Revision, Revisions};
use sqlx::PgConnection;
use std::collections::HashSet;
use task::Tasks;
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
    /// Where people's vaults and organizations are now.
    pub revisions: Vec<(Holder, Revision)>,
    /// Whose memberships changed.
    pub members: Vec<UserId>,
    /// Where somebody may stand otherwise than before.
    pub standings: StandingChanges,
}

/// Where somebody may stand otherwise than before: be another role, or have other rights in collections.
#[derive(Debug, Default)]
pub struct StandingChanges {
    /// In these.
    pub organizations: HashSet<OrganizationId>,
    /// In any.
    pub everywhere: bool,
}

/// An event of a category that concerns this projector.
pub(crate) enum Event {
    User(UserEvent),
    Cipher(CipherEvent),
    Folder(FolderEvent),
    Device(DeviceEvent),
    Activity(ActivityEvent),
    Organization(OrganizationEvent),
    Membership(MembershipEvent),
    Collection(CollectionEvent),
    Grant(GrantEvent),
    Group(GroupEvent),
    GroupPlace(GroupPlaceEvent),
    Policy(PolicyEvent),
    Filing(FilingEvent),
    Task(TaskEvent),
}

/// The rows events touch, table by table. A new table is a field here, a line in `new`, `take`, `save` and `loaded`, and
/// an arm in `apply`; where its rows belong to somebody who can be gone, a line in `sweep`.
pub(crate) struct Touched {
    accounts: Rows<Accounts>,
    ciphers: Rows<Ciphers>,
    folders: Rows<Folders>,
    devices: Rows<Devices>,
    organizations: Rows<Organizations>,
    memberships: Rows<Memberships>,
    collections: Rows<Collections>,
    grants: Rows<Grants>,
    groups: Rows<Groups>,
    places: Rows<GroupPlaces>,
    policies: Rows<Policies>,
    filings: Rows<Filings>,
    tasks: Rows<Tasks>,
    revisions: Revisions,
    members: Vec<UserId>,
    standings: StandingChanges,
    rights: bool,
}

impl Work for Touched {
    type Event = Event;

    fn new(empty: bool) -> Self {
        Self {
            accounts: Rows::new(empty),
            ciphers: Rows::new(empty),
            folders: Rows::new(empty),
            devices: Rows::new(empty),
            organizations: Rows::new(empty),
            memberships: Rows::new(empty),
            collections: Rows::new(empty),
            grants: Rows::new(empty),
            groups: Rows::new(empty),
            places: Rows::new(empty),
            policies: Rows::new(empty),
            filings: Rows::new(empty),
            tasks: Rows::new(empty),
            revisions: Revisions::default(),
            members: Vec::new(),
            standings: StandingChanges::default(),
            rights: false,
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
            Organization::CATEGORY => Event::Organization(of::<Organization>(stored)?),
            Membership::CATEGORY => Event::Membership(of::<Membership>(stored)?),
            Collection::CATEGORY => Event::Collection(of::<Collection>(stored)?),
            Grant::CATEGORY => Event::Grant(of::<Grant>(stored)?),
            Group::CATEGORY => Event::Group(of::<Group>(stored)?),
            GroupPlace::CATEGORY => Event::GroupPlace(of::<GroupPlace>(stored)?),
            Policy::CATEGORY => Event::Policy(of::<Policy>(stored)?),
            Filing::CATEGORY => Event::Filing(of::<Filing>(stored)?),
            Task::CATEGORY => Event::Task(of::<Task>(stored)?),
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
        self.load_shared(connection, &events).await?;
        for recorded in &events {
            self.rights |= is_about_rights(&recorded.event);
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
            members: std::mem::take(&mut self.members),
            standings: std::mem::take(&mut self.standings),
        };
        self.devices.save(connection).await?;
        self.organizations.save(connection).await?;
        self.memberships.save(connection).await?;
        self.collections.save(connection).await?;
        self.grants.save(connection).await?;
        self.groups.save(connection).await?;
        self.places.save(connection).await?;
        self.policies.save(connection).await?;
        self.filings.save(connection).await?;
        self.tasks.save(connection).await?;
        let rights = std::mem::take(&mut self.rights);
        Ok(Changes { sync, rights })
    }

    fn loaded(&self) -> usize {
        let own = self.accounts.loaded() + self.ciphers.loaded() + self.folders.loaded() + self.devices.loaded();
        let access = self.grants.loaded() + self.groups.loaded() + self.places.loaded() + self.policies.loaded();
        let shared = self.organizations.loaded() + self.memberships.loaded() + self.collections.loaded();
        own + access + shared + self.filings.loaded() + self.tasks.loaded()
    }
}

/// Whether who may do what is another after an event. What people put into their vaults and how they file it is not.
fn is_about_rights(event: &Event) -> bool {
    use CipherEvent as C;
    match event {
        Event::Cipher(event) => !matches!(
            event,
            C::Created { .. } | C::Updated { .. } | C::Filed { .. } | C::Archived { .. } | C::Unarchived { .. }
        ),
        Event::Device(event) => matches!(event, DeviceEvent::Removed { .. }),
        Event::Folder(_) | Event::Activity(_) | Event::Filing(_) | Event::Task(_) => false,
        Event::User(_)
        | Event::Organization(_)
        | Event::Membership(_)
        | Event::Collection(_)
        | Event::Grant(_)
        | Event::Group(_)
        | Event::GroupPlace(_)
        | Event::Policy(_) => true,
    }
}

impl Touched {
    fn apply(&mut self, recorded: &Recorded<Event>) {
        let (key, position) = (recorded.stream_id, recorded.position);
        match &recorded.event {
            Event::User(event) => {
                self.accounts.evolve(key, |row| account::evolve(row, event));
                if account::shows(event) && self.accounts.get(key).is_some() {
                    self.revisions.note(Holder::Person(UserId(key)), position, event.at());
                }
                if let UserEvent::Deleted { .. } = event {
                    self.sweep(key);
                }
            }
            Event::Cipher(event) => {
                let before = self.ciphers.get(key).map(|row| row.owner);
                self.ciphers
                    .evolve(key, |row| cipher::evolve(row, CipherId(key), event));
                let now = self.ciphers.get(key).map(|row| row.owner);
                // given to an organization, it changes what both sync
                for holder in [before, now.filter(|now| Some(*now) != before)].into_iter().flatten() {
                    self.revisions.note(holder, position, event.at());
                }
                if now.is_none() && before.is_some_and(|holder| matches!(holder, Holder::Organization(_))) {
                    self.filings.sweep(key);
                    self.tasks.sweep(key);
                }
            }
            Event::Folder(event) => {
                let before = self.folders.get(key).map(|row| row.owner);
                self.folders.evolve(key, |row| folder::evolve(row, event));
                if let Some(owner) = self.folders.get(key).map(|row| row.owner).or(before) {
                    self.revisions.note(Holder::Person(owner), position, event.at());
                }
            }
            Event::Device(event) => self.devices.evolve(key, |row| device::evolve(row, event)),
            Event::Activity(ActivityEvent::LoggedIn { device, at, .. }) => {
                self.devices
                    .evolve(device.0, |row| row.map(|row| device::DeviceRow { active: *at, ..row }));
            }
            Event::Activity(_) => {}
            _ => self.apply_shared(recorded),
        }
    }

    /// An account is gone, and all that is in it.
    fn sweep(&mut self, user: Uuid) {
        self.standings.everywhere = true;
        self.ciphers.sweep(user);
        self.folders.sweep(user);
        self.devices.sweep(user);
        self.filings.sweep(user);
        self.memberships.sweep(user);
        self.revisions.sweep(Holder::Person(UserId(user)));
    }
}

/// What is shared in organizations.
impl Touched {
    async fn load_shared(
        &mut self,
        connection: &mut PgConnection,
        events: &[Recorded<Event>],
    ) -> Result<(), ProjectorError> {
        macro_rules! own_streams {
            ($($rows:ident: $variant:ident),*) => {$(
                work::load(&mut self.$rows, connection, events, |recorded| {
                    matches!(recorded.event, Event::$variant(_)).then_some(Touch::Stream)
                })
                .await?;
            )*};
        }
        own_streams!(
            organizations: Organization,
            memberships: Membership,
            collections: Collection,
            grants: Grant,
            groups: Group,
            places: GroupPlace,
            policies: Policy,
            filings: Filing,
            tasks: Task
        );
        Ok(())
    }

    fn apply_shared(&mut self, recorded: &Recorded<Event>) {
        let (key, position) = (recorded.stream_id, recorded.position);
        // whose what is there changed: that of the row before or after, whichever is there
        macro_rules! evolved {
            ($rows:ident, $event:ident, $evolve:path) => {{
                let before = self.$rows.get(key).map(|row| row.organization);
                self.$rows.evolve(key, |row| $evolve(row, $event));
                let organization = self.$rows.get(key).map(|row| row.organization).or(before);
                if let Some(organization) = organization {
                    self.revisions
                        .note(Holder::Organization(organization), position, $event.at());
                    self.standings.organizations.insert(organization);
                }
                self.$rows.get(key).is_none() && before.is_some()
            }};
        }
        match &recorded.event {
            Event::Organization(event) => {
                self.organizations.evolve(key, |row| organization::evolve(row, event));
                let holder = Holder::Organization(OrganizationId(key));
                self.revisions.note(holder, position, event.at());
                self.standings.organizations.insert(OrganizationId(key));
                if self.organizations.get(key).is_none() {
                    self.sweep_organization(key);
                }
            }
            Event::Membership(event) => {
                let before = self.memberships.get(key).and_then(|row| row.user);
                let gone = evolved!(memberships, event, membership::evolve);
                let user = self.memberships.get(key).and_then(|row| row.user).or(before);
                if let Some(user) = user {
                    self.revisions.note(Holder::Person(user), position, event.at());
                    self.members.push(user);
                }
                if gone {
                    self.grants.sweep(key);
                    self.places.sweep(key);
                }
            }
            Event::Collection(event) => {
                if evolved!(collections, event, collection::evolve) {
                    self.grants.sweep(key);
                }
            }
            Event::Grant(event) => drop(evolved!(grants, event, collection::evolve_grant)),
            Event::Group(event) => {
                if evolved!(groups, event, group::evolve) {
                    self.grants.sweep(key);
                    self.places.sweep(key);
                }
            }
            Event::GroupPlace(event) => drop(evolved!(places, event, group::evolve_place)),
            Event::Policy(event) => drop(evolved!(policies, event, policy::evolve)),
            Event::Filing(event) => {
                self.filings.evolve(key, |row| filing::evolve(row, event));
                let FilingEvent::Filed { user, .. } = *event;
                self.revisions.note(Holder::Person(user), position, event.at());
            }
            // no part of what is synced
            Event::Task(event) => self.tasks.evolve(key, |row| task::evolve(row, event)),
            Event::User(_) | Event::Cipher(_) | Event::Folder(_) | Event::Device(_) | Event::Activity(_) => {}
        }
    }

    /// An organization is gone, and all that is in it.
    fn sweep_organization(&mut self, organization: Uuid) {
        self.ciphers.sweep(organization);
        self.memberships.sweep(organization);
        self.collections.sweep(organization);
        self.grants.sweep(organization);
        self.groups.sweep(organization);
        self.places.sweep(organization);
        self.policies.sweep(organization);
        self.tasks.sweep(organization);
        self.revisions.sweep(Holder::Organization(OrganizationId(organization)));
    }
}
