//! Which domains count as one for autofill.

use projections::sync::account::AccountView;
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A group of domains that belong together for everybody (`GlobalEquivalentDomainsType`).
#[derive(Debug, Clone, Deserialize)]
struct Group {
    #[serde(rename = "type")]
    number: i32,
    domains: Vec<String>,
}

static GROUPS: LazyLock<Vec<Group>> = LazyLock::new(|| {
    serde_json::from_str(include_str!("global_domains.json"))
        .expect("the list of groups is well-formed: held by a test")
});

/// `DomainsResponseModel`. With `all`, groups the person does not want are listed and marked; without, left out.
pub fn render(account: &AccountView, all: bool) -> Value {
    let groups: Vec<Value> = GROUPS
        .iter()
        .map(|group| (group, account.excluded_domains.contains(&group.number)))
        .filter(|(_, excluded)| all || !excluded)
        .map(|(group, excluded)| json!({ "type": group.number, "domains": group.domains, "excluded": excluded }))
        .collect();
    json!({
        "object": "domains",
        "equivalentDomains": account.equivalent_domains,
        "globalEquivalentDomains": if groups.is_empty() { Value::Null } else { Value::Array(groups) },
    })
}

#[cfg(test)]
mod tests {
    use super::GROUPS;
    use std::collections::HashSet;

    #[test]
    fn every_group_has_a_number_of_its_own_and_two_domains_or_more() {
        let numbers: HashSet<i32> = GROUPS.iter().map(|group| group.number).collect();
        assert_eq!(numbers.len(), GROUPS.len());
        assert!(GROUPS.iter().all(|group| group.domains.len() >= 2));
    }
}
