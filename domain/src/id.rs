//! Identifiers. One type for each kind of thing, so that a folder's id cannot be handed in for an item's.

use crate::organization::claim::DomainName;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use uuid::Uuid;

/// Defines identifier types over [`Uuid`]: transparent in JSON, hyphenated lower case in text.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { self.0.fmt(f) }
        }
        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(s: &str) -> Result<Self, Self::Err> { Uuid::parse_str(s).map(Self) }
        }
        impl From<Uuid> for $name { fn from(id: Uuid) -> Self { Self(id) } }
        impl From<$name> for Uuid { fn from(id: $name) -> Self { id.0 } }
    )*};
}

ids! {
    /// A person with an account.
    UserId,
    /// A device record of one account: [`DeviceId::of`] its owner and the identifier the client made up.
    DeviceId,
    /// An item of a vault.
    CipherId,
    /// A personal folder.
    FolderId,
    /// How a member files an item of an organization: [`FilingId::of`] the two.
    FilingId,
    /// An organization.
    OrganizationId,
    /// Somebody's membership in an organization: what clients call the organization user.
    MembershipId,
    /// The place of an address or an account in an organization, which only one membership can take:
    /// [`PlaceId::of_address`], [`PlaceId::of_user`].
    PlaceId,
    /// A collection of items.
    CollectionId,
    /// A group of members.
    GroupId,
    /// Somebody's rights in a collection: [`GrantId::of`] the collection and who has them.
    GrantId,
    /// Somebody's place in a group: [`GroupPlaceId::of`] the group and the membership.
    GroupPlaceId,
    /// A policy: [`PolicyId::of`] the organization and the kind.
    PolicyId,
    /// The link into an organization.
    InviteLinkId,
    /// A security task.
    TaskId,
    /// A domain as one organization claims it: [`DomainId::of`] both.
    DomainId,
    /// The name of a domain, which only one organization can hold: [`DomainNameId::of`] the name.
    DomainNameId,
    /// An e-mail address as something only one account can hold; derived from the keyed hash of the address.
    EmailAddressId,
    /// What keeps the sessions of one security stamp from writing: [`FenceId::of`] the account and the stamp.
    FenceId,
    /// One request to change something; every event id is derived from it.
    CommandId,
    /// Whose data key seals a piece of personal data: a user, an organization or the installation.
    SubjectId,
}

impl FenceId {
    /// The fence of the sessions of `user` that carry `stamp`.
    pub fn of(user: UserId, stamp: Uuid) -> Self {
        Self(Uuid::new_v5(&user.0, stamp.as_bytes()))
    }
}

impl DeviceId {
    /// The id of the device that `user` knows by the client-made `identifier`: stable, so that two logins of one
    /// client can never make two device records.
    pub fn of(user: UserId, identifier: &str) -> Self {
        Self(Uuid::new_v5(&user.0, identifier.as_bytes()))
    }
}

impl FilingId {
    /// The id of how `user` files `cipher`.
    pub fn of(user: UserId, cipher: CipherId) -> Self {
        Self(Uuid::new_v5(&user.0, cipher.0.as_bytes()))
    }
}

impl PlaceId {
    /// The place of an address, known by its keyed hash.
    pub fn of_address(organization: OrganizationId, address: EmailAddressId) -> Self {
        Self(Uuid::new_v5(&organization.0, address.0.as_bytes()))
    }

    /// The place of an account.
    pub fn of_user(organization: OrganizationId, user: UserId) -> Self {
        Self(Uuid::new_v5(&organization.0, user.0.as_bytes()))
    }
}

impl CollectionId {
    /// The id of what holds the own items of `member`: stable, so that nobody gets two.
    pub fn own_of(member: MembershipId) -> Self {
        Self(Uuid::new_v5(&member.0, b"own items"))
    }
}

impl GrantId {
    /// The id of what `grantee` (a membership or a group) has in `collection`.
    pub fn of(collection: CollectionId, grantee: Uuid) -> Self {
        Self(Uuid::new_v5(&collection.0, grantee.as_bytes()))
    }
}

impl GroupPlaceId {
    /// The id of the place of `membership` in `group`.
    pub fn of(group: GroupId, membership: MembershipId) -> Self {
        Self(Uuid::new_v5(&group.0, membership.0.as_bytes()))
    }
}

impl PolicyId {
    /// The id of the policy of this kind.
    pub fn of(organization: OrganizationId, kind: u8) -> Self {
        Self(Uuid::new_v5(&organization.0, &[kind]))
    }
}

impl DomainId {
    /// The id of the claim of `organization` to the domain of this name: stable, so that it cannot claim one twice.
    pub fn of(organization: OrganizationId, name: &DomainName) -> Self {
        Self(Uuid::new_v5(&organization.0, name.as_str().as_bytes()))
    }
}

impl DomainNameId {
    /// The id of a name.
    pub fn of(name: &DomainName) -> Self {
        Self(Uuid::new_v5(&Uuid::NAMESPACE_DNS, name.as_str().as_bytes()))
    }
}

impl From<OrganizationId> for SubjectId {
    fn from(id: OrganizationId) -> Self {
        Self(id.0)
    }
}

impl From<UserId> for SubjectId {
    fn from(id: UserId) -> Self {
        Self(id.0)
    }
}

impl CommandId {
    /// The id of the event at `index` of this command: every internal retry asks for the very same append.
    pub fn event_id(self, index: usize) -> Uuid {
        Uuid::new_v5(&self.0, &(index as u64).to_be_bytes())
    }
}
