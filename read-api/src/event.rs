//! The audit log as clients see it. The routes are where it is noted that somebody looked: with those that write.

use crate::{ReadApi, unavailable};
use domain::{
    id::{CipherId, CollectionId, GroupId, MembershipId, OrganizationId, PolicyId, UserId},
    time::Timestamp,
};
use projections::{
    audit::{
        read::{self, Cursor, Filter, Log, Order},
        record::{AuditRecord, REFUSED_LOGINS},
    },
    sync::{
        cipher::Holder,
        shared::{self, About},
    },
};
use serde::Serialize;
use std::collections::{HashMap, HashSet};
use web::{Answer, List, Problem};

/// How many events are in one answer.
const PAGE: i64 = 50;
/// The longest range of dates.
const LONGEST: i64 = 367 * DAY;
/// What is shown if no dates are asked for, up to the end of today.
const USUAL: i64 = 30 * DAY;
const DAY: i64 = 86_400_000;
/// By how much the clock of the database may be ahead of ours.
const LATER: i64 = 3_600_000;

/// Which part of a log is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// The first millisecond.
    pub start: Timestamp,
    /// The last one.
    pub end: Timestamp,
    /// From behind here on.
    pub cursor: Option<Cursor>,
    /// It ends in the future.
    ongoing: bool,
}

impl Window {
    /// From what a request says. `too_long` is answered to a range of more than 367 days.
    ///
    /// # Errors
    /// 400 for what is no date or no token of ours, and for too long a range.
    pub fn of(
        (start, end): (Option<&str>, Option<&str>),
        token: Option<&str>,
        now: Timestamp,
        too_long: &str,
    ) -> Answer<Self> {
        let date = |name: &str, text: Option<&str>| match text.filter(|text| !text.is_empty()) {
            None => Ok(None),
            Some(text) => match Timestamp::parse(text).or_else(|| Timestamp::parse(&format!("{text}T00:00:00Z"))) {
                Some(at) => Ok(Some(at)),
                None => Err(Problem::field(
                    name,
                    format!("The value '{}' is not valid.", short(text)),
                )),
            },
        };
        let (start, end) = (date("start", start)?, date("end", end)?);
        let today = now.0.div_euclid(DAY) * DAY;
        let (start, end) = match (start, end) {
            (Some(start), Some(end)) => (start.min(end), start.max(end)),
            _ => (Timestamp(today - USUAL), Timestamp(today + DAY - 1)),
        };
        if end.0 - start.0 > LONGEST {
            return Err(Problem::bad_request(too_long.to_owned()));
        }
        let cursor = match token.filter(|token| !token.is_empty()) {
            None => None,
            Some(token) => Some(
                token
                    .parse()
                    .map_err(|_| Problem::field("continuationToken", "The continuation token is not valid."))?,
            ),
        };
        Ok(Self {
            start,
            end,
            cursor,
            ongoing: end.0 > now.0 + LATER,
        })
    }

    /// The same as bounds of a question: nothing is recorded in the future.
    fn narrow(&self, filter: Filter) -> Filter {
        let end = self.end.0.saturating_add(1);
        Filter {
            from: Some(self.start.0.saturating_mul(1_000)),
            to: (!self.ongoing).then_some(end.saturating_mul(1_000)),
            ..filter
        }
    }
}

fn short(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(40).collect()
}

impl ReadApi {
    /// A page of a log, the newest first, each record as `render` shows it: what the catalogue has numbers for.
    ///
    /// # Errors
    /// 503 if the log cannot be asked.
    pub async fn events<T>(
        &self,
        user: UserId,
        log: Log,
        filter: Filter,
        window: &Window,
        render: fn(AuditRecord) -> T,
    ) -> Answer<List<T>> {
        let pool = self.fresh_log(user).await?;
        let filter = Filter {
            numbered: true,
            ..window.narrow(filter)
        };
        let found = read::page(pool, log, &filter, Order::Newest, window.cursor, PAGE + 1).await;
        let mut found = found.map_err(unavailable)?;
        let more = found.len() as i64 > PAGE;
        found.truncate(PAGE as usize);
        let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.to_string());
        Ok(List::page(
            found.into_iter().map(|(_, record)| render(record)).collect(),
            next,
        ))
    }

    /// Those of `ids` that `user` can read, and the organization each is in.
    ///
    /// # Errors
    /// 503 if the database cannot be asked.
    pub async fn readable(&self, user: UserId, ids: &[CipherId]) -> Answer<HashMap<CipherId, Option<OrganizationId>>> {
        let pool = self.fresh(user).await?;
        let rows = shared::whereabouts(pool, ids).await.map_err(unavailable)?;
        let mut readable = HashMap::new();
        let mut shared_in: HashMap<OrganizationId, Vec<_>> = HashMap::new();
        for (id, owner, collections) in rows {
            match owner {
                Holder::Person(owner) if owner == user => {
                    readable.insert(id, None);
                }
                Holder::Person(_) => {}
                Holder::Organization(organization) => {
                    shared_in.entry(organization).or_default().push((id, collections));
                }
            }
        }
        for (organization, items) in shared_in {
            let collections: HashSet<_> = items.iter().flat_map(|(_, within)| within.iter().copied()).collect();
            let collections: Vec<_> = collections.into_iter().collect();
            let about = About::Collections(&collections);
            let Some(standing) = self.stands(user, organization, about).await? else {
                continue;
            };
            let there = shared::collections(pool, &collections).await.map_err(unavailable)?;
            let there: HashSet<_> = there.into_iter().map(|(id, _)| id).collect();
            for (id, within) in items {
                let left: Vec<_> = within.iter().copied().filter(|id| there.contains(id)).collect();
                let (mine, administered) = (standing.over_item(&left), standing.over_item_as_admin(&left));
                // whoever exports the vault, or sees reports of it, has all of it before them
                if mine.read || administered.read || standing.may_read_all_items() {
                    readable.insert(id, Some(organization));
                }
            }
        }
        Ok(readable)
    }
}

/// When the server took note of it: what a log is ordered by.
fn recorded(record: &AuditRecord) -> String {
    Timestamp(record.recorded_at_micros.div_euclid(1_000)).iso()
}

/// `DeviceType` of what no device of a person did.
const SERVER: u8 = 22;

fn device_type(record: &AuditRecord) -> Option<u8> {
    record.device_type.or(record.system_user.map(|_| SERVER))
}

/// Who acted, as the catalogue has it: see [`REFUSED_LOGINS`].
fn acting(record: &AuditRecord) -> Option<UserId> {
    let refused = record.kind.is_some_and(|kind| REFUSED_LOGINS.contains(&kind));
    record.acting_user.or(record.user.filter(|_| refused))
}

/// `EventResponseModel`. What is not known of a text is empty, for the catalogue allows no null there.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EventResponse {
    object: &'static str,
    r#type: Option<i32>,
    user_id: Option<UserId>,
    organization_id: Option<OrganizationId>,
    provider_id: (),
    cipher_id: Option<CipherId>,
    collection_id: Option<CollectionId>,
    group_id: Option<GroupId>,
    policy_id: Option<PolicyId>,
    organization_user_id: Option<MembershipId>,
    provider_user_id: (),
    provider_organization_id: (),
    acting_user_id: Option<UserId>,
    installation_id: (),
    date: String,
    device_type: Option<u8>,
    ip_address: String,
    system_user: Option<i16>,
    domain_name: String,
    secret_id: (),
    project_id: (),
    service_account_id: (),
    granted_service_account_id: (),
    send_id: (),
}

impl EventResponse {
    /// A record as people's clients read it.
    pub fn of(record: AuditRecord) -> Self {
        Self {
            object: "event",
            r#type: record.kind,
            user_id: record.user,
            organization_id: record.organization,
            provider_id: (),
            cipher_id: record.cipher,
            collection_id: record.collection,
            group_id: record.group,
            policy_id: record.policy,
            organization_user_id: record.membership,
            provider_user_id: (),
            provider_organization_id: (),
            acting_user_id: acting(&record),
            installation_id: (),
            date: recorded(&record),
            device_type: device_type(&record),
            system_user: record.system_user,
            domain_name: record.detail["domainName"].as_str().unwrap_or_default().to_owned(),
            ip_address: record.ip.unwrap_or_default(),
            secret_id: (),
            project_id: (),
            service_account_id: (),
            granted_service_account_id: (),
            send_id: (),
        }
    }
}

/// `Public.EventResponseModel`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicEventResponse {
    object: &'static str,
    r#type: Option<i32>,
    item_id: Option<CipherId>,
    collection_id: Option<CollectionId>,
    group_id: Option<GroupId>,
    policy_id: Option<PolicyId>,
    member_id: Option<MembershipId>,
    acting_user_id: Option<UserId>,
    installation_id: (),
    date: String,
    device: Option<u8>,
    ip_address: String,
    secret_id: (),
    project_id: (),
    service_account_id: (),
}

impl PublicEventResponse {
    /// A record as organizations read it by their API key.
    pub fn of(record: AuditRecord) -> Self {
        Self {
            object: "event",
            r#type: record.kind,
            item_id: record.cipher,
            collection_id: record.collection,
            group_id: record.group,
            policy_id: record.policy,
            member_id: record.membership,
            acting_user_id: acting(&record),
            installation_id: (),
            date: recorded(&record),
            device: device_type(&record),
            ip_address: record.ip.unwrap_or_default(),
            secret_id: (),
            project_id: (),
            service_account_id: (),
        }
    }
}
