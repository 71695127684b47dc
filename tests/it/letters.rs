//! Letters on their way to people, over a real mail server.

// the mail server of the tests of `infra/mail`, of which this needs a part
#[allow(dead_code)]
#[path = "../../infra/mail/tests/support/sink.rs"]
mod sink;

use crate::operations::{code, readable};
use serde_json::json;
use sink::{Offer, Sink};
use std::time::Duration;
use tests::client::Account;
use tests::server::Server;

/// A server that sends by `sink`, and for that reason has addresses proved before accounts are made.
async fn server(sink: &Sink) -> Server {
    Server::start_with(&[("ANNALOCK_SMTP_URL", &sink.url(""))]).await
}

/// The texts of all letters to `address` with `word` in them.
fn found(sink: &Sink, address: &str, word: &str) -> Vec<String> {
    let all = sink.received().into_iter().filter(|letter| letter.to == [address]);
    all.map(|letter| readable(&letter.data))
        .filter(|text| text.contains(word))
        .collect()
}

/// The first letter to `address` with `word` in it, once it is there.
async fn arrived(sink: &Sink, address: &str, word: &str) -> String {
    for _ in 0..600 {
        if let Some(text) = found(sink, address, word).into_iter().next() {
            return text;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no letter to {address} with {word:?} within 60 s");
}

/// The value of a parameter of the link in a letter.
fn parameter(text: &str, name: &str) -> String {
    let (_, rest) = text
        .split_once(&format!("{name}="))
        .unwrap_or_else(|| panic!("no {name} in {text}"));
    let value: String = rest
        .chars()
        .take_while(|c| !c.is_whitespace() && !matches!(c, '&' | '"' | '<'))
        .collect();
    let mut plain = Vec::new();
    let mut bytes = value.bytes();
    while let Some(byte) = bytes.next() {
        plain.push(match byte {
            b'%' => {
                let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            byte => byte,
        });
    }
    String::from_utf8(plain).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_is_opened_and_proved_and_closed_by_letters() {
    let sink = Sink::start(Offer::Plain).await;
    let server = server(&sink).await;
    let (account, mut client) = (Account::new("lettered"), server.client());

    // opened: nobody is told a token but who reads the letters
    let answer = client.verification_token(&account).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));
    let token = parameter(&arrived(&sink, &account.email, "finish-signup").await, "token");
    let finish = "/identity/accounts/register/finish";
    client
        .post("/identity/accounts/register", &account.register_request())
        .await
        .refused(400, "token");
    client.post(finish, &account.finish_request(&token)).await.ok();
    client.login(&account).await;
    assert_eq!(client.sync().await["profile"]["emailVerified"], true);

    let taken = Account::new("taken");
    client.signed_out().verification_token(&taken).await;
    let token = parameter(&arrived(&sink, &taken.email, "finish-signup").await, "token");
    client.post(finish, &taken.finish_request(&token)).await.ok();

    // a second time: the same answer, and no letter
    let answer = client.verification_token(&account).await;
    assert_eq!((answer.status, answer.text.as_str()), (204, ""));

    // an address somebody has: the same answer, nothing there, and the notice where it does no harm
    let ask = json!({"masterPasswordHash": account.password_hash(), "newEmail": taken.email});
    client.post("/api/accounts/email-token", &ask).await.ok_empty();
    arrived(&sink, &account.email, "not changed").await;
    assert_eq!(found(&sink, &taken.email, "code"), Vec::<String>::new());

    // another address
    let mut moved = Account::with(&format!("new-{}", account.email), &account.password, account.kdf);
    moved.user_key = account.user_key.clone();
    let ask = json!({"masterPasswordHash": account.password_hash(), "newEmail": moved.email});
    client.post("/api/accounts/email-token", &ask).await.ok_empty();
    let text = arrived(&sink, &moved.email, "code").await;
    let code = code(&text);
    let change = json!({
        "masterPasswordHash": account.password_hash(), "newEmail": moved.email, "token": code,
        "newMasterPasswordHash": moved.password_hash(), "key": moved.wrapped_user_key(),
    });
    client.post("/api/accounts/email", &change).await.ok_empty();
    arrived(&sink, &account.email, "was changed").await;
    let begun = found(&sink, &account.email, "finish-signup");
    assert_eq!(begun.len(), 1, "a taken address gets no letter: {begun:?}");

    // the end
    let mut client = server.client();
    client.login(&moved).await;
    client
        .signed_out()
        .post("/api/accounts/delete-recover", &json!({"email": moved.email}))
        .await
        .ok_empty();
    let text = arrived(&sink, &moved.email, "verify-recover-delete").await;
    let link = json!({"userId": parameter(&text, "userId"), "token": parameter(&text, "token")});
    client
        .signed_out()
        .post("/api/accounts/delete-recover-token", &link)
        .await
        .ok_empty();
    assert_eq!(client.get("/api/sync").await.status, 401);
    arrived(&sink, &moved.email, "deleted").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_letter_the_mail_server_put_off_waits_is_listed_and_goes_when_it_is_told_to() {
    let sink = Sink::start(Offer::Plain).await;
    let server = server(&sink).await;
    sink.always("MAIL", "450 later");
    let account = Account::new("waiting");
    let answer = server.client().verification_token(&account).await;
    assert_eq!(answer.status, 204, "{}", answer.text);
    let mut listed = String::new();
    for _ in 0..100 {
        let (code, said) = server.run(&["mail", "list"]).await;
        assert_eq!(code, Some(0), "{said}");
        listed = said;
        if listed.contains("answered 450") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(
        listed.contains("verify_registration") && listed.contains("answered 450"),
        "{listed}"
    );
    assert!(!listed.contains(&account.email), "no addresses: {listed}");

    let (code, said) = server.run(&["mail", "retry"]).await;
    assert_eq!(
        (code, said.contains("1 letters are tried again")),
        (Some(0), true),
        "{said}"
    );
    // a try that was under way when it was told to may put it off once more
    sink.usual_again();
    let telling = async {
        loop {
            let (code, said) = server.run(&["mail", "retry"]).await;
            assert_eq!(code, Some(0), "{said}");
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        _ = arrived(&sink, &account.email, "finish-signup") => {}
        () = telling => {}
    }
    // it is sent before that is written down
    for _ in 0..100 {
        (_, listed) = server.run(&["mail", "list"]).await;
        if !listed.contains("verify_registration") {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(!listed.contains("verify_registration"), "{listed}");
}
