//! Where a request came from: the peer, or whoever a trusted proxy says.

use crate::config::cidr::Cidr;
use axum::{
    extract::{ConnectInfo, Request},
    http::HeaderMap,
};
use std::net::{IpAddr, SocketAddr};
use web::request::RemoteAddress;

/// Notes the address of the client on a request. `X-Forwarded-For` is believed from the right, as far as each address is
/// one of `trusted`: the first that is not is the client.
pub fn note(mut request: Request, trusted: &[Cidr]) -> Request {
    if let Some(ConnectInfo(peer)) = request.extensions().get::<ConnectInfo<SocketAddr>>().copied() {
        let address = client(peer.ip(), request.headers(), trusted);
        request.extensions_mut().insert(RemoteAddress(address));
    }
    request
}

fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Cidr]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let forwarded: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    let mut client = peer;
    for entry in forwarded.iter().rev() {
        let Some(address) = address_of(entry.trim()) else {
            break;
        };
        client = address.to_canonical();
        if !is_trusted(client) {
            break;
        }
    }
    client
}

/// An address; some proxies put the port behind it.
fn address_of(entry: &str) -> Option<IpAddr> {
    let with_port = || entry.parse::<SocketAddr>().ok().map(|address| address.ip());
    entry.parse().ok().or_else(with_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn forwarded(value: &str) -> HeaderMap {
        [("x-forwarded-for".parse().unwrap(), value.parse().unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let trusted: Vec<Cidr> = vec!["10.0.0.0/8".parse().unwrap()];
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        let said = forwarded("1.1.1.1, 2.2.2.2, 10.0.0.9");
        assert_eq!(client(ip("9.9.9.9"), &said, &trusted), ip("9.9.9.9"));
        assert_eq!(client(ip("10.0.0.1"), &said, &trusted), ip("2.2.2.2"));
        assert_eq!(client(ip("10.0.0.1"), &forwarded("nonsense"), &trusted), ip("10.0.0.1"));
        for (said, address) in [
            ("203.0.113.9:55", "203.0.113.9"),
            ("[2001:db8::7]:443", "2001:db8::7"),
            ("2001:db8::7", "2001:db8::7"),
            ("1.1.1.1, 203.0.113.9:55, 10.0.0.9:80", "203.0.113.9"),
        ] {
            assert_eq!(
                client(ip("10.0.0.1"), &forwarded(said), &trusted),
                ip(address),
                "{said}"
            );
        }
        assert_eq!(client(ip("10.0.0.1"), &HeaderMap::new(), &trusted), ip("10.0.0.1"));
        assert_eq!(client(ip("10.0.0.1"), &said, &[]), ip("10.0.0.1"));
    }
}
