//! Memberships: who is in an organization, as what, and how far they have got.

use super::organization::{read_view, view};
use crate::table::{Kind, Line, Owner, Shape, Table};
use domain::{
    event::DomainEvent,
    id::{OrganizationId, UserId},
    organization::{
        membership::{MembershipEvent, RevocationReason, Stage},
        role::{Permissions, Role},
    },
    time::Timestamp,
};
use serde::{Deserialize, Serialize};
use sqlx::{Row, postgres::PgRow};
use uuid::Uuid;

/// One membership.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipRow {
    /// In which organization.
    pub organization: OrganizationId,
    /// Whose, once it is known.
    pub user: Option<UserId>,
    /// As what.
    pub role: Role,
    /// When it began.
    pub created: Timestamp,
    /// What else there is to know.
    pub view: MembershipView,
}

/// What else answers about a membership need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipView {
    /// How far it has got.
    pub stage: Stage,
    /// Whether its rights are suspended, and why.
    pub revoked: Option<RevocationReason>,
    /// The address somebody was invited by.
    pub email: Option<String>,
    /// Permissions of a role of its own.
    pub permissions: Permissions,
    /// Whether they may use Secrets Manager.
    pub secrets_manager: bool,
    /// What a directory calls them.
    pub external_id: Option<String>,
    /// The organization's key, sealed for the member.
    pub key: Option<String>,
    /// They had one that opens nothing any more, and nobody has looked at the new key pair yet.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub key_voided: bool,
    /// The user key, sealed for the organization.
    pub recovery_key: Option<String>,
    /// When it last changed.
    pub revised: Timestamp,
}

impl MembershipRow {
    /// Whether it gives any rights.
    pub fn is_active(&self) -> bool {
        self.view.stage == Stage::Confirmed && self.view.revoked.is_none()
    }

    /// Whether it is accepted, and waits for being confirmed.
    pub fn is_accepted(&self) -> bool {
        self.view.stage == Stage::Accepted && self.view.revoked.is_none()
    }

    /// The number clients know its state by (`OrganizationUserStatusType`).
    pub fn status(&self) -> i16 {
        match (self.view.revoked, self.view.stage) {
            (Some(_), _) => -1,
            (None, Stage::Invited) => 0,
            (None, Stage::Accepted) => 1,
            (None, Stage::Confirmed) => 2,
        }
    }
}

pub(super) fn evolve(row: Option<MembershipRow>, event: &MembershipEvent) -> Option<MembershipRow> {
    use MembershipEvent as E;
    let fresh = |organization, role: Role, at| MembershipRow {
        organization,
        user: None,
        role,
        created: at,
        view: MembershipView {
            stage: Stage::Invited,
            revoked: None,
            email: None,
            permissions: role.permissions(),
            secrets_manager: false,
            external_id: None,
            key: None,
            key_voided: false,
            recovery_key: None,
            revised: at,
        },
    };
    let mut row = match event {
        E::Founded {
            organization,
            user,
            key,
            at,
            ..
        } => {
            let mut row = fresh(*organization, Role::Owner, *at);
            row.user = Some(*user);
            row.view.stage = Stage::Confirmed;
            row.view.key = Some(key.as_str().to_owned());
            return Some(row);
        }
        E::Invited {
            organization,
            who,
            role,
            external_id,
            secrets_manager,
            at,
            address: _,
        } => {
            let mut row = fresh(*organization, *role, *at);
            row.view.email = who.known().map(|invitee| invitee.email.clone());
            row.view.external_id.clone_from(external_id);
            row.view.secrets_manager = *secrets_manager;
            return Some(row);
        }
        E::JoinedByLink { organization, user, at } => {
            let mut row = fresh(*organization, Role::User, *at);
            row.user = Some(*user);
            row.view.stage = Stage::Accepted;
            return Some(row);
        }
        _ => row?,
    };
    match event {
        E::Founded { .. }
        | E::Invited { .. }
        | E::InvitedAgain { .. }
        | E::JoinedByLink { .. }
        | E::Recovered { .. } => {}
        E::Accepted { user, .. } => {
            row.view.stage = Stage::Accepted;
            row.user = Some(*user);
        }
        E::Confirmed { key, .. } | E::ConfirmedByLink { key, .. } => {
            row.view.stage = Stage::Confirmed;
            row.view.key = Some(key.as_str().to_owned());
            row.view.key_voided = false;
        }
        E::RoleChanged {
            role, secrets_manager, ..
        } => {
            row.role = *role;
            row.view.permissions = role.permissions();
            row.view.secrets_manager = *secrets_manager;
        }
        E::ExternalIdChanged { external_id, .. } => row.view.external_id.clone_from(external_id),
        E::Revoked { reason, .. } => row.view.revoked = Some(*reason),
        E::Restored { .. } => row.view.revoked = None,
        E::RecoveryEnrolled { key, .. } => row.view.recovery_key = Some(key.as_str().to_owned()),
        E::RecoveryWithdrawn { .. } => row.view.recovery_key = None,
        E::KeyChanged { key, .. } => row.view.key = Some(key.as_str().to_owned()),
        E::KeyVoided { .. } => {
            row.view.stage = Stage::Accepted;
            row.view.key = None;
            row.view.key_voided = true;
        }
        E::Ended { .. } => return None,
    }
    row.view.revised = event.at();
    Some(row)
}

/// Table `membership`.
pub(crate) struct Memberships;

impl Table for Memberships {
    type Row = MembershipRow;
    const SHAPE: Shape = Shape {
        name: "membership",
        columns: &[
            ("membership_id", Kind::Uuid),
            ("organization_id", Kind::Uuid),
            ("user_id", Kind::Uuid),
            ("active", Kind::Boolean),
            ("role", Kind::SmallInt),
            ("created_at", Kind::BigInt),
            ("view", Kind::Text),
        ],
    };
    const OWNERS: &'static [Owner<MembershipRow>] = &[
        ("organization_id", |row| Some(row.organization.0)),
        ("user_id", |row| row.user.map(|user| user.0)),
    ];

    fn read(row: &PgRow) -> Result<(Uuid, MembershipRow), sqlx::Error> {
        let view: MembershipView = read_view(row.try_get(6)?)?;
        let number: i16 = row.try_get(4)?;
        let role = Role::from_number(i64::from(number), view.permissions);
        Ok((
            row.try_get(0)?,
            MembershipRow {
                organization: OrganizationId(row.try_get(1)?),
                user: row.try_get::<Option<Uuid>, _>(2)?.map(UserId),
                role: role.ok_or_else(|| sqlx::Error::Decode(format!("role {number}").into()))?,
                created: Timestamp(row.try_get(5)?),
                view,
            },
        ))
    }

    fn write(key: Uuid, row: &MembershipRow, line: &mut Line) {
        line.put(key).put(row.organization.0).put(row.user.map(|user| user.0));
        line.put(row.is_active()).put(i16::from(row.role.number()));
        line.put(row.created.0).put(view(&row.view).as_str());
    }
}
