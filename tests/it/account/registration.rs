//! Opening an account, in the forms that clients of different years use.

use serde_json::json;
use tests::client::{Account, Answer, Client};
use tests::crypto::Kdf;
use tests::server::Server;
use tests::shape::assert_shape;

async fn token(client: &Client, account: &Account) -> String {
    client
        .verification_token(account)
        .await
        .ok()
        .as_str()
        .expect("a token as a JSON string")
        .to_owned()
}

async fn finish(client: &Client, body: &serde_json::Value) -> Answer {
    client.post("/identity/accounts/register/finish", body).await
}

#[tokio::test]
async fn an_account_opened_in_two_steps_can_log_in_and_starts_with_an_empty_vault() {
    let (account, client) = Server::shared().await.member("newcomer").await;
    let sync = client.sync().await;
    assert_eq!(
        (&sync["ciphers"], &sync["folders"], &sync["sends"]),
        (&json!([]), &json!([]), &json!([]))
    );
    assert_eq!(sync["profile"]["email"], account.email);
    assert_eq!(
        sync["profile"]["emailVerified"], true,
        "a token that was accepted verifies the address"
    );
    assert_eq!(sync["profile"]["premium"], true);
}

#[tokio::test]
async fn the_default_key_derivation_and_argon2id_are_kept_as_registered() {
    let server = Server::shared().await;
    for kdf in [
        Kdf::default(),
        Kdf::Argon2id {
            iterations: 3,
            memory_mib: 64,
            parallelism: 4,
        },
    ] {
        let account = Account {
            kdf,
            ..Account::new("kdf")
        };
        let mut client = server.client();
        client.join(&account).await;
        let settings = client.prelogin(&account.email).await.ok();
        assert_shape("PasswordPreloginResponseModel", &settings);
        assert_eq!(settings["kdfSettings"], kdf.to_json());
        assert_eq!(settings["salt"], account.email);
    }
}

#[tokio::test]
async fn the_older_flat_form_opens_an_account_too() {
    let client = Server::shared().await.client();
    let account = Account::new("flat");
    let token = token(&client, &account).await;
    finish(&client, &account.flat_finish_request(&token)).await.ok();
    client.clone().login(&account).await;
}

#[tokio::test]
async fn the_single_step_of_clients_before_2025_opens_an_account_too() {
    let client = Server::shared().await.client();
    let account = Account::new("single");
    client.register_old(&account).await.ok();
    client.clone().login(&account).await;
}

#[tokio::test]
async fn an_address_is_taken_once_whatever_its_letter_case() {
    let client = Server::shared().await.client();
    let account = Account::new("taken");
    let earlier = token(&client, &account).await;
    client.register(&account).await;

    let shouted = Account {
        email: account.email.to_uppercase(),
        ..account.clone()
    };
    client
        .verification_token(&shouted)
        .await
        .refused(400, "is already taken");
    finish(&client, &account.finish_request(&earlier))
        .await
        .refused(400, "is already taken");
    client.clone().login(&account).await;
}

#[tokio::test]
async fn of_many_simultaneous_registrations_of_one_address_exactly_one_wins() {
    let client = Server::shared().await.client();
    let account = Account::new("race");
    let token = token(&client, &account).await;
    let rivals: Vec<Account> = (0..8)
        .map(|_| Account::with(&account.email, "a password", Kdf::quick()))
        .collect();
    let bodies: Vec<_> = rivals.iter().map(|rival| rival.finish_request(&token)).collect();
    let answers = futures::future::join_all(bodies.iter().map(|body| finish(&client, body))).await;

    let winners: Vec<usize> = (0..8).filter(|index| answers[*index].status == 200).collect();
    assert_eq!(
        winners.len(),
        1,
        "{:?}",
        answers.iter().map(|a| (a.status, &a.text)).collect::<Vec<_>>()
    );
    client.clone().login(&rivals[winners[0]]).await;
    for answer in answers.into_iter().filter(|answer| answer.status != 200) {
        answer.refused(400, "is already taken");
    }
}

#[tokio::test]
async fn a_forged_token_or_one_for_another_address_opens_nothing() {
    let client = Server::shared().await.client();
    let account = Account::new("forged");
    let foreign = token(&client, &Account::new("other")).await;
    for wrong in ["", "nonsense", &foreign, &format!("{foreign}x")] {
        let answer = finish(&client, &account.finish_request(wrong)).await;
        assert_eq!(
            answer.status, 400,
            "token {wrong:?} was answered {} {}",
            answer.status, answer.text
        );
    }
    let answer = client.try_login(&account.email, &account.password_hash()).await;
    assert_eq!(answer.status, 400, "no account may have been opened");
}

#[tokio::test]
async fn key_derivation_below_or_above_the_limits_is_refused() {
    let client = Server::shared().await.client();
    let refusals = [
        (
            Kdf::Pbkdf2 { iterations: 599_999 },
            "KDF iterations must be between 600000 and 2000000.",
        ),
        (
            Kdf::Argon2id {
                iterations: 1,
                memory_mib: 32,
                parallelism: 4,
            },
            "Argon2 iterations must be between 2 and 10.",
        ),
        (
            Kdf::Argon2id {
                iterations: 3,
                memory_mib: 8,
                parallelism: 4,
            },
            "Argon2 memory must be between",
        ),
        (
            Kdf::Argon2id {
                iterations: 3,
                memory_mib: 16,
                parallelism: 17,
            },
            "Argon2 parallelism must be between 1 and 16.",
        ),
    ];
    for (kdf, words) in refusals {
        let account = Account {
            kdf,
            ..Account::new("weak")
        };
        let token = token(&client, &account).await;
        finish(&client, &account.finish_request(&token))
            .await
            .refused(400, words);
        finish(&client, &account.flat_finish_request(&token))
            .await
            .refused(400, words);
    }
}

#[tokio::test]
async fn half_a_pair_of_password_data_and_a_foreign_salt_are_refused() {
    let client = Server::shared().await.client();
    let account = Account::new("half");
    let token = token(&client, &account).await;
    for missing in ["masterPasswordAuthentication", "masterPasswordUnlock"] {
        let mut body = account.finish_request(&token);
        body.as_object_mut().unwrap().remove(missing);
        let answer = finish(&client, &body).await;
        assert_eq!(answer.status, 400, "without {missing}: {}", answer.text);
    }
    let mut body = account.finish_request(&token);
    for part in ["masterPasswordAuthentication", "masterPasswordUnlock"] {
        body[part]["salt"] = json!("somebody.else@example.com");
    }
    finish(&client, &body)
        .await
        .refused(400, "Invalid master password salt.");
    let mut body = account.finish_request(&token);
    body["masterPasswordUnlock"]["masterKeyWrappedUserKey"] = json!("not sealed");
    let answer = finish(&client, &body).await;
    assert_eq!(answer.status, 400, "a key that is not sealed: {}", answer.text);
    finish(&client, &account.finish_request(&token)).await.ok();
}
