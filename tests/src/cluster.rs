//! A private PostgreSQL for tests: no TCP, a socket in a folder of its own, gone when the test process is.

use sqlx::{Connection, PgConnection, PgPool, postgres::PgPoolOptions};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A database of one test.
pub struct TestDatabase {
    /// `postgres://…`, for what takes a URL.
    pub url: String,
    /// At most 10 connections.
    pub pool: PgPool,
}

/// A fresh, empty database in the cluster that all tests of this process share.
pub async fn database() -> TestDatabase {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    let cluster = tokio::task::spawn_blocking(|| SHARED.get_or_init(|| Cluster::start(Durability::None))).await;
    cluster.expect("the cluster starts").database().await
}

/// Whether a commit of the cluster survives the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// As in production.
    Full,
    /// Never waits for the disk: for tests that do not kill it.
    None,
}

/// A running PostgreSQL. It and its folder are gone when this is dropped, or else when the process ends, however it ends.
pub struct Cluster {
    folder: PathBuf,
    durability: Durability,
    watchdog: Child,
}

/// Ends the server and removes its folder when the test process closes its end of the pipe, which its death does too.
/// (Statics are never dropped, and nothing in a process outlives SIGKILL.)
const WATCHDOG: &str = r#"
trap '' INT TERM HUP
cat > /dev/null
pid=$(head -n 1 "$0/data/postmaster.pid" 2> /dev/null) && kill -QUIT "$pid" 2> /dev/null
for i in 1 2 3 4 5 6 7 8 9 10; do [ -e "$0/data/postmaster.pid" ] || break; sleep 0.1; done
rm -rf "$0"
"#;

impl Cluster {
    /// Makes a cluster and starts it. Blocks for a second or two.
    pub fn start(durability: Durability) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "al-{}-{}-{:04x}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed),
            rand::random::<u16>()
        );
        let folder = Path::new("/tmp").join(name); // short: the path of a socket has at most 107 bytes
        std::fs::create_dir(&folder).expect("the folder is new");
        let account = server_account();
        if let Some((uid, gid)) = account {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("root may give folders away");
        }
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
        std::fs::set_permissions(&folder, mode).expect("the folder is ours");
        let watchdog = Command::new("sh")
            .args(["-c", WATCHDOG])
            .arg(&folder)
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .expect("there is a shell");
        let cluster = Self {
            folder,
            durability,
            watchdog,
        };
        let made = as_server("initdb")
            .args([
                "--data-checksums",
                "--auth=trust",
                "--username=postgres",
                "--encoding=UTF8",
                "--locale=C",
                "--no-sync",
            ])
            .arg("-D")
            .arg(cluster.data())
            .stdout(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "initdb failed");
        cluster.start_server();
        cluster
    }

    /// Starts the server again after [`Self::kill`]; returns when it takes connections.
    pub fn start_server(&self) {
        let log = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("log"));
        let log = log.expect("the folder is ours");
        let socket = self.folder.to_string_lossy().into_owned();
        let durable = if self.durability == Durability::Full {
            "on"
        } else {
            "off"
        };
        let settings = [
            format!("unix_socket_directories={socket}"),
            "listen_addresses=".to_owned(),
            "max_connections=300".to_owned(),
            "shared_buffers=128MB".to_owned(),
            format!("fsync={durable}"),
            format!("full_page_writes={durable}"),
        ];
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            // after SIGKILL the first tries can fail on what the old server left behind
            let mut command = as_server("postgres");
            command.arg("-D").arg(self.data()).process_group(0);
            command.args(settings.iter().flat_map(|setting| ["-c", setting]));
            command
                .stdout(log.try_clone().expect("a file"))
                .stderr(log.try_clone().expect("a file"));
            let mut server = command.spawn().expect("postgres is installed");
            while server.try_wait().is_ok_and(|ended| ended.is_none()) {
                if self.takes_connections() {
                    // reaped by a thread: a zombie would look like a server that still runs
                    std::thread::spawn(move || server.wait());
                    return;
                }
                assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", self.log());
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// SIGKILL to every process of the server at once, as when the power fails (but the disk keeps what it has).
    pub fn kill(&self) {
        let postmaster = self.postmaster().expect("it runs");
        let mut pids = children_of(postmaster);
        pids.insert(0, postmaster);
        let pids: Vec<String> = pids.iter().map(u32::to_string).collect();
        let killed = Command::new("kill")
            .arg("-9")
            .args(&pids)
            .stderr(Stdio::null())
            .status();
        killed.expect("there is kill");
        while !pids.iter().all(|pid| is_gone(pid)) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A fresh database.
    pub async fn database(&self) -> TestDatabase {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("test_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&self.url("postgres"))
            .await
            .expect("the cluster runs");
        let create = sqlx::AssertSqlSafe(format!("create database {name}"));
        sqlx::query(create)
            .execute(&mut connection)
            .await
            .expect("the name is new");
        let url = self.url(&name);
        let pool = PgPoolOptions::new()
            .max_connections(10)
            .connect_lazy(&url)
            .expect("the URL is well formed");
        TestDatabase { url, pool }
    }

    /// The URL of a database of this cluster.
    pub fn url(&self, database: &str) -> String {
        format!(
            "postgres://postgres@localhost/{database}?host={}",
            self.folder.display()
        )
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap_or_default()
    }

    fn postmaster(&self) -> Option<u32> {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).ok()?;
        file.lines().next()?.trim().parse().ok()
    }

    fn takes_connections(&self) -> bool {
        let asked = Command::new(binary("pg_isready"))
            .arg("-q")
            .arg("-h")
            .arg(&self.folder)
            .status();
        asked.is_ok_and(|status| status.success())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.watchdog.stdin.take() {
            let _ = pipe.flush();
        }
        let _ = self.watchdog.wait();
    }
}

/// A program of the newest PostgreSQL installed.
pub fn binary(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .filter(|v| v.path().join("bin/initdb").exists())
        .max_by_key(|v| {
            let version = v.file_name().to_string_lossy().parse::<u32>();
            version.unwrap_or_default()
        });
    newest.map_or_else(|| PathBuf::from(name), |version| version.path().join("bin").join(name))
}

/// A server program, as a user who may run it: PostgreSQL refuses root.
fn as_server(name: &str) -> Command {
    let mut command = Command::new(binary(name));
    if let Some((uid, gid)) = server_account() {
        command.uid(uid).gid(gid);
    }
    command
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C");
    command
}

/// User and group `postgres`, if we are root.
fn server_account() -> Option<(u32, u32)> {
    let me = std::fs::metadata("/proc/self").ok()?;
    if std::os::unix::fs::MetadataExt::uid(&me) != 0 {
        return None;
    }
    let accounts = std::fs::read_to_string("/etc/passwd").expect("there are accounts");
    let line = accounts
        .lines()
        .find(|l| l.starts_with("postgres:"))
        .expect("there is a user postgres");
    let mut ids = line.split(':').skip(2).map_while(|id| id.parse().ok());
    Some((ids.next()?, ids.next()?))
}

fn children_of(parent: u32) -> Vec<u32> {
    let all = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = all.filter_map(|entry| entry.file_name().to_string_lossy().parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

fn parent_of(pid: u32) -> Option<u32> {
    stat(&pid.to_string(), 1)?.parse().ok()
}

/// Ended, even if nobody has asked how, and even if something else has its number by now.
fn is_gone(pid: &str) -> bool {
    let name = std::fs::read_to_string(Path::new("/proc").join(pid).join("comm"));
    name.is_ok_and(|name| name.trim() != "postgres") || stat(pid, 0).is_none_or(|state| state == "Z")
}

/// A field of what Linux says of a process, counted from behind its name.
fn stat(pid: &str, field: usize) -> Option<String> {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).ok()?;
    let behind_name = stat.rsplit_once(')')?.1;
    behind_name.split_whitespace().nth(field).map(str::to_owned)
}
