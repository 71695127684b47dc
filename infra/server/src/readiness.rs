//! Whether the program can do its work now: named checks, each told by whoever knows.

use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What, as `database`.
    pub name: String,
    /// Whether it is well.
    pub ready: bool,
    /// Why not, or what else is worth knowing.
    pub detail: String,
}

/// How one check is.
#[derive(Debug)]
struct State {
    ready: bool,
    detail: String,
    /// Whether people can be served without it.
    spared: bool,
}

/// All checks together; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<RwLock<BTreeMap<String, State>>>);

impl Readiness {
    /// Tells how `name` is. A new name joins the list.
    pub fn set(&self, name: &str, ready: bool, detail: impl Into<String>) {
        self.put(name, ready, detail.into(), false);
    }

    /// The same of something people can be served without: it is shown, and does not make the program unready.
    pub fn show(&self, name: &str, ready: bool, detail: impl Into<String>) {
        self.put(name, ready, detail.into(), true);
    }

    fn put(&self, name: &str, ready: bool, detail: String, spared: bool) {
        let state = State { ready, detail, spared };
        let mut checks = self.0.write().expect("no holder of this lock panics");
        checks.insert(name.to_owned(), state);
    }

    /// Ready when every check is that cannot be spared, and there is at least one.
    pub fn is_ready(&self) -> bool {
        let checks = self.0.read().expect("no holder of this lock panics");
        let mut needed = checks.values().filter(|check| !check.spared).peekable();
        needed.peek().is_some() && needed.all(|check| check.ready)
    }

    /// Every check, by name.
    pub fn checks(&self) -> Vec<Check> {
        let checks = self.0.read().expect("no holder of this lock panics");
        let one = |(name, state): (&String, &State)| Check {
            name: name.clone(),
            ready: state.ready,
            detail: state.detail.clone(),
        };
        checks.iter().map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_check_that_fails_is_enough() {
        let readiness = Readiness::default();
        assert!(!readiness.is_ready(), "nobody has said anything yet");
        readiness.set("database", true, "");
        assert!(readiness.is_ready());
        readiness.clone().set("sync", false, "1200 events behind");
        assert!(!readiness.is_ready());
        assert_eq!(readiness.checks()[1].detail, "1200 events behind");
    }

    #[test]
    fn what_can_be_spared_is_shown_and_closes_nothing() {
        let readiness = Readiness::default();
        readiness.show("log", true, "");
        assert!(!readiness.is_ready(), "nobody has said anything of what is needed");
        readiness.set("database", true, "");
        readiness.show("log", false, "the tree does not move on");
        assert!(readiness.is_ready());
        assert!(!readiness.checks()[1].ready);
    }
}
