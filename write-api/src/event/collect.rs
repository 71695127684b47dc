//! What only a client can see, as it reports it.

use crate::WriteApi;
use axum::extract::State;
use commands::{
    account::log::{RecordReports, Report},
    context::Context,
};
use domain::{
    id::{CipherId, OrganizationId},
    meta::Origin,
    time::Timestamp,
};
use serde::Deserialize;
use std::collections::HashSet;
use web::{Answer, Caller, ListBody, Problem, Routes};

/// The route.
pub fn routes() -> Routes<WriteApi> {
    Routes::new().post("/collect", collect)
}

/// The most that is taken at once: clients send what gathered in a minute.
const MOST: usize = 1_000;

/// The most in one append: a store may take no more than a megabyte at once.
const AT_ONCE: usize = 200;

/// A vault was exported.
const EXPORTED: i32 = 1007;
/// What a member does in an organization, without an item.
const IN_ORGANIZATION: [i32; 10] = [1522, 1602, 1618, 1619, 1620, 1621, 1627, 2400, 2401, 2402];

/// What somebody does with an item.
fn is_of_item(kind: i32) -> bool {
    matches!(kind, 1107..=1114 | 1117 | 1119..=1132)
}

/// `EventModel`. What is no id and no date is as if it was not said: entries that cannot be taken are dropped, each by itself.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    #[serde(default, rename = "type")]
    kind: i32,
    cipher_id: Option<String>,
    organization_id: Option<String>,
    date: Option<String>,
}

impl Entry {
    fn cipher(&self) -> Option<CipherId> {
        self.cipher_id.as_deref()?.parse().ok()
    }

    fn organization(&self) -> Option<OrganizationId> {
        self.organization_id.as_deref()?.parse().ok()
    }

    fn claimed(&self) -> Option<Timestamp> {
        self.date.as_deref().and_then(Timestamp::parse)
    }
}

/// `POST /collect`: taken is what is about objects within the caller's reach; the rest is dropped without a word.
async fn collect(caller: Caller, State(app): State<WriteApi>, ListBody(entries): ListBody<Entry>) -> Answer<()> {
    if entries.is_empty() {
        return Err(Problem::bad_request("There are no events to collect."));
    }
    if entries.len() > MOST {
        return Err(Problem::bad_request(format!(
            "No more than {MOST} events can be collected at once."
        )));
    }
    let of_items: HashSet<CipherId> = entries
        .iter()
        .filter(|entry| is_of_item(entry.kind))
        .filter_map(Entry::cipher)
        .collect();
    let of_items: Vec<_> = of_items.into_iter().collect();
    let readable = app.read.readable(caller.id, &of_items).await?;
    let organizations = app.read.organizations_of(caller.id).await?;
    let report = |entry: &Entry| {
        let (organization, cipher) = if is_of_item(entry.kind) {
            let cipher = entry.cipher()?;
            (*readable.get(&cipher)?, Some(cipher))
        } else if IN_ORGANIZATION.contains(&entry.kind) {
            let organization = entry.organization().filter(|id| organizations.contains(id))?;
            (Some(organization), None)
        } else if entry.kind == EXPORTED {
            (None, None)
        } else {
            return None;
        };
        Some(Report {
            kind: entry.kind,
            organization,
            cipher,
            claimed: entry.claimed(),
        })
    };
    let reports: Vec<_> = entries.iter().filter_map(report).collect();
    let context = Context {
        origin: Origin::ClientReported,
        ..app.context(&caller)
    };
    // what happened to the account stands in the logs of all its organizations; metadata is written beside each event
    let (of_account, others): (Vec<_>, Vec<_>) = reports.into_iter().partition(|report| report.kind == EXPORTED);
    let everywhere = Context {
        organizations,
        ..context.clone()
    };
    for (context, reports) in [(&everywhere, of_account), (&context, others)] {
        for some in reports.chunks(AT_ONCE) {
            let command = RecordReports {
                by: caller.id,
                reports: some.to_vec(),
            };
            let done = app.executor.transact(context, &command).await?;
            app.acknowledge(caller.id, done.position).await;
        }
    }
    Ok(())
}
