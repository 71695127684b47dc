//! Exports with proofs, as whoever gets one sees them: the file, the public key, and nothing else.

use sqlx::AssertSqlSafe;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tests::{
    client::{Account, item::Kind, organization::Organization},
    cluster::database,
    server::Server,
};

/// An export with proofs, and what is needed to check it.
struct Export<'a> {
    server: &'a Server,
    key: PathBuf,
    lines: Vec<String>,
}

impl<'a> Export<'a> {
    /// Of everything about an account, going on from an older checkpoint if there is one.
    async fn of(server: &'a Server, account: &Account, old: Option<&Path>) -> Self {
        let file = place(server);
        let mut arguments = vec!["audit", "export", "--user", &account.email, "--proof"];
        arguments.extend(["-o", file.to_str().unwrap()]);
        arguments.extend(old.iter().flat_map(|old| ["--old-checkpoint", old.to_str().unwrap()]));
        let (code, text) = server.run(&arguments).await;
        assert_eq!(code, Some(0), "{text}");
        let lines = std::fs::read_to_string(&file).unwrap();
        Self {
            server,
            key: server.data_path().join("checkpoints/key"),
            lines: lines.lines().map(str::to_owned).collect(),
        }
    }

    /// Checks lines: exit code, and what was said.
    async fn check(&self, lines: &[String], old: Option<&Path>) -> (Option<i32>, String) {
        let file = place(self.server);
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        // settings that are not there are not missed
        let mut arguments = vec!["--config", "/nowhere.toml", "audit", "verify", file.to_str().unwrap()];
        arguments.extend(["--key", self.key.to_str().unwrap()]);
        arguments.extend(old.iter().flat_map(|old| ["--old-checkpoint", old.to_str().unwrap()]));
        self.server.run(&arguments).await
    }
}

/// A path for a new file.
fn place(server: &Server) -> PathBuf {
    server.data_path().join(uuid::Uuid::new_v4().to_string())
}

/// The checkpoint of now, in a file.
async fn checkpoint(server: &Server) -> PathBuf {
    let (code, text, logged) = server.run_apart(&["audit", "checkpoint"]).await;
    assert_eq!(code, Some(0), "{logged}");
    let from = text.find("annalock/").unwrap();
    let file = place(server);
    std::fs::write(&file, &text[from..]).unwrap();
    file
}

#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_checked_offline_and_every_change_to_it_is_found() {
    let server = Server::shared().await;
    let (account, client) = server.member("proved").await;
    for name in ["one", "two", "three", "four"] {
        client.create(&account, Kind::Login, name).await;
    }
    let old = checkpoint(server).await;
    client.create_folder(&account, "later").await;
    let export = Export::of(server, &account, Some(&old)).await;
    let records = export.lines.len() - 2;
    assert!(records >= 7, "{records}");
    let (code, text) = export.check(&export.lines, Some(&old)).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(&format!("{records} records hold")), "{text}");
    assert!(text.contains("are those of the older checkpoint"), "{text}");
    let record: serde_json::Value = serde_json::from_str(&export.lines[2]).unwrap();
    assert_eq!(
        record["proof"]["index"].as_u64().unwrap() + 1,
        record["position"].as_u64().unwrap()
    );

    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut lines = export.lines.clone();
        change(&mut lines);
        assert_ne!(lines, export.lines);
        lines
    };
    for (what, lines) in [
        (
            "an address",
            changed(&|l| l[3] = l[3].replace("127.0.0.1", "127.0.0.2")),
        ),
        (
            "a name",
            changed(&|l| l[3] = l[3].replace("\"name\":\"", "\"name\":\"X")),
        ),
        (
            "a digest",
            changed(&|l| l[3] = l[3].replace("\"dataDigest\":\"", "\"dataDigest\":\"A")),
        ),
        ("a line dropped", changed(&|l| drop(l.remove(3)))),
        ("the last record dropped", changed(&|l| drop(l.remove(l.len() - 2)))),
        ("a line put in", changed(&|l| l.insert(3, l[3].clone()))),
        ("lines moved", changed(&|l| l.swap(3, 4))),
        ("the seal dropped", changed(&|l| drop(l.pop()))),
        ("the header dropped", changed(&|l| drop(l.remove(0)))),
    ] {
        let (code, text) = export.check(&lines, None).await;
        assert_eq!(code, Some(1), "{what}: {text}");
    }
    let other = Export::of(server, &account, None).await;
    let (code, text) = other.check(&other.lines, Some(&old)).await;
    assert_eq!(code, Some(1));
    assert!(text.contains("no consistency proof"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_server_signs_its_log_and_verify_finds_what_was_changed_behind_its_back() {
    let database = database().await;
    let server = Server::start_with(&[("ANNALOCK_DATABASE_URL", &database.url)]).await;
    let (account, client) = server.member("signed").await;
    client.create(&account, Kind::Login, "one").await;
    let latest = server.data_path().join("checkpoints/latest");
    let mut waited = 0;
    while !latest.exists() {
        assert!(waited < 600, "no checkpoint within a minute");
        waited += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let history = std::fs::read_to_string(server.data_path().join("checkpoints/history")).unwrap();
    let first: serde_json::Value = serde_json::from_str(history.lines().next().unwrap()).unwrap();
    assert!(first["size"].as_u64().unwrap() > 0);
    let (code, key) = server.run(&["audit", "checkpoint", "--public-key"]).await;
    assert_eq!(code, Some(0));
    let file = std::fs::read_to_string(server.data_path().join("checkpoints/key")).unwrap();
    assert!(key.contains(file.trim()), "{key}");

    checkpoint(&server).await;
    let (code, text) = server.run(&["audit", "verify"]).await;
    assert_eq!(code, Some(0), "{text}");
    let (code, text) = server
        .run(&["audit", "verify", "--old-checkpoint", latest.to_str().unwrap()])
        .await;
    assert_eq!(code, Some(0), "{text}");
    // waits until the log shows everything
    let (code, text) = server.run(&["audit", "export", "--user", &account.email]).await;
    assert_eq!(code, Some(0), "{text}");
    let made = "select position from read.audit_record where name = 'CipherCreated'";
    let made: i64 = sqlx::query_scalar(made).fetch_one(&database.pool).await.unwrap();
    let change = format!(
        "set local session_replication_role = replica;
         update es.event set meta = meta || ' ', meta_digest = sha256(meta || ' ') where position = {made}"
    );
    let mut tx = database.pool.begin().await.unwrap();
    sqlx::raw_sql(AssertSqlSafe(change)).execute(&mut *tx).await.unwrap();
    tx.commit().await.unwrap();
    let file = place(&server);
    let export = [
        "audit",
        "export",
        "--user",
        &account.email,
        "--proof",
        "-o",
        file.to_str().unwrap(),
    ];
    // nothing is proved of an event that is not the one in the tree
    for command in [&["audit", "verify"][..], &export] {
        let (code, text) = server.run(command).await;
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("the event at position {made} ")), "{text}");
    }
}

/// Nothing is signed of a record that says something else than its event, and nothing with one missing.
#[tokio::test(flavor = "multi_thread")]
async fn records_that_are_not_what_their_events_say_are_found_and_not_exported() {
    let database = database().await;
    let server = Server::start_with(&[("ANNALOCK_DATABASE_URL", &database.url)]).await;
    let (account, client) = server.member("records").await;
    let organization = client.found(&account, "One").await;
    for name in ["a", "b"] {
        client
            .make_shared(&organization, name, &[&organization.collection])
            .await;
    }
    let run = async |command: &[&str]| {
        let file = place(&server);
        let mut arguments = command.to_vec();
        arguments.extend(["-o", file.to_str().unwrap()].iter().filter(|_| command[1] == "export"));
        let (code, text) = server.run(&arguments).await;
        let sealed = std::fs::read_to_string(&file).is_ok_and(|lines| lines.contains("annalockSeal"));
        (code, text, sealed)
    };
    let verify = &["audit", "verify"][..];
    let of_user = &["audit", "export", "--user", &account.email, "--proof"][..];
    let of_organization = &["audit", "export", "--organization", &organization.id, "--proof"][..];
    let by_the_whole = &[of_organization, &["--whole-log"]].concat()[..];
    let of_items = &[of_organization, &["--type", "1100"]].concat()[..];
    for command in [of_user, of_organization, by_the_whole, of_items] {
        let (code, text, sealed) = run(command).await;
        assert!(code == Some(0) && sealed, "{text}");
    }
    let (code, text, _) = run(verify).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("records of the audit log are what"), "{text}");
    let made = "select position from read.audit_record where name = 'CipherCreated' order by position limit 1";
    let made: i64 = sqlx::query_scalar(made).fetch_one(&database.pool).await.unwrap();
    let tamper = async |statement: &str| {
        let done = sqlx::raw_sql(AssertSqlSafe(statement)).execute(&database.pool).await;
        assert!(done.unwrap().rows_affected() > 0, "{statement}");
    };
    tamper("create table public.kept as table read.audit_record").await;
    for change in [
        "acting_user_id = gen_random_uuid()",
        "ip = '203.0.113.9'",
        "type = 1101",
        "at = at - 86400000",
        "detail = '{}'",
    ] {
        tamper(&format!(
            "update read.audit_record set {change} where position = {made}"
        ))
        .await;
        for command in [verify, of_user, of_organization, by_the_whole] {
            let (code, text, sealed) = run(command).await;
            assert!(code == Some(1) && !sealed, "{change}: {text}");
            assert!(
                text.contains(&format!("the event at position {made} ")),
                "{change}: {text}"
            );
        }
        tamper(&format!(
            "delete from read.audit_record where position = {made};
             insert into read.audit_record select * from public.kept where position = {made}"
        ))
        .await;
    }
    tamper(&format!("delete from read.audit_record where position = {made}")).await;
    let (code, text, _) = run(verify).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains(&format!("the event at position {made} ")), "{text}");
    let (code, text, sealed) = run(of_organization).await;
    assert!(code == Some(1) && !sealed, "{text}");
    assert!(text.contains("has no record"), "{text}");
    tamper(&format!(
        "insert into read.audit_record select * from public.kept where position = {made}"
    ))
    .await;
    // an export that leaves out what is said to be older than the log
    tamper(&format!("update ops.log_tree set parts_since = {made}")).await;
    for command in [verify, of_organization] {
        let (code, text, sealed) = run(command).await;
        assert!(code == Some(1) && !sealed, "{text}");
        assert!(text.contains("said to begin behind position"), "{text}");
    }
}

/// A tree that somebody stopped for good shows by itself, and when everything is compared. People are served all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_cannot_go_on_shows_in_the_health_of_the_server() {
    let database = database().await;
    let server = Server::start_with(&[("ANNALOCK_DATABASE_URL", &database.url)]).await;
    let (account, client) = server.member("stopped").await;
    checkpoint(&server).await;
    let health = async || {
        let answer = reqwest::get(format!("{}/readyz", server.ops_url)).await.unwrap();
        assert_eq!(answer.status(), 200);
        let answer: serde_json::Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        let checks = answer["checks"].as_array().unwrap();
        checks.iter().find(|check| check["name"] == "log_tree").unwrap().clone()
    };
    assert_eq!(health().await["ready"], true);
    // what the trigger lets through, without rights of a superuser
    sqlx::query(
        "update ops.log_tree_tile set hashes = hashes || decode(repeat('00', 32), 'hex')
         where level = 0 and log not like '%/organization/%'",
    )
    .execute(&database.pool)
    .await
    .unwrap();
    let (code, text) = server.run(&["audit", "verify"]).await;
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("tile 0 of level 0"), "{text}");
    client.create(&account, Kind::Login, "one").await;
    let mut waited = 0;
    let shown = loop {
        let health = health().await;
        if health["ready"] == false {
            break health;
        }
        assert!(waited < 1_800, "{health} after three minutes");
        waited += 1;
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(shown["detail"].as_str().unwrap().contains("failed 3 times"), "{shown}");
    let metrics = reqwest::get(format!("{}/metrics", server.ops_url)).await.unwrap();
    let metrics = metrics.text().await.unwrap();
    assert!(metrics.contains("annalock_log_stuck{part=\"log_tree\"} 1"), "{metrics}");
    client.create(&account, Kind::Login, "two").await;
}

/// The log of an organization is a tree of its own: a whole export of it has every index, and what its people were given as
/// a checkpoint is a beginning of every later one.
#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_an_organization_is_proved_whole_and_goes_on_from_what_its_owner_holds() {
    let server = Server::shared().await;
    let (ann, anns) = server.member("proved-organization").await;
    let [one, other] = [anns.found(&ann, "One").await, anns.found(&ann, "Other").await];
    for name in ["a", "b", "c"] {
        anns.make_shared(&one, name, &[&one.collection]).await;
        anns.make_shared(&other, name, &[&other.collection]).await;
        anns.create(&ann, Kind::Login, name).await;
    }
    // what is only her own is in no tree of theirs
    let wrong = serde_json::json!({"masterPasswordHash": "bm90IHRoZSBwYXNzd29yZCBoYXNo"});
    assert_eq!(anns.post("/api/accounts/verify-password", &wrong).await.status, 400);
    for waited in 0.. {
        let (code, text) = server.run(&["audit", "export", "--user", &ann.email]).await;
        assert_eq!(code, Some(0), "{text}");
        if text.contains("UserSecretRefused") {
            break;
        }
        assert!(waited < 600, "it is not noted within a minute: {text}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (code, text) = server.run(&["audit", "checkpoint", "--organization", &one.id]).await;
    assert_eq!(code, Some(0), "{text}");
    let answer = anns.get(&one.path("audit/checkpoint")).await.ok();
    let held = answer["checkpoint"].as_str().unwrap();
    assert!(text.contains(held), "{text}");
    assert!(
        held.lines()
            .next()
            .unwrap()
            .ends_with(&format!("/organization/{}", one.id))
    );
    let key = std::fs::read_to_string(server.data_path().join("checkpoints/key")).unwrap();
    assert_eq!(answer["publicKey"], key.trim());
    let old = place(server);
    std::fs::write(&old, held).unwrap();

    // a login of a member stands in the logs of both
    server.client().login(&ann).await;
    let whole = async |organization: &Organization, old: Option<&Path>| {
        let file = place(server);
        let mut arguments = vec!["audit", "export", "--organization", &organization.id, "--proof", "-o"];
        arguments.push(file.to_str().unwrap());
        arguments.extend(old.iter().flat_map(|old| ["--old-checkpoint", old.to_str().unwrap()]));
        let (code, text) = server.run(&arguments).await;
        assert_eq!(code, Some(0), "{text}");
        let lines = std::fs::read_to_string(&file).unwrap();
        lines.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let check = async |lines: &[String], old: Option<&Path>| {
        let file = place(server);
        std::fs::write(&file, lines.join("\n") + "\n").unwrap();
        let key = server.data_path().join("checkpoints/key");
        let mut arguments = vec![
            "audit",
            "verify",
            file.to_str().unwrap(),
            "--complete",
            "--key",
            key.to_str().unwrap(),
        ];
        arguments.extend(old.iter().flat_map(|old| ["--old-checkpoint", old.to_str().unwrap()]));
        server.run(&arguments).await
    };
    let lines = whole(&one, Some(&old)).await;
    let (code, text) = check(&lines, Some(&old)).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("no event of the log is missing"), "{text}");
    assert!(
        text.contains(&format!(
            "the first {} events are those of the older checkpoint",
            answer["size"]
        )),
        "{text}"
    );
    let others = whole(&other, None).await;
    let (code, text) = check(&others, None).await;
    assert_eq!(code, Some(0), "{text}");
    for lines in [&lines, &others] {
        let logins = lines
            .iter()
            .filter(|line| line.contains("\"name\":\"UserLoggedIn\""))
            .count();
        assert!(logins > 0, "{lines:?}");
    }
    // what was signed of one says nothing about the other
    let (code, text) = check(&others, Some(&old)).await;
    assert!(code == Some(1) && text.contains("another log"), "{text}");
    let mut mixed = lines.clone();
    mixed[2].clone_from(&others[2]);
    let (code, text) = check(&mixed, None).await;
    assert_eq!(code, Some(1), "{text}");

    // an organization that is not there, and who may not ask
    let (_, strangers) = server.member("proved-stranger").await;
    assert_eq!(strangers.get(&one.path("audit/checkpoint")).await.status, 404);
}
