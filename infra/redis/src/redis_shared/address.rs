//! Where Redis is: the forms `ANNALOCK_REDIS_URL` may have.

use percent_encoding::percent_decode_str;
use redis::{
    Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates, TlsMode,
    cluster::ClusterClient,
    sentinel::{SentinelClient, SentinelClientBuilder, SentinelServerType},
};
use std::time::Duration;

/// Why an address cannot be used. Names no part of the address: it may hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// The scheme is none of ours.
    #[error(
        "the Redis address must begin with redis://, rediss://, redis+cluster://, rediss+cluster://, redis+sentinel:// or rediss+sentinel://"
    )]
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
    /// The certificate authority cannot be read.
    #[error("the certificate authority of Redis (ca) cannot be read: {0}")]
    Ca(std::io::ErrorKind),
    /// The client library did not take it.
    #[error("the Redis address cannot be used: {0}")]
    Unusable(&'static str),
}

/// A kind of installation with what it takes to connect to it.
pub(crate) enum Address {
    /// One server.
    Single(Box<Client>),
    /// A cluster: its client, and a client for each node named (for subscriptions, which any node serves).
    Cluster(Box<ClusterClient>, Vec<Client>),
    /// Whichever server the sentinels call master.
    Sentinel(Box<tokio::sync::Mutex<SentinelClient>>),
}

/// How long a connection may take to come about.
pub(crate) const CONNECT_WITHIN: Duration = Duration::from_secs(1);
/// How long Redis may take to answer.
pub(crate) const ANSWER_WITHIN: Duration = Duration::from_millis(500);

/// An address, taken apart.
struct Parts<'a> {
    tls: bool,
    /// `user:password@`, still encoded, or nothing.
    login: &'a str,
    hosts: Vec<(&'a str, Option<&'a str>)>,
    path: &'a str,
    /// Who vouches for the servers, if not the roots of the system (parameter `ca`, a PEM file).
    certificates: Option<TlsCertificates>,
    /// Further parameters, decoded.
    parameters: Vec<(&'a str, String)>,
}

impl Address {
    /// Reads an address, without connecting.
    pub(crate) fn parse(url: &str) -> Result<Self, AddressError> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(AddressError::Scheme)?;
        let kind = scheme.strip_prefix("rediss").or_else(|| scheme.strip_prefix("redis"));
        let read = match kind {
            Some("") => single,
            Some("+cluster") => cluster,
            Some("+sentinel") => sentinel,
            _ => return Err(AddressError::Scheme),
        };
        read(&Parts::of(rest, scheme.starts_with("rediss"))?)
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
        let (mut certificates, mut parameters) = (None, Vec::new());
        for parameter in query.split('&').filter(|p| !p.is_empty()) {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            if name == "ca" && tls {
                let root_cert = Some(std::fs::read(value).map_err(|error| AddressError::Ca(error.kind()))?);
                certificates = Some(TlsCertificates {
                    client_tls: None,
                    root_cert,
                });
            } else {
                parameters.push((name, value));
            }
        }
        Ok(Self {
            tls,
            login,
            hosts,
            path,
            certificates,
            parameters,
        })
    }

    /// Connection data of each host; user and password are decoded by the client library.
    fn infos(&self, default_port: &str, database: &str) -> Result<Vec<ConnectionInfo>, AddressError> {
        let scheme = if self.tls { "rediss" } else { "redis" };
        let info = |(host, port): &(&str, Option<&str>)| {
            format!(
                "{scheme}://{}{host}:{}/{database}",
                self.login,
                port.unwrap_or(default_port)
            )
            .into_connection_info()
            .map_err(|_| AddressError::Unusable("a host, port, user, password or database is malformed"))
        };
        self.hosts.iter().map(info).collect()
    }

    fn client(&self, info: ConnectionInfo) -> Result<Client, AddressError> {
        let made = match &self.certificates {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        };
        made.map_err(|_| AddressError::Unusable("not something to connect to"))
    }

    fn no_parameters(&self) -> Result<(), AddressError> {
        match self.parameters.first() {
            Some((name, _)) => Err(AddressError::Parameter((*name).to_owned())),
            None => Ok(()),
        }
    }
}

/// `host`, `host:port`, `[v6]`, `[v6]:port`.
fn host_and_port(text: &str) -> (&str, Option<&str>) {
    match text.rfind(':') {
        Some(colon) if !text[colon..].contains(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    }
}

fn single(parts: &Parts<'_>) -> Result<Address, AddressError> {
    parts.no_parameters()?;
    let mut infos = parts.infos("6379", parts.path)?;
    match (infos.pop(), infos.is_empty()) {
        (Some(info), true) => Ok(Address::Single(Box::new(parts.client(info)?))),
        _ => Err(AddressError::Unusable(
            "several hosts are a cluster or sentinels: say which",
        )),
    }
}

fn cluster(parts: &Parts<'_>) -> Result<Address, AddressError> {
    parts.no_parameters()?;
    if !parts.path.is_empty() {
        return Err(AddressError::Unusable("a cluster has no numbered databases"));
    }
    let nodes = parts.infos("6379", "")?;
    let mut builder = ClusterClient::builder(nodes.clone())
        .connection_timeout(CONNECT_WITHIN)
        .response_timeout(ANSWER_WITHIN)
        .retries(2)
        .max_retry_wait(100);
    if let Some(certificates) = &parts.certificates {
        builder = builder.certs(certificates.clone());
    }
    let client = builder
        .build()
        .map_err(|_| AddressError::Unusable("the cluster's nodes cannot be named so"))?;
    let nodes = nodes
        .into_iter()
        .map(|node| parts.client(node))
        .collect::<Result<_, _>>()?;
    Ok(Address::Cluster(Box::new(client), nodes))
}

/// `user:password@` is for the servers; `sentinel_user` and `sentinel_password` are for the sentinels, if they want any.
fn sentinel(parts: &Parts<'_>) -> Result<Address, AddressError> {
    let (service, db) = parts.path.split_once('/').unwrap_or((parts.path, ""));
    if service.is_empty() {
        return Err(AddressError::NoService);
    }
    let infos = parts.infos("26379", "")?;
    let unusable = |_| AddressError::Unusable("the sentinels cannot be named so");
    let addresses: Vec<ConnectionAddr> = infos.iter().map(|info| info.addr().clone()).collect();
    let mut builder = SentinelClientBuilder::new(addresses, service, SentinelServerType::Master).map_err(unusable)?;
    if parts.tls {
        builder = builder
            .set_client_to_redis_tls_mode(TlsMode::Secure)
            .set_client_to_sentinel_tls_mode(TlsMode::Secure);
    }
    if let Some(certificates) = &parts.certificates {
        builder = builder
            .set_client_to_redis_certificates(certificates.clone())
            .set_client_to_sentinel_certificates(certificates.clone());
    }
    if !db.is_empty() {
        let db = db
            .parse()
            .map_err(|_| AddressError::Unusable("the database is not a number"))?;
        builder = builder.set_client_to_redis_db(db);
    }
    if let Some(user) = infos[0].redis_settings().username() {
        builder = builder.set_client_to_redis_username(user);
    }
    if let Some(password) = infos[0].redis_settings().password() {
        builder = builder.set_client_to_redis_password(password);
    }
    for (name, value) in &parts.parameters {
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
        assert!(matches!(
            Address::parse("rediss://:p%40ss@h:6380/2"),
            Ok(Address::Single(_))
        ));
        assert!(
            matches!(Address::parse("redis+cluster://u:p@a:1,b,[::1]:3"), Ok(Address::Cluster(_, n)) if n.len() == 3)
        );
        assert!(matches!(
            Address::parse("redis+sentinel://a,b:2/main/1?sentinel_password=s"),
            Ok(Address::Sentinel(_))
        ));
    }

    #[test]
    fn what_is_wrong_is_said_without_repeating_the_password() {
        let wrong = [
            ("http://u:secret@h", AddressError::Scheme),
            ("secret", AddressError::Scheme),
            ("redis+cluster://u:secret@", AddressError::NoHost),
            ("redis+sentinel://u:secret@h", AddressError::NoService),
            (
                "redis+cluster://u:secret@h?x=1",
                AddressError::Parameter("x".to_owned()),
            ),
            (
                "redis+cluster://u:secret@h/3",
                AddressError::Unusable("a cluster has no numbered databases"),
            ),
        ];
        for (url, expected) in wrong {
            let error = Address::parse(url).err().unwrap();
            assert_eq!(error, expected);
            assert!(!error.to_string().contains("secret"));
        }
        for url in [
            "redis://u:secret@h:notaport",
            "redis+cluster://u:secret@h:notaport",
            "redis+sentinel://u:secret@h:99999/m",
        ] {
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
