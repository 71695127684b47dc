//! What only a client can see, as it reports it.

use crate::{WriteApi, account::limit};
use axum::extract::State;
use commands::{
    account::log::{RecordReports, Report},
    context::Context,
};
use domain::{
    activity::OF_MEMBERS,
    id::{CipherId, MembershipId, OrganizationId},
    meta::Origin,
    time::Timestamp,
};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap, HashSet};
use web::{Answer, Caller, ListBody, Problem, Routes};

/// The route.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().post("/collect", collect)
}

/// How many are looked at together: of their items is asked once.
const LOOKED_AT: usize = 1_000;
/// The most in one append: a store may take no more than a megabyte at once.
const AT_ONCE: usize = 200;
/// So many count as one towards [`limit::COLLECT`].
const COUNTED: usize = 50;

/// A vault was exported.
const EXPORTED: i32 = 1007;
/// What a member does in an organization, without an item.
const IN_ORGANIZATION: [i32; 10] = [1522, 1602, 1618, 1619, 1620, 1621, 1627, 2400, 2401, 2402];

/// What somebody does with an item.
fn is_of_item(kind: i32) -> bool {
    matches!(kind, 1107..=1114 | 1117 | 1119..=1132)
}

/// `EventModel`.
#[derive(Debug)]
struct Entry {
    kind: i32,
    cipher: Option<CipherId>,
    organization: Option<OrganizationId>,
    claimed: Option<Timestamp>,
}

impl Entry {
    /// What is no id and no date is as if it was not said. `None` for what is no entry at all: that is dropped, and those beside it
    /// are not, for clients keep all they sent until all is taken.
    fn of(value: &Value) -> Option<Self> {
        let kind = value.get("type")?.as_i64()?;
        let text = |name: &str| match value.get(name) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(text)) => Some(Some(text.as_str())),
            Some(_) => None,
        };
        Some(Self {
            kind: i32::try_from(kind).ok()?,
            cipher: text("cipherId")?.and_then(|id| id.parse().ok()),
            organization: text("organizationId")?.and_then(|id| id.parse().ok()),
            claimed: value.get("date").and_then(Value::as_str).and_then(Timestamp::parse),
        })
    }
}

/// What is within the caller's reach.
struct Reach {
    /// Items that can be read, and the organization each is in.
    items: HashMap<CipherId, Option<OrganizationId>>,
    /// Organizations the caller is confirmed in, and as which member.
    organizations: BTreeMap<OrganizationId, MembershipId>,
}

impl Reach {
    fn report(&self, entry: &Entry) -> Option<Report> {
        let (organization, cipher, membership) = if is_of_item(entry.kind) {
            let cipher = entry.cipher?;
            (*self.items.get(&cipher)?, Some(cipher), None)
        } else if IN_ORGANIZATION.contains(&entry.kind) {
            let organization = entry.organization?;
            let membership = *self.organizations.get(&organization)?;
            let told = OF_MEMBERS.contains(&entry.kind).then_some(membership);
            (Some(organization), None, told)
        } else if entry.kind == EXPORTED {
            (None, None, None)
        } else {
            return None;
        };
        Some(Report {
            kind: entry.kind,
            organization,
            cipher,
            membership,
            claimed: entry.claimed,
        })
    }
}

/// `POST /collect`: taken is what is about objects within the caller's reach; the rest is dropped without a word. However many there
/// are: a client that is refused puts all of them back, and sends more the next time.
async fn collect(caller: Caller, State(app): State<WriteApi>, ListBody(sent): ListBody<Value>) -> Answer<()> {
    if !sent.iter().any(Value::is_object) {
        return Err(Problem::bad_request("There are no events to collect."));
    }
    let units = u32::try_from(sent.len().div_ceil(COUNTED)).unwrap_or(u32::MAX);
    let who = caller.id.to_string();
    app.account.count_many(limit::COLLECT, &who, units).await?;
    let context = Context {
        origin: Origin::ClientReported,
        ..app.context(&caller)
    };
    for some in sent.chunks(LOOKED_AT) {
        let entries: Vec<_> = some.iter().filter_map(Entry::of).collect();
        app.take_reports(&caller, &context, &entries).await?;
    }
    Ok(())
}

impl WriteApi {
    async fn take_reports(&self, caller: &Caller, context: &Context, entries: &[Entry]) -> Answer<()> {
        let items = entries.iter().filter(|entry| is_of_item(entry.kind));
        let items: HashSet<CipherId> = items.filter_map(|entry| entry.cipher).collect();
        let items: Vec<_> = items.into_iter().collect();
        let reach = Reach {
            items: self.read.readable(caller.id, &items).await?,
            organizations: self.read.places_of(caller.id).await?,
        };
        let reports: Vec<_> = entries.iter().filter_map(|entry| reach.report(entry)).collect();
        // what happened to the account stands in the logs of all its organizations; metadata is written beside each event
        let (of_account, others): (Vec<_>, Vec<_>) = reports.into_iter().partition(|report| report.kind == EXPORTED);
        let everywhere = Context {
            organizations: reach.organizations.into_keys().collect(),
            ..context.clone()
        };
        for (context, reports) in [(&everywhere, of_account), (context, others)] {
            for some in reports.chunks(AT_ONCE) {
                let command = RecordReports {
                    by: caller.id,
                    reports: some.to_vec(),
                };
                let done = self.executor.transact(context, &command).await?;
                self.acknowledge(caller.id, done.position).await;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_is_no_entry_is_dropped_by_itself() {
        const ID: &str = "5b8e1f0a-6c7d-4e8f-9a0b-1c2d3e4f5a6b";
        let entry = Entry::of(&json!({"type": 1107, "cipherId": ID, "date": 7})).unwrap();
        assert_eq!((entry.kind, entry.cipher.unwrap()), (1107, ID.parse().unwrap()));
        assert!(entry.claimed.is_none());
        assert!(Entry::of(&json!({"type": 1602, "cipherId": null})).is_some());
        assert!(
            Entry::of(&json!({"type": 1107, "cipherId": "no id"}))
                .unwrap()
                .cipher
                .is_none()
        );
        for none in [
            json!({"type": "1107", "cipherId": ID}),
            json!({"type": 1107, "cipherId": 7}),
            json!({"type": 1107, "organizationId": [ID]}),
            json!({"type": 1e300}),
            json!({"type": 9_999_999_999_i64}),
            json!({"cipherId": ID}),
            json!(7),
            json!([]),
            Value::Null,
        ] {
            assert!(Entry::of(&none).is_none(), "{none}");
        }
    }
}
