//! A private Postgres cluster for the tests of one binary: on a unix socket, in a temporary folder, stopped at the end.

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, Weak};
use std::time::{Duration, Instant};

pub struct Cluster {
    folder: tempfile::TempDir,
    server: Child,
    databases: Mutex<u32>,
}

static SHARED: Mutex<Weak<Cluster>> = Mutex::new(Weak::new());

impl Cluster {
    /// The cluster of this process, started by whoever asks first and stopped when the last one lets go of it.
    pub fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        shared.upgrade().unwrap_or_else(|| {
            let cluster = Arc::new(Self::start());
            *shared = Arc::downgrade(&cluster);
            cluster
        })
    }

    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (data, socket) = (folder.path().join("data"), folder.path().join("s"));
        for path in [&data, &socket] {
            std::fs::create_dir(path).unwrap();
            if let Some((uid, gid)) = unprivileged() {
                chown(path, Some(uid), Some(gid)).unwrap();
            }
        }
        let initdb = tool("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", "postgres", "-A", "trust", "-E", "UTF8", "-N"])
            .output();
        let initdb = initdb.unwrap();
        assert!(initdb.status.success(), "{}", String::from_utf8_lossy(&initdb.stderr));
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let server = tool("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&socket)
            .args(["-c", "listen_addresses=", "-c", "fsync=off", "-c", "max_connections=60"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            folder,
            server,
            databases: Mutex::new(0),
        }
    }

    fn options(&self, database: &str) -> PgConnectOptions {
        PgConnectOptions::new()
            .host(self.folder.path().join("s").to_str().unwrap())
            .username("postgres")
            .database(database)
    }

    /// A new empty database.
    pub async fn database(&self) -> PgPool {
        let name = {
            let mut count = self.databases.lock().unwrap();
            *count += 1;
            format!("t{count}")
        };
        let deadline = Instant::now() + Duration::from_secs(30);
        let admin = loop {
            match PgPoolOptions::new()
                .max_connections(1)
                .connect_with(self.options("postgres"))
                .await
            {
                Ok(pool) => break pool,
                Err(e) => assert!(Instant::now() < deadline, "the cluster does not answer: {e}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("create database {name}")))
            .execute(&admin)
            .await
            .unwrap();
        admin.close().await;
        PgPoolOptions::new()
            .max_connections(8)
            .connect_with(self.options(&name))
            .await
            .unwrap()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let stopped = tool("pg_ctl")
            .args(["stop", "-m", "immediate", "-D"])
            .arg(data)
            .output();
        if !stopped.is_ok_and(|out| out.status.success()) {
            let _gone_already = self.server.kill();
        }
        let _status = self.server.wait();
    }
}

/// Postgres refuses to run as root: then the user `postgres` does.
fn unprivileged() -> Option<(u32, u32)> {
    let id = Command::new("id").arg("-u").output().unwrap();
    if id.stdout != b"0\n" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<&str> = users
        .lines()
        .find(|l| l.starts_with("postgres:"))
        .expect("a user postgres")
        .split(':')
        .collect();
    Some((fields[2].parse().unwrap(), fields[3].parse().unwrap()))
}

fn tool(name: &str) -> Command {
    let mut command = Command::new(bin().join(name));
    command.current_dir("/").stdin(Stdio::null());
    if let Some((uid, gid)) = unprivileged() {
        command.uid(uid).gid(gid);
    }
    command
}

/// Where Debian keeps the newest Postgres; else the search path decides.
fn bin() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter_map(|v| v.file_name().to_str()?.parse::<u32>().ok())
        .max();
    newest.map_or_else(PathBuf::new, |v| {
        Path::new("/usr/lib/postgresql").join(v.to_string()).join("bin")
    })
}
