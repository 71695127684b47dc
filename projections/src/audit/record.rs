//! What an event says to compliance people: a pure map.

use super::organization;
use domain::{
    account::{
        address::{EmailAddress, EmailAddressEvent},
        user::{User, UserEvent},
    },
    activity::{Activity, ActivityEvent, OF_MEMBERS, OF_USERS, Refusal},
    device::{Device, DeviceEvent},
    event::{Aggregate, DecodeError, DomainEvent, Position, StoredEvent},
    id::{CipherId, CollectionId, DeviceId, FolderId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    meta::{Actor, Meta, Origin},
    organization::{
        collection::Collection,
        grant::Grant,
        group::{Group, GroupPlace},
        membership::Membership,
        policy::Policy,
        profile::Organization,
        task::Task,
    },
    time::Timestamp,
    vault::{
        cipher::{Cipher, CipherEvent},
        filing::{Filing, FilingEvent},
        folder::{Folder, FolderEvent},
    },
};
use serde::Serialize;
use serde_json::{Value, json};
use std::borrow::Cow;
use uuid::Uuid;

/// One record of the audit log.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuditRecord {
    /// Where the event lies.
    #[serde(serialize_with = "number")]
    pub position: Position,
    /// `EventType` of the API catalogue; `None` for what it has no number for.
    #[serde(rename = "type")]
    pub kind: Option<i32>,
    /// The stored name of the event.
    pub name: Cow<'static, str>,
    /// When it happened, by the server's clock.
    #[serde(with = "domain::time::iso")]
    pub at: Timestamp,
    /// When the store took it: microseconds since 1970, never going backwards.
    pub recorded_at_micros: i64,
    /// Who acted: `user:<id>`, `system`, `anonymous` …
    pub actor: String,
    /// The acting user.
    #[serde(rename = "actingUserId")]
    pub acting_user: Option<UserId>,
    /// The organization whose log it stands in; `None`: the log of a person. What happens to an account may stand in several.
    #[serde(rename = "organizationId")]
    pub organization: Option<OrganizationId>,
    /// Whom it is about, or whose account or vault.
    #[serde(rename = "userId")]
    pub user: Option<UserId>,
    /// The item it is about.
    #[serde(rename = "cipherId")]
    pub cipher: Option<CipherId>,
    /// The folder it is about.
    #[serde(rename = "folderId")]
    pub folder: Option<FolderId>,
    /// The collection it is about.
    #[serde(rename = "collectionId")]
    pub collection: Option<CollectionId>,
    /// The group it is about.
    #[serde(rename = "groupId")]
    pub group: Option<GroupId>,
    /// The policy it is about.
    #[serde(rename = "policyId")]
    pub policy: Option<PolicyId>,
    /// The membership it is about.
    #[serde(rename = "organizationUserId")]
    pub membership: Option<MembershipId>,
    /// Whose membership that is, once somebody took it: an event says it, or one before it. What is read of it is `user`.
    #[serde(skip)]
    pub member: Option<UserId>,
    /// `EventSystemUser` of the API catalogue, if no person acted.
    pub system_user: Option<i16>,
    /// The device used.
    #[serde(rename = "deviceId")]
    pub device: Option<DeviceId>,
    /// Number of its kind.
    pub device_type: Option<u8>,
    /// The client.
    pub client: Option<String>,
    /// Its version.
    pub client_version: Option<String>,
    /// The network address; `None` if unknown or erased.
    pub ip: Option<String>,
    /// `server` or `client`.
    pub origin: Cow<'static, str>,
    /// What the event is of: `cipher`, `membership` …
    pub category: Cow<'static, str>,
    /// Which one: with the category, the name of its stream.
    #[serde(rename = "streamId")]
    pub stream: Uuid,
    /// The event's id.
    #[serde(rename = "eventId")]
    pub event: Uuid,
    /// One for everything that followed from one request.
    pub correlation: Uuid,
    /// What more there is to say; never contents.
    pub detail: Value,
}

fn number<S: serde::Serializer>(position: &Position, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_u64(position.0)
}

/// What the payload says: type, time, whom and what it is about.
pub(super) struct Said {
    pub kind: Option<i32>,
    /// What else the catalogue numbers in the same event.
    pub more: Vec<i32>,
    pub at: Timestamp,
    pub organization: Option<OrganizationId>,
    pub user: Option<UserId>,
    pub cipher: Option<CipherId>,
    pub folder: Option<FolderId>,
    pub collection: Option<CollectionId>,
    pub group: Option<GroupId>,
    pub policy: Option<PolicyId>,
    pub membership: Option<MembershipId>,
    /// Whose membership it is, where the event says it.
    pub member: Option<UserId>,
    pub detail: Value,
}

impl Said {
    pub fn of(kind: Option<i32>, at: Timestamp) -> Self {
        Self {
            kind,
            more: Vec::new(),
            at,
            organization: None,
            user: None,
            cipher: None,
            folder: None,
            collection: None,
            group: None,
            policy: None,
            membership: None,
            member: None,
            detail: json!({}),
        }
    }
}

/// What an event tells.
#[derive(Debug, Default)]
pub(super) struct Told {
    /// Its records; none for a category without any.
    pub records: Vec<AuditRecord>,
    /// Whose membership they are about, where the event says it.
    pub member: Option<UserId>,
}

/// The records of an event, personal data opened. None for a category without any.
///
/// # Errors
/// [`DecodeError`] if the event or its metadata cannot be read.
pub fn records(stored: &StoredEvent) -> Result<Vec<AuditRecord>, DecodeError> {
    told(stored).map(|told| told.records)
}

/// The same, and what must be known beside.
pub(super) fn told(stored: &StoredEvent) -> Result<Told, DecodeError> {
    fn decode<A: Aggregate>(stored: &StoredEvent) -> Result<A::Event, DecodeError> {
        A::Event::decode(&stored.type_name, stored.schema, &stored.data)
    }
    let id = stored.stream.id;
    let said = match &*stored.stream.category {
        User::CATEGORY => user(UserId(id), &decode::<User>(stored)?),
        Device::CATEGORY => device(&decode::<Device>(stored)?),
        Activity::CATEGORY => activity(UserId(id), &decode::<Activity>(stored)?),
        Cipher::CATEGORY => cipher(CipherId(id), &decode::<Cipher>(stored)?),
        Folder::CATEGORY => folder(FolderId(id), &decode::<Folder>(stored)?),
        Filing::CATEGORY => filing(&decode::<Filing>(stored)?),
        Organization::CATEGORY => organization::profile(id, &decode::<Organization>(stored)?),
        Membership::CATEGORY => organization::membership(id, &decode::<Membership>(stored)?),
        Collection::CATEGORY => organization::collection(id, &decode::<Collection>(stored)?),
        Grant::CATEGORY => organization::grant(id, &decode::<Grant>(stored)?),
        Group::CATEGORY => organization::group(id, &decode::<Group>(stored)?),
        GroupPlace::CATEGORY => organization::place(id, &decode::<GroupPlace>(stored)?),
        Task::CATEGORY => organization::task(id, &decode::<Task>(stored)?),
        Policy::CATEGORY => organization::policy(id, &decode::<Policy>(stored)?),
        EmailAddress::CATEGORY => match address(&decode::<EmailAddress>(stored)?) {
            Some(said) => said,
            None => return Ok(Told::default()),
        },
        _ => return Ok(Told::default()),
    };
    let meta: Meta = serde_json::from_slice(&stored.meta).map_err(|e| DecodeError::Malformed {
        type_name: stored.type_name.to_string(),
        reason: format!("metadata: {e}"),
    })?;
    let acting_user = match meta.actor {
        Actor::User(user) => Some(user),
        _ => None,
    };
    let logs = logs(&stored.stream.category, &said, &meta);
    let first = AuditRecord {
        position: stored.position,
        kind: said.kind,
        name: stored.type_name.clone(),
        at: said.at,
        recorded_at_micros: stored.recorded_at_micros,
        actor: actor(meta.actor),
        acting_user,
        organization: None,
        // an item or folder of one person is changed by that person only
        user: said.user.or(acting_user),
        cipher: said.cipher,
        folder: said.folder,
        collection: said.collection,
        group: said.group,
        policy: said.policy,
        membership: said.membership,
        member: said.member,
        system_user: system_user(meta.actor, said.kind),
        device: meta.device,
        device_type: meta.device_type,
        client: meta.client,
        client_version: meta.client_version,
        ip: meta.ip.and_then(|ip| ip.known().map(ToString::to_string)),
        origin: match meta.origin {
            Origin::Server => "server".into(),
            Origin::ClientReported => "client".into(),
        },
        category: stored.stream.category.clone(),
        stream: id,
        event: stored.id,
        correlation: meta.correlation,
        detail: said.detail,
    };
    let kinds = || std::iter::once(said.kind).chain(said.more.iter().copied().map(Some));
    let of = |organization| {
        let first = &first;
        kinds().map(move |kind| AuditRecord {
            organization,
            kind,
            ..first.clone()
        })
    };
    Ok(Told {
        records: logs.into_iter().flat_map(of).collect(),
        member: said.member,
    })
}

/// Logins that were refused. The catalogue takes them for acts of the person; nobody proved to be them.
pub const REFUSED_LOGINS: [i32; 2] = [1005, 1006];

/// Which logs an event stands in: that of the person, that of the organization it happened in; what the catalogue numbers among
/// what happens to an account, in both that of the person and those of their organizations.
fn logs(category: &str, said: &Said, meta: &Meta) -> Vec<Option<OrganizationId>> {
    let organizations = || meta.organizations.iter().copied().map(Some);
    if let Some(organization) = said.organization {
        return vec![Some(organization)];
    }
    if [User::CATEGORY, Device::CATEGORY, Activity::CATEGORY].contains(&category) {
        let told = organizations().filter(|_| said.kind.is_some_and(|kind| OF_USERS.contains(&kind)));
        return std::iter::once(None).chain(told).collect();
    }
    if meta.organizations.is_empty() {
        return vec![None];
    }
    organizations().collect()
}

/// Membership ended or suspended by the server's own check.
const REVOKED_FOR_TWO_FACTOR: i32 = 1520;

fn system_user(actor: Actor, kind: Option<i32>) -> Option<i16> {
    match actor {
        Actor::Scim(_) => Some(1),
        Actor::Organization(_) => Some(3),
        Actor::System if kind == Some(REVOKED_FOR_TWO_FACTOR) => Some(4),
        Actor::DomainVerification => Some(2),
        // written before it had a name
        Actor::System if matches!(kind, Some(2002 | 2003)) => Some(2),
        Actor::Admin(_) => Some(5),
        Actor::System => Some(0),
        Actor::User(_) | Actor::Anonymous => None,
    }
}

fn actor(actor: Actor) -> String {
    match actor {
        Actor::User(id) => format!("user:{id}"),
        Actor::Organization(id) => format!("organization:{id}"),
        Actor::Scim(id) => format!("scim:{id}"),
        Actor::Admin(id) => format!("admin:{id}"),
        Actor::System => "system".to_owned(),
        Actor::DomainVerification => "domain_verification".to_owned(),
        Actor::Anonymous => "anonymous".to_owned(),
    }
}

fn user(id: UserId, event: &UserEvent) -> Said {
    use UserEvent as E;
    let (kind, detail) = match event {
        E::Registered { kdf, .. } => (None, json!({ "kdf": kdf })),
        E::KeyPairSet { fingerprint, .. } => (None, json!({ "publicKeyFingerprint": fingerprint })),
        E::SigningKeysSet { fingerprint, .. } => (None, json!({ "verifyingKeyFingerprint": fingerprint })),
        E::UserKeyIdSet { key_id, .. } => (None, json!({ "userKeyId": key_id })),
        E::PasswordChanged { fingerprint, .. } => (Some(1001), json!({ "userKeyFingerprint": fingerprint })),
        E::PasswordRecovered {
            organization,
            fingerprint,
            ..
        } => (
            None,
            json!({ "organizationId": organization, "userKeyFingerprint": fingerprint }),
        ),
        E::TemporaryPasswordReplaced { fingerprint, .. } => (Some(1008), json!({ "userKeyFingerprint": fingerprint })),
        E::KdfChanged { kdf, fingerprint, .. } => (None, json!({ "kdf": kdf, "userKeyFingerprint": fingerprint })),
        E::KeyRotated {
            fingerprint, key_id, ..
        } => (None, json!({ "userKeyFingerprint": fingerprint, "userKeyId": key_id })),
        E::EmailChanged { fingerprint, .. } => (None, json!({ "userKeyFingerprint": fingerprint })),
        E::EmailChangeRequested { .. }
        | E::EmailVerificationRequested { .. }
        | E::EmailVerified { .. }
        | E::PasswordHintRequested { .. }
        | E::DeletionRequested { .. }
        | E::OneTimeCodeRequested { .. }
        | E::OneTimeCodeUsed { .. }
        | E::Renamed { .. }
        | E::AvatarChanged { .. }
        | E::DomainsSet { .. }
        | E::ApiKeyRotated { .. }
        | E::KeyRotationBegun { .. }
        | E::KeyRotationAbandoned { .. }
        | E::SecurityStampRotated { .. }
        | E::Deleted { .. } => (None, json!({})),
        E::DeviceVerificationSet { on, .. } => (None, json!({ "on": on })),
    };
    Said {
        user: Some(id),
        detail,
        ..Said::of(kind, event.at())
    }
}

fn device(event: &DeviceEvent) -> Said {
    let user = match event {
        DeviceEvent::Registered { user, .. } => Some(*user),
        DeviceEvent::Renamed { .. } | DeviceEvent::PushTokenSet { .. } | DeviceEvent::Removed { .. } => None,
    };
    Said {
        user,
        ..Said::of(None, event.at())
    }
}

fn activity(id: UserId, event: &ActivityEvent) -> Said {
    let (kind, detail) = match event {
        ActivityEvent::LoggedIn { grant, .. } => (Some(1000), json!({ "grant": grant })),
        ActivityEvent::LoginRefused { reason, count, .. } => {
            let kind = if *reason == Refusal::SecondFactor { 1006 } else { 1005 };
            (Some(kind), json!({ "reason": reason, "count": count }))
        }
        ActivityEvent::SecretRefused { count, .. } => (None, json!({ "count": count })),
        ActivityEvent::AuditLogExported { asked: Some(asked), .. } => (None, json!({ "asked": asked })),
        ActivityEvent::AuditLogExported { records, .. } => (None, json!({ "records": records })),
        ActivityEvent::AuditLogRead {
            organization, asked, ..
        } => {
            return Said {
                organization: *organization,
                detail: asked.clone(),
                ..Said::of(None, event.at())
            };
        }
        ActivityEvent::AccessRefused {
            organization,
            cipher,
            method,
            route,
            status,
            ..
        } => {
            return Said {
                organization: Some(*organization),
                cipher: *cipher,
                detail: json!({ "method": method, "route": route, "status": status }),
                ..Said::of(None, event.at())
            };
        }
        ActivityEvent::Reported {
            kind,
            organization,
            cipher,
            membership,
            claimed,
            ..
        } => {
            return Said {
                organization: *organization,
                user: Some(id),
                cipher: *cipher,
                membership: *membership,
                member: OF_MEMBERS.contains(kind).then_some(id),
                detail: json!({ "claimedDate": claimed.map(Timestamp::iso) }),
                ..Said::of(Some(*kind), event.at())
            };
        }
    };
    Said {
        user: Some(id),
        detail,
        ..Said::of(kind, event.at())
    }
}

fn cipher(id: CipherId, event: &CipherEvent) -> Said {
    use CipherEvent as E;
    let (kind, detail) = match event {
        E::Created { kind, imported, .. } => (Some(1100), json!({ "cipherType": kind, "imported": imported })),
        E::Updated { .. } => (Some(1101), json!({})),
        E::Shared {
            organization,
            collections,
            ..
        } => (
            Some(1105),
            json!({ "organizationId": organization, "collectionIds": collections }),
        ),
        E::CollectionsChanged { collections, .. } => (Some(1106), json!({ "collectionIds": collections })),
        E::Filed { folder, favorite, .. } => (None, json!({ "folderId": folder, "favorite": favorite })),
        E::Archived { .. } | E::Unarchived { .. } => (None, json!({})),
        E::Trashed { .. } => (Some(1115), json!({})),
        E::Restored { .. } => (Some(1116), json!({})),
        E::Deleted { .. } => (Some(1102), json!({})),
    };
    let (owner, organization) = match event {
        E::Created {
            owner, organization, ..
        } => (Some(*owner), *organization),
        E::Shared { organization, .. } => (None, Some(*organization)),
        _ => (None, None),
    };
    Said {
        organization,
        user: owner,
        cipher: Some(id),
        detail,
        ..Said::of(kind, event.at())
    }
}

fn folder(id: FolderId, event: &FolderEvent) -> Said {
    let user = match event {
        FolderEvent::Created { owner, .. } => Some(*owner),
        FolderEvent::Renamed { .. } | FolderEvent::Deleted { .. } => None,
    };
    Said {
        user,
        folder: Some(id),
        ..Said::of(None, event.at())
    }
}

fn filing(event: &FilingEvent) -> Said {
    let FilingEvent::Filed {
        user,
        cipher,
        folder,
        favorite,
        at,
        ..
    } = event;
    Said {
        user: Some(*user),
        cipher: Some(*cipher),
        detail: json!({ "folderId": folder, "favorite": favorite }),
        ..Said::of(None, *at)
    }
}

/// Holding and releasing an address is told by the account's own events.
fn address(event: &EmailAddressEvent) -> Option<Said> {
    match event {
        EmailAddressEvent::RegistrationRequested { at, .. } => Some(Said::of(None, *at)),
        EmailAddressEvent::Held { .. } | EmailAddressEvent::Released { .. } => None,
    }
}

#[cfg(test)]
mod tests;
