//! The token of an invitation. Made and checked here only, so that who sends it and who takes it agree.

use super::INVITATION_DAYS;
use crate::ports::{Proofs, TokenPurpose};
use domain::{id::MembershipId, time::Timestamp};

/// The token of the invitation that was made at `invited`: good for [`INVITATION_DAYS`].
pub fn token(proofs: &dyn Proofs, membership: MembershipId, invited: Timestamp) -> String {
    let expires = Timestamp(invited.0 + INVITATION_DAYS * 86_400_000);
    proofs.sign(
        TokenPurpose::Invitation,
        &format!("{membership}|{}", invited.0),
        expires,
    )
}

/// When the invitation was made that `token` stands for, if it is one for `membership` and still good at `now`.
pub fn invited(proofs: &dyn Proofs, membership: MembershipId, token: &str, now: Timestamp) -> Option<Timestamp> {
    let said = proofs.open(TokenPurpose::Invitation, token, now)?;
    let (named, at) = said.split_once('|')?;
    let named: MembershipId = named.parse().ok()?;
    (named == membership).then_some(Timestamp(at.parse().ok()?))
}
