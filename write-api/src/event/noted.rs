//! Questions to the log that were noted just now: the same one, by the same person from the same place, is noted once a second
//! however often it is asked, so that who polls does not fill with it what they read.

use domain::id::{OrganizationId, UserId};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};
use uuid::Uuid;

/// For how long a note stands for the same question asked again.
const STANDS: Duration = Duration::from_secs(1);
/// How many are remembered before those that stand no longer are forgotten.
const MANY: usize = 1_024;

/// A question to a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Question {
    /// Who asks.
    pub by: UserId,
    /// With which device, if that is known.
    pub device: Option<Uuid>,
    /// From where.
    pub ip: Option<IpAddr>,
    /// Whose log.
    pub organization: Option<OrganizationId>,
    /// What was asked for.
    pub asked: String,
}

/// What was noted lately.
#[derive(Debug, Default)]
pub struct Noted(Mutex<HashMap<Question, Instant>>);

impl Noted {
    /// Whether a note of it stands.
    pub(crate) fn stands(&self, question: &Question) -> bool {
        let noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        noted.get(question).is_some_and(|at| at.elapsed() < STANDS)
    }

    /// It was noted, by something that is stored and was begun at `at`.
    pub(crate) fn add(&self, question: Question, at: Instant) {
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if noted.len() >= MANY {
            noted.retain(|_, at| at.elapsed() < STANDS);
        }
        noted.insert(question, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(asked: &str) -> Question {
        Question {
            by: UserId(Uuid::from_u128(1)),
            device: None,
            ip: None,
            organization: None,
            asked: asked.to_owned(),
        }
    }

    #[test]
    fn a_note_stands_for_the_same_question_and_for_a_second() {
        let (noted, now) = (Noted::default(), Instant::now());
        assert!(!noted.stands(&question("first page")));
        noted.add(question("first page"), now);
        assert!(noted.stands(&question("first page")));
        assert!(!noted.stands(&question("second page")));
        let elsewhere = Question {
            ip: Some("203.0.113.7".parse().unwrap()),
            ..question("first page")
        };
        assert!(!noted.stands(&elsewhere));
        if let Some(before) = now.checked_sub(STANDS) {
            noted.add(question("second page"), before);
            assert!(!noted.stands(&question("second page")));
        }
    }

    #[test]
    fn what_stands_no_longer_is_forgotten() {
        let noted = Noted::default();
        let Some(before) = Instant::now().checked_sub(STANDS) else {
            return;
        };
        for n in 0..MANY + 1 {
            noted.add(question(&n.to_string()), before);
        }
        assert_eq!(noted.0.lock().unwrap().len(), 1);
    }
}
