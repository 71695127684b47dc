//! Private Redis servers on free loopback ports, ended by their process id.
#![allow(dead_code)] // each test binary uses its share of this

use std::{
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU16, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// A port nobody listens on at the moment, none twice, and none of those that outgoing connections take.
pub fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 8_000 + (std::process::id() % 5_000) as u16;
    loop {
        let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
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
        let fixed = [
            "--bind",
            "127.0.0.1",
            "--save",
            "",
            "--appendonly",
            "no",
            "--daemonize",
            "no",
        ];
        Self::on_a_free_port(|_, port| {
            let port = ["--port".to_owned(), port.to_string()];
            fixed
                .iter()
                .chain(options)
                .map(|o| (*o).to_owned())
                .chain(port)
                .collect()
        })
    }

    /// Starts a sentinel from a configuration file with these lines.
    pub fn sentinel(lines: &[String]) -> Self {
        Self::on_a_free_port(|folder, port| {
            let config = folder.join("sentinel.conf");
            std::fs::write(&config, format!("port {port}\nbind 127.0.0.1\n{}\n", lines.join("\n"))).unwrap();
            vec![config.display().to_string(), "--sentinel".to_owned()]
        })
    }

    /// A port may be taken between finding it free and using it: then the server ends at once and another port is tried.
    fn on_a_free_port(arguments: impl Fn(&Path, u16) -> Vec<String>) -> Self {
        for _ in 0..10 {
            let (folder, port) = (tempfile::tempdir().unwrap(), free_port());
            let arguments = arguments(folder.path(), port);
            let child = spawn(folder.path(), &arguments);
            let mut server = Self {
                port,
                folder,
                arguments,
                child,
            };
            if server.comes_up() {
                return server;
            }
        }
        panic!("no port stays free");
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
        assert!(self.comes_up(), "the port was taken meanwhile");
    }

    /// Stops the process without ending it: connections stay open and nothing is answered.
    pub fn freeze(&self) {
        signal(self.child.id(), "-STOP");
    }

    /// Lets a frozen process go on.
    pub fn thaw(&self) {
        signal(self.child.id(), "-CONT");
    }

    /// Waits until this very process answers on the port; `false` if it ended.
    fn comes_up(&mut self) -> bool {
        let me = format!("process_id:{}\r", self.child.id());
        let mut ended = false;
        await_true(&format!("a server on port {}", self.port), || {
            ended = self.child.try_wait().unwrap().is_some();
            ended || cli(self.port, &["INFO", "server"]).contains(&me)
        });
        !ended
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
    assert!(
        Command::new("kill")
            .args([name, &pid.to_string()])
            .status()
            .unwrap()
            .success()
    );
}

/// What `redis-cli` answers on `port`.
pub fn cli(port: u16, arguments: &[&str]) -> String {
    let output = Command::new("redis-cli")
        .args(["-p", &port.to_string()])
        .args(arguments)
        .output()
        .unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits until `condition` holds; fails the test after 120 s.
pub fn await_true(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < Duration::from_secs(120), "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Waits until `condition` holds; fails the test after 120 s.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let start = Instant::now();
    while !condition().await {
        assert!(start.elapsed() < Duration::from_secs(120), "waited too long for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
