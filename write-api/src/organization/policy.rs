//! Policies.

use crate::{
    WriteApi,
    account::check::Checks,
    organization::member::{own_name, rules},
};
use axum::{Json, extract::State};
use commands::{
    organization::{
        member::GiveOwnCollections,
        policy::{HoldToPolicy, SetPolicy},
    },
    ports::About,
};
use domain::{
    id::{OrganizationId, PolicyId},
    organization::policy::Enforced,
};
use serde::Deserialize;
use serde_json::{Value, json};
use web::{Answer, Body, Caller, PathIds, Problem, Routes};

/// The routes.
pub fn routes() -> Routes<WriteApi> {
    Routes::new()
        .put("/organizations/{id}/policies/{kind}", set)
        .put("/organizations/{id}/policies/{kind}/vnext", set)
}

/// The most bytes of what a policy asks for.
const MAX_DATA: usize = 20_000;

/// `PolicyRequestModel`; newer clients wrap it as `SavePolicyRequest`.
#[derive(Debug, Deserialize)]
struct PolicyRequest {
    enabled: Option<bool>,
    data: Option<Value>,
    policy: Option<Box<PolicyRequest>>,
    metadata: Option<Metadata>,
}

/// What is to be done as a policy is switched on, beside the policy itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Metadata {
    default_user_collection_name: Option<String>,
}

/// What clients read of the data of a policy. What else there is goes on to them as it is.
#[derive(Debug, Clone, Copy)]
enum Asks {
    /// A whole number, at least and at most.
    Number(i64, i64),
    /// Yes or no.
    Truth,
}

/// Names, and what may stand there beside null: clients that know types strictly cannot read a vault with anything else in it.
fn asks(kind: u8) -> &'static [(&'static str, Asks)] {
    use Asks::{Number, Truth};
    match kind {
        1 => &[
            ("minComplexity", Number(0, 4)),
            ("minLength", Number(12, 128)),
            ("requireLower", Truth),
            ("requireUpper", Truth),
            ("requireNumbers", Truth),
            ("requireSpecial", Truth),
            ("enforceOnLogin", Truth),
        ],
        7 => &[("disableHideEmail", Truth)],
        8 => &[("autoEnrollEnabled", Truth)],
        _ => &[],
    }
}

fn check_asked(kind: u8, data: &Value) -> Answer<()> {
    for (name, asked) in asks(kind) {
        let Some(value) = data.get(name).filter(|value| !value.is_null()) else {
            continue;
        };
        let wrong = match asked {
            Asks::Number(least, most) => {
                let fits = value.as_i64().is_some_and(|number| (*least..=*most).contains(&number));
                (!fits).then(|| format!("{name} must be a whole number between {least} and {most}."))
            }
            Asks::Truth => (!value.is_boolean()).then(|| format!("{name} must be true or false.")),
        };
        if let Some(wrong) = wrong {
            return Err(Problem::field("Data", wrong));
        }
    }
    Ok(())
}

/// What a policy asks for, within bounds, and of the types that clients know.
pub(crate) fn checked_data(kind: u8, data: Option<Value>) -> Answer<Option<Value>> {
    let data = data.filter(|data| !data.is_null());
    if data
        .as_ref()
        .is_some_and(|data| !data.is_object() || data.to_string().len() > MAX_DATA)
    {
        return Err(Problem::field("Data", "Data is not an object, or too large."));
    }
    if let Some(data) = &data {
        check_asked(kind, data)?;
    }
    Ok(data)
}

/// `PUT /organizations/{id}/policies/{kind}`, and `…/vnext`, which always wraps the policy.
async fn set(
    caller: Caller,
    State(app): State<WriteApi>,
    ids: PathIds<OrganizationId, u8>,
    Body(request): Body<PolicyRequest>,
) -> Answer<Json<Value>> {
    let by = app.standing(&caller, ids.0, About::Role).await?;
    let name = request
        .metadata
        .and_then(|metadata| metadata.default_user_collection_name);
    let mut checks = Checks::new();
    let name = own_name(name, &mut checks);
    checks.done()?;
    let (enabled, data) = match request.policy {
        Some(wrapped) => (wrapped.enabled, wrapped.data),
        None => (request.enabled, request.data),
    };
    let Some(enabled) = enabled else {
        return Err(Problem::field("Enabled", "The Enabled field is required."));
    };
    let data = checked_data(ids.1, data)?;
    let lacking = match enabled {
        true => rules::lacking(&app, caller.id, ids.0, ids.1).await?,
        false => vec![],
    };
    let name = name.filter(|_| enabled && ids.1 == Enforced::OrganizationDataOwnership as u8);
    let own_collections = match name.clone() {
        Some(name) => Some((rules::without_own(&app, caller.id, ids.0).await?, name)),
        None => None,
    };
    let command = SetPolicy {
        lacking,
        own_collections,
        by,
        kind: ids.1,
        enabled,
        data,
    };
    let done = app.change_in(&caller, ids.0, &command).await?;
    // who came in meanwhile was let in by what was so before
    let late = match enabled {
        true => rules::lacking(&app, caller.id, ids.0, ids.1).await?,
        false => vec![],
    };
    if !late.is_empty() {
        let hold = HoldToPolicy {
            by: Some(command.by.clone()),
            organization: ids.0,
            kind: ids.1,
            lacking: late,
        };
        app.change_in(&caller, ids.0, &hold).await?;
    }
    if let Some(name) = name {
        let members = rules::without_own(&app, caller.id, ids.0).await?;
        if !members.is_empty() {
            let give = GiveOwnCollections {
                organization: ids.0,
                members,
                name,
            };
            app.change_in(&caller, ids.0, &give).await?;
        }
    }
    Ok(Json(json!({
        "object": "policy",
        "id": PolicyId::of(ids.0, ids.1),
        "organizationId": ids.0,
        "type": ids.1,
        "data": done.value.data,
        "enabled": done.value.enabled,
        "revisionDate": done.value.set.map(|at| at.iso()),
    })))
}
