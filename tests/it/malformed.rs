//! Whatever is sent: no server error, no change.
//!
//! Every route of the fixture gets bodies that are no JSON, JSON of the wrong form, fields of wrong types, texts with NUL,
//! texts that only look sealed, and much too much. The vault before and after is the same.

mod body;
mod target;

use body::{odd_values, places, unreadable_bodies};
use reqwest::Method;
use serde_json::{Value, json};
use target::{Target, routes};
use tests::client::item::{self, Kind};

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
