//! What policies that are on ask of members.

use crate::WriteApi;
use commands::{context::Context, organization::policy::HoldToPolicy};
use domain::{
    id::{MembershipId, OrganizationId, UserId},
    organization::{policy::Enforced, role::Role},
};
use projections::sync::shared;
use read_api::unavailable;
use serde_json::{Map, Value, json};
use std::collections::HashSet;
use web::Answer;

/// Policies that the server itself holds members to.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Rules {
    organization: Option<OrganizationId>,
    two_factor: bool,
    single_organization: bool,
    /// Members' items belong to the organization: each has a collection of their own.
    pub data_ownership: bool,
    /// Who accepts lets the organization recover the account.
    pub enrolls: bool,
}

/// The rules of an organization.
pub(crate) async fn of(app: &WriteApi, asking: UserId, organization: OrganizationId) -> Answer<Rules> {
    let pool = app.read.fresh(asking).await?;
    let policies = shared::policies_of(pool, &[organization]).await.map_err(unavailable)?;
    let on = |kind: Enforced| {
        policies
            .iter()
            .any(|(_, policy)| policy.kind == kind as i16 && policy.enabled)
    };
    let enrolls = policies.iter().any(|(_, policy)| {
        let data = policy
            .data
            .as_deref()
            .and_then(|data| serde_json::from_str::<Value>(data).ok());
        policy.kind == Enforced::ResetPassword as i16
            && policy.enabled
            && data.is_some_and(|data| data["autoEnrollEnabled"] == true)
    });
    Ok(Rules {
        organization: Some(organization),
        two_factor: on(Enforced::TwoFactor),
        single_organization: on(Enforced::SingleOrganization),
        data_ownership: on(Enforced::OrganizationDataOwnership),
        enrolls,
    })
}

/// Memberships of those who lack what a policy asks for.
pub(crate) async fn lacking(
    app: &WriteApi,
    asking: UserId,
    organization: OrganizationId,
    kind: u8,
) -> Answer<Vec<MembershipId>> {
    let pool = app.read.fresh(asking).await?;
    let lacking = match kind {
        // no account has a second factor yet
        kind if kind == Enforced::TwoFactor as u8 => shared::members_of(pool, organization)
            .await
            .map_err(unavailable)?
            .into_iter()
            .filter(|(_, row)| row.user.is_some() && row.view.revoked.is_none() && !row.role.is_admin())
            .map(|(id, _)| id)
            .collect(),
        kind if kind == Enforced::SingleOrganization as u8 => shared::members_elsewhere(pool, organization)
            .await
            .map_err(unavailable)?,
        _ => vec![],
    };
    Ok(lacking)
}

/// Memberships of confirmed members who have no collection for their own items and are to have one where items are the organization's.
pub(crate) async fn without_own(
    app: &WriteApi,
    asking: UserId,
    organization: OrganizationId,
) -> Answer<Vec<MembershipId>> {
    let pool = app.read.fresh(asking).await?;
    let collections = shared::collections_of(pool, organization).await.map_err(unavailable)?;
    let have: HashSet<MembershipId> = collections.into_iter().filter_map(|(_, row)| row.default_of).collect();
    let members = shared::members_of(pool, organization).await.map_err(unavailable)?;
    let lacking = members
        .into_iter()
        .filter(|(id, row)| row.is_active() && !row.role.is_admin() && !have.contains(id));
    Ok(lacking.map(|(id, _)| id).collect())
}

/// Holds somebody who just came into an organization to those rules of others, or of this one, that nobody may be elsewhere as well. They were
/// looked at before; who comes into two organizations in one moment was in neither then.
pub(crate) async fn hold_to_one(app: &WriteApi, asking: UserId, user: UserId) -> Answer<()> {
    let pool = app.read.fresh(asking).await?;
    let all = shared::memberships_of(pool, user).await.map_err(unavailable)?;
    let live: Vec<_> = all.iter().filter(|(_, row, _)| row.view.revoked.is_none()).collect();
    if live.len() < 2 {
        return Ok(());
    }
    let bound: Vec<_> = live.iter().filter(|(_, row, _)| !row.role.is_admin()).collect();
    let organizations: Vec<_> = bound.iter().map(|(_, row, _)| row.organization).collect();
    let policies = shared::policies_of(pool, &organizations).await.map_err(unavailable)?;
    let strict = |organization: OrganizationId| {
        policies.iter().any(|(_, policy)| {
            policy.organization == organization && policy.kind == Enforced::SingleOrganization as i16 && policy.enabled
        })
    };
    for (membership, row, _) in bound {
        if strict(row.organization) {
            let hold = HoldToPolicy {
                by: None,
                organization: row.organization,
                kind: Enforced::SingleOrganization as u8,
                lacking: vec![*membership],
            };
            // by the server itself: who asks is nobody in the other organization
            let context = Context {
                organizations: vec![row.organization],
                ..Context::system(app.executor.new_id(), None)
            };
            let done = app.executor.transact(&context, &hold).await?;
            app.settle(done.position).await?;
        }
    }
    Ok(())
}

impl Rules {
    /// What forbids the person of a membership to be a member here; somebody without an account lacks nothing yet.
    pub async fn forbids_member(
        &self,
        app: &WriteApi,
        asking: UserId,
        membership: MembershipId,
    ) -> Answer<Option<&'static str>> {
        let pool = app.read.fresh(asking).await?;
        let row = shared::membership(pool, membership).await.map_err(unavailable)?;
        match row.and_then(|row| Some((row.user?, row.role))) {
            Some((user, role)) => self.forbids(app, asking, user, role).await,
            None => Ok(None),
        }
    }

    /// What forbids the person of a membership to be a member here as `role`.
    pub async fn forbids_as(
        &self,
        app: &WriteApi,
        asking: UserId,
        membership: MembershipId,
        role: Role,
    ) -> Answer<Option<&'static str>> {
        if role.is_admin() || !(self.two_factor || self.single_organization) {
            return Ok(None);
        }
        let pool = app.read.fresh(asking).await?;
        let row = shared::membership(pool, membership).await.map_err(unavailable)?;
        match row.and_then(|row| row.user) {
            Some(user) => self.forbids(app, asking, user, role).await,
            None => Ok(None),
        }
    }

    /// What forbids `user` to be who was invited by a membership.
    pub async fn forbids_invited(
        &self,
        app: &WriteApi,
        user: UserId,
        membership: MembershipId,
    ) -> Answer<Option<&'static str>> {
        let pool = app.read.fresh(user).await?;
        let row = shared::membership(pool, membership).await.map_err(unavailable)?;
        let role = row.map_or(Role::User, |row| row.role);
        self.forbids(app, user, user, role).await
    }

    /// What forbids `user` to be a member here as `role`, if anything does: a rule of this organization, or one of another that
    /// the person is in. None of them is for owners and admins of the organization that has it.
    pub async fn forbids(
        &self,
        app: &WriteApi,
        asking: UserId,
        user: UserId,
        role: Role,
    ) -> Answer<Option<&'static str>> {
        let bound = !role.is_admin();
        if self.two_factor && bound {
            // no account has a second factor yet
            return Ok(Some(
                "You cannot join this organization until you enable two-step login on your user account.",
            ));
        }
        let pool = app.read.fresh(asking).await?;
        let memberships = shared::memberships_of(pool, user).await.map_err(unavailable)?;
        let others: Vec<_> = memberships
            .iter()
            .filter(|(_, row, _)| Some(row.organization) != self.organization && row.view.revoked.is_none())
            .collect();
        if others.is_empty() {
            return Ok(None);
        }
        if self.single_organization && bound {
            return Ok(Some(
                "You may not join this organization until you leave or remove all other organizations.",
            ));
        }
        let binding: Vec<_> = others
            .iter()
            .filter(|(_, row, _)| !row.role.is_admin())
            .map(|(_, row, _)| row.organization)
            .collect();
        let theirs = shared::policies_of(pool, &binding).await.map_err(unavailable)?;
        let alone = theirs
            .iter()
            .any(|(_, policy)| policy.kind == Enforced::SingleOrganization as i16 && policy.enabled);
        Ok(alone.then_some(
            "You cannot join this organization because you are a member of another organization which forbids it",
        ))
    }
}

/// What organizations ask of master passwords (`MasterPasswordPolicyResponseModel`): the strictest of each. Clients hold their
/// owners to it, for no server ever sees one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct PasswordPolicy {
    /// Strength, 0 to 4.
    complexity: Option<i64>,
    /// Characters.
    length: Option<i64>,
    /// Any organization has one.
    set: bool,
    lower: bool,
    upper: bool,
    numbers: bool,
    special: bool,
    /// Also of passwords that there are.
    on_login: bool,
}

impl PasswordPolicy {
    /// That of somebody who is in `organizations`.
    ///
    /// # Errors
    /// 503 if the read models cannot be asked.
    pub async fn of(app: &WriteApi, user: UserId, organizations: &[OrganizationId]) -> Answer<Self> {
        if organizations.is_empty() {
            return Ok(Self::default());
        }
        let pool = app.read.fresh(user).await?;
        let policies = shared::policies_of(pool, organizations).await.map_err(unavailable)?;
        let asked = policies
            .iter()
            .filter(|(_, policy)| policy.kind == Enforced::MasterPassword as i16 && policy.enabled)
            .map(|(_, policy)| policy.data.as_deref().and_then(|data| serde_json::from_str(data).ok()));
        Ok(asked.fold(Self::default(), |all, data| all.and(&data.unwrap_or_default())))
    }

    fn and(self, data: &Value) -> Self {
        let on = |name: &str| data[name] == true;
        Self {
            complexity: self.complexity.max(data["minComplexity"].as_i64()),
            length: self.length.max(data["minLength"].as_i64()),
            set: true,
            lower: self.lower || on("requireLower"),
            upper: self.upper || on("requireUpper"),
            numbers: self.numbers || on("requireNumbers"),
            special: self.special || on("requireSpecial"),
            on_login: self.on_login || on("enforceOnLogin"),
        }
    }

    /// As clients read it, `name` making the names of members of those written here; `tag` is that of the kind of object.
    pub fn render(&self, tag: &str, name: impl Fn(&str) -> String) -> Value {
        let flag = |on: bool| self.set.then_some(on);
        let members = [
            ("MinComplexity", json!(self.complexity)),
            ("MinLength", json!(self.length)),
            ("RequireLower", json!(flag(self.lower))),
            ("RequireUpper", json!(flag(self.upper))),
            ("RequireNumbers", json!(flag(self.numbers))),
            ("RequireSpecial", json!(flag(self.special))),
            ("EnforceOnLogin", json!(flag(self.on_login))),
        ];
        let mut out: Map<String, Value> = members.into_iter().map(|(key, value)| (name(key), value)).collect();
        out.insert(tag.to_owned(), json!("masterPasswordPolicy"));
        Value::Object(out)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_several_policies_the_strictest_of_each_counts() {
        let one = json!({"minComplexity": 2, "minLength": 14, "requireUpper": true, "enforceOnLogin": false});
        let other = json!({"minComplexity": null, "minLength": 20, "enforceOnLogin": true});
        let both = PasswordPolicy::default().and(&one).and(&other);
        assert_eq!(
            both.render("Object", str::to_owned),
            json!({
                "MinComplexity": 2, "MinLength": 20, "RequireLower": false, "RequireUpper": true, "RequireNumbers": false,
                "RequireSpecial": false, "EnforceOnLogin": true, "Object": "masterPasswordPolicy",
            })
        );
        let none = PasswordPolicy::default().render("Object", str::to_owned);
        assert_eq!(none["MinLength"], Value::Null);
        assert_eq!(none["EnforceOnLogin"], Value::Null);
    }
}
