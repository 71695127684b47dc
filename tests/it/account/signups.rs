//! Who may register, where not everybody may.

use serde_json::json;
use tests::client::Account;
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
