//! The list of settings: names, defaults, what they do. `infra/docs/operating.md` shows the same table (a test compares).

/// What of a value may be shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Show {
    /// All of it.
    Plain,
    /// An address: all but passwords.
    Address,
    /// Nothing but that it is set.
    Nothing,
}

/// One setting.
#[derive(Debug)]
pub struct Setting {
    /// Name of the environment variable and in `annalock.toml`.
    pub name: &'static str,
    /// What holds without it, as text for people.
    pub default: &'static str,
    /// What it does.
    pub about: &'static str,
    /// What `config show` prints of it.
    pub show: Show,
}

const fn plain(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting {
        name,
        default,
        about,
        show: Show::Plain,
    }
}

const fn address(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting {
        name,
        default,
        about,
        show: Show::Address,
    }
}

const fn secret(name: &'static str, default: &'static str, about: &'static str) -> Setting {
    Setting {
        name,
        default,
        about,
        show: Show::Nothing,
    }
}

pub const DATA_DIR: &str = "ANNALOCK_DATA_DIR";
pub const PUBLIC_URL: &str = "ANNALOCK_PUBLIC_URL";
pub const HTTPS_BIND: &str = "ANNALOCK_HTTPS_BIND";
pub const HTTP_BIND: &str = "ANNALOCK_HTTP_BIND";
pub const TLS_CERT: &str = "ANNALOCK_TLS_CERT";
pub const TLS_KEY: &str = "ANNALOCK_TLS_KEY";
pub const OPS_BIND: &str = "ANNALOCK_OPS_BIND";
pub const SERVICE_PORTS: &str = "ANNALOCK_SERVICE_PORTS";
pub const MAX_CONNECTIONS: &str = "ANNALOCK_MAX_CONNECTIONS";
pub const TRUSTED_PROXIES: &str = "ANNALOCK_TRUSTED_PROXIES";
pub const DATABASE_URL: &str = "ANNALOCK_DATABASE_URL";
pub const DATABASE_CONNECTIONS: &str = "ANNALOCK_DATABASE_CONNECTIONS";
pub const SYNC_MEMORY: &str = "ANNALOCK_SYNC_MEMORY";
pub const POSTGRES_BIN: &str = "ANNALOCK_POSTGRES_BIN";
pub const EVENT_STORE_URL: &str = "ANNALOCK_EVENT_STORE_URL";
pub const REDIS_URL: &str = "ANNALOCK_REDIS_URL";
pub const BLOB_URL: &str = "ANNALOCK_BLOB_URL";
pub const SMTP_URL: &str = "ANNALOCK_SMTP_URL";
pub const DNS_RESOLVER: &str = "ANNALOCK_DNS_RESOLVER";
pub const SIGNUPS: &str = "ANNALOCK_SIGNUPS";
pub const FOUNDERS: &str = "ANNALOCK_ORGANIZATIONS";
pub const SIGNUPS_VERIFY: &str = "ANNALOCK_SIGNUPS_VERIFY";
pub const RATE_LIMITS: &str = "ANNALOCK_RATE_LIMITS";
pub const READ_WAIT: &str = "ANNALOCK_READ_WAIT";
pub const REBUILD_GRACE: &str = "ANNALOCK_REBUILD_GRACE";
pub const SIGNING_KEY: &str = "ANNALOCK_SIGNING_KEY";
pub const LOG: &str = "ANNALOCK_LOG";
pub const LOG_FORMAT: &str = "ANNALOCK_LOG_FORMAT";

/// Every setting there is, in the order of the manual.
pub const SETTINGS: &[Setting] = &[
    plain(
        DATA_DIR,
        "`./data`; as root `/var/lib/annalock`",
        "folder of everything that is kept on this machine",
    ),
    plain(
        PUBLIC_URL,
        "`https://localhost:` and the port of `ANNALOCK_HTTPS_BIND`",
        "address at which clients reach the server",
    ),
    plain(
        HTTPS_BIND,
        "`127.0.0.1:8443`",
        "address and port of the https listener; empty = off",
    ),
    plain(
        HTTP_BIND,
        "`127.0.0.1:8080`",
        "address and port of the http listener, for a proxy in front; empty = off",
    ),
    plain(
        TLS_CERT,
        "made by the local CA in the data folder (`tls/ca.pem`)",
        "certificate chain, a PEM file; read again when it changes",
    ),
    plain(
        TLS_KEY,
        "made by the local CA in the data folder",
        "private key of the certificate, a PEM file",
    ),
    plain(
        OPS_BIND,
        "`127.0.0.1:9090`",
        "`/livez`, `/readyz` and `/metrics`, over http; empty = off",
    ),
    plain(
        SERVICE_PORTS,
        "`off`",
        "`on`: each service also listens at its own port of 127.0.0.1, at the root path; an IP address: the same there",
    ),
    plain(
        MAX_CONNECTIONS,
        "`4096`",
        "connections open at once on each listener; further ones wait",
    ),
    plain(
        TRUSTED_PROXIES,
        "none",
        "addresses or networks (`10.0.0.0/8`), with commas, whose `X-Forwarded-For` is believed",
    ),
    address(
        DATABASE_URL,
        "a private PostgreSQL in the data folder",
        "`postgres://user:password@host/database`",
    ),
    plain(
        DATABASE_CONNECTIONS,
        "`30`",
        "connections to the database each process may open",
    ),
    plain(
        SYNC_MEMORY,
        "`64`",
        "MiB of answers to `/sync` in memory, kept or on their way; further ones go out as slowly as clients read them, four at once",
    ),
    plain(
        POSTGRES_BIN,
        "newest found in `/usr/lib/postgresql/*/bin` or on `PATH`",
        "folder with `initdb` and `postgres` for the private PostgreSQL",
    ),
    address(
        EVENT_STORE_URL,
        "the database",
        "`esdb://…`: events are kept in KurrentDB; `postgres://…`: in another database",
    ),
    address(
        REDIS_URL,
        "in this process",
        "`redis://…`; needed as soon as there is more than one process",
    ),
    address(
        BLOB_URL,
        "`blobs` in the data folder",
        "`file://`, `s3://`, `az://` or `gs://`: attachments and files of Sends",
    ),
    address(
        SMTP_URL,
        "mails become files in `outbox` in the data folder",
        "`smtp://user:password@host:587` (STARTTLS) or `smtps://…:465`",
    ),
    plain(
        DNS_RESOLVER,
        "those of `/etc/resolv.conf`",
        "address of the DNS server that is asked for TXT records of claimed domains: `192.0.2.53`, `[2001:db8::53]:5353`",
    ),
    plain(
        SIGNUPS,
        "`open`",
        "who may register: `open`, `invited` (who has an invitation into an organization), `closed`",
    ),
    plain(
        SIGNUPS_VERIFY,
        "`on` with SMTP, else `off`",
        "whether a mail address must be proved before an account is made",
    ),
    plain(
        FOUNDERS,
        "`open`",
        "who may found organizations: `open` (whoever has an account), `off`, or mail addresses with commas",
    ),
    plain(RATE_LIMITS, "`on`", "`off` for load tests"),
    plain(
        READ_WAIT,
        "`5s`",
        "how long a request waits for read models that are behind before it is answered by 503: `2s`, `1m`; `1s` to `5m`",
    ),
    plain(
        REBUILD_GRACE,
        "`1h`",
        "how long the tables a rebuild replaced are kept up to date, to go back to them: `30m`, `2d`; `0` = not at all",
    ),
    secret(
        SIGNING_KEY,
        "made in the data folder (`keys`)",
        "RSA private key that signs access tokens, PEM",
    ),
    plain(LOG, "`info`", "what is logged: a level, or as `info,sqlx=warn`"),
    plain(LOG_FORMAT, "`text`", "`text` or `json`"),
];

/// The setting of that name.
pub fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|s| s.name == name)
}

/// The known name nearest to a misspelt one, if one is near.
pub fn nearest(name: &str) -> Option<&'static str> {
    let name = name.to_ascii_uppercase();
    SETTINGS
        .iter()
        .map(|s| (distance(&name, s.name), s.name))
        .min()
        .filter(|(d, _)| *d <= 3)
        .map(|(_, n)| n)
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut before = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = before + usize::from(x != y);
            before = row[j + 1];
            row[j + 1] = replaced.min(before + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_finds_its_neighbour_and_nonsense_finds_none() {
        assert_eq!(nearest("ANNALOCK_PUBLIC_ULR"), Some(PUBLIC_URL));
        assert_eq!(nearest("annalock_htps_bind"), Some(HTTPS_BIND));
        assert_eq!(nearest("ANNALOCK_SOMETHING_ELSE"), None);
    }
}
