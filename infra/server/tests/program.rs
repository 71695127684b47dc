//! The real program, from the outside: started on free ports with a folder of its own, asked, and ended by signals.
#![allow(clippy::unwrap_used)] // a test file: helpers count as tests

use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// `nobody`: an unprivileged user every Debian has.
const NOBODY: u32 = 65_534;

/// A place to run the program: its folder, its ports, the user.
struct Place {
    folder: TempDir,
    program: PathBuf,
    ports: [u16; 3],
    user: Option<u32>,
}

impl Place {
    fn new(user: Option<u32>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).unwrap();
        let program = match user {
            None => env!("CARGO_BIN_EXE_annalock").into(),
            Some(user) => {
                // The user may have no way to where programs are built.
                let copy = folder.path().join("annalock");
                // by another process: one that is started meanwhile would have a copy of ours open for writing
                let copied = Command::new("cp")
                    .args([env!("CARGO_BIN_EXE_annalock").as_ref(), copy.as_os_str()])
                    .status();
                assert!(copied.unwrap().success());
                std::os::unix::fs::chown(folder.path(), Some(user), Some(user)).unwrap();
                copy
            }
        };
        Self {
            folder,
            program,
            ports: free_ports(),
            user,
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let [https, http, ops] = self.ports;
        let mut command = Command::new(&self.program);
        command
            .args(arguments)
            .current_dir(self.folder.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("ANNALOCK_DATA_DIR", self.data())
            .env("ANNALOCK_HTTPS_BIND", format!("127.0.0.1:{https}"))
            .env("ANNALOCK_HTTP_BIND", format!("127.0.0.1:{http}"))
            .env("ANNALOCK_OPS_BIND", format!("127.0.0.1:{ops}"))
            .stdin(Stdio::null());
        if let Some(user) = self.user {
            command.uid(user).gid(user);
        }
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts the program and waits until it says that it is ready.
    fn start(&self) -> Running {
        let log = fs::File::create(self.folder.path().join("log")).unwrap();
        let mut command = self.command(&["run", "all"]);
        let child = command.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
        let mut running = Running { child };
        let until = Instant::now() + Duration::from_secs(90);
        while !self.output(&["healthcheck"]).status.success() {
            let log = || fs::read_to_string(self.folder.path().join("log")).unwrap();
            assert!(running.child.try_wait().unwrap().is_none(), "it ended: {}", log());
            assert!(Instant::now() < until, "it is not ready: {}", log());
            std::thread::sleep(Duration::from_millis(50));
        }
        running
    }

    fn alive_by_https(&self) -> String {
        let ca = fs::read(self.data().join("tls/ca.pem")).unwrap();
        // An error says that another test of this process was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let client = reqwest::Client::builder()
            .add_root_certificate(reqwest::Certificate::from_pem(&ca).unwrap())
            .build()
            .unwrap();
        let url = format!("https://localhost:{}/alive", self.ports[0]);
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(async {
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), 200);
            answer.text().await.unwrap()
        })
    }

    /// Processes of the private PostgreSQL.
    fn servers(&self) -> Vec<i32> {
        let cluster = self.data().join("postgres/cluster");
        let ids = fs::read_dir("/proc")
            .unwrap()
            .flatten()
            .filter_map(|e| e.file_name().to_str()?.parse().ok());
        ids.filter(|pid: &i32| fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|cwd| cwd == cluster))
            .collect()
    }
}

/// The running program; killed when a test fails half way.
struct Running {
    child: Child,
}

impl Running {
    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }

    fn end(mut self, signal: Signal) -> ExitStatus {
        self.signal(signal);
        self.child.wait().unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill(); // it may have ended
        let _ = self.child.wait();
    }
}

/// Ports nobody uses now, none twice, and none of those that outgoing connections take.
fn free_ports() -> [u16; 3] {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let first = 14_000 + (std::process::id() % 5_000) as u16;
    [(); 3].map(|()| {
        loop {
            let port = first + NEXT.fetch_add(1, Ordering::Relaxed) % 1_000;
            if TcpListener::bind(("127.0.0.1", port)).is_ok() {
                return port;
            }
        }
    })
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn starts_answers_and_stops(place: &Place) {
    let running = place.start();
    assert!(!place.alive_by_https().is_empty());
    assert!(!place.servers().is_empty(), "it runs its own PostgreSQL");
    let doctor = place.output(&["doctor", "--json"]);
    assert!(doctor.status.success(), "{}", text(&doctor.stdout));
    let log = fs::read_to_string(place.folder.path().join("log")).unwrap();
    for wanted in [
        "is ready",
        "export NODE_EXTRA_CA_CERTS=",
        &format!("bw config server https://localhost:{}", place.ports[0]),
    ] {
        assert!(log.contains(wanted), "{wanted} in {log}");
    }
    let ended = running.end(Signal::TERM);
    assert!(ended.success(), "{ended}");
    assert_eq!(place.servers(), [] as [i32; 0], "nothing is left running");
    let unanswered = place.output(&["healthcheck"]);
    assert!(!unanswered.status.success() && text(&unanswered.stderr).contains("does not answer"));
}

#[test]
fn it_starts_without_settings_answers_by_https_and_stops_cleanly() {
    starts_answers_and_stops(&Place::new(None));
}

#[test]
fn it_does_so_as_an_unprivileged_user_too() {
    if is_root() {
        starts_answers_and_stops(&Place::new(Some(NOBODY)));
    }
}

#[test]
fn after_a_kill_it_starts_again_with_the_same_authority() {
    let place = Place::new(None);
    let running = place.start();
    let authority = fs::read(place.data().join("tls/ca.pem")).unwrap();
    running.end(Signal::KILL);
    let running = place.start();
    assert_eq!(fs::read(place.data().join("tls/ca.pem")).unwrap(), authority);
    assert!(!place.alive_by_https().is_empty());
    assert!(running.end(Signal::INT).success());
    assert_eq!(place.servers(), [] as [i32; 0]);
}

#[test]
fn a_stop_while_it_starts_leaves_nothing_behind() {
    let place = Place::new(None);
    let child = place
        .command(&["run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let running = Running { child };
    let until = Instant::now() + Duration::from_secs(60);
    while !place.data().join("postgres/lock").exists() {
        assert!(Instant::now() < until, "it does not begin");
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(running.end(Signal::TERM).success());
    assert_eq!(place.servers(), [] as [i32; 0]);
}

#[test]
fn a_taken_port_is_told_before_anything_is_started() {
    let place = Place::new(None);
    let taken = TcpListener::bind(("127.0.0.1", place.ports[0])).unwrap();
    let refused = place.output(&["run"]);
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    let sentence = format!("annalock: 127.0.0.1:{} is in use by another program", place.ports[0]);
    assert!(
        said.contains(&sentence) && said.contains("ANNALOCK_HTTPS_BIND"),
        "{said}"
    );
    assert!(!place.data().join("postgres").exists());
    drop(taken);
}

#[test]
fn a_data_folder_in_use_is_told() {
    let place = Place::new(None);
    let running = place.start();
    let other = Place {
        ports: free_ports(),
        folder: tempfile::tempdir().unwrap(),
        program: place.program.clone(),
        user: None,
    };
    let refused = other
        .command(&["run"])
        .env("ANNALOCK_DATA_DIR", place.data())
        .output()
        .unwrap();
    let said = text(&refused.stderr);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        said.contains(&format!(
            "is in use by another annalock (process {})",
            running.child.id()
        )),
        "{said}"
    );
    assert!(running.end(Signal::TERM).success(), "the first one was not disturbed");
}

#[test]
fn settings_are_shown_with_their_source_and_refused_in_one_line() {
    let place = Place::new(None);
    let shown = place
        .command(&["config", "show"])
        .env("ANNALOCK_DATABASE_URL", "postgres://u:hush@h/d")
        .output()
        .unwrap();
    let said = text(&shown.stdout);
    assert!(
        said.contains("ANNALOCK_DATABASE_URL = postgres://u:***@h/d  (environment)"),
        "{said}"
    );
    let refused = place
        .command(&["run"])
        .env("ANNALOCK_SIGNUPS", "everyone")
        .output()
        .unwrap();
    assert_eq!(refused.status.code(), Some(1));
    let wanted = "annalock: ANNALOCK_SIGNUPS (environment): `everyone` is none of open, invited, closed\n";
    assert_eq!(text(&refused.stderr), wanted);
}

#[test]
fn completions_are_made_for_shells() {
    let made = Place::new(None).output(&["completions", "bash"]);
    assert!(made.status.success() && text(&made.stdout).contains("_annalock"));
}

#[test]
fn a_file_of_settings_named_on_the_command_line_is_used() {
    let place = Place::new(None);
    let file: &Path = &place.folder.path().join("own.toml");
    fs::write(file, "annalock_signups = 'closed'\n").unwrap();
    let shown = place.output(&["--config", file.to_str().unwrap(), "config", "show"]);
    assert!(text(&shown.stdout).contains(&format!("ANNALOCK_SIGNUPS = closed  ({})", file.display())));
}
