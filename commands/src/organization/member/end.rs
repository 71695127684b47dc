use super::{check_appointment, free, keep_owners, load};
use crate::{
    execute::{Transaction, Unit},
    organization::{OrganizationError, Stop, must},
};
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::{
        access::Standing,
        membership::{Ending, MembershipEvent, Stage},
        role::Role,
    },
};

/// Ends a membership: somebody is removed, or leaves. What it had in collections and groups is void with it, and what held its own items
/// is the organization's.
#[derive(Debug, Clone)]
pub struct EndMembership {
    /// In which organization.
    pub organization: OrganizationId,
    /// Which.
    pub membership: MembershipId,
    /// Who removes the member; `None`: the member leaves.
    pub by: Option<Standing>,
    /// Whose membership it must be, where somebody leaves.
    pub user: UserId,
    /// Leaves it as it is if it is an owner's.
    pub spare_owners: bool,
    /// Where nobody removes the member: not that they leave, but that somebody else deletes their account.
    pub deleted: bool,
}

impl Transaction for EndMembership {
    type Output = ();
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), Stop> {
        let (loaded, live) = load(unit, self.organization, self.membership).await?;
        if self.spare_owners && live.role == Role::Owner {
            return Ok(());
        }
        let how = match &self.by {
            Some(by) => {
                check_appointment(by, Some(live.role), None)?;
                must(
                    live.user != Some(by.user),
                    OrganizationError::Oneself("You cannot remove yourself."),
                )?;
                Ending::Removed
            }
            None => {
                must(live.user == Some(self.user), OrganizationError::NotFound)?;
                if self.deleted {
                    Ending::AccountDeleted
                } else {
                    Ending::Left
                }
            }
        };
        if live.role == Role::Owner && live.stage == Stage::Confirmed && !live.revoked {
            keep_owners(unit, self.organization, self.membership, false).await?;
        }
        let at = unit.now_for(&loaded);
        unit.append(
            loaded,
            vec![MembershipEvent::Ended {
                how,
                user: live.user,
                at,
            }],
        );
        free(unit, self.organization, self.membership, &live).await
    }
}
