//! What the machine can do by other means: files from nginx, rows by `pgbench`, rows by COPY.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use sqlx::Connection as _;
use tests::cluster::{Cluster, Durability, TestDatabase, binary};

use crate::load::quantile;

/// Bytes of a row: what an event of an item takes.
const ROW_BYTES: usize = 806;

/// `pgbench` counts the time in which it connects: with 256 clients and a busy machine more than a second.
const LEAST_SECONDS: u64 = 3;

/// Starts nginx beside a shell that stops it when the pipe closes, however the benchmark ends.
const UNTIL_CLOSED: &str =
    r#"nginx -p "$0" -c "$0/nginx.conf" 2> "$0/error.log" & cat > /dev/null; kill -TERM $!; wait"#;

/// An nginx that serves files of a folder of its own.
pub struct Nginx {
    pub address: String,
    folder: tempfile::TempDir,
    shell: Child,
}

impl Nginx {
    /// `None` where nginx is not installed.
    pub fn start() -> Result<Option<Self>> {
        if Command::new("nginx").arg("-v").stderr(Stdio::null()).status().is_err() {
            return Ok(None);
        }
        let folder = tests::place::folder("nginx");
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
        std::fs::write(folder.path().join("nginx.conf"), config(folder.path(), &address))?;
        let shell = Command::new("sh")
            .args(["-c", UNTIL_CLOSED])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .spawn()?;
        let nginx = Self { address, folder, shell };
        let started = Instant::now();
        while std::net::TcpStream::connect(&nginx.address).is_err() {
            if started.elapsed() > Duration::from_secs(10) {
                let log = std::fs::read_to_string(nginx.folder.path().join("error.log"));
                bail!("nginx does not start: {}", log.unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(Some(nginx))
    }

    /// Serves `bytes` as `/name`.
    pub fn put(&self, name: &str, bytes: &str) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), bytes)?)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        drop(self.shell.stdin.take());
        let _ = self.shell.wait();
    }
}

fn config(folder: &Path, address: &str) -> String {
    let folder = folder.display();
    let temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .map(|kind| format!("{kind}_temp_path {folder}/{kind};"))
        .join(" ");
    format!(
        "daemon off; worker_processes 2; pid {folder}/pid; error_log {folder}/error.log;\n\
         events {{ worker_connections 1024; }}\n\
         http {{ {temporary} access_log off; sendfile on; tcp_nopush on; default_type application/json;\n\
         keepalive_requests 1000000000; keepalive_timeout 1h;\n\
         server {{ listen {address}; root {folder}; }} }}\n"
    )
}

/// A PostgreSQL with durable commits that nothing else uses.
pub struct Rows {
    database: TestDatabase,
    folder: tempfile::TempDir,
    _cluster: Cluster,
}

/// Durable inserts of one row each.
#[derive(Debug, Clone, Copy)]
pub struct Inserts {
    pub per_second: f64,
    pub p99_ms: Option<f64>,
}

impl Rows {
    /// Makes the cluster.
    pub async fn start() -> Result<Self> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::start(Durability::Full)).await?;
        let database = cluster.database().await;
        sqlx::query("create table item (id bigserial primary key, stream uuid not null, data bytea not null)")
            .execute(&database.pool)
            .await?;
        let folder = tests::place::folder("pgbench");
        let data = "ab".repeat(ROW_BYTES);
        let script = format!("insert into item (stream, data) values (gen_random_uuid(), '\\x{data}');\n");
        std::fs::write(folder.path().join("insert.sql"), script)?;
        Ok(Self {
            database,
            folder,
            _cluster: cluster,
        })
    }

    /// `pgbench` with this many clients.
    pub async fn inserts(&self, clients: usize, duration: Duration) -> Result<Inserts> {
        let prefix = self.folder.path().join(format!("log-{clients}"));
        let mut command = Command::new(binary("pgbench"));
        command
            .args(["-n", "-M", "prepared", "-j", "1", "-l", "-f"])
            .arg(self.folder.path().join("insert.sql"))
            .arg("--log-prefix")
            .arg(&prefix)
            .args([
                "-c",
                &clients.to_string(),
                "-T",
                &duration.as_secs().max(LEAST_SECONDS).to_string(),
            ])
            .arg(&self.database.url);
        let output = tokio::task::spawn_blocking(move || command.output()).await??;
        let said = String::from_utf8_lossy(&output.stdout);
        if !output.status.success() {
            bail!("pgbench failed: {}", String::from_utf8_lossy(&output.stderr));
        }
        let rate = said
            .lines()
            .find_map(|line| line.strip_prefix("tps = ")?.split(' ').next()?.parse().ok());
        Ok(Inserts {
            per_second: rate.context("pgbench did not say a rate")?,
            p99_ms: self.p99_of(&format!("log-{clients}."))?,
        })
    }

    /// From the log with a line for each transaction, the third field of which are microseconds.
    fn p99_of(&self, prefix: &str) -> Result<Option<f64>> {
        let mut micros = Vec::new();
        for entry in std::fs::read_dir(self.folder.path())?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(prefix) {
                for line in BufReader::new(std::fs::File::open(entry.path())?).lines() {
                    micros.extend(line?.split(' ').nth(2).and_then(|field| field.parse::<u32>().ok()));
                }
                std::fs::remove_file(entry.path())?;
            }
        }
        micros.sort_unstable();
        Ok(quantile(&micros, 0.99))
    }

    /// Rows for each second by one COPY of `rows` rows into a table with a primary key.
    pub async fn copy(&self, rows: usize) -> Result<f64> {
        let mut connection = sqlx::PgConnection::connect(&self.database.url).await?;
        let line = format!(
            "00000000-0000-4000-8000-000000000000\t\\\\x{}\n",
            "ab".repeat(ROW_BYTES)
        );
        let chunk = line.repeat(500);
        let started = Instant::now();
        let mut copy = connection.copy_in_raw("copy item (stream, data) from stdin").await?;
        for _ in 0..rows.div_ceil(500) {
            copy.send(chunk.as_bytes()).await?;
        }
        let copied = copy.finish().await?;
        Ok(copied as f64 / started.elapsed().as_secs_f64())
    }
}
