//! Who did it, from where and why: carried by every event.

use crate::{
    id::{CommandId, DeviceId, OrganizationId, UserId},
    personal::Personal,
};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use uuid::Uuid;

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", content = "id")]
pub enum Actor {
    /// A signed-in person, or one who just proved who they are.
    User(UserId),
    /// An organization by its API key.
    Organization(OrganizationId),
    /// Provisioning of an organization.
    Scim(OrganizationId),
    /// Somebody at the admin portal.
    Admin(Uuid),
    /// The server itself: a timer, a process manager.
    System,
    /// The server itself, where it looks whether claimed domains are shown to be somebody's.
    DomainVerification,
    /// Nobody has proved to be anybody.
    Anonymous,
}

/// Who vouches for what an event says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The server saw it happen.
    #[default]
    Server,
    /// A client said so; no server can know.
    ClientReported,
}

/// Metadata of an event. Server time is not here: the store stamps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Meta {
    /// Who acted.
    pub actor: Actor,
    /// Who vouches for it.
    #[serde(default, skip_serializing_if = "is_server")]
    pub origin: Origin,
    /// The device record used, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device: Option<DeviceId>,
    /// The number of the kind of device (`DeviceType` of the catalogue).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub device_type: Option<u8>,
    /// `web`, `browser`, `desktop`, `cli`, `mobile`, `connector` as the client names itself; at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// The client's version as it names it; at most 32 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    /// The network address, sealed for the acting user or for the installation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<Personal<IpAddr>>,
    /// The command that made the event.
    pub command: CommandId,
    /// One for everything that follows from one request.
    pub correlation: Uuid,
    /// The event that caused the command, where a process manager gave it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation: Option<Uuid>,
    /// Organizations the event counts for: said when it is appended, so that no later change of who is where rewrites a log.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<OrganizationId>,
}

/// The organizations named in stored metadata, sealed or open, each once. None in what is no metadata.
pub fn organizations_in(meta: &[u8]) -> Vec<OrganizationId> {
    #[derive(Deserialize)]
    struct Named {
        #[serde(default)]
        organizations: Vec<OrganizationId>,
    }
    let named = serde_json::from_slice(meta).map(|Named { organizations }| organizations);
    let mut named = named.unwrap_or_default();
    named.sort_unstable();
    named.dedup();
    named
}

fn is_server(origin: &Origin) -> bool {
    *origin == Origin::Server
}
