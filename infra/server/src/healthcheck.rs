//! `annalock healthcheck`: asks `/readyz` of the program on this machine, for containers without a shell.

use crate::config::{Config, setting};
use anyhow::{Context, Result, bail};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The whole question takes at most this.
const PATIENCE: Duration = Duration::from_secs(5);
/// An answer longer than this is cut.
const ANSWER: u64 = 64 * 1024;

/// Succeeds when the program is ready.
///
/// # Errors
/// When nobody answers, or the answer is that it is not ready: then with the checks that fail.
pub async fn run(config: &Config) -> Result<()> {
    let Some(bind) = config.ops_bind else {
        bail!("{} is empty: there is no listener to ask", setting::OPS_BIND);
    };
    let address = reachable(bind);
    let (status, body) = tokio::time::timeout(PATIENCE, ask(address, "/readyz"))
        .await
        .with_context(|| format!("http://{address}/readyz did not answer in time"))?
        .with_context(|| format!("http://{address}/readyz does not answer"))?;
    if status == 200 {
        return Ok(());
    }
    bail!("not ready (status {status}): {}", failing(&body));
}

/// Everything-addresses are for listening only: ask this machine.
fn reachable(bind: SocketAddr) -> SocketAddr {
    let ip = match bind.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bind.port())
}

async fn ask(address: SocketAddr, path: &str) -> Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(ANSWER).read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").context("this is not an answer in HTTP")?;
    let status = head
        .split(' ')
        .nth(1)
        .and_then(|s| s.parse().ok())
        .context("this is not an answer in HTTP")?;
    Ok((status, body.to_owned()))
}

fn failing(body: &str) -> String {
    let parsed: serde_json::Value = serde_json::from_str(body).unwrap_or_default();
    let checks = parsed["checks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let failing = checks.iter().filter(|c| c["ready"] == false).map(|c| {
        format!(
            "{} ({})",
            c["name"].as_str().unwrap_or_default(),
            c["detail"].as_str().unwrap_or_default()
        )
    });
    failing.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_for_listening_everywhere_is_asked_on_this_machine() {
        assert_eq!(reachable("0.0.0.0:9090".parse().unwrap()).to_string(), "127.0.0.1:9090");
        assert_eq!(reachable("[::]:9090".parse().unwrap()).to_string(), "[::1]:9090");
        assert_eq!(reachable("10.0.0.1:1".parse().unwrap()).to_string(), "10.0.0.1:1");
    }

    #[test]
    fn the_failing_checks_are_named() {
        let body = r#"{"ready":false,"checks":[{"name":"a","ready":true,"detail":""},{"name":"b","ready":false,"detail":"late"}]}"#;
        assert_eq!(failing(body), "b (late)");
    }
}
