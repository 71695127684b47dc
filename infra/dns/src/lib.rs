//! Looking up TXT records, by the resolver of a setting or those of the system.

use async_trait::async_trait;
use commands::ports::{TxtError, TxtRecords};
use domain::organization::claim::DomainName;
use hickory_resolver::{
    TokioResolver,
    config::{ConnectionConfig, NameServerConfig, ResolverConfig},
    net::{NetError, runtime::TokioRuntimeProvider},
    proto::rr::RData,
};
use std::{net::SocketAddr, time::Duration};

/// How long a resolver may take for an answer, each of the two times it is asked.
const PATIENCE: Duration = Duration::from_secs(4);

/// A resolver cannot be used.
#[derive(Debug, thiserror::Error)]
#[error("the resolver of names: {0}")]
pub struct NoResolver(NetError);

/// [`TxtRecords`] over UDP, and TCP where an answer is long. Nothing is remembered: who asks has just changed a record.
#[derive(Clone)]
pub struct Resolver(TokioResolver);

impl Resolver {
    /// One that asks `server`, or those of `/etc/resolv.conf`.
    ///
    /// # Errors
    /// [`NoResolver`], if there is none.
    pub fn new(server: Option<SocketAddr>) -> Result<Self, NoResolver> {
        let mut builder = match server {
            None => TokioResolver::builder_tokio().map_err(NoResolver)?,
            Some(server) => {
                let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()];
                let at = |mut connection: ConnectionConfig| {
                    connection.port = server.port();
                    connection
                };
                let server = NameServerConfig::new(server.ip(), true, connections.map(at).to_vec());
                let config = ResolverConfig::from_parts(None, vec![], vec![server]);
                TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            }
        };
        let options = builder.options_mut();
        options.timeout = PATIENCE;
        options.attempts = 1;
        options.cache_size = 0;
        Ok(Self(builder.build().map_err(NoResolver)?))
    }
}

#[async_trait]
impl TxtRecords for Resolver {
    async fn txt(&self, name: &DomainName) -> Result<Vec<String>, TxtError> {
        // with a dot at its end it is the whole name, and nothing is put behind it
        let found = match self.0.txt_lookup(format!("{name}.")).await {
            Ok(found) => found,
            Err(error) if error.is_no_records_found() => return Ok(Vec::new()),
            Err(error) => return Err(TxtError(error.to_string())),
        };
        let texts = found.answers().iter().filter_map(|record| match &record.data {
            RData::TXT(txt) => Some(String::from_utf8_lossy(&txt.txt_data.concat()).into_owned()),
            _ => None,
        });
        Ok(texts.collect())
    }
}
