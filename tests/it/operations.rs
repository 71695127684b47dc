//! What operators and the people behind accounts find: the audit log, letters in the outbox.

use crate::account::session::assert_ended;
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::{Value, json};
use std::time::Duration;
use tests::{
    client::{
        Account,
        item::{self, Kind},
        vault::id,
    },
    server::Server,
};

/// The records of an export, one JSON object for each line.
async fn exported(server: &Server, account: &Account) -> Vec<Value> {
    let file = server.data_path().join(format!("{}.jsonl", uuid::Uuid::new_v4()));
    let path = file.to_str().unwrap();
    let (code, text) = server
        .run(&["audit", "export", "--user", &account.email, "--output", path])
        .await;
    assert_eq!(code, Some(0), "{text}");
    let lines = std::fs::read_to_string(&file).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn of_name<'a>(records: &'a [Value], name: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["name"] == name).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_audit_log_tells_every_change_with_who_when_and_from_where() {
    let server = Server::shared().await;
    let (account, client) = server.member("audit").await;
    let (_, made) = client.create(&account, Kind::Login, "one").await;
    let path = format!("/api/ciphers/{}", id(&made));
    client
        .put(&path, &item::request(&account.user_key, Kind::Login, "two"))
        .await
        .ok();
    client.put_empty(&format!("{path}/delete")).await.ok_empty();
    client.delete(&path).await.ok_empty();
    client.try_login(&account.email, "wrong").await;

    // that somebody was refused is told behind the answer
    let mut records = exported(server, &account).await;
    let mut exports = 1;
    for _ in 0..100 {
        if !of_name(&records, "UserLoginRefused").is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        records = exported(server, &account).await;
        exports += 1;
    }
    let user = client.user_id().await.to_string();
    for (name, kind) in [
        ("CipherCreated", 1100),
        ("CipherUpdated", 1101),
        ("CipherTrashed", 1115),
        ("CipherDeleted", 1102),
    ] {
        let found = of_name(&records, name);
        assert_eq!(found.len(), 1, "{name}: {records:#?}");
        assert_eq!(found[0]["type"], kind);
        assert_eq!(found[0]["cipherId"], id(&made));
        assert_eq!(found[0]["actingUserId"], user);
        assert_eq!(found[0]["ip"], "127.0.0.1");
        assert_eq!(found[0]["origin"], "server");
        assert!(found[0]["deviceType"].is_number(), "{name}: {:?}", found[0]);
    }
    assert_eq!(of_name(&records, "UserLoggedIn")[0]["type"], 1000);
    assert_eq!(of_name(&records, "UserLoginRefused")[0]["type"], 1005);
    let fingerprint = &of_name(&records, "UserKeyPairSet")[0]["detail"]["publicKeyFingerprint"];
    assert_eq!(fingerprint.as_str().unwrap().len(), 64);
    let text = serde_json::to_string(&records).unwrap();
    assert!(!text.contains(&account.email), "no addresses: {text}");
    assert!(!text.contains(made["name"].as_str().unwrap()), "no contents: {text}");
    assert!(
        records
            .windows(2)
            .all(|pair| pair[0]["position"].as_u64() <= pair[1]["position"].as_u64())
    );

    // a wrong secret of somebody who is signed in is a refusal too, and none of a login
    let wrong = json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"});
    assert_eq!(client.post("/api/accounts/verify-password", &wrong).await.status, 400);
    for _ in 0..600 {
        if let Some(refused) = of_name(&records, "UserSecretRefused").first() {
            assert_eq!(
                (&refused["type"], &refused["actingUserId"]),
                (&Value::Null, &json!(user))
            );
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        records = exported(server, &account).await;
        exports += 1;
    }
    let found = ["UserLoginRefused", "UserSecretRefused"].map(|name| of_name(&records, name).len());
    assert_eq!(found, [1, 1]);

    // reading the log is told by the log
    let records = exported(server, &account).await;
    assert_eq!(of_name(&records, "AuditLogExported").len(), exports);
}

/// The text of the letter to `address` that has `word` in it, once it lies in the outbox.
pub async fn letter(server: &Server, address: &str, word: &str) -> String {
    let outbox = server.data_path().join("outbox");
    for _ in 0..600 {
        // the folder comes with the first letter, and a letter gets its name when it is whole
        for entry in std::fs::read_dir(&outbox).into_iter().flatten() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with('.') {
                continue;
            }
            let text = readable(&std::fs::read_to_string(entry.path()).unwrap_or_default());
            if text.contains(address) && text.contains(word) {
                return text;
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("no letter to {address} with {word:?} within 60 s");
}

/// The code in a letter: eight digits on a line of their own, for addresses and ids have runs of digits too.
pub fn code(text: &str) -> String {
    let is_code = |line: &&str| line.len() == 8 && line.bytes().all(|b| b.is_ascii_digit());
    let code = text.lines().map(str::trim).find(is_code);
    code.unwrap_or_else(|| panic!("no code of eight digits in {text}"))
        .to_owned()
}

/// A letter with soft line breaks and base64 parts undone.
pub fn readable(letter: &str) -> String {
    let mut text = letter.replace("=\r\n", "").replace("=3D", "=");
    for block in letter.split("\r\n\r\n") {
        let joined: String = block.split_whitespace().collect();
        if let Ok(Ok(part)) = BASE64_STANDARD.decode(joined).map(String::from_utf8) {
            text.push_str(&part);
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_with_the_code_that_was_mailed_to_the_new_one() {
    let server = Server::shared().await;
    let (account, client) = server.member("moving").await;
    let mut moved = Account::with(&format!("new-{}", account.email), &account.password, account.kdf);
    (moved.user_key, moved.pair) = (account.user_key.clone(), account.pair.clone());
    let ask = json!({ "masterPasswordHash": account.password_hash(), "newEmail": moved.email });
    client.post("/api/accounts/email-token", &ask).await.ok_empty();
    let text = letter(server, &moved.email, "code").await;
    let code = code(&text);

    let sealed = moved.wrapped_user_key();
    let change = |token: &str| {
        json!({
            "masterPasswordHash": account.password_hash(), "newEmail": moved.email, "token": token,
            "newMasterPasswordHash": moved.password_hash(), "key": sealed,
        })
    };
    client
        .post("/api/accounts/email", &change("00000000"))
        .await
        .refused(400, "Invalid token.");
    client.post("/api/accounts/email", &change(&code)).await.ok_empty();
    assert_ended(&client, "after another address").await;
    let login = server
        .client()
        .try_login(&account.email, &account.password_hash())
        .await;
    assert_eq!(login.status, 400, "{}", login.text);
    let mut again = server.client();
    again.login(&moved).await;
    assert_eq!(again.get("/api/accounts/profile").await.ok()["email"], moved.email);
    letter(server, &account.email, "changed").await;
}

/// What gathered in a file goes on there; nothing of it is lost, and that it was taken is noted whatever becomes of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_noted_before_it_begins_and_gone_on_with_behind_what_is_there() {
    let server = Server::shared().await;
    let (account, client) = server.member("exported").await;
    client.create(&account, Kind::Login, "one").await;
    let export = async |more: &[&str]| {
        let arguments = [&["audit", "export", "--user", account.email.as_str()], more].concat();
        server.run(&arguments).await
    };
    let file = |name: &str| server.data_path().join(format!("{name}-{}", uuid::Uuid::new_v4()));
    for form in ["jsonl", "csv", "ocsf"] {
        let (whole, part) = (file("whole"), file("part"));
        let [whole, part] = [&whole, &part].map(|path| path.to_str().unwrap());
        let (code, text) = export(&["--type", "1000", "--type", "1100", "--format", form, "-o", whole]).await;
        assert_eq!(code, Some(0), "{text}");
        let (code, text) = export(&["--type", "1000", "--format", form, "-o", part]).await;
        assert_eq!(code, Some(0), "{text}");
        let cursor = {
            let records = exported(server, &account).await;
            let login = of_name(&records, "UserLoggedIn");
            login.last().unwrap()["cursor"].as_str().unwrap().to_owned()
        };
        let rest = [
            "--type",
            "1100",
            "--format",
            form,
            "--after",
            cursor.as_str(),
            "-o",
            part,
        ];
        let (code, text) = export(&rest).await;
        assert_eq!(code, Some(0), "{text}");
        let [whole, both] = [whole, part].map(|path| std::fs::read_to_string(path).unwrap());
        assert!(!both.is_empty());
        assert_eq!(both, whole, "{form}");
        // what stops amid a record is not gone on with
        std::fs::write(part, both.trim_end()).unwrap();
        let (code, text) = export(&rest).await;
        assert_eq!(code, Some(1));
        assert!(text.contains("ends amid a record"), "{text}");
        assert_eq!(std::fs::read_to_string(part).unwrap(), both.trim_end());
    }
    let sealed = file("sealed");
    std::fs::write(&sealed, "something\n").unwrap();
    let (code, text) = export(&["--proof", "--after", "1.0", "-o", sealed.to_str().unwrap()]).await;
    assert_eq!(code, Some(1));
    assert!(text.contains("sealed as a whole"), "{text}");

    // one that cannot be written has been noted all the same, and says what of
    let noted = of_name(&exported(server, &account).await, "AuditLogExported").len();
    let (code, _) = export(&["--format", "csv", "--type", "1000", "-o", "/dev/full"]).await;
    assert_eq!(code, Some(1));
    let records = exported(server, &account).await;
    let exports = of_name(&records, "AuditLogExported");
    assert_eq!(exports.len(), noted + 2, "that one, and the one that counted them");
    let asked = &exports[exports.len() - 1]["detail"]["asked"];
    assert_eq!(asked, &json!({"format": "csv", "types": [1000]}));
}

/// Which generations of `sync` there are: number and state.
async fn generations(server: &Server) -> Vec<(i64, String)> {
    let (code, text) = server.run(&["projections", "status", "--json"]).await;
    assert_eq!(code, Some(0), "{text}");
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let ours = lines.filter(|line| line["projector"] == "sync");
    ours.map(|line| {
        let state = line["state"].as_str().unwrap().to_owned();
        (line["generation"].as_i64().unwrap(), state)
    })
    .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_goes_back_to_the_tables_of_before_a_rebuild() {
    let server = Server::start().await;
    let (account, client) = server.member("rebuilt").await;
    client.create(&account, Kind::Login, "before").await;
    let nothing = server.run(&["projections", "rollback", "sync"]).await;
    assert_eq!(nothing.0, Some(1));
    assert!(
        nothing.1.contains("no earlier tables of sync are kept"),
        "{}",
        nothing.1
    );
    let old = generations(&server).await;

    let (code, text) = server.run(&["projections", "rebuild", "sync"]).await;
    assert_eq!(code, Some(0), "{text}");
    client.create(&account, Kind::Login, "after").await;
    let state = |number: i64, state: &str| (number, state.to_owned());
    let new = generations(&server).await;
    assert_eq!(new, [state(old[0].0, "retired"), state(new[1].0, "live")]);

    let (code, text) = server.run(&["projections", "rollback", "sync"]).await;
    assert_eq!(code, Some(0), "{text}");
    let back = generations(&server).await;
    assert_eq!(back, [state(old[0].0, "live"), state(new[1].0, "retired")]);
    client.create(&account, Kind::Login, "and later").await;
    let sync = client.get("/api/sync").await.ok();
    assert_eq!(sync["ciphers"].as_array().unwrap().len(), 3);
    let (code, text) = server.run(&["projections", "verify", "sync"]).await;
    assert_eq!(code, Some(0), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_history_has_every_record_of_what_they_did_in_organizations() {
    let server = Server::shared().await;
    let (account, client) = server.member("all-records").await;
    let organization = client.found(&account, "Settings").await;
    // four rules at once are one event, and a record each
    let rules = json!({
        "limitCollectionCreation": true, "limitCollectionDeletion": true, "limitItemDeletion": true,
        "allowAdminAccessToAllCollectionItems": true,
    });
    let path = organization.path("collection-management");
    client.put(&path, &rules).await.ok();
    let off = json!({
        "limitCollectionCreation": false, "limitCollectionDeletion": false, "limitItemDeletion": false,
        "allowAdminAccessToAllCollectionItems": false,
    });
    client.put(&path, &off).await.ok();
    let records = exported(server, &account).await;
    let kinds: Vec<i64> = records.iter().filter_map(|record| record["type"].as_i64()).collect();
    let off: Vec<_> = kinds
        .iter()
        .filter(|kind| [1611, 1613, 1615, 1617].contains(kind))
        .collect();
    assert_eq!(off.len(), 4, "{kinds:?}");
    let logins = kinds.iter().filter(|kind| **kind == 1000).count();
    assert_eq!(logins, 1, "what stands in the log of the organization too is told once");
    // and whoever never was has none
    let nobody = uuid::Uuid::new_v4().to_string();
    let (code, text) = server.run(&["audit", "export", "--user", &nobody]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("there never was"), "{text}");
}
