//! Who asks, and from where: handed along with each command and written into the metadata of its events.

use domain::{
    event::StreamName,
    id::{CommandId, DeviceId, OrganizationId, SubjectId, UserId},
    meta::{Actor, Meta, Origin},
    personal::Personal,
};
use std::net::IpAddr;
use uuid::Uuid;

/// The most characters of a client's name or version that are kept.
const MAX_CLIENT_TEXT: usize = 32;

/// Who asks, and from where.
#[derive(Debug, Clone)]
pub struct Context {
    /// Who acts.
    pub actor: Actor,
    /// Who vouches for what the events say.
    pub origin: Origin,
    /// The device record, where the caller has one.
    pub device: Option<DeviceId>,
    /// `DeviceType` as the client says it.
    pub device_type: Option<u8>,
    /// The client as it names itself.
    pub client: Option<String>,
    /// Its version.
    pub client_version: Option<String>,
    /// The network address.
    pub ip: Option<IpAddr>,
    /// One for everything that follows from one request.
    pub correlation: Uuid,
    /// The event that led to the command.
    pub causation: Option<Uuid>,
    /// Organizations in whose log it shall be seen.
    pub organizations: Vec<OrganizationId>,
    /// The fence of the session that asks: once it is closed, nothing is appended.
    pub fence: Option<StreamName>,
}

impl Context {
    /// The server itself acts, because of `causation`.
    pub fn system(correlation: Uuid, causation: Option<Uuid>) -> Self {
        Self {
            actor: Actor::System,
            origin: Origin::Server,
            device: None,
            device_type: None,
            client: None,
            client_version: None,
            ip: None,
            correlation,
            causation,
            organizations: Vec::new(),
            fence: None,
        }
    }

    /// The same request, now known to come from `user`.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.actor = Actor::User(user);
        self
    }

    /// The same request, carried out although its session has ended: by what ended it.
    #[must_use]
    pub fn past_its_session(mut self) -> Self {
        self.fence = None;
        self
    }

    /// The metadata of the events of `command`. The address is sealed for the acting user, else for `fallback`: whoever
    /// the events are about, or the installation.
    pub(crate) fn meta(&self, command: CommandId, fallback: SubjectId) -> Meta {
        let subject = match self.actor {
            Actor::User(user) => user.into(),
            _ => fallback,
        };
        Meta {
            actor: self.actor,
            origin: self.origin,
            device: self.device,
            device_type: self.device_type,
            client: self.client.as_deref().map(short),
            client_version: self.client_version.as_deref().map(short),
            ip: self.ip.map(|ip| Personal::of(subject, ip)),
            command,
            correlation: self.correlation,
            causation: self.causation,
            organizations: self.organizations.clone(),
        }
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(MAX_CLIENT_TEXT).collect()
}
