//! Nanoseconds per event: `cargo bench -p sealing`. Keys are in the cache, as they are in a server that runs.
#![allow(clippy::unwrap_used, reason = "a measurement fails by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use commands::ports::Seal;
use common::{event, fleeting, stored, stream, subject};
use domain::event::NewEvent;
use domain::personal::Personal;
use serde_json::json;
use std::hint::black_box;
use std::time::Instant;

const PAGE: usize = 500;

fn main() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let cipher = json!({ "data": "2.".to_owned() + &"QmFzZTY0".repeat(100), "type": 1 }).to_string();
    let user = json!({ "email": Personal::of(subject(1), "ann@example.org"), "name": Personal::of(subject(1), "Ann"),
        "kdf": { "type": 0, "iterations": 600_000 }, "key": "2.".to_owned() + &"QmFzZTY0".repeat(30) })
    .to_string();
    let meta = |ip: bool| {
        let ip = ip.then(|| Personal::of(subject(1), "192.0.2.7"));
        json!({ "actor": { "kind": "user", "id": subject(1) }, "device": subject(2), "device_type": 9, "client": "web",
            "client_version": "2026.8.0", "command": subject(3), "correlation": subject(4), "ip": ip })
        .to_string()
    };
    println!(
        "meta {} bytes, cipher data {} bytes, user data {} bytes",
        meta(true).len(),
        cipher.len(),
        user.len()
    );
    runtime.block_on(async {
        measure("cipher event, no personal data", event(cipher.as_str(), meta(false))).await;
        measure("cipher event, address in meta", event(cipher.as_str(), meta(true))).await;
        measure(
            "user event, two values, and address in meta",
            event(user.as_str(), meta(true)),
        )
        .await;
    });
}

async fn measure(what: &str, one: NewEvent) {
    let keyring = fleeting();
    let page = vec![one; PAGE];
    let sealed = keyring.seal(&stream(), page.clone()).await.unwrap();
    let sealed: Vec<_> = sealed.into_iter().map(|e| stored(&stream(), e)).collect();
    let (mut seal, mut open) = (Vec::new(), Vec::new());
    for _ in 0..100 {
        let (new, old) = (page.clone(), sealed.clone());
        let start = Instant::now();
        black_box(keyring.seal(&stream(), new).await.unwrap());
        seal.push(start.elapsed().as_nanos() as usize / PAGE);
        let start = Instant::now();
        black_box(keyring.open(old).await.unwrap());
        open.push(start.elapsed().as_nanos() as usize / PAGE);
    }
    seal.sort_unstable();
    open.sort_unstable();
    println!("{what}: seal {} ns, open {} ns per event (medians)", seal[50], open[50]);
}
