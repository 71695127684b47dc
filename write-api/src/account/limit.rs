//! How often secrets may be guessed and mails asked for. A try is counted before it is looked at, so that many at once
//! count too; a success forgets what was counted.

use super::AccountPorts;
use commands::ports::shared_state::{RateKey, Rule};
use std::{net::IpAddr, time::Duration};
use web::{Answer, Problem};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What is counted, and how much of it may be.
#[derive(Debug, Clone, Copy)]
pub struct Limit {
    action: &'static str,
    rule: Rule,
}

const fn limit(action: &'static str, times: u32, per: Duration) -> Limit {
    Limit {
        action,
        rule: Rule::new(times, per),
    }
}

/// Logins from one network address.
pub const LOGIN_FROM: Limit = limit("login-from", 60, MINUTE);
/// Logins that failed, from one network address into one account.
pub const LOGIN_PAIR: Limit = limit("login-pair", 10, Duration::from_secs(300));
/// Logins that failed, into one account from anywhere.
pub const LOGIN_INTO: Limit = limit("login-into", 100, HOUR);
/// Wrong passwords and one-time codes of somebody who is signed in.
pub const SECRET: Limit = limit("secret", 10, Duration::from_secs(300));
/// Wrong codes for another address.
pub const EMAIL_CODE: Limit = limit("email-code", 5, Duration::from_secs(300));
/// Mails asked for from one network address.
pub const MAIL_FROM: Limit = limit("mail-from", 30, HOUR);
/// Mails asked for to one address.
pub const MAIL_TO: Limit = limit("mail-to", 5, HOUR);
/// Registrations from one network address.
pub const REGISTER_FROM: Limit = limit("register-from", 60, HOUR);
/// Letters that invite into organizations, asked for by one account.
pub const INVITED_BY: Limit = limit("invited-by", 20_000, HOUR);
/// The same to one address.
pub const INVITATION_TO: Limit = limit("invitation-to", 10, HOUR);
/// TXT records looked up for one organization.
pub const LOOK_UP: Limit = limit("look-up", 20, MINUTE);
/// Questions about an account from one network address by somebody who is not signed in.
pub const ASK_FROM: Limit = limit("ask-from", 120, MINUTE);

/// What clients of one person report, by fifty.
pub const COLLECT: Limit = limit("collect", 100, MINUTE);
/// Refusals of organizations that are noted: of one person, or of wrong keys of one organization.
pub const REFUSED: Limit = limit("refused", 30, MINUTE);

/// A network address as something counted. All of one IPv6 network count together, for whoever has one address of it
/// has the rest too.
pub fn from(ip: Option<IpAddr>) -> String {
    match ip.map(|ip| ip.to_canonical()) {
        None => "unknown".to_owned(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        Some(IpAddr::V6(ip)) => {
            let [a, b, c, d, ..] = ip.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
    }
}

impl AccountPorts {
    /// Counts one more.
    ///
    /// # Errors
    /// 429 if that is too many.
    pub(crate) async fn count(&self, limit: Limit, who: impl Into<String> + Send) -> Answer<()> {
        let verdict = self.limiter.hit(&RateKey::new(limit.action, who), limit.rule).await;
        if verdict.allowed {
            Ok(())
        } else {
            Err(Problem::too_many(verdict.retry_after.as_secs().saturating_add(1)))
        }
    }

    /// Counts several at once. What is more than the limit is let through when nothing else was lately: whoever may not send it in one
    /// piece could not send it at all.
    ///
    /// # Errors
    /// 429 if that is too many now.
    pub(crate) async fn count_many(&self, limit: Limit, who: &str, times: u32) -> Answer<()> {
        let (key, rule) = (RateKey::new(limit.action, who), limit.rule);
        let wanted = times.clamp(1, rule.limit);
        let free = self.limiter.peek(&key, rule).await.remaining;
        if free < wanted {
            let wait = rule.interval_micros().saturating_mul(u64::from(wanted - free));
            return Err(Problem::too_many(wait.div_ceil(1_000_000)));
        }
        for _ in 0..wanted {
            let verdict = self.limiter.hit(&key, rule).await;
            if !verdict.allowed {
                // somebody else was let in at the same moment
                return Err(Problem::too_many(verdict.retry_after.as_secs().saturating_add(1)));
            }
        }
        Ok(())
    }

    /// Forgets what was counted.
    pub(crate) async fn forget(&self, limit: Limit, who: impl Into<String> + Send) {
        self.limiter.forget(&RateKey::new(limit.action, who)).await;
    }
}

#[cfg(test)]
mod tests {
    use super::from;

    #[test]
    fn addresses_of_one_network_of_one_person_count_together() {
        let ip = |text: &str| from(Some(text.parse().unwrap()));
        assert_eq!(ip("2001:db8:1:2:3::4"), ip("2001:db8:1:2:ffff::1"));
        assert_ne!(ip("2001:db8:1:2::1"), ip("2001:db8:1:3::1"));
        assert_eq!(ip("::ffff:192.0.2.1"), ip("192.0.2.1"));
        assert_ne!(ip("192.0.2.1"), ip("192.0.2.2"));
    }
}
