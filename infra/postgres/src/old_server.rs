//! The server that a killed predecessor of us left behind. We hold the folder's lock, so nobody else looks after it.

use crate::StartError;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long a server may take to end by itself, and then when told to end at once.
const FAST: Duration = Duration::from_secs(60);
const IMMEDIATE: Duration = Duration::from_secs(10);

/// Stops the server of `cluster` if one runs, and clears a pid file whose number now belongs to another program.
///
/// # Errors
/// [`StartError::OldServer`] when it does not end.
pub(crate) fn stop(cluster: &Path) -> Result<(), StartError> {
    let file = cluster.join("postmaster.pid");
    let Some(pid) = fs::read_to_string(&file).ok().as_deref().and_then(pid_in) else {
        return Ok(());
    };
    if test_kill_process(pid) == Err(rustix::io::Errno::SRCH) {
        return Ok(()); // the server removes a stale file itself
    }
    match serves(pid, cluster) {
        Some(true) => {}
        Some(false) => {
            // PostgreSQL would refuse to start, for it looks at the number only.
            tracing::info!(
                pid = pid.as_raw_pid(),
                "removed a stale postmaster.pid: the process is another program"
            );
            return fs::remove_file(&file).map_err(StartError::io("remove", &file));
        }
        None => return Ok(()), // no /proc here: the server decides
    }
    tracing::warn!(
        pid = pid.as_raw_pid(),
        "stopping a PostgreSQL that an earlier run left behind"
    );
    for (signal, patience) in [(Signal::INT, FAST), (Signal::QUIT, IMMEDIATE)] {
        let sent = kill_process(pid, signal);
        if sent.is_err() && sent != Err(rustix::io::Errno::SRCH) {
            break;
        }
        if gone(pid, cluster, patience) {
            return Ok(());
        }
    }
    Err(StartError::OldServer {
        pid: pid.as_raw_pid(),
        cluster: cluster.to_owned(),
    })
}

fn pid_in(text: &str) -> Option<Pid> {
    let number: i32 = text.lines().next()?.trim().parse().ok()?;
    (number > 1).then(|| Pid::from_raw(number)).flatten()
}

/// Whether the process is a PostgreSQL whose working folder is `cluster`. `None` where that cannot be seen.
fn serves(pid: Pid, cluster: &Path) -> Option<bool> {
    let process = Path::new("/proc").join(pid.as_raw_pid().to_string());
    let name = fs::read_to_string(process.join("comm")).ok()?;
    if !matches!(name.trim(), "postgres" | "postmaster") {
        return Some(false);
    }
    match fs::read_link(process.join("cwd")) {
        Ok(folder) => Some(folder == cluster),
        Err(_) => None,
    }
}

fn gone(pid: Pid, cluster: &Path, patience: Duration) -> bool {
    let until = Instant::now() + patience;
    while Instant::now() < until {
        // A number may be given to a new process at once: then it no longer serves our cluster. A dead process that
        // nobody has waited for has no working folder any more.
        if test_kill_process(pid).is_err() || serves(pid, cluster) != Some(true) {
            return true;
        }
        std::thread::sleep(Duration::from_millis(25));
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pid_file_that_names_another_program_is_cleared() {
        let cluster = tempfile::tempdir().unwrap();
        let file = cluster.path().join("postmaster.pid");
        fs::write(&file, format!("{}\n{}\n", std::process::id(), cluster.path().display())).unwrap();
        stop(cluster.path()).unwrap();
        assert!(!file.exists());
    }

    #[test]
    fn nonsense_in_the_pid_file_signals_nobody() {
        assert_eq!(pid_in(""), None);
        assert_eq!(pid_in("0\n"), None);
        assert_eq!(pid_in("-12\n"), None);
        assert_eq!(pid_in("1\n"), None);
        assert_eq!(pid_in("4711\n/srv").map(Pid::as_raw_pid), Some(4711));
    }
}
