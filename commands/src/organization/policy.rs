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

impl Transaction for SetPolicy {
    type Output = Policy;
    type Error = OrganizationError;

    async fn decide(&self, unit: &mut Unit<'_>) -> Result<Policy, Stop> {
        must(self.by.may_manage_policies(), OrganizationError::Forbidden)?;
        must(self.kind <= LAST_KIND, OrganizationError::NotFound)?;
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
