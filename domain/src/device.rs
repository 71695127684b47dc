//! Devices: what a person signs in with.

use crate::{
    event::{Aggregate, Counts, DomainEvent},
    id::{DeviceId, SubjectId, UserId},
    personal::Personal,
    time::Timestamp,
};
use serde::{Deserialize, Serialize};

/// Everything that can have happened to a device record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum DeviceEvent {
    /// Somebody signed in with it for the first time.
    #[serde(rename = "DeviceRegistered")]
    Registered {
        /// Whose it is.
        user: UserId,
        /// The id the client made up for itself; at most 50 characters.
        identifier: String,
        /// `DeviceType` of the catalogue.
        kind: u8,
        /// What the client calls it; at most 50 characters.
        name: Personal<String>,
        /// When.
        at: Timestamp,
    },
    /// The client calls it something else or is another kind now.
    #[serde(rename = "DeviceRenamed")]
    Renamed {
        /// `DeviceType` of the catalogue.
        kind: u8,
        /// What the client calls it now.
        name: Personal<String>,
        /// When.
        at: Timestamp,
    },
    /// It can be reached by push under this token, or no longer.
    #[serde(rename = "DevicePushTokenSet")]
    PushTokenSet {
        /// The token; at most 255 characters.
        token: Option<Personal<String>>,
        /// When.
        at: Timestamp,
    },
    /// Its owner removed it: its sessions end.
    #[serde(rename = "DeviceRemoved")]
    Removed {
        /// When.
        at: Timestamp,
    },
}

impl DomainEvent for DeviceEvent {
    const TYPES: &'static [(&'static str, u16)] = &[
        ("DeviceRegistered", 1),
        ("DeviceRenamed", 1),
        ("DevicePushTokenSet", 1),
        ("DeviceRemoved", 1),
    ];

    fn at(&self) -> Timestamp {
        match self {
            Self::Registered { at, .. }
            | Self::Renamed { at, .. }
            | Self::PushTokenSet { at, .. }
            | Self::Removed { at } => *at,
        }
    }
}

/// What decisions need to know of a device record.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Whose it is; `None` if it never was, or is no longer, registered.
    pub user: Option<UserId>,
    /// The client-made id.
    pub identifier: String,
    /// `DeviceType` of the catalogue.
    pub kind: u8,
    /// What the client calls it, while it is registered.
    pub name: Option<String>,
    /// Its push token.
    pub push_token: Option<String>,
}

impl Aggregate for Device {
    const CATEGORY: &'static str = "device";
    const FOLD: &'static str = "44f755e7ebe0d608";
    type Id = DeviceId;
    type Event = DeviceEvent;

    fn evolve(self, event: &DeviceEvent) -> Self {
        match event {
            DeviceEvent::Registered {
                user,
                identifier,
                kind,
                name,
                ..
            } => Self {
                user: Some(*user),
                identifier: identifier.clone(),
                kind: *kind,
                name: name.known().cloned(),
                push_token: None,
            },
            DeviceEvent::Renamed { kind, name, .. } => Self {
                kind: *kind,
                name: self.user.and(name.known().cloned()),
                ..self
            },
            DeviceEvent::PushTokenSet { token, .. } => Self {
                push_token: self.user.and(token.as_ref().and_then(|t| t.known().cloned())),
                ..self
            },
            DeviceEvent::Removed { .. } => Self {
                user: None,
                name: None,
                push_token: None,
                ..self
            },
        }
    }

    fn counts(&self, _: DeviceId, _: &DeviceEvent) -> Counts {
        Counts::ForNone
    }

    fn subject(&self, _: DeviceId) -> Option<SubjectId> {
        self.user.map(SubjectId::from)
    }
}
