//! Who may register, where not everybody may.

use crate::organization::{invitation, invite};
use serde_json::json;
use tests::client::Account;
use tests::client::vault::id;
use tests::server::Server;

#[tokio::test]
async fn where_registration_is_closed_nobody_opens_an_account_and_clients_are_told() {
    for setting in ["closed", "invited"] {
        let server = Server::start_with(&[("ANNALOCK_SIGNUPS", setting)]).await;
        let (client, account) = (server.client(), Account::new("late"));
        let config = client.get("/api/config").await.ok();
        assert_eq!(config["settings"]["disableUserRegistration"], true, "{setting}");
        let words = "Open registration has been disabled";
        client.verification_token(&account).await.refused(400, words);
        client.register_old(&account).await.refused(400, words);
        let forged = account.finish_request("a token of somebody else");
        let answer = client.post("/identity/accounts/register/finish", &forged).await;
        assert_eq!(answer.status, 400, "{}", answer.text);
        // who asks for one sees the same as where there is none
        let hash = account.password_hash();
        assert_eq!(client.try_login(&account.email, &hash).await.status, 400);
        client
            .post("/api/accounts/password-hint", &json!({"email": account.email}))
            .await
            .ok_empty();
    }
}

/// The token of the link in an invitation takes the place of the one in a mail: for the address that was invited, and as long as
/// the invitation is open.
#[tokio::test(flavor = "multi_thread")]
async fn who_holds_an_invitation_into_an_organization_may_open_an_account_where_others_may_not() {
    let first = Server::start().await;
    let (ann, anns) = first.member("host").await;
    let organization = anns.found(&ann, "Hosts").await;
    let [guest, other, late] = ["guest", "other", "late"].map(Account::new);
    let mut invitations = Vec::new();
    for account in [&guest, &other, &late] {
        let membership = id(&invite(&anns, &organization, account, 2, &[]).await);
        invitations.push((membership, invitation(&first, &account.email).await));
    }
    let data = first.data_path().display().to_string();
    first.stop().await;
    let invited = [("ANNALOCK_DATA_DIR", data.as_str()), ("ANNALOCK_SIGNUPS", "invited")];
    let server = Server::start_with(&invited).await;
    let mut owner = server.client();
    owner.login(&ann).await;
    let request = |account: &Account, (membership, token): &(String, String)| {
        let mut body = account.finish_request("");
        body["orgInviteToken"] = json!(token);
        body["organizationUserId"] = json!(membership);
        body
    };
    let path = "/identity/accounts/register/finish";
    let anyone = server.client();
    let wrong = [
        request(&Account::new("stranger"), &invitations[0]),
        request(&guest, &invitations[1]),
        request(&guest, &(invitations[1].0.clone(), invitations[0].1.clone())),
        request(&guest, &(invitations[0].0.clone(), "a token".to_owned())),
    ];
    for body in wrong {
        anyone
            .post(path, &body)
            .await
            .refused(400, "Invalid organization invite token");
    }
    owner
        .delete(&organization.path(&format!("users/{}", invitations[2].0)))
        .await
        .ok_empty();
    anyone
        .post(path, &request(&late, &invitations[2]))
        .await
        .refused(400, "Invalid organization invite token");
    anyone.post(path, &request(&guest, &invitations[0])).await.ok();
    let mut guests = server.client();
    guests.login(&guest).await;
    let accept = organization.path(&format!("users/{}/accept", invitations[0].0));
    guests
        .post(&accept, &json!({"token": invitations[0].1}))
        .await
        .ok_empty();
    // an address is taken once, and an accepted invitation opens nothing more
    assert_eq!(anyone.post(path, &request(&guest, &invitations[0])).await.status, 400);

    server.stop().await;
    let closed = [("ANNALOCK_DATA_DIR", data.as_str()), ("ANNALOCK_SIGNUPS", "closed")];
    let server = Server::start_with(&closed).await;
    let body = request(&other, &invitations[1]);
    server
        .client()
        .post(path, &body)
        .await
        .refused(400, "Open registration has been disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn organizations_are_founded_by_whom_the_setting_names() {
    let admin = Account::new("admin");
    let listed = format!("somebody@example.org, {}", admin.email.to_uppercase());
    for (setting, may) in [("off", false), (listed.as_str(), true)] {
        let server = Server::start_with(&[("ANNALOCK_ORGANIZATIONS", setting)]).await;
        let mut admins = server.client();
        admins.join(&admin).await;
        let (ann, anns) = server.member("no-admin").await;
        anns.post("/api/organizations", &anns.founding(&ann, "Mine"))
            .await
            .refused(400, "disabled by the system administrator");
        let founded = admins
            .post("/api/organizations", &admins.founding(&admin, "Ours"))
            .await;
        assert_eq!(
            founded.status,
            if may { 200 } else { 400 },
            "{setting}: {}",
            founded.text
        );
    }
}
