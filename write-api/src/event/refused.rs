//! What an organization refused a member, noted behind the answer; and wrong keys of it.

use crate::{WriteApi, account::limit};
use axum::{
    extract::{MatchedPath, Request as HttpRequest, State},
    http::{Method, StatusCode, Uri},
    middleware::Next,
    response::Response,
};
use commands::{account::log::RecordAccessRefused, context::Context};
use domain::id::{CipherId, OrganizationId, UserId};
use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    time::{Duration, Instant},
};
use web::{Anyone, Asking, caller::Asked, problem::Refused};

/// The same refusal is noted once in this time, so that nobody floods the log.
const WINDOW: Duration = Duration::from_secs(60);
/// How many are remembered; beyond, all are forgotten and noted anew.
const REMEMBERED: usize = 10_000;

/// Refusals that were noted lately: who, where, what.
#[derive(Debug, Default)]
pub struct Noted(Mutex<HashMap<(UserId, OrganizationId, Method, String), Instant>>);

impl Noted {
    /// Whether this one is to be noted.
    fn is_news(&self, user: UserId, organization: OrganizationId, method: &Method, route: &str) -> bool {
        let mut noted = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if noted.len() >= REMEMBERED {
            noted.clear();
        }
        let (key, now) = ((user, organization, method.clone(), route.to_owned()), Instant::now());
        let news = noted
            .get(&key)
            .is_none_or(|before| now.duration_since(*before) >= WINDOW);
        if news {
            noted.insert(key, now);
        }
        news
    }
}

/// What an address is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    /// `/organizations/<id>/…`, or `?organizationId=<id>`.
    Organization(OrganizationId),
    /// `/ciphers/<id>/…`: an item, of an organization or not.
    Item(CipherId),
}

fn about(uri: &Uri) -> Option<About> {
    let behind = |name: &str| uri.path().split('/').skip_while(|part| *part != name).nth(1);
    if let Some(id) = behind("organizations") {
        return id.parse().ok().map(About::Organization);
    }
    let mut pairs = uri.query().unwrap_or_default().split('&');
    let named = pairs.find_map(|pair| pair.strip_prefix("organizationId="));
    if let Some(id) = named.and_then(|id| id.parse().ok()) {
        return Some(About::Organization(id));
    }
    behind("ciphers")?.parse().ok().map(About::Item)
}

/// What a request was, as far as its address says it.
struct Request {
    method: Method,
    route: String,
    about: Option<About>,
    status: u16,
}

/// Notes what organizations refuse their members: answers of 404, which is what a refusal is too, those of 400 that say they
/// are one, and those that refuse a part of what was asked. Which organization, the address says, or where the handler asked how the caller stands. Who is no member is told that
/// nothing is there, and is nobody's business; whoever accepted, or was revoked, is somebody's.
pub async fn note(State(app): State<WriteApi>, mut request: HttpRequest, next: Next) -> Response {
    let asking = Asking::default();
    request.extensions_mut().insert(asking.clone());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let (method, about) = (request.method().clone(), about(request.uri()));
    let response = next.run(request).await;
    let (status, asked) = (response.status(), asking.asked());
    if status == StatusCode::NOT_FOUND || asked.refused || response.extensions().get::<Refused>().is_some() {
        let request = Request {
            method,
            route: route.map(|path| path.as_str().to_owned()).unwrap_or_default(),
            about,
            status: status.as_u16(),
        };
        let account = std::sync::Arc::clone(&app.account);
        account.note_later(async move { take_note(&app, request, asked).await });
    }
    response
}

async fn take_note(app: &WriteApi, request: Request, asked: Asked) {
    let Some(who) = asked.who else { return };
    let (named, cipher) = match request.about {
        Some(About::Organization(id)) => (Some(id), None),
        // what is in no organization is nobody's business but its owner's
        Some(About::Item(id)) => (app.shared(id).await.unwrap_or_default(), Some(id)),
        None => (None, None),
    };
    let organizations: BTreeSet<_> = asked.organizations.into_iter().chain(named).collect();
    for organization in organizations {
        let member = app.read.is_member(who.id, organization).await;
        if !member.is_ok_and(|member| member)
            || !app
                .account
                .noted
                .is_news(who.id, organization, &request.method, &request.route)
        {
            continue;
        }
        let anyone = Anyone {
            client: who.client.clone(),
            ip: who.ip,
        };
        let command = RecordAccessRefused {
            by: Some(who.id),
            organization,
            cipher: cipher.filter(|_| named == Some(organization)),
            method: request.method.to_string(),
            route: request.route.clone(),
            status: request.status,
        };
        app.record_refusal(&app.context_of(&anyone).by(who.id), command).await;
    }
}

impl WriteApi {
    /// Notes that somebody showed a wrong API key of an organization.
    pub(crate) async fn note_wrong_key(&self, anyone: &Anyone, organization: OrganizationId) {
        const ROUTE: &str = "/connect/token";
        let (method, nobody) = (Method::POST, UserId(organization.0));
        let seen = format!("{ROUTE} {}", limit::from(anyone.ip));
        if !self.account.noted.is_news(nobody, organization, &method, &seen) {
            return;
        }
        let command = RecordAccessRefused {
            by: None,
            organization,
            cipher: None,
            method: method.to_string(),
            route: ROUTE.to_owned(),
            status: StatusCode::BAD_REQUEST.as_u16(),
        };
        self.record_refusal(&self.context_of(anyone), command).await;
    }

    /// Nobody fills the log with these.
    async fn record_refusal(&self, context: &Context, command: RecordAccessRefused) {
        let who = command.by.map_or(command.organization.0, |user| user.0);
        if self.account.count(limit::REFUSED, who.to_string()).await.is_err() {
            return;
        }
        let organization = command.organization;
        if let Err(error) = self.executor.transact(context, &command).await {
            tracing::warn!(organization.id = %organization, %error, "a refusal is not in the log");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_which_organization_or_item_it_is_about() {
        const ID: &str = "5b8e1f0a-6c7d-4e8f-9a0b-1c2d3e4f5a6b";
        let of = |path: &str| about(&format!("/api{}", path.replace("ID", ID)).parse().unwrap());
        let organization = Some(About::Organization(ID.parse().unwrap()));
        assert_eq!(of("/organizations/ID/users"), organization);
        assert_eq!(of("/ciphers/import-organization?a=b&organizationId=ID"), organization);
        assert_eq!(of("/ciphers/purge?organizationId=ID"), organization);
        assert_eq!(of("/ciphers/ID/collections"), Some(About::Item(ID.parse().unwrap())));
        for other in [
            "/ciphers/purge",
            "/ciphers",
            "/sync",
            "/organizations/x/users",
            "/ciphers/x?organizationId=y",
        ] {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
