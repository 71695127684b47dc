//! Devices: those an account was used on.

use reqwest::Method;
use serde_json::json;
use tests::client::Device;
use tests::server::Server;
use tests::shape::assert_shape;

#[tokio::test]
async fn each_device_that_logged_in_is_listed_once() {
    let server = Server::shared().await;
    let (account, mut client) = server.member("devices").await;
    client.login(&account).await;
    let mut desktop = server.client().on(Device::desktop());
    desktop.login(&account).await;

    let list = client.get("/api/devices").await.ok();
    assert_shape("ListResponseModel<DeviceAuthRequestResponseModel>", &list);
    let mut found: Vec<_> = list["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|d| d["identifier"].as_str().unwrap())
        .collect();
    found.sort_unstable();
    let mut expected = [
        client.device().identifier.as_str(),
        desktop.device().identifier.as_str(),
    ];
    expected.sort_unstable();
    assert_eq!(found, expected);

    let path = format!("/api/devices/identifier/{}", desktop.device().identifier);
    let device = client.get(&path).await.ok();
    assert_shape("DeviceResponseModel", &device);
    assert_eq!((&device["type"], &device["name"]), (&json!(8), &json!("linux")));
}

#[tokio::test]
async fn a_device_is_known_after_its_first_login_and_not_before() {
    let server = Server::shared().await;
    let (account, client) = server.member("known").await;
    for padded in [true, false] {
        let engine = if padded {
            base64::engine::general_purpose::URL_SAFE
        } else {
            base64::engine::general_purpose::URL_SAFE_NO_PAD
        };
        let email = base64::Engine::encode(&engine, &account.email);
        for (identifier, known) in [
            (client.device().identifier.clone(), true),
            (Device::cli().identifier, false),
        ] {
            let request = client.signed_out().request(Method::GET, "/api/devices/knowndevice");
            let request = request
                .header("X-Request-Email", &email)
                .header("X-Device-Identifier", identifier);
            assert_eq!(client.send(request).await.ok(), json!(known), "padded: {padded}");
        }
    }
}

#[tokio::test]
async fn a_push_token_is_set_and_cleared_by_identifier() {
    let (_, client) = Server::shared().await.member("push").await;
    let path = format!("/api/devices/identifier/{}", client.device().identifier);
    client
        .put(&format!("{path}/token"), &json!({"pushToken": "a push token"}))
        .await
        .ok_empty();
    client
        .signed_out()
        .put_empty(&format!("{path}/clear-token"))
        .await
        .ok_empty();
    let unknown = format!("/api/devices/identifier/{}/clear-token", Device::cli().identifier);
    client
        .signed_out()
        .put_empty(&unknown)
        .await
        .refused(404, "Resource not found.");
}
