//! Commands about device records.

use super::AccountError;
use crate::execute::Command;
use domain::{
    device::{Device, DeviceEvent},
    id::{DeviceId, UserId},
    personal::Personal,
    time::Timestamp,
};

/// What a client says about the device it runs on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceInfo {
    /// The id the client made up for itself; at most 50 characters.
    pub identifier: String,
    /// `DeviceType` of the catalogue.
    pub kind: u8,
    /// What it calls itself; at most 50 characters.
    pub name: String,
    /// The token it can be reached by, if it said one; at most 255 characters.
    pub push_token: Option<String>,
}

impl DeviceInfo {
    /// What is new about the device record `device` of `user`. A device that was removed is there again. `rename` says
    /// whether the name and kind of a known device follow what the client says.
    pub(super) fn news(&self, user: UserId, device: &Device, rename: bool, now: Timestamp) -> Vec<DeviceEvent> {
        let mut events = Vec::new();
        let name = || Personal::of(user, self.name.clone());
        if device.user.is_none() {
            events.push(DeviceEvent::Registered {
                user,
                identifier: self.identifier.clone(),
                kind: self.kind,
                name: name(),
                at: now,
            });
        } else if rename && (device.kind != self.kind || device.name.as_ref() != Some(&self.name)) {
            events.push(DeviceEvent::Renamed {
                kind: self.kind,
                name: name(),
                at: now,
            });
        }
        if self.push_token.is_some() && device.push_token != self.push_token {
            events.push(DeviceEvent::PushTokenSet {
                token: self.push_token.clone().map(|token| Personal::of(user, token)),
                at: Timestamp(now.0 + i64::from(!events.is_empty())),
            });
        }
        events
    }
}

/// Makes a device record, or brings it up to date.
#[derive(Debug, Clone)]
pub struct RegisterOrRefreshDevice {
    /// Whose.
    pub user: UserId,
    /// What the client says.
    pub info: DeviceInfo,
}

impl Command for RegisterOrRefreshDevice {
    type Aggregate = Device;
    type Error = AccountError;

    fn id(&self) -> DeviceId {
        DeviceId::of(self.user, &self.info.identifier)
    }

    fn decide(&self, device: &Device, now: Timestamp) -> Result<Vec<DeviceEvent>, AccountError> {
        Ok(self.info.news(self.user, device, true, now))
    }
}

/// Changes the token a device can be reached by; none for not any longer.
#[derive(Debug, Clone)]
pub struct SetPushToken {
    /// Whose.
    pub user: UserId,
    /// Which one.
    pub device: DeviceId,
    /// At most 255 characters.
    pub token: Option<String>,
}

impl Command for SetPushToken {
    type Aggregate = Device;
    type Error = AccountError;

    fn id(&self) -> DeviceId {
        self.device
    }

    fn decide(&self, device: &Device, now: Timestamp) -> Result<Vec<DeviceEvent>, AccountError> {
        if device.user != Some(self.user) {
            return Err(AccountError::NoSuchDevice);
        }
        if device.push_token == self.token {
            return Ok(vec![]);
        }
        Ok(vec![DeviceEvent::PushTokenSet {
            token: self.token.clone().map(|token| Personal::of(self.user, token)),
            at: now,
        }])
    }
}

/// Removes a device record; its sessions end. Once more changes nothing.
#[derive(Debug, Clone)]
pub struct RemoveDevice {
    /// Whose.
    pub user: UserId,
    /// Which one.
    pub device: DeviceId,
}

impl Command for RemoveDevice {
    type Aggregate = Device;
    type Error = AccountError;

    fn id(&self) -> DeviceId {
        self.device
    }

    fn decide(&self, device: &Device, now: Timestamp) -> Result<Vec<DeviceEvent>, AccountError> {
        match device.user {
            Some(user) if user == self.user => Ok(vec![DeviceEvent::Removed { at: now }]),
            // its id can only have come from its owner's identifier: it was theirs before it was removed
            None if DeviceId::of(self.user, &device.identifier) == self.device => Ok(vec![]),
            _ => Err(AccountError::NoSuchDevice),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ALICE, BOB, given};

    fn info(name: &str, push_token: Option<&str>) -> DeviceInfo {
        DeviceInfo {
            identifier: "d1".to_owned(),
            kind: 25,
            name: name.to_owned(),
            push_token: push_token.map(str::to_owned),
        }
    }

    fn refresh(name: &str, push_token: Option<&str>) -> RegisterOrRefreshDevice {
        RegisterOrRefreshDevice {
            user: ALICE,
            info: info(name, push_token),
        }
    }

    fn registered(at: i64) -> DeviceEvent {
        DeviceEvent::Registered {
            user: ALICE,
            identifier: "d1".to_owned(),
            kind: 25,
            name: Personal::of(ALICE, "linux".to_owned()),
            at: Timestamp(at),
        }
    }

    fn token_set(token: &str, at: i64) -> DeviceEvent {
        DeviceEvent::PushTokenSet {
            token: Some(Personal::of(ALICE, token.to_owned())),
            at: Timestamp(at),
        }
    }

    #[test]
    fn a_known_device_changes_only_by_what_is_new_about_it() {
        given([]).when(refresh("linux", None)).then([registered(1)]);
        given([registered(1)]).when(refresh("linux", None)).then([]);
        given([registered(1)]).when(refresh("laptop", Some("t"))).then([
            DeviceEvent::Renamed {
                kind: 25,
                name: Personal::of(ALICE, "laptop".to_owned()),
                at: Timestamp(2),
            },
            token_set("t", 3),
        ]);
    }

    #[test]
    fn signing_in_does_not_undo_a_name_given_to_a_device() {
        let known = Device {
            user: Some(ALICE),
            identifier: "d1".to_owned(),
            kind: 25,
            name: Some("My laptop".to_owned()),
            push_token: None,
        };
        assert_eq!(info("linux", None).news(ALICE, &known, false, Timestamp(5)), vec![]);
    }

    #[test]
    fn a_removed_device_is_there_again_after_the_next_login() {
        let removed = DeviceEvent::Removed { at: Timestamp(2) };
        given([registered(1), removed])
            .when(refresh("linux", None))
            .then([registered(3)]);
    }

    #[test]
    fn it_is_removed_by_its_owner_only_and_twice_is_fine() {
        let device = DeviceId::of(ALICE, "d1");
        let removed = DeviceEvent::Removed { at: Timestamp(2) };
        let by = |user| RemoveDevice { user, device };
        given([registered(1)]).when(by(ALICE)).then([removed.clone()]);
        given([registered(1), removed.clone()]).when(by(ALICE)).then([]);
        given([registered(1)])
            .when(by(BOB))
            .then_refused(AccountError::NoSuchDevice);
        given([registered(1), removed])
            .when(by(BOB))
            .then_refused(AccountError::NoSuchDevice);
    }

    #[test]
    fn a_push_token_is_set_and_cleared() {
        let device = DeviceId::of(ALICE, "d1");
        let set = |token: Option<&str>| SetPushToken {
            user: ALICE,
            device,
            token: token.map(str::to_owned),
        };
        given([registered(1)]).when(set(Some("t"))).then([token_set("t", 2)]);
        given([registered(1)]).when(set(None)).then([]);
        given([registered(1), token_set("t", 2)])
            .when(set(None))
            .then([DeviceEvent::PushTokenSet {
                token: None,
                at: Timestamp(3),
            }]);
        given([]).when(set(None)).then_refused(AccountError::NoSuchDevice);
    }
}
