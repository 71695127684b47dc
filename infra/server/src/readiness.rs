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

/// All checks together; clones share them.
#[derive(Debug, Clone, Default)]
pub struct Readiness(Arc<RwLock<BTreeMap<String, (bool, String)>>>);

impl Readiness {
    /// Tells how `name` is. A new name joins the list.
    pub fn set(&self, name: &str, ready: bool, detail: impl Into<String>) {
        let mut checks = self.0.write().expect("no holder of this lock panics");
        checks.insert(name.to_owned(), (ready, detail.into()));
    }

    /// Ready when every check is, and there is at least one.
    pub fn is_ready(&self) -> bool {
        let checks = self.0.read().expect("no holder of this lock panics");
        !checks.is_empty() && checks.values().all(|(ready, _)| *ready)
    }

    /// Every check, by name.
    pub fn checks(&self) -> Vec<Check> {
        let checks = self.0.read().expect("no holder of this lock panics");
        let one = |(name, (ready, detail)): (&String, &(bool, String))| Check {
            name: name.clone(),
            ready: *ready,
            detail: detail.clone(),
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
}
