//! Private Redis servers on free loopback ports, ended by their process id.
#![allow(dead_code)] // each test binary uses its share of this

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A port nobody listens on at the moment.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running `redis-server`; killed when dropped.
pub struct RedisServer {
    pub port: u16,
    folder: TempDir,
    arguments: Vec<String>,
    child: Child,
}

impl RedisServer {
    /// Starts a server without persistence.
    pub fn start() -> Self {
        Self::start_with(&[])
    }

    /// Starts a server with further options (`--name`, `value`, …).
    pub fn start_with(options: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut arguments: Vec<String> = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no"]
            .map(str::to_owned)
            .to_vec();
        arguments.extend(["--port".to_owned(), port.to_string()]);
        arguments.extend(options.iter().map(|o| (*o).to_owned()));
        let child = spawn(folder.path(), &arguments);
        let server = Self { port, folder, arguments, child };
        server.await_port();
        server
    }

    /// Starts a sentinel from a configuration file with these lines.
    pub fn sentinel(lines: &[String]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let port = free_port();
        let config = folder.path().join("sentinel.conf");
        std::fs::write(&config, format!("port {port}\nbind 127.0.0.1\n{}\n", lines.join("\n"))).unwrap();
        let arguments = vec![config.display().to_string(), "--sentinel".to_owned()];
        let child = spawn(folder.path(), &arguments);
        let server = Self { port, folder, arguments, child };
        server.await_port();
        server
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Ends the process at once.
    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Starts it again, empty, where it was.
    pub fn start_again(&mut self) {
        self.child = spawn(self.folder.path(), &self.arguments);
        self.await_port();
    }

    /// Stops the process without ending it: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        signal(self.child.id(), "-STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        signal(self.child.id(), "-CONT");
    }

    fn await_port(&self) {
        await_true(&format!("a server on port {}", self.port), || {
            TcpStream::connect(("127.0.0.1", self.port)).is_ok() && cli(self.port, &["PING"]).contains("PONG")
        });
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, arguments: &[String]) -> Child {
    Command::new("redis-server")
        .args(arguments)
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("redis-server is needed for these tests (Debian: apt-get install redis-server; infra/test does it)")
}

fn signal(pid: u32, name: &str) {
    assert!(Command::new("kill").args([name, &pid.to_string()]).status().unwrap().success());
}

/// What `redis-cli` answers on `port`.
pub fn cli(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli").args(["-p", &port.to_string()]).args(arguments).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `condition` holds; fails the test after 30 s.
pub fn await_true(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `condition` holds; fails the test after 30 s.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(30), "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The contract.
pub mod suite;

/// Three nodes.
pub mod cluster;
/// Master, replica, sentinels.
pub mod sentinels;
