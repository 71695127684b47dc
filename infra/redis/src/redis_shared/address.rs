//! Where Redis is: the forms `ANNALOCK_REDIS_URL` may have.

use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use std::time::Duration;

/// Why an address cannot be used. Names no part of the address: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme is none of ours.
    #[error("the Redis address must begin with redis://, rediss://, redis+cluster://, rediss+cluster://, redis+sentinel:// or rediss+sentinel://")]
    Scheme,
    /// There is no host in it.
    #[error("the Redis address names no host")]
    NoHost,
    /// A sentinel address does not say which group of servers is meant.
    #[error("the sentinel address must name the service: redis+sentinel://host:26379,host:26379/service")]
    NoService,
    /// A parameter that is not known here.
    #[error("the Redis address has a parameter that is not known: {0}")]
    Parameter(String),
    /// The client library did not take it.
    #[error("the Redis address cannot be used: {0}")]
    Unusable(&'static str),
}

/// A kind of installation with what it takes to connect to it.
pub(crate) enum Address {
    /// One server.
    Single(Client),
    /// A cluster: its client, and a client for each node named (for subscriptions, which any node serves).
    Cluster(Box<ClusterClient>, Vec<Client>),
    /// Whichever server the sentinels call master.
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
}

/// How long a connection may take to come about.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long Redis may take to answer.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_millis(500);

struct Parts<'a> {
    tls: bool,
    /// `user:password@`, still encoded, or nothing.
    login: &'a str,
    hosts: Vec<(&'a str, Option<&'a str>)>,
    path: &'a str,
    query: Vec<(&'a str, &'a str)>,
}

impl Address {
    /// Reads an address, without connecting.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(AddressError::Scheme)?;
        match scheme {
            "redis" | "rediss" => {
                Client::open(url.trim()).map(Self::Single).map_err(|_| AddressError::Unusable("not a valid URL"))
            }
            "redis+cluster" | "rediss+cluster" => cluster(&Parts::of(rest, scheme.starts_with("rediss"))?),
            "redis+sentinel" | "rediss+sentinel" => sentinel(&Parts::of(rest, scheme.starts_with("rediss"))?),
            _ => Err(AddressError::Scheme),
        }
    }
}

impl<'a> Parts<'a> {
    fn of(rest: &'a str, tls: bool) -> Result<Self, AddressError> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (login, hosts) = authority.split_at(authority.rfind('@').map_or(0, |at| at + 1));
        let hosts: Vec<_> = hosts.split(',').filter(|h| !h.is_empty()).map(host_and_port).collect();
        if hosts.is_empty() {
            return Err(AddressError::NoHost);
        }
        let query = query.split('&').filter(|p| !p.is_empty()).map(|p| p.split_once('=').unwrap_or((p, ""))).collect();
        Ok(Self { tls, login, hosts, path, query })
    }

    /// Connection data of one host; user and password are decoded by the client library.
    fn info(&self, (host, port): (&str, Option<&str>), default_port: &str) -> Result<ConnectionInfo, AddressError> {
        let scheme = if self.tls { "rediss" } else { "redis" };
        format!("{scheme}://{}{host}:{}/", self.login, port.unwrap_or(default_port))
            .into_connection_info()
            .map_err(|_| AddressError::Unusable("a host, port, user or password is malformed"))
    }

    fn infos(&self, default_port: &str) -> Result<Vec<ConnectionInfo>, AddressError> {
        self.hosts.iter().map(|host| self.info(*host, default_port)).collect()
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    }
}

fn cluster(parts: &Parts<'_>) -> Result<Address, AddressError> {
    if let Some((name, _)) = parts.query.first() {
        return Err(AddressError::Parameter((*name).to_owned()));
    }
    if !parts.path.is_empty() {
        return Err(AddressError::Unusable("a cluster has no numbered databases"));
    }
    let nodes = parts.infos("6379")?;
    let unusable = |_| AddressError::Unusable("the cluster's nodes cannot be named so");
    let client = ClusterClient::builder(nodes.clone())
        .connection_timeout(CONNECT_WITHIN)
        .response_timeout(ANSWER_WITHIN)
        .retries(2)
        .max_retry_wait(100)
        .build()
        .map_err(unusable)?;
    let nodes = nodes.into_iter().map(Client::open).collect::<Result<_, _>>().map_err(unusable)?;
    Ok(Address::Cluster(Box::new(client), nodes))
}

/// `user:password@` is for the servers; `sentinel_user` and `sentinel_password` are for the sentinels, if they want any.
fn sentinel(parts: &Parts<'_>) -> Result<Address, AddressError> {
    let (service, db) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if service.is_empty() {
        return Err(AddressError::NoService);
    }
    let infos = parts.infos("26379")?;
    let unusable = |_| AddressError::Unusable("the sentinels cannot be named so");
    let addresses: Vec<ConnectionAddr> = infos.iter().map(|info| info.addr().clone()).collect();
    let mut builder =
        SentinelClientBuilder::new(addresses, service, SentinelServerType::Master).map_err(unusable)?;
    if parts.tls {
        builder = builder.set_client_to_redis_tls_mode(TlsMode::Secure).set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if !db.is_empty() {
        let db = db.parse().map_err(|_| AddressError::Unusable("the database is not a number"))?;
        builder = builder.set_client_to_redis_db(db);
    }
    if let Some(user) = infos[0].redis_settings().username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = infos[0].redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    for (name, value) in &parts.query {
        builder = match *name {
            "sentinel_user" => builder.set_client_to_sentinel_username(value),
            "sentinel_password" => builder.set_client_to_sentinel_password(value),
            other => return Err(AddressError::Parameter(other.to_owned())),
        };
    }
    let client = builder.build().map_err(unusable)?;
    Ok(Address::Sentinel(Box::new(tokio::sync::Mutex::new(client))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_told_from_the_others() {
        assert!(matches!(Address::parse("redis://h"), Ok(Address::Single(_))));
        assert!(matches!(Address::parse("rediss://:p%40ss@h:6380/2"), Ok(Address::Single(_))));
        assert!(matches!(Address::parse("redis+cluster://u:p@a:1,b,[::1]:3"), Ok(Address::Cluster(_, n)) if n.len() == 3));
        assert!(matches!(Address::parse("redis+sentinel://a,b:2/main/1?sentinel_password=s"), Ok(Address::Sentinel(_))));
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_password() {
        let wrong = [
            ("http://u:secret@h", AddressError::Scheme),
            ("secret", AddressError::Scheme),
            ("redis+cluster://u:secret@", AddressError::NoHost),
            ("redis+sentinel://u:secret@h", AddressError::NoService),
            ("redis+cluster://u:secret@h?x=1", AddressError::Parameter("x".to_owned())),
            ("redis+cluster://u:secret@h/3", AddressError::Unusable("a cluster has no numbered databases")),
        ];
        for (url, expected) in wrong {
            let error = Address::parse(url).err().unwrap();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("secret"));
        }
        for url in ["redis://u:secret@h:notaport", "redis+cluster://u:secret@h:notaport", "redis+sentinel://u:secret@h:99999/m"] {
            let error = Address::parse(url).err().unwrap();
            assert!(matches!(error, AddressError::Unusable(_)) && !error.to_string().contains("secret"));
        }
    }

    #[test]
    fn hosts_ports_and_addresses_of_version_6_are_taken_apart() {
        assert_eq!(host_and_port("a"), ("a", None));
        assert_eq!(host_and_port("a:1"), ("a", Some("1")));
        assert_eq!(host_and_port("[::1]"), ("[::1]", None));
        assert_eq!(host_and_port("[::1]:1"), ("[::1]", Some("1")));
    }
}
