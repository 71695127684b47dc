//! A private Postgres cluster for one test: on a socket in a temporary folder, stopped by its process id.

use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    fs,
    os::unix::{fs::chown, process::CommandExt},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

pub struct Cluster {
    folder: TempDir,
    postgres: Child,
}

impl Cluster {
    pub fn start() -> Self {
        let folder = tempfile::Builder::new().prefix("mail-pg").tempdir().unwrap();
        let owner = unprivileged();
        if let Some((uid, gid)) = owner {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let data = folder.path().join("data");
        let run = |program: &str| {
            let mut command = Command::new(binaries().join(program));
            if let Some((uid, gid)) = owner {
                command.uid(uid).gid(gid);
            }
            command
                .current_dir(folder.path())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            command
        };
        let made = run("initdb")
            .arg("-D")
            .arg(&data)
            .args(["-U", "annalock", "-A", "trust", "--no-sync"])
            .status();
        assert!(made.unwrap().success(), "initdb failed");
        let options = ["-c", "listen_addresses=", "-c", "fsync=off", "-c", "timezone=UTC"];
        let postgres = run("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(folder.path())
            .args(options)
            .spawn()
            .unwrap();
        Self { folder, postgres }
    }

    /// A pool on the cluster with the table of the mail queue.
    pub async fn migrated(&self) -> PgPool {
        let pool = self.pool().await;
        sqlx::raw_sql(include_str!("../../../ops/migrations/0003_mail.sql"))
            .execute(&pool)
            .await
            .unwrap();
        pool
    }

    /// A pool on the cluster, once it takes connections.
    pub async fn pool(&self) -> PgPool {
        let to = PgConnectOptions::new_without_pgpass()
            .socket(self.folder.path())
            .username("annalock")
            .database("postgres");
        let start = Instant::now();
        loop {
            match PgPoolOptions::new().max_connections(10).connect_with(to.clone()).await {
                Ok(pool) => return pool,
                Err(error) => assert!(start.elapsed() < Duration::from_secs(30), "{error}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let _ = Command::new("kill")
            .args(["-QUIT", &self.postgres.id().to_string()])
            .status();
        let _ = self.postgres.wait();
    }
}

/// The newest server installed.
fn binaries() -> PathBuf {
    let versions =
        fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is needed for these tests: infra/test installs it");
    let newest = versions
        .filter_map(|v| v.unwrap().file_name().to_str()?.parse::<u32>().ok())
        .max();
    PathBuf::from(format!(
        "/usr/lib/postgresql/{}/bin",
        newest.expect("a PostgreSQL server")
    ))
}

/// Postgres refuses to run as root: then the user `postgres` does it.
fn unprivileged() -> Option<(u32, u32)> {
    let id = |option| {
        let output = Command::new("id").args(option).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().parse::<u32>().unwrap()
    };
    (id(&["-u"][..]) == 0).then(|| (id(&["-u", "postgres"]), id(&["-g", "postgres"])))
}
