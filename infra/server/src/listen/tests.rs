//! Real connections to real listeners.

use super::*;
use crate::clock::SystemClock;
use crate::tls::{self, authority::Authority, store::CertStore, store::Origin};
use axum::extract::ConnectInfo;
use axum::routing::get;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Somebody asks for what is slow.
static ENTERED: Notify = Notify::const_new();

fn router() -> Router {
    Router::new()
        .route(
            "/",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string()),
        )
        .route(
            "/slow",
            get(async || {
                ENTERED.notify_one();
                tokio::time::sleep(Duration::from_millis(400)).await;
                "done"
            }),
        )
}

fn local() -> SocketAddr {
    "127.0.0.1:0".parse().unwrap()
}

fn start(max_connections: u32) -> (Listeners, SocketAddr) {
    let listeners = Listeners::new(max_connections);
    let bound = bind(local(), "TEST_BIND").unwrap();
    let address = bound.address();
    listeners.serve(bound, router(), None).unwrap();
    (listeners, address)
}

async fn send(stream: &mut TcpStream, path: &str) {
    stream
        .write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").as_bytes())
        .await
        .unwrap();
}

/// Reads one answer with a body of known length.
async fn answer(stream: &mut TcpStream) -> String {
    let mut text = Vec::new();
    let mut byte = [0];
    while !text.ends_with(b"\r\n\r\n") {
        assert_eq!(
            stream.read(&mut byte).await.unwrap(),
            1,
            "closed after {:?}",
            String::from_utf8_lossy(&text)
        );
        text.push(byte[0]);
    }
    let head = String::from_utf8(text).unwrap().to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|l| l.strip_prefix("content-length: "))
        .unwrap()
        .parse()
        .unwrap();
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.unwrap();
    head + &String::from_utf8(body).unwrap()
}

#[tokio::test]
async fn connections_are_kept_and_handlers_see_the_address_of_the_peer() {
    let (_listeners, address) = start(10);
    let mut stream = TcpStream::connect(address).await.unwrap();
    for _ in 0..3 {
        send(&mut stream, "/").await;
        let text = answer(&mut stream).await;
        assert!(
            text.starts_with("http/1.1 200") && text.ends_with("127.0.0.1"),
            "{text}"
        );
    }
}

#[tokio::test]
async fn a_request_in_flight_is_finished_and_idle_connections_are_closed() {
    let (listeners, address) = start(10);
    let mut idle = TcpStream::connect(address).await.unwrap();
    send(&mut idle, "/").await;
    answer(&mut idle).await;
    let mut busy = TcpStream::connect(address).await.unwrap();
    send(&mut busy, "/slow").await;
    ENTERED.notified().await;

    let left = tokio::spawn(async move { listeners.finish(Duration::from_secs(30)).await });
    assert_eq!(
        idle.read(&mut [0; 16]).await.unwrap(),
        0,
        "an idle connection ends at once"
    );
    assert!(answer(&mut busy).await.ends_with("done"));
    assert_eq!(busy.read(&mut [0; 16]).await.unwrap(), 0);
    assert_eq!(left.await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err(), "nobody listens any more");
}

#[tokio::test]
async fn connections_over_the_limit_wait_until_one_ends() {
    let (_listeners, address) = start(1);
    let mut first = TcpStream::connect(address).await.unwrap();
    send(&mut first, "/").await;
    answer(&mut first).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    send(&mut second, "/").await;
    let early = tokio::time::timeout(Duration::from_millis(200), second.read(&mut [0; 1])).await;
    assert!(early.is_err(), "the second one is not served yet");
    drop(first);
    assert!(answer(&mut second).await.starts_with("http/1.1 200"));
}

#[tokio::test]
async fn https_speaks_both_versions_and_is_trusted_by_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authority = Authority::in_folder(folder.path());
    let origin = Origin::Local {
        authority: authority.clone(),
        names: vec![],
    };
    let certificates = Arc::new(CertStore::open(&origin, &SystemClock).unwrap());
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(certificates).unwrap()));
    let listeners = Listeners::new(10);
    let bound = bind(local(), "TEST_BIND").unwrap();
    let url = format!("https://localhost:{}/", bound.address().port());
    listeners.serve(bound, router(), Some(acceptor)).unwrap();

    tls::install_default_provider();
    let ca = reqwest::Certificate::from_pem(&std::fs::read(authority.ca_file()).unwrap()).unwrap();
    for (only_http1, version) in [(true, reqwest::Version::HTTP_11), (false, reqwest::Version::HTTP_2)] {
        let mut client = reqwest::Client::builder().add_root_certificate(ca.clone());
        if only_http1 {
            client = client.http1_only();
        }
        let answer = client.build().unwrap().get(&url).send().await.unwrap();
        assert_eq!(
            (answer.version(), answer.text().await.unwrap().as_str()),
            (version, "127.0.0.1")
        );
    }
    assert!(
        reqwest::Client::new().get(&url).send().await.is_err(),
        "who does not know the authority does not trust us"
    );
    assert_eq!(listeners.finish(Duration::from_secs(5)).await, 0);
}

#[tokio::test]
async fn a_taken_address_is_told_with_the_setting_that_names_it() {
    let (_listeners, address) = start(1);
    let text = bind(address, "TEST_BIND").unwrap_err().to_string();
    assert_eq!(
        text,
        format!("{address} is in use by another program; stop that program or set TEST_BIND to another address")
    );
}
