//! What is attacked: every route of the fixture, and a vault that must look the same afterwards.

use std::sync::OnceLock;

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::json;
use tests::client::item::{self, Kind};
use tests::client::organization::Organization;
use tests::client::vault::id;
use tests::client::{Account, Answer, Client};
use tests::server::Server;
use uuid::Uuid;

use crate::compare::assert_same;

pub struct Route {
    pub method: Method,
    pub path: &'static str,
    pub fields: Vec<&'static str>,
}

pub fn routes() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let lines = include_str!("../../fixtures/routes.tsv")
            .lines()
            .filter(|line| !line.starts_with('#'));
        lines.map(route).collect()
    })
}

fn route(line: &'static str) -> Route {
    let mut columns = line.split('\t');
    let mut next = || columns.next().expect("three columns");
    let (method, path, fields) = (next(), next(), next());
    let fields = fields.split(',').filter(|field| !field.is_empty()).collect();
    Route {
        method: Method::from_bytes(method.as_bytes()).expect("a method"),
        path,
        fields,
    }
}

/// Routes that need no body to do what they do: with a body that cannot be read they do it all the same.
pub fn acts_without_body(route: &Route) -> bool {
    route.method != Method::GET && route.fields.is_empty()
}

/// A vault with one item of each kind and a folder; paths point into it unless the route acts without a body.
pub struct Target {
    pub client: Client,
    item: String,
    folder: String,
    user: Uuid,
    organization: Organization,
    group: String,
    member: String,
}

impl Target {
    pub async fn new() -> (Account, Self) {
        let (account, client) = Server::shared().await.member("target").await;
        let folder = client.create_folder(&account, "folder").await;
        for kind in Kind::ALL {
            client
                .post(
                    "/api/ciphers",
                    &item::seal(&account.user_key, &item::full(kind, "item")),
                )
                .await
                .ok();
        }
        let item = client.create_login(&account, "target").await;
        let user = client.user_id().await;
        let organization = client.found(&account, "target").await;
        client
            .make_shared(&organization, "shared", &[&organization.collection])
            .await;
        let group = json!({"name": "target", "collections": [], "users": []});
        let group = id(&client.post(&organization.path("groups"), &group).await.ok());
        let member = id(&client.membership(&organization, &account.email).await);
        (
            account,
            Self {
                client,
                item,
                folder,
                user,
                organization,
                group,
                member,
            },
        )
    }

    pub fn path(&self, route: &Route) -> String {
        let id = match route.path {
            _ if acts_without_body(route) => Uuid::new_v4().to_string(),
            path if path.starts_with("/api/folders") => self.folder.clone(),
            path if path.starts_with("/api/users") => self.user.to_string(),
            path if path.starts_with("/api/organizations") => self.organization.id.clone(),
            _ => self.item.clone(),
        };
        route
            .path
            .replace("{id}", &id)
            .replace("{collection}", &self.organization.collection)
            .replace("{group}", &self.group)
            .replace("{member}", &self.member)
            .replace("{kind}", "1")
            .replace("{identifier}", &self.client.device().identifier)
    }

    async fn ask(&self, route: &Route, path: &str, content_type: &str, body: Vec<u8>) -> Answer {
        let request = self
            .client
            .request(route.method.clone(), path)
            .header("Content-Type", content_type)
            .body(body);
        self.client
            .try_send(request)
            .await
            .unwrap_or_else(|e| panic!("{} {path}: no answer: {e:?}", route.method))
    }

    /// Sends all of these a few at a time; panics with every answer that is a server error.
    pub async fn none_breaks(&self, attacks: Vec<(&Route, String, String, Vec<u8>)>) {
        let before = self.client.vault().await;
        let sent = attacks.len();
        let broken: Vec<String> = futures::stream::iter(attacks)
            .map(|(route, path, content_type, body)| async move {
                let shown: String = String::from_utf8_lossy(&body).chars().take(200).collect();
                let answer = self.ask(route, &path, &content_type, body).await;
                (answer.status >= 500).then(|| {
                    format!(
                        "{} {path} {content_type} {shown:?}: {} {}",
                        route.method, answer.status, answer.text
                    )
                })
            })
            .buffer_unordered(24)
            .filter_map(|broken| async { broken })
            .collect()
            .await;
        assert!(
            broken.is_empty(),
            "{} of {sent} answers are server errors:\n{}",
            broken.len(),
            broken[..broken.len().min(20)].join("\n")
        );
        let after = self.client.vault().await;
        assert_same(&before, &after);
    }
}
