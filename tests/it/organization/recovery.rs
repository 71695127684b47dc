//! Account recovery: somebody who forgot their master password gets in again by the organization, with real keys.

use super::join;
use crate::account::rotation::{KEYS_ONLY, PATH as ROTATE, keys_only, rotation, with_new_key};
use crate::account::session::assert_ended;
use serde_json::{Value, json};
use tests::client::organization::Organization;
use tests::client::{Account, Client};
use tests::crypto::{KeyPair, SymmetricKey};
use tests::server::Server;
use tests::shape::assert_shape;

/// Switches a policy on.
async fn switch_on(owner: &Client, organization: &Organization, kind: u8, data: Value) {
    let body = json!({"enabled": true, "data": data});
    owner
        .put(&organization.path(&format!("policies/{kind}")), &body)
        .await
        .ok();
}

/// Lets the organization recover the account of `account`.
async fn enrol(client: &Client, organization: &Organization, account: &Account) {
    let keys = client.get(&organization.path("public-key")).await.ok();
    let sealed = KeyPair::seal_for(keys["publicKey"].as_str().unwrap(), &account.user_key.to_bytes()).unwrap();
    let user = client.user_id().await;
    let path = organization.path(&format!("users/{user}/reset-password-enrollment"));
    let body = json!({"resetPasswordKey": sealed, "masterPasswordHash": account.password_hash()});
    client.put(&path, &body).await.ok_empty();
}

/// The user key of a member, as somebody who has the organization's key gets it.
async fn opened(admin: &Client, organization: &Organization, member: &str) -> (SymmetricKey, Value) {
    let path = organization.path(&format!("users/{member}/reset-password-details"));
    let details = admin.get(&path).await.ok();
    assert_shape("OrganizationUserResetPasswordDetailsResponseModel", &details);
    let text = |name: &str| details[name].as_str().unwrap().to_owned();
    let pair = KeyPair::unwrap_with(&organization.key, &text("encryptedPrivateKey")).unwrap();
    let key = pair.open(&text("resetPasswordKey")).unwrap();
    (SymmetricKey::from_bytes(&key).unwrap(), details)
}

/// The account with another password, as whoever has its user key makes it.
fn renewed(account: &Account, user_key: &SymmetricKey, password: &str) -> Account {
    Account {
        password: password.to_owned(),
        user_key: user_key.clone(),
        ..account.clone()
    }
}

fn flat(account: &Account) -> Value {
    json!({
        "resetMasterPassword": true,
        "newMasterPasswordHash": account.password_hash(),
        "key": account.wrapped_user_key(),
    })
}

fn new_form(account: &Account) -> Value {
    json!({
        "resetMasterPassword": true, "resetTwoFactor": false,
        "authenticationData": account.authentication_data(),
        "unlockData": account.unlock_data(),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_member_who_forgot_the_password_gets_in_again_and_chooses_another() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("recovery-owner").await;
    let organization = anns.found(&ann, "Recovery").await;
    let (_, admins, _) = join(server, &anns, &organization, "recovery-admin", 1, &[]).await;
    let (ben, bens, member) = join(server, &anns, &organization, "recovery-ben", 2, &[]).await;
    let item = bens.create_login(&ben, "still mine").await;
    let path = organization.path(&format!("users/{member}/recover-account"));
    let given = renewed(&ben, &ben.user_key, "given over the phone");

    // neither without the policy, nor without the member's own consent
    admins.put(&path, &flat(&given)).await.refused(400, "policy enabled");
    switch_on(&anns, &organization, 3, Value::Null).await;
    switch_on(&anns, &organization, 8, json!({"autoEnrollEnabled": false})).await;
    admins.put(&path, &flat(&given)).await.refused(400, "User not valid");
    enrol(&bens, &organization, &ben).await;
    bens.put(&path, &flat(&given)).await.refused(404, "permission");

    let (key, details) = opened(&admins, &organization, &member).await;
    assert_eq!(details["masterPasswordSalt"], json!(ben.email));
    let given = renewed(&ben, &key, "given over the phone");
    let mut other = new_form(&given);
    for part in ["authenticationData", "unlockData"] {
        other[part]["kdf"]["iterations"] = json!(5);
    }
    admins.put(&path, &other).await.refused(400, "KDF");
    admins
        .put(&path, &json!({"resetMasterPassword": false, "resetTwoFactor": false}))
        .await
        .refused(400, "must be reset");
    admins.put(&path, &new_form(&given)).await.ok_empty();
    assert_ended(&bens, "after a recovery").await;

    let mut again = server.client();
    let old = again.try_login(&ben.email, &ben.password_hash()).await;
    assert_eq!(old.status, 400, "the forgotten password is good no longer");
    let token = again.try_login(&given.email, &given.password_hash()).await.ok();
    assert_eq!(token["ForcePasswordReset"], true);
    again.login(&given).await;
    assert_eq!(again.sync().await["profile"]["forcePasswordReset"], true);
    // no way around choosing one
    let rotated = keys_only(&again, &given, &with_new_key(&given), 2).await;
    again
        .post(KEYS_ONLY, &rotated)
        .await
        .refused(400, "Choose a master password");
    let own = renewed(&ben, &key, "my own again");
    let temporary = "/api/accounts/update-temp-password";
    let body = json!({
        "masterPasswordHint": "the usual",
        "authenticationData": own.authentication_data(),
        "unlockData": own.unlock_data(),
    });
    again.put(temporary, &body).await.ok_empty();
    assert_ended(&again, "after the password was chosen").await;

    let mut bens = server.client();
    let token = bens.try_login(&own.email, &own.password_hash()).await.ok();
    assert_eq!(token["ForcePasswordReset"], false);
    bens.login(&own).await;
    assert_eq!(bens.sync().await["profile"]["forcePasswordReset"], false);
    let name = bens.details(&item).await["name"].as_str().unwrap().to_owned();
    assert_eq!(own.user_key.open(&name).unwrap(), "still mine");
    // a password of one's own is changed with the one before it
    bens.put(temporary, &body).await.refused(400, "temporary password");

    let events = anns.get(&organization.path("events")).await.ok();
    let kinds: Vec<i64> = events["data"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|event| event["type"].as_i64())
        .collect();
    for kind in [1506, 1508, 1008] {
        assert!(kinds.contains(&kind), "{kind} is not in {kinds:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_recovers_the_account_of_somebody_above_them() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("above-owner").await;
    let organization = anns.found(&ann, "Above").await;
    let (carl, carls, admin) = join(server, &anns, &organization, "above-admin", 1, &[]).await;
    let (_, customs, custom) = join(server, &anns, &organization, "above-custom", 2, &[]).await;
    let permissions = json!({"manageResetPassword": true});
    let role = json!({"type": 4, "permissions": permissions, "collections": [], "groups": []});
    anns.put(&organization.path(&format!("users/{custom}")), &role)
        .await
        .ok_empty();
    switch_on(&anns, &organization, 3, Value::Null).await;
    switch_on(&anns, &organization, 8, Value::Null).await;
    enrol(&anns, &organization, &ann).await;
    enrol(&carls, &organization, &carl).await;
    let owner = anns.membership(&organization, &ann.email).await["id"].clone();
    let path = |member: &str| organization.path(&format!("users/{member}/recover-account"));
    let owner = owner.as_str().unwrap();
    carls.put(&path(owner), &flat(&ann)).await.refused(404, "permission");
    // of many, those are told that the asking one may recover
    let many = organization.path("users/account-recovery-details");
    let ids = json!({"ids": [owner, admin, custom]});
    for (client, expected) in [
        (&anns, vec![owner, admin.as_str()]),
        (&carls, vec![admin.as_str()]),
        (&customs, vec![]),
    ] {
        let told = client.post(&many, &ids).await.ok();
        for one in told["data"].as_array().unwrap() {
            assert_shape("OrganizationUserResetPasswordDetailsResponseModel", one);
        }
        let mut found: Vec<_> = told["data"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["organizationUserId"].clone())
            .collect();
        let mut expected = expected;
        found.sort_by_key(Value::to_string);
        expected.sort_unstable();
        assert_eq!(found, expected);
    }
    // nor one's own: a session is not enough to change a password
    carls
        .put(&path(&admin), &flat(&carl))
        .await
        .refused(400, "your own account");
    customs.put(&path(owner), &flat(&ann)).await.refused(404, "permission");
    customs
        .put(&path(&admin), &flat(&carl))
        .await
        .refused(404, "permission");
    // nor of somebody with a role of their own that says more
    let (dora, doras, more) = join(server, &anns, &organization, "above-more", 2, &[]).await;
    let permissions = json!({"editAnyCollection": true});
    let role = json!({"type": 4, "permissions": permissions, "collections": [], "groups": []});
    anns.put(&organization.path(&format!("users/{more}")), &role)
        .await
        .ok_empty();
    enrol(&doras, &organization, &dora).await;
    customs.put(&path(&more), &flat(&dora)).await.refused(404, "permission");
    // the old name of the route, by somebody above
    let old = organization.path(&format!("users/{admin}/reset-password"));
    let given = renewed(&carl, &carl.user_key, "given");
    anns.put(
        &old,
        &json!({"newMasterPasswordHash": given.password_hash(), "key": given.wrapped_user_key()}),
    )
    .await
    .ok_empty();
    assert_ended(&carls, "after a recovery").await;
    let (_, strangers) = server.member("above-stranger").await;
    strangers.put(&path(owner), &flat(&ann)).await.refused(404, "not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotated_key_goes_to_the_organization_that_may_recover_the_account() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("recovery-rotation-owner").await;
    let organization = anns.found(&ann, "Rotating").await;
    let (ben, bens, member) = join(server, &anns, &organization, "recovery-rotation", 2, &[]).await;
    switch_on(&anns, &organization, 3, Value::Null).await;
    switch_on(&anns, &organization, 8, Value::Null).await;
    enrol(&bens, &organization, &ben).await;
    let after = with_new_key(&ben);
    let mut body = rotation(&bens, &ben, &after).await;
    bens.post(ROTATE, &body).await.refused(400, "account recovery keys");
    // clients learn from here whom to seal it for
    let data = bens.get("/api/accounts/key-management/key-rotation-data").await.ok();
    assert_shape("KeyRotationDataResponseModel", &data);
    let organizations = data["organizationPasswordResetKeyData"].as_array().unwrap();
    assert_eq!(organizations.len(), 1);
    assert_eq!(organizations[0]["organizationId"], json!(organization.id));
    let public = anns.get(&organization.path("public-key")).await.ok();
    let sealed = KeyPair::seal_for(public["publicKey"].as_str().unwrap(), &after.user_key.to_bytes()).unwrap();
    body["accountUnlockData"]["organizationAccountRecoveryUnlockData"] =
        json!([{"organizationId": organization.id, "resetPasswordKey": sealed}]);
    bens.post(ROTATE, &body).await.ok_empty();
    let (key, _) = opened(&anns, &organization, &member).await;
    assert_eq!(key.to_bytes(), after.user_key.to_bytes());
}

#[tokio::test(flavor = "multi_thread")]
async fn consent_to_recovery_is_given_under_the_policy_and_taken_back_unless_it_says_otherwise() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("consent-owner").await;
    let organization = anns.found(&ann, "Consent").await;
    let (ben, bens, member) = join(server, &anns, &organization, "consent-ben", 2, &[]).await;
    let path = organization.path(&format!("users/{}/reset-password-enrollment", bens.user_id().await));
    let sealed = KeyPair::seal_for(&KeyPair::shared().public_key(), &ben.user_key.to_bytes()).unwrap();
    let give = json!({"resetPasswordKey": sealed, "masterPasswordHash": ben.password_hash()});
    let take = json!({"resetPasswordKey": null});
    bens.put(&path, &give).await.refused(400, "policy enabled");
    switch_on(&anns, &organization, 3, Value::Null).await;
    switch_on(&anns, &organization, 8, json!({"autoEnrollEnabled": true})).await;
    bens.put(&path, &give).await.ok_empty();
    bens.put(&path, &take).await.refused(400, "not allowed to withdraw");
    // what it takes is shown under the policy only
    let details = organization.path(&format!("users/{member}/reset-password-details"));
    anns.get(&details).await.ok();
    anns.put(
        &organization.path("policies/8"),
        &json!({"enabled": false, "data": null}),
    )
    .await
    .ok();
    anns.get(&details).await.refused(404, "not found");
    bens.put(&path, &take).await.ok_empty();
    // a rotation leaves no old key where the person is suspended
    switch_on(&anns, &organization, 8, Value::Null).await;
    bens.put(&path, &give).await.ok_empty();
    let membership = organization.path(&format!("users/{member}"));
    anns.put_empty(&format!("{membership}/revoke")).await.ok_empty();
    let after = with_new_key(&ben);
    let body = rotation(&bens, &ben, &after).await;
    bens.post(ROTATE, &body).await.ok_empty();
    anns.put_empty(&format!("{membership}/restore")).await.ok_empty();
    anns.get(&details).await.refused(404, "not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn owners_and_admins_come_in_whatever_policies_say() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("unbound-owner").await;
    let organization = anns.found(&ann, "Unbound").await;
    switch_on(&anns, &organization, 0, Value::Null).await;
    switch_on(&anns, &organization, 3, Value::Null).await;
    let (ben, bens) = server.member("unbound-ben").await;
    bens.found(&ben, "Ben's").await;
    let invited = super::invite(&anns, &organization, &ben, 1, &[]).await;
    super::accept(server, &bens, &organization, &ben, &invited).await;
    anns.confirm(&organization, &anns.membership(&organization, &ben.email).await)
        .await;
    bens.get(&organization.path("users")).await.ok();
    let (dora, doras) = server.member("unbound-dora").await;
    let invited = super::invite(&anns, &organization, &dora, 2, &[]).await;
    let token = super::invitation(server, &dora.email).await;
    let accept = organization.path(&format!("users/{}/accept", invited["id"].as_str().unwrap()));
    doras
        .post(&accept, &json!({"token": token}))
        .await
        .refused(400, "two-step login");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_bites_when_it_is_switched_on() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("biting-owner").await;
    let organization = anns.found(&ann, "Biting").await;
    let (_, admins, _) = join(server, &anns, &organization, "biting-admin", 1, &[]).await;
    let (ben, bens, member) = join(server, &anns, &organization, "biting-two", 2, &[]).await;
    let (_, dorises, _) = join(server, &anns, &organization, "biting-one", 2, &[]).await;
    bens.found(&ben, "Ben's own").await;
    let there = async |client: &Client| client.get(&organization.path("collections")).await.status;

    // what needs a single organization is not on without it
    let on = json!({"enabled": true, "data": null});
    let off = json!({"enabled": false, "data": null});
    for kind in [4, 8, 9, 18] {
        anns.put(&organization.path(&format!("policies/{kind}")), &on)
            .await
            .refused(400, "Single organization policy");
    }
    switch_on(&admins, &organization, 3, Value::Null).await;
    switch_on(&anns, &organization, 9, json!({"minutes": 60})).await;
    anns.put(&organization.path("policies/3"), &off)
        .await
        .refused(400, "Single organization policy");
    // who is in another organization is out, and comes in again only when they are not
    assert_eq!((there(&bens).await, there(&dorises).await), (404, 200));
    let restore = organization.path(&format!("users/{member}/restore"));
    anns.put_empty(&restore).await.refused(400, "other organizations");

    // no account has two-step login: all are out but owners and admins
    switch_on(&anns, &organization, 0, Value::Null).await;
    let seen = (there(&anns).await, there(&admins).await, there(&dorises).await);
    assert_eq!(seen, (200, 200, 404));
    let events = anns.get(&organization.path("events")).await.ok();
    let of = |kind: i64| {
        let all = events["data"].as_array().unwrap();
        all.iter().filter(|event| event["type"] == kind).count()
    };
    assert_eq!((of(1521), of(1520)), (1, 1), "{events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_organizations_ask_of_passwords_is_told_at_login() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("asking-owner").await;
    let organization = anns.found(&ann, "Asking").await;
    let none = server.client().try_login(&ann.email, &ann.password_hash()).await.ok();
    assert_eq!(none["MasterPasswordPolicy"]["MinLength"], Value::Null);
    switch_on(
        &anns,
        &organization,
        1,
        json!({"minLength": 16, "requireNumbers": true, "enforceOnLogin": true}),
    )
    .await;
    let token = server.client().try_login(&ann.email, &ann.password_hash()).await.ok();
    let policy = &token["MasterPasswordPolicy"];
    assert_eq!(
        (&policy["MinLength"], &policy["RequireNumbers"]),
        (&json!(16), &json!(true))
    );
    assert_eq!(
        (&policy["EnforceOnLogin"], &policy["RequireUpper"]),
        (&json!(true), &json!(false))
    );
    let body = json!({"masterPasswordHash": ann.password_hash()});
    let verified = anns.post("/api/accounts/verify-password", &body).await.ok();
    assert_shape("MasterPasswordPolicyResponseModel", &verified);
    assert_eq!(verified["minLength"], 16);
}
