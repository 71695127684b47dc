//! The real program as a child process: `annalock run all` with a data folder and ports of its own.
//!
//! Most tests share one server per test process ([`Server::shared`]); those that stop or kill it start their own. A server
//! does not outlive its test process, not even when that is killed: see [`guard`].

mod guard;
mod launch;
mod process;

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{LazyLock, Mutex, OnceLock};

use crate::client::{Account, Client};
use kurrentdb_double::Double;
use process::Running;

/// A variable of the environment: where the shared server keeps its events, if not in its database. Servers of their own then keep
/// theirs in a double of their own: a history belongs to one installation.
pub const EVENT_STORE: &str = "ANNALOCK_TEST_EVENT_STORE_URL";

/// A server, and how to reach it.
#[derive(Debug)]
pub struct Server {
    /// `http://127.0.0.1:…`: quicker than the other for tests that are not about TLS.
    pub url: String,
    /// `https://localhost:…`: what clients must use.
    pub https_url: String,
    /// Liveness, readiness and metrics.
    pub ops_url: String,
    /// The certificate authority the server made for itself.
    pub ca_path: PathBuf,
    settings: Vec<(String, String)>,
    running: Mutex<Option<Running>>,
    folder: tempfile::TempDir,
    _events: Option<Double>,
}

impl Server {
    /// The server that the tests of this process share; started by the first that asks.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceLock<Server> = OnceLock::new();
        blocking(|| {
            SHARED.get_or_init(|| {
                let server = Self::start_now(&[], std::env::var(EVENT_STORE).ok(), None);
                launch::show_log_on_panic(server.log_path());
                server
            })
        })
        .await
    }

    /// A server of its own.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// A server of its own with these settings besides the usual ones (later ones win).
    pub async fn start_with(settings: &[(&str, &str)]) -> Self {
        let settings: Vec<_> = settings
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let own = move || {
            let double = std::env::var_os(EVENT_STORE).map(|_| Double::start().expect("a double has free ports"));
            Self::start_now(&settings, double.as_ref().map(|double| double.url.clone()), double)
        };
        blocking(own).await
    }

    fn start_now(settings: &[(String, String)], events: Option<String>, double: Option<Double>) -> Self {
        let folder = crate::place::folder("server");
        let [http, https, ops] = free_ports();
        let https_url = format!("https://localhost:{https}");
        let data = folder.path().join("data");
        let mut all: Vec<(String, String)> = [
            ("ANNALOCK_DATA_DIR", data.display().to_string()),
            ("ANNALOCK_HTTP_BIND", format!("127.0.0.1:{http}")),
            ("ANNALOCK_HTTPS_BIND", format!("127.0.0.1:{https}")),
            ("ANNALOCK_OPS_BIND", format!("127.0.0.1:{ops}")),
            ("ANNALOCK_PUBLIC_URL", https_url.clone()),
            ("ANNALOCK_RATE_LIMITS", "off".to_owned()),
            // however slow the machine is
            ("ANNALOCK_READ_WAIT", "60s".to_owned()),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into();
        if let Some(url) = events {
            all.push(("ANNALOCK_EVENT_STORE_URL".to_owned(), url));
        }
        all.extend_from_slice(settings);
        let server = Self {
            url: format!("http://127.0.0.1:{http}"),
            https_url,
            ops_url: format!("http://127.0.0.1:{ops}"),
            ca_path: data.join("tls/ca.pem"),
            settings: all,
            running: Mutex::new(None),
            folder,
            _events: double,
        };
        let running = server.launching()();
        *server.running.lock().unwrap() = Some(running);
        server
    }

    /// What starts the program and waits until it says it is ready.
    fn launching(&self) -> impl FnOnce() -> Running + Send + 'static {
        let (settings, log, folder, ops_url) = (
            self.settings.clone(),
            self.log_path(),
            self.folder.path().to_owned(),
            self.ops_url.clone(),
        );
        move || {
            let mut running = Running::start(&launch::program(), &settings, &log, &folder);
            launch::wait_until_ready(&mut running, &ops_url, &log);
            running
        }
    }

    /// Kills the program at once (SIGKILL). Its Postgres may live on, as after a crash.
    pub async fn kill9(&self) {
        let running = self.running.lock().unwrap().take();
        if let Some(running) = running {
            blocking(move || running.kill9()).await;
        }
    }

    /// Kills the private Postgres at once (SIGKILL of every process of the cluster). The program must notice and go on.
    pub fn kill9_postgres(&self) {
        process::kill9_postgres(&self.data_path());
    }

    /// Asks the program to stop (SIGTERM) and waits; panics if it is not gone after 90 s or says it failed.
    pub async fn stop(&self) {
        let running = self.running.lock().unwrap().take();
        if let Some(running) = running {
            let log = self.log_path();
            blocking(move || running.stop(&log)).await;
        }
    }

    /// Starts the program again on the same data and ports.
    pub async fn restart(&self) {
        self.stop().await;
        self.start_again().await;
    }

    /// Starts the program on the same data and ports after [`Self::stop`] or [`Self::kill9`]; returns when it is ready.
    pub async fn start_again(&self) {
        let running = blocking(self.launching()).await;
        *self.running.lock().unwrap() = Some(running);
    }

    /// The id of the running process; panics if it was stopped.
    pub fn pid(&self) -> u32 {
        let running = self.running.lock().unwrap();
        running.as_ref().expect("the server runs").pid()
    }

    /// Runs another subcommand (`projections rebuild --verify`) with the settings of this server.
    ///
    /// Gives exit code and everything it said, its output first.
    pub async fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let (code, told, logged) = self.run_apart(arguments).await;
        (code, told + &logged)
    }

    /// As [`Server::run`], with its output for itself: what is logged beside it may be anything at any time.
    pub async fn run_apart(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = std::process::Command::new(launch::program());
        command
            .args(arguments)
            .envs(self.settings.iter().cloned())
            .current_dir(self.folder.path());
        let output = blocking(move || command.output())
            .await
            .expect("the program can be started");
        let [told, logged] = [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
        (output.status.code(), told, logged)
    }

    /// Where the server keeps its data.
    pub fn data_path(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Where what the server says is written to, over all its starts.
    pub fn log_path(&self) -> PathBuf {
        self.folder.path().join("server.log")
    }

    /// A client of this server over plain HTTP.
    pub fn client(&self) -> Client {
        Client::new(&self.url, None)
    }

    /// A client of this server over TLS.
    pub fn https_client(&self) -> Client {
        Client::new(&self.https_url, Some(&self.ca_path))
    }

    /// A new account with a session on one device.
    pub async fn member(&self, name: &str) -> (Account, Client) {
        let account = Account::new(name);
        let mut client = self.client();
        client.join(&account).await;
        (account, client)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", launch::tail(&self.log_path()));
        }
        if let Some(running) = self.running.lock().unwrap().take() {
            running.end();
        }
        process::kill9_postgres(&self.data_path());
    }
}

/// Runs what blocks where it may.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|e| std::panic::resume_unwind(e.into_panic()))
}

/// Ports nobody listens on now, outside the range outgoing connections take theirs from, so that they are still free when
/// the server is started again. None twice: they are let go until the server takes them. Tests that run within tests have their own.
fn free_ports<const N: usize>() -> [u16; N] {
    const PORTS: u16 = 6_000;
    static NEXT: LazyLock<AtomicU16> = LazyLock::new(|| AtomicU16::new(rand::random_range(0..PORTS)));
    let first = match std::env::var_os(EVENT_STORE) {
        None => 20_000,
        Some(_) => 20_000 + PORTS,
    };
    let mut listeners = Vec::new();
    while listeners.len() < N {
        let candidate = first + NEXT.fetch_add(1, Ordering::Relaxed) % PORTS;
        if let Ok(listener) = TcpListener::bind(("127.0.0.1", candidate)) {
            listeners.push((listener, candidate));
        }
    }
    std::array::from_fn(|index| listeners[index].1)
}

/// Whether `path` lies in a folder that exists, for messages.
pub(crate) fn exists(path: &Path) -> &'static str {
    if path.exists() { "exists" } else { "does not exist" }
}
