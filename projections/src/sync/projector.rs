//! The projector itself: its tables, and which events it wants.

use super::Touched;
use crate::{
    ahead::{Ahead, Reading},
    feed::Subscription,
    projector::{Changes, Projector, ProjectorError},
    work,
};
use async_trait::async_trait;
use domain::{
    account::user::User,
    activity::Activity,
    device::Device,
    event::{Aggregate, Position, StoredEvent},
    organization::{
        collection::Collection,
        grant::Grant,
        group::{Group, GroupPlace},
        membership::Membership,
        policy::Policy,
        profile::Organization,
        task::Task,
    },
    vault::{cipher::Cipher, filing::Filing, folder::Folder},
};
use sqlx::PgConnection;
use std::sync::Arc;

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

impl SyncProjector {
    /// The tables and what their rows are told apart by.
    pub(crate) const TABLES: &[(&str, &str)] = &[
        ("account", "user_id"),
        ("cipher", "cipher_id"),
        ("folder", "folder_id"),
        ("device", "device_id"),
        ("revision", "owner_id"),
        ("organization", "organization_id"),
        ("membership", "membership_id"),
        ("collection", "collection_id"),
        ("collection_grant", "grant_id"),
        ("member_group", "group_id"),
        ("group_member", "place_id"),
        ("policy", "policy_id"),
        ("filing", "filing_id"),
        ("security_task", "task_id"),
    ];
}

#[async_trait]
impl Projector for SyncProjector {
    fn name(&self) -> &'static str {
        "sync"
    }

    fn version(&self) -> i32 {
        6
    }

    fn tables(&self) -> &'static [(&'static str, &'static str)] {
        Self::TABLES
    }

    fn schema(&self) -> &'static str {
        include_str!("../../schema/sync.sql")
    }

    fn indexes(&self) -> &'static str {
        include_str!("../../schema/sync_indexes.sql")
    }

    fn wants(&self, category: &str) -> bool {
        [
            User::CATEGORY,
            Cipher::CATEGORY,
            Folder::CATEGORY,
            Device::CATEGORY,
            Activity::CATEGORY,
            Organization::CATEGORY,
            Membership::CATEGORY,
            Collection::CATEGORY,
            Grant::CATEGORY,
            Group::CATEGORY,
            GroupPlace::CATEGORY,
            Policy::CATEGORY,
            Filing::CATEGORY,
            Task::CATEGORY,
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

    fn is_about_rights(&self, category: &str) -> bool {
        let of_one_person = [
            Cipher::CATEGORY,
            Folder::CATEGORY,
            Filing::CATEGORY,
            Activity::CATEGORY,
            Task::CATEGORY,
        ];
        !of_one_person.contains(&category)
    }

    fn changing(&self, changes: &Changes) {
        if let Some(live) = &self.live {
            live.changing(&changes.sync);
        }
    }

    fn published(&self, changes: Changes, position: Position) {
        if let Some(live) = &self.live {
            live.publish(changes.sync, position);
        }
    }
}
