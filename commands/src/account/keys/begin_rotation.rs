use crate::{
    account::{AccountError, live, secret::Proven, then},
    execute::{Command, ExecuteError, Transaction, Unit},
};
use domain::{
    account::{
        fence::{Fence, FenceEvent},
        user::{User, UserEvent},
    },
    id::{FenceId, UserId},
    time::Timestamp,
};
use uuid::Uuid;

/// Begins the rotation of a user key: all sessions end, and the fences of every stamp that one of them may carry are
/// closed in the same append. From its position on nothing sealed with the old key comes in; see
/// [`super::rotate_user_key`] for what follows.
#[derive(Debug, Clone)]
pub struct BeginKeyRotation {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to replace.
    pub proven: Proven,
    /// A new security stamp, which no session is given while the rotation lasts.
    pub stamp: Uuid,
}

impl Transaction for BeginKeyRotation {
    type Output = ();
    type Error = AccountError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<(), ExecuteError<AccountError>> {
        let loaded = unit.load::<User>(self.user).await?;
        let now = unit.now_for(&loaded);
        let (spent, stamps) = live(&loaded.state)
            .and_then(|user| {
                let stamps: Vec<Uuid> = user.former_stamps.iter().copied().chain([user.stamp]).collect();
                Ok((self.proven.spend(user, now)?, stamps))
            })
            .map_err(ExecuteError::Refused)?;
        let stamp = self.stamp;
        unit.append(loaded, then(spent, now, |at| UserEvent::KeyRotationBegun { stamp, at }));
        for stamp in stamps {
            // each stamp is fenced once: those that were are not among the former ones any more
            let fence = unit.fresh::<Fence>(FenceId::of(self.user, stamp));
            let closed = FenceEvent::Closed {
                user: self.user,
                at: now,
            };
            unit.append(fence, vec![closed]);
        }
        Ok(())
    }
}

/// Gives up a rotation that was begun and not done, because somebody signs in: its program died, or is about to find out.
#[derive(Debug, Clone, Copy)]
pub struct AbandonKeyRotation {
    /// Whose.
    pub user: UserId,
}

impl Command for AbandonKeyRotation {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let rotating = live(user)?.rotating;
        Ok(rotating
            .then_some(UserEvent::KeyRotationAbandoned { at: now })
            .into_iter()
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::{NEW_STAMP, account},
        testing::{ALICE, given},
    };

    #[test]
    fn a_rotation_is_given_up_once() {
        let begun = UserEvent::KeyRotationBegun {
            stamp: NEW_STAMP,
            at: Timestamp(2),
        };
        let abandoned = UserEvent::KeyRotationAbandoned { at: Timestamp(3) };
        let abandon = AbandonKeyRotation { user: ALICE };
        given([account()]).when(abandon).then([]);
        given([account(), begun.clone()])
            .when(abandon)
            .then([abandoned.clone()]);
        given([account(), begun, abandoned]).when(abandon).then([]);
    }
}
