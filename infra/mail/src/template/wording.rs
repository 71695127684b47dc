//! What each letter says.

use super::{
    Letter, Site,
    block::{Block, Draft, foreign, line},
};
use domain::time::Timestamp;
use std::net::IpAddr;

/// The most characters of a name and of a hint that a letter repeats.
const NAME: usize = 100;
const HINT: usize = 200;

const NOT_YOU: &str = "If this was not you, change your master password now and sign out all devices.";
const NOT_ASKED: &str = "If you did not ask for this, you need not do anything.";

/// The letter in blocks.
pub(super) fn draft(letter: &Letter, site: &Site) -> Draft {
    match letter {
        Letter::VerifyRegistration { email, token } => Draft::new("Confirm your e-mail address")
            .text(format!("Follow the link to go on creating your account at {}.", site.name))
            .link("Confirm address", site.link("finish-signup", &[("token", token), ("email", email), ("fromEmail", "true")]))
            .text(NOT_ASKED),
        Letter::VerifyEmail { user, token } => Draft::new("Verify your e-mail address")
            .text("Follow the link to verify the e-mail address of your account.")
            .link("Verify address", site.link("verify-email", &[("userId", &user.to_string()), ("token", token)]))
            .text(NOT_ASKED),
        Letter::DeleteRecover { user, email, token } => Draft::new("Delete your account")
            .text("Somebody asked to delete your account without signing in. The link leads to a page where you confirm it. Everything in your vault will be lost.")
            .link(
                "Delete account",
                site.link("verify-recover-delete", &[("userId", &user.to_string()), ("token", token), ("email", email)]),
            )
            .text(NOT_ASKED),
        Letter::ChangeEmail { code, valid_minutes } => Draft::new("Your code to change your e-mail address")
            .text("Enter this code to make this address the one of your account:")
            .code(code, *valid_minutes)
            .text(NOT_ASKED),
        Letter::Otp { code, valid_minutes } => Draft::new("Your verification code")
            .text("Enter this code to confirm what you are doing:")
            .code(code, *valid_minutes)
            .text("If you are not doing anything, somebody may be signed in to your account: change your master password."),
        Letter::NewDeviceCode { code, valid_minutes, device, ip } => Draft::new("Your code for a new device")
            .text("Somebody gave the right master password on a device your account does not know. Enter this code there to let it in:")
            .code(code, *valid_minutes)
            .facts(Some(device), *ip, None)
            .text("If this was not you, do not give the code to anybody, and change your master password: it is known to somebody else."),
        Letter::NewDeviceLogin { device, ip, time } => Draft::new("New device signed in")
            .text("Your account was signed in to with a device it did not know.")
            .facts(Some(device), *ip, Some(*time))
            .text(NOT_YOU),
        Letter::EmailTaken { time, ip } => Draft::new("Your e-mail address was not changed")
            .text("Somebody asked to change the e-mail address of your account. The new address belongs to another account already, so no code was sent to it.")
            .facts(None, *ip, Some(*time))
            .text(NOT_YOU),
        Letter::EmailChanged { time, ip } => Draft::new("Your e-mail address was changed")
            .text("The e-mail address of your account was changed. This one no longer belongs to it, and you will get no more letters here.")
            .facts(None, *ip, Some(*time))
            .text("If this was not you, turn to the people who run your server."),
        Letter::PasswordChanged { time, ip } => Draft::new("Your master password was changed")
            .text("The master password of your account was changed. Devices that were signed in have to sign in again.")
            .facts(None, *ip, Some(*time))
            .text("If this was not you, turn to the people who run your server."),
        Letter::PasswordRecovered { name, time } => Draft::new("Your master password was reset")
            .text(format!("An administrator of {} gave your account a new master password. Devices that were signed in have to sign in again, with that password, and you will be asked to choose one of your own.", foreign(name, NAME)))
            .facts(None, None, Some(*time))
            .text("If you did not ask for this, turn to the people who run the organization."),
        Letter::RevokedByPolicy { name, two_step } => {
            let (asks, then) = match two_step {
                true => ("two-step login", "Turn it on in the settings of your account"),
                false => ("members who are in no other organization", "Leave the others"),
            };
            let name = foreign(name, NAME);
            Draft::new("Your access was suspended")
                .text(format!("{name} asks for {asks} now, so your access to it is suspended."))
                .text(format!("{then}, and ask an administrator of {name} to restore your access."))
        }
        Letter::FailedLoginsNotice { count, ip, time } => Draft::new("Failed attempts to sign in")
            .text(format!("Somebody tried to sign in to your account and failed, {count} times lately."))
            .facts(None, *ip, Some(*time))
            .text("If this was not you, make sure your master password is long and used nowhere else, and turn on two-step login."),
        Letter::PasswordHint { hint } => Draft::new("Your master password hint")
            .text("You asked for the hint for your master password. You wrote:")
            .with(Block::Code(foreign(hint, HINT)))
            .text("The server does not know your master password and cannot restore it.")
            .text(NOT_ASKED),
        Letter::NoHint => Draft::new("Your master password hint")
            .text("You asked for the hint for your master password, but your account has none.")
            .text("The server does not know your master password and cannot restore it.")
            .text(NOT_ASKED),
        Letter::Invitation { organization, name, membership, email, token, has_account, valid_days } => {
            let name = foreign(name, NAME);
            Draft::new("You are invited to an organization")
                .text(format!("You are invited to join {name}. Follow the link, and sign in or create an account with this address."))
                .link(
                    "Join",
                    site.link(
                        "accept-organization",
                        &[
                            ("organizationId", &organization.to_string()),
                            ("organizationUserId", &membership.to_string()),
                            ("email", email),
                            ("organizationName", &name),
                            ("token", token),
                            // clients take a link for broken that lacks any of these
                            ("initOrganization", "false"),
                            ("orgUserHasExistingUser", &has_account.to_string()),
                        ],
                    ),
                )
                .text(format!("The invitation is good for {valid_days} days."))
                .text("If you do not expect it, you need not do anything.")
        }
        Letter::Confirmed { name } => Draft::new("You are a member now")
            .text(format!("You were confirmed as a member of {}. What is shared with you shows after the next sync.", foreign(name, NAME))),
        Letter::AccountDeleted { time } => Draft::new("Your account was deleted")
            .text("Your account and everything in your vault were deleted.")
            .facts(None, None, Some(*time)),
    }
}

impl Draft {
    fn new(subject: &str) -> Self {
        Self {
            subject: subject.to_owned(),
            blocks: Vec::new(),
        }
    }

    fn with(mut self, block: Block) -> Self {
        self.blocks.push(block);
        self
    }

    fn text(self, words: impl Into<String>) -> Self {
        self.with(Block::Text(words.into()))
    }

    fn link(self, label: &'static str, url: String) -> Self {
        self.with(Block::Link { label, url })
    }

    fn code(self, code: &str, valid_minutes: u32) -> Self {
        let minutes = if valid_minutes == 1 {
            "one minute".to_owned()
        } else {
            format!("{valid_minutes} minutes")
        };
        self.with(Block::Code(line(code, NAME)))
            .text(format!("It is good for {minutes} from when you asked for it."))
    }

    fn facts(self, device: Option<&str>, ip: Option<IpAddr>, time: Option<Timestamp>) -> Self {
        let mut facts = Vec::new();
        if let Some(time) = time {
            facts.push(("Time", minute(time)));
        }
        if let Some(device) = device {
            facts.push(("Device", foreign(device, NAME)));
        }
        if let Some(ip) = ip {
            facts.push(("Network address", ip.to_string()));
        }
        self.with(Block::Facts(facts))
    }
}

/// `2026-11-22 15:34 UTC`.
fn minute(time: Timestamp) -> String {
    let iso = time.iso();
    format!("{} {} UTC", &iso[..10], &iso[11..16])
}
