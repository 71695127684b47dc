//! The child process: started, watched, stopped, killed; and the Postgres it leaves behind when it is killed.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::guard::Guard;

/// The server gives connections 20 s, background work 10 s, and then its database the time it takes.
const GONE_WITHIN: Duration = Duration::from_secs(90);

/// A running program and its guard.
#[derive(Debug)]
pub(super) struct Running {
    child: Child,
    _guard: Guard,
}

impl Running {
    /// Starts `program run all` with these settings and no others of its own; what it says is added to `log`.
    pub(super) fn start(program: &Path, settings: &[(String, String)], log: &Path, folder: &Path) -> Self {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .expect("the folder of the server is writable");
        let mut command = Command::new(program);
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("ANNALOCK_")) {
            command.env_remove(name);
        }
        command
            .args(["run", "all"])
            .envs(settings.iter().cloned())
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("a file can be opened twice"))
            .stderr(log);
        let child = command.spawn().unwrap_or_else(|e| {
            panic!(
                "{} ({}) cannot be started: {e}",
                program.display(),
                super::exists(program)
            )
        });
        let guard = Guard::over(child.id(), folder);
        Self { child, _guard: guard }
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// How the program ended, if it did.
    pub(super) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Kills it at once and waits for it to be gone.
    pub(super) fn kill9(mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to stop; panics if it does not in time or ends with a failure.
    pub(super) fn stop(mut self, log: &Path) {
        match self.terminate() {
            Some(status) if status.success() => {}
            Some(status) => panic!(
                "the server ended with {status} after SIGTERM\n{}",
                super::launch::tail(log)
            ),
            None => panic!(
                "the server was still there {GONE_WITHIN:?} after SIGTERM\n{}",
                super::launch::tail(log)
            ),
        }
    }

    /// Ends it without judging how: for cleaning up.
    pub(super) fn end(mut self) {
        let _ = self.terminate();
    }

    /// SIGTERM, then SIGKILL ([`GONE_WITHIN`]; `None`).
    fn terminate(&mut self) -> Option<ExitStatus> {
        signal("TERM", self.child.id());
        let asked = Instant::now();
        while asked.elapsed() < GONE_WITHIN {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
        None
    }
}

/// Sends a signal to one process. `kill` of the shell, for the program of that name is not everywhere.
fn signal(name: &str, pid: u32) {
    let _ = Command::new("sh")
        .args(["-c", "kill -\"$0\" \"$1\" 2>/dev/null", name, &pid.to_string()])
        .status();
}

/// Kills every process of the Postgres clusters whose data lie under `data`, the postmaster first.
pub(super) fn kill9_postgres(data: &Path) {
    for pid_file in pid_files(data, 4) {
        let text = fs::read_to_string(&pid_file).unwrap_or_default();
        let Some(postmaster) = text.lines().next().and_then(|line| line.trim().parse().ok()) else {
            continue;
        };
        if !is_postgres(postmaster) {
            continue;
        }
        let workers = children(postmaster);
        signal("KILL", postmaster);
        for worker in workers {
            signal("KILL", worker);
        }
    }
}

/// Files `postmaster.pid` at most `depth` folders below `folder`.
fn pid_files(folder: &Path, depth: u32) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for path in entries.flatten().map(|entry| entry.path()) {
        if path.file_name().is_some_and(|name| name == "postmaster.pid") {
            found.push(path);
        } else if depth > 0 && path.is_dir() {
            found.extend(pid_files(&path, depth - 1));
        }
    }
    found
}

fn is_postgres(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "postgres")
}

/// The direct children of a process.
fn children(parent: u32) -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let pids = entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    pids.filter(|pid| parent_of(*pid) == Some(parent)).collect()
}

/// Field 4 of `/proc/<pid>/stat`; the name in field 2 may contain spaces, so count from its closing bracket.
fn parent_of(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}
