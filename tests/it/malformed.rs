//! Whatever is sent: no server error, no change.
//!
//! Every route of the fixture gets bodies that are no JSON, JSON of the wrong form, fields of wrong types, texts with NUL,
//! texts that only look sealed, and much too much. The vault before and after is the same.

use std::sync::OnceLock;

use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::{Account, Answer, Client};
use tests::server::Server;
use uuid::Uuid;

use crate::compare::assert_same;

struct Route {
    method: Method,
    path: &'static str,
    fields: Vec<&'static str>,
}

fn routes() -> &'static [Route] {
    static ROUTES: OnceLock<Vec<Route>> = OnceLock::new();
    ROUTES.get_or_init(|| {
        let lines = include_str!("../fixtures/routes.tsv")
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
fn acts_without_body(route: &Route) -> bool {
    route.method != Method::GET && route.fields.is_empty()
}

/// A vault with one item of each kind and a folder; paths point into it unless the route acts without a body.
struct Target {
    client: Client,
    item: String,
    folder: String,
    user: Uuid,
}

impl Target {
    async fn new() -> (Account, Self) {
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
        (
            account,
            Self {
                client,
                item,
                folder,
                user,
            },
        )
    }

    fn path(&self, route: &Route) -> String {
        let id = match route.path {
            _ if acts_without_body(route) => Uuid::new_v4().to_string(),
            path if path.starts_with("/api/folders") => self.folder.clone(),
            path if path.starts_with("/api/users") => self.user.to_string(),
            _ => self.item.clone(),
        };
        route
            .path
            .replace("{id}", &id)
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
    async fn none_breaks(&self, attacks: Vec<(&Route, String, String, Vec<u8>)>) {
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

fn unreadable_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    vec![
        (json, b"".to_vec()),
        (json, b"null".to_vec()),
        (json, b"{".to_vec()),
        (json, b"[]".to_vec()),
        (json, b"[{}]".to_vec()),
        (json, b"12".to_vec()),
        (json, b"\"text\"".to_vec()),
        (json, b"{\"name\":\x00}".to_vec()),
        (json, b"{\"name\":\"\xff\xfe\"}".to_vec()),
        (json, b"{\"name\":\"\\ud800\"}".to_vec()),
        (json, b"\xef\xbb\xbf{}x".to_vec()),
        (json, b"{\"a\":1e999}".to_vec()),
        (json, "[".repeat(100_000).into_bytes()),
        (json, "{\"a\":".repeat(100_000).into_bytes()),
        ("application/xml", b"<a/>".to_vec()),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\n".to_vec()),
        ("application/x-www-form-urlencoded", b"name=%00&=&&%zz".to_vec()),
    ]
}

#[tokio::test]
async fn bodies_that_cannot_be_read_break_nothing() {
    let (_, target) = Target::new().await;
    let mut attacks = Vec::new();
    for route in routes().iter().filter(|route| route.path != "/api/folders/all") {
        for (content_type, body) in unreadable_bodies() {
            attacks.push((route, target.path(route), content_type.to_owned(), body));
        }
    }
    target.none_breaks(attacks).await;
}

/// Values that no field of a request may have without harm; `null` is left out, for it may mean "none".
fn odd_values() -> Vec<Value> {
    vec![
        json!(-1),
        json!(1e300),
        json!(18_446_744_073_709_551_615_u64),
        json!({}),
        json!({"object": {"object": []}}),
        json!([[]]),
        json!(["x"]),
        json!("\u{0}"),
        json!("2.\u{0}|a|b"),
        json!("2.%%%|###|!!!"),
        json!("2.AAAA|AAAA|AAAA|AAAA"),
        json!("99.AAAA|AAAA|AAAA"),
        json!("\u{202e}\u{feff}😀".repeat(50)),
        json!("x".repeat(100_000)),
        json!("00000000-0000-0000-0000-000000000000"),
        json!("0001-01-01T00:00:00Z"),
    ]
}

#[tokio::test]
async fn fields_of_wrong_types_break_nothing() {
    let (_, target) = Target::new().await;
    let mut attacks = Vec::new();
    for route in routes()
        .iter()
        .filter(|route| !route.fields.is_empty() && route.path != "/identity/connect/token")
    {
        for value in odd_values() {
            let body: serde_json::Map<_, _> = route
                .fields
                .iter()
                .map(|field| ((*field).to_owned(), value.clone()))
                .collect();
            // A text is a name and a domain list may be empty: those two are not at fault.
            if matches!(route.path, "/api/accounts/profile" | "/api/accounts/avatar") && value.is_string() {
                continue;
            }
            attacks.push((
                route,
                target.path(route),
                "application/json".to_owned(),
                Value::Object(body).to_string().into_bytes(),
            ));
        }
    }
    target.none_breaks(attacks).await;
}

/// The places of all values inside `value`, as JSON pointers.
fn places(value: &Value, place: &str, found: &mut Vec<String>) {
    let mut visit = |name: &str, value: &Value| {
        let place = format!("{place}/{name}");
        found.push(place.clone());
        places(value, &place, found);
    };
    match value {
        Value::Object(fields) => fields.iter().for_each(|(name, value)| visit(name, value)),
        Value::Array(items) => items
            .iter()
            .enumerate()
            .for_each(|(index, value)| visit(&index.to_string(), value)),
        _ => {}
    }
}

#[tokio::test]
async fn one_odd_value_anywhere_in_an_item_breaks_nothing() {
    let (account, target) = Target::new().await;
    let edit = routes()
        .iter()
        .find(|r| r.method == Method::PUT && r.path == "/api/ciphers/{id}")
        .expect("the route of edits");
    let mut attacks = Vec::new();
    for kind in Kind::ALL {
        let good = item::seal(&account.user_key, &item::full(kind, "odd"));
        let mut found = Vec::new();
        places(&good, "", &mut found);
        for place in found {
            for value in odd_values() {
                let mut body = good.clone();
                *body.pointer_mut(&place).expect("a place in the item") = value;
                // Never the revision the item has: what would be a valid edit is refused as out of date.
                body["lastKnownRevisionDate"] = json!("2001-02-03T04:05:06.789Z");
                attacks.push((
                    edit,
                    target.path(edit),
                    "application/json".to_owned(),
                    body.to_string().into_bytes(),
                ));
            }
        }
    }
    target.none_breaks(attacks).await;
}

#[tokio::test]
async fn ids_in_paths_that_are_none_break_nothing() {
    let (_, target) = Target::new().await;
    let mut attacks = Vec::new();
    for route in routes().iter().filter(|route| route.path.contains('{')) {
        for odd in [
            "x",
            "%00",
            "%2e%2e%2f",
            "%ff%fe",
            "-1",
            "00000000-0000-0000-0000-000000000000",
            "%20",
            &"a".repeat(5_000),
        ] {
            let path = route.path.replace("{id}", odd).replace("{identifier}", odd);
            attacks.push((route, path, "application/json".to_owned(), b"{}".to_vec()));
        }
    }
    target.none_breaks(attacks).await;
}

#[tokio::test]
async fn a_body_far_too_large_is_cut_off() {
    let (account, target) = Target::new().await;
    let before = target.client.vault().await;
    let huge = bytes::Bytes::from(format!("{{\"name\":\"{}\"}}", "x".repeat(128 << 20)));
    for path in [
        "/api/folders",
        "/api/ciphers",
        "/api/ciphers/import",
        "/identity/accounts/prelogin/password",
        "/identity/connect/token",
    ] {
        let request = target
            .client
            .request(Method::POST, path)
            .header("Content-Type", "application/json")
            .body(huge.clone());
        // The server may close the connection while the rest is still being sent: that is a refusal too.
        if let Ok(answer) = target.client.try_send(request).await {
            assert!(
                matches!(answer.status, 400 | 413 | 415),
                "{path}: {} {}",
                answer.status,
                answer.text
            );
        }
    }
    target.client.create_login(&account, "the server goes on").await;
    assert_eq!(before["folders"], target.client.vault().await["folders"]);
}

#[tokio::test]
async fn odd_forms_at_the_token_endpoint_break_nothing() {
    let (account, target) = Target::new().await;
    let token = routes()
        .iter()
        .find(|r| r.path == "/identity/connect/token")
        .expect("the token endpoint");
    let hash = account.password_hash();
    let good = [
        ("grant_type", "password"),
        ("scope", "api"),
        ("client_id", "cli"),
        ("username", &account.email),
        ("password", &hash),
    ];
    let mut attacks = Vec::new();
    for (name, _) in good {
        for odd in [
            "",
            "%00",
            "%ff",
            "%F0%9F%98%80",
            &"x".repeat(100_000),
            "-1",
            "%0d%0aX:1",
        ] {
            let fields: Vec<String> = good
                .iter()
                .map(|(n, v)| format!("{n}={}", if *n == name { odd } else { v }))
                .collect();
            for extra in [
                "",
                "&deviceType=99999999999&deviceIdentifier=x&deviceName=y",
                "&deviceType=25&deviceIdentifier=%00&deviceName=%00",
            ] {
                let body = format!("{}{extra}", fields.join("&"));
                attacks.push((
                    token,
                    token.path.to_owned(),
                    "application/x-www-form-urlencoded".to_owned(),
                    body.into_bytes(),
                ));
            }
        }
    }
    target.none_breaks(attacks).await;
}

#[tokio::test]
async fn unknown_paths_are_an_empty_404_for_everybody() {
    let (_, target) = Target::new().await;
    for path in [
        "/api/nothing",
        "/identity/nothing",
        "/nothing",
        "/api/ciphers/x/y/z",
        "/api/%00",
    ] {
        for client in [&target.client, &target.client.signed_out()] {
            for method in [Method::GET, Method::POST, Method::PUT, Method::DELETE] {
                let answer = client.send(client.request(method.clone(), path)).await;
                assert_eq!((answer.status, answer.text.as_str()), (404, ""), "{method} {path}");
            }
        }
    }
}
