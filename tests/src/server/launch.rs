//! Finding the program, waiting until it is ready, and showing what it said when a test fails.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::process::Running;

/// The first start makes a database cluster, keys and an authority: some 5 s, more while a compiler runs beside it.
const READY_WITHIN: Duration = Duration::from_secs(300);

/// The program under test: `ANNALOCK_TEST_PROGRAM` (a release build for example), else the one built beside the tests; built
/// now if nobody did.
pub(super) fn program() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM
        .get_or_init(|| {
            if let Some(given) = std::env::var_os("ANNALOCK_TEST_PROGRAM") {
                return PathBuf::from(given);
            }
            let program = crate::place::profile().join("annalock");
            if !program.exists() {
                let mut build = Command::new(env!("CARGO"));
                build
                    .args(["build", "-p", "annalock", "--target-dir"])
                    .arg(crate::place::target());
                if crate::place::profile().ends_with("release") {
                    build.arg("--release");
                }
                build.current_dir(env!("CARGO_MANIFEST_DIR"));
                crate::place::must_run(&mut build, "the server is not built and cannot be");
            }
            program
        })
        .clone()
}

/// Waits for `GET /readyz` to answer 200; panics with the log if the program ends or is not ready in time.
pub(super) fn wait_until_ready(running: &mut Running, ops_url: &str, log: &Path) {
    let address = ops_url.trim_start_matches("http://");
    let started = Instant::now();
    loop {
        if let Some(status) = running.ended() {
            panic!("the server ended with {status} before it was ready\n{}", tail(log));
        }
        if readiness(address) == Some(200) {
            return;
        }
        assert!(
            started.elapsed() < READY_WITHIN,
            "the server was not ready within {READY_WITHIN:?}\n{}",
            tail(log)
        );
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The status `/readyz` answers with; `None` if nobody does.
fn readiness(address: &str) -> Option<u16> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(
        stream,
        "GET /readyz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.split(' ').nth(1)?.parse().ok()
}

/// The last lines of the log, under a heading.
pub(super) fn tail(log: &Path) -> String {
    let bytes = std::fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<_> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(40)..];
    format!(
        "---- the server said last ----\n{}\n------------------------------",
        last.join("\n")
    )
}

/// From now on, a panic in any test of this process is followed by what the shared server said last.
pub(super) fn show_log_on_panic(log: PathBuf) {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        before(panic);
        eprintln!("{}", tail(&log));
    }));
}
