use super::*;
use proptest::prelude::*;

fn site() -> Site {
    Site::new("https://vault.example.org/").unwrap()
}

/// One letter of each kind with `text` wherever a letter repeats what people wrote.
fn letters(text: &str) -> Vec<Letter> {
    let (user, time) = (UserId(uuid::Uuid::from_u128(7)), Timestamp(1_795_361_680_123));
    let (ip, text) = (Some("2001:db8::7".parse().unwrap()), text.to_owned());
    vec![
        Letter::VerifyRegistration {
            email: text.clone(),
            token: text.clone(),
        },
        Letter::VerifyEmail {
            user,
            token: text.clone(),
        },
        Letter::ChangeEmail {
            code: text.clone(),
            valid_minutes: 15,
        },
        Letter::EmailTaken { time, ip },
        Letter::EmailChanged { time, ip },
        Letter::NewDeviceLogin {
            device: text.clone(),
            ip,
            time,
        },
        Letter::NewDeviceCode {
            code: text.clone(),
            valid_minutes: 60,
            device: text.clone(),
            ip: None,
        },
        Letter::PasswordHint { hint: text.clone() },
        Letter::NoHint,
        Letter::Invitation {
            organization: OrganizationId(uuid::Uuid::from_u128(8)),
            name: text.clone(),
            membership: MembershipId(uuid::Uuid::from_u128(9)),
            email: text.clone(),
            token: text.clone(),
            has_account: true,
            valid_days: 5,
        },
        Letter::Confirmed { name: text.clone() },
        Letter::DeleteRecover {
            user,
            email: text.clone(),
            token: text.clone(),
        },
        Letter::Otp {
            code: text.clone(),
            valid_minutes: 1,
        },
        Letter::AccountDeleted { time },
        Letter::PasswordChanged { time, ip },
        Letter::PasswordRecovered {
            name: text.clone(),
            time,
        },
        Letter::RevokedByPolicy {
            name: text.clone(),
            two_step: true,
        },
        Letter::FailedLoginsNotice { count: 12, ip, time },
    ]
}

/// The names of all tags and comments, in order.
fn tags(html: &str) -> Vec<String> {
    html.split('<')
        .skip(1)
        .map(|t| t.chars().take_while(|c| !c.is_whitespace() && *c != '>').collect())
        .collect()
}

/// Every `"` of a value is written `&quot;`, so those left open and close attributes.
fn quotes(html: &str) -> usize {
    html.matches('"').count()
}

proptest! {
    #[test]
    fn nothing_anybody_writes_changes_the_shape_of_a_letter(text in "\\PC*|[<>&\"'=/ a-z\r\n\u{0}]{0,60}") {
        for (hostile, harmless) in letters(&text).iter().zip(letters("harmless")) {
            let (hostile, harmless) = (hostile.render(&site()), harmless.render(&site()));
            prop_assert_eq!(tags(&hostile.html), tags(&harmless.html));
            prop_assert_eq!(quotes(&hostile.html), quotes(&harmless.html));
            prop_assert_eq!(hostile.text.lines().count(), harmless.text.lines().count());
            prop_assert_eq!(hostile.subject, harmless.subject);
            for link in hostile.links {
                prop_assert!(Url::parse(&link).unwrap().as_str() == link, "{}", link);
            }
        }
    }

    #[test]
    fn a_letter_survives_the_queue(text in any::<String>()) {
        for letter in letters(&text) {
            let json = serde_json::to_string(&letter).unwrap();
            let begin = format!("{{\"kind\":\"{}\"", letter.kind());
            prop_assert!(json.starts_with(&begin));
            prop_assert!(serde_json::from_str::<Letter>(&json).unwrap() == letter);
        }
    }
}

#[test]
fn scripts_in_names_arrive_as_text() {
    let device = "<script>alert(1)</script>\r\nBcc: eve@example.org".to_owned();
    let letter = Letter::NewDeviceLogin {
        device,
        ip: Some("192.0.2.7".parse().unwrap()),
        time: Timestamp(1_795_361_680_123),
    };
    let rendered = letter.render(&site());
    assert!(
        rendered
            .html
            .contains("&lt;script&gt;alert(1)&lt;/script&gt; Bcc: eve@example[.]org<br>")
    );
    assert!(
        rendered
            .text
            .contains("Device: <script>alert(1)</script> Bcc: eve@example[.]org\nNetwork address: 192.0.2.7\n")
    );
    assert!(
        rendered.text.contains("Time: 2026-11-22 15:34 UTC\n"),
        "{}",
        rendered.text
    );
}

#[test]
fn links_lead_to_the_public_url_and_carry_every_character() {
    let letter = Letter::VerifyRegistration {
        email: "ann+x@example.org".into(),
        token: "a/b+c=&d#e".into(),
    };
    let expected = "https://vault.example.org/#/finish-signup?token=a%2Fb%2Bc%3D%26d%23e&email=ann%2Bx%40example%2Eorg&fromEmail=true";
    let rendered = letter.render(&site());
    assert_eq!(rendered.links, [expected]);
    assert!(rendered.text.contains(&format!("\n{expected}\n")));
    assert!(
        rendered
            .html
            .contains(&format!("href=\"{}\"", expected.replace('&', "&amp;")))
    );
}

#[test]
fn a_public_url_with_a_path_keeps_it_and_one_without_host_is_refused() {
    let site = Site::new("http://localhost:8080/vault/").unwrap();
    assert_eq!(site.link("x", &[("a", "b")]), "http://localhost:8080/vault/#/x?a=b");
    assert_eq!(site.default_sender(), "Annalock <no-reply@localhost>");
    assert_eq!(
        Site::new("https://[::1]:8443").unwrap().default_sender(),
        "Annalock <no-reply@localhost>"
    );
    assert!(Site::new("file:///x").is_err() && Site::new("vault.example.org").is_err());
}

#[test]
fn codes_are_not_worth_sending_once_they_have_run_out() {
    let code = Letter::Otp {
        code: "1".into(),
        valid_minutes: 5,
    };
    assert_eq!(code.good_for(), Some(Duration::from_secs(300)));
    assert_eq!(Letter::NoHint.good_for(), None);
}

#[test]
fn secrets_of_letters_do_not_reach_logs() {
    for letter in letters("s3cret") {
        assert!(!format!("{letter:?}{:?}", letter.render(&site())).contains("s3cret"));
    }
}
