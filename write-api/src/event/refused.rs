//! What an organization refused a member, noted behind the answer.

use crate::WriteApi;
use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderMap, Method, StatusCode, Uri},
    middleware::Next,
    response::Response,
};
use commands::account::log::RecordAccessRefused;
use domain::id::{CipherId, OrganizationId, UserId};
use std::{
    collections::HashMap,
    net::IpAddr,
    sync::Mutex,
    time::{Duration, Instant},
};
use web::{Anyone, ClientInfo, caller::token_of, request::RemoteAddress};

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

/// What is needed to say who asked for what.
struct Asked {
    headers: HeaderMap,
    token: Option<String>,
    ip: Option<IpAddr>,
    method: Method,
    route: String,
    about: About,
}

/// Notes 404 answers to confirmed members, which is what a refusal is too: who is none is told that nothing is there, and is nobody's
/// business.
pub async fn note(State(app): State<WriteApi>, request: Request, next: Next) -> Response {
    let asked = about(request.uri()).map(|about| Asked {
        headers: request.headers().clone(),
        token: token_of(request.headers(), request.uri()),
        ip: request.extensions().get::<RemoteAddress>().map(|address| address.0),
        method: request.method().clone(),
        route: request
            .extensions()
            .get::<MatchedPath>()
            .map(|path| path.as_str().to_owned())
            .unwrap_or_default(),
        about,
    });
    let response = next.run(request).await;
    let refused = response.status() == StatusCode::NOT_FOUND;
    if let Some(asked) = asked.filter(|_| refused) {
        let (app, status) = (app.clone(), response.status().as_u16());
        let account = std::sync::Arc::clone(&app.account);
        // where too much is going on already there are other signs of it
        let _ = account.later(async move { take_note(&app, asked, status).await });
    }
    response
}

async fn take_note(app: &WriteApi, asked: Asked, status: u16) {
    let Some(token) = &asked.token else { return };
    let Ok(claims) = app.read.auth.user(token).await else {
        return;
    };
    let user = claims.user();
    let organization = match asked.about {
        About::Organization(id) => id,
        About::Item(id) => match app.shared(id).await {
            Ok(Some(organization)) => organization,
            // nobody's business but its owner's
            _ => return,
        },
    };
    let member = app.read.organizations_of(user).await;
    if !member.is_ok_and(|all| all.contains(&organization))
        || !app
            .account
            .noted
            .is_news(user, organization, &asked.method, &asked.route)
    {
        return;
    }
    let anyone = Anyone {
        client: ClientInfo::of(&asked.headers),
        ip: asked.ip,
    };
    let command = RecordAccessRefused {
        by: user,
        organization,
        method: asked.method.to_string(),
        route: asked.route,
        status,
    };
    let context = app.context_of(&anyone).by(user);
    if let Err(error) = app.executor.transact(&context, &command).await {
        tracing::warn!(user.id = %user, organization.id = %organization, %error, "a refusal is not in the log");
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
