//! What is reached over a connection: database, Redis, mail server.

use super::Finding;
use crate::clock::SystemClock;
use crate::config::Config;
use commands::ports::Clock;
use private_postgres::{Layout, MIN_MAJOR, candidates, cluster_major};
use sqlx::{Connection, PgConnection, Row};
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;
use url::Url;

/// Each answer takes at most this.
const PATIENCE: Duration = Duration::from_secs(5);
/// The database's clock may differ by this many milliseconds.
const CLOCK_SKEW_MS: i64 = 5_000;

pub(super) async fn database(config: &Config) -> Vec<Finding> {
    if let Some(url) = &config.database_url {
        return connection(url.expose()).await;
    }
    let layout = Layout::of(&config.data_dir.join("postgres"));
    let mut findings = vec![binaries(config, &layout)];
    if layout.has_socket() {
        findings.extend(connection(&layout.url()).await);
    } else {
        findings.push(Finding::skip("database", "the private PostgreSQL does not run now"));
    }
    findings
}

fn binaries(config: &Config, layout: &Layout) -> Finding {
    let found = candidates(config.postgres_bin.as_deref());
    let wanted = cluster_major(&layout.cluster);
    let usable = found
        .iter()
        .find(|b| wanted.map_or(b.major >= MIN_MAJOR, |w| b.major == w));
    match (usable, wanted) {
        (Some(b), _) => Finding::ok("postgres programs", format!("{} in {}", b.version, b.folder.display())),
        (None, Some(w)) => Finding::fail(
            "postgres programs",
            format!("the data needs PostgreSQL {w}: install postgresql-{w}"),
        ),
        (None, None) => {
            let text = format!("none found; install postgresql ({MIN_MAJOR} or newer) or set ANNALOCK_DATABASE_URL");
            Finding::fail("postgres programs", text)
        }
    }
}

async fn connection(url: &str) -> Vec<Finding> {
    let mut db = match timeout(PATIENCE, PgConnection::connect(url)).await {
        Err(_) => return vec![Finding::fail("database", "it does not answer in time")],
        Ok(Err(e)) => return vec![Finding::fail("database", format!("it cannot be reached: {e}"))],
        Ok(Ok(db)) => db,
    };
    let mut findings = vec![
        version(&mut db)
            .await
            .unwrap_or_else(|e| Finding::fail("database", e.to_string())),
    ];
    findings.push(
        migrations(&mut db)
            .await
            .unwrap_or_else(|e| Finding::fail("migrations", e.to_string())),
    );
    findings.push(
        skew(&mut db)
            .await
            .unwrap_or_else(|e| Finding::fail("database clock", e.to_string())),
    );
    let _ = db.close().await; // all questions are answered
    findings
}

async fn version(db: &mut PgConnection) -> sqlx::Result<Finding> {
    let sql = "SELECT current_setting('server_version'), current_setting('server_version_num')::int, \
               current_setting('fsync'), current_setting('full_page_writes')";
    let row = sqlx::query(sql).fetch_one(db).await?;
    let (version, number): (String, i32) = (row.try_get(0)?, row.try_get(1)?);
    let (fsync, pages): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    if number < i32::try_from(MIN_MAJOR).unwrap_or(i32::MAX) * 10_000 {
        return Ok(Finding::fail(
            "database",
            format!("PostgreSQL {version} is too old: {MIN_MAJOR} or newer is needed"),
        ));
    }
    if fsync != "on" || pages != "on" {
        let text =
            format!("PostgreSQL {version} runs with fsync {fsync}, full_page_writes {pages}: a crash loses history");
        return Ok(Finding::fail("database", text));
    }
    Ok(Finding::ok("database", format!("PostgreSQL {version}")))
}

/// Every migration table of ours, whatever its schema.
async fn migrations(db: &mut PgConnection) -> sqlx::Result<Finding> {
    let sql = "SELECT quote_ident(schemaname) || '.' || quote_ident(tablename) FROM pg_tables \
               WHERE tablename LIKE '%sqlx\\_migrations' ORDER BY 1";
    let tables: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *db).await?;
    if tables.is_empty() {
        return Ok(Finding::warn(
            "migrations",
            "none has run yet; they run at the next start",
        ));
    }
    let (mut done, mut broken) = (0, Vec::new());
    for table in tables {
        // The name was quoted by the database itself.
        let sql = sqlx::AssertSqlSafe(format!("SELECT version, success FROM {table} ORDER BY version"));
        for row in sqlx::query(sql).fetch_all(&mut *db).await? {
            let (version, success): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
            if success {
                done += 1
            } else {
                broken.push(format!("{table} {version}"))
            }
        }
    }
    Ok(match broken.is_empty() {
        true => Finding::ok("migrations", format!("{done} done")),
        false => Finding::fail("migrations", format!("unfinished: {}", broken.join(", "))),
    })
}

async fn skew(db: &mut PgConnection) -> sqlx::Result<Finding> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint";
    let theirs: i64 = sqlx::query_scalar(sql).fetch_one(db).await?;
    let apart = (SystemClock.now().0 - theirs).abs();
    let text = format!("{apart} ms from ours");
    Ok(if apart > CLOCK_SKEW_MS {
        Finding::warn("database clock", text)
    } else {
        Finding::ok("database clock", text)
    })
}

pub(super) async fn redis(config: &Config) -> Finding {
    let Some(url) = &config.redis_url else {
        return Finding::skip("redis", "in this process");
    };
    if url.scheme().contains("unix") {
        let path = url.url().path();
        return match tokio::net::UnixStream::connect(path).await {
            Ok(_) => Finding::ok("redis", format!("{path} answers")),
            Err(e) => Finding::fail("redis", format!("{path}: {e}")),
        };
    }
    match connect(url.url(), 6379).await {
        Ok((_, place)) => Finding::ok("redis", format!("{place} accepts connections")),
        Err(e) => Finding::fail("redis", e),
    }
}

pub(super) async fn smtp(config: &Config) -> Finding {
    let Some(url) = &config.smtp_url else {
        return Finding::skip("smtp", "mails become files in the data folder");
    };
    let encrypted = url.scheme() == "smtps";
    let (mut stream, place) = match connect(url.url(), if encrypted { 465 } else { 587 }).await {
        Ok(connected) => connected,
        Err(e) => return Finding::fail("smtp", e),
    };
    if encrypted {
        return Finding::ok("smtp", format!("{place} accepts connections"));
    }
    let mut greeting = [0; 3];
    match timeout(PATIENCE, stream.read_exact(&mut greeting)).await {
        Ok(Ok(_)) if greeting == *b"220" => Finding::ok("smtp", format!("{place} greets")),
        Ok(Ok(_)) => Finding::fail("smtp", format!("{place} does not speak SMTP")),
        Ok(Err(e)) => Finding::fail("smtp", format!("{place}: {e}")),
        Err(_) => Finding::fail("smtp", format!("{place} accepts connections but does not greet")),
    }
}

async fn connect(url: &Url, port: u16) -> Result<(TcpStream, String), String> {
    let host = url.host_str().unwrap_or("localhost").trim_matches(['[', ']']);
    let port = url.port().unwrap_or(port);
    let place = format!("{host}:{port}");
    match timeout(PATIENCE, TcpStream::connect((host, port))).await {
        Ok(Ok(stream)) => Ok((stream, place)),
        Ok(Err(e)) => Err(format!("{place}: {e}")),
        Err(_) => Err(format!("{place} does not answer in time")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    fn config(name: &str, value: String) -> Config {
        let machine = crate::config::Machine {
            root: false,
            cwd: std::env::temp_dir(),
            file: None,
            files: &crate::config::source::RealFiles,
        };
        Config::load([(name.to_owned(), value)], &machine).unwrap()
    }

    #[tokio::test]
    async fn a_mail_server_is_known_by_its_greeting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("smtp://{}", listener.local_addr().unwrap());
        let server = tokio::spawn(async move {
            for greeting in ["220 mail ready\r\n", "HTTP/1.1 400 Bad Request\r\n"] {
                let (mut stream, _) = listener.accept().await.unwrap();
                stream.write_all(greeting.as_bytes()).await.unwrap();
            }
        });
        let config = config("ANNALOCK_SMTP_URL", url);
        assert_eq!(smtp(&config).await.status, Status::Ok);
        assert_eq!(smtp(&config).await.status, Status::Fail);
        server.await.unwrap();
        assert_eq!(smtp(&config).await.status, Status::Fail, "nobody listens any more");
    }

    #[tokio::test]
    async fn a_database_that_is_not_there_is_a_finding_and_no_crash() {
        let config = config("ANNALOCK_DATABASE_URL", "postgres://u:hush@127.0.0.1:1/db".into());
        let findings = database(&config).await;
        assert_eq!((findings.len(), findings[0].status), (1, Status::Fail));
        assert!(!findings[0].detail.contains("hush"));
    }
}
