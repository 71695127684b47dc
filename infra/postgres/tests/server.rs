//! The private server as its users meet it: real PostgreSQL in temporary folders.

#![allow(clippy::unwrap_used)] // a test file: helpers count as tests

use private_postgres::{Health, Options, PrivatePostgres, StartError};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use sqlx::postgres::PgPoolOptions;
use sqlx::{Connection, Executor, PgConnection, Row};
use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// A folder that an unprivileged account can reach.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o711)).unwrap();
    folder
}

async fn start(folder: &Path) -> PrivatePostgres {
    PrivatePostgres::start(Options::new(folder.join("postgres")))
        .await
        .unwrap()
}

async fn connect(server: &PrivatePostgres) -> PgConnection {
    PgConnection::connect(&server.url()).await.unwrap()
}

async fn ask(connection: &mut PgConnection, statement: &'static str) -> String {
    sqlx::query(statement).fetch_one(connection).await.unwrap().get(0)
}

fn alive(pid: i32) -> bool {
    test_kill_process(Pid::from_raw(pid).unwrap()).is_ok()
}

fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

async fn within(limit: Duration, what: &str, mut done: impl FnMut() -> bool) {
    let until = Instant::now() + limit;
    while !done() {
        assert!(Instant::now() < until, "waited too long: {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Process ids of every PostgreSQL process whose working folder is the cluster.
fn processes_of(folder: &Path) -> Vec<i32> {
    let cluster = folder.join("postgres/cluster");
    fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|e| e.file_name().to_str()?.parse().ok())
        .filter(|pid| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster))
        .collect()
}

#[tokio::test]
async fn it_is_durable_private_and_keeps_its_data_over_a_stop() {
    let folder = folder();
    let server = start(folder.path()).await;
    let mut db = connect(&server).await;
    for (setting, wanted) in [
        ("SHOW fsync", "on"),
        ("SHOW full_page_writes", "on"),
        ("SHOW synchronous_commit", "on"),
        ("SHOW data_checksums", "on"),
        ("SHOW listen_addresses", ""),
        ("SHOW jit", "off"),
        ("SHOW max_connections", "60"),
        ("SHOW server_encoding", "UTF8"),
    ] {
        assert_eq!(ask(&mut db, setting).await, wanted, "{setting}");
    }
    db.execute("CREATE TABLE kept AS SELECT 'yes' AS answer").await.unwrap();
    let socket = fs::metadata(&server.layout().socket).unwrap();
    assert_eq!(socket.mode() & 0o777, 0o700);
    server.stop().await;
    assert_eq!(processes_of(folder.path()), [] as [i32; 0], "nothing is left running");
    assert!(db.execute("SELECT 1").await.is_err());

    let server = start(folder.path()).await;
    assert_eq!(ask(&mut connect(&server).await, "SELECT answer FROM kept").await, "yes");
    drop(server);
    assert_eq!(processes_of(folder.path()), [] as [i32; 0], "dropping stops it too");
}

#[tokio::test]
async fn a_killed_server_is_started_again_and_pools_reconnect() {
    let folder = folder();
    let server = start(folder.path()).await;
    let pool = PgPoolOptions::new()
        .max_connections(2)
        .connect(&server.url())
        .await
        .unwrap();
    pool.execute("CREATE TABLE kept (n int)").await.unwrap();
    let mut health = server.health();
    for round in 0..3 {
        sqlx::query("INSERT INTO kept VALUES ($1)")
            .bind(round)
            .execute(&pool)
            .await
            .unwrap();
        let before = server.pid().unwrap();
        signal(before, Signal::KILL);
        health.wait_for(|h| matches!(h, Health::Restarting(_))).await.unwrap();
        health.wait_for(|h| *h == Health::Ready).await.unwrap();
        assert_ne!(server.pid(), Some(before));
    }
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM kept")
        .fetch_one(&pool)
        .await
        .unwrap();
    assert_eq!(rows, 3, "everything acknowledged is there");
    server.stop().await;
    assert_eq!(processes_of(folder.path()), [] as [i32; 0]);
}

#[tokio::test]
async fn the_server_ends_with_its_killed_owner_and_the_next_start_finds_everything() {
    let folder = folder();
    let mut owner = Command::new(owner_program())
        .arg(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let ready = folder.path().join("ready");
    within(Duration::from_secs(60), "the owner starts its server", || {
        ready.exists()
    })
    .await;
    owner.kill().unwrap();
    owner.wait().unwrap();
    let server = start(folder.path()).await; // without waiting: the old one is still ending
    assert_eq!(ask(&mut connect(&server).await, "SELECT answer FROM kept").await, "yes");
    server.stop().await;
    assert_eq!(processes_of(folder.path()), [] as [i32; 0]);
}

/// The example `owner`, which cargo builds beside the tests: `target/<profile>/examples/owner`.
fn owner_program() -> PathBuf {
    let test = std::env::current_exe().unwrap(); // target/<profile>/deps/server-…
    test.parent().unwrap().parent().unwrap().join("examples/owner")
}

/// Runs `postgres` on the cluster without a supervisor, as a predecessor without `setpriv` would leave it.
async fn leave_a_server(folder: &Path, major: u32) -> std::process::Child {
    let cluster = folder.join("postgres/cluster");
    let owner = fs::metadata(&cluster).unwrap();
    let bin = private_postgres::candidates(None)
        .into_iter()
        .find(|b| b.major == major)
        .unwrap();
    let mut command = Command::new(bin.program("postgres"));
    command.arg("-D").arg(&cluster).args(["-c", "listen_addresses="]);
    command.arg("-c").arg(format!(
        "unix_socket_directories={}",
        folder.join("postgres/run").display()
    ));
    command.stdin(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if rustix::process::geteuid().is_root() {
        command.uid(owner.uid()).gid(owner.gid());
    }
    let child = command.spawn().unwrap();
    let pid_file = cluster.join("postmaster.pid");
    within(Duration::from_secs(20), "the left server is ready", || {
        fs::read_to_string(&pid_file).is_ok_and(|t| t.contains("ready"))
    })
    .await;
    child
}

#[tokio::test]
async fn a_server_left_running_is_stopped_and_replaced() {
    let folder = folder();
    let server = start(folder.path()).await;
    let major = server.major();
    connect(&server)
        .await
        .execute("CREATE TABLE kept AS SELECT 'yes' AS answer")
        .await
        .unwrap();
    server.stop().await;
    let mut left = leave_a_server(folder.path(), major).await;

    let server = start(folder.path()).await;
    assert!(left.try_wait().unwrap().is_some(), "the old one has ended");
    assert_eq!(ask(&mut connect(&server).await, "SELECT answer FROM kept").await, "yes");
    server.stop().await;
}

#[tokio::test]
async fn a_start_right_after_every_process_was_killed_recovers() {
    let folder = folder();
    let server = start(folder.path()).await;
    let major = server.major();
    server.stop().await;
    for _ in 0..2 {
        let mut left = leave_a_server(folder.path(), major).await;
        signal(left.id().cast_signed(), Signal::KILL); // its backends end a moment later, holding shared memory
        left.wait().unwrap();
        assert!(folder.path().join("postgres/cluster/postmaster.pid").exists());
        let server = start(folder.path()).await;
        assert_eq!(ask(&mut connect(&server).await, "SELECT 'up'").await, "up");
        server.stop().await;
    }
}

#[tokio::test]
async fn a_second_annalock_on_the_same_folder_is_refused() {
    let folder = folder();
    let first = start(folder.path()).await;
    let refused = PrivatePostgres::start(Options::new(folder.path().join("postgres")))
        .await
        .unwrap_err();
    assert!(matches!(refused, StartError::InUse { .. }), "{refused}");
    assert!(alive(first.pid().unwrap()), "the first one is not disturbed");
    assert_eq!(ask(&mut connect(&first).await, "SELECT 'up'").await, "up");
    first.stop().await;
}

#[tokio::test]
async fn a_cluster_of_another_major_version_is_left_alone() {
    let folder = folder();
    let cluster = folder.path().join("postgres/cluster");
    fs::create_dir_all(&cluster).unwrap();
    fs::write(cluster.join("PG_VERSION"), "11\n").unwrap();
    let refused = PrivatePostgres::start(Options::new(folder.path().join("postgres")))
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("written by PostgreSQL 11") && text.contains("install postgresql-11"),
        "{text}"
    );
    assert_eq!(fs::read_dir(&cluster).unwrap().count(), 1, "nothing was added");
}

#[tokio::test]
async fn a_folder_the_server_account_cannot_enter_is_named() {
    if !rustix::process::geteuid().is_root() {
        return; // without root the server runs as we do, and reaches what we reach
    }
    let folder = folder();
    fs::set_permissions(folder.path(), Permissions::from_mode(0o700)).unwrap();
    let refused = PrivatePostgres::start(Options::new(folder.path().join("postgres")))
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains(&format!("cannot enter {},", folder.path().display())),
        "{text}"
    );
    assert!(text.contains("chmod o+x"), "{text}");
}

#[tokio::test]
async fn a_deep_data_folder_works() {
    let folder = folder();
    let deep = folder.path().join("d".repeat(60)).join("e".repeat(60));
    fs::create_dir_all(&deep).unwrap();
    let server = start(&deep).await;
    assert!(!server.layout().socket.starts_with(folder.path()));
    assert_eq!(ask(&mut connect(&server).await, "SELECT 'up'").await, "up");
    let socket = server.layout().socket.clone();
    server.stop().await;
    fs::remove_dir_all(socket).unwrap();
}

#[tokio::test]
async fn a_socket_folder_of_someone_else_is_refused() {
    let folder = folder();
    let run = folder.path().join("postgres/run");
    fs::create_dir_all(run.parent().unwrap()).unwrap();
    std::os::unix::fs::symlink("/tmp", &run).unwrap();
    let refused = PrivatePostgres::start(Options::new(folder.path().join("postgres")))
        .await
        .unwrap_err();
    assert!(matches!(refused, StartError::SocketFolder { .. }), "{refused}");
}

#[tokio::test]
async fn a_half_made_cluster_is_made_again() {
    let folder = folder();
    let half = folder.path().join("postgres/cluster.new/base");
    fs::create_dir_all(&half).unwrap();
    let server = start(folder.path()).await;
    assert_eq!(ask(&mut connect(&server).await, "SELECT 'up'").await, "up");
    assert!(!folder.path().join("postgres/cluster.new").exists());
    server.stop().await;
}

#[tokio::test]
async fn a_server_that_cannot_start_says_why_in_the_words_of_its_log() {
    let folder = folder();
    start(folder.path()).await.stop().await;
    let conf = folder.path().join("postgres/cluster/postgresql.auto.conf");
    fs::write(&conf, "shared_preload_libraries = 'no_such_library'\n").unwrap();
    let began = Instant::now();
    let refused = PrivatePostgres::start(Options::new(folder.path().join("postgres")))
        .await
        .unwrap_err();
    let text = refused.to_string();
    assert!(
        text.contains("does not start") && text.contains("no_such_library"),
        "{text}"
    );
    assert!(began.elapsed() < Duration::from_secs(60));
    assert_eq!(processes_of(folder.path()), [] as [i32; 0]);
}
