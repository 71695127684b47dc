//! Commands about policies.

use super::{OrganizationError, Stop, must};
use crate::execute::{Transaction, Unit};
use domain::{
    id::PolicyId,
    organization::{
        access::Standing,
        policy::{LAST_KIND, Policy, PolicyEvent},
    },
};
use serde_json::Value;

/// Switches a policy on or off, and says what it asks for.
#[derive(Debug, Clone)]
pub struct SetPolicy {
    /// Who wants it.
    pub by: Standing,
    /// Number of its kind.
    pub kind: u8,
    /// Whether it is on.
    pub enabled: bool,
    /// What it asks for.
    pub data: Option<Value>,
}

/// Whether there is a member in it by which values that are personal, or sealed, are known in events. This is the one place where
/// JSON of clients stands in an event as it is: taken for such a value it could be opened by nobody, and nothing behind it.
fn looks_sealed(data: &Value) -> bool {
    match data {
        Value::Object(members) => members
            .iter()
            .any(|(name, value)| name.starts_with('$') || looks_sealed(value)),
        Value::Array(values) => values.iter().any(looks_sealed),
        _ => false,
    }
}

impl Transaction for SetPolicy {
    type Output = Policy;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Policy, Stop> {
        must(self.by.may_manage_policies(), OrganizationError::Forbidden)?;
        must(self.kind <= LAST_KIND, OrganizationError::NotFound)?;
        must(
            !self.data.as_ref().is_some_and(looks_sealed),
            OrganizationError::Invalid("Data has a name that is not allowed."),
        )?;
        let loaded = unit
            .load::<Policy>(PolicyId::of(self.by.organization, self.kind))
            .await?;
        let same = loaded.state.enabled == self.enabled && loaded.state.data == self.data;
        if loaded.state.set.is_some() && same {
            return Ok(loaded.state);
        }
        let event = PolicyEvent::Set {
            organization: self.by.organization,
            kind: self.kind,
            enabled: self.enabled,
            data: self.data.clone(),
            at: unit.now_for(&loaded),
        };
        Ok(unit.append(loaded, vec![event]))
    }
}
