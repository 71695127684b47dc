//! Settings: one list ([`setting::SETTINGS`]), one order of sources (environment, `annalock.toml`, default), and errors
//! that name the setting and where it was set. Nothing else in the program reads the environment.

pub mod cidr;
mod parse;
pub mod secret;
pub mod setting;
pub mod show;
pub mod source;

use cidr::Cidr;
use secret::{Address, Secret};
use source::{Collector, Files, Source, Values};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
pub use telemetry::LogFormat;
use url::Url;
use write_api::account::Founders;

/// A setting that cannot be used.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// One value.
    #[error("{name} ({origin}): {why}")]
    Value {
        /// The setting.
        name: String,
        /// Where it was set.
        origin: Source,
        /// What is wrong, as a phrase.
        why: String,
    },
    /// A whole file.
    #[error("{path}: {text}", path = .0.display(), text = .1)]
    File(PathBuf, String),
}

impl ConfigError {
    pub(crate) fn value(name: &str, origin: &Source, why: impl Into<String>) -> Self {
        Self::Value {
            name: name.to_owned(),
            origin: origin.clone(),
            why: why.into(),
        }
    }
}

/// Everything that is wrong with the settings, one line each.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigErrors(pub Vec<ConfigError>);

/// Who may register.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signups {
    /// Everyone.
    Open,
    /// Who was invited.
    Invited,
    /// Nobody.
    Closed,
}

/// Whether services also listen one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServicePorts {
    /// No.
    Off,
    /// At this address.
    On(IpAddr),
}

/// Certificate and key the operator brings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    /// Chain, PEM.
    pub cert: PathBuf,
    /// Private key, PEM.
    pub key: PathBuf,
}

/// What the settings depend on beside themselves.
pub struct Machine<'a> {
    /// Whether we run as root.
    pub root: bool,
    /// Working folder: relative paths start here.
    pub cwd: PathBuf,
    /// The file given on the command line, instead of looking for one.
    pub file: Option<PathBuf>,
    /// Access to files.
    pub files: &'a dyn Files,
}

/// All settings, checked. Field by field what [`setting::SETTINGS`] says.
#[derive(Debug, Clone)]
pub struct Config {
    pub data_dir: PathBuf,
    pub public_url: Url,
    pub https_bind: Option<SocketAddr>,
    pub http_bind: Option<SocketAddr>,
    pub tls: Option<TlsFiles>,
    pub ops_bind: Option<SocketAddr>,
    pub service_ports: ServicePorts,
    pub max_connections: u32,
    pub trusted_proxies: Vec<Cidr>,
    /// `None` = the private cluster.
    pub database_url: Option<Address>,
    pub database_connections: u32,
    /// For bodies of `/sync`.
    pub sync_memory_mib: u32,
    pub postgres_bin: Option<PathBuf>,
    /// `None` = the database.
    pub event_store_url: Option<Address>,
    pub redis_url: Option<Address>,
    #[cfg_attr(not(test), expect(dead_code, reason = "checked here; attachments will open it"))]
    pub blob_url: Address,
    pub smtp_url: Option<Address>,
    /// `None` = those of the system.
    pub dns_resolver: Option<SocketAddr>,
    pub signups: Signups,
    pub signups_verify: bool,
    pub founders: Founders,
    pub rate_limits: bool,
    /// How long a request waits for read models that are behind.
    pub read_wait: Duration,
    /// How long tables are kept that a rebuild replaced.
    pub rebuild_grace: Duration,
    pub signing_key: Option<Secret>,
    pub log: String,
    pub log_format: LogFormat,
    /// Raw values and their sources, for `config show`.
    pub values: Values,
    /// What should be told, but does not stop us.
    pub warnings: Vec<String>,
}

impl Config {
    /// Reads and checks everything.
    ///
    /// # Errors
    /// Everything that is wrong, not only the first.
    pub fn load(env: impl IntoIterator<Item = (String, String)>, machine: &Machine<'_>) -> Result<Self, ConfigErrors> {
        let mut from = Collector {
            files: machine.files,
            cwd: &machine.cwd,
            values: Values::new(),
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        from.environment(env);
        let data_dir = collect_files(&mut from, machine);
        let Collector {
            values,
            mut errors,
            warnings,
            ..
        } = from;
        let config = build(data_dir, values, warnings, &machine.cwd, &mut errors);
        match config {
            Some(config) if errors.is_empty() => Ok(config),
            _ => Err(ConfigErrors(errors)),
        }
    }

    /// Reads the settings of this process.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn of_this_process(file: Option<PathBuf>) -> Result<Self, ConfigErrors> {
        let env = std::env::vars_os().filter_map(|(n, v)| Some((n.into_string().ok()?, v.into_string().ok()?)));
        let machine = Machine {
            root: rustix::process::geteuid().is_root(),
            cwd: std::env::current_dir().unwrap_or_default(),
            file,
            files: &source::RealFiles,
        };
        Self::load(env, &machine)
    }

    /// Whether events are kept in KurrentDB.
    pub fn uses_kurrentdb(&self) -> bool {
        self.event_store_url
            .as_ref()
            .is_some_and(|u| u.scheme().starts_with("esdb"))
    }

    /// Host of the public address, without brackets.
    pub fn public_host(&self) -> &str {
        self.public_url
            .host_str()
            .unwrap_or("localhost")
            .trim_matches(['[', ']'])
    }

    /// The public address without a closing `/`.
    pub fn public_address(&self) -> &str {
        self.public_url.as_str().trim_end_matches('/')
    }
}

/// Reads the files; the data folder, which one of them may name, decides where the other is.
fn collect_files(from: &mut Collector<'_>, machine: &Machine<'_>) -> PathBuf {
    let default = if machine.root { "/var/lib/annalock" } else { "data" };
    let data_dir = |values: &Values| {
        let set = values
            .get(setting::DATA_DIR)
            .map(|(v, _)| v.expose())
            .filter(|v| !v.is_empty());
        machine.cwd.join(set.unwrap_or(default))
    };
    if let Some(file) = &machine.file {
        from.toml(&machine.cwd.join(file), true);
        return data_dir(&from.values);
    }
    let here = machine.cwd.join(source::FILE_NAME);
    from.toml(&here, false);
    let dir = data_dir(&from.values);
    let there = dir.join(source::FILE_NAME);
    if there != here {
        from.toml(&there, false);
        if let Some((_, origin)) = from.values.get(setting::DATA_DIR)
            && *origin == Source::Toml(there)
        {
            let why = "the file in the data folder cannot say where the data folder is";
            from.errors.push(ConfigError::value(setting::DATA_DIR, origin, why));
        }
    }
    dir
}

/// Picks values out of what was collected; remembers every refusal.
struct Reader<'a> {
    values: &'a Values,
    errors: &'a mut Vec<ConfigError>,
}

impl Reader<'_> {
    /// The parsed value; `None` when it is not set, empty or refused.
    fn get<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (text, origin) = self.values.get(name)?;
        if text.expose().is_empty() {
            None
        } else {
            self.checked(name, origin, parse(text.expose()))
        }
    }

    /// A listener's address: here empty means off, and only what is not set has the default.
    fn bind(&mut self, name: &str, default: &str) -> Option<SocketAddr> {
        match self.values.get(name) {
            None => default.parse().ok(),
            Some((text, origin)) => self.checked(name, origin, parse::bind(text.expose())).flatten(),
        }
    }

    fn address(&mut self, name: &str, schemes: &[&str]) -> Option<Address> {
        self.get(name, |t| parse::service_url(t, schemes)).map(Address::from)
    }

    fn checked<T>(&mut self, name: &str, origin: &Source, parsed: Result<T, String>) -> Option<T> {
        parsed
            .map_err(|why| self.errors.push(ConfigError::value(name, origin, why)))
            .ok()
    }

    fn origin(&self, name: &str) -> Source {
        self.values
            .get(name)
            .map_or(Source::Default, |(_, origin)| origin.clone())
    }
}

fn build(
    data_dir: PathBuf,
    values: Values,
    warnings: Vec<String>,
    cwd: &Path,
    errors: &mut Vec<ConfigError>,
) -> Option<Config> {
    let mut read = Reader {
        values: &values,
        errors,
    };
    let path = |t: &str| Ok(cwd.join(t));
    let https_bind = read.bind(setting::HTTPS_BIND, "127.0.0.1:8443");
    let http_bind = read.bind(setting::HTTP_BIND, "127.0.0.1:8080");
    let default_url = match (https_bind, http_bind) {
        (Some(bind), _) => format!("https://localhost:{}", bind.port()),
        (None, Some(bind)) => format!("http://localhost:{}", bind.port()),
        (None, None) => "https://localhost:8443".into(),
    };
    let public_url = read
        .get(setting::PUBLIC_URL, parse::public_url)
        .or_else(|| Url::parse(&default_url).ok())?;
    let tls = tls_files(&mut read, cwd);
    let smtp_url = read.address(setting::SMTP_URL, &["smtp", "smtps"]);
    let blobs = Url::from_directory_path(data_dir.join("blobs")).ok();
    let config = Config {
        https_bind,
        http_bind,
        public_url,
        tls,
        ops_bind: read.bind(setting::OPS_BIND, "127.0.0.1:9090"),
        service_ports: read
            .get(setting::SERVICE_PORTS, parse::service_ports)
            .unwrap_or(ServicePorts::Off),
        max_connections: read
            .get(setting::MAX_CONNECTIONS, |t| parse::number(t, 1, 1_000_000))
            .unwrap_or(4096),
        trusted_proxies: read.get(setting::TRUSTED_PROXIES, parse::networks).unwrap_or_default(),
        database_url: read.address(setting::DATABASE_URL, &["postgres", "postgresql"]),
        sync_memory_mib: read
            .get(setting::SYNC_MEMORY, |t| parse::number(t, 1, 1_000_000))
            .unwrap_or(64),
        database_connections: read
            .get(setting::DATABASE_CONNECTIONS, |t| parse::number(t, 4, 1000))
            .unwrap_or(30),
        postgres_bin: read.get(setting::POSTGRES_BIN, path),
        event_store_url: read.address(
            setting::EVENT_STORE_URL,
            &["esdb", "esdb+discover", "postgres", "postgresql"],
        ),
        redis_url: read.address(
            setting::REDIS_URL,
            &[
                "redis",
                "rediss",
                "redis+unix",
                "unix",
                "redis-cluster",
                "rediss-cluster",
                "redis-sentinel",
            ],
        ),
        blob_url: read
            .address(setting::BLOB_URL, &["file", "s3", "az", "gs"])
            .or(blobs.map(Address::from))?,
        signups_verify: read
            .get(setting::SIGNUPS_VERIFY, parse::switch)
            .unwrap_or(smtp_url.is_some()),
        smtp_url,
        dns_resolver: read.get(setting::DNS_RESOLVER, parse::resolver),
        founders: read
            .get(setting::FOUNDERS, parse::founders)
            .unwrap_or(Founders::Anybody),
        signups: read.get(setting::SIGNUPS, parse::signups).unwrap_or(Signups::Open),
        rate_limits: read.get(setting::RATE_LIMITS, parse::switch).unwrap_or(true),
        read_wait: read.get(setting::READ_WAIT, parse::patience).unwrap_or(read_api::WAIT),
        rebuild_grace: read
            .get(setting::REBUILD_GRACE, parse::span)
            .unwrap_or(projections::retired::GRACE),
        signing_key: read.get(setting::SIGNING_KEY, |t| Ok(Secret::new(t))),
        log: read.get(setting::LOG, parse::log).unwrap_or_else(|| "info".into()),
        log_format: read
            .get(setting::LOG_FORMAT, parse::log_format)
            .unwrap_or(LogFormat::Text),
        data_dir,
        warnings,
        values: Values::new(),
    };
    if https_bind.is_none() && http_bind.is_none() && config.service_ports == ServicePorts::Off {
        let origin = read.origin(setting::HTTPS_BIND);
        read.errors.push(ConfigError::value(
            setting::HTTPS_BIND,
            &origin,
            "every listener is off",
        ));
    }
    Some(Config { values, ..config })
}

fn tls_files(read: &mut Reader<'_>, cwd: &Path) -> Option<TlsFiles> {
    let cert = read.get(setting::TLS_CERT, |t| Ok(cwd.join(t)));
    let key = read.get(setting::TLS_KEY, |t| Ok(cwd.join(t)));
    match (cert, key) {
        (Some(cert), Some(key)) => Some(TlsFiles { cert, key }),
        (None, None) => None,
        (set, _) => {
            let (given, missing) = match set {
                Some(_) => (setting::TLS_CERT, setting::TLS_KEY),
                None => (setting::TLS_KEY, setting::TLS_CERT),
            };
            let origin = read.origin(given);
            read.errors.push(ConfigError::value(
                given,
                &origin,
                format!("{missing} must be set as well"),
            ));
            None
        }
    }
}

#[cfg(test)]
mod tests;
