//! Keeps the server running: one thread starts it, waits for its end and starts it again until told to stop.
//!
//! A thread and not a task, for the kernel ties "signal me when my parent dies" to the thread that started a process:
//! this one lives as long as the server shall.

use crate::cluster::plain_environment;
use crate::log_file::LogFile;
use crate::{Account, Layout, StartError, settings};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Pauses before the first, second ... start after a failure, in ms; the last one repeats.
const BACKOFF_MS: [u64; 9] = [200, 400, 600, 800, 1_000, 1_000, 1_000, 2_000, 5_000];
/// A server that ran this long counts as sound again.
const SOUND_AFTER: Duration = Duration::from_secs(60);
/// Patience with each of the three ways to end it.
const STOP: [(Signal, Duration); 3] = [
    (Signal::INT, Duration::from_secs(60)),
    (Signal::QUIT, Duration::from_secs(10)),
    (Signal::KILL, Duration::from_secs(10)),
];

/// What the supervisor last saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChildState {
    /// The n-th process runs; it may still be recovering.
    Running(u32),
    /// The n-th process ended: why, with the last lines of its log.
    Ended(u32, String),
    /// Stopped by us for good.
    Stopped,
}

/// How to start the server.
#[derive(Debug)]
pub(crate) struct Launch {
    program: PathBuf,
    layout: Layout,
    account: Account,
    /// `setpriv`, where it is installed: ends the server when we are killed.
    setpriv: Option<PathBuf>,
}

impl Launch {
    pub(crate) fn new(program: &Path, layout: &Layout, account: Account) -> Self {
        let setpriv = ["/usr/bin/setpriv", "/bin/setpriv"]
            .map(PathBuf::from)
            .into_iter()
            .find(|p| p.is_file());
        Self {
            program: program.to_owned(),
            layout: layout.clone(),
            account,
            setpriv,
        }
    }

    fn spawn(&self) -> std::io::Result<Child> {
        let mut command = match &self.setpriv {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "INT", "--"]).arg(&self.program);
                command
            }
            None => Command::new(&self.program),
        };
        command
            .args(settings::arguments(&self.layout))
            .current_dir(&self.layout.folder)
            .process_group(0) // Ctrl-C in a terminal is for us: we finish first, then stop the server
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        plain_environment(&mut command);
        self.account.apply(&mut command).spawn()
    }
}

#[derive(Debug, Default)]
struct Inner {
    stopping: bool,
    pid: Option<Pid>,
    ended: bool,
}

#[derive(Debug, Default)]
struct Shared {
    inner: Mutex<Inner>,
    changed: Condvar,
}

/// The running supervisor.
#[derive(Debug)]
pub(crate) struct Supervisor {
    shared: Arc<Shared>,
    state: watch::Receiver<ChildState>,
    thread: Mutex<Option<JoinHandle<()>>>,
}

impl Supervisor {
    pub(crate) fn start(launch: Launch) -> Result<Self, StartError> {
        let shared = Arc::new(Shared::default());
        let (tell, state) = watch::channel(ChildState::Running(0));
        let program = launch.program.clone();
        let thread = std::thread::Builder::new()
            .name("private-postgres".into())
            .spawn({
                let shared = Arc::clone(&shared);
                move || supervise(&launch, &shared, &tell)
            })
            .map_err(StartError::io("start a thread for", program))?;
        Ok(Self {
            shared,
            state,
            thread: Mutex::new(Some(thread)),
        })
    }

    pub(crate) fn state(&self) -> watch::Receiver<ChildState> {
        self.state.clone()
    }

    pub(crate) fn pid(&self) -> Option<i32> {
        self.shared
            .inner
            .lock()
            .expect("no holder of this lock panics")
            .pid
            .map(Pid::as_raw_pid)
    }

    /// Stops the server and waits until it is gone; blocks. A second call waits for the first.
    pub(crate) fn stop(&self) {
        let mut thread = self.thread.lock().expect("no holder of this lock panics");
        let Some(handle) = thread.take() else { return };
        let mut inner = self.shared.inner.lock().expect("no holder of this lock panics");
        inner.stopping = true;
        self.shared.changed.notify_all();
        for (signal, patience) in STOP {
            // The number is ours while `pid` is set: the thread clears it before it reaps the process.
            if let Some(pid) = inner.pid
                && let Err(e) = kill_process(pid, signal)
            {
                tracing::warn!(error = %e, "could not signal the private PostgreSQL");
            }
            inner = self
                .shared
                .changed
                .wait_timeout_while(inner, patience, |i| !i.ended)
                .expect("no holder of this lock panics")
                .0;
            if inner.ended {
                break;
            }
            tracing::warn!(?signal, "the private PostgreSQL does not stop");
        }
        drop(inner);
        if handle.join().is_err() {
            tracing::error!("the supervisor of the private PostgreSQL panicked");
        }
    }
}

fn supervise(launch: &Launch, shared: &Shared, tell: &watch::Sender<ChildState>) {
    let log = Arc::new(LogFile::new(&launch.layout.log));
    let mut failures = 0;
    for number in 1.. {
        log.forget();
        let since = Instant::now();
        let Some(why) = run_once(launch, shared, tell, &log, number) else {
            break;
        };
        failures = if since.elapsed() > SOUND_AFTER { 1 } else { failures + 1 };
        let _ = tell.send(ChildState::Ended(number, why)); // nobody may be listening any more
        let pause = Duration::from_millis(BACKOFF_MS[(failures - 1).min(BACKOFF_MS.len() - 1)]);
        let inner = shared.inner.lock().expect("no holder of this lock panics");
        let waited = shared.changed.wait_timeout_while(inner, pause, |i| !i.stopping);
        if waited.expect("no holder of this lock panics").0.stopping {
            break;
        }
    }
    let _ = tell.send(ChildState::Stopped); // as above
    shared.inner.lock().expect("no holder of this lock panics").ended = true;
    shared.changed.notify_all();
}

/// Runs the server until it ends. `None` when we are to stop.
fn run_once(
    launch: &Launch,
    shared: &Shared,
    tell: &watch::Sender<ChildState>,
    log: &Arc<LogFile>,
    number: u32,
) -> Option<String> {
    let mut inner = shared.inner.lock().expect("no holder of this lock panics");
    if inner.stopping {
        return None;
    }
    let mut child = match launch.spawn() {
        Ok(child) => child,
        Err(e) => return Some(format!("{} could not be run: {e}", launch.program.display())),
    };
    let pid = Pid::from_child(&child);
    inner.pid = Some(pid);
    drop(inner);
    let copier = child.stderr.take().map(|stderr| {
        let log = Arc::clone(log);
        std::thread::spawn(move || log.copy(stderr))
    });
    let _ = tell.send(ChildState::Running(number)); // nobody may be listening any more

    // Wait without reaping, so that nobody signals a number that is no longer ours.
    while let Err(rustix::io::Errno::INTR) = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {}
    let mut inner = shared.inner.lock().expect("no holder of this lock panics");
    inner.pid = None;
    let stopping = inner.stopping;
    drop(inner);
    let status = child.wait().map_or_else(|e| e.to_string(), |s| s.to_string());
    if stopping {
        return None;
    }
    settle(copier);
    Some(format!("{status}: {}", log.last_lines()))
}

/// Gives the copier a moment to read the last lines; backends of a killed server may hold the pipe longer.
fn settle(copier: Option<JoinHandle<()>>) {
    let until = Instant::now() + Duration::from_millis(200);
    while copier.as_ref().is_some_and(|c| !c.is_finished()) && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(10));
    }
}
