//! Sending over a mail server.

#![allow(clippy::unwrap_used)] // tests

mod support;

use mail::{SendError, SmtpTransport, Transport};
use support::{
    outgoing,
    sink::{Offer, Sink, Twist},
    site,
};

const TO: &str = "ann@example.org";

fn transport(url: &str) -> SmtpTransport {
    SmtpTransport::new(url, &site()).unwrap()
}

#[tokio::test]
async fn a_letter_arrives_with_both_forms_and_marks_of_a_machine() {
    let sink = Sink::start(Offer::Plain).await;
    transport(&sink.url("from=Vault%20%3Cvault%40example.net%3E"))
        .send(&outgoing(5, TO))
        .await
        .unwrap();
    let [letter] = &sink.received()[..] else {
        panic!("one letter")
    };
    assert_eq!(
        (letter.from.as_str(), letter.to.as_slice()),
        ("vault@example.net", &[TO.to_owned()][..])
    );
    for part in [
        "From: Vault <vault@example.net>\r\n",
        "To: ann@example.org\r\n",
        "Subject: Confirm your e-mail address\r\n",
        "Message-ID: <00000000-0000-0000-0000-000000000005@example.net>\r\n",
        "Date: Sun, 22 Nov 2026 15:34:40 +0000\r\n",
        "Auto-Submitted: auto-generated\r\n",
        "Content-Type: multipart/alternative;",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Type: text/html; charset=utf-8",
        "https://vault.example.org/#/finish-signup",
    ] {
        assert!(letter.data.contains(part), "{part} is missing in {}", letter.data);
    }
}

#[tokio::test]
async fn without_a_sender_it_is_no_reply_at_the_public_host() {
    let sink = Sink::start(Offer::Plain).await;
    transport(&sink.url("")).send(&outgoing(1, TO)).await.unwrap();
    assert_eq!(sink.received()[0].from, "no-reply@vault.example.org");
}

#[tokio::test]
async fn starttls_is_used_where_it_is_required_and_the_password_follows_it() {
    let sink = Sink::start(Offer::StartTls).await;
    let url = format!(
        "smtp://ann:p%40ss@localhost:{}?starttls=required&ca={}",
        sink.port,
        sink.ca().display()
    );
    transport(&url).send(&outgoing(1, TO)).await.unwrap();
    let letter = &sink.received()[0];
    assert!(letter.encrypted);
    assert_eq!(letter.login.as_deref(), Some("/ann/p@ss"));
}

#[tokio::test]
async fn a_server_without_starttls_gets_nothing_where_it_is_required() {
    let sink = Sink::start(Offer::Plain).await;
    let refused = transport(&sink.url("starttls=required")).send(&outgoing(1, TO)).await;
    assert!(matches!(refused, Err(SendError::Temporary(_))), "{refused:?}");
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn tls_from_the_first_byte() {
    let sink = Sink::start(Offer::Tls).await;
    let url = format!("smtps://localhost:{}?ca={}", sink.port, sink.ca().display());
    let transport = transport(&url);
    transport.check().await.unwrap();
    transport.send(&outgoing(1, TO)).await.unwrap();
    assert!(sink.received()[0].encrypted);
}

#[tokio::test]
async fn a_server_nobody_vouches_for_gets_nothing() {
    let sink = Sink::start(Offer::Tls).await;
    let refused = transport(&format!("smtps://localhost:{}", sink.port))
        .send(&outgoing(1, TO))
        .await;
    assert!(matches!(refused, Err(SendError::Temporary(_))), "{refused:?}");
    assert!(sink.received().is_empty());
}

#[tokio::test]
async fn a_server_that_is_busy_may_be_asked_again() {
    let sink = Sink::start(Offer::Plain).await;
    let transport = transport(&sink.url(""));
    for (command, answer) in [
        ("RCPT", "450 4.2.1 <ann@example.org> is busy"),
        (".", "451 4.3.0 later"),
        ("MAIL", "421 bye"),
    ] {
        sink.twist([Twist::Answer(command, answer)]);
        let code = &answer[..3];
        let expected = Err(SendError::Temporary(format!("the mail server answered {code}")));
        assert_eq!(transport.send(&outgoing(1, TO)).await, expected);
    }
    transport.send(&outgoing(1, TO)).await.unwrap();
    assert_eq!(sink.received().len(), 1);
}

#[tokio::test]
async fn a_refusal_for_good_is_told_from_one_that_is_our_own_fault() {
    let sink = Sink::start(Offer::Plain).await;
    sink.twist([
        Twist::Answer("RCPT", "550 5.1.1 <ann@example.org> unknown"),
        Twist::Answer(".", "554 5.7.1 no"),
    ]);
    let open = transport(&sink.url(""));
    for code in [550, 554] {
        let expected = Err(SendError::Permanent(format!("the mail server answered {code}")));
        assert_eq!(open.send(&outgoing(1, TO)).await, expected);
    }
    sink.twist([Twist::Answer("AUTH", "535 5.7.8 wrong password")]);
    let url = format!("smtp://ann:wrong@localhost:{}", sink.port);
    let expected = Err(SendError::Temporary("the mail server answered 535".to_owned()));
    assert_eq!(transport(&url).send(&outgoing(1, TO)).await, expected);
}

#[tokio::test]
async fn a_server_that_is_away_may_be_asked_again() {
    let sink = Sink::start(Offer::Plain).await;
    let transport = transport(&sink.url(""));
    drop(sink);
    let refused = transport.send(&outgoing(1, TO)).await;
    assert!(
        matches!(&refused, Err(SendError::Temporary(why)) if why.starts_with("no connection")),
        "{refused:?}"
    );
    assert!(transport.check().await.is_err());
}

#[tokio::test]
async fn a_certificate_authority_that_cannot_be_read_is_said_at_the_start() {
    let missing = SmtpTransport::new("smtps://localhost?ca=/does/not/exist.pem", &site());
    assert!(missing.err().unwrap().to_string().contains("ca"));
}
