//! Large answers of `/sync` when there is little memory for them.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::{Value, json};
use tests::client::item::{self, Kind};
use tests::client::{Account, Client};
use tests::server::Server;

/// As the test client asks.
const SYNC: &str = "/api/sync?excludeDomains=true";

/// Items with much in them: about 11 KB each.
fn bundle(account: &Account, items: usize) -> Value {
    let sealed = account.user_key.seal(&"much to say ".repeat(580));
    let ciphers: Vec<_> = (0..items)
        .map(|index| {
            let mut request = item::request(&account.user_key, Kind::Login, &format!("item {index}"));
            request["notes"] = json!(sealed);
            request
        })
        .collect();
    json!({"ciphers": ciphers, "folders": [], "folderRelationships": []})
}

/// A request over a connection of its own: the head of the answer, and the rest unread.
fn raw(server: &Server, client: &Client, path: &str, version: &str) -> (String, BufReader<TcpStream>) {
    let stream = TcpStream::connect(server.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let request = format!(
        "GET {path} HTTP/{version}\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {}\r\n\r\n",
        client.tokens().access
    );
    (&stream).write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while !head.ends_with("\r\n\r\n") {
        assert!(reader.read_line(&mut head).unwrap() > 0, "no answer: {head}");
    }
    (head.to_ascii_lowercase(), reader)
}

/// The body from its chunks; `None` if the mark of its end is missing.
fn unchunked(reader: &mut BufReader<TcpStream>) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let size = usize::from_str_radix(line.trim(), 16).ok()?;
        let mut chunk = vec![0; size + 2];
        reader.read_exact(&mut chunk).ok()?;
        chunk.truncate(size);
        if size == 0 {
            return Some(body);
        }
        body.append(&mut chunk);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_does_not_fit_into_memory_is_sent_as_it_is_made_and_never_looks_whole_when_it_is_not() {
    let server = Server::start_with(&[("ANNALOCK_SYNC_MEMORY", "1")]).await;
    let (account, client) = server.member("bodies").await;
    const ITEMS: usize = 1_800;
    for _ in 0..3 {
        let sent = bundle(&account, ITEMS / 3);
        client.post("/api/ciphers/import", &sent).await.ok_empty();
    }

    let (head, mut reader) = raw(&server, &client, SYNC, "1.1");
    assert!(
        head.starts_with("http/1.1 200") && head.contains("transfer-encoding: chunked"),
        "{head}"
    );
    let body = unchunked(&mut reader).expect("it ends as it should");
    let sync: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(sync["ciphers"].as_array().unwrap().len(), ITEMS);
    assert_eq!(client.sync().await, sync);
    let list = client.get("/api/ciphers").await.ok();
    assert_eq!(list["data"], sync["ciphers"]);

    let (head, _) = raw(&server, &client, SYNC, "1.0");
    assert!(
        head.contains(" 503 "),
        "a client that cannot tell must not be sent it: {head}"
    );

    // what was made is still there: one snapshot, whatever happens meanwhile
    let (_, mut slow) = raw(&server, &client, SYNC, "1.1");
    client.create_login(&account, "later").await;
    let old: Value = serde_json::from_slice(&unchunked(&mut slow).unwrap()).unwrap();
    assert_eq!(old, sync);
    assert_eq!(client.sync().await["ciphers"].as_array().unwrap().len(), ITEMS + 1);

    // the database goes away while the client has read nothing yet
    let (head, mut broken) = raw(&server, &client, SYNC, "1.1");
    assert!(head.starts_with("http/1.1 200"), "{head}");
    server.kill9_postgres();
    assert_eq!(unchunked(&mut broken), None, "the rest never came");
}
