//! Every answer of the personal vault against the catalogue, and the few whose every value is known.

use serde_json::json;
use tests::client::item::{self, Kind};
use tests::client::{Account, Client};
use tests::server::Server;
use tests::shape::assert_shape;

use crate::compare::{assert_same, redacted};

/// An account with one item of each kind, full and bare, one of them in the trash, one archived, and two folders.
async fn furnished() -> (Account, Client) {
    let (account, client) = Server::shared().await.member("shape").await;
    let folder = client.create_folder(&account, "folder").await;
    client.create_folder(&account, "empty").await;
    for kind in Kind::ALL {
        let mut sent = item::seal(&account.user_key, &item::full(kind, "full"));
        sent["folderId"] = json!(folder);
        client.post("/api/ciphers", &sent).await.ok();
        client.create(&account, kind, "bare").await;
    }
    let trashed = client.create_login(&account, "trashed").await;
    client
        .put_empty(&format!("/api/ciphers/{trashed}/delete"))
        .await
        .ok_empty();
    let archived = client.create_login(&account, "archived").await;
    client
        .put("/api/ciphers/archive", &json!({"ids": [archived]}))
        .await
        .ok();
    (account, client)
}

#[tokio::test]
async fn what_is_read_is_of_the_shape_clients_expect() {
    let (_, client) = furnished().await;
    let user = client.user_id().await;
    let reads = [
        ("/api/sync", "SyncResponseModel"),
        ("/api/sync?excludeDomains=true", "SyncResponseModel"),
        ("/api/accounts/profile", "ProfileResponseModel"),
        ("/api/accounts/keys", "KeysResponseModel"),
        (
            "/api/accounts/key-management/key-rotation-data",
            "KeyRotationDataResponseModel",
        ),
        (
            "/api/accounts/organizations",
            "ListResponseModel<ProfileOrganizationResponseModel>",
        ),
        ("/api/ciphers", "ListResponseModel<CipherDetailsResponseModel>"),
        ("/api/folders", "ListResponseModel<FolderResponseModel>"),
        ("/api/collections", "ListResponseModel<CollectionDetailsResponseModel>"),
        ("/api/devices", "ListResponseModel<DeviceAuthRequestResponseModel>"),
        ("/api/settings/domains", "DomainsResponseModel"),
        ("/api/tasks", "ListResponseModel<SecurityTasksResponseModel>"),
        ("/api/config", "ConfigResponseModel"),
    ];
    for (path, model) in reads {
        assert_shape(model, &client.get(path).await.ok());
    }
    assert_shape(
        "UserKeyResponseModel",
        &client.get(&format!("/api/users/{user}/public-key")).await.ok(),
    );
    for path in ["/api/sync", "/api/ciphers"] {
        let answer = client.get(path).await;
        let kind = answer
            .headers
            .get("content-type")
            .and_then(|v| v.to_str().ok())
            .unwrap_or_default();
        assert!(
            kind.starts_with("application/json"),
            "{path} is {kind:?}: clients read bodies of application/json only"
        );
    }
}

#[tokio::test]
async fn what_is_written_answers_in_the_shape_clients_expect() {
    let (account, client) = furnished().await;
    let (sent, made) = client.create(&account, Kind::Login, "item").await;
    let path = format!("/api/ciphers/{}", tests::client::vault::id(&made));
    let ids = json!({"ids": [made["id"]]});
    assert_shape("CipherResponseModel", &made);
    assert_shape("CipherResponseModel", &client.put(&path, &sent).await.ok());
    assert_shape(
        "CipherResponseModel",
        &client
            .put(&format!("{path}/partial"), &json!({"folderId": null, "favorite": true}))
            .await
            .ok(),
    );
    client.put_empty(&format!("{path}/delete")).await.ok_empty();
    assert_shape(
        "CipherResponseModel",
        &client.put_empty(&format!("{path}/restore")).await.ok(),
    );
    assert_shape(
        "CipherResponseModel",
        &client.put_empty(&format!("{path}/archive")).await.ok(),
    );
    assert_shape(
        "CipherResponseModel",
        &client.put_empty(&format!("{path}/unarchive")).await.ok(),
    );
    assert_shape(
        "ListResponseModel<CipherResponseModel>",
        &client.put("/api/ciphers/archive", &ids).await.ok(),
    );
    assert_shape(
        "ListResponseModel<CipherResponseModel>",
        &client.put("/api/ciphers/unarchive", &ids).await.ok(),
    );
    assert_shape(
        "ListResponseModel<CipherMiniResponseModel>",
        &client.put("/api/ciphers/restore", &ids).await.ok(),
    );
    assert_shape(
        "ProfileResponseModel",
        &client.put("/api/accounts/profile", &json!({"name": "Ada"})).await.ok(),
    );
    assert_shape(
        "ProfileResponseModel",
        &client
            .put("/api/accounts/avatar", &json!({"avatarColor": "#123456"}))
            .await
            .ok(),
    );
    let secret = json!({"masterPasswordHash": account.password_hash()});
    assert_shape(
        "ApiKeyResponseModel",
        &client.post("/api/accounts/api-key", &secret).await.ok(),
    );
    assert_shape(
        "MasterPasswordPolicyResponseModel",
        &client.post("/api/accounts/verify-password", &secret).await.ok(),
    );
    let device = json!({"type": 25, "name": "linux", "identifier": client.device().identifier, "pushToken": null});
    assert_shape("DeviceResponseModel", &client.post("/api/devices", &device).await.ok());
}

#[tokio::test]
async fn the_settings_of_the_server_are_those_clients_decide_by() {
    let config = Server::shared().await.client().get("/api/config").await.ok();
    assert_eq!(config["version"], "2026.8.0");
    assert_eq!(config["featureStates"]["pm-32009-new-item-types"], true);
    let base = &Server::shared().await.https_url;
    for (service, path) in [
        ("vault", ""),
        ("api", "/api"),
        ("identity", "/identity"),
        ("notifications", "/notifications"),
    ] {
        assert_eq!(config["environment"][service], format!("{base}{path}"), "{service}");
    }
}

#[tokio::test]
async fn a_vault_of_one_login_and_one_folder_is_this_and_nothing_else() {
    let (account, client) = Server::shared().await.member("snapshot").await;
    client.create_folder(&account, "folder").await;
    client.create_login(&account, "login").await;
    let mut sync = redacted(&client.sync().await);
    let unlock = &mut sync["userDecryption"]["masterPasswordUnlock"];
    assert_eq!(unlock["kdf"], account.kdf.to_json());
    unlock["kdf"] = json!("<kdf>");
    sync["ciphers"][0]["data"] = json!("<either null or the stored data>");
    let pair = json!({"object": "publicKeyEncryptionKeyPair", "publicKey": "<base64>", "signedPublicKey": null, "wrappedPrivateKey": "<sealed>"});
    let profile = json!({
        "object": "profile", "id": "<id>", "name": "Test Person", "email": "<email>", "emailVerified": true, "premium": true,
        "premiumFromOrganization": false, "culture": "en-US", "twoFactorEnabled": false, "key": "<sealed>", "privateKey": "<sealed>",
        "accountKeys": {"object": "privateKeys", "publicKeyEncryptionKeyPair": pair, "securityState": null, "signatureKeyPair": null},
        "securityStamp": sync["profile"]["securityStamp"], "forcePasswordReset": false, "usesKeyConnector": false, "avatarColor": null,
        "creationDate": "<time>", "verifyDevices": true, "organizations": [], "organizationsNew": [], "providers": [],
        "providerOrganizations": [],
    });
    let login = json!({
        "autofillOnPageLoad": null, "fido2Credentials": null, "password": "<sealed>", "passwordRevisionDate": null, "totp": null, "uri": null,
        "uris": null, "username": "<sealed>",
    });
    let cipher = json!({
        "object": "cipherDetails", "id": "<id>", "type": 1, "name": "<sealed>", "notes": null, "login": login, "card": null, "identity": null,
        "secureNote": null, "sshKey": null, "bankAccount": null, "driversLicense": null, "passport": null, "fields": null,
        "passwordHistory": null, "attachments": null, "key": null, "favorite": false, "reprompt": 0, "folderId": null, "organizationId": null,
        "organizationUseTotp": false, "edit": true, "viewPassword": true, "permissions": {"delete": true, "restore": true}, "collectionIds": [],
        "creationDate": "<time>", "revisionDate": "<time>", "deletedDate": null, "archivedDate": null,
        "data": "<either null or the stored data>",
    });
    let expected = json!({
        "object": "sync",
        "profile": profile,
        "folders": [{"object": "folder", "id": "<id>", "name": "<sealed>", "revisionDate": "<time>"}],
        "ciphers": [cipher],
        "collections": [], "policies": [], "policiesNew": [], "sends": [], "domains": null,
        "userDecryption": {"masterPasswordUnlock": {"kdf": "<kdf>", "masterKeyEncryptedUserKey": "<sealed>", "salt": "<email>", "containedKeyId": null}},
    });
    assert_same(&expected, &sync);
}

#[tokio::test]
async fn errors_have_the_shape_of_errors() {
    let (_, client) = Server::shared().await.member("error").await;
    let answer = client
        .get(&format!("/api/folders/{}", uuid::Uuid::new_v4()))
        .await
        .expect(404);
    let expected = json!({
        "object": "error", "message": "Resource not found.", "validationErrors": null, "exceptionMessage": null, "exceptionStackTrace": null,
        "innerExceptionMessage": null,
    });
    assert_eq!(answer, expected);
    let answer = client.post("/api/folders", &json!({})).await.expect(400);
    assert_eq!(answer["message"], "The model state is invalid.");
    assert_eq!(
        answer["validationErrors"],
        json!({"Name": ["The Name field is required."]})
    );
}
