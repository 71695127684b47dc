use super::{AccountError, live, secret::Proven, then};
use crate::execute::Command;
use domain::{
    account::user::{User, UserEvent},
    id::UserId,
    personal::Personal,
    time::Timestamp,
};

/// The most groups of equivalent domains, and the most numbers of groups not wanted.
const MAX_GROUPS: usize = 1_000;
/// The most domains of a group.
const MAX_DOMAINS: usize = 500;

/// Changes what a person is called; none for nothing.
#[derive(Debug, Clone)]
pub struct Rename {
    /// Whose.
    pub user: UserId,
    /// At most 50 characters.
    pub name: Option<String>,
}

impl Command for Rename {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        if live(user)?.name == self.name {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::Renamed {
            name: self.name.clone().map(|name| Personal::of(self.user, name)),
            at: now,
        }])
    }
}

/// Changes the colour of a person; none for the client's own choice.
#[derive(Debug, Clone)]
pub struct SetAvatar {
    /// Whose.
    pub user: UserId,
    /// `#rrggbb`; at most 7 characters.
    pub color: Option<String>,
}

impl Command for SetAvatar {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        if live(user)?.avatar_color == self.color {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::AvatarChanged {
            color: self.color.clone(),
            at: now,
        }])
    }
}

/// Replaces which domains count as one for autofill.
#[derive(Debug, Clone)]
pub struct SetDomains {
    /// Whose.
    pub user: UserId,
    /// Groups of the person's own making, kept as they were sent; none is told apart from no group.
    pub equivalent: Option<Vec<Vec<String>>>,
    /// Numbers of the global groups they do not want.
    pub excluded: Vec<i32>,
}

impl Command for SetDomains {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        let groups = self.equivalent.as_deref().unwrap_or_default();
        if groups.len().max(self.excluded.len()) > MAX_GROUPS || groups.iter().any(|group| group.len() > MAX_DOMAINS) {
            return Err(AccountError::TooManyDomains {
                max_groups: MAX_GROUPS,
                max_domains: MAX_DOMAINS,
            });
        }
        if user.equivalent_domains == self.equivalent && user.excluded_domains == self.excluded {
            return Ok(vec![]);
        }
        Ok(vec![UserEvent::DomainsSet {
            equivalent: self.equivalent.clone().map(|groups| Personal::of(self.user, groups)),
            excluded: self.excluded.clone(),
            at: now,
        }])
    }
}

/// Says whether new devices must be verified.
#[derive(Debug, Clone)]
pub struct SetDeviceVerification {
    /// Whose.
    pub user: UserId,
    /// That it is theirs to say, where that has to be proved.
    pub proven: Option<Proven>,
    /// Whether.
    pub on: bool,
}

impl Command for SetDeviceVerification {
    type Aggregate = User;
    type Error = AccountError;

    fn id(&self) -> UserId {
        self.user
    }

    fn decide(&self, user: &User, now: Timestamp) -> Result<Vec<UserEvent>, AccountError> {
        let user = live(user)?;
        let events = match &self.proven {
            Some(proven) => proven.spend(user, now)?,
            None => vec![],
        };
        if user.verify_devices == self.on {
            return Ok(events);
        }
        Ok(then(events, now, |at| UserEvent::DeviceVerificationSet {
            on: self.on,
            at,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        account::testing::account,
        testing::{ALICE, given},
    };

    fn rename(name: Option<&str>) -> Rename {
        Rename {
            user: ALICE,
            name: name.map(str::to_owned),
        }
    }

    #[test]
    fn a_name_is_changed_and_taken_away() {
        let renamed = |name: Option<&str>, at| UserEvent::Renamed {
            name: name.map(|name| Personal::of(ALICE, name.to_owned())),
            at: Timestamp(at),
        };
        given([account()]).when(rename(None)).then([]);
        given([account()])
            .when(rename(Some("Al")))
            .then([renamed(Some("Al"), 2)]);
        given([account(), renamed(Some("Al"), 2)])
            .when(rename(None))
            .then([renamed(None, 3)]);
    }

    #[test]
    fn domains_are_kept_as_sent_within_bounds() {
        let set = |equivalent| SetDomains {
            user: ALICE,
            equivalent,
            excluded: vec![2, 999],
        };
        let groups = Some(vec![vec!["A.example".to_owned(), " b".to_owned()]]);
        given([account()])
            .when(set(groups.clone()))
            .then([UserEvent::DomainsSet {
                equivalent: groups.map(|groups| Personal::of(ALICE, groups)),
                excluded: vec![2, 999],
                at: Timestamp(2),
            }]);
        given([account()])
            .when(set(Some(vec![vec![]; MAX_GROUPS + 1])))
            .then_refused(AccountError::TooManyDomains {
                max_groups: MAX_GROUPS,
                max_domains: MAX_DOMAINS,
            });
    }
}
